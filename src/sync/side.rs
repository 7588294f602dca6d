//! One side of a channel: how many there are, and who waits that there is none (floor 4).

use std::cell::Cell;
use std::future::poll_fn;

use crate::wait::Site;
use crate::wait::queue::Queue;
use crate::wait::reason::WaitReason;
use crate::wait::waiter::Listener;

pub(super) struct Side {
    count: Cell<usize>,
    gone: Queue,
}

impl Side {
    #[track_caller]
    pub(super) const fn new(count: usize) -> Self {
        Self { count: Cell::new(count), gone: Queue::new(WaitReason::Closed) }
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count.get()
    }

    /// There is one more.
    #[inline]
    pub(super) fn join(&self) {
        self.count.set(self.count.get() + 1);
    }

    /// There is one less. Whom it wakes, if that was the last, may be anybody: the caller's own
    /// state must be in order before.
    #[inline]
    pub(super) fn leave(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 {
            self.gone.hand_all(None);
        }
    }

    /// Waits until there is none; the future was made at `site`.
    pub(super) fn gone(&self, site: Site) -> impl Future<Output = ()> {
        let mut listener = Listener::new(&self.gone, site);
        poll_fn(move |cx| listener.poll(cx, || (self.count() == 0).then_some(())))
    }
}
