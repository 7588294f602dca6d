//! Who waits for what, and for whom (floor 3).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::core::Shared;
use super::graph::{Arrow, Graph};
use crate::task::current;
use crate::task::finished::Joiner;
use crate::task::id::Id;
use crate::task::info::{Cause, State, TaskInfo};
use crate::task::wake::TaskWaker;
use crate::wait::reason::{Wait, WaitReason};
use crate::wait::{self, Place, Seen};

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
    tasks: Vec<Waiting>,
    certain: bool,
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

fn find(tasks: &[Waiting], id: Id) -> Option<usize> {
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
    finished: Vec<TaskInfo>,
    /// The names of others that are spoken of, as far as they are known.
    gone: Vec<(Id, Box<str>)>,
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
    fn strangers(&self) -> Vec<Id> {
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

/// How far the cycles are sought.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seek {
    /// Nothing can wake anybody: every cycle counts, and also what is merely likely.
    Stalled,
    /// Somebody may yet be woken: cycles of those whom nobody else can wake; and the likely.
    Suspected,
    /// Only what is certain.
    Certain,
}

impl Shared {
    /// A task has a waker of its own from now on. Those of other tasks than the root are found in
    /// the table.
    #[cold]
    pub(crate) fn note_own_waker(&self, waker: &Arc<TaskWaker>) {
        match &mut *self.root.borrow_mut() {
            Some((root, own)) if *root == waker.id() && current::in_turn_of(self.key()) => {
                *own = Arc::downgrade(waker);
            }
            _ => {}
        }
    }

    /// All tasks that have not finished, in the order of spawning, and what they wait for.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        self.survey().0.tasks
    }

    /// Who waits for whom, with the cycles.
    pub(super) fn picture(&self, seek: Seek) -> Picture {
        let (mut picture, members) = self.survey();
        let tasks = &picture.tasks;
        let graph = graph(tasks, &members);
        let joins = |arrow: &&Arrow| {
            let reason = tasks[arrow.from].waits[arrow.wait].reason;
            matches!(reason, WaitReason::Join(_) | WaitReason::JoinSet)
        };
        let arrows = (0..tasks.len()).flat_map(|task| graph.from(task));
        picture.awaits = arrows.filter(joins).map(|arrow| (arrow.from, arrow.to)).collect();
        let all = || tasks.iter().enumerate();
        let mut taken = vec![false; tasks.len()];
        let mut cycles = Vec::new();
        for certain in [true, false] {
            let counts = |arrow: &Arrow| arrow.sure || !certain;
            let stuck = match seek {
                Seek::Stalled => vec![true; tasks.len()],
                Seek::Certain if !certain => break,
                _ => graph.stuck(all().map(|(at, w)| is_free(w, graph.from(at), counts)).collect()),
            };
            let along = |arrow: &Arrow| counts(arrow) && stuck[arrow.from] && stuck[arrow.to];
            let found = graph.cycles(along, &mut taken);
            cycles.extend(found.iter().map(|ring| cycle(tasks, ring, certain)));
        }
        picture.cycles = cycles;
        picture
    }

    /// All tasks and what they wait for, and the members of those sets that somebody waits for.
    fn survey(&self) -> (Picture, Vec<Members>) {
        let mut picture = self.roll();
        let (mut own, mut sets) = (self.own_wakers(), self.sets());
        let tasks = &mut picture.tasks;
        let mut members = Vec::new();
        wait::survey(self.key(), |Seen { task, waker, wait, place }| {
            let kept = match (waker, wait.reason) {
                // What happens on another thread wakes by a waker that is kept there.
                (None, WaitReason::Job) => own.values_mut().find(|(id, _)| Some(*id) == task),
                (waker, _) => waker.and_then(|waker| own.get_mut(&waker)),
            };
            if let Some((_, out)) = kept {
                *out = out.saturating_sub(1); // This one is turno's.
            }
            let Some(at) = task.and_then(|id| find(tasks, id)) else { return };
            if let Some(of) = place.and_then(|place| sets.remove(&place)) {
                members.push(Members { task: at, wait: tasks[at].waits.len(), of });
            }
            tasks[at].waits.push(wait);
        });
        for (id, out) in own.into_values() {
            if let Some(at) = find(tasks, id) {
                tasks[at].wakers = out;
            }
        }
        let named = |id| Some((id, self.link.log.name(id)?));
        picture.gone = picture.strangers().into_iter().filter_map(named).collect();
        (picture, members)
    }

    /// All tasks, yet without their waits.
    fn roll(&self) -> Picture {
        let core = self.core.borrow();
        // They are as good as ready: only the policy has not heard of it yet.
        let mut woken: Vec<Id> = core.arrivals.iter().map(|(id, _)| *id).collect();
        if current::in_turn_of(self.key()) {
            woken.extend(current::woken());
        }
        woken.sort_unstable();
        let mut picture = Picture::default();
        for slot in core.tasks.iter() {
            let mut task = slot.info.clone();
            if task.state == State::Waiting && woken.binary_search(&task.id).is_ok() {
                task.state = State::Ready;
            }
            match task.state {
                State::Done => picture.finished.push(task),
                _ => picture.tasks.push(Waiting { task, waits: Vec::new(), wakers: 0 }),
            }
        }
        picture.tasks.sort_by_key(|waiting| waiting.task.id());
        picture
    }

    /// The tasks' own wakers: whose each is, and how many are out besides the task's own.
    fn own_wakers(&self) -> HashMap<*const (), (Id, usize)> {
        let core = self.core.borrow();
        let own = core.tasks.iter().filter_map(|slot| {
            let waker = slot.run.as_ref()?.waker()?;
            Some((Arc::as_ptr(waker).cast(), (slot.info.id, Arc::strong_count(waker) - 1)))
        });
        let root = self.root.borrow();
        let root = root.as_ref().filter(|(_, waker)| waker.strong_count() > 0);
        let root = root.map(|(id, own)| (own.as_ptr().cast(), (*id, own.strong_count() - 1)));
        own.chain(root).collect()
    }

    /// The members of sets, by where the ends of these are waited for.
    fn sets(&self) -> HashMap<Place, Vec<Id>> {
        let mut sets: HashMap<Place, Vec<Id>> = HashMap::new();
        for slot in self.core.borrow().tasks.iter() {
            if let Some(Joiner::Set(set, _)) = &slot.joiner
                && let Some(place) = set.waited_at()
            {
                sets.entry(place).or_default().push(slot.info.id);
            }
        }
        sets
    }
}

/// One of a task's waits is for the end of one of these.
struct Members {
    task: usize,
    wait: usize,
    of: Vec<Id>,
}

fn graph(tasks: &[Waiting], members: &[Members]) -> Graph {
    let mut arrows = Vec::new();
    let mut add = |from, wait, id, sure| {
        arrows.extend(find(tasks, id).map(|to| Arrow { from, wait, to, sure }));
    };
    for (from, waiting) in tasks.iter().enumerate() {
        for (n, wait) in waiting.waits.iter().enumerate() {
            if let Some((id, sure)) = wait.on() {
                add(from, n, id, sure);
            }
        }
    }
    for set in members {
        set.of.iter().for_each(|id| add(set.task, set.wait, *id, true));
    }
    Graph::new(tasks.len(), arrows)
}

/// Whether a task may be woken by somebody other than those to whom the arrows lead that count.
fn is_free(waiting: &Waiting, arrows: &[Arrow], counts: impl Fn(&Arrow) -> bool) -> bool {
    let led = |wait: usize| {
        let mut of_this = arrows.iter().filter(|arrow| arrow.wait == wait).peekable();
        of_this.peek().is_some() && of_this.all(&counts)
    };
    waiting.task.state() != State::Waiting
        || waiting.wakers > 0
        || waiting.waits.is_empty()
        || !(0..waiting.waits.len()).all(led)
}

fn cycle(tasks: &[Waiting], ring: &[Arrow], certain: bool) -> Cycle {
    let waiting = ring.iter().map(|arrow| {
        let mut waiting = tasks[arrow.from].clone();
        waiting.waits.swap(0, arrow.wait);
        waiting
    });
    Cycle { tasks: waiting.collect(), certain }
}
