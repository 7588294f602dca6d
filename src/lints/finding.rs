//! What was found (floor 5).

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::known::{After, Who};
use crate::task::{Id, Nanos};

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Lint {
    /// A switch held the thread for too long.
    SlowPoll,
    /// The loop did not look outside for too long, though no single switch was slow.
    SlowTurn,
    /// A switch has not ended after a long time.
    EndlessPoll,
    /// A task waits, and nothing can ever wake it.
    LostWaker,
    /// A task wakes itself again and again, and nothing comes of it.
    SelfWakeSpin,
    /// A future was handed what others wait for, and its task does not poll it.
    Futurelock,
}

impl Lint {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SlowPoll,
        Self::SlowTurn,
        Self::EndlessPoll,
        Self::LostWaker,
        Self::SelfWakeSpin,
        Self::Futurelock,
    ];

    /// Its name in text.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowPoll => "slow-poll",
            Self::SlowTurn => "slow-turn",
            Self::EndlessPoll => "endless-poll",
            Self::LostWaker => "lost-waker",
            Self::SelfWakeSpin => "self-wake-spin",
            Self::Futurelock => "futurelock",
        }
    }

    /// What to do.
    fn advice(self) -> &'static str {
        match self {
            Self::SlowPoll => {
                "nobody else could run meanwhile: give way between pieces of it \
                 (task::yield_now), or let a thread do it (task::spawn_blocking)"
            }
            Self::SlowTurn => {
                "timers that were due, sockets and other threads had to wait: make the pieces \
                 smaller, or let the policy look sooner (Policy::io_every)"
            }
            Self::EndlessPoll => {
                "nobody else can run: end the loop, wait with an await instead of blocking, or let \
                 a thread do it (task::spawn_blocking)"
            }
            Self::LostWaker => {
                "a future that returns Pending must keep cx.waker().clone() and see that it is \
                 woken, or poll another future that does"
            }
            Self::SelfWakeSpin => {
                "it keeps the loop from sleeping: let what it waits for wake it (a channel, a \
                 Notify, a sleep); if it computes, let it do more before it gives way"
            }
            Self::Futurelock => {
                "poll the future on (join!, a task of its own), or drop it before awaiting \
                 something else"
            }
        }
    }
}

impl fmt::Display for Lint {
    /// `slow-poll`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something that goes wrong.
///
/// Printed it is two lines: what happened, and what to do.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(super) lint: Lint,
    pub(super) who: Who,
    pub(super) n: u64,
    pub(super) at: Nanos,
    pub(super) lasted: Nanos,
    pub(super) after: Option<After>,
    pub(super) place: Option<&'static Location<'static>>,
    /// What the task did, as the end of a sentence.
    pub(super) what: String,
}

impl Finding {
    /// What it is.
    pub fn lint(&self) -> Lint {
        self.lint
    }

    /// Which task it is about; the one that ran longest, for a slow turn.
    pub fn task(&self) -> Id {
        self.who.id
    }

    /// The task's name.
    pub fn name(&self) -> Option<&str> {
        self.who.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.who.site
    }

    /// In which switch it was found, or in the last one before: where `break turno::switch_to if n
    /// == ...` stops.
    pub fn switch(&self) -> u64 {
        self.n
    }

    /// When it was found, on the runtime's clock; for an endless poll, when that switch began.
    pub fn at(&self) -> Nanos {
        self.at
    }

    /// How long it lasted, or has lasted so far; zero for a lost waker.
    pub fn lasted(&self) -> Duration {
        Duration::from_nanos(self.lasted)
    }

    /// The `await` at which the task had waited before that switch, if it had: what happened was
    /// done after it.
    pub fn after(&self) -> Option<&'static Location<'static>> {
        self.after.and_then(|after| after.site())
    }

    /// The `await` that it led to, if there is one; for a futurelock that of the future that is not
    /// polled.
    pub fn place(&self) -> Option<&'static Location<'static>> {
        self.place
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lint, who, what) = (self.lint, &self.who, &self.what);
        write!(f, "{lint}: {who} {what}\n    {}", lint.advice())
    }
}
