//! A word to one, or to all (floor 4).

use std::cell::Cell;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::task::current;
use crate::wait::Site;
use crate::wait::queue::Queue;
use crate::wait::reason::WaitReason;
use crate::wait::waiter::{Asked, Waiter};

/// Tells those who wait that something has happened; what, they look up themselves.
///
/// [`notify_one`](Self::notify_one) tells the one who has waited longest, and is kept for the next
/// who comes if nobody waits: at most once, however often it was said.
/// [`notify_waiters`](Self::notify_waiters) tells all who wait now, and is not kept. It is bound to
/// its thread and needs no runtime. To tell allocates nothing, and costs the same however many
/// wait; to tell all costs as much for each.
///
/// ```
/// # turno::block_on(async {
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use turno::sync::Notify;
///
/// let (level, risen) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
/// let (sees, hears) = (level.clone(), risen.clone());
/// let task = turno::spawn(async move {
///     while sees.get() < 3 {
///         hears.notified().await;
///     }
/// });
/// for n in 1..=3 {
///     level.set(n);
///     risen.notify_one();
/// }
/// task.await.unwrap();
/// # });
/// ```
pub struct Notify {
    /// Said to one when nobody waited.
    kept: Cell<bool>,
    /// How often all were told.
    told_all: Cell<u64>,
    queue: Queue,
}

/// What a waiter was handed.
const FIRST: u32 = 1;
const LAST: u32 = 2;
const ALL: u32 = 3;

impl Notify {
    /// Nothing has happened yet.
    #[track_caller]
    pub const fn new() -> Self {
        Self {
            kept: Cell::new(false),
            told_all: Cell::new(0),
            queue: Queue::new(WaitReason::Notify),
        }
    }

    /// The same as [`new`](Self::new), which is `const` here.
    #[track_caller]
    pub const fn const_new() -> Self {
        Self::new()
    }

    /// Waits to be told.
    ///
    /// It takes its place in the queue when it is first polled, or [enabled](Notified::enable).
    /// What is told to all from now on it hears even before.
    ///
    /// # Cancel safety
    /// Dropped before it is done, its place in the queue is lost. If it was told alone and has not
    /// taken notice, the next is told in its place.
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, ear: self.ear(Location::caller()) }
    }

    /// As [`notified`](Self::notified), with a future that keeps the `Notify`.
    #[track_caller]
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let ear = self.ear(Location::caller());
        OwnedNotified { notify: self, ear }
    }

    /// Tells the one who has waited longest. If nobody waits, the next who comes need not wait.
    pub fn notify_one(&self) {
        if !self.queue.hand_first(FIRST) {
            self.kept.set(true);
        }
    }

    /// As [`notify_one`](Self::notify_one), for the one who came last.
    pub fn notify_last(&self) {
        if !self.queue.hand_last(LAST) {
            self.kept.set(true);
        }
    }

    /// Tells all who wait, in the order in which they came, and those who have called
    /// [`notified`](Self::notified) and not yet polled what it returned. It is not kept for those
    /// who come later; what was kept for one stays.
    pub fn notify_waiters(&self) {
        self.told_all.set(self.told_all.get() + 1);
        self.queue.hand_all(Some(ALL));
    }

    fn ear(&self, site: Site) -> Ear {
        Ear { told_all: self.told_all.get(), told: false, waiter: Waiter::new(site) }
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("kept", &self.kept.get()).finish_non_exhaustive()
    }
}

// Its state is in order whenever user code runs.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

/// What waits to be told.
struct Ear {
    /// How often all had been told when it was made.
    told_all: u64,
    told: bool,
    waiter: Waiter,
}

impl Ear {
    /// Takes its place in the queue. Whether it need not: it has been told.
    fn enable(&mut self, notify: &Notify) -> bool {
        let word = Word { notify, told_all: self.told_all };
        if !self.told {
            self.told = match self.waiter.is_waiting() {
                true => self.waiter.take().is_some(),
                false => word.take_free(self.waiter.site()).is_some(),
            };
        }
        if !self.told {
            self.waiter.wait_unwoken(&word);
        }
        self.told
    }

    fn poll(&mut self, notify: &Notify, cx: &Context<'_>) -> Poll<()> {
        if self.told {
            return current::poll_spend(cx);
        }
        let polled = self.waiter.poll(&Word { notify, told_all: self.told_all }, cx);
        self.told = polled.is_ready();
        polled.map(drop)
    }

    /// What was said to it alone is for the next, if it has not heard it.
    fn leave(&mut self, notify: &Notify) {
        let left = self.waiter.leave(&notify.queue);
        match left.filter(|left| left.handed).map(|left| left.amount) {
            Some(FIRST) => notify.notify_one(),
            Some(LAST) => notify.notify_last(),
            _ => {}
        }
    }
}

/// What an [`Ear`] waits to hear.
struct Word<'a> {
    notify: &'a Notify,
    /// That of the ear.
    told_all: u64,
}

impl Asked for Word<'_> {
    #[inline]
    fn queue(&self) -> &Queue {
        &self.notify.queue
    }

    #[inline]
    fn take_free(&self, _: Site) -> Option<u32> {
        if self.told_all != self.notify.told_all.get() {
            return Some(ALL);
        }
        self.notify.kept.replace(false).then_some(FIRST)
    }
}

/// Waits to be told by a [`Notify`]: see [`Notify::notified`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    ear: Ear,
}

/// Waits to be told by a [`Notify`] that it keeps: see [`Notify::notified_owned`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct OwnedNotified {
    notify: Arc<Notify>,
    ear: Ear,
}

macro_rules! notified {
    ($notified:ty) => {
        impl $notified {
            /// Takes its place in the queue without being polled; true if it need not wait any
            /// more. Whoever is told alone from now on, it may be this one.
            ///
            /// So a condition can be looked at in between, and nothing is missed:
            ///
            /// ```
            /// # turno::block_on(async {
            /// # let (notify, ready) = (turno::sync::Notify::new(), true);
            /// let mut notified = std::pin::pin!(notify.notified());
            /// notified.as_mut().enable();
            /// if !ready {
            ///     notified.await;
            /// }
            /// # });
            /// ```
            pub fn enable(mut self: Pin<&mut Self>) -> bool {
                let Self { notify, ear } = &mut *self;
                ear.enable(notify)
            }
        }

        impl Future for $notified {
            type Output = ();

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                let Self { notify, ear } = &mut *self;
                ear.poll(notify, cx)
            }
        }

        impl Drop for $notified {
            fn drop(&mut self) {
                self.ear.leave(&self.notify);
            }
        }

        impl fmt::Debug for $notified {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($notified))
                    .field("told", &self.ear.told)
                    .finish_non_exhaustive()
            }
        }
    };
}

notified!(Notified<'_>);
notified!(OwnedNotified);
