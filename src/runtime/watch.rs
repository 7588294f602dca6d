//! Deadlocks that close while others run (floor 3).
//!
//! The loop looks for them when it looks outside, and so seldom that it costs a hundredth of the
//! time at most. It first reads the waits alone: only if these leave it possible that some tasks
//! cannot go on are the tasks looked at.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

use super::core::{Core, Shared};
use super::graph::{Arrow, Graph};
use super::survey::Seek;
use super::waiting::Cycle;
use crate::task::finished::Joiner;
use crate::task::id::Id;
use crate::task::info::{Cause, State};
use crate::wait::Place;
use crate::wait::reason::{Known, WaitReason};
use crate::wait::tell::{self, Seen};

/// What is done about a deadlock.
pub(super) type OnDeadlock = Rc<dyn Fn(&Cycle)>;

/// When to look for deadlocks, and what has been found.
pub(crate) struct Watch {
    /// When the loop last looked: on a real clock so late, on a virtual one after so many switches.
    at: Cell<u64>,
    /// How much there was to look at, and after how many switches that was.
    last: Cell<(usize, u64)>,
    /// The tasks of those that were told.
    told: RefCell<Vec<Id>>,
    /// Those that are likely, and are told if they are still there when the tasks that could run
    /// when they were found have run.
    likely: RefCell<Vec<Candidate>>,
    on_deadlock: OnDeadlock,
}

/// A cycle that is only likely: a guard in it may have moved. A task to which it has moved will
/// run, and poll what it has got: that is seen. So those that could run are waited for.
#[derive(Clone)]
struct Candidate {
    tasks: Vec<Id>,
    /// Those that were ready, and how many switches each had had.
    ready: Vec<(Id, u64)>,
}

impl Candidate {
    fn new(cycle: &Cycle, core: &Core) -> Self {
        let ready = core.tasks.iter().filter(|slot| slot.info.state != State::Waiting);
        let ready = ready.map(|slot| (slot.info.id, slot.info.switches)).collect();
        Self { tasks: ids(cycle), ready }
    }

    /// Whether all that could run have run.
    fn is_confirmed(&mut self, core: &Core) -> bool {
        self.ready.retain(|&(id, switches)| {
            core.tasks.get(id).is_some_and(|slot| slot.info.switches == switches)
        });
        self.ready.is_empty()
    }
}

fn ids(cycle: &Cycle) -> Vec<Id> {
    cycle.tasks().iter().map(|waiting| waiting.task.id()).collect()
}

/// To look at one task or wait takes some 40 ns; more by so many times if there may be a deadlock.
const NANOS_EACH: u64 = 4_000;
const CLOSER: usize = 8;
const SWITCHES_EACH: u64 = 64;

/// So little is looked at whenever the loop goes to sleep: that takes longer.
const LITTLE: usize = 64;

impl Watch {
    pub(super) fn new(on_deadlock: OnDeadlock) -> Self {
        Self {
            at: Cell::new(0),
            last: Cell::default(),
            told: RefCell::default(),
            likely: RefCell::default(),
            on_deadlock,
        }
    }

    /// The clock may be another now, so it is time.
    pub(super) fn reset(&self) {
        self.at.set(0);
    }

    /// What is done by default.
    pub(super) fn print(cycle: &Cycle) {
        let (what, end) = match cycle.is_certain() {
            true => ("a deadlock", "Only an abort can end it."),
            false => ("a likely deadlock", "If so, only an abort can end it."),
        };
        // Standard error may be gone: that is no reason to panic.
        let _ = writeln!(
            io::stderr(),
            "turno: {what}: {cycle}\n{end} (Said once for each; `Builder::on_deadlock` sets what \
             is done about it.)"
        );
    }
}

impl Shared {
    /// Looks for deadlocks if it is time; if the loop `parks` a little sooner.
    pub(super) fn watch(&self, parks: bool) {
        let core = self.core.borrow();
        let (switches, tasks) = (core.switches, core.tasks.len());
        drop(core);
        let (now, each) = match self.clock.is_virtual() {
            true => (switches, SWITCHES_EACH),
            false => (self.now.get(), NANOS_EACH),
        };
        let (size, since) = self.watch.last.get();
        let size = size.max(tasks + tell::room()); // As it was then, or is now.
        let idle = parks && !self.clock.is_virtual() && size <= LITTLE && switches != since;
        if now < self.watch.at.get().saturating_add(each * size.max(8) as u64) && !idle {
            return;
        }
        self.watch.at.set(now);
        self.watch.last.set((self.seek_deadlocks(), switches));
    }

    /// Tells of deadlocks that have not been told yet. Returns how much there was to look at.
    #[cold]
    pub(super) fn seek_deadlocks(&self) -> usize {
        let (size, suspicious) = self.sketch();
        if !suspicious {
            return size;
        }
        let told = |cycle: &Cycle| {
            let told = self.watch.told.borrow();
            cycle.tasks().iter().any(|waiting| told.contains(&waiting.task.id()))
        };
        let cycles = self.picture(Seek::Likely).cycles;
        let before = self.watch.likely.take();
        for cycle in cycles {
            if told(&cycle) || !(cycle.is_certain() || self.is_confirmed(&cycle, &before)) {
                continue;
            }
            let core = self.core.borrow();
            let mut told = self.watch.told.borrow_mut();
            told.retain(|id| core.tasks.get(*id).is_some());
            told.extend(ids(&cycle));
            drop((core, told));
            (self.watch.on_deadlock)(&cycle);
            self.take_in(Cause::Outside, self.now.get());
            self.attend();
        }
        CLOSER * size
    }

    /// Whether a likely cycle was there `before`, and has outlived all moves of guards that could
    /// be seen. If not, it is kept in mind.
    fn is_confirmed(&self, cycle: &Cycle, before: &[Candidate]) -> bool {
        let core = self.core.borrow();
        let same = before.iter().find(|candidate| candidate.tasks == ids(cycle));
        let mut candidate = match same {
            Some(candidate) => candidate.clone(),
            None => Candidate::new(cycle, &core),
        };
        let confirmed = candidate.is_confirmed(&core);
        if !confirmed {
            self.watch.likely.borrow_mut().push(candidate);
        }
        confirmed
    }

    /// How much there is to look at, and whether the waits alone leave it possible that some
    /// tasks, besides those that were told, cannot go on.
    fn sketch(&self) -> (usize, bool) {
        let core = self.core.borrow();
        let mut any = false;
        let counts = |(_, known)| known >= Known::Likely;
        tell::survey(self.key(), |seen| any |= seen.wait.on().is_some_and(counts));
        let size = core.tasks.len() + tell::room();
        if !any {
            return (size, false);
        }
        // By the index of a task's id: whether it waits, and whether for something else.
        let mut tasks = vec![(false, false); 0];
        let (mut arrows, mut sets) = (Vec::new(), HashMap::<Place, (usize, bool)>::new());
        tell::survey(self.key(), |Seen { task, wait, place, .. }| {
            let Some(from) = task.map(Id::index) else { return };
            if tasks.len() <= from {
                tasks.resize(from + 1, (false, false));
            }
            tasks[from].0 = true;
            match (wait.on().filter(|on| counts(*on)), wait.reason, place) {
                (Some((to, _)), ..) => arrows.push((from, to.index())),
                (None, WaitReason::JoinSet, Some(place)) => drop(sets.insert(place, (from, false))),
                _ => tasks[from].1 = true,
            }
        });
        let members = (!sets.is_empty()).then(|| core.tasks.iter());
        for slot in members.into_iter().flatten() {
            if let Some(Joiner::Set(set, _)) = &slot.joiner
                && let Some((from, known)) = set.waited_at().and_then(|at| sets.get_mut(&at))
            {
                arrows.push((*from, slot.info.id.index()));
                *known = true;
            }
        }
        for (from, _) in sets.into_values().filter(|(_, known)| !known) {
            tasks[from].1 = true;
        }
        let n = arrows.iter().map(|(_, to)| to + 1).fold(tasks.len(), usize::max);
        tasks.resize(n, (false, false));
        let told = self.watch.told.borrow();
        for id in told.iter().filter(|id| core.tasks.get(**id).is_some()) {
            tasks.get_mut(id.index()).into_iter().for_each(|task| task.1 = true);
        }
        let free = tasks.iter().map(|(waits, otherwise)| !waits || *otherwise).collect();
        let arrow = |(from, to)| Arrow { from, wait: 0, to, known: Known::Likely, awaited: true };
        let graph = Graph::new(n, arrows.into_iter().map(arrow).collect());
        (size, graph.stuck(free).contains(&true))
    }
}
