//! The inbox: the one place that other threads touch (floor 2).
//!
//! Other threads, and this thread outside of a turn, leave letters here. The loop opens them once a
//! turn. Whoever leaves one while the loop is asleep, or has given the thread back to its host,
//! rings the bell.

use std::mem;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::current::LoopKey;
use super::id::Id;
use super::park::Park;
use super::wake::TaskWaker;

/// A way to the loop from outside: while one is out there, anything may still happen.
pub(crate) struct Reach(Arc<Inbox>);

impl Reach {
    pub(crate) fn new(inbox: &Arc<Inbox>) -> Self {
        inbox.reaches.fetch_add(1, Ordering::SeqCst);
        Self(inbox.clone())
    }
}

impl Clone for Reach {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        // With the last one gone, what waits for ever can be told so.
        if self.0.reaches.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.knock();
        }
    }
}

impl Deref for Reach {
    type Target = Inbox;

    fn deref(&self) -> &Inbox {
        &self.0
    }
}

/// What can be asked of the loop from outside of a turn.
pub(crate) enum Letter {
    /// Make the task ready.
    Wake(Arc<TaskWaker>),
    /// The same, by its id: from the loop's own thread.
    WakeTask(Id),
    /// Abort the task.
    Abort(Id),
    /// Run this on the loop's thread, inside its context.
    Job(Box<dyn FnOnce() + Send>),
}

/// Writes to the descriptor: that interrupts the loop's sleep, and the host's.
pub(crate) type Bell = Box<dyn Fn() + Send + Sync>;

/// Tells an embedding host that it is wanted.
pub(crate) type OnWake = Box<dyn Fn() + Send + Sync>;

/// The inboxes of all loops of the process: for what is kept long and by the many, and so knows its
/// loop by the key alone.
static LOOPS: Mutex<Vec<Arc<Inbox>>> = Mutex::new(Vec::new());

/// The inbox of the loop `key`, unless that is gone.
#[cold]
pub(crate) fn find(key: LoopKey) -> Option<Arc<Inbox>> {
    lock(&LOOPS).iter().find(|inbox| inbox.key == key).cloned()
}

/// Wakes a task of the loop `key`, which is not in a turn or in one of another loop. If it is gone,
/// so is the task.
#[cold]
pub(crate) fn wake_in(key: LoopKey, task: Id) {
    if let Some(inbox) = find(key) {
        inbox.send(Letter::WakeTask(task));
    }
}

/// No user code runs under these locks, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Inbox {
    key: LoopKey,
    /// The serial number of the next task or job.
    serials: AtomicU64,
    /// `None` once the runtime is gone.
    letters: Mutex<Option<Vec<Letter>>>,
    pub(crate) park: Park,
    bell: Bell,
    on_wake: Option<OnWake>,
    /// `Reach`es out there.
    reaches: AtomicUsize,
}

impl Inbox {
    /// The inbox of a new loop.
    pub(crate) fn new(bell: Bell, on_wake: Option<OnWake>) -> Arc<Self> {
        static KEYS: AtomicU64 = AtomicU64::new(1);
        let inbox = Arc::new(Self {
            key: KEYS.fetch_add(1, Ordering::Relaxed),
            serials: AtomicU64::new(1),
            letters: Mutex::new(Some(Vec::new())),
            park: Park::new(),
            bell,
            on_wake,
            reaches: AtomicUsize::new(0),
        });
        lock(&LOOPS).push(inbox.clone());
        inbox
    }

    /// The loop's key: no other loop of the process has it.
    #[inline]
    pub(crate) fn key(&self) -> LoopKey {
        self.key
    }

    /// The serial number of a task or job that is spawned now, on whatever thread. At one each
    /// nanosecond they last for 500 years.
    #[inline]
    pub(crate) fn next_serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    /// As if this many had been spawned.
    #[cfg(test)]
    pub(crate) fn skip_serials(&self, spawned: u64) {
        self.serials.store(spawned + 1, Ordering::Relaxed);
    }

    /// Leaves a letter. Once the runtime is gone the letter is dropped, and false is returned.
    pub(crate) fn send(&self, letter: Letter) -> bool {
        let undelivered = {
            let mut letters = lock(&self.letters);
            match &mut *letters {
                Some(letters) => {
                    // First, so that a thread that finds the mark of a wake knows it full.
                    self.park.fill();
                    if !matches!(&letter, Letter::Wake(waker) if !waker.mark()) {
                        letters.push(letter);
                    }
                    None
                }
                None => Some(letter),
            }
        };
        if undelivered.is_some() {
            return false; // Its drop is user code, so it comes here, not under the lock.
        }
        self.ring();
        true
    }

    /// Rings the bell unless the loop is awake (it looks into the inbox before it sleeps) or
    /// another thread rang already.
    pub(crate) fn ring(&self) {
        let Some(rung) = self.park.ring() else { return };
        (self.bell)();
        self.park.wrote();
        if let (true, Some(on_wake)) = (rung.away, &self.on_wake) {
            on_wake();
        }
    }

    /// Without a letter: the loop is to look again at what it would sleep for.
    pub(crate) fn knock(&self) {
        self.park.fill();
        self.ring();
    }

    /// The loop falls asleep at its desk. True if a letter came first, so that it must not.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.park.lie_down();
        self.park.is_full()
    }

    /// The loop gives the thread back. A letter that came first is rung for now.
    pub(crate) fn leave(&self) {
        self.park.go_away();
        if self.park.is_full() {
            self.ring();
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.park.is_full()
    }

    /// Takes all letters.
    pub(crate) fn open(&self) -> Vec<Letter> {
        if !self.park.empty() {
            return Vec::new();
        }
        lock(&self.letters).as_mut().map(mem::take).unwrap_or_default()
    }

    /// The runtime is gone: nothing is taken in any more. Returns what was left.
    pub(crate) fn close(&self) -> Vec<Letter> {
        lock(&LOOPS).retain(|inbox| inbox.key != self.key);
        lock(&self.letters).take().unwrap_or_default()
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.letters).is_none()
    }

    /// Whether somebody out there can reach the loop, other than by a waker.
    pub(crate) fn is_reachable(&self) -> bool {
        self.reaches.load(Ordering::SeqCst) > 0
    }
}
