//! A lock without what it protects: what is under `Mutex` and `OnceCell` (floor 4).

use std::cell::Cell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::runtime::inherit::Heirs;
use crate::task::current::{self, LoopKey};
use crate::wait::queue::{Hold, NOBODY, Queue, Strangers};
use crate::wait::reason::{Holder, WaitReason};
use crate::wait::waiter::{Asked, Waiter};
use crate::wait::{Place, Site};

/// The lock, without what it protects.
pub(super) struct Lock {
    /// Somebody holds it, or was handed it and has not come for it yet.
    locked: Cell<bool>,
    /// For reports. The queue knows better once somebody has waited.
    holder: Cell<Option<Holder>>,
    /// The loop of that task.
    of: Cell<LoopKey>,
    queue: Queue,
    /// Whoever holds it inherits the priority of those who wait.
    heirs: Option<Box<Heirs>>,
}

impl Lock {
    #[track_caller]
    pub(super) const fn new(reason: WaitReason) -> Self {
        Self {
            locked: Cell::new(false),
            holder: Cell::new(None),
            of: Cell::new(0),
            queue: Queue::exclusive(reason),
            heirs: None,
        }
    }

    /// Whoever holds it inherits the priority of those who wait.
    pub(super) fn with_heirs(self) -> Self {
        Self { heirs: Some(Box::new(Heirs::new())), ..self }
    }

    /// Waits for the lock; the future was made at `site`.
    #[inline]
    pub(super) fn locking(&self, site: Site) -> Locking<'_> {
        Locking { lock: self, waiter: Waiter::new(site) }
    }

    #[inline]
    pub(super) fn try_lock(&self, site: Site) -> bool {
        let free = !self.locked.replace(true);
        if free {
            let holder = current::holder(site);
            self.holder.set(holder);
            self.of.set(current::key());
            self.queue.set_holder((holder, current::key()));
            if let Some(heirs) = &self.heirs {
                heirs.locked();
            }
        }
        free
    }

    /// A guard that owns it is asked for.
    pub(super) fn set_owned(&self) {
        self.queue.set_owned();
    }

    /// For whoever has locked it.
    pub(super) fn held(&self) -> Held<'_> {
        Held(self)
    }

    #[inline]
    pub(super) fn unlock(&self) {
        if let Some(heirs) = &self.heirs {
            return self.bequeath(heirs);
        }
        if !self.queue.hand_first(LOCK) {
            self.locked.set(false);
            self.queue.set_holder(NOBODY);
        }
    }

    /// Unlocks; what was lent to who held it goes to who is next.
    #[cold]
    fn bequeath(&self, heirs: &Heirs) {
        let mut strangers = Strangers::default();
        let next = self.queue.first_place();
        if next.is_some() {
            self.queue.hand_next(LOCK, &mut strangers);
        } else {
            self.locked.set(false);
            self.queue.set_holder(NOBODY);
        }
        heirs.pass(next);
        strangers.wake();
    }
}

/// What a waiter is handed: the lock, or the word that nobody needs it any more.
const LOCK: u32 = 1;
const WORD: u32 = 0;

/// Unlocks when it is dropped.
pub(super) struct Held<'a>(&'a Lock);

impl Held<'_> {
    /// Unlocks, and tells all who wait that nobody needs the lock any more.
    pub(super) fn open(self) {
        let Self(lock) = *ManuallyDrop::new(self);
        lock.locked.set(false);
        lock.queue.set_holder(NOBODY);
        lock.queue.hand_all(Some(WORD));
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// Waits for the lock. Whoever polls it to its end holds it, or it says that nobody needs it.
pub(super) struct Locking<'a> {
    lock: &'a Lock,
    waiter: Waiter,
}

impl Future for Locking<'_> {
    /// Whether it holds the lock.
    type Output = bool;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let Self { lock, ref mut waiter } = *self;
        let waited = waiter.place();
        let polled = waiter.poll(lock, cx);
        if let Some(heirs) = &lock.heirs {
            match (polled, waited, waiter.waits_at()) {
                (Poll::Ready(_), Some(place), _) => heirs.takes(place),
                (Poll::Pending, _, Some(place)) => {
                    heirs.waits(place, lock.queue.holder().0.map(|holder| holder.task));
                }
                _ => {}
            }
        }
        polled.map(|handed| handed == LOCK)
    }
}

impl Asked for Lock {
    #[inline]
    fn queue(&self) -> &Queue {
        &self.queue
    }

    #[inline]
    fn wants(&self) -> u32 {
        LOCK
    }

    #[inline]
    fn held(&self) -> Hold {
        (self.holder.get(), self.of.get())
    }

    #[inline]
    fn take_free(&self, site: Site) -> Option<u32> {
        self.try_lock(site).then_some(LOCK)
    }
}

impl Drop for Locking<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.waiter.place() {
            self.give_up(place);
        }
    }
}

impl Locking<'_> {
    #[cold]
    fn give_up(&mut self, place: Place) {
        match self.waiter.leave(&self.lock.queue) {
            Some(left) if left.handed && left.amount == LOCK => self.lock.unlock(),
            _ => {
                if let Some(heirs) = &self.lock.heirs {
                    heirs.leaves(place);
                }
            }
        }
    }
}

/// A [`Mutex`](super::Mutex) or an [`RwLock`](super::RwLock) is held by somebody else, or others
/// wait for it.
#[derive(Debug, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held by somebody else")
    }
}

impl std::error::Error for TryLockError {}
