//! A `Handle` spawns from any thread, what it spawns can be awaited and aborted from any thread, and
//! both outlive the runtime.

#![allow(
    clippy::async_yields_async,
    reason = "a handle that is made inside and awaited outside is what is tested"
)]

mod common;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use common::{OnDrop, guarded, has, text, virtual_rt};
use futures_lite::future::block_on;
use turno::policy::{Fair, Fifo};
use turno::runtime::{Builder, Handle, Runtime};
use turno::task::{RemoteJoinHandle, yield_now};

/// Drives a runtime on a thread of its own until `f` is done with its handle.
fn with_loop<R>(f: impl FnOnce(&Handle) -> R) -> R {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let rt = Runtime::new().unwrap();
            tell.send(rt.handle().clone()).unwrap();
            let waits = turno::runtime::Runtime::spawn_blocking(&rt, move || stopped.recv());
            let _ = rt.block_on(waits);
        });
        let handle = told.recv().unwrap();
        let result = f(&handle);
        drop(stop);
        thread.join().unwrap();
        assert!(handle.is_closed());
        result
    })
}

#[test]
fn a_future_is_spawned_from_another_thread_and_awaited_there() {
    with_loop(|handle| {
        assert_eq!(block_on(handle.spawn(async { 6 * 7 })).unwrap(), 42);
        let many: Vec<_> = (0..100).map(|n| handle.spawn(async move { n })).collect();
        let sum: i32 = many.into_iter().map(|task| block_on(task).unwrap()).sum();
        assert_eq!(sum, 4950);
    });
}

#[test]
fn under_a_policy_that_goes_by_time_a_thread_is_heard_after_the_switch() {
    guarded(|| {
        let after = |builder: Builder| {
            let rt = builder.build().unwrap();
            let handle = rt.handle().clone();
            rt.block_on(async move {
                let heard = thread::spawn(move || handle.spawn(async {})).join().unwrap();
                let mut switches = 0;
                while !heard.is_finished() {
                    yield_now().await;
                    switches += 1;
                }
                switches
            })
        };
        assert_eq!(after(Builder::new().policy(Fair::new())), 1);
        assert_eq!(after(Builder::new().policy(Fifo::new())), 62); // A turn, and its own switch.
    });
}

#[test]
fn a_future_that_is_not_send_is_made_on_the_loops_thread() {
    with_loop(|handle| {
        let task = handle.spawn_with(|| {
            let count = Rc::new(Cell::new(0));
            async move {
                let counts = count.clone();
                let local = turno::spawn(async move { counts.set(7) });
                local.await.unwrap();
                (count.get(), thread::current().id())
            }
        });
        let (count, thread) = block_on(task).unwrap();
        assert_eq!(count, 7);
        assert_ne!(thread, thread::current().id());
    });
}

#[test]
fn a_panic_comes_back_from_what_is_spawned_and_from_what_makes_it() {
    with_loop(|handle| {
        let line = line!() + 1;
        let task = handle.spawn(async { panic!("in the task") });
        let error = block_on(task).map(|()| unreachable!()).unwrap_err();
        has(error.to_string(), &format!("{}:{line}:", file!()));
        assert_eq!(text(&*error.into_panic()), "in the task");
        let made = handle.spawn_with(|| {
            if true {
                panic!("in the making");
            }
            async {}
        });
        assert_eq!(text(&*block_on(made).unwrap_err().into_panic()), "in the making");
        assert_eq!(block_on(handle.spawn_blocking(|| 7)).unwrap(), 7);
    });
}

#[test]
fn an_abort_counts_before_and_after_the_start() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let cancelled = |task: RemoteJoinHandle<()>| block_on(task).unwrap_err().is_cancelled();
        let early = rt.handle().spawn(async { unreachable!("it was aborted before") });
        early.abort();
        let made = rt.handle().spawn_with(|| {
            unreachable!("it was aborted before, and is not even made");
            #[expect(unreachable_code, reason = "its type is wanted")]
            async {}
        });
        made.abort();
        let (dropped, drops) = mpsc::channel();
        let guard = OnDrop::new(move || dropped.send(()).unwrap());
        let late = rt.handle().spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let third = rt.handle().spawn(pending::<()>());
        let abort = third.abort_handle();
        rt.block_on(yield_now());
        assert!(early.is_finished() && !late.is_finished());
        thread::spawn(move || {
            late.abort();
            abort.abort();
            late
        })
        .join()
        .map(|late| {
            rt.block_on(yield_now());
            assert!(late.is_finished());
            drops.recv().unwrap();
            assert!(cancelled(late));
        })
        .unwrap();
        assert!(cancelled(early) && cancelled(third) && cancelled(made));
        assert_eq!(rt.metrics().tasks, 0);
    });
}

#[test]
fn an_abort_after_the_end_changes_nothing() {
    with_loop(|handle| {
        let task = handle.spawn(async { 7 });
        while !task.is_finished() {
            thread::yield_now();
        }
        task.abort();
        task.abort_handle().abort();
        assert_eq!(block_on(task).unwrap(), 7);
    });
}

#[test]
fn a_dropped_handle_detaches_its_task() {
    with_loop(|handle| {
        let (tell, told) = mpsc::channel();
        drop(handle.spawn(async move {
            yield_now().await;
            tell.send(7).unwrap();
        }));
        assert_eq!(told.recv().unwrap(), 7);
    });
}

#[test]
fn what_is_asked_of_a_runtime_that_is_gone_is_cancelled() {
    guarded(|| {
        let rt = virtual_rt();
        let handle = rt.handle().clone();
        let running = handle.spawn(pending::<()>());
        rt.block_on(yield_now());
        let done = handle.spawn(async { 7 });
        rt.block_on(yield_now());
        let letter = handle.spawn(async { unreachable!("nobody opened it") });
        assert!(!handle.is_closed());
        drop(rt);
        assert!(handle.is_closed());
        let after = handle.spawn(async { unreachable!("there is nobody") });
        let made = handle.spawn_with(|| async { unreachable!("there is nobody") });
        running.abort_handle().abort();
        assert!(block_on(running).unwrap_err().is_cancelled());
        assert_eq!(block_on(done).unwrap(), 7);
        for task in [letter, after, made] {
            let error = task.is_finished().then(|| block_on(task)).unwrap();
            assert!(error.map(|()| unreachable!()).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn who_awaits_elsewhere_is_woken_when_the_runtime_goes() {
    guarded(|| {
        let rt = virtual_rt();
        let running = rt.handle().spawn(pending::<()>());
        rt.block_on(yield_now());
        let (begin, begun) = mpsc::channel();
        let thread = thread::spawn(move || {
            block_on(async {
                let mut running = running;
                assert!(futures_lite::future::poll_once(&mut running).await.is_none());
                begin.send(()).unwrap();
                running.await.unwrap_err().is_cancelled()
            })
        });
        begun.recv().unwrap();
        drop(rt);
        assert!(thread.join().unwrap());
    });
}

#[test]
fn the_current_handle_is_that_of_the_runtime_one_is_in() {
    guarded(|| {
        let (rt, other) = (virtual_rt(), virtual_rt());
        let task = rt.block_on(async { Handle::current().spawn(async { 7 }) });
        let guard = other.enter();
        let later = Handle::current().spawn(async { 8 });
        drop(guard);
        assert_eq!(rt.block_on(task).unwrap(), 7);
        assert_eq!(rt.metrics().tasks, 0);
        assert!(!later.is_finished());
        assert_eq!(other.block_on(later).unwrap(), 8);
    });
}
