//! Counted permits: what is under `Semaphore` and the bounded channel (floor 4).
//!
//! First come, first served, also by the many: whoever is first in the queue gets what is put back
//! until it has all that it wants, and nobody goes past it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::wait::Site;
use crate::wait::ends::Ends;
use crate::wait::queue::{Queue, Strangers};
use crate::wait::reason::WaitReason;
use crate::wait::waiter::{Asked, Waiter};

pub(super) struct Permits {
    free: Cell<usize>,
    closed: Cell<bool>,
    queue: Queue,
}

/// Why there is no permit now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Closed,
    NotEnough,
}

impl Permits {
    #[track_caller]
    pub(super) const fn new(free: usize, reason: WaitReason) -> Self {
        Self { free: Cell::new(free), closed: Cell::new(false), queue: Queue::new(reason) }
    }

    pub(super) fn free(&self) -> usize {
        self.free.get()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Takes `n` that are free. None are while somebody waits: what there is, is its.
    #[inline]
    pub(super) fn try_take(&self, n: u32) -> Result<(), Refusal> {
        let free = self.free.get();
        if self.closed.get() {
            Err(Refusal::Closed)
        } else if n as usize > free {
            Err(Refusal::NotEnough)
        } else {
            self.free.set(free - n as usize);
            Ok(())
        }
    }

    /// Takes up to `n` away that are free.
    pub(super) fn forget(&self, n: usize) -> usize {
        let gone = n.min(self.free.get());
        self.free.set(self.free.get() - gone);
        gone
    }

    /// Puts `n` back, for those who wait, in order.
    #[inline]
    pub(super) fn put(&self, n: usize) {
        self.free.set(self.free.get() + n);
        if self.free.get() > 0 && !self.queue.is_empty() {
            self.serve();
        }
    }

    fn serve(&self) {
        let mut strangers = Strangers::default();
        while let (Some(wants), free @ 1..) = (self.queue.first(), self.free.get()) {
            let wants = wants as usize;
            if wants > free {
                self.free.set(0);
                self.queue.set_first((wants - free) as u32);
                break;
            }
            self.free.set(free - wants);
            self.queue.hand_next(0, &mut strangers);
        }
        strangers.wake();
    }

    /// From now on nobody gets any. Those who wait are told.
    pub(super) fn close(&self) {
        let mut strangers = Strangers::default();
        self.close_for(&mut strangers);
        strangers.wake();
    }

    /// As [`close`](Self::close): strangers are for the caller to wake, with its state in order.
    pub(super) fn close_for(&self, strangers: &mut Strangers) {
        self.closed.set(true);
        self.queue.hand_each(None, strangers);
    }

    /// They are the room of this channel.
    pub(super) fn set_ends(&self, ends: Rc<Ends>) {
        self.queue.set_ends(ends);
    }

    /// Waits for `n`; the future was made at `site`.
    #[inline]
    pub(super) fn acquire(&self, n: u32, site: Site) -> Acquire<'_> {
        Acquire { permits: self, wants: n, waiter: Waiter::new(site) }
    }
}

/// Waits for permits. Whoever polls it to its end owns them; dropped before, it has none.
pub(super) struct Acquire<'a> {
    permits: &'a Permits,
    wants: u32,
    waiter: Waiter,
}

impl Future for Acquire<'_> {
    /// An error if they are closed.
    type Output = Result<(), Refusal>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { permits, wants, ref mut waiter } = *self;
        let lacks = ready!(waiter.poll(&Several { permits, wants }, cx));
        if lacks == 0 && !permits.closed.get() {
            return Poll::Ready(Ok(()));
        }
        permits.put(wants.saturating_sub(lacks) as usize);
        Poll::Ready(Err(Refusal::Closed))
    }
}

/// A number of permits. What is handed over is how many are lacking: none, or some of a closed one.
struct Several<'a> {
    permits: &'a Permits,
    wants: u32,
}

impl Asked for Several<'_> {
    #[inline]
    fn queue(&self) -> &Queue {
        &self.permits.queue
    }

    #[inline]
    fn wants(&self) -> u32 {
        self.wants
    }

    #[inline]
    fn take_free(&self, _: Site) -> Option<u32> {
        match self.permits.try_take(self.wants) {
            Ok(()) => Some(0),
            Err(Refusal::Closed) => Some(self.wants.max(1)),
            Err(Refusal::NotEnough) => None,
        }
    }

    /// If it is the first, what there is is for it.
    #[inline]
    fn joined(&self) {
        self.permits.put(0);
    }
}

impl Acquire<'_> {
    /// What it has got so far goes to the next.
    #[inline]
    fn leave(&mut self) {
        if self.waiter.is_waiting() {
            self.give_up();
        }
    }

    #[cold]
    fn give_up(&mut self) {
        if let Some(left) = self.waiter.leave(&self.permits.queue) {
            self.permits.put(self.wants.saturating_sub(left.amount) as usize);
        }
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}
