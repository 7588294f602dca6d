//! Wakers: a wake only records, and never touches the loop (floor 2).
//!
//! A task has no waker of its own until somebody wants to keep one. It is polled with the loop's
//! *spare* one, on which its id is written; if a clone is left when the poll is over, the spare
//! becomes the task's, and the loop makes another. turno's own futures keep none (see
//! [`wait`](crate::wait)), so most tasks never have one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use futures_task::ArcWake;

use super::current;
use super::id::Id;
use super::inbox::{Inbox, Letter};

/// What stands behind a task's `std::task::Waker`.
pub(crate) struct TaskWaker {
    /// The id of its task: written while nobody else has it, so atomic only in name.
    serial: AtomicU64,
    index: AtomicU32,
    /// A wake was recorded since the last switch began: a further one is the same wake. Read and
    /// written by the loop's thread only; other threads use `mailed`, so that this one costs no
    /// atomic exchange.
    woken: AtomicBool,
    /// A letter with a wake is in the inbox, and that is known to be full: set under the inbox's
    /// lock only.
    mailed: AtomicBool,
    inbox: Arc<Inbox>,
}

impl TaskWaker {
    /// One that is nobody's yet.
    pub(crate) fn spare(inbox: &Arc<Inbox>) -> Arc<Self> {
        Arc::new(Self {
            serial: AtomicU64::new(0),
            index: AtomicU32::new(0),
            woken: AtomicBool::new(false),
            mailed: AtomicBool::new(false),
            inbox: inbox.clone(),
        })
    }

    /// The spare one is `id`'s for the coming switch.
    #[inline]
    pub(crate) fn lend(&self, id: Id) {
        self.serial.store(id.serial(), Ordering::Relaxed);
        self.index.store(id.index() as u32, Ordering::Relaxed);
    }

    /// Whether somebody has kept a clone of the spare one.
    #[inline]
    pub(crate) fn is_kept(self: &Arc<Self>) -> bool {
        let kept = Arc::strong_count(self) > 1;
        if !kept {
            // Whoever had one on another thread is done with it before it is lent again.
            fence(Ordering::Acquire);
        }
        kept
    }

    /// Another spare one, for the same loop.
    #[cold]
    pub(crate) fn another(&self) -> Arc<Self> {
        Self::spare(&self.inbox)
    }

    #[inline]
    pub(crate) fn id(&self) -> Id {
        let serial = self.serial.load(Ordering::Relaxed);
        Id::new(self.index.load(Ordering::Relaxed), serial)
    }

    /// A switch begins: wakes count again.
    #[inline]
    pub(crate) fn rearm(&self) {
        self.woken.store(false, Ordering::Relaxed);
    }

    /// Wakes from outside of a turn. Found marked, the letter of another thread is in, so this wake
    /// needs none: it does not depend on when that thread gets on. An exchange all the same, so
    /// that the coming switch sees what this thread wrote before.
    #[cold]
    fn mail(self: &Arc<Self>) {
        let marked = self.mailed.compare_exchange(true, true, Ordering::AcqRel, Ordering::Relaxed);
        if marked.is_err() {
            self.inbox.send(Letter::Wake(self.clone()));
        }
    }

    /// A letter is about to go into the inbox, which is locked and known to be full. False if
    /// there is one already.
    pub(crate) fn mark(&self) -> bool {
        !self.mailed.swap(true, Ordering::AcqRel)
    }

    /// The loop opens a letter: true if the wake in it is news. The exchange pairs with that of
    /// the thread that sent it, so that the coming switch sees what that thread wrote before.
    pub(crate) fn open(&self) -> bool {
        self.mailed.swap(false, Ordering::AcqRel);
        !self.woken.swap(true, Ordering::Relaxed)
    }
}

impl ArcWake for TaskWaker {
    #[inline]
    fn wake_by_ref(this: &Arc<Self>) {
        if !current::record_once(this.inbox.key(), this.id(), &this.woken) {
            this.mail();
        }
    }
}
