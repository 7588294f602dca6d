//! One run of a policy through a script, beside a simple model of who is in the policy's hands
//! (floor 1).

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::{Lookup, Pick, Policy};
use super::Rule;
use super::event::{Event, Fault, Outcome};
use super::known::{Known, Roll};
use super::script::{Op, Script};
use super::world::World;
use crate::task::id::Id;
use crate::task::info::{Attributes, Cause, Left, Nanos, State};

/// Makes a new policy.
pub(super) type Make<'a> = &'a dyn Fn() -> Box<dyn Policy>;

/// How a script is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// As written, with somebody looking at the queue and the explanations.
    Watched,
    /// As written, and nobody looks.
    Unwatched,
    /// Nobody looks, and the policy never hears of the tasks that are only passing.
    WithoutPassing,
}

struct Run<'a> {
    make: Make<'a>,
    policy: Box<dyn Policy>,
    world: World,
    roll: Roll,
    /// How many tasks are in the policy's hands.
    queued: usize,
    long: bool,
    /// Tasks that are aborted before the next pick.
    passing: Vec<usize>,
    how: How,
    /// Whether somebody measures how long tasks run.
    measured: bool,
    op: usize,
    outcome: Outcome,
}

/// Until so far away nobody is picked: that is for ever.
const CENTURY: Nanos = 100 * 365 * 24 * 3600 * 1_000_000_000;

/// How much of a long script is told.
const TOLD: usize = 12;

/// Runs `script` through a new policy.
pub(super) fn run(make: Make<'_>, script: &Script, how: How) -> Outcome {
    let caught = |panic| Some(Fault::new(Rule::Panicked, None, panic_message(panic)));
    let made = catch_unwind(AssertUnwindSafe(|| {
        let policy = make();
        // A policy must also do with times that nobody measured, unless it wants them.
        (policy.name(), policy.wants_time() || script.seed.is_multiple_of(2), policy)
    }));
    let (name, measured, policy) = match made {
        Ok(made) => made,
        Err(panic) => return Outcome { fault: caught(panic), ..Outcome::default() },
    };
    let mut run = Run {
        make,
        policy,
        world: World::new(script.seed, script.start),
        roll: Roll::default(),
        queued: 0,
        long: script.is_long(),
        passing: Vec::new(),
        how,
        measured,
        op: 0,
        outcome: Outcome { name, ..Outcome::default() },
    };
    run.outcome.fault = match catch_unwind(AssertUnwindSafe(|| run.play(script))) {
        Ok(played) => played.err(),
        Err(panic) => caught(panic),
    };
    run.outcome.drew = run.world.drew();
    run.outcome
}

fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", said.unwrap_or("(without a message)"))
}

impl Run<'_> {
    fn play(&mut self, script: &Script) -> Result<(), Fault> {
        for (number, &op) in script.ops.iter().enumerate() {
            self.op = number;
            self.play_op(op)?;
            if self.long {
                continue;
            }
            let queued =
                self.roll.queued().map(|known| known.task).max_by_key(|task| (task + number) % 5);
            self.outcome.queued.push(queued);
        }
        self.op = script.ops.len();
        self.drain()
    }

    fn play_op(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::Spawn { task, attributes } => {
                let id = self.reserve(task);
                self.spawn(id, attributes);
            }
            Op::Passing { task, attributes } => {
                let id = self.reserve(task);
                self.passing.push(task);
                if self.how != How::WithoutPassing {
                    self.spawn(id, attributes);
                }
            }
            Op::Wake { task, cause } => self.wake(task, cause),
            Op::Switch { ran, left } => return self.switch(ran, left, false).map(drop),
            Op::Swap { ran, left } => return self.switch(ran, left, true).map(drop),
            Op::Drain => {
                while self.switch(
                    7,
                    if self.queued.is_multiple_of(3) { Left::Done } else { Left::Waiting },
                    false,
                )? {}
            }
            Op::Abort { task } => self.abort(task),
            Op::Change { task, attributes } => self.change(task, attributes),
            Op::Pass { nanos } => {
                self.world.now += nanos;
                self.event(Event::Passed(nanos));
            }
        }
        Ok(())
    }

    /// An id for the script's task of that number.
    fn reserve(&mut self, task: usize) -> Id {
        let id = self.world.reserve();
        self.roll.add(task, id);
        id
    }

    fn spawn(&mut self, id: Id, attributes: Attributes) {
        self.world.insert(id, attributes);
        self.event(Event::Spawned(id, attributes));
        let by =
            self.outcome.picks.last().map(|&(_, id)| id).filter(|_| !id.serial().is_multiple_of(4));
        self.ready(id, Cause::Spawn { by });
    }

    fn wake(&mut self, task: usize, cause: u64) {
        let Some(id) = self.roll.id(task) else { return };
        if self.world.get(id).is_none_or(|task| task.state() != State::Waiting) {
            return;
        }
        let cause = match (cause % 4, self.outcome.picks.last()) {
            (0, _) => Cause::Timer,
            (1, _) => Cause::Source((cause >> 32) as u32 % 3),
            (2, Some(&(_, by))) if by != id => Cause::Task(by),
            _ => Cause::Outside,
        };
        self.event(Event::Woken(id, cause));
        self.ready(id, cause);
    }

    fn ready(&mut self, id: Id, cause: Cause) {
        let now = self.world.now;
        self.known(id).licensed = true;
        self.queued += 1;
        self.outcome.readied.push((self.op, id));
        if let Some(task) = self.world.get_mut(id) {
            // A timer was due before now, if the loop is late.
            let late = if cause == Cause::Timer { 50 * (id.serial() % 3) } else { 0 };
            task.woken(cause, now.saturating_sub(late));
            self.policy.ready(task, now);
        }
    }

    fn abort(&mut self, task: usize) {
        let Some(id) = self.roll.id(task) else { return };
        let queued = self.known(id).licensed;
        self.known(id).gone = true;
        self.world.remove(id);
        self.event(Event::Aborted(id));
        if queued {
            self.queued -= 1;
            self.policy.forget(id);
        }
    }

    fn change(&mut self, task: usize, attributes: Attributes) {
        let Some(id) = self.roll.id(task) else { return };
        let queued = self.known(id).licensed;
        if let Some(task) = self.world.get_mut(id) {
            task.set_attributes(attributes);
            if queued {
                self.policy.changed(task);
            }
            self.event(Event::Changed(id, attributes));
        }
    }

    /// Whether a task has run.
    fn switch(&mut self, ran: Nanos, left: Left, swap: bool) -> Result<bool, Fault> {
        self.abort_the_passing();
        let most = [1, 2, 5, if self.long { 40 } else { usize::MAX }][self.op / 37 % 4];
        // Of a long script it is looked at now and then only.
        let looks = !self.long || self.op.is_multiple_of(37);
        let foretold = if looks { self.foretold(most)? } else { Vec::new() };
        let Some(id) = self.pick_as_foretold(&mut foretold.into_iter())? else {
            return Ok(false);
        };
        if looks && self.how == How::Watched {
            let _ = self.policy.explain();
        }
        if swap {
            self.swap()?;
        }
        let (measured, mut cause) = (if self.measured { ran } else { 0 }, Cause::Yield);
        let now = self.world.now + ran;
        self.event(Event::Switched(id, ran, left));
        if let Some(task) = self.world.get_mut(id) {
            if self.policy.quantum(task) == Some(0) {
                let message = format!("it gives task {id} a quantum of 0");
                return Err(Fault::new(Rule::Quantum, Some(id), message));
            }
            task.switched(measured, left);
            self.policy.ran(task, measured, left, now);
            if task.switches() % 4 == 3 {
                cause = Cause::Budget;
            }
        }
        self.world.now = now;
        match left {
            Left::Yielded => self.ready(id, cause),
            Left::Waiting => {}
            Left::Done | Left::Panicked => {
                self.known(id).gone = true;
                self.world.remove(id);
            }
        }
        Ok(true)
    }

    /// Another such policy takes the place of this one, and all that are queued with it.
    fn swap(&mut self) -> Result<(), Fault> {
        let mut order = Vec::new();
        while let Some(id) = self.pick()? {
            order.push(id);
        }
        self.world.clear_tags();
        self.policy = (self.make)();
        self.event(Event::Swapped);
        let now = self.world.now;
        for id in order {
            self.known(id).licensed = true;
            self.queued += 1;
            if let Some(task) = self.world.get_mut(id) {
                task.state = State::Ready;
                self.policy.ready(task, now);
            }
        }
        Ok(())
    }

    /// Picks all, as a policy is emptied when another takes its place.
    fn drain(&mut self) -> Result<(), Fault> {
        self.abort_the_passing();
        self.event(Event::Drained);
        let mut foretold = self.foretold(usize::MAX)?.into_iter();
        while let Some(id) = self.pick_as_foretold(&mut foretold)? {
            self.event(Event::Picked(id));
        }
        Ok(())
    }

    fn abort_the_passing(&mut self) {
        for task in std::mem::take(&mut self.passing) {
            self.abort(task);
        }
    }

    /// What the policy says of its queue, if anybody looks.
    fn foretold(&self, most: usize) -> Result<Vec<Id>, Fault> {
        if self.how != How::Watched {
            return Ok(Vec::new());
        }
        let _ = self.policy.explain();
        let queue = self.policy.queue(&self.world.tasks(), most);
        let wrong = |id, what| {
            let message = format!("its `queue` lists task {id}, {what}");
            Err(Fault::new(Rule::Queue, Some(id), message))
        };
        let mut seen = BTreeSet::new();
        for (place, &id) in queue.iter().enumerate() {
            match self.roll.get(id) {
                Some(known) if known.gone => return wrong(id, "which is gone"),
                Some(known) if known.licensed => {}
                _ => return wrong(id, "which is not queued"),
            }
            if !seen.insert(id) {
                return wrong(id, "twice");
            }
            if place >= most {
                return wrong(id, &format!("more than the {most} asked for"));
            }
        }
        Ok(queue)
    }

    /// Picks, and compares with what was said of the queue.
    fn pick_as_foretold(
        &mut self,
        foretold: &mut std::vec::IntoIter<Id>,
    ) -> Result<Option<Id>, Fault> {
        let before = self.world.now;
        let picked = self.pick()?;
        let said = foretold.next();
        if self.world.now != before {
            // Time has passed, so something else did happen.
            *foretold = Vec::new().into_iter();
        } else if said.is_some() && said != picked {
            let message = format!("its `queue` said {}, it picked {}", name(said), name(picked));
            return Err(Fault::new(Rule::Queue, picked, message));
        }
        if let Some(id) = picked {
            self.outcome.picks.push((self.op, id));
        }
        Ok(picked)
    }

    /// Asks until a task is picked that is there to run. None: nobody is queued.
    fn pick(&mut self) -> Result<Option<Id>, Fault> {
        if self.policy.io_every() == 0 {
            return Err(Fault::new(Rule::IoEvery, None, "its `io_every` is 0"));
        }
        let mut waits = 0;
        loop {
            let now = self.world.now;
            match self.policy.pick(&self.world.tasks(), now) {
                Pick::Task(id) if self.use_licence(id)? => return Ok(Some(id)),
                Pick::Task(_) => {}
                _ if self.queued == 0 => return Ok(None),
                Pick::Until(then) if then <= now => {
                    self.event(Event::Until(then));
                    let message = format!("it picks nobody until {then} ns, which is not to come");
                    return Err(Fault::new(Rule::Idle, self.queued(), message));
                }
                Pick::Nobody => return Err(self.why_nobody()),
                Pick::Until(then) if waits > 1_000 || then - now > CENTURY => {
                    self.event(Event::Until(then));
                    let message = "it picks nobody until a time that never comes";
                    return Err(Fault::new(Rule::Idle, self.queued(), message));
                }
                Pick::Until(then) => {
                    self.world.now = then;
                    if waits == 0 {
                        self.event(Event::Until(then));
                    }
                    waits += 1;
                }
            }
        }
    }

    /// Whether the task that was picked is there to run.
    fn use_licence(&mut self, id: Id) -> Result<bool, Fault> {
        let wrong =
            |rule, what| Err(Fault::new(rule, Some(id), format!("it picked task {id}, {what}")));
        match self.roll.get_mut(id) {
            None => wrong(Rule::NotReady, "which was never spawned"),
            Some(known) if !known.licensed && known.gone => {
                wrong(Rule::Stale, "which is gone, more often than it had become ready")
            }
            Some(known) if !known.licensed => {
                wrong(Rule::NotReady, "which has not become ready since it last ran")
            }
            Some(known) => {
                known.licensed = false;
                let (gone, id) = (known.gone, known.id);
                self.queued -= usize::from(!gone);
                if gone {
                    self.event(Event::Skipped(id));
                } else if let Some(task) = self.world.get_mut(id) {
                    task.state = State::Running;
                }
                Ok(!gone)
            }
        }
    }

    /// Nobody was picked though tasks are queued. Has it lost them, or does it just not pick?
    fn why_nobody(&mut self) -> Fault {
        let lost = self.queued();
        self.event(Event::Nobody);
        for later in [1, 1_000_000, 1_000_000_000] {
            self.world.now += later;
            if let Pick::Task(id) = self.policy.pick(&self.world.tasks(), self.world.now) {
                let message = format!("it picked nobody, and task {id} when asked once more");
                return Fault::new(Rule::Idle, lost, message);
            }
        }
        for _ in 0..8 {
            let id = self.reserve(self.roll.unused());
            self.world.insert(id, Attributes::default());
            self.ready(id, Cause::Outside);
            if let Pick::Task(_) = self.policy.pick(&self.world.tasks(), self.world.now) {
                let message =
                    format!("it never picks {}, which is queued; others it does", name(lost));
                return Fault::new(Rule::Lost, lost, message);
            }
        }
        Fault::new(Rule::Idle, lost, format!("it picks nobody, though {} is queued", name(lost)))
    }

    /// Some task that is in the policy's hands.
    fn queued(&self) -> Option<Id> {
        self.roll.queued().next().map(|known| known.id)
    }

    fn known(&mut self, id: Id) -> &mut Known {
        self.roll.get_mut(id).expect("only ids from the list itself are asked for")
    }

    fn event(&mut self, event: Event) {
        let Outcome { events, forgotten, .. } = &mut self.outcome;
        if self.long && events.len() == TOLD {
            events.pop_front();
            *forgotten += 1;
        }
        events.push_back(event);
    }
}

fn name(id: Option<Id>) -> String {
    id.map_or_else(|| "nobody".into(), |id| format!("task {id}"))
}
