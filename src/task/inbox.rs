//! The inbox: the one place that other threads touch (floor 2).
//!
//! Other threads, and this thread outside of a turn, leave letters here. The loop opens them once a
//! turn. Whoever leaves one while the loop is asleep, or has given the thread back to its host,
//! rings the bell.

use std::mem;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::current::LoopKey;
use super::id::Id;
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
        self.0.reaches.fetch_sub(1, Ordering::SeqCst);
        // With the last one gone, what waits for ever can be told so.
        self.0.knock();
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

/// Interrupts the loop's sleep; tells an embedding host that it is wanted, if it is handed true:
/// while the loop sleeps inside of a call, its host has nothing to do.
pub(crate) type Bell = Box<dyn Fn(bool) + Send + Sync>;

/// Where the loop is, as far as a ringer must know. Whoever rings puts it to `ATTENDED`: once is
/// enough.
const ATTENDED: u8 = 0;
const ASLEEP: u8 = 1;
const AWAY: u8 = 2;

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
    /// There may be letters, or somebody knocked. Set after a letter is in, cleared before they are
    /// taken.
    full: AtomicBool,
    /// `ATTENDED`, or else the loop must be rung for.
    desk: AtomicU8,
    bell: Bell,
    /// `Reach`es out there.
    reaches: AtomicUsize,
}

impl Inbox {
    /// The inbox of a new loop.
    pub(crate) fn new(bell: Bell) -> Arc<Self> {
        static KEYS: AtomicU64 = AtomicU64::new(1);
        let inbox = Arc::new(Self {
            key: KEYS.fetch_add(1, Ordering::Relaxed),
            serials: AtomicU64::new(1),
            letters: Mutex::new(Some(Vec::new())),
            full: AtomicBool::new(false),
            desk: AtomicU8::new(AWAY),
            bell,
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
                    letters.push(letter);
                    None
                }
                None => Some(letter),
            }
        };
        if undelivered.is_some() {
            return false; // Its drop is user code, so it comes here, not under the lock.
        }
        self.full.store(true, Ordering::SeqCst);
        self.ring();
        true
    }

    /// Rings the bell unless the loop is awake (it looks into the inbox before it sleeps) or
    /// somebody rang already.
    pub(crate) fn ring(&self) {
        if self.desk.load(Ordering::SeqCst) != ATTENDED {
            match self.desk.swap(ATTENDED, Ordering::SeqCst) {
                ATTENDED => {}
                was => (self.bell)(was == AWAY),
            }
        }
    }

    /// Without a letter: the loop is to look again at what it would sleep for.
    pub(crate) fn knock(&self) {
        self.full.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// The loop falls asleep at its desk. True if a letter came first, so that it must not.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.desk.store(ASLEEP, Ordering::SeqCst);
        self.full.load(Ordering::SeqCst)
    }

    /// The loop gives the thread back. A letter that came first is rung for now.
    pub(crate) fn leave(&self) {
        self.desk.store(AWAY, Ordering::SeqCst);
        if self.full.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// The loop is back at its desk. True if somebody rang meanwhile.
    pub(crate) fn attend(&self) -> bool {
        self.desk.swap(ATTENDED, Ordering::SeqCst) == ATTENDED
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    /// Takes all letters.
    pub(crate) fn open(&self) -> Vec<Letter> {
        if !self.full.swap(false, Ordering::SeqCst) {
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
