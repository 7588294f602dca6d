//! The park state: where the loop is, and which bells it has heard (floor 2).
//!
//! A ringer exchanges the state, which says that it alone rings, and then writes to the descriptor.
//! Between the two it may be preempted for as long as the operating system likes; the loop has then
//! long found the letter, left its desk, and been rung for by others. A write that the loop does
//! not fetch keeps the descriptor readable, and an embedding host awake. So bells are counted, and
//! the loop asks the reactor until it has heard every one that was begun. To wait for the write
//! instead would let the loop stand still for a thread that does not run.
//!
//! Each function is one step: at most one access to what other threads use. `Inbox` and
//! `ask_reactor` put them in order, and the model below tries every interleaving of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(test)]
mod model;

/// Where the loop is, as far as a ringer must know: at its desk if neither is set. The thread that
/// rings puts it there: once is enough.
const ASLEEP: u64 = 1;
const AWAY: u64 = 2;
const PLACE: u64 = ASLEEP | AWAY;

/// One bell, in the count beside the place.
const BELL: u64 = 4;

/// What the reactor heard when it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// One write of a bell, or several that have become one.
    Bell,
    /// No bell, and no write is left to be fetched.
    Silence,
    /// No bell, but not all that was to be heard.
    Part,
}

/// A bell that has begun, to be written by the thread that has this.
pub(crate) struct Rung {
    /// The loop had given the thread back to its host.
    pub(crate) away: bool,
}

pub(crate) struct Park {
    /// Where the loop is, and above that how many bells have begun. One word, so that the loop
    /// knows of each bell that was begun before it came back.
    desk: AtomicU64,
    /// How many of them are known to be written.
    written: AtomicU64,
    /// How many the loop has heard, at least. Only the loop uses it, so it is atomic only in name.
    heard: AtomicU64,
    /// There may be letters, or a knock. Set before a letter can be taken, cleared before letters
    /// are.
    full: AtomicBool,
}

/// For those that leave letters.
impl Park {
    pub(crate) fn new() -> Self {
        Self {
            desk: AtomicU64::new(AWAY),
            written: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            full: AtomicBool::new(false),
        }
    }

    pub(crate) fn fill(&self) {
        self.full.store(true, Ordering::SeqCst);
    }

    /// Begins a bell, unless the loop is at its desk or another thread has begun one.
    pub(crate) fn ring(&self) -> Option<Rung> {
        let begin = |desk| (desk & PLACE != 0).then_some((desk & !PLACE) + BELL);
        let rung = self.desk.fetch_update(Ordering::SeqCst, Ordering::SeqCst, begin);
        rung.ok().map(|was| Rung { away: was & AWAY != 0 })
    }

    /// A bell that was begun is written.
    pub(crate) fn wrote(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }
}

/// For the loop.
impl Park {
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    /// Letters are about to be taken. True if there may be any.
    pub(crate) fn empty(&self) -> bool {
        self.full.swap(false, Ordering::SeqCst)
    }

    /// The loop is at its desk: no bell is begun.
    pub(crate) fn attend(&self) {
        self.desk.fetch_and(!PLACE, Ordering::SeqCst);
    }

    /// The loop is about to sleep in the reactor; if it is full now, it must not.
    pub(crate) fn lie_down(&self) {
        self.desk.fetch_or(ASLEEP, Ordering::SeqCst);
    }

    /// The loop gives the thread back; if it is full now, the loop rings for itself.
    pub(crate) fn go_away(&self) {
        self.desk.fetch_or(AWAY, Ordering::SeqCst);
    }

    /// Whether every bell that was begun has been heard. At the desk only.
    pub(crate) fn is_quiet(&self) -> bool {
        self.desk.load(Ordering::SeqCst) / BELL == self.heard.load(Ordering::Relaxed)
    }

    /// How many bells the reactor cannot miss if it is asked now.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// The reactor has been asked after `written` was read. A bell that it heard is one more than
    /// had been heard, also if its thread has not come to count it: so a lone bell, as nearly all
    /// are, is asked for once.
    pub(crate) fn hear(&self, written: u64, what: Heard) {
        let heard = self.heard.load(Ordering::Relaxed);
        let heard = match what {
            Heard::Bell => written.max(heard + 1),
            Heard::Silence => written.max(heard),
            Heard::Part => heard,
        };
        self.heard.store(heard, Ordering::Relaxed);
    }
}
