//! What holds for every run, to the nanosecond, whatever the seed and the policy.

use std::cell::RefCell;
use std::rc::Rc;

use lab::world::{Job, Served, nanos, serve};
use turno::policy;
use turno::runtime::Builder;
use turno::time::Clock;

const POLICIES: [&str; 16] = [
    "fifo",
    "lifo",
    "random",
    "sjf",
    "priority",
    "priority:aging=2ms",
    "edf",
    "las",
    "round-robin:quantum=100us",
    "fair:quantum=100us",
    "drr:quantum=100us",
    "srpt:quantum=100us",
    "las:quantum=100us",
    "mlfq:quantum=100us",
    "lottery:quantum=100us",
    "stride:quantum=100us",
];
/// Those that let a job run to its end.
const TO_THE_END: usize = 8;

fn jobs(seed: u64) -> Vec<Job> {
    let rng = policy::Rng::new(seed);
    let uniform = || (rng.next() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut at = 0.0;
    let job = |n| {
        at += -(1.0 - uniform()).ln() / 0.85;
        let class = (rng.next() % 3) as u32;
        let size = nanos(-(1.0 - uniform()).ln());
        Job { n, at: nanos(at), size, class, priority: 130 - class as u8, ..Job::default() }
    };
    (0..5_000).map(job).collect()
}

fn run(policy: &str, jobs: Vec<Job>) -> Vec<Served> {
    let policy = policy::named(policy).unwrap();
    let rt = Builder::new().policy(policy).clock(Clock::virtual_time()).seed(3).build().unwrap();
    let all = Rc::new(RefCell::new(Vec::new()));
    let here = all.clone();
    rt.block_on(serve(jobs.into_iter(), move |served| here.borrow_mut().push(served)));
    all.take()
}

#[test]
fn little_the_jobs_in_the_system_are_the_times_they_spend_there() {
    for policy in POLICIES {
        let served = run(policy, jobs(1));
        let sum: u128 = served.iter().map(|served| u128::from(served.response())).sum();
        let mut events: Vec<(u64, i64)> =
            served.iter().flat_map(|served| [(served.job.at, 1), (served.ended, -1)]).collect();
        events.sort_unstable();
        let (mut area, mut inside, mut before) = (0_u128, 0_i64, 0);
        for (at, change) in events {
            area += u128::from(at - before) * inside as u128;
            (before, inside) = (at, inside + change);
        }
        assert_eq!((area, inside), (sum, 0), "{policy}");
    }
}

#[test]
fn the_work_is_done_at_the_same_times_whatever_the_order() {
    for seed in [1, 2, 3] {
        let busy = |policy| {
            let mut ends: Vec<_> = run(policy, jobs(seed)).iter().map(|s| s.ended).collect();
            ends.sort_unstable();
            (ends.len(), ends.last().copied())
        };
        // The server is busy whenever there is work, so it ends when the last work that came does.
        let reckoned = jobs(seed).iter().fold(0, |free, job| job.at.max(free) + job.size);
        for policy in POLICIES {
            assert_eq!(busy(policy), (5_000, Some(reckoned)), "{policy}, seed {seed}");
        }
    }
}

#[test]
fn kleinrock_what_waits_weighted_with_its_size_is_conserved() {
    for seed in [1, 2, 3] {
        let waits = |policy: &str| -> u128 {
            let served = run(policy, jobs(seed));
            let wait = |s: &Served| u128::from(s.job.size) * u128::from(s.began - s.job.at);
            served.iter().map(wait).sum()
        };
        let fifo = waits("fifo");
        for policy in &POLICIES[..TO_THE_END] {
            assert_eq!(waits(policy), fifo, "{policy}, seed {seed}");
        }
    }
}

#[test]
fn an_arrival_is_ready_at_its_moment_however_long_the_switch_that_hides_it() {
    // The first job hides all the others; aging orders by the moment of waking.
    let mut jobs: Vec<_> = (1..=5_000)
        .map(|n| Job { n, at: n, size: 1, priority: 128 + (n % 2) as u8, ..Job::default() })
        .collect();
    jobs.insert(0, Job { size: 1_000_000, ..Job::default() });
    let served = run("priority:aging=100ns", jobs);
    let key = |s: &Served| s.job.at + 100 * u64::from(s.job.priority == 128);
    let keys: Vec<_> = served.iter().skip(1).take(4_000).map(key).collect();
    assert!(keys.is_sorted());
}
