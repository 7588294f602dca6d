//! `policy::check` passes what keeps the contract, and names the rule that is broken by what does not.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use turno::policy::{
    Drr, Fair, Mlfq, NAMES, Pick, Policy, Priority, Rule, Tasks, Violation, check, check_seed,
    named,
};
use turno::task::{Cause, Id, Left, Nanos, TaskInfo};

#[test]
fn the_policies_that_come_with_turno_keep_the_contract() {
    for policy in NAMES {
        let make = || named(policy.name).unwrap();
        check(make).unwrap_or_else(|violation| panic!("{}: {violation}", policy.name));
    }
}

#[test]
fn they_keep_it_whatever_they_are_told() {
    const NS: fn(Nanos) -> Duration = Duration::from_nanos;
    for quantum in [0, 1, 10, 300, 1_000_000, u64::MAX] {
        check(|| Box::new(Drr::new().with_quantum(NS(quantum)))).unwrap();
    }
    for credit in [0, 1_000, 1 << 40, u64::MAX] {
        check(|| Box::new(Fair::new().with_credit(NS(credit)))).unwrap();
    }
    for step in [0, 1, 100, 1_000_000, u64::MAX] {
        check(|| Box::new(Priority::with_aging(NS(step)))).unwrap();
    }
    for (levels, quantum, boost) in
        [(3, 1_000_000, 100_000_000), (1, 1, 1), (2, 10, 100), (8, 1, 30), (8, 50, 0), (0, 0, 1)]
    {
        let mlfq = Mlfq::new().with_levels(levels).with_boost(NS(boost));
        check(|| Box::new(mlfq.clone().with_quantum(NS(quantum)))).unwrap();
        check(|| Box::new(mlfq.clone().with_allotment(NS(3 * quantum)))).unwrap();
    }
}

// Policies that a user may write, from a few lines each, most of them without `forget` or `changed`.

/// Orders by a key that is fixed when a task becomes ready.
struct ByKey(fn(&TaskInfo) -> u64, BTreeSet<(u64, u64, Id)>, u64);

impl ByKey {
    fn new(key: fn(&TaskInfo) -> u64) -> Self {
        Self(key, BTreeSet::new(), 0)
    }
}

impl Policy for ByKey {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.2 += 1;
        self.1.insert((self.0(task), self.2, task.id()));
    }
    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        self.1.pop_first().map(|(_, _, id)| id).into()
    }
    fn wants_time(&self) -> bool {
        true
    }
}

#[test]
fn earliest_deadline_shortest_remaining_and_least_attained_keep_it() {
    check(|| Box::new(ByKey::new(|task| task.deadline().unwrap_or(u64::MAX)))).unwrap();
    let remaining =
        |task: &TaskInfo| task.size().map_or(u64::MAX, |s| s.saturating_sub(task.total_run()));
    check(move || Box::new(ByKey::new(remaining))).unwrap();
    check(|| Box::new(ByKey::new(TaskInfo::total_run))).unwrap();
    check(|| Box::new(ByKey::new(TaskInfo::switches))).unwrap();
}

/// Weighted fair: the least weighted run time first.
#[derive(Default)]
struct Vruntime {
    queue: BTreeSet<(u64, Id)>,
    now: u64,
    credit: u64,
}

impl Policy for Vruntime {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        let least = self.now.saturating_sub(self.credit);
        task.set_tag(if task.switches() == 0 { self.now } else { task.tag().max(least) });
        self.queue.insert((task.tag(), task.id()));
    }
    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        let Some((least, id)) = self.queue.pop_first() else { return Pick::Nobody };
        self.now = self.now.max(least);
        Pick::Task(id)
    }
    fn ran(&mut self, task: &TaskInfo, ran: Nanos, _: Left, _: Nanos) {
        task.set_tag(task.tag() + ran.max(1) * 1024 / u64::from(task.weight()));
    }
    fn wants_time(&self) -> bool {
        true
    }
}

#[test]
fn weighted_fair_keeps_it() {
    for credit in [0, 1_000, 1 << 40] {
        check(move || Box::new(Vruntime { credit, ..Vruntime::default() })).unwrap();
    }
}

/// Draws tickets by weight.
#[derive(Default)]
struct Raffle {
    queue: Vec<(Id, u32)>,
}

impl Policy for Raffle {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.queue.push((task.id(), task.weight()));
    }
    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        let total: u64 = self.queue.iter().map(|&(_, weight)| u64::from(weight)).sum();
        if total == 0 {
            return Pick::Nobody;
        }
        let mut ticket = tasks.random() % total;
        let winner = self.queue.iter().position(|&(_, weight)| {
            let won = ticket < u64::from(weight);
            ticket = ticket.wrapping_sub(u64::from(weight));
            won
        });
        winner.map(|winner| self.queue.swap_remove(winner).0).into()
    }
}

#[test]
fn a_raffle_keeps_it() {
    check(|| Box::new(Raffle::default())).unwrap();
}

/// Runs nobody for a while after each switch.
#[derive(Default)]
struct Throttle(VecDeque<Id>, Nanos);

impl Policy for Throttle {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.push_back(task.id());
    }
    fn pick(&mut self, _: &Tasks<'_>, now: Nanos) -> Pick {
        if now < self.1 { Pick::Until(self.1) } else { self.0.pop_front().into() }
    }
    fn ran(&mut self, _: &TaskInfo, _: Nanos, _: Left, now: Nanos) {
        self.1 = now + 1_000;
    }
    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.0.iter().copied().filter(|&id| tasks.get(id).is_some()).take(most).collect()
    }
}

#[test]
fn a_throttle_keeps_it() {
    check(|| Box::new(Throttle::default())).unwrap();
}

// Planted bugs. Each is first in, first out but for its bug.

/// What a `Planted` has, for its bug to work with.
#[derive(Default)]
struct State {
    queue: VecDeque<Id>,
    readied: u64,
    last: Option<Id>,
}

type Readied = fn(&mut State, &TaskInfo);
type Picked = fn(&mut State, &Tasks<'_>) -> Pick;

struct Planted(State, Readied, Picked);

impl Policy for Planted {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.readied += 1;
        (self.1)(&mut self.0, task);
    }
    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        let picked = (self.2)(&mut self.0, tasks);
        if let Pick::Task(id) = picked {
            self.0.last = Some(id);
        }
        picked
    }
}

const PUSH: Readied = |state, task| state.queue.push_back(task.id());
const POP: Picked = |state, _| state.queue.pop_front().into();

/// The rule that is found broken; the seed that was named finds it too, and the message is short.
fn broken(make: impl Fn() -> Box<dyn Policy>) -> Violation {
    let violation = check(&make).expect_err("the planted bug was not found");
    let again = check_seed(violation.seed(), &make).expect_err("the seed does not replay it");
    assert_eq!(again.rule(), violation.rule());
    let message = violation.to_string();
    assert!(message.lines().count() <= 40, "{message}");
    println!("{message}\n");
    violation
}

fn planted(ready: Readied, pick: Picked) -> Violation {
    broken(|| Box::new(Planted(State::default(), ready, pick)))
}

#[test]
fn a_task_that_is_dropped_is_found() {
    let violation = planted(
        |state, task| {
            if state.readied % 5 != 0 {
                state.queue.push_back(task.id());
            }
        },
        POP,
    );
    assert_eq!(violation.rule(), Rule::Lost);
    assert!(violation.task().is_some());
}

#[test]
fn a_task_that_is_queued_twice_is_found() {
    let twice: Readied = |state, task| {
        state.queue.push_back(task.id());
        if matches!(task.cause(), Cause::Timer) {
            state.queue.push_back(task.id());
        }
    };
    assert_eq!(planted(twice, POP).rule(), Rule::NotReady);
    // Once more only after all others have gone: seen when nobody is left.
    let again: Picked = |state, tasks| {
        let last = state.last.take().filter(|&id| tasks.get(id).is_some());
        state.queue.pop_front().or(last).into()
    };
    assert_eq!(planted(PUSH, again).rule(), Rule::NotReady);
    let invented: Picked = |state, _| state.queue.pop_front().map(|_| Id::new(7_000, 7_000)).into();
    assert_eq!(planted(PUSH, invented).rule(), Rule::NotReady);
}

#[test]
fn nobody_picked_though_tasks_are_queued_is_found() {
    assert_eq!(planted(PUSH, |_, _| Pick::Nobody).rule(), Rule::Idle);
    assert_eq!(planted(PUSH, |_, _| Pick::Until(0)).rule(), Rule::Idle);
    assert_eq!(planted(PUSH, |_, _| Pick::Until(u64::MAX)).rule(), Rule::Idle);
    let now_and_then: Picked = |state, _| {
        state.readied += 1;
        state.queue.pop_front().filter(|_| state.readied % 7 != 0).into()
    };
    // It is lost, too, but what is seen first is that others are picked when asked again.
    assert!(matches!(planted(PUSH, now_and_then).rule(), Rule::Idle | Rule::Lost));
    let when_asked_twice: Picked = |state, _| {
        state.readied += 1;
        if state.readied % 7 == 0 { Pick::Nobody } else { state.queue.pop_front().into() }
    };
    assert_eq!(planted(PUSH, when_asked_twice).rule(), Rule::Idle);
}

#[test]
fn a_departed_task_that_comes_again_and_again_is_found() {
    let again: Picked = |state, tasks| {
        let front = state.queue.pop_front();
        if let Some(id) = front.filter(|&id| tasks.get(id).is_none()) {
            state.queue.push_back(id);
        }
        front.into()
    };
    let violation = planted(PUSH, again);
    assert_eq!(violation.rule(), Rule::Stale);
    assert!(violation.to_string().contains("abort task"), "{violation}");
}

#[test]
fn a_panic_is_found_with_its_message() {
    let full: Readied = |state, task| {
        state.queue.push_back(task.id());
        assert!(state.queue.len() < 4, "no room for task {}", task.id());
    };
    let violation = planted(full, POP);
    assert_eq!(violation.rule(), Rule::Panicked);
    assert!(violation.to_string().contains("no room for task"), "{violation}");
}

/// Groups take turns, and one whose task has departed takes one too.
#[derive(Default)]
struct HauntedTurns(BTreeMap<u32, VecDeque<Id>>, u32);

impl Policy for HauntedTurns {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.entry(task.group()).or_default().push_back(task.id());
    }
    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        self.0.retain(|_, queue| !queue.is_empty());
        let next = self.0.range(self.1..).next().or(self.0.iter().next()).map(|(&group, _)| group);
        self.1 = next.map_or(0, |group| group + 1);
        next.and_then(|group| self.0.get_mut(&group)?.pop_front()).into()
    }
}

#[test]
fn a_departed_task_that_leaves_a_trace_is_found() {
    assert_eq!(broken(|| Box::new(HauntedTurns::default())).rule(), Rule::Forget);
}

/// Remembers what it first saw of each task.
struct SetInItsWays<K>(fn(&TaskInfo) -> K, BTreeMap<Id, K>, BTreeSet<(K, u64, Id)>, u64);

impl<K: Ord + Copy> Policy for SetInItsWays<K> {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.3 += 1;
        let key = *self.1.entry(task.id()).or_insert_with(|| self.0(task));
        self.2.insert((key, self.3, task.id()));
    }
    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        self.2.pop_first().map(|(_, _, id)| id).into()
    }
}

#[test]
fn a_change_that_is_ignored_is_found_whatever_was_changed() {
    fn rule<K: Ord + Copy + 'static>(key: fn(&TaskInfo) -> K) -> Rule {
        broken(move || Box::new(SetInItsWays(key, BTreeMap::new(), BTreeSet::new(), 0))).rule()
    }
    assert_eq!(rule(TaskInfo::priority), Rule::Changed);
    assert_eq!(rule(TaskInfo::group), Rule::Changed);
    assert_eq!(rule(TaskInfo::weight), Rule::Changed);
    assert_eq!(rule(TaskInfo::deadline), Rule::Changed);
    assert_eq!(rule(TaskInfo::size), Rule::Changed);
}

#[test]
fn hidden_randomness_is_found() {
    thread_local!(static HIDDEN: Cell<usize> = const { Cell::new(0) });
    let any: Picked = |state, _| {
        let draw = HIDDEN.get() + 1;
        HIDDEN.set(draw);
        let any = draw % 11 % state.queue.len().max(1);
        state.queue.remove(any).into()
    };
    assert_eq!(planted(PUSH, any).rule(), Rule::Random);
}

/// First in, first out, and wrong in what it says of itself.
struct Liar {
    queue: VecDeque<Id>,
    says: fn(&VecDeque<Id>, &Tasks<'_>) -> Vec<Id>,
    io_every: u32,
    quantum: Option<Nanos>,
}

impl Default for Liar {
    fn default() -> Self {
        Self { queue: VecDeque::new(), says: |_, _| Vec::new(), io_every: 1, quantum: None }
    }
}

impl Policy for Liar {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.queue.push_back(task.id());
    }
    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        if tasks.random().is_multiple_of(2) {
            self.queue.make_contiguous().reverse();
        }
        self.queue.pop_front().into()
    }
    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
    }
    fn io_every(&self) -> u32 {
        self.io_every
    }
    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        (self.says)(&self.queue, tasks).into_iter().take(most).collect()
    }
}

#[test]
fn wrong_answers_are_found() {
    let rule = |says| broken(move || Box::new(Liar { says, ..Liar::default() })).rule();
    assert_eq!(rule(|queue, _| queue.iter().copied().collect()), Rule::Queue);
    let present = |queue: &VecDeque<Id>, tasks: &Tasks<'_>| {
        queue.iter().copied().filter(|&id| tasks.get(id).is_some()).collect()
    };
    assert_eq!(rule(present), Rule::Queue);
    // Looking moves the dice.
    let draws = |_: &VecDeque<Id>, tasks: &Tasks<'_>| {
        tasks.random();
        Vec::new()
    };
    assert_eq!(rule(draws), Rule::Queue);
    check(|| Box::new(Liar::default())).unwrap();
    let never = || Liar { io_every: 0, ..Liar::default() };
    assert_eq!(broken(move || Box::new(never())).rule(), Rule::IoEvery);
    let nothing = || Liar { quantum: Some(0), ..Liar::default() };
    assert_eq!(broken(move || Box::new(nothing())).rule(), Rule::Quantum);
}
