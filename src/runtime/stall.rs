//! The stall: tasks are left and nothing can ever wake them (floor 3).

use std::fmt;
use std::io::{self, Write};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::core::Shared;
use super::survey::Seek;
use super::waiting::{Cycle, Picture, Waiting};

/// `block_on` can never end: nothing is ready, no timer, socket or blocking job is waited for, no
/// [`Handle`](super::Handle) or [`AbortHandle`](crate::task::AbortHandle) is out, and nobody else
/// than turno holds a waker of any task.
///
/// Printed it tells who waits for whom: first the [cycles](Stalled::cycles), if there are any, then
/// what is locked by a task that has finished, then everybody else. Each task comes with what it
/// waits for, where, since when, and who holds that.
#[derive(Debug, Clone)]
pub struct Stalled {
    picture: Picture,
}

impl Stalled {
    /// The tasks that wait for ever, in the order of spawning.
    pub fn tasks(&self) -> &[Waiting] {
        &self.picture.tasks
    }

    /// Who waits for each other: those that are certain first. A stall need not have any: a task
    /// may wait for what nobody is going to do.
    ///
    /// ```
    /// use turno::sync::Mutex;
    ///
    /// let rt = turno::runtime::Builder::new().start_paused(true).build()?;
    /// let stalled = rt.try_block_on(async {
    ///     let mutex = Mutex::new(());
    ///     let _guard = mutex.lock().await;
    ///     drop(mutex.lock().await);
    /// });
    /// let stalled = stalled.unwrap_err();
    /// let [cycle] = stalled.cycles() else { panic!("{stalled}") };
    /// assert!(cycle.to_string().starts_with("a task waits for itself"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cycles(&self) -> &[Cycle] {
        &self.picture.cycles
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "stalled: nothing is ready, and nothing can ever wake the tasks that are left:"
        )?;
        write!(f, "{}", self.picture)?;
        f.write_str(match self.cycles() {
            [] => "wake one of them, or do not wait for what nobody will do",
            _ => {
                "break the cycle: lock in the same order everywhere, and give back what others \
                 need before waiting for them"
            }
        })
    }
}

impl std::error::Error for Stalled {}

/// Who had not finished when a runtime was shut down:
/// [`Runtime::shutdown_timeout`](super::Runtime::shutdown_timeout).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unfinished {
    /// The tasks that were dropped, in the order of spawning, and what they waited for.
    pub tasks: Vec<Waiting>,
    /// Where the blocking jobs were spawned that still run.
    pub jobs: Vec<&'static Location<'static>>,
}

impl Unfinished {
    /// Whether everybody had finished.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.jobs.is_empty()
    }
}

impl fmt::Display for Unfinished {
    /// A line for each, and one for each thing that a task waited for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("all had finished");
        }
        f.write_str("had not finished:")?;
        for task in &self.tasks {
            write!(f, "\n  {task}")?;
        }
        for site in &self.jobs {
            write!(f, "\n  a blocking job (spawned at {site}), still running")?;
        }
        Ok(())
    }
}

/// So many tasks are seen at a glance.
const GLANCE: usize = 64;

/// What the loop finds when it is about to sleep for ever.
pub(crate) enum Prospect {
    /// Somebody may well wake it.
    Open,
    /// Nothing is armed, but something is out that could still wake a task.
    Doubtful,
    /// Proved: it would never end.
    Hopeless(Stalled),
}

impl Shared {
    /// Whether a source or a blocking job is waited for.
    pub(crate) fn is_armed(&self) -> bool {
        self.sources.borrow().armed() > 0 || self.blocking.in_flight() > 0
    }

    /// At a glance: whether somebody out there may wake a task, or there are too many to look at.
    pub(crate) fn is_doubtful(&self) -> bool {
        let core = self.core.borrow();
        let runs = core.tasks.iter().filter_map(|slot| slot.run.as_ref());
        let counts = runs.filter_map(|run| run.waker()).map(Arc::strong_count);
        let root = self.root.borrow().as_ref().map(|(_, waker)| waker.strong_count());
        self.link.inbox.is_reachable()
            || core.tasks.len() > GLANCE
            || counts.chain(root).any(|count| count > 1)
    }

    /// What is to be expected if nobody is ready and no timer is set.
    pub(crate) fn prospect(&self) -> Prospect {
        if self.is_armed() || self.link.inbox.is_full() {
            return Prospect::Open;
        }
        // In this order: who goes away after leaving a letter must not be missed.
        let reachable = self.link.inbox.is_reachable();
        if self.link.inbox.is_full() {
            return Prospect::Open;
        }
        if reachable || self.waiting().iter().any(|waiting| waiting.wakers > 0) {
            return Prospect::Doubtful;
        }
        Prospect::Hopeless(Stalled { picture: self.picture(Seek::Stalled) })
    }

    /// A quiet while has passed and nothing is armed: says once that it looks stalled.
    #[cold]
    pub(crate) fn suspect(&self, quiet: Duration) {
        if self.suspected.replace(true) {
            return;
        }
        let mut text = format!(
            "turno: it looks as if nothing goes on any more: for {quiet:?} no task was ready, and \
             no timer, socket or blocking job is waited for. These wait:\n"
        );
        text.push_str(&self.picture(Seek::Suspected).to_string());
        if self.link.inbox.is_reachable() {
            text.push_str("  A handle to the runtime is out: somebody may still use it.\n");
        }
        // Standard error may be gone: that is no reason to panic.
        let _ = writeln!(
            io::stderr(),
            "{text}(Said once; `Builder::quiet_after` sets the time, or turns it off.)"
        );
    }
}
