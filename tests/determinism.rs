//! Same seed, same program, virtual clock: the same trace, byte for byte, in two processes. (The gate
//! compares a debug with a release build: `.ci/run`.)

use std::cell::RefCell;
use std::fmt::Write;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use turno::observe::Event;
use turno::policy::{Pick, Policy, Tasks};
use turno::runtime::Builder;
use turno::task::{Id, Nanos, TaskInfo, yield_now};
use turno::time::{Clock, sleep, timeout, work};

/// Picks at random, with the runtime's randomness.
#[derive(Default)]
struct Lottery(Vec<Id>);

impl Policy for Lottery {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.push(task.id());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        let many = self.0.len() as u64;
        (many > 0).then(|| self.0.swap_remove((tasks.random() % many) as usize)).into()
    }
}

/// What happened, when, why, and who was picked.
fn trace(seed: u64) -> String {
    let trace = Rc::new(RefCell::new(String::new()));
    let lines = trace.clone();
    let note = move |now: Nanos, event: &Event<'_>| {
        let mut lines = lines.borrow_mut();
        let _ = match event {
            Event::Woken { task, .. } => {
                writeln!(lines, "{now} ready {} {}", task.id(), task.cause())
            }
            Event::Switched { n, task, waited, ready, .. } => {
                writeln!(lines, "{now} switch {n} to {} after {waited}, {ready} ready", task.id())
            }
            Event::Ended { task, left, ran, .. } => {
                writeln!(lines, "{now} task {} {left} after {ran}", task.id())
            }
            other => writeln!(lines, "{now} {other:?}"),
        };
    };
    let rt = Builder::new()
        .policy(Lottery::default())
        .clock(Clock::virtual_time())
        .seed(seed)
        .observe(note)
        .build()
        .unwrap();
    rt.block_on(async {
        let tasks: Vec<_> = (1..=20_u64)
            .map(|n| {
                turno::spawn(async move {
                    for i in 0..5 {
                        sleep(Duration::from_micros(n * i % 7)).await;
                        work(Duration::from_nanos(n * 100)).await;
                        let short = Duration::from_nanos(n * 50);
                        let _ = timeout(short, sleep(Duration::from_nanos(n * i * 30))).await;
                        yield_now().await;
                    }
                })
            })
            .collect();
        tasks[7].abort();
        for task in tasks {
            let _ = task.await;
        }
    });
    let trace = trace.borrow().clone();
    trace
}

#[test]
fn two_processes_have_one_trace() {
    const CHILD: &str = "TURNO_TEST_TRACE_TO";
    if let Some(path) = std::env::var_os(CHILD) {
        return std::fs::write(path, trace(7)).unwrap();
    }
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("trace");
    let test = std::env::current_exe().unwrap();
    let args = ["--exact", "two_processes_have_one_trace"];
    assert!(Command::new(test).args(args).env(CHILD, &path).status().unwrap().success());
    let (theirs, ours) = (std::fs::read_to_string(path).unwrap(), trace(7));
    assert!(ours.lines().count() > 500, "the trace is too short to tell anything");
    assert!(theirs == ours, "two processes, two traces");
    assert_ne!(trace(8), ours, "the seed decides nothing");
}
