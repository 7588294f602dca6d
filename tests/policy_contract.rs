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

const NS: fn(Nanos) -> Duration = Duration::from_nanos;

#[test]
fn drr_fair_and_priority_keep_it_whatever_they_are_told() {
    for quantum in [0, 300, u64::MAX] {
        check(|| Box::new(Drr::new().with_quantum(NS(quantum)))).unwrap();
    }
    for credit in [1_000, 1 << 40, u64::MAX] {
        check(|| Box::new(Fair::new().with_credit(NS(credit)))).unwrap();
    }
    for step in [0, 100, 1_000_000, u64::MAX] {
        check(|| Box::new(Priority::with_aging(NS(step)))).unwrap();
    }
}

#[test]
fn mlfq_keeps_it_whatever_it_is_told() {
    for (levels, quantum, boost) in [(1, 1, 1), (2, 10, 100), (8, 1, 30), (8, 50, 0), (0, 0, 1)] {
        let mlfq = Mlfq::new().with_levels(levels).with_boost(NS(boost));
        let mlfq = mlfq.with_quantum(NS(quantum)).with_allotment(NS(3 * quantum));
        check(|| Box::new(mlfq.clone())).unwrap();
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

// Bugs that show only at a size, after a time, or for some tasks. Each is first in, first out but
// for that.

/// What `queue` tells of the ready queue.
type Shows = fn(&VecDeque<Id>) -> Vec<Id>;

#[derive(Default)]
struct Rare {
    queue: VecDeque<Id>,
    picks: u64,
    /// Whether `ready` loses the task.
    loses: Option<fn(&Rare, &TaskInfo, Nanos) -> bool>,
    /// What `pick` says instead.
    says: Option<fn(&mut Rare, Nanos) -> Option<Pick>>,
    changed: Option<fn(&mut Rare, Id)>,
    forget: Option<fn(&mut Rare, Id)>,
    ran: Option<fn(&mut Rare, &TaskInfo, Left)>,
    quantum: Option<fn(&TaskInfo) -> Option<Nanos>>,
    shown: Option<Shows>,
    explained: Option<fn(&Rare) -> String>,
    seen: BTreeSet<Id>,
}

impl Policy for Rare {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        if !self.loses.is_some_and(|loses| loses(self, task, now)) {
            self.queue.push_back(task.id());
        }
        self.seen.insert(task.id());
    }
    fn pick(&mut self, _: &Tasks<'_>, now: Nanos) -> Pick {
        self.picks += 1;
        let instead = self.says.and_then(|says| says(self, now));
        instead.unwrap_or_else(|| self.queue.pop_front().into())
    }
    fn ran(&mut self, task: &TaskInfo, _: Nanos, left: Left, _: Nanos) {
        if let Some(ran) = self.ran {
            ran(self, task, left);
        }
    }
    fn quantum(&mut self, task: &TaskInfo) -> Option<Nanos> {
        self.quantum.and_then(|quantum| quantum(task))
    }
    fn forget(&mut self, id: Id) {
        match self.forget {
            Some(forget) => forget(self, id),
            None => self.queue.retain(|&queued| queued != id),
        }
    }
    fn changed(&mut self, task: &TaskInfo) {
        if let Some(changed) = self.changed {
            changed(self, task.id());
        }
    }
    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        let shown = self.shown.map_or_else(Vec::new, |shown| shown(&self.queue));
        shown.into_iter().take(most).collect()
    }
    fn explain(&self) -> String {
        self.explained.map_or_else(String::new, |explained| explained(self))
    }
}

fn rare(make: impl Fn() -> Rare) -> Rule {
    broken(|| Box::new(make())).rule()
}

#[test]
fn first_in_first_out_with_all_of_that_keeps_it() {
    check(|| Box::new(Rare { shown: Some(|q| q.iter().copied().collect()), ..Rare::default() }))
        .unwrap();
}

#[test]
fn a_task_that_is_lost_at_a_size_is_found() {
    type Loses = fn(&Rare, &TaskInfo, Nanos) -> bool;
    let losing: [Loses; 6] = [
        |rare, _, _| rare.queue.len() == 64,
        |rare, _, _| rare.queue.len() == 100,
        |rare, _, _| rare.queue.len() == 1_000,
        |rare, _, _| rare.queue.len() == 1_024,
        |rare, _, _| rare.queue.len() == 4_096,
        |rare, _, _| rare.queue.len() == 10_000,
    ];
    for loses in losing {
        assert_eq!(rare(|| Rare { loses: Some(loses), ..Rare::default() }), Rule::Lost);
    }
    // The same in `pick`.
    let says = |rare: &mut Rare, _| {
        if rare.queue.len() >= 1_000 {
            rare.queue.pop_back();
        }
        None
    };
    assert_eq!(rare(|| Rare { says: Some(says), ..Rare::default() }), Rule::Lost);
}

fn says<const AT: u64>(
    rare: &mut Rare,
    now: Nanos,
    what: fn(&mut Rare, Nanos) -> Pick,
) -> Option<Pick> {
    (rare.picks >= AT && !rare.queue.is_empty()).then(|| {
        rare.picks = 0;
        what(rare, now)
    })
}

fn all_that_can_be_said<const AT: u64>() {
    type Says = fn(&mut Rare, Nanos) -> Option<Pick>;
    let panics: Says = |rare, now| says::<AT>(rare, now, |_, _| panic!("one too many"));
    let past: Says = |rare, now| says::<AT>(rare, now, |_, now| Pick::Until(now.saturating_sub(1)));
    let now: Says = |rare, now| says::<AT>(rare, now, |_, now| Pick::Until(now));
    let nobody: Says = |rare, now| says::<AT>(rare, now, |_, _| Pick::Nobody);
    let never: Says = |rare, now| says::<AT>(rare, now, |_, _| Pick::Until(Nanos::MAX));
    let twice: Says = |rare, now| {
        says::<AT>(rare, now, |rare, _| {
            let front = rare.queue[0];
            rare.queue.push_back(front);
            Pick::Task(front)
        })
    };
    let invented: Says = |rare, now| says::<AT>(rare, now, |_, _| Pick::Task(Id::new(3, 7)));
    let loses: Says = |rare, now| {
        says::<AT>(rare, now, |rare, _| {
            rare.queue.pop_front();
            rare.queue.pop_front().into()
        })
    };
    for (says, rules) in [
        (panics, &[Rule::Panicked][..]),
        (past, &[Rule::Idle]),
        (now, &[Rule::Idle]),
        (nobody, &[Rule::Idle]),
        (never, &[Rule::Idle]),
        (twice, &[Rule::NotReady, Rule::Stale]),
        (invented, &[Rule::NotReady, Rule::Stale]),
        (loses, &[Rule::Lost, Rule::Idle]),
    ] {
        let rule = rare(|| Rare { says: Some(says), ..Rare::default() });
        assert!(rules.contains(&rule), "at {AT}: {rule:?}, not one of {rules:?}");
    }
}

#[test]
fn what_goes_wrong_once_after_a_thousand_picks_is_found() {
    all_that_can_be_said::<1_009>();
}

#[test]
fn what_goes_wrong_once_after_a_hundred_thousand_picks_is_found() {
    let panics = |rare: &mut Rare, now| says::<100_000>(rare, now, |_, _| panic!("one too many"));
    assert_eq!(rare(|| Rare { says: Some(panics), ..Rare::default() }), Rule::Panicked);
    let past = |rare: &mut Rare, now| says::<131_072>(rare, now, |_, now| Pick::Until(now));
    assert_eq!(rare(|| Rare { says: Some(past), ..Rare::default() }), Rule::Idle);
}

#[test]
fn a_task_that_is_lost_for_what_it_is_is_found() {
    type Loses = fn(&Rare, &TaskInfo, Nanos) -> bool;
    let losing: [(&str, Loses); 24] = [
        ("a name", |_, task, _| task.name() == Some("conn")),
        ("any name", |_, task, _| task.name().is_some()),
        ("an empty name", |_, task, _| task.name() == Some("")),
        ("a deadline", |_, task, _| task.deadline().is_some()),
        ("no time left", |_, task, now| task.deadline().is_some_and(|deadline| deadline < now)),
        ("the last deadline", |_, task, _| task.deadline() == Some(Nanos::MAX)),
        ("a size", |_, task, _| task.size().is_some()),
        ("no size", |_, task, _| task.size() == Some(0)),
        ("the largest size", |_, task, _| task.size() == Some(Nanos::MAX)),
        ("the last group", |_, task, _| task.group() == u32::MAX),
        ("a high group", |_, task, _| task.group() > 1 << 20),
        ("the lightest", |_, task, _| task.weight() == 1),
        ("the heaviest", |_, task, _| task.weight() == u32::MAX),
        ("the least urgent", |_, task, _| task.priority() == 0),
        ("the most urgent", |_, task, _| task.priority() == 255),
        ("a year", |_, _, now| now > 31_536_000_000_000_000),
        ("half of all time", |_, _, now| now > Nanos::MAX / 2),
        ("a timer", |_, task, _| task.cause() == Cause::Timer),
        ("a timer that is late", |_, task, now| task.woken_at() < now),
        ("a source", |_, task, _| task.cause() == Cause::Source(2)),
        ("outside", |_, task, _| task.cause() == Cause::Outside),
        ("its budget", |_, task, _| task.cause() == Cause::Budget),
        ("a task", |_, task, _| matches!(task.cause(), Cause::Task(_))),
        ("no parent", |_, task, _| task.cause() == Cause::Spawn { by: None }),
    ];
    for (what, loses) in losing {
        let rule = rare(|| Rare { loses: Some(loses), ..Rare::default() });
        assert!(matches!(rule, Rule::Lost | Rule::Idle), "{what}: {rule:?}");
    }
}

#[test]
fn what_goes_wrong_when_it_takes_the_place_of_another_is_found() {
    // It knows only those that it has seen since their spawn.
    let unseen =
        |rare: &Rare, task: &TaskInfo, _| task.switches() > 0 && !rare.seen.contains(&task.id());
    assert_eq!(rare(|| Rare { loses: Some(unseen), ..Rare::default() }), Rule::Lost);
    let ran = |rare: &mut Rare, task: &TaskInfo, _| assert!(rare.seen.contains(&task.id()));
    assert_eq!(rare(|| Rare { ran: Some(ran), ..Rare::default() }), Rule::Panicked);
}

#[test]
fn what_goes_wrong_with_a_task_that_is_changed_or_gone_is_found() {
    let twice = |rare: &mut Rare, id| rare.queue.push_back(id);
    assert_eq!(rare(|| Rare { changed: Some(twice), ..Rare::default() }), Rule::NotReady);
    let out = |rare: &mut Rare, id| rare.queue.retain(|&queued| queued != id);
    assert_eq!(rare(|| Rare { changed: Some(out), ..Rare::default() }), Rule::Lost);
    let another = |rare: &mut Rare, _| rare.queue.truncate(rare.queue.len().saturating_sub(1));
    let rule = rare(|| Rare { forget: Some(another), ..Rare::default() });
    assert!(matches!(rule, Rule::Lost | Rule::Idle), "{rule:?}");
    let panics = |rare: &mut Rare, _| assert!(rare.queue.len() < 20);
    assert_eq!(rare(|| Rare { forget: Some(panics), ..Rare::default() }), Rule::Panicked);
    let panicked = |_: &mut Rare, _: &TaskInfo, left| assert!(left != Left::Panicked);
    assert_eq!(rare(|| Rare { ran: Some(panicked), ..Rare::default() }), Rule::Panicked);
}

#[test]
fn wrong_answers_that_are_rare_are_found() {
    let none = |task: &TaskInfo| (task.size() == Some(0)).then_some(0);
    assert_eq!(rare(|| Rare { quantum: Some(none), ..Rare::default() }), Rule::Quantum);
    let some = |queue: &VecDeque<Id>| {
        let skip = usize::from(queue.len() > 1_000);
        queue.iter().skip(skip).copied().collect()
    };
    assert_eq!(rare(|| Rare { shown: Some(some), ..Rare::default() }), Rule::Queue);
    let many = |rare: &Rare| {
        assert!(rare.queue.len() < 1_000);
        String::new()
    };
    assert_eq!(rare(|| Rare { explained: Some(many), ..Rare::default() }), Rule::Panicked);
    let late = |rare: &Rare| {
        assert!(rare.picks < 50_000);
        String::new()
    };
    assert_eq!(rare(|| Rare { explained: Some(late), ..Rare::default() }), Rule::Panicked);
}
