//! Observers: they see what happens and change nothing (floor 2).
//!
//! An [`Observer`] given to [`Builder::observe`](crate::runtime::Builder::observe) or
//! [`Runtime::observe`](crate::runtime::Runtime::observe) is shown every [`Event`] of its
//! runtime, the root future's too, in the order in which they took effect. With nobody watching,
//! an event costs one predictable branch.
//!
//! What is dear to find out is found out only if the observer asks: the ready queue in the policy's
//! order ([`Ready::queue`]), its reason, and what a task waits for ([`Waits::list`]).
//!
//! In an observer, wakes, drops and aborts are recorded as ever; spawning, stepping and swapping
//! the policy panic and say so: an observer watches, it does not act.

use std::fmt;

use crate::policy::{Policy, Tasks};
use crate::task::current::LoopKey;
use crate::task::id::Id;
use crate::task::info::{Left, Nanos, TaskInfo};
use crate::wait::reason::Wait;
use crate::wait::{self, Place, tell};

/// Is shown what happens in a runtime.
pub trait Observer {
    /// Something happened at `now`, on the runtime's clock.
    fn event(&mut self, now: Nanos, event: &Event<'_>);
}

impl<F: FnMut(Nanos, &Event<'_>)> Observer for F {
    fn event(&mut self, now: Nanos, event: &Event<'_>) {
        self(now, event);
    }
}

/// How many tasks of the ready queue [`Ready::queue`] tells.
pub const QUEUE_SHOWN: usize = 32;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A new task is shown for the first time, before it first becomes ready: at the end of the
    /// switch in which it was spawned. [`TaskInfo::cause`] says by whom.
    #[non_exhaustive]
    Spawned {
        /// The task.
        task: &'a TaskInfo,
    },
    /// A task became ready: new, woken, or yielding. [`TaskInfo::cause`] says why.
    #[non_exhaustive]
    Woken {
        /// The task.
        task: &'a TaskInfo,
    },
    /// Control passes to a task.
    #[non_exhaustive]
    Switched {
        /// The number of this switch, from 1.
        n: u64,
        /// The task.
        task: &'a TaskInfo,
        /// How long it had been ready.
        waited: Nanos,
        /// Who else is ready, and why the policy picked this one.
        ready: Ready<'a>,
    },
    /// The policy makes the running task give way before the end of its
    /// [`time::work`](crate::time::work).
    #[non_exhaustive]
    Quantum {
        /// The task.
        task: &'a TaskInfo,
        /// After so much of it.
        quantum: Nanos,
    },
    /// The switch is over.
    #[non_exhaustive]
    Ended {
        /// The number of the switch.
        n: u64,
        /// The task.
        task: &'a TaskInfo,
        /// How it left the thread.
        left: Left,
        /// How long it ran.
        ran: Nanos,
        /// What it waits for.
        waits: Waits,
        /// How many operations of its [budget](crate::runtime::Builder::budget) it has done, on
        /// sockets, timers, handles, locks and channels; `None` if it went without a budget.
        operations: Option<u32>,
    },
    /// A task was aborted before its end.
    #[non_exhaustive]
    Aborted {
        /// The task.
        task: &'a TaskInfo,
    },
    /// The loop looks outside: at the clock, the sockets and other threads. It does so when nothing
    /// is ready, and after [`Policy::io_every`] switches.
    Looked,
    /// Nothing is ready, and the loop goes to sleep (a virtual clock: jumps).
    #[non_exhaustive]
    Parked {
        /// When the next timer is due.
        until: Option<Nanos>,
    },
}

/// The ready queue behind a pick, and the policy that made it.
#[derive(Clone, Copy)]
pub struct Ready<'a> {
    pub(crate) len: usize,
    pub(crate) policy: &'a dyn Policy,
    pub(crate) tasks: Tasks<'a>,
    pub(crate) name: &'static str,
}

impl Ready<'_> {
    /// How many others are ready.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody else is ready.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first of them (at most [`QUEUE_SHOWN`]), in the policy's order, as far as it tells.
    pub fn queue(&self) -> Vec<Id> {
        self.policy.queue(&self.tasks, QUEUE_SHOWN)
    }

    /// Why the policy picked this task, as far as it tells.
    pub fn reason(&self) -> String {
        self.policy.explain()
    }

    /// The policy's name.
    pub fn policy(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("len", &self.len)
            .field("policy", &self.policy())
            .finish_non_exhaustive()
    }
}

/// What a task waits for at the end of a switch.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    pub(crate) of: LoopKey,
    pub(crate) task: Id,
    /// What stands behind the task's own waker, if it has one, and how many clones are out.
    pub(crate) waker: Option<(*const (), usize)>,
}

impl Waits {
    /// All that it waits for, what it began to wait for last first: several things under a
    /// `select!`, nothing if it yielded or is done.
    pub fn list(&self) -> Vec<Wait> {
        tell::waits_of(self.of, self.task)
    }

    /// What it began to wait for last.
    pub fn last(&self) -> Option<Wait> {
        tell::last_wait_of(self.of, self.task)
    }

    /// What its futures were handed (a lock, a permit, the word to one) and have not taken, since
    /// they were not polled after that. If the task had a switch in between, and waits again, it
    /// has another future that it polls instead.
    pub fn handed(&self) -> Vec<Handed> {
        let handed = tell::handed_of(self.of, self.task).into_iter();
        handed.map(|(place, wait)| Handed { place, wait }).collect()
    }

    /// How many of its wakers are kept by somebody else than turno: by a future that is not
    /// turno's, or by another thread.
    pub fn wakers(&self) -> usize {
        self.waker.map_or(0, |(own, out)| out - tell::kept_of(self.of, self.task, own).min(out))
    }
}

/// What a future was handed, it alone, and has not taken yet: others go without it until the future
/// is polled or dropped.
#[derive(Clone, Copy, Debug)]
pub struct Handed {
    place: Place,
    wait: Wait,
}

impl Handed {
    /// What it waited for, and where.
    pub fn wait(&self) -> &Wait {
        &self.wait
    }

    /// Which tasks wait for the same thing now; nobody if it was taken or passed on. An answer
    /// looks at all that is waited for on this thread.
    pub fn wanted_by(&self) -> Vec<Id> {
        tell::rivals_of(self.place).unwrap_or_default()
    }

    /// Whether it was taken meanwhile, or passed on.
    pub fn is_taken(&self) -> bool {
        !wait::is_waiting(self.place)
    }
}

impl PartialEq for Handed {
    /// Whether it is the same handing over.
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}
