//! Each policy that comes with turno picks what a slow and obvious model of it picks.

use std::time::Duration;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use turno::policy::{Drr, Fifo, Lifo, Lookup, Pick, Policy, Priority, Rng, RoundRobin, Tasks};
use turno::task::{Attributes, Cause, Id, Left, Nanos, TaskInfo};

/// A queued task as a model sees it, in the order of becoming ready.
#[derive(Clone, Copy, Debug)]
struct Queued {
    id: Id,
    group: u32,
    priority: u8,
    woken_at: Nanos,
    gave_way: bool,
}

/// Chooses from the queue, which is never empty; the index of the chosen one.
trait Model {
    fn choose(&mut self, queue: &[Queued]) -> usize;
    /// The switch of the last one chosen has ended.
    fn ran(&mut self, _: Nanos) {}
    /// Whether a change of attributes puts a queued task behind the others.
    fn requeues(&self, _old: Queued, _new: Queued) -> bool {
        false
    }
}

/// Tasks by their ids; a place is used again as soon as it is free.
#[derive(Default)]
struct Table(Vec<Option<TaskInfo>>);

impl Lookup for Table {
    fn get(&self, id: Id) -> Option<&TaskInfo> {
        self.0.get(id.index())?.as_ref().filter(|task| task.id() == id)
    }
}

impl Table {
    fn get_mut(&mut self, id: Id) -> &mut TaskInfo {
        self.0[id.index()].as_mut().filter(|task| task.id() == id).unwrap()
    }
}

/// A policy and its model, side by side.
struct Pair<M> {
    policy: Box<dyn Policy>,
    model: M,
    queue: Vec<Queued>,
    waiting: Vec<Id>,
    table: Table,
    rng: Rng,
    spawned: u32,
    now: Nanos,
}

impl<M: Model> Pair<M> {
    fn new(policy: impl Policy + 'static, model: M) -> Self {
        Self {
            policy: Box::new(policy),
            model,
            queue: Vec::new(),
            waiting: Vec::new(),
            table: Table::default(),
            rng: Rng::new(0),
            spawned: 0,
            now: 0,
        }
    }

    fn play(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        while !u.is_empty() {
            match u.int_in_range(0..=9)? {
                0 | 1 => self.spawn(attributes(u)?),
                2 if !self.waiting.is_empty() => {
                    let at = u.choose_index(self.waiting.len())?;
                    let id = self.waiting.swap_remove(at);
                    self.ready(id, *u.choose(&[Cause::Timer, Cause::Outside, Cause::Task(id)])?);
                }
                3 if !self.queue.is_empty() => {
                    let gone = self.queue.remove(u.choose_index(self.queue.len())?);
                    self.table.0[gone.id.index()] = None;
                    self.policy.forget(gone.id);
                }
                4 if !self.queue.is_empty() => {
                    let at = u.choose_index(self.queue.len())?;
                    self.change(at, attributes(u)?);
                }
                5 => self.now += u.int_in_range(0..=50)?,
                6..=9 => {
                    let left =
                        *u.choose(&[Left::Yielded, Left::Yielded, Left::Waiting, Left::Done])?;
                    self.switch(u.int_in_range(0..=40)?, left, u.ratio(1, 4)?);
                }
                _ => {}
            }
        }
        let rest = self.policy.queue(&self.tasks(), usize::MAX);
        let mut drained = Vec::new();
        while let Some(id) = self.pick() {
            drained.push(id);
        }
        assert_eq!(rest, drained);
        assert_eq!(self.policy.pick(&Tasks::new(&self.table, &self.rng), self.now), Pick::Nobody);
        Ok(())
    }

    fn tasks(&self) -> Tasks<'_> {
        Tasks::new(&self.table, &self.rng)
    }

    fn spawn(&mut self, attributes: Attributes) {
        self.spawned += 1;
        let free = self.table.0.iter().position(Option::is_none);
        let index = free.unwrap_or(self.table.0.len());
        let id = Id::new(index as u32, self.spawned);
        let info = TaskInfo::new(id, None, attributes, self.now);
        match free {
            Some(index) => self.table.0[index] = Some(info),
            None => self.table.0.push(Some(info)),
        }
        self.ready(id, Cause::Spawn { by: None });
    }

    fn ready(&mut self, id: Id, cause: Cause) {
        let (now, task) = (self.now, self.table.get_mut(id));
        task.woken(cause, now);
        self.policy.ready(task, now);
        self.queue.push(queued(task));
    }

    fn change(&mut self, at: usize, attributes: Attributes) {
        let old = self.queue[at];
        let task = self.table.get_mut(old.id);
        task.set_attributes(attributes);
        self.policy.changed(task);
        let new = queued(task);
        if self.model.requeues(old, new) {
            self.queue.remove(at);
            self.queue.push(new);
        } else {
            self.queue[at] = new;
        }
    }

    fn switch(&mut self, ran: Nanos, left: Left, spent: bool) {
        let Some(id) = self.pick() else { return };
        self.now += ran;
        let (now, task) = (self.now, self.table.get_mut(id));
        task.switched(ran, left);
        self.policy.ran(task, ran, left, now);
        self.model.ran(ran);
        match left {
            Left::Yielded => self.ready(id, if spent { Cause::Budget } else { Cause::Yield }),
            Left::Waiting => self.waiting.push(id),
            Left::Done | Left::Panicked => self.table.0[id.index()] = None,
        }
    }

    fn pick(&mut self) -> Option<Id> {
        let expected = (!self.queue.is_empty()).then(|| {
            let chosen = self.model.choose(&self.queue);
            self.queue.remove(chosen).id
        });
        let first = self.policy.queue(&self.tasks(), 1);
        assert_eq!(first, expected.into_iter().collect::<Vec<_>>());
        loop {
            let picked = self.policy.pick(&Tasks::new(&self.table, &self.rng), self.now);
            match picked {
                Pick::Task(id) if self.table.get(id).is_none() => {}
                _ => {
                    assert_eq!(picked, expected.into(), "{}", self.policy.explain());
                    return expected;
                }
            }
        }
    }
}

fn queued(task: &TaskInfo) -> Queued {
    Queued {
        id: task.id(),
        group: task.group(),
        priority: task.priority(),
        woken_at: task.woken_at(),
        gave_way: matches!(task.cause(), Cause::Yield | Cause::Budget),
    }
}

fn attributes(u: &mut Unstructured<'_>) -> Result<Attributes> {
    let mut attributes = Attributes::default();
    attributes.group = u.int_in_range(0..=3)?;
    attributes.priority = *u.choose(&[0, 100, 101, 255])?;
    Ok(attributes)
}

fn agree<M: Model>(pair: impl Fn() -> Pair<M>) {
    arbtest(|u| pair().play(u)).size_min(64).size_max(2_000).budget_ms(400);
}

struct First;

impl Model for First {
    fn choose(&mut self, _: &[Queued]) -> usize {
        0
    }
}

#[test]
fn fifo_picks_the_first() {
    agree(|| Pair::new(Fifo::new(), First));
}

struct Newest;

impl Model for Newest {
    fn choose(&mut self, queue: &[Queued]) -> usize {
        queue.iter().rposition(|task| !task.gave_way).unwrap_or(0)
    }
}

#[test]
fn lifo_picks_the_newest_that_did_not_give_way() {
    agree(|| Pair::new(Lifo::new(), Newest));
}

struct MostUrgent;

impl Model for MostUrgent {
    fn choose(&mut self, queue: &[Queued]) -> usize {
        let highest = queue.iter().map(|task| task.priority).max();
        queue.iter().position(|task| Some(task.priority) == highest).unwrap()
    }
    fn requeues(&self, old: Queued, new: Queued) -> bool {
        old.priority != new.priority
    }
}

#[test]
fn strict_priority_picks_the_most_urgent() {
    agree(|| Pair::new(Priority::strict(), MostUrgent));
}

struct Aged {
    step: Nanos,
}

impl Model for Aged {
    fn choose(&mut self, queue: &[Queued]) -> usize {
        let key = |task: &Queued| task.woken_at + self.step * u64::from(255 - task.priority);
        let least = queue.iter().map(key).min();
        queue.iter().position(|task| Some(key(task)) == least).unwrap()
    }
}

#[test]
fn priority_with_aging_picks_the_most_urgent_or_longest_waiting() {
    for step in [0, 1, 30] {
        let policy = move || Priority::with_aging(Duration::from_nanos(step));
        agree(|| Pair::new(policy(), Aged { step }));
    }
}

/// Goes round the groups; a quantum is given and spent nanosecond by nanosecond, lap by lap.
struct Laps {
    quantum: Option<Nanos>,
    at: usize,
    visiting: bool,
    balances: [i64; 4],
}

impl Laps {
    fn new(quantum: Option<Nanos>) -> Self {
        Self { quantum, at: 3, visiting: false, balances: [0; 4] }
    }
}

impl Model for Laps {
    fn choose(&mut self, queue: &[Queued]) -> usize {
        loop {
            let first = queue.iter().position(|task| task.group as usize == self.at);
            let credit = self.balances[self.at] > 0;
            if let (true, true, Some(first)) = (self.visiting, credit, first) {
                if self.quantum.is_none() {
                    self.balances[self.at] -= 1;
                }
                return first;
            }
            if credit && first.is_none() {
                self.balances[self.at] = 0;
            }
            self.at = (self.at + 1) % 4;
            self.balances[self.at] += self.quantum.unwrap_or(1) as i64;
            self.visiting = true;
        }
    }
    fn ran(&mut self, ran: Nanos) {
        if self.quantum.is_some() {
            self.balances[self.at] -= ran.max(1) as i64;
        }
    }
    fn requeues(&self, old: Queued, new: Queued) -> bool {
        old.group != new.group
    }
}

#[test]
fn round_robin_goes_round_the_groups() {
    agree(|| Pair::new(RoundRobin::new(), Laps::new(None)));
}

#[test]
fn drr_serves_while_there_is_credit_and_collects_debts() {
    for quantum in [1, 7, 30, 1_000] {
        let policy = move || Drr::new().with_quantum(Duration::from_nanos(quantum));
        agree(|| Pair::new(policy(), Laps::new(Some(quantum))));
    }
}
