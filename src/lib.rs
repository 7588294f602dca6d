//! A single-threaded async runtime in which *who runs next* is yours to decide and to watch.
//!
//! turno ("turn", as in "it is your turn") runs futures on one thread. It has tokio's vocabulary
//! and manners, and one thing more: the scheduling policy is a value that you choose, swap and
//! write.
//!
//! ```
//! use std::time::Duration;
//!
//! use turno::policy::Priority;
//! use turno::runtime::Builder;
//! use turno::task;
//!
//! let rt = Builder::new().policy(Priority::strict()).build()?;
//! rt.block_on(async {
//!     let slow = task::Builder::new().name("report").priority(1).spawn(async {
//!         turno::time::work(Duration::from_millis(2)).await; // Stands for computation.
//!         "the report"
//!     });
//!     let urgent = task::Builder::new().name("alarm").priority(200).spawn(async { "the alarm" });
//!     println!("{}, then {}", urgent.await.unwrap(), slow.await.unwrap());
//! });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # The one idea
//! There is one place where it is decided who runs next: [`Policy::pick`](policy::Policy::pick).
//! There is one door through which control passes to a task: `turno::switch_to`, where a debugger
//! can stop. Everything else either *wakes*, *waits* or *watches*.
//!
//! # A tour, in reading order
//! 1. [`runtime`]: what drives tasks: `block_on`, or your own loop with `turn` and `step`.
//! 2. [`policy`]: who runs next: the policies that come with turno, and how to write one.
//! 3. [`task`]: spawning, awaiting, aborting; what is known of a task.
//! 4. [`time`]: real and virtual time; sleeping, timing out, ticking, computing for a while.
//! 5. [`net`]: TCP, UDP and Unix sockets.
//! 6. [`sync`]: waiting for one another.
//! 7. [`observe`]: watching every wake and every switch; [`trace`]: recording them; [`lints`]:
//!    being told what goes wrong.
//!
//! # What it is not
//! It does not use more than one core: work that computes or blocks belongs into
//! [`task::spawn_blocking`], or into threads. Its locks and channels are for its own thread: those
//! of `async-lock`, `async-channel` and `futures` work here as they are, and across threads. It has
//! no I/O traits of its own: sockets implement those of `futures-io`, and tokio's.
//!
//! # Features
//! | feature | default | what |
//! | --- | --- | --- |
//! | `futures-io` | yes | sockets implement `futures_io::{AsyncRead, AsyncWrite}` |
//! | `tokio-io` | no | sockets implement `tokio::io::{AsyncRead, AsyncWrite}`: the traits alone |
//!
//! Rust 1.88 or later. Everything works on Linux, where it is tested; what is named Unix needs a
//! Unix.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![doc(test(attr(deny(warnings))))]
#![debugger_visualizer(gdb_script_file = "debugger/turno_gdb.py")]

pub mod runtime;

pub mod policy;
pub mod task;
pub mod time;

pub mod net;
pub mod sync;

pub mod lints;
pub mod observe;
pub mod trace;

mod hook;
mod macros;
mod reactor;
mod wait;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

#[doc(hidden)]
pub use macros::support as __private;
pub use task::spawn;

use task::id::Id;
use task::info::Left;
use task::run::Run;
use task::wake::TaskWaker;

/// Runs `future` on a new runtime with first-in-first-out scheduling.
///
/// ```
/// assert_eq!(turno::block_on(async { 6 * 7 }), 42);
/// ```
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

/// README's programs are doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The switch that is made now, or was made last.
#[derive(Debug)]
pub(crate) struct SwitchLog {
    pub(crate) n: u64,
    pub(crate) task: Id,
}

impl Default for SwitchLog {
    fn default() -> Self {
        Self { n: 0, task: Id::new(0, 0) }
    }
}

/// The door: control passes to a task here, and only here.
#[inline(never)]
pub(crate) fn switch_to(
    log: &mut SwitchLog,
    n: u64,
    task: Id,
    future: Pin<&mut dyn Run>,
    spare: &mut Arc<TaskWaker>,
) -> Left {
    log.n = n;
    log.task = task;
    future.run(spare)
}
