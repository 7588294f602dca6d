//! Observers: they see what happens and change nothing (floor 2).
//!
//! An [`Observer`] given to [`Builder::observe`](crate::runtime::Builder::observe) or
//! [`Runtime::observe`](crate::runtime::Runtime::observe) is shown every [`Event`] of its
//! runtime, the root future's too, in the order in which they took effect. With nobody watching,
//! an event costs one predictable branch.
//!
//! In an observer, wakes, drops and aborts are recorded as ever; spawning, stepping and swapping
//! the policy panic and say so: an observer watches, it does not act.

use crate::task::id::Id;
use crate::task::info::{Left, Nanos, TaskInfo};

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

/// How many tasks of the ready queue an [`Event::Switched`] shows.
pub const QUEUE_SHOWN: usize = 32;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
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
        /// How many others are ready.
        ready: usize,
        /// The first of them, in the policy's order, as far as the policy tells.
        queue: &'a [Id],
        /// Why the policy picked this task, as far as it tells.
        reason: &'a str,
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
    },
    /// A task was aborted before its end.
    #[non_exhaustive]
    Aborted {
        /// The task.
        task: &'a TaskInfo,
    },
    /// Nothing is ready, and the loop goes to sleep (a virtual clock: jumps).
    #[non_exhaustive]
    Parked {
        /// When the next timer is due.
        until: Option<Nanos>,
    },
}
