//! What cannot be done is refused with a message that says what was called and what to do instead.

#![allow(
    clippy::async_yields_async,
    reason = "a sleep that is made in one place and polled in another is what is tested"
)]

mod common;

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{guarded, has, panic_of, virtual_rt};
use turno::runtime::{Builder, Handle, Runtime};
use turno::task::{self, yield_now};
use turno::time::{self, sleep, timeout};

/// Inside of a task, `f` is refused with both texts, and the loop goes on.
#[track_caller]
fn refused_in_a_task(called: &str, f: impl Fn(&Runtime) + Copy) {
    guarded(|| {
        let (rt, other) = (virtual_rt(), virtual_rt());
        let inner = rt.block_on(async {
            let mut texts = Vec::new();
            let gate = common::Gate::new();
            let woken = turno::spawn(gate.clone());
            yield_now().await;
            gate.open();
            for rt in [&rt, &other] {
                texts.push(panic_of(|| f(rt)));
            }
            woken.await.unwrap();
            let task = turno::spawn(async { 7 });
            assert_eq!(task.await.unwrap(), 7);
            texts
        });
        for text in inner {
            has(&text, called);
            has(&text, "inside a task (task 1)");
            has(&text, "spawn_blocking");
        }
        assert_eq!(other.block_on(async { 8 }), 8);
    });
}

#[test]
fn block_on_inside_of_a_task_is_refused() {
    refused_in_a_task("`block_on`", |rt| rt.block_on(async {}));
    refused_in_a_task("`try_block_on`", |rt| rt.try_block_on(async {}).unwrap());
    refused_in_a_task("`block_on`", |_| turno::block_on(async {}));
}

#[test]
fn a_turn_inside_of_a_task_is_refused() {
    refused_in_a_task("`Runtime::turn`", |rt| _ = rt.turn(None));
    refused_in_a_task("`Runtime::step`", |rt| drop(rt.step()));
    refused_in_a_task("`Runtime::run_until`", |rt| _ = rt.run_until(time::Instant::now()));
}

#[test]
fn outside_of_a_runtime_everything_that_needs_one_is_refused() {
    let spawn = |text: String| has(text, "`spawn` was called outside of a turno runtime");
    spawn(panic_of(|| turno::spawn(async {})));
    spawn(panic_of(|| task::Builder::new().spawn(async {})));
    let poll = |future: Pin<&mut dyn Future<Output = ()>>| {
        let _ = future.poll(&mut Context::from_waker(Waker::noop()));
    };
    has(panic_of(|| poll(pin!(sleep(Duration::from_secs(1))))), "outside of a turno runtime");
    let waits = async { _ = timeout(Duration::from_secs(1), pending::<()>()).await };
    has(panic_of(|| poll(pin!(waits))), "outside of a turno runtime");
    has(panic_of(|| task::spawn_blocking(|| ())), "`task::spawn_blocking`");
    has(panic_of(Handle::current), "`Handle::current`");
    has(panic_of(|| drop(time::advance(Duration::ZERO))), "`time::advance`");
    has(panic_of(time::pause), "`time::pause`");
    has(panic_of(|| task::update(task::Id::new(0, 1), |_| {})), "`task::update`");
    has(panic_of(task::id), "outside of a task");
    let text = Handle::try_current().unwrap_err().to_string();
    has(text, "not inside a turno runtime");
    assert_eq!(task::try_id(), None);
}

#[test]
fn the_place_of_a_refusal_is_the_callers() {
    let place = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let seen = place.clone();
    let me = std::thread::current().id();
    let old = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == me {
            *seen.lock().unwrap() = info.location().unwrap().to_string();
        } else {
            old(info);
        }
    }));
    let line = line!() + 1;
    let _ = std::panic::catch_unwind(|| drop(turno::spawn(async {})));
    let _ = std::panic::take_hook();
    has(&*place.lock().unwrap(), &format!("{}:{line}:", file!()));
}

#[test]
fn a_sleep_that_is_polled_in_two_runtimes_is_refused() {
    guarded(|| {
        let (rt, other) = (virtual_rt(), virtual_rt());
        let mut nap = Box::pin(sleep(Duration::from_secs(3600 * 24 * 365)));
        let poll_once = |nap: &mut Pin<Box<time::Sleep>>, rt: &Runtime| {
            rt.block_on(async { _ = futures_lite::future::poll_once(nap).await });
        };
        poll_once(&mut nap, &rt);
        has(panic_of(|| poll_once(&mut nap, &other)), "a sleep was polled in two runtimes");
        // It is still the first one's.
        rt.block_on(&mut nap);
        let _guard = other.enter();
        drop(nap);
    });
}

#[test]
fn a_sleep_that_is_polled_in_two_runtimes_is_refused_though_its_waker_is_the_same() {
    struct One;
    impl Wake for One {
        fn wake(self: Arc<Self>) {}
    }
    static ONE: LazyLock<Waker> = LazyLock::new(|| Arc::new(One).into());
    fn polls(rt: &Runtime, nap: &mut Pin<Box<time::Sleep>>) -> Poll<()> {
        let _guard = rt.enter();
        nap.as_mut().poll(&mut Context::from_waker(&ONE))
    }
    guarded(|| {
        let nap = || Box::pin(sleep(Duration::from_secs(3600)));
        let (rt, other) = (virtual_rt(), virtual_rt());
        let mut moves = rt.block_on(async { nap() });
        assert!(polls(&rt, &mut moves).is_pending());
        has(panic_of(|| polls(&other, &mut moves)), "a sleep was polled in two runtimes");
        // Each is the first that waits on its thread, and is not taken for the other.
        let first = move || {
            let rt = virtual_rt();
            let mut first = rt.block_on(async { nap() });
            assert!(polls(&rt, &mut first).is_pending());
            (rt, first)
        };
        let (give, get) = std::sync::mpsc::channel();
        let elsewhere = std::thread::spawn(move || {
            let (_rt, nap) = first();
            give.send(nap).unwrap();
            std::thread::park();
        });
        let mut moves = get.recv().unwrap();
        let there = std::thread::spawn(move || {
            let (rt, _nap) = first();
            has(panic_of(|| polls(&rt, &mut moves)), "a sleep was polled in two runtimes");
        });
        there.join().unwrap();
        elsewhere.thread().unpark();
        elsewhere.join().unwrap();
    });
}

#[test]
fn a_sleep_may_move_before_its_first_poll_and_be_dropped_anywhere() {
    guarded(|| {
        let (rt, other) = (virtual_rt(), virtual_rt());
        let made = rt.block_on(async { sleep(Duration::from_millis(1)) });
        other.block_on(made);
        let mut set = Box::pin(rt.block_on(async { sleep(Duration::from_secs(3600)) }));
        rt.block_on(async { _ = futures_lite::future::poll_once(&mut set).await });
        assert_eq!(rt.metrics().timers, 1);
        std::thread::spawn(move || drop(set)).join().unwrap();
        rt.block_on(async {});
        assert_eq!(rt.metrics().timers, 0);
        let mut set = Box::pin(rt.block_on(async { sleep(Duration::from_secs(3600)) }));
        rt.block_on(async { _ = futures_lite::future::poll_once(&mut set).await });
        other.block_on(async { drop(set) });
        rt.block_on(async {});
        assert_eq!((rt.metrics().timers, other.metrics().timers), (0, 0));
    });
}

#[test]
fn a_handle_that_is_polled_after_its_result_says_so() {
    guarded(|| {
        virtual_rt().block_on(async {
            let mut task = turno::spawn(async {});
            (&mut task).await.unwrap();
            let id = task.id();
            let again = panic_of(|| {
                let _ = Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop()));
            });
            has(again, &format!("the `JoinHandle` of task {id} was polled after its result"));
        });
    });
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    has(panic_of(|| Builder::new().budget(0)), "`Builder::budget` of 0");
    has(
        panic_of(|| Builder::new().max_blocking_threads(0)),
        "`Builder::max_blocking_threads` of 0",
    );
    has(panic_of(|| time::interval(Duration::ZERO)), "longer than zero");
    guarded(|| {
        virtual_rt().block_on(async {
            has(panic_of(time::pause), "stands still already");
            time::resume();
            has(panic_of(time::resume), "does not stand still");
            has(panic_of(|| drop(time::advance(Duration::ZERO))), "does not stand still");
        });
    });
}
