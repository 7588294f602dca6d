//! Finding out who waits for what, and for whom (floor 3).

use std::collections::HashMap;
use std::sync::Arc;

use super::core::Shared;
use super::graph::{Arrow, Graph};
use super::waiting::{Cycle, Picture, Waiting, find};
use crate::task::current;
use crate::task::finished::Joiner;
use crate::task::id::Id;
use crate::task::info::State;
use crate::task::wake::TaskWaker;
use crate::wait::Place;
use crate::wait::reason::{Known, WaitReason};
use crate::wait::tell::{self, Seen};

/// How far the cycles are sought.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seek {
    /// Nothing goes on: also those that are merely possible.
    Possible,
    /// Other tasks run: those that are at least likely.
    Likely,
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
        for least in [Known::Certain, Known::Likely, Known::Possible] {
            if seek == Seek::Likely && least == Known::Possible {
                break;
            }
            let counts = |arrow: &Arrow| arrow.known >= least;
            let free = all().map(|(at, w)| is_free(w, graph.from(at), counts)).collect();
            let stuck = graph.stuck(free);
            let along = |arrow: &Arrow| {
                counts(arrow) && arrow.awaited && stuck[arrow.from] && stuck[arrow.to]
            };
            let found = graph.cycles(along, &mut taken);
            let certain = least == Known::Certain;
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
        tell::survey(self.key(), |Seen { task, waker, mut wait, polled, place }| {
            if let Some((_, out)) = waker.and_then(|waker| own.get_mut(&waker)) {
                *out = out.saturating_sub(1); // This one is turno's.
            }
            let Some(at) = task.and_then(|id| find(tasks, id)) else { return };
            if let Some(of) = place.and_then(|place| sets.remove(&place)) {
                members.push(Members { task: at, wait: tasks[at].waits.len(), of });
            }
            let last = match tasks[at].task.state {
                State::Running => current::last_poll(),
                _ => tasks[at].task.last_poll,
            };
            wait.awaited = polled.is_none_or(|polled| polled == last);
            tasks[at].waits.push(wait);
        });
        for (id, out) in own.into_values() {
            if let Some(at) = find(tasks, id) {
                tasks[at].wakers = out;
            }
        }
        let named = |id| Some((id, self.link.board.name(id)?));
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
    let mut add = |from: usize, wait: usize, id, known| {
        let awaited = tasks[from].waits[wait].awaited;
        arrows.extend(find(tasks, id).map(|to| Arrow { from, wait, to, known, awaited }));
    };
    for (from, waiting) in tasks.iter().enumerate() {
        for (n, wait) in waiting.waits.iter().enumerate() {
            if let Some((id, known)) = wait.on() {
                add(from, n, id, known);
            }
        }
    }
    for set in members {
        // Another task may have the set, too, and put a member into it that ends.
        set.of.iter().for_each(|id| add(set.task, set.wait, *id, Known::Likely));
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
