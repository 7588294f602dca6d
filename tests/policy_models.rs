//! Each policy that comes with turno picks what a slow and obvious model of it picks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use turno::policy::{
    Drr, Edf, Fair, Fifo, Las, Lifo, Lookup, Lottery, Mlfq, Pick, Policy, Priority, Rng,
    RoundRobin, Sjf, Srpt, Stride, Tasks,
};
use turno::task::{Attributes, Cause, Id, Left, Nanos, TaskInfo};

/// Chooses from the queue, which is never empty and in the order of becoming ready; the index of
/// the chosen one.
trait Model {
    fn choose(&mut self, queue: &[TaskInfo], now: Nanos) -> usize;
    /// The task is about to be queued.
    fn ready(&mut self, _task: &TaskInfo, _queue: &[TaskInfo], _now: Nanos) {}
    /// The switch of the last one chosen has ended.
    fn ran(
        &mut self,
        _task: &TaskInfo,
        _queue: &[TaskInfo],
        _ran: Nanos,
        _left: Left,
        _now: Nanos,
    ) {
    }
    /// Whether a change of attributes puts a queued task behind the others.
    fn requeues(&self, _old: &TaskInfo, _new: &TaskInfo) -> bool {
        false
    }
    /// Whether the policy can say who comes next.
    fn is_foreseen(&self) -> bool {
        true
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
    queue: Vec<TaskInfo>,
    waiting: Vec<Id>,
    table: Table,
    rng: Rng,
    spawned: u64,
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
                    self.table.0[gone.id().index()] = None;
                    self.policy.forget(gone.id());
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
        if self.model.is_foreseen() {
            assert_eq!(rest, drained);
        }
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
        self.model.ready(task, &self.queue, now);
        self.queue.push(task.clone());
    }

    fn change(&mut self, at: usize, attributes: Attributes) {
        let old = self.queue[at].clone();
        let task = self.table.get_mut(old.id());
        task.set_attributes(attributes);
        self.policy.changed(task);
        let new = task.clone();
        if self.model.requeues(&old, &new) {
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
        self.model.ran(task, &self.queue, ran, left, now);
        match left {
            Left::Yielded => self.ready(id, if spent { Cause::Budget } else { Cause::Yield }),
            Left::Waiting => self.waiting.push(id),
            Left::Done | Left::Panicked => self.table.0[id.index()] = None,
        }
    }

    fn pick(&mut self) -> Option<Id> {
        let expected = (!self.queue.is_empty()).then(|| {
            let chosen = self.model.choose(&self.queue, self.now);
            self.queue.remove(chosen).id()
        });
        if self.model.is_foreseen() {
            let first = self.policy.queue(&self.tasks(), 1);
            assert_eq!(first, expected.into_iter().collect::<Vec<_>>());
        }
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

fn attributes(u: &mut Unstructured<'_>) -> Result<Attributes> {
    let mut attributes = Attributes::default();
    attributes.group = u.int_in_range(0..=3)?;
    attributes.priority = *u.choose(&[0, 100, 101, 255])?;
    attributes.weight = *u.choose(&[1, 30, 100, 700])?;
    attributes.deadline = *u.choose(&[None, Some(0), Some(50), Some(200)])?;
    attributes.size = *u.choose(&[None, Some(0), Some(20), Some(60)])?;
    Ok(attributes)
}

fn agree<M: Model>(pair: impl Fn() -> Pair<M>) {
    arbtest(|u| pair().play(u)).size_min(64).size_max(2_000).budget_ms(400);
}

/// The first with the least key.
fn least<K: PartialOrd>(queue: &[TaskInfo], key: impl Fn(&TaskInfo) -> K) -> usize {
    (1..queue.len()).fold(0, |best, at| if key(&queue[at]) < key(&queue[best]) { at } else { best })
}

/// The first with the least key, which is fixed while it is queued.
struct Least<K>(fn(&TaskInfo) -> K);

impl<K: PartialOrd> Model for Least<K> {
    fn choose(&mut self, queue: &[TaskInfo], _: Nanos) -> usize {
        least(queue, self.0)
    }
}

#[test]
fn fifo_picks_the_first() {
    agree(|| Pair::new(Fifo::new(), Least(|_| 0)));
}

#[test]
fn edf_picks_the_earliest_deadline() {
    let key = |task: &TaskInfo| task.deadline().map_or((1, 0), |deadline| (0, deadline));
    agree(|| Pair::new(Edf::new(), Least(key)));
}

#[test]
fn sjf_picks_the_smallest_size() {
    let key = |task: &TaskInfo| task.size().map_or((1, 0), |size| (0, size));
    agree(|| Pair::new(Sjf::new(), Least(key)));
}

#[test]
fn srpt_picks_the_one_with_the_least_left_to_do() {
    let key = |task: &TaskInfo| {
        let left = |size| (size as i64 - task.total_run() as i64).max(0);
        task.size().map_or((1, 0), |size| (0, left(size)))
    };
    agree(|| Pair::new(Srpt::new(), Least(key)));
}

#[test]
fn las_picks_the_one_that_has_run_least() {
    agree(|| Pair::new(Las::new(), Least(|task| task.total_run() + task.switches())));
}

struct Newest;

impl Model for Newest {
    fn choose(&mut self, queue: &[TaskInfo], _: Nanos) -> usize {
        let gave_way = |task: &TaskInfo| matches!(task.cause(), Cause::Yield | Cause::Budget);
        queue.iter().rposition(|task| !gave_way(task)).unwrap_or(0)
    }
}

#[test]
fn lifo_picks_the_newest_that_did_not_give_way() {
    agree(|| Pair::new(Lifo::new(), Newest));
}

struct MostUrgent;

impl Model for MostUrgent {
    fn choose(&mut self, queue: &[TaskInfo], _: Nanos) -> usize {
        least(queue, |task| 255 - task.priority())
    }
    fn requeues(&self, old: &TaskInfo, new: &TaskInfo) -> bool {
        old.priority() != new.priority()
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
    fn choose(&mut self, queue: &[TaskInfo], now: Nanos) -> usize {
        // Urgency grows while waiting; the largest comes first.
        let urgency = |task: &TaskInfo| {
            (now - task.woken_at()) as i64 + self.step as i64 * i64::from(task.priority())
        };
        least(queue, |task| -urgency(task))
    }
}

#[test]
fn priority_with_aging_picks_the_most_urgent_or_longest_waiting() {
    for step in [0, 1, 30] {
        let policy = move || Priority::with_aging(Duration::from_nanos(step));
        agree(|| Pair::new(policy(), Aged { step }));
    }
}

/// Goes round the groups that are there, or owe, when a lap begins; a quantum is given and spent
/// nanosecond by nanosecond, lap by lap.
struct Laps {
    quantum: Option<Nanos>,
    at: usize,
    lap: Vec<usize>,
    /// The group visited last that had a task or a debt.
    last: Option<usize>,
    balances: [i64; 4],
}

impl Laps {
    fn new(quantum: Option<Nanos>) -> Self {
        Self { quantum, at: 0, lap: Vec::new(), last: None, balances: [0; 4] }
    }
}

impl Model for Laps {
    fn choose(&mut self, queue: &[TaskInfo], _: Nanos) -> usize {
        loop {
            let of = |group| queue.iter().position(|task| task.group() as usize == group);
            let credit = self.balances[self.at] > 0;
            if let (true, Some(first)) = (credit, of(self.at)) {
                if self.quantum.is_none() {
                    self.balances[self.at] -= 1;
                }
                return first;
            }
            if credit {
                self.balances[self.at] = 0;
            }
            if self.lap.is_empty() {
                let visited = |&group: &usize| of(group).is_some() || self.balances[group] < 0;
                self.lap = (0..4).filter(visited).collect();
                self.lap.sort_by_key(|&group| (Some(group) <= self.last, group));
            }
            self.at = self.lap.remove(0);
            if of(self.at).is_some() || self.balances[self.at] < 0 {
                self.last = Some(self.at);
            }
            self.balances[self.at] += self.quantum.unwrap_or(1) as i64;
        }
    }
    fn ran(&mut self, _: &TaskInfo, _: &[TaskInfo], ran: Nanos, _: Left, _: Nanos) {
        if self.quantum.is_some() {
            self.balances[self.at] -= ran.max(1) as i64;
        }
    }
    fn requeues(&self, old: &TaskInfo, new: &TaskInfo) -> bool {
        old.group() != new.group()
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

/// Each task has a virtual time, which what it runs moves on; the least is picked. That of all
/// moves on by its part of that, as far as the last that is ready.
struct Virtual {
    /// What is added for a switch.
    charge: fn(&TaskInfo, Nanos) -> u64,
    credit: u64,
    of: BTreeMap<Id, u64>,
    /// Who has not slept since.
    awake: BTreeSet<Id>,
    /// In parts of 2^-32.
    now: u128,
    last_ready: u64,
}

impl Virtual {
    fn new(credit: u64, charge: fn(&TaskInfo, Nanos) -> u64) -> Self {
        let (of, awake) = (BTreeMap::new(), BTreeSet::new());
        Self { charge, credit, of, awake, now: 0, last_ready: 0 }
    }
}

impl Model for Virtual {
    fn ready(&mut self, task: &TaskInfo, queue: &[TaskInfo], _: Nanos) {
        let now = self.now.div_ceil(1 << 32) as u64;
        let of = self.of.entry(task.id()).or_insert(now);
        if self.awake.insert(task.id()) && *of + self.credit < now {
            *of = now - self.credit;
        }
        self.last_ready = if queue.is_empty() { *of } else { self.last_ready.max(*of) };
    }
    fn choose(&mut self, queue: &[TaskInfo], _: Nanos) -> usize {
        let chosen = least(queue, |task| self.of[&task.id()]);
        self.now = self.now.max(u128::from(self.of[&queue[chosen].id()]) << 32);
        chosen
    }
    fn ran(&mut self, task: &TaskInfo, queue: &[TaskInfo], ran: Nanos, left: Left, _: Nanos) {
        let charge = (self.charge)(task, ran);
        let weight = |task: &TaskInfo| u128::from(task.weight());
        let all = weight(task) + queue.iter().map(weight).sum::<u128>();
        let part = ((u128::from(charge) * weight(task)) << 32) / all;
        let of = self.of.get_mut(&task.id()).unwrap();
        *of += charge;
        if left == Left::Yielded {
            self.last_ready = self.last_ready.max(*of);
        } else {
            self.awake.remove(&task.id());
        }
        self.now += part.max(1);
        if !queue.is_empty() {
            self.now =
                self.now.min((u128::from(self.last_ready) << 32).max(self.now - part.max(1)));
        }
    }
}

#[test]
fn fair_picks_the_least_virtual_time() {
    let charge = |task: &TaskInfo, ran| {
        let weighed = |run: Nanos| (run * 100).div_ceil(u64::from(task.weight()));
        let charge = weighed(task.total_run()) - weighed(task.total_run() - ran);
        if ran == 0 { 1 } else { charge }
    };
    for credit in [0, 10, 100_000] {
        let policy = move || Fair::new().with_credit(Duration::from_nanos(credit));
        agree(|| Pair::new(policy(), Virtual::new(credit, charge)));
    }
}

#[test]
fn stride_picks_the_least_pass() {
    let charge = |task: &TaskInfo, _| {
        let weighed = |switches: u64| (switches * 1_048_576).div_ceil(u64::from(task.weight()));
        weighed(task.switches()) - weighed(task.switches() - 1)
    };
    agree(|| Pair::new(Stride::new(), Virtual::new(0, charge)));
}

/// Scans the tickets, in the order of the places in the task table.
struct Raffle(Rng);

impl Model for Raffle {
    fn choose(&mut self, queue: &[TaskInfo], _: Nanos) -> usize {
        let all: u64 = queue.iter().map(|task| u64::from(task.weight())).sum();
        let ticket = ((u128::from(self.0.next()) * u128::from(all)) >> 64) as u64;
        let place = |&at: &usize| queue[at].id().index();
        let mut order: Vec<usize> = (0..queue.len()).collect();
        order.sort_by_key(place);
        let mut so_far = 0;
        let holds = |&at: &usize| {
            so_far += u64::from(queue[at].weight());
            ticket < so_far
        };
        order.into_iter().find(holds).unwrap()
    }
    fn is_foreseen(&self) -> bool {
        false
    }
}

#[test]
fn a_lottery_picks_the_holder_of_the_ticket_drawn() {
    // A pair's randomness has the same seed.
    agree(|| Pair::new(Lottery::new(), Raffle(Rng::new(0))));
}

/// Queues by level, which a boost pours into the first.
#[derive(Clone)]
struct Levels {
    allotment: Nanos,
    boost: Nanos,
    queues: Vec<Vec<Id>>,
    /// The level of each task, and what it has run there.
    of: BTreeMap<Id, (usize, Nanos)>,
    period: Nanos,
}

impl Levels {
    fn boosted(&mut self, now: Nanos) {
        if now / self.boost > self.period {
            self.period = now / self.boost;
            self.queues = vec![self.queues.concat(), Vec::new(), Vec::new()];
            self.of.values_mut().for_each(|of| *of = (0, 0));
        }
    }
}

impl Model for Levels {
    fn ready(&mut self, task: &TaskInfo, _: &[TaskInfo], now: Nanos) {
        self.boosted(now);
        let &mut (level, _) = self.of.entry(task.id()).or_default();
        self.queues[level].push(task.id());
    }
    fn choose(&mut self, queue: &[TaskInfo], now: Nanos) -> usize {
        self.boosted(now);
        for level in &mut self.queues {
            while !level.is_empty() {
                let id = level.remove(0);
                if let Some(at) = queue.iter().position(|task| task.id() == id) {
                    return at;
                }
            }
        }
        unreachable!("somebody is queued");
    }
    fn ran(&mut self, task: &TaskInfo, _: &[TaskInfo], ran: Nanos, _: Left, now: Nanos) {
        self.boosted(now);
        let (level, used) = self.of.get_mut(&task.id()).unwrap();
        *used += ran.max(1);
        while *level < 2 && *used >= self.allotment << *level {
            *used -= self.allotment << *level;
            *level += 1;
        }
    }
}

#[test]
fn mlfq_picks_the_first_of_the_highest_level() {
    for (allotment, boost) in [(20, 300), (1, 40), (7, 1), (50, u64::MAX)] {
        let policy = move || {
            let policy = Mlfq::new().with_allotment(Duration::from_nanos(allotment));
            policy.with_boost(Duration::from_nanos(boost))
        };
        let (queues, of) = (vec![Vec::new(); 3], BTreeMap::new());
        let model = Levels { allotment, boost, queues, of, period: 0 };
        agree(move || Pair::new(policy(), model.clone()));
    }
}
