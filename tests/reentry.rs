//! Spawning, aborting, waking, dropping handles and dropping a runtime survive from every place in
//! which a user's code runs: a poll, a future's drop, an output's drop.

mod common;

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use common::{Gate, OnDrop, Trace, guarded, own_waker, virtual_rt};
use turno::runtime::{Handle, Runtime};
use turno::task::{JoinHandle, yield_now};
use turno::time::{Duration, sleep};

/// Does everything that a user may do in a runtime's context, and says so.
fn do_all(trace: &Trace, other: Rc<RefCell<Option<JoinHandle<()>>>>, gate: &Gate) {
    let said = trace.clone();
    drop(turno::spawn(async move { said.say("spawned ran") }));
    let aborted = turno::spawn({
        let dropped = trace.on_drop("aborted was dropped");
        async move {
            let _dropped = dropped;
            pending::<()>().await;
        }
    });
    aborted.abort();
    aborted.abort_handle().abort();
    drop(aborted);
    gate.open();
    drop(other.borrow_mut().take());
    drop(Handle::current().clone());
    drop(sleep(Duration::from_secs(1)));
    // Another runtime comes and goes, with tasks of its own.
    let rt = Runtime::new().unwrap();
    let said = trace.on_drop("other runtime's task was dropped");
    drop(rt.spawn(async move {
        let _said = said;
        pending::<()>().await;
    }));
    drop(rt.enter());
    drop(rt);
    drop(turno::spawn(yield_now()));
    trace.say("all done");
}

/// Everything that [`do_all`] starts takes effect when it is done at the place that `place` makes.
#[track_caller]
fn survives(place: impl FnOnce(Box<dyn FnOnce()>) -> Option<JoinHandle<()>> + 'static) {
    guarded(|| {
        let (trace, gate) = (Trace::new(), Gate::new());
        let rt = virtual_rt();
        rt.block_on(async {
            let said = trace.clone();
            let waiting = gate.clone();
            let woken = turno::spawn(async move {
                waiting.await;
                said.say("woken");
            });
            let held = turno::spawn({
                let trace = trace.clone();
                async move {
                    yield_now().await;
                    yield_now().await;
                    trace.say("detached ran");
                }
            });
            let other = Rc::new(RefCell::new(Some(held)));
            let (trace, gate) = (trace.clone(), gate.clone());
            let host = place(Box::new(move || {
                assert!(turno::task::try_id().is_some(), "it runs in the name of a task");
                do_all(&trace, other, &gate);
            }));
            if let Some(host) = host {
                let _ = host.await;
            }
            woken.await.unwrap();
            sleep(Duration::from_millis(1)).await;
        });
        let mut lines = trace.take();
        assert_eq!(lines[..2], ["other runtime's task was dropped", "all done"]);
        lines[2..].sort();
        assert_eq!(lines[2..], ["aborted was dropped", "detached ran", "spawned ran", "woken"]);
        assert_eq!(rt.metrics().tasks, 0);
        assert_eq!(rt.metrics().timers, 0);
    });
}

#[test]
fn everything_can_be_done_in_a_poll() {
    survives(|act| Some(turno::spawn(async move { act() })));
}

#[test]
fn everything_can_be_done_in_the_poll_of_the_root() {
    survives(|act| {
        act();
        None
    });
}

#[test]
fn everything_can_be_done_in_the_drop_of_a_finished_future() {
    survives(|act| {
        let guard = OnDrop::new(act);
        Some(turno::spawn(std::future::poll_fn(move |_| {
            let _guard = &guard;
            std::task::Poll::Ready(())
        })))
    });
}

#[test]
fn everything_can_be_done_in_the_drop_of_an_aborted_future() {
    survives(|act| {
        let guard = OnDrop::new(act);
        let task = turno::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task.abort();
        Some(task)
    });
}

#[test]
fn everything_can_be_done_in_the_drop_of_a_future_that_aborted_itself() {
    survives(|act| {
        let guard = OnDrop::new(act);
        let me: Rc<RefCell<Option<turno::task::AbortHandle>>> = Rc::default();
        let mine = me.clone();
        let task = turno::spawn(async move {
            let _guard = guard;
            mine.borrow_mut().take().unwrap().abort();
            yield_now().await;
            unreachable!("it was aborted in its first switch");
        });
        *me.borrow_mut() = Some(task.abort_handle());
        Some(task)
    });
}

#[test]
fn everything_can_be_done_in_the_drop_of_a_panicked_future() {
    survives(|act| {
        let guard = OnDrop::new(act);
        Some(turno::spawn(std::future::poll_fn(move |_| {
            let _guard = &guard;
            panic!("on purpose")
        })))
    });
}

#[test]
fn everything_can_be_done_in_the_drop_of_an_output_that_nobody_wants() {
    survives(|act| {
        drop(turno::spawn(async move { OnDrop::new(act) }));
        None
    });
}

#[test]
fn everything_can_be_done_in_the_drop_of_an_output_with_its_handle() {
    survives(|act| {
        Some(turno::spawn(async move {
            let task = turno::spawn(async move { OnDrop::new(act) });
            while !task.is_finished() {
                yield_now().await;
            }
            drop(task);
        }))
    });
}

#[test]
fn everything_can_be_done_in_a_future_that_is_made_by_spawn_with() {
    guarded(|| {
        let (trace, rt) = (Arc::new(std::sync::Mutex::new(Vec::new())), virtual_rt());
        let handle = rt.handle().clone();
        let lines = trace.clone();
        let task = thread::spawn(move || {
            handle.spawn_with(move || {
                let inner = Trace::new();
                let gate = Gate::new();
                do_all(&inner, Rc::default(), &gate);
                async move {
                    gate.await;
                    yield_now().await;
                    yield_now().await;
                    lines.lock().unwrap().extend(inner.take());
                }
            })
        });
        rt.block_on(task.join().unwrap()).unwrap();
        let mut lines = trace.lock().unwrap().clone();
        lines.sort();
        let expected =
            ["aborted was dropped", "all done", "other runtime's task was dropped", "spawned ran"];
        assert_eq!(lines, expected);
    });
}

#[test]
fn a_task_may_drop_its_own_handle_and_abort_itself_in_any_order() {
    guarded(|| {
        let rt = virtual_rt();
        for abort_first in [false, true] {
            let trace = Trace::new();
            rt.block_on(async {
                let mine: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
                let own = mine.clone();
                let dropped = trace.on_drop("dropped");
                *mine.borrow_mut() = Some(turno::spawn(async move {
                    let _dropped = dropped;
                    let handle = own.borrow_mut().take().unwrap();
                    let abort = handle.abort_handle();
                    if abort_first {
                        abort.abort();
                        drop(handle);
                    } else {
                        drop(handle);
                        abort.abort();
                    }
                    pending::<()>().await;
                }));
                yield_now().await;
                yield_now().await;
            });
            trace.check(&["dropped"]);
            assert_eq!(rt.metrics().tasks, 0);
        }
    });
}

#[test]
fn a_runtime_that_comes_and_goes_in_a_poll_takes_no_wake_abort_or_name_with_it() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let (gate, trace) = (Gate::new(), Trace::new());
            let (waits, said) = (gate.clone(), trace.clone());
            let woken = turno::spawn(async move {
                waits.await;
                said.say("woken");
            });
            let victim = turno::spawn(pending::<()>());
            yield_now().await;
            let me = turno::task::id();
            let waker = own_waker().await;
            gate.open();
            victim.abort();
            drop(Runtime::new().unwrap());
            assert_eq!(turno::task::try_id(), Some(me));
            waker.wake();
            let child = turno::spawn(async { 1 });
            assert!(woken.await.is_ok());
            assert!(victim.await.unwrap_err().is_cancelled());
            assert_eq!(child.await.unwrap(), 1);
            trace.check(&["woken"]);
        });
    });
}
