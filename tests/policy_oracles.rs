//! What theory says of a policy, to the figure. In virtual time, or without a runtime.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use turno::policy::{
    Drr, Edf, Fair, Fifo, Lookup, Lottery, Pick, Policy, Priority, Random, Rng, Stride, Tasks,
    named,
};
use turno::runtime::{Builder, Runtime};
use turno::task::{self, Attributes, Cause, Id, Left, Nanos, TaskInfo, yield_now};
use turno::time::{Clock, Instant, sleep_until, work};

const MS: Duration = Duration::from_millis(1);

fn rt(policy: impl Into<Box<dyn Policy>>) -> Runtime {
    Builder::new().policy(policy).clock(Clock::virtual_time()).build().unwrap()
}

/// The share of the thread that each of the tasks has of `duration`. They yield after each switch
/// of that length.
fn shares<const N: usize>(
    policy: impl Into<Box<dyn Policy>>,
    tasks: [(task::Builder, Duration); N],
    duration: Duration,
) -> [f64; N] {
    let rt = rt(policy);
    let _context = rt.enter();
    let ids = tasks.map(|(builder, switch)| {
        let hog = async move {
            loop {
                work(switch).await;
                yield_now().await;
            }
        };
        builder.spawn(hog).id()
    });
    rt.run_until(Instant::now() + duration);
    let tasks = rt.tasks();
    ids.map(|id| {
        let task = tasks.iter().find(|task| task.id() == id).unwrap();
        task.total_run() as f64 / duration.as_nanos() as f64
    })
}

fn weight(weight: u32) -> task::Builder {
    task::Builder::new().weight(weight)
}

fn assert_near<const N: usize>(shares: [f64; N], expected: [f64; N], within: f64) {
    let near = shares.iter().zip(&expected).all(|(share, want)| (share - want).abs() <= within);
    assert!(near, "{shares:?}, expected {expected:?} within {within}");
}

#[test]
fn fair_gives_run_time_by_weight_whatever_the_length_of_a_switch() {
    let tasks = || [(weight(300), MS), (weight(200), MS), (weight(100), MS)];
    assert_near(shares(Fair::new(), tasks(), 6_000 * MS), [0.5, 0.3333, 0.1667], 0.0002);
    let tasks = || [(weight(300), 7 * MS), (weight(200), MS / 10), (weight(100), 3 * MS)];
    assert_near(shares(Fair::new(), tasks(), 60_000 * MS), [0.5, 0.3333, 0.1667], 0.0005);
    // By switches the long ones get more.
    let [long, short, _] = shares(Stride::new(), tasks(), 60_000 * MS);
    assert!(long / short > 100.0, "{long} and {short}");
    // But not if work is sliced.
    let sliced = Stride::new().with_quantum(MS / 10);
    assert_near(shares(sliced, tasks(), 60_000 * MS), [0.5, 0.3333, 0.1667], 0.0005);
}

#[test]
fn one_task_in_a_group_of_its_own_has_half_beside_a_hundred() {
    let tasks = || [0; 101].map(|_| task::Builder::new()).map(|builder| (builder, MS));
    let grouped = || {
        let mut tasks = tasks();
        tasks[0].0 = task::Builder::new().group(1);
        tasks
    };
    let by_group = shares(Drr::new(), grouped(), 2_000 * MS);
    assert_near([by_group[0]], [0.5], 0.001);
    let by_task = shares(Fair::new(), grouped(), 2_020 * MS);
    assert_near(by_task, [1.0 / 101.0; 101], 0.001);
    assert_near(shares(Fifo::new(), tasks(), 2_020 * MS), [1.0 / 101.0; 101], 0.001);
}

#[test]
fn drr_shares_by_time_and_round_robin_by_switches() {
    let tasks = || [(task::Builder::new().group(1), 9 * MS), (task::Builder::new().group(2), MS)];
    assert_near(shares(Drr::new(), tasks(), 10_000 * MS), [0.5, 0.5], 0.001);
    let turns = named("round-robin").unwrap();
    assert_near(shares(turns, tasks(), 10_000 * MS), [0.9, 0.1], 0.001);
}

/// Tasks that are always ready, without a runtime.
struct Hogs {
    tasks: Vec<TaskInfo>,
    policy: Box<dyn Policy>,
    rng: Rng,
    now: Nanos,
}

impl Lookup for Hogs {
    fn get(&self, id: Id) -> Option<&TaskInfo> {
        self.tasks.get(id.index())
    }
}

impl Hogs {
    fn new(policy: impl Into<Box<dyn Policy>>, seed: u64, weights: &[u32]) -> Self {
        let task = |(index, &weight): (usize, &u32)| {
            let mut attributes = Attributes::default();
            attributes.weight = weight;
            TaskInfo::new(Id::new(index as u32, index as u64 + 1), None, attributes, 0)
        };
        let tasks = weights.iter().enumerate().map(task).collect();
        let mut hogs = Self { tasks, policy: policy.into(), rng: Rng::new(seed), now: 0 };
        for task in &mut hogs.tasks {
            task.woken(Cause::Spawn { by: None }, 0);
            hogs.policy.ready(task, 0);
        }
        hogs
    }

    /// One switch, which takes `ran`; whose it was.
    fn switch(&mut self, ran: Nanos) -> usize {
        let mut policy = std::mem::replace(&mut self.policy, Fifo::new().into());
        let Pick::Task(id) = policy.pick(&Tasks::new(self, &self.rng), self.now) else {
            panic!("all are ready");
        };
        self.policy = policy;
        self.now += ran;
        let task = &mut self.tasks[id.index()];
        task.switched(ran, Left::Yielded);
        self.policy.ran(task, ran, Left::Yielded, self.now);
        task.woken(Cause::Yield, self.now);
        self.policy.ready(task, self.now);
        id.index()
    }
}

/// By how many wins each of `runs` lotteries was off.
fn lottery_errors(runs: u64, draws: u64, weights: &[u32]) -> Vec<f64> {
    let share = f64::from(weights[0]) / f64::from(weights.iter().sum::<u32>());
    let error = |seed| {
        let mut hogs = Hogs::new(Lottery::new(), seed, weights);
        let wins = (0..draws).filter(|_| hogs.switch(1) == 0).count();
        wins as f64 - share * draws as f64
    };
    (0..runs).map(error).collect()
}

#[test]
fn a_lottery_is_off_by_the_root_of_the_draws() {
    for (draws, runs, sd) in [(100, 1_000, 4.33), (1_000, 400, 13.69), (10_000, 100, 43.30)] {
        let errors = lottery_errors(runs, draws, &[100, 250, 30, 20]);
        let mean = errors.iter().sum::<f64>() / runs as f64;
        let square = errors.iter().map(|error| error * error).sum::<f64>() / runs as f64;
        // Four standard deviations of a mean and of a deviation over so many runs.
        assert!(mean.abs() < 4.0 * sd / (runs as f64).sqrt(), "{draws} draws: mean {mean}");
        let off = (square.sqrt() / sd - 1.0).abs();
        assert!(off < 4.0 / (2.0 * runs as f64).sqrt(), "{draws} draws: sd {}", square.sqrt());
    }
}

#[test]
fn stride_is_never_off_by_more_than_a_switch_between_two() {
    for weights in [[3, 1], [100, 1], [7, 5], [1, 1], [300, 299], [1_000, 7]] {
        let mut hogs = Hogs::new(Stride::new(), 0, &weights);
        let share = f64::from(weights[0]) / f64::from(weights[0] + weights[1]);
        let mut wins = 0;
        for n in 1..=20_000 {
            wins += u32::from(hogs.switch(n % 7) == 0);
            let error = f64::from(wins) - share * n as f64;
            assert!(error.abs() <= 1.0001, "{weights:?}: off by {error} after {n}");
        }
    }
}

#[test]
fn stride_among_many_is_off_by_half_of_them() {
    // One with half of the tickets beside a hundred with one each.
    let weights: Vec<u32> = [100].into_iter().chain([1; 100]).collect();
    let mut hogs = Hogs::new(Stride::new(), 0, &weights);
    let (mut wins, mut worst) = (0.0_f64, 0.0_f64);
    for n in 1..=2_000 {
        wins += f64::from(u8::from(hogs.switch(1) == 0));
        worst = worst.max((wins - n as f64 / 2.0).abs());
    }
    assert!((45.0..=50.0).contains(&worst), "{worst}");
}

#[test]
fn random_draws_each_as_often_as_the_others() {
    let (draws, tasks) = (100_000, 50);
    let mut hogs = Hogs::new(Random::new(), 7, &vec![100; tasks]);
    let mut counts = vec![0.0_f64; tasks];
    (0..draws).for_each(|_| counts[hogs.switch(1)] += 1.0);
    let expected = draws as f64 / tasks as f64;
    let chi: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
    // Its mean is 49 and its standard deviation the root of twice that. Too even is wrong as well.
    assert!((49.0 - 4.0 * 9.9..49.0 + 4.0 * 9.9).contains(&chi), "{chi}");
}

#[test]
fn fair_keeps_virtual_times_within_the_longest_switch_over_its_weight() {
    let weights = [500, 200, 100, 100];
    let (mut hogs, lengths) = (Hogs::new(Fair::new(), 0, &weights), Rng::new(3));
    let most = 1_000;
    let mut ran = [0.0_f64; 4];
    for _ in 0..20_000 {
        let length = 1 + lengths.next() % most;
        let who = hogs.switch(length);
        ran[who] += length as f64 / f64::from(weights[who]);
        let least = ran.iter().copied().fold(f64::INFINITY, f64::min);
        let spread = ran.iter().copied().fold(0.0, f64::max) - least;
        assert!(spread <= most as f64 / 100.0 + 0.01, "{spread}");
    }
}

/// When each of three tasks that come at the same time, and have 5, 1 and 3 ms to do, has done it.
fn finished(policy: &str) -> [u128; 3] {
    let rt = rt(named(policy).unwrap());
    let _context = rt.enter();
    let start = Instant::now();
    let ends = Rc::new(RefCell::new([0; 3]));
    for (n, size) in [5, 1, 3].into_iter().enumerate() {
        let ends = ends.clone();
        task::Builder::new().expected_size(size * MS).spawn(async move {
            work(size * MS).await;
            ends.borrow_mut()[n] = start.elapsed().as_millis();
        });
    }
    rt.run_until(start + 100 * MS);
    *ends.borrow()
}

#[test]
fn three_tasks_are_done_when_the_textbook_says() {
    assert_eq!(finished("fifo"), [5, 6, 9]);
    assert_eq!(finished("lifo"), [9, 4, 3]);
    assert_eq!(finished("sjf"), [9, 1, 4]);
    assert_eq!(finished("srpt:quantum=1ms"), [9, 1, 4]);
    for turns in ["round-robin", "drr", "fair", "stride", "las", "mlfq", "priority", "edf"] {
        assert_eq!(finished(&format!("{turns}:quantum=1ms")), [9, 2, 7], "{turns}");
    }
}

/// How many of the jobs of two periodic tasks, (2, 5) and (4, 7) ms, come too late in two
/// hyperperiods, and the worst lateness in ms.
fn late(policy: impl Into<Box<dyn Policy>>) -> (usize, i64) {
    let rt = rt(policy);
    let _context = rt.enter();
    let start = Instant::now();
    let lateness = Rc::new(RefCell::new(Vec::new()));
    for (work_ms, period, priority) in [(2, 5, 200), (4, 7, 100)] {
        let lateness = lateness.clone();
        // Whoever releases the jobs comes first under either policy.
        task::Builder::new().priority(255).deadline(start).spawn(async move {
            for n in 0..70 / period {
                sleep_until(start + n * period * MS).await;
                let (due, lateness) = ((n + 1) * period, lateness.clone());
                let job = task::Builder::new().priority(priority).deadline(start + due * MS);
                job.spawn(async move {
                    work(work_ms * MS).await;
                    let end = start.elapsed().as_millis() as i64;
                    lateness.borrow_mut().push(end - i64::from(due));
                });
            }
        });
    }
    rt.run_until(start + 100 * MS);
    let lateness = lateness.borrow();
    assert_eq!(lateness.len(), 24);
    (lateness.iter().filter(|&&late| late > 0).count(), *lateness.iter().max().unwrap())
}

#[test]
fn edf_meets_deadlines_that_rate_monotonic_priorities_miss() {
    assert_eq!(late(Edf::new().with_quantum(MS)), (0, -1));
    assert_eq!(late(Priority::strict().with_quantum(MS)), (2, 1));
}
