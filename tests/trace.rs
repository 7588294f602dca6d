//! What a recorder keeps: every switch with its cause, whom it woke and what was waited for; and
//! what it cannot keep it counts.

use std::rc::Rc;
use std::time::Duration;

use turno::policy::Priority;
use turno::runtime::{Builder, Runtime};
use turno::sync::{Mutex, mpsc};
use turno::task::{self, Cause, Left, Wait, WaitReason, yield_now};
use turno::time::{sleep, work};
use turno::trace::{Record, Recorder, Recording, What};

mod common;
use common::guarded;

const MS: Duration = Duration::from_millis(1);

fn recorded(recorder: &Recorder) -> Runtime {
    let builder = Builder::new().start_paused(true).observe(recorder.clone());
    builder.build().expect("a runtime can be made")
}

/// A little of everything that a task can wait for.
async fn scene() {
    let lock = Rc::new(Mutex::new(0));
    let (tell, mut told) = mpsc::channel(1);
    let theirs = lock.clone();
    let worker = task::Builder::new().name("worker").spawn(async move {
        for n in 0..3 {
            let mut held = theirs.lock().await;
            work(MS).await;
            sleep(MS).await;
            *held += n;
            tell.send(n).await.expect("the root listens");
        }
    });
    yield_now().await;
    let held = lock.lock().await;
    drop(held);
    while told.recv().await.is_some() {}
    worker.await.expect("it does not panic");
}

fn record(recorder: &Recorder) -> Recording {
    recorded(recorder).block_on(scene());
    recorder.recording()
}

#[test]
fn every_switch_has_its_cause_and_its_end_the_roots_too() {
    guarded(|| {
        let recording = record(&Recorder::new());
        let numbers: Vec<u64> = recording.switches().map(|switch| switch.n).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        for switch in recording.switches() {
            assert!(switch.cause.is_some() && switch.left.is_some(), "{switch:?}");
            assert_eq!(switch.left == Some(Left::Waiting), !switch.waits.is_empty(), "{switch:?}");
        }
        let names: Vec<String> = recording.tasks.iter().map(|task| task.label()).collect();
        assert_eq!(names, ["block_on", "worker"]);
        let first = recording.switches().next().expect("there is one");
        assert_eq!((recording.label(first.task), first.woke.len()), ("block_on".to_string(), 1));
    });
}

#[test]
fn what_is_waited_for_is_told_at_the_end_of_a_switch() {
    guarded(|| {
        for recorder in [Recorder::new(), Recorder::ring(1 << 10)] {
            let recording = record(&recorder);
            let reasons: Vec<WaitReason> =
                recording.switches().filter_map(|s| s.waits.first().map(|w| w.reason)).collect();
            for wanted in [WaitReason::Mutex, WaitReason::Receive] {
                assert!(reasons.contains(&wanted), "{reasons:?}");
            }
            assert!(reasons.iter().any(|reason| matches!(reason, WaitReason::Timer(_))));
            let held = recording.switches().find_map(|s| s.waits.first()?.holder);
            assert_eq!(recording.label(held.expect("the lock is held").task), "worker");
        }
    });
}

#[test]
fn several_waits_of_one_task_are_all_told() {
    guarded(|| {
        let recorder = Recorder::new();
        recorded(&recorder).block_on(async {
            let waits = async || sleep(MS).await;
            turno::join!(waits(), waits(), waits());
        });
        let recording = recorder.recording();
        let first = recording.switches().next().expect("there is one");
        assert_eq!(first.waits.len(), 3);
    });
}

#[test]
fn a_ring_keeps_the_last_and_counts_what_it_lost() {
    guarded(|| {
        let all = record(&Recorder::ring(1 << 10));
        let some = record(&Recorder::ring(10));
        // And one more, which says under which policy they were made.
        assert_eq!((all.lost, some.records.len()), (0, 1 + 10));
        assert_eq!(some.lost as usize, all.records.len() - 10);
        let tail = &all.records[all.records.len() - 10..];
        assert_eq!(format!("{:?}", &some.records[1..]), format!("{tail:?}"));
        // Whoever is spoken of is known.
        let known = |record: &turno::trace::Record| {
            record.what.task().is_none_or(|id| some.task(id).is_some())
        };
        assert!(some.records.iter().all(known));
    });
}

#[test]
fn tasks_that_have_ended_and_been_forgotten_take_no_room() {
    guarded(|| {
        let recorder = Recorder::ring(30);
        recorded(&recorder).block_on(async {
            for _ in 0..1_000 {
                turno::spawn(async {}).await.expect("it does not panic");
            }
        });
        let recording = recorder.recording();
        assert!(recording.tasks.len() <= 30, "{} tasks are known", recording.tasks.len());
    });
}

#[test]
fn the_queue_and_the_reason_are_those_of_the_policy() {
    guarded(|| {
        let recorder = Recorder::new();
        let rt = recorded(&recorder);
        rt.set_policy(Priority::strict());
        let spawn = |priority| {
            let _context = rt.enter();
            task::Builder::new().priority(priority).spawn(async {}).id()
        };
        let (low, high) = (spawn(1), spawn(200));
        rt.block_on(yield_now());
        let recording = recorder.recording();
        let first = recording.switches().next().expect("there is one");
        assert_eq!((first.task, first.queue.last()), (high, Some(&low)));
        assert!(first.reason.starts_with("priority 200"), "{}", first.reason);
        let named = |record: &turno::trace::Record| match record.what {
            What::Policy { name } => Some(name),
            _ => None,
        };
        assert_eq!(recording.records.iter().find_map(named), Some("Priority"));
    });
}

#[test]
fn an_overflowed_ring_still_knows_the_policy_and_what_was_waited_for() {
    guarded(|| {
        let whole = record(&Recorder::new());
        for most in 1..30 {
            let ring = record(&Recorder::ring(most));
            assert!(matches!(ring.records[0].what, What::Policy { name: "Fifo" }), "{most}");
            assert_eq!(ring.records.len(), most + 1, "the policy, and the last {most}");
            assert_eq!(ring.records.len() as u64 - 1 + ring.lost, whole.records.len() as u64);
            for record in &ring.records {
                let What::Ended { n, .. } = record.what else { continue };
                let newest = |waits: &[Wait]| waits.first().map(|wait| (wait.reason, wait.since));
                assert_eq!(newest(ring.waits_since(n)), newest(whole.waits_since(n)), "{n}");
            }
            let ended = |record: &Record| matches!(record.what, What::Ended { .. });
            assert!(ring.waits.len() <= ring.records.iter().filter(|r| ended(r)).count());
        }
    });
}

#[test]
fn two_runs_in_virtual_time_are_recorded_alike() {
    guarded(|| {
        let text = || format!("{:?}", record(&Recorder::new()));
        assert_eq!(text(), text());
    });
}

#[test]
fn a_new_task_is_shown_once_before_it_is_woken() {
    guarded(|| {
        let recording = record(&Recorder::new());
        let of_worker = |record: &&turno::trace::Record| {
            record.what.task().is_some_and(|id| recording.label(id) == "worker")
        };
        let mut records = recording.records.iter().filter(of_worker);
        assert!(matches!(records.next().map(|r| &r.what), Some(What::Spawned { .. })));
        assert!(matches!(
            records.next().map(|r| &r.what),
            Some(What::Woken { cause: Cause::Spawn { by: Some(_) }, .. })
        ));
        assert!(!records.any(|record| matches!(record.what, What::Spawned { .. })));
    });
}
