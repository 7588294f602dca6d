//! Who waits for what; and the stall: tasks are left and nothing can ever wake them (floor 3).

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::core::Shared;
use crate::task::id::Id;
use crate::task::info::{State, TaskInfo};
use crate::task::wake::TaskWaker;
use crate::wait;
use crate::wait::reason::{Wait, WaitReason};

/// A task that has not finished, and all that it waits for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Waiting {
    /// The task.
    pub task: TaskInfo,
    /// What it waits for: several things at once under a `select!`, nothing if it is ready.
    pub waits: Vec<Wait>,
    /// How many of its wakers are kept by somebody else than turno: by a future that is not
    /// turno's, or by another thread.
    pub wakers: usize,
}

impl fmt::Display for Waiting {
    /// A line for the task, and one for each thing that it waits for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.task)?;
        match self.task.state() {
            State::Ready => return f.write_str(", ready"),
            State::Running => return f.write_str(", running"),
            State::Done => return f.write_str(", done"),
            State::Waiting => f.write_str(", waits for")?,
        }
        for wait in &self.waits {
            write!(f, "\n    {wait}, since {:?}", Duration::from_nanos(wait.since))?;
        }
        let also = if self.waits.is_empty() { "" } else { "also " };
        match self.wakers {
            0 if self.waits.is_empty() => {
                f.write_str("\n    nothing that could wake it: nobody keeps a waker of it")
            }
            0 => Ok(()),
            1 => write!(f, "\n    {also}something that is not turno's: 1 waker of it is out"),
            n => write!(f, "\n    {also}something that is not turno's: {n} wakers of it are out"),
        }
    }
}

/// `block_on` can never end: nothing is ready, no timer, socket or blocking job is waited for, no
/// [`Handle`](super::Handle) or [`AbortHandle`](crate::task::AbortHandle) is out, and nobody else
/// than turno holds a waker of any task.
///
/// Printed it is the list of the tasks that wait, each with what it waits for, where, and who
/// holds that.
#[derive(Debug, Clone)]
pub struct Stalled {
    tasks: Vec<Waiting>,
}

impl Stalled {
    /// The tasks that wait for ever, in the order of spawning.
    pub fn tasks(&self) -> &[Waiting] {
        &self.tasks
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "stalled: nothing is ready, and nothing can ever wake the tasks that are left:"
        )?;
        for task in &self.tasks {
            writeln!(f, "  {task}")?;
        }
        f.write_str("wake one of them, or do not wait for what nobody will do")
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
    /// All tasks that have not finished, in the order of spawning, and what they wait for. `root`
    /// is the root's own waker, if it has one.
    pub(crate) fn waiting(&self, root: Option<&Arc<TaskWaker>>) -> Vec<Waiting> {
        let core = self.core.borrow();
        let alive = core.tasks.iter().filter(|slot| slot.info.state != State::Done);
        let mut tasks: Vec<Waiting> = Vec::new();
        // The tasks' own wakers: how many are out, besides the task's own.
        let mut own: HashMap<*const (), (Id, usize)> = HashMap::new();
        for slot in alive {
            tasks.push(Waiting { task: slot.info.clone(), waits: Vec::new(), wakers: 0 });
            let waker = match &slot.run {
                Some(run) => run.waker(),
                None => root.filter(|root| root.id() == slot.info.id),
            };
            if let Some(waker) = waker {
                let out = (slot.info.id, Arc::strong_count(waker) - 1);
                own.insert(Arc::as_ptr(waker).cast(), out);
            }
        }
        drop(core);
        tasks.sort_by_key(|waiting| waiting.task.id());
        let find = |tasks: &[Waiting], id| tasks.binary_search_by_key(&id, |w| w.task.id()).ok();
        wait::survey(self.key(), |task, waker, wait| {
            let kept = match (waker, wait.reason) {
                // What happens on another thread wakes by a waker that is kept there.
                (None, WaitReason::Job) => own.values_mut().find(|(id, _)| Some(*id) == task),
                (waker, _) => waker.and_then(|waker| own.get_mut(&waker)),
            };
            if let Some((_, out)) = kept {
                *out = out.saturating_sub(1); // This one is turno's.
            }
            if let Some(at) = task.and_then(|id| find(&tasks, id)) {
                tasks[at].waits.push(wait);
            }
        });
        for (id, out) in own.into_values() {
            if let Some(at) = find(&tasks, id) {
                tasks[at].wakers = out;
            }
        }
        tasks
    }

    /// Whether a source or a blocking job is waited for.
    pub(crate) fn is_armed(&self) -> bool {
        self.sources.borrow().armed() > 0 || self.blocking.in_flight() > 0
    }

    /// At a glance: whether somebody out there may wake a task, or there are too many to look at.
    pub(crate) fn is_doubtful(&self, root: Option<&Arc<TaskWaker>>) -> bool {
        let core = self.core.borrow();
        let runs = core.tasks.iter().filter_map(|slot| slot.run.as_ref());
        let mut wakers = runs.filter_map(|run| run.waker()).chain(root);
        self.link.inbox.is_reachable()
            || core.tasks.len() > GLANCE
            || wakers.any(|waker| Arc::strong_count(waker) > 1)
    }

    /// What is to be expected if nobody is ready and no timer is set.
    pub(crate) fn prospect(&self, root: Option<&Arc<TaskWaker>>) -> Prospect {
        if self.is_armed() || self.link.inbox.is_full() {
            return Prospect::Open;
        }
        // In this order: who goes away after leaving a letter must not be missed.
        let reachable = self.link.inbox.is_reachable();
        if self.link.inbox.is_full() {
            return Prospect::Open;
        }
        let tasks = self.waiting(root);
        if reachable || tasks.iter().any(|waiting| waiting.wakers > 0) {
            return Prospect::Doubtful;
        }
        Prospect::Hopeless(Stalled { tasks })
    }

    /// A quiet while has passed and nothing is armed: says once that it looks stalled.
    #[cold]
    pub(crate) fn suspect(&self, root: Option<&Arc<TaskWaker>>, quiet: Duration) {
        if self.suspected.replace(true) {
            return;
        }
        let mut text = format!(
            "turno: it looks as if nothing goes on any more: for {quiet:?} no task was ready, and \
             no timer, socket or blocking job is waited for. These wait:\n"
        );
        for task in self.waiting(root) {
            text.push_str(&format!("  {task}\n"));
        }
        if self.link.inbox.is_reachable() {
            text.push_str("  A handle to the runtime is out: somebody may still use it.\n");
        }
        eprintln!("{text}(Said once; `Builder::quiet_after` sets the time, or turns it off.)");
    }
}
