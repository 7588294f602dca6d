//! Same seed, same program, virtual clock: the same run, to the byte; in another process and in any
//! build.

mod common;

use std::process::Command;

use common::at_random::AtRandom;
use common::{Gate, Trace, guarded, own_waker};
use turno::observe::Event;
use turno::runtime::Builder;
use turno::task::{self, Nanos, yield_now};
use turno::time::{Clock, Duration, sleep, timeout, work};

/// The trace of a program that uses everything that could bring in chance.
fn trace(seed: u64) -> String {
    guarded(|| {
        let trace = Trace::new();
        let mut shows = trace.clone();
        let observer = move |now: Nanos, event: &Event<'_>| {
            use turno::observe::Observer;
            shows.event(now, event);
            if let Event::Ended { task, ran, .. } = event {
                shows.say(format_args!("{} ran {ran} of {}", task.id(), task.total_run()));
            }
        };
        let clock = Clock::virtual_time();
        let builder = Builder::new().clock(clock).seed(seed).policy(AtRandom::default());
        let rt = builder.observe(observer).budget(3).build().unwrap();
        rt.block_on(async {
            let gate = Gate::new();
            let mut tasks = Vec::new();
            for n in 0..20_u64 {
                let (gate, trace) = (gate.clone(), trace.clone());
                tasks.push(task::Builder::new().group((n % 3) as u32).spawn(async move {
                    for step in 0..5 {
                        match (n + step) % 5 {
                            0 => yield_now().await,
                            1 => sleep(Duration::from_nanos(n * 37 % 11)).await,
                            2 => work(Duration::from_nanos(n + 1)).await,
                            3 => gate.open(),
                            _ => drop(timeout(Duration::from_nanos(3), gate.clone()).await),
                        }
                    }
                    if n == 13 {
                        panic!("on purpose");
                    }
                    trace.say(format_args!("{n} done"));
                    own_waker().await.wake();
                    n
                }));
            }
            tasks[7].abort();
            for task in tasks {
                trace.say(format_args!("{:?}", task.await.ok()));
            }
        });
        trace.take().join("\n")
    })
}

/// FNV-1a: the same number for the same text in any build.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn the_same_seed_is_the_same_run_in_one_process() {
    assert_eq!(trace(7), trace(7));
}

#[test]
fn another_seed_is_another_run() {
    assert_ne!(trace(7), trace(8));
}

/// Prints a trace when it is called by another process, and does nothing else.
#[test]
fn child_prints_its_trace() {
    if let Ok(seed) = std::env::var("TURNO_TEST_SEED") {
        println!("<<<{}>>>", trace(seed.parse().unwrap()));
    }
}

#[test]
fn the_same_seed_is_the_same_run_in_two_processes() {
    let run = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "child_prints_its_trace", "--nocapture", "--test-threads=1"]);
        let output = child.env("TURNO_TEST_SEED", "7").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, rest) = text.split_once("<<<").unwrap();
        rest.split_once(">>>").unwrap().0.to_string()
    };
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    assert_eq!(first, trace(7));
}

#[test]
fn the_run_is_the_same_in_any_build_and_on_any_day() {
    // If the order of events was changed on purpose, take the new numbers from the failure.
    let text = trace(7);
    assert_eq!((text.lines().count(), hash(&text)), GOLDEN, "{text}");
}

const GOLDEN: (usize, u64) = (296, 6_185_004_262_612_784_294);
