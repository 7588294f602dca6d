//! A step tells what one switch did; inside one instant the order is fixed: whom the switch woke, then
//! the timers that are due, then the task that yielded.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration as StdDuration;

use common::{Gate, Trace, guarded, has, virtual_rt};
use turno::policy::Fifo;
use turno::runtime::{Builder, Runtime};
use turno::task::{self, Cause, Id, Left, State, yield_now};
use turno::time::{Duration, advance, sleep, work};

/// The order of the ids that became ready at `now` or later, with their causes.
fn woken_in_order(rt: &Runtime, f: impl AsyncFnOnce(Vec<Gate>)) -> Vec<String> {
    guarded(|| {
        rt.block_on(async {
            let gates: Vec<_> = (0..3).map(|_| Gate::new()).collect();
            for gate in &gates {
                drop(turno::spawn(gate.clone()));
            }
            yield_now().await;
            let trace = Trace::new();
            rt.observe(trace.clone());
            f(gates).await;
            trace.take()
        })
    })
}

#[test]
fn whom_a_switch_woke_comes_first_in_the_order_of_the_wakes_then_timers_then_the_yielder() {
    let rt = virtual_rt();
    let lines = woken_in_order(&rt, async |gates| {
        // Tasks 5 and 6 sleep until the same instant, 6 a nanosecond less than 5.
        drop(turno::spawn(sleep(Duration::from_nanos(1001))));
        drop(turno::spawn(sleep(Duration::from_nanos(1000))));
        drop(turno::spawn(sleep(Duration::from_nanos(1001))));
        yield_now().await;
        gates[2].open();
        gates[0].open();
        work(Duration::from_micros(2)).await;
        gates[1].open();
        drop(turno::spawn(async {}));
        yield_now().await;
    });
    let expected = [
        "2000 1 yielded",
        "2000 4 woken by task 1",
        "2000 2 woken by task 1",
        "2000 3 woken by task 1",
        "2000 8 spawned by task 1",
        "2000 6 woken by a timer",
        "2000 5 woken by a timer",
        "2000 7 woken by a timer",
        "2000 1 yielded",
    ];
    let start = lines.iter().position(|line| line == expected[1]).unwrap();
    // What is shown after a switch at 2000 ns, up to the next switch.
    assert_eq!(lines[start - 1], "2000 1 yielded", "how it left");
    let end = lines.iter().skip(start).position(|line| line.contains("switch")).unwrap() + start;
    assert_eq!(lines[start - 1..end], expected);
}

#[test]
fn what_a_timer_wakes_comes_before_the_next_timer() {
    guarded(|| {
        let (rt, trace) = (virtual_rt(), Trace::new());
        rt.block_on(async {
            for nanos in [20, 10, 20, 10] {
                let trace = trace.clone();
                drop(turno::spawn(async move {
                    sleep(Duration::from_nanos(nanos)).await;
                    trace.say(format_args!("{} at {nanos}", task::id()));
                }));
            }
            yield_now().await;
            advance(Duration::from_nanos(20)).await;
            yield_now().await;
        });
        trace.check(&["3 at 10", "5 at 10", "2 at 20", "4 at 20"]);
    });
}

#[test]
fn a_step_is_one_switch_and_tells_all_of_it() {
    guarded(|| {
        let rt = virtual_rt();
        let gate = Gate::new();
        let waits = rt.spawn(gate.clone());
        let child: Rc<RefCell<Option<Id>>> = Rc::default();
        let children = child.clone();
        let first = rt.enter();
        let opens = task::Builder::new().name("opener").spawn(async move {
            work(Duration::from_millis(5)).await;
            gate.open();
            *children.borrow_mut() = Some(turno::spawn(async {}).id());
            yield_now().await;
        });
        drop(first);

        let step = rt.step().unwrap();
        assert_eq!((step.n, step.at, step.left), (1, 0, Left::Waiting));
        assert_eq!((step.task.id(), step.cause), (waits.id(), Cause::Spawn { by: None }));
        assert_eq!((&step.woke[..], &step.queue[..]), (&[][..], &[opens.id()][..]));
        assert_eq!(step.reason, "first of 2 in the queue");
        assert_eq!(step.to_string(), "switch 1: task 1, spawned: waiting");

        let step = rt.step().unwrap();
        let child = child.borrow().unwrap();
        assert_eq!((step.n, step.left), (2, Left::Yielded));
        assert_eq!(step.task.state(), State::Running);
        assert_eq!(step.ran, StdDuration::from_millis(5));
        assert_eq!(step.woke, [waits.id(), child]);
        assert!(step.queue.is_empty());
        assert_eq!(
            step.to_string(),
            "switch 2: task 2 \"opener\", spawned: yielded; woke task 1, 3"
        );

        let step = rt.step().unwrap();
        assert_eq!((step.task.id(), step.left), (waits.id(), Left::Done));
        assert_eq!(step.cause, Cause::Task(opens.id()));
        assert_eq!((step.at, step.waited), (5_000_000, StdDuration::ZERO));
        assert_eq!(step.queue, [child, opens.id()]);
        assert_eq!(rt.step().unwrap().cause, Cause::Spawn { by: Some(opens.id()) });
        let step = rt.step().unwrap();
        assert_eq!((step.cause, step.left), (Cause::Yield, Left::Done));
        assert!(rt.step().is_none());
        assert_eq!(rt.metrics().switches, 5);
    });
}

#[test]
fn a_step_waits_for_timers_and_jobs_and_tells_how_long_a_task_waited() {
    guarded(|| {
        let rt = virtual_rt();
        let sleeps = rt.spawn(async { sleep(Duration::from_secs(3600)).await });
        let busy = rt.spawn(async {
            yield_now().await;
            work(Duration::from_secs(7200)).await;
        });
        let waited: Vec<_> = std::iter::from_fn(|| rt.step()).map(|step| step.waited).collect();
        let hour = StdDuration::from_secs(3600);
        assert_eq!(waited, [StdDuration::ZERO, StdDuration::ZERO, StdDuration::ZERO, hour]);
        assert!(sleeps.is_finished() && busy.is_finished());

        let job = rt.spawn_blocking(|| 7);
        let joins = rt.spawn(async { job.await.unwrap() });
        while !joins.is_finished() {
            rt.step().unwrap();
        }
    });
}

#[test]
fn a_step_shows_a_panic_and_what_was_woken_before_it() {
    guarded(|| {
        let rt = Builder::new().policy(Fifo::new()).build().unwrap();
        let gate = Gate::new();
        let waits = rt.spawn(gate.clone());
        rt.step().unwrap();
        let bad = rt.spawn(async move {
            gate.open();
            panic!("on purpose");
        });
        let step = rt.step().unwrap();
        assert_eq!((step.task.id(), step.left), (bad.id(), Left::Panicked));
        assert_eq!(step.woke, [waits.id()]);
        has(step.to_string(), "panicked; woke task 1");
        assert_eq!(rt.step().unwrap().cause, Cause::Task(bad.id()));
    });
}

#[test]
fn a_step_leaves_no_observer_behind() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let trace = Trace::new();
        for _ in 0..3 {
            drop(rt.spawn(async {}));
            rt.step().unwrap();
        }
        rt.observe(trace.clone());
        drop(rt.spawn(async {}));
        rt.step().unwrap();
        assert_eq!(trace.take().len(), 3, "woken, switched, ended: once each");
    });
}

#[test]
fn after_a_step_nobody_measures_any_more() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let busy = rt.spawn(async {
            loop {
                work(Duration::from_millis(1)).await;
                yield_now().await;
            }
        });
        let total = |rt: &Runtime| {
            let info = rt.tasks().into_iter().find(|task| task.id() == busy.id()).unwrap();
            (info.switches(), info.total_run())
        };
        assert!(rt.step().unwrap().ran >= Duration::from_millis(1));
        let (_, measured) = total(&rt);
        assert!(measured >= 1_000_000);
        rt.block_on(async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let (switches, total) = total(&rt);
        assert!(switches >= 3);
        assert_eq!(total, measured);
    });
}
