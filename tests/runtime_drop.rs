//! Dropping a runtime drops every task, inside of its context; handles outlive it.

mod common;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;

use common::{OnDrop, Trace, guarded, has, panic_of, virtual_rt};
use turno::runtime::{Handle, Runtime};
use turno::task::{JoinHandle, yield_now};
use turno::time::{Duration, sleep};

fn holds<T>(what: T) -> impl Future<Output = ()> {
    poll_fn(move |_| {
        let _held = &what;
        Poll::Pending
    })
}

#[test]
fn every_task_is_dropped_whatever_its_state() {
    guarded(|| {
        let (rt, trace) = (virtual_rt(), Trace::new());
        let mut held = Vec::new();
        let waits = trace.on_drop("waiting");
        held.push(rt.spawn(holds(waits)));
        let sleeps = trace.on_drop("sleeping");
        held.push(rt.spawn(async move {
            let _sleeps = sleeps;
            sleep(Duration::from_secs(1)).await;
            unreachable!("nothing runs after the runtime");
        }));
        rt.block_on(yield_now());
        let new = trace.on_drop("never polled");
        held.push(rt.spawn(holds(new)));
        let detached = trace.on_drop("detached");
        drop(rt.spawn(holds(detached)));
        let result = trace.on_drop("result");
        let finished = rt.spawn(async move { result });
        rt.block_on(yield_now());
        drop(rt);
        trace.check(&["waiting", "sleeping", "never polled", "detached"]);
        drop(finished);
        trace.check(&["result"]);
        for task in held {
            assert!(task.is_finished());
            assert!(futures_lite::future::block_on(task).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_dying_task_is_still_inside_of_the_runtime() {
    guarded(|| {
        let (rt, trace) = (virtual_rt(), Trace::new());
        let other = rt.spawn(holds(trace.on_drop("other")));
        let abort = other.abort_handle();
        let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
        let keeps = kept.clone();
        drop(rt.spawn(poll_fn(move |cx| {
            keeps.borrow_mut().push(cx.waker().clone());
            Poll::<()>::Pending
        })));
        let said = trace.clone();
        drop(rt.spawn(holds(OnDrop::new(move || {
            assert!(turno::task::try_id().is_some());
            let handle = Handle::current();
            let mut late: JoinHandle<()> = turno::spawn(async { unreachable!() });
            assert!(late.is_finished());
            late.abort();
            let error = futures_lite::future::block_on(&mut late).unwrap_err();
            assert!(error.is_cancelled());
            has(error.to_string(), "runtime_drop.rs");
            let remote = handle.spawn(async { unreachable!() });
            drop(remote);
            abort.abort();
            drop(other);
            kept.borrow().iter().for_each(Waker::wake_by_ref);
            drop(sleep(Duration::from_secs(1)));
            said.say("all done");
        }))));
        rt.block_on(yield_now());
        drop(rt);
        let mut lines = trace.take();
        lines.sort();
        assert_eq!(lines, ["all done", "other"]);
    });
}

#[test]
fn tasks_that_wake_each_other_while_they_die_all_die() {
    guarded(|| {
        let (rt, trace) = (virtual_rt(), Trace::new());
        let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
        for n in 0..3 {
            let (wakes, keeps, said) = (kept.clone(), kept.clone(), trace.clone());
            let guard = OnDrop::new(move || {
                wakes.borrow().iter().for_each(Waker::wake_by_ref);
                said.say(n);
            });
            drop(rt.spawn(poll_fn(move |cx| {
                let _guard = &guard;
                keeps.borrow_mut().push(cx.waker().clone());
                Poll::<()>::Pending
            })));
        }
        rt.block_on(yield_now());
        kept.borrow()[2].wake_by_ref();
        let other = kept.borrow()[1].clone();
        thread::spawn(move || other.wake()).join().unwrap();
        drop(rt);
        trace.check(&["0", "1", "2"]);
        kept.borrow().iter().for_each(Waker::wake_by_ref);
    });
}

#[test]
fn a_task_that_waits_for_another_hears_nothing_after_the_end() {
    guarded(|| {
        let (rt, trace) = (virtual_rt(), Trace::new());
        let inner = rt.spawn(holds(trace.on_drop("inner")));
        let outer = trace.on_drop("outer");
        drop(rt.spawn(async move {
            let _outer = outer;
            let _ = inner.await;
            unreachable!("nothing runs after the runtime");
        }));
        rt.block_on(yield_now());
        drop(rt);
        trace.check(&["inner", "outer"]);
    });
}

#[test]
fn a_finished_result_is_delivered_after_the_runtime() {
    guarded(|| {
        let rt = virtual_rt();
        let task = rt.spawn(async { 7 });
        let bad = rt.spawn(async { panic!("kept") });
        let job = rt.spawn_blocking(|| 8);
        rt.block_on(sleep(Duration::from_secs(1)));
        drop(rt);
        assert_eq!(futures_lite::future::block_on(task).unwrap(), 7);
        assert_eq!(futures_lite::future::block_on(job).unwrap(), 8);
        let error = futures_lite::future::block_on(bad).map(|()| unreachable!()).unwrap_err();
        has(error.to_string(), "panicked: kept");
    });
}

#[test]
fn who_awaits_a_handle_elsewhere_is_woken_when_the_runtime_goes() {
    guarded(|| {
        let rt = virtual_rt();
        let task = rt.spawn(pending::<()>());
        let outer = Runtime::new().unwrap();
        outer.block_on(async {
            let waits = turno::spawn(task);
            yield_now().await;
            drop(rt);
            assert!(waits.await.unwrap().unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_runtime_may_be_dropped_between_turns_and_inside_of_its_own_guard() {
    guarded(|| {
        let (rt, trace) = (virtual_rt(), Trace::new());
        drop(rt.spawn(holds(trace.on_drop("dropped"))));
        rt.turn(Some(Duration::ZERO));
        drop(rt.enter());
        rt.shutdown_background();
        trace.check(&["dropped"]);
        assert!(Handle::try_current().is_err());
        has(panic_of(|| turno::spawn(async {})), "outside of a turno runtime");
    });
}

#[test]
fn what_policies_and_observers_hold_is_dropped_too() {
    guarded(|| {
        let (rt, trace) = (virtual_rt(), Trace::new());
        let held = trace.on_drop("observer");
        rt.observe(move |_: u64, _: &turno::observe::Event<'_>| {
            let _held = &held;
        });
        let task = rt.spawn(async {});
        drop(rt);
        trace.check(&["observer"]);
        drop(task);
    });
}
