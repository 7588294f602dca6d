//! What each task waits for: what is told of it (floor 3). How it is found out is in `survey`.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use crate::task::id::Id;
use crate::task::info::{Cause, State, TaskInfo};
use crate::wait::reason::{Wait, WaitReason};

/// A task that has not finished, and all that it waits for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Waiting {
    /// The task.
    pub task: TaskInfo,
    /// What it waits for: several things at once under a `select!`, nothing if it is ready.
    pub waits: Vec<Wait>,
    /// How many of its wakers are kept elsewhere than in what turno knows of its waits: by a future
    /// that is not turno's, by another thread, or for a [job](WaitReason::Job) that it awaits.
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
        let jobs = self.waits.iter().filter(|wait| wait.reason == WaitReason::Job).count();
        match self.wakers {
            // As far as is known: where the job has ended, another one may have its waker.
            n if n > 0 && n <= jobs => Ok(()),
            0 if self.waits.is_empty() => {
                write!(f, "{line}nothing that could wake it: no waker of it is kept")
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

    /// Whether each waits for nothing but the end of the next, so that only an abort can end it.
    ///
    /// Of a lock only the task is known that locked it. In safe code nothing tells whether the
    /// guard is still there: it may be in a future that has gone on in another task, and the end
    /// of a channel may be anywhere. Such a cycle is likely, and never certain.
    pub fn is_certain(&self) -> bool {
        self.certain
    }
}

impl fmt::Display for Cycle {
    /// A line for each of the first and the last tasks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tasks.len() {
            1 => f.write_str("a task waits for itself")?,
            n => write!(f, "{n} tasks wait for each other, in a cycle")?,
        }
        f.write_str(if self.certain { ":" } else { PRESUMED })?;
        let shown = Shown::both_ends(self.tasks.len());
        let tell = |f: &mut fmt::Formatter<'_>, waiting: &Waiting| {
            f.write_str("\n  ")?;
            waiting.tell(f, "", "\n    ", &|id| named(&self.tasks, id))
        };
        self.tasks[..shown.first].iter().try_for_each(|waiting| tell(f, waiting))?;
        shown.left_out(f, "\n  ", "task")?;
        self.tasks[shown.last..].iter().try_for_each(|waiting| tell(f, waiting))
    }
}

const PRESUMED: &str = ", as far as is known:";

/// Which of many are printed. The data has all of them.
pub(super) struct Shown {
    /// This many from the front.
    pub(super) first: usize,
    /// And those from here on.
    pub(super) last: usize,
}

impl Shown {
    /// The first ones, with a word about the others.
    pub(super) fn first(len: usize) -> Self {
        Self { first: len.min(20), last: len }
    }

    /// As many at both ends.
    fn both_ends(len: usize) -> Self {
        match len {
            0..=21 => Self { first: len, last: len },
            _ => Self { first: 10, last: len - 10 },
        }
    }

    /// A line about those that are left out, if any are.
    pub(super) fn left_out(
        &self,
        f: &mut fmt::Formatter<'_>,
        line: &str,
        what: &str,
    ) -> fmt::Result {
        match self.last - self.first {
            0 => Ok(()),
            1 => write!(f, "{line}... and 1 more {what}"),
            n => write!(f, "{line}... and {} more {what}s", thousands(n)),
        }
    }
}

/// `1,234,567`
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

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

/// All tasks that have not finished, and what they wait for.
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
        waits.filter(|wait| !wait.moved).filter_map(|wait| {
            let (holder, made) = (wait.holder?, wait.made?);
            let gone = find(&self.tasks, holder.task).is_none();
            let task = self.finished.iter().find(|task| task.id() == holder.task);
            let task = match task {
                Some(task) => {
                    format!("{task}: its result may hold the guard, and nobody has taken it")
                }
                None => self.who(holder.task),
            };
            gone.then(|| format!("{} (made at {made}), at {}, by {task}", wait.reason, holder.site))
        })
    }
}

impl fmt::Display for Picture {
    /// The cycles first, then what has been left locked, then the other tasks. A line each, all of
    /// them ended; of each kind no more than the first ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cycles = Shown::first(self.cycles.len());
        for cycle in &self.cycles[..cycles.first] {
            writeln!(f, "{cycle}")?;
        }
        cycles.left_out(f, "", "cycle")?;
        f.write_str(if cycles.first < cycles.last { "\n" } else { "" })?;
        let mut left: Vec<String> = self.left_locked().collect();
        left.dedup();
        if !left.is_empty() {
            writeln!(
                f,
                "still locked by a task that has finished, its guard kept, moved or forgotten:"
            )?;
            let shown = Shown::first(left.len());
            left[..shown.first].iter().try_for_each(|line| writeln!(f, "  {line}"))?;
            shown.left_out(f, "  ", "lock")?;
            f.write_str(if shown.first < shown.last { "\n" } else { "" })?;
        }
        let cycles = self.cycles.iter().flat_map(Cycle::tasks);
        let in_cycle: HashSet<Id> = cycles.map(|waiting| waiting.task.id()).collect();
        let others: Vec<&Waiting> =
            self.tasks.iter().filter(|waiting| !in_cycle.contains(&waiting.task.id())).collect();
        let is_first = self.cycles.is_empty() && left.is_empty();
        if !is_first && !others.is_empty() {
            f.write_str(if in_cycle.is_empty() { "tasks:\n" } else { "other tasks:\n" })?;
        }
        let shown = Shown::first(others.len());
        for waiting in &others[..shown.first] {
            f.write_str("  ")?;
            waiting.tell(f, "", "\n    ", &|id| self.who(id))?;
            writeln!(f)?;
        }
        shown.left_out(f, "  ", "task")?;
        f.write_str(if shown.first < shown.last { "\n" } else { "" })
    }
}
