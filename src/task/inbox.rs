//! The inbox: the one place that other threads touch (floor 2).
//!
//! Other threads, and this thread outside of a turn, leave letters here. The loop opens them once a
//! turn. Whoever leaves one while the loop is asleep, or has given the thread back to its host,
//! rings the bell.

use std::cell::RefCell;
use std::mem;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

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

thread_local! {
    /// The inboxes of this thread's loops, to find one by its key.
    static HERE: RefCell<Vec<Arc<Inbox>>> = const { RefCell::new(Vec::new()) };
}

/// Wakes a task of the loop `key` of this thread, which is not in a turn or in one of another
/// loop. If it is gone, so is the task.
#[cold]
pub(crate) fn wake_in(key: LoopKey, task: Id) {
    let find = |here: &RefCell<Vec<Arc<Inbox>>>| {
        here.borrow().iter().find(|inbox| inbox.key == key).cloned()
    };
    if let Ok(Some(inbox)) = HERE.try_with(find) {
        inbox.send(Letter::WakeTask(task));
    }
}

pub(crate) struct Inbox {
    key: LoopKey,
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
    /// The inbox of a loop on this thread.
    pub(crate) fn new(bell: Bell) -> Arc<Self> {
        static KEYS: AtomicU32 = AtomicU32::new(0);
        let inbox = Arc::new(Self {
            key: KEYS.fetch_add(1, Ordering::Relaxed).checked_add(1).unwrap_or(1),
            letters: Mutex::new(Some(Vec::new())),
            full: AtomicBool::new(false),
            desk: AtomicU8::new(AWAY),
            bell,
            reaches: AtomicUsize::new(0),
        });
        let _ = HERE.try_with(|here| here.borrow_mut().push(inbox.clone()));
        inbox
    }

    /// The loop's key: no other loop of the process has it.
    #[inline]
    pub(crate) fn key(&self) -> LoopKey {
        self.key
    }

    /// Leaves a letter. Once the runtime is gone the letter is dropped, and false is returned.
    pub(crate) fn send(&self, letter: Letter) -> bool {
        let undelivered = {
            let mut letters = self.lock();
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
        self.lock().as_mut().map(mem::take).unwrap_or_default()
    }

    /// The runtime is gone: nothing is taken in any more. Returns what was left.
    pub(crate) fn close(&self) -> Vec<Letter> {
        let _ = HERE.try_with(|here| here.borrow_mut().retain(|inbox| inbox.key != self.key));
        self.lock().take().unwrap_or_default()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_none()
    }

    /// Whether somebody out there can reach the loop, other than by a waker.
    pub(crate) fn is_reachable(&self) -> bool {
        self.reaches.load(Ordering::SeqCst) > 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Letter>>> {
        // No user code runs under the lock, so a poisoned one is as good as any.
        self.letters.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
