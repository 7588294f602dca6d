//! What the examples of the talk's slides claim holds, and what their headers show is printed.

#![allow(dead_code)] // The examples' own `main`s.
#![allow(clippy::duplicate_mod)] // How they speak, each by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use turno::policy::{Fifo, Policy, Priority};
use turno::sync::Mutex;
use turno::task::WaitReason;

#[path = "../examples/accept_burst.rs"]
mod accept_burst;
#[path = "../examples/background.rs"]
mod background;
#[path = "../examples/blocking.rs"]
mod blocking;
#[path = "../examples/concurrency_limit.rs"]
mod concurrency_limit;
#[path = "../examples/cpu_bound.rs"]
mod cpu_bound;
#[path = "../examples/hidden_switch/main.rs"]
mod hidden_switch;
#[path = "../examples/inversion.rs"]
mod inversion;
#[path = "../examples/locks.rs"]
mod locks;
#[path = "../examples/priorities.rs"]
mod priorities;
#[path = "../examples/race.rs"]
mod race;
#[path = "../examples/state_leak.rs"]
mod state_leak;

const MS: Duration = Duration::from_millis(1);

#[test]
fn accept_burst_what_one_process_grabs_the_idle_ones_cannot_serve() {
    let [one, all] = [1, 500].map(|burst| accept_burst::run(burst).unwrap());
    assert_eq!((one.done_in, one.busiest, one.at_work), (700 * MS, 7, 80), "ceil(500 / 80) rounds");
    assert_eq!((all.done_in, all.busiest, all.at_work), (50_000 * MS, 500, 1));
    assert!(all.visits < one.visits, "that is what it was for");
}

#[test]
fn cpu_bound_gathered_computations_go_one_at_a_time_and_threads_side_by_side() {
    let runs = cpu_bound::compare(100_000).unwrap();
    assert!(runs.iter().all(|run| run.results == [77_031; 4]), "they compute the same");
    let at_once: Vec<u32> = runs.iter().map(|run| run.at_once).collect();
    assert_eq!(at_once[..3], [1, 1, 1], "a loop, join! and tasks");
    assert!(at_once[3] > 1 && at_once[4] > 1, "the pool and threads: {at_once:?}");
}

#[test]
fn blocking_a_blocking_call_makes_everyone_late_and_the_pool_does_not() {
    let median = |mut late: Vec<Duration>| {
        late.sort_unstable();
        late[late.len() / 2]
    };
    let blocks = blocking::run(blocking::Query::Blocks).unwrap();
    assert!(blocks.late.iter().any(|late| *late >= 80 * MS), "{:?}", blocks.late);
    let (ran, culprit) = blocks.longest;
    assert!(ran >= 100_000_000 && culprit.contains("\"queries\""), "{culprit}: {ran}");
    let late = median(blocks.late);
    for how in [blocking::Query::OnThePool, blocking::Query::Awaits] {
        let run = blocking::run(how).unwrap();
        assert!(run.longest.0 < ran, "{:?}", run.longest);
        assert!(2 * median(run.late) < late, "half of the ticks were later than {late:?}");
    }
}

#[test]
fn state_leak_a_thread_local_names_another_and_a_task_local_does_not() {
    let wrong = |log: Vec<(&str, &str)>| log.iter().filter(|(acted, said)| acted != said).count();
    let (leaking, scoped) = (state_leak::leaking().unwrap(), state_leak::scoped().unwrap());
    assert_eq!((leaking.len(), scoped.len()), (3, 3));
    assert_eq!((wrong(leaking), wrong(scoped)), (2, 0));
}

#[test]
fn race_updates_are_lost_across_an_await_and_not_under_a_lock_nor_without_an_await() {
    use race::How;
    let (schedules, lost) = race::find(How::ReadAwaitWrite, 2, 1, 200).unwrap();
    assert!((60..140).contains(&schedules), "half of the schedules lose: {schedules} of 200");
    assert_eq!(lost, schedules, "one update each");
    for (tasks, deposits) in [(2, 1), (10, 10)] {
        assert_eq!(race::find(How::Locked, tasks, deposits, 200).unwrap(), (0, 0));
        assert_eq!(race::find(How::NoAwaitBetween, tasks, deposits, 200).unwrap(), (0, 0));
    }
}

#[test]
fn locks_one_lock_lets_so_many_through_however_many_tasks_there_are() {
    let served = |tasks, locked| locks::throughput(tasks, locked).unwrap();
    for tasks in [1, 4, 16, 256] {
        assert_eq!(served(tasks, Duration::ZERO), 100 * tasks as u32, "no lock");
        assert_eq!(served(tasks, 10 * MS), 100, "always locked");
        assert_eq!(served(tasks.max(4), 5 * MS), 200, "half of the time");
    }
}

#[test]
fn locks_a_deadlock_is_reported_with_both_tasks_and_both_locks() {
    let stalled = locks::transfers(true).unwrap().expect_err("it deadlocks");
    let [_root, ann, ben] = stalled.tasks() else { panic!("{stalled}") };
    let names = [ann, ben].map(|waiting| waiting.task.name().unwrap_or_default());
    assert_eq!(names, ["ann pays ben", "ben pays ann"]);
    let [[of_ann], [of_ben]] = [&ann.waits[..], &ben.waits[..]] else { panic!("{stalled}") };
    assert_eq!((of_ann.reason, of_ben.reason), (WaitReason::Mutex, WaitReason::Mutex));
    assert_eq!(of_ann.holder.expect("it is held").task, ben.task.id());
    assert_eq!(of_ben.holder.expect("it is held").task, ann.task.id());
    assert!(of_ann.made.is_some() && of_ann.made != of_ben.made, "{stalled}");
    assert_eq!(locks::transfers(false).unwrap().expect("one order, no deadlock"), (80, 120));
}

#[test]
fn background_who_was_left_alone_is_reported_and_a_set_hears_of_all() {
    let (done, unfinished) = background::left_alone().unwrap();
    assert_eq!(done.take(), ["log"]);
    let [mail] = &unfinished.tasks[..] else { panic!("{unfinished}") };
    assert_eq!(mail.task.name(), Some("mail"));
    assert!(mail.task.spawn_site().file().ends_with("background.rs"), "{unfinished}");
    assert_eq!(mail.waits[0].reason, WaitReason::Timer(50_000_000));
    assert_eq!(unfinished.jobs.len(), 1);

    let (done, failed) = background::waited_for(100 * MS).unwrap();
    assert_eq!((done.take(), failed.len()), (vec!["log", "mail"], 1));
    let (done, failed) = background::waited_for(20 * MS).unwrap();
    assert_eq!((done.take(), failed.len()), (vec!["log"], 2));
    assert!(failed[1].contains("\"mail\"") && failed[1].contains("cancelled"), "{failed:?}");
}

#[test]
fn hidden_switch_breaks_the_invariant_and_a_visible_await_shows_where() {
    let green = [false, true].map(hidden_switch::sold_by_green_threads);
    assert_eq!(green, [1, 3], "seats sold of one, without and with a hidden switch");
    let tasks = [false, true].map(|well| hidden_switch::sold_by_tasks(well).unwrap());
    assert_eq!(tasks, [3, 1], "seats sold of one, awaiting before and after it is taken");
    let holes = |head| hidden_switch::marked(head).iter().filter(|(_, mark)| *mark).count();
    assert_eq!((holes("pub fn buy("), holes("pub async fn buy(")), (0, 1));
}

#[test]
fn concurrency_limit_the_knee_is_where_the_shared_resource_is_just_busy() {
    let runs = concurrency_limit::all().unwrap();
    assert_eq!(concurrency_limit::knee(&runs), 10, "9 wait while 1 is served");
    let at = |limit| runs.iter().find(|(l, _)| *l == limit).expect("it was run").1;
    for (limit, run) in &runs {
        // Little's law: 200 clients are always there.
        let there = run.throughput * run.answered_in.as_secs_f64();
        assert!((there / 200.0 - 1.0).abs() < 0.1, "{limit}: {there}");
    }
    assert!((at(16).throughput / at(10).throughput - 1.0).abs() < 0.01, "no more than at the knee");
    assert!(at(16).served_in > at(10).served_in * 3 / 2, "only later");
    assert!(at(200).throughput < at(10).throughput / 5.0, "and in the end fewer");
    assert!(at(200).answered_in > at(10).answered_in * 5);
}

#[test]
fn inversion_the_wait_grows_with_who_is_in_between_and_not_with_inheritance() {
    for medium in [0, 8, 80] {
        let plain = inversion::run(Mutex::new(()), medium).unwrap();
        let inherits = inversion::run(Mutex::with_priority_inheritance(()), medium).unwrap();
        assert_eq!(plain.waited, (4 + medium) * MS);
        assert_eq!(inherits.waited, 4 * MS);
    }
    let [high, medium, low] = inversion::run(Mutex::new(()), 3).unwrap().rows;
    assert_eq!([&*high, &*medium, &*low], [" ·······██", "  ███", "██▒▒▒███░░█"]);
}

#[test]
fn priorities_a_larger_budget_delays_the_alarm_and_a_policy_that_knows_it_does_less() {
    fn fifo() -> Box<dyn Policy> {
        Box::new(Fifo::new())
    }
    fn urgent() -> Box<dyn Policy> {
        Box::new(Priority::strict())
    }
    let run = |policy, budget| {
        priorities::run(priorities::Dials { policy, budget, batch: 1 }, 30).unwrap()
    };
    let (small, large, knows) = (run(fifo, 16), run(fifo, 2048), run(urgent, 2048));
    assert!(small.items_per_switch <= 16.0 && large.items_per_switch > 1_000.0);
    assert!(large.late > 4 * small.late, "{:?}, {:?}", large.late, small.late);
    assert!(knows.late < large.late, "{:?}, {:?}", knows.late, large.late);
}

/// An example's program. `cargo test` has built it; `cargo test --test slides` has not.
fn example(name: &str) -> PathBuf {
    static BUILD: Once = Once::new();
    BUILD.call_once(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--example", "threads_vs_tasks"]);
        cargo.args(SAME_EVERYWHERE.iter().flat_map(|name| ["--example", name]));
        if cfg!(feature = "tokio-io") {
            cargo.args(["--features", "tokio-io"]); // The same build, not one more.
        }
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo starts").success(), "the examples do not build");
    });
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps has parents");
    profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn stdout(name: &str, args: &[&str]) -> String {
    let output = Command::new(example(name)).args(args).stdin(Stdio::null()).output();
    let output = output.expect("the example starts");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it speaks UTF-8")
}

#[test]
#[cfg(target_os = "linux")]
fn threads_vs_tasks_a_task_is_smaller_than_a_thread_and_that_than_a_process() {
    let each = |what: &str, count: u64| {
        let text = stdout("threads_vs_tasks", &[what, &count.to_string()]);
        let numbers: Vec<u64> = text.split_whitespace().flat_map(str::parse).collect();
        assert_eq!(numbers[0], count, "all were started");
        numbers[1] / count // What they take in the kernel may be others', too.
    };
    let (process, thread, task) =
        (each("processes", 5), each("threads", 500), each("tasks", 20_000));
    assert!(task < 1_000, "{task} bytes a task");
    assert!(5 * task < thread && 5 * thread < process, "{task}, {thread}, {process}");
}

/// These print the same each time.
const SAME_EVERYWHERE: [&str; 8] = [
    "accept_burst",
    "background",
    "concurrency_limit",
    "hidden_switch",
    "inversion",
    "locks",
    "race",
    "state_leak",
];

#[test]
fn what_the_headers_show_is_what_is_printed() {
    for name in SAME_EVERYWHERE {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let file = examples.join(format!("{name}.rs"));
        let file = if file.exists() { file } else { examples.join(name).join("main.rs") };
        let source = fs::read_to_string(file).expect("it can be read");
        let (_, after) = source.split_once("//! ```text\n").expect("the header shows output");
        let (shown, _) = after.split_once("//! ```\n").expect("it ends");
        let printed = stdout(name, &[]);
        assert!(shown.lines().count() >= 3, "{name} shows next to nothing");
        for line in shown.lines() {
            let line = line.trim_start_matches("//!").trim();
            // `...` stands for whatever is there.
            let is_shown = |printed: &str| {
                let mut rest = printed;
                line.split("...").all(|part| match rest.split_once(part.trim()) {
                    Some((_, after)) => {
                        rest = after;
                        true
                    }
                    None => false,
                })
            };
            assert!(printed.lines().any(is_shown), "{name} does not print\n{line}\nbut\n{printed}");
        }
    }
}
