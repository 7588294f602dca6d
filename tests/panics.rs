//! A panic ends one task and nobody else, unless it is asked to go on; the runtime is usable
//! afterwards, and a second panic on the way does not end the process.

mod common;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use common::{OnDrop, guarded, has, panic_of, text, virtual_rt};
use turno::runtime::{Builder, OnPanic, Runtime};
use turno::task::{self, JoinError, yield_now};
use turno::time::{Duration, sleep};

fn propagating() -> Runtime {
    Builder::new().start_paused(true).on_panic(OnPanic::Propagate).build().unwrap()
}

/// Panics in its poll, if told to, and then again when it is dropped: not while the poll unwinds,
/// since what panics is a field of the future and no local of it.
struct Twice(
    Option<&'static str>,
    #[expect(dead_code, reason = "for its drop")] OnDrop<Box<dyn FnOnce()>>,
);

impl Future for Twice {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.0 {
            Some(text) => panic!("{text}"),
            None => Poll::Pending,
        }
    }
}

fn twice(poll: Option<&'static str>) -> Twice {
    Twice(poll, OnDrop::new(Box::new(|| panic!("in the drop"))))
}

#[test]
fn a_panic_comes_out_of_the_handle_with_name_site_and_payload() {
    guarded(|| {
        virtual_rt().block_on(async {
            let here = Location::caller();
            let task = task::Builder::new().name("bad").spawn(async { panic!("number {}", 7) });
            let id = task.id();
            let error: JoinError = task.await.map(|()| unreachable!()).unwrap_err();
            assert!(error.is_panic() && !error.is_cancelled());
            assert_eq!(error.id(), id);
            let shown = error.to_string();
            has(&shown, "\"bad\"");
            has(&shown, &format!("{}:{}:", here.file(), here.line() + 1));
            has(&shown, "panicked: number 7");
            assert_eq!(format!("{error:?}"), format!("JoinError({shown})"));
            assert_eq!(text(&*error.into_panic()), "number 7");
        });
    });
}

#[test]
fn a_payload_that_is_no_text_comes_out_whole() {
    guarded(|| {
        virtual_rt().block_on(async {
            let task = turno::spawn(async { resume_unwind(Box::new(42_u64)) });
            let error = task.await.map(|()| unreachable!()).unwrap_err();
            assert!(error.to_string().ends_with("panicked"), "{error}");
            assert_eq!(*error.into_panic().downcast::<u64>().unwrap(), 42);
        });
    });
}

#[test]
fn an_abort_comes_out_of_the_handle_as_such() {
    guarded(|| {
        virtual_rt().block_on(async {
            let task = task::Builder::new().name("late").spawn(pending::<()>());
            task.abort();
            let error = task.await.unwrap_err();
            assert!(error.is_cancelled() && !error.is_panic());
            has(error.to_string(), "\"late\"");
            assert!(error.to_string().ends_with("was cancelled"), "{error}");
            let error = error.try_into_panic().unwrap_err();
            has(panic_of(|| error.into_panic()), "without a panic");
        });
    });
}

#[test]
fn a_panic_ends_nobody_else_and_loses_no_wake_spawn_or_abort_made_before_it() {
    guarded(|| {
        virtual_rt().block_on(async {
            let gate = common::Gate::new();
            let waits = turno::spawn(gate.clone());
            let victim = turno::spawn(pending::<()>());
            let abort = victim.abort_handle();
            let bystander = turno::spawn(sleep(Duration::from_secs(1)));
            yield_now().await;
            let child = Rc::new(Cell::new(None));
            let children = child.clone();
            let bad = turno::spawn(async move {
                gate.open();
                abort.abort();
                children.set(Some(turno::spawn(async { 7 })));
                panic!("on purpose");
            });
            assert!(bad.await.map(|()| unreachable!()).unwrap_err().is_panic());
            waits.await.unwrap();
            assert_eq!(child.take().unwrap().await.unwrap(), 7);
            assert!(victim.await.unwrap_err().is_cancelled());
            bystander.await.unwrap();
        });
    });
}

#[test]
fn a_detached_task_that_panics_is_gone() {
    guarded(|| {
        let rt = virtual_rt();
        drop(rt.spawn(async { panic!("nobody hears of it") }));
        rt.block_on(yield_now());
        assert_eq!(rt.metrics().tasks, 0);
    });
}

#[test]
fn a_panic_goes_on_out_of_block_on_turn_and_step_if_told_to() {
    guarded(|| {
        let rt = propagating();
        let ways: [fn(&Runtime); 3] = [
            |rt| rt.block_on(pending()),
            |rt| _ = rt.turn(Some(Duration::ZERO)),
            |rt| drop(rt.step()),
        ];
        for way in ways {
            let after = rt.spawn(async { 7 });
            let bad = rt.spawn(async { panic!("to the caller") });
            let last = rt.spawn(async { 8 });
            has(panic_of(|| (0..9).for_each(|_| way(&rt))), "to the caller");
            // The others are as they were, and the task has ended.
            assert!(rt.block_on(bad).map(|()| unreachable!()).unwrap_err().is_cancelled());
            assert_eq!(rt.block_on(after).unwrap() + rt.block_on(last).unwrap(), 15);
        }
    });
}

#[test]
fn a_panic_of_the_root_goes_to_the_caller_and_the_runtime_goes_on() {
    guarded(|| {
        for rt in [virtual_rt(), propagating()] {
            let task = rt.spawn(async {
                sleep(Duration::from_secs(1)).await;
                7
            });
            let gate = common::Gate::new();
            let waits = rt.spawn(gate.clone());
            rt.block_on(yield_now());
            let root = async {
                gate.open();
                panic!("the root's")
            };
            let panicked: String = panic_of(|| rt.block_on(root));
            assert_eq!(panicked, "the root's");
            rt.block_on(waits).unwrap();
            assert_eq!(rt.block_on(task).unwrap(), 7);
            assert_eq!(rt.metrics().tasks, 0);
        }
    });
}

#[test]
fn a_panic_in_the_drop_of_an_aborted_task_is_its_result() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let task = turno::spawn(twice(None));
            yield_now().await;
            task.abort();
            let error = task.await.unwrap_err();
            assert_eq!(text(&*error.into_panic()), "in the drop");
        });
        let rt = propagating();
        let task = rt.spawn(twice(None));
        rt.block_on(yield_now());
        task.abort();
        assert_eq!(panic_of(|| rt.block_on(yield_now())), "in the drop");
        assert!(rt.block_on(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_panic_in_the_poll_and_then_in_the_drop_does_not_end_the_process() {
    guarded(|| {
        let rt = virtual_rt();
        let error =
            rt.block_on(async { turno::spawn(twice(Some("in the poll"))).await.unwrap_err() });
        // The first is the news: the second came of it.
        assert_eq!(text(&*error.into_panic()), "in the poll");
        let remote = rt.handle().spawn_with(|| twice(Some("in the poll")));
        assert_eq!(text(&*rt.block_on(remote).unwrap_err().into_panic()), "in the poll");

        let rt = propagating();
        let task = rt.spawn(twice(Some("in the poll")));
        has(panic_of(|| rt.block_on(yield_now())), "in the");
        assert!(rt.block_on(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_root_that_panics_in_the_poll_and_then_in_the_drop_does_not_end_the_process() {
    guarded(|| {
        let rt = virtual_rt();
        assert_eq!(panic_of(|| rt.block_on(twice(Some("in the poll")))), "in the poll");
        assert_eq!(panic_of(|| rt.try_block_on(twice(Some("in the poll")))), "in the poll");
        rt.block_on(yield_now());
        assert_eq!(rt.metrics().tasks, 0);
    });
}

#[test]
fn a_panic_in_the_drop_of_a_finished_future_is_the_tasks_own() {
    guarded(|| {
        virtual_rt().block_on(async {
            let guard = OnDrop::new(|| panic!("in the drop"));
            let task = turno::spawn(poll_fn(move |_| {
                let _guard = &guard;
                Poll::Ready(7)
            }));
            assert_eq!(text(&*task.await.unwrap_err().into_panic()), "in the drop");
        });
    });
}

#[test]
fn a_panic_in_the_drop_of_an_output_that_nobody_wants_is_nobodys() {
    guarded(|| {
        let rt = virtual_rt();
        let output = || OnDrop::new(|| panic!("in an output's drop"));
        rt.block_on(async {
            drop(turno::spawn(async move { output() }));
            let kept = turno::spawn(async move { output() });
            yield_now().await;
            yield_now().await;
            drop(kept);
        });
        assert_eq!(rt.metrics().tasks, 0);

        let rt = propagating();
        drop(rt.spawn(async move { output() }));
        has(panic_of(|| rt.block_on(yield_now())), "in an output's drop");
        rt.block_on(yield_now());
        assert_eq!(rt.metrics().tasks, 0);
    });
}

#[test]
fn panics_in_the_drops_of_many_tasks_do_not_keep_a_runtime_from_dropping_all() {
    for (rt, goes_on) in [(virtual_rt(), false), (propagating(), true)] {
        guarded(|| {
            let dropped = Rc::new(Cell::new(0));
            for _ in 0..3 {
                let dropped = dropped.clone();
                drop(rt.spawn(Twice(
                    None,
                    OnDrop::new(Box::new(move || {
                        dropped.set(dropped.get() + 1);
                        panic!("in the drop");
                    })),
                )));
            }
            rt.block_on(yield_now());
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(rt)));
            assert_eq!(result.is_err(), goes_on);
            assert_eq!(dropped.get(), 3);
        });
    }
}

#[test]
fn a_runtime_that_is_dropped_while_a_panic_is_on_its_way_does_not_end_the_process() {
    guarded(|| {
        for on_panic in [OnPanic::Isolate, OnPanic::Propagate] {
            let text = panic_of(|| {
                let rt = Builder::new().on_panic(on_panic).build().unwrap();
                drop(rt.spawn(twice(None)));
                drop(rt.spawn(twice(None)));
                rt.block_on(async { panic!("on its way") })
            });
            assert_eq!(text, "on its way");
        }
    });
}
