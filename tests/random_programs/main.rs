//! Random programs of two runtimes and several threads: of one that ends nothing false is claimed,
//! and one that is dead is told.
//!
//! A program is made from a seed alone; what other threads do in it comes at random moments. When
//! one fails, its seed and its plan are printed. `TURNO_PROGRAM=17` runs that one again and again;
//! `TURNO_PROGRAMS=100000` runs as many, from the seed `TURNO_FIRST` on.
#[path = "../common/mod.rs"]
mod common;

mod dead;
mod plan;
mod run;
mod world;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use common::text;
use plan::Program;
use world::LIKELY;

/// Splitmix.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// How many programs run at a time: most of them sleep.
const WORKERS: usize = 16;

/// Longer than any takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

/// Runs programs by their seeds, and fails with those that fail or hang.
fn run_all(count: u64, check: fn(u64), plan: fn(u64) -> String) {
    let (one, first) = (number("TURNO_PROGRAM"), number("TURNO_FIRST").unwrap_or(0));
    let count = if one.is_some() { 200 } else { count };
    let (next, failed) = (AtomicU64::new(0), StdMutex::new(Vec::new()));
    let running: Vec<StdMutex<Option<(u64, Instant)>>> =
        (0..WORKERS).map(|_| StdMutex::default()).collect();
    let work = |running: &StdMutex<_>| {
        loop {
            let n = next.fetch_add(1, SeqCst);
            if n >= count || failed.lock().unwrap().len() >= 10 {
                return;
            }
            let seed = one.unwrap_or(first + n);
            *running.lock().unwrap() = Some((seed, Instant::now()));
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(seed))) {
                eprintln!("program {seed}: {}\n{}", text(&*panic), plan(seed));
                failed.lock().unwrap().push(seed);
            }
            *running.lock().unwrap() = None;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            running.iter().map(|running| scope.spawn(move || work(running))).collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            for (seed, since) in running.iter().filter_map(|running| *running.lock().unwrap()) {
                if since.elapsed() > PATIENCE {
                    eprintln!("program {seed} hangs: {}", plan(seed));
                    std::process::abort();
                }
            }
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "`TURNO_PROGRAM` runs one of these again: {failed:?}");
}

#[test]
fn nothing_false_is_claimed_of_programs_that_end() {
    let count = number("TURNO_PROGRAMS").unwrap_or(5_000);
    run_all(count, |seed| Program::new(seed).check(), |seed| format!("{:#?}", Program::new(seed)));
    eprintln!("{} likely cycles where a guard had moved unseen", LIKELY.load(SeqCst));
}

#[test]
fn programs_that_are_dead_are_told() {
    let count = number("TURNO_PROGRAMS").map_or(1_000, |count| count / 5);
    run_all(count, dead::is_told, |seed| format!("{:#?}", dead::dead_of(seed).0));
}
