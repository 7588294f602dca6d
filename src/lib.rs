//! A single-threaded async runtime in which *who runs next* is yours to decide and to watch.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod runtime;

pub mod policy;
pub mod task;
pub mod time;

pub mod observe;

mod reactor;

use std::future::Future;
use std::pin::Pin;

pub use task::spawn;

use task::id::Id;
use task::info::{Cause, Left};
use task::run::Run;

/// Runs `future` on a new runtime with first-in-first-out scheduling.
///
/// # Panics
/// As [`runtime::Runtime::block_on`]; and when no runtime can be made.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match runtime::Runtime::new() {
        Ok(rt) => rt.block_on(future),
        Err(error) => panic!("no turno runtime could be made: {error}"),
    }
}

/// The last switch.
#[derive(Debug)]
pub(crate) struct SwitchLog {
    n: u64,
    task: Id,
    cause: Cause,
}

impl Default for SwitchLog {
    fn default() -> Self {
        Self { n: 0, task: Id::new(0, 0), cause: Cause::Outside }
    }
}

/// The door: control passes to a task here, and only here.
#[inline(never)]
pub(crate) fn switch_to(
    log: &mut SwitchLog,
    n: u64,
    task: Id,
    cause: Cause,
    future: Pin<&mut dyn Run>,
) -> Left {
    log.n = n;
    log.task = task;
    log.cause = cause;
    future.run()
}
