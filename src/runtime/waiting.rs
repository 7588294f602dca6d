//! Who waits for what, and for whom: what is told of it (floor 3). How it is found out is in
//! `survey`.

use std::fmt;
use std::time::Duration;

use crate::task::id::Id;
use crate::task::info::{Cause, State, TaskInfo};
use crate::wait::reason::Wait;

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
    /// A line for the task, and for each thing that it waits for one, with what else is known
    /// below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(f, "", "\n    ", &|id| format!("task {id}"))
    }
}

impl Waiting {
    /// As it is displayed, with its history, each wait after `line`, and tasks named by `who`.
    pub(super) fn tell(
        &self,
        f: &mut fmt::Formatter<'_>,
        history: &str,
        line: &str,
        who: &dyn Fn(Id) -> String,
    ) -> fmt::Result {
        write!(f, "{}", self.task)?;
        if !history.is_empty() {
            write!(f, ", {history}")?;
        }
        match self.task.state() {
            State::Ready => return f.write_str(", ready"),
            State::Running => return f.write_str(", running"),
            State::Done => return f.write_str(", done"),
            State::Waiting => f.write_str(", waits for")?,
        }
        for wait in &self.waits {
            write!(f, "{line}{}, since {:?}", wait.what(who), Duration::from_nanos(wait.since))?;
            wait.more(who).iter().try_for_each(|more| write!(f, "{line}  {more}"))?;
        }
        let also = if self.waits.is_empty() { "" } else { "also " };
        match self.wakers {
            0 if self.waits.is_empty() => {
                write!(f, "{line}nothing that could wake it: nobody keeps a waker of it")
            }
            0 => Ok(()),
            1 => write!(f, "{line}{also}something that is not turno's: 1 waker of it is out"),
            n => write!(f, "{line}{also}something that is not turno's: {n} wakers of it are out"),
        }
    }
}

/// Tasks that wait for each other: each for the next, and the last for the first. A cycle of one is
/// a task that waits for itself.
#[derive(Debug, Clone)]
pub struct Cycle {
    pub(super) tasks: Vec<Waiting>,
    pub(super) certain: bool,
}

impl Cycle {
    /// The tasks, from the one that was spawned first. The first of each one's waits is that for
    /// the next task.
    pub fn tasks(&self) -> &[Waiting] {
        &self.tasks
    }

    /// Whether each waits for what only the next can do. If not, that is the most that is known: a
    /// guard that owns its lock, or the other end of a channel, may have gone on to somebody else
    /// since the next task took or used it.
    pub fn is_certain(&self) -> bool {
        self.certain
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.tasks.len(), self.certain) {
            (1, true) => f.write_str("a task waits for itself:")?,
            (1, false) => write!(f, "a task waits for itself, {PRESUMED}")?,
            (n, true) => write!(f, "{n} tasks wait for each other, in a cycle:")?,
            (n, false) => write!(f, "{n} tasks wait for each other, in a cycle, {PRESUMED}")?,
        }
        for waiting in &self.tasks {
            f.write_str("\n  ")?;
            waiting.tell(f, "", "\n    ", &|id| named(&self.tasks, id))?;
        }
        Ok(())
    }
}

const PRESUMED: &str = "as far as is known (the end of a channel, or a guard that owns its lock, \
                        may have gone to somebody else):";

pub(super) fn find(tasks: &[Waiting], id: Id) -> Option<usize> {
    tasks.binary_search_by_key(&id, |waiting| waiting.task.id()).ok()
}

/// `task 3 "x"`, if it is one of these.
fn named(tasks: &[Waiting], id: Id) -> String {
    let task = tasks.iter().map(|waiting| &waiting.task).find(|task| task.id() == id);
    match task.and_then(TaskInfo::name) {
        Some(name) => format!("task {id} {name:?}"),
        None => format!("task {id}"),
    }
}

/// All who have not finished, and for whom they wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    /// In the order of spawning.
    pub(super) tasks: Vec<Waiting>,
    /// Those whose result nobody has taken yet.
    pub(super) finished: Vec<TaskInfo>,
    /// The names of others that are spoken of, as far as they are known.
    pub(super) gone: Vec<(Id, Box<str>)>,
    pub(super) cycles: Vec<Cycle>,
    /// Who awaits whom: places in `tasks`, by who awaits.
    pub(super) awaits: Vec<(usize, usize)>,
}

impl Picture {
    /// A task, by its name if that is known; and that it has finished, if it has.
    pub(super) fn who(&self, id: Id) -> String {
        if find(&self.tasks, id).is_some() {
            return named(&self.tasks, id);
        }
        let finished = self.finished.iter().find(|task| task.id() == id);
        let gone = || self.gone.iter().find(|gone| gone.0 == id).map(|gone| &*gone.1);
        match finished.and_then(TaskInfo::name).or_else(gone) {
            Some(name) => format!("task {id} {name:?}, which has finished"),
            None => format!("task {id}, which has finished"),
        }
    }

    /// The tasks that are spoken of and not here.
    pub(super) fn strangers(&self) -> Vec<Id> {
        let waits = self.tasks.iter().flat_map(|waiting| &waiting.waits);
        let holders = waits.flat_map(|wait| [wait.holder, wait.last]).flatten();
        let by = self.tasks.iter().filter_map(|waiting| match waiting.task.cause() {
            Cause::Task(by) | Cause::Spawn { by: Some(by) } => Some(by),
            _ => None,
        });
        let mut ids: Vec<Id> = holders.map(|holder| holder.task).chain(by).collect();
        ids.retain(|id| find(&self.tasks, *id).is_none());
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn left_locked(&self) -> impl Iterator<Item = String> {
        let waits = self.tasks.iter().flat_map(|waiting| &waiting.waits);
        waits.filter_map(|wait| {
            let (holder, made) = (wait.holder?, wait.made?);
            let gone = find(&self.tasks, holder.task).is_none();
            let task = self.finished.iter().find(|task| task.id() == holder.task);
            let task = match task {
                Some(task) => {
                    format!("{task}: its result may hold the guard, and nobody has taken it")
                }
                None => self.who(holder.task),
            };
            gone.then(|| {
                format!("{} (made at {made}), since {}, by {task}", wait.reason, holder.site)
            })
        })
    }
}

impl fmt::Display for Picture {
    /// The cycles first, then what has been left locked, then who else waits. A line each, and all
    /// of them ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cycle in &self.cycles {
            writeln!(f, "{cycle}")?;
        }
        let mut left: Vec<String> = self.left_locked().collect();
        left.dedup();
        if !left.is_empty() {
            writeln!(f, "still locked by a task that has finished, its guard kept or forgotten:")?;
            left.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        let in_cycle = |id| self.cycles.iter().any(|cycle| find_in(cycle, id));
        let mut others = self.tasks.iter().filter(|w| !in_cycle(w.task.id())).peekable();
        if others.peek().is_some() && (!self.cycles.is_empty() || !left.is_empty()) {
            writeln!(
                f,
                "{}:",
                if self.cycles.is_empty() { "who waits" } else { "who else waits" }
            )?;
        }
        for waiting in others {
            f.write_str("  ")?;
            waiting.tell(f, "", "\n    ", &|id| self.who(id))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

fn find_in(cycle: &Cycle, id: Id) -> bool {
    cycle.tasks.iter().any(|waiting| waiting.task.id() == id)
}
