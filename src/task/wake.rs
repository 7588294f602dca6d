//! Wakers: a wake only records, and never touches the loop (floor 2).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_task::ArcWake;

use super::current;
use super::id::Id;
use super::inbox::{Inbox, Letter};

/// What stands behind a task's `std::task::Waker`.
pub(crate) struct TaskWaker {
    id: Id,
    /// A wake was recorded since the last switch began: a further one is the same wake. Read and
    /// written by the loop's thread only; other threads use `mailed`, so that this one costs no
    /// atomic exchange.
    woken: AtomicBool,
    /// A letter with a wake is in the inbox.
    mailed: AtomicBool,
    inbox: Arc<Inbox>,
}

impl TaskWaker {
    pub(crate) fn new(id: Id, inbox: Arc<Inbox>) -> Arc<Self> {
        // A task is born woken: its spawn is its first wake.
        let woken = AtomicBool::new(true);
        Arc::new(Self { id, woken, mailed: AtomicBool::new(false), inbox })
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// A switch begins: wakes count again.
    #[inline]
    pub(crate) fn rearm(&self) {
        self.woken.store(false, Ordering::Relaxed);
    }

    /// Whether a wake was recorded since the switch began. On the loop's thread.
    #[inline]
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Wakes from outside of a turn.
    #[cold]
    fn mail(self: &Arc<Self>) {
        if !self.mailed.swap(true, Ordering::AcqRel) {
            self.inbox.send(Letter::Wake(self.clone()));
        }
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
        if !current::record_wake(this.inbox.key(), this.id, &this.woken) {
            this.mail();
        }
    }
}
