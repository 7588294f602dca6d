//! A foreign waker, given to the poll of a handle or a sleep, may do anything in its wake, its clone
//! and its drop.

mod common;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use common::{Gate, Trace, guarded, has, panic_of, virtual_rt};
use turno::runtime::{Builder, OnPanic};
use turno::task::{JoinHandle, yield_now};
use turno::time::{Duration, Sleep, sleep};

thread_local! {
    static ACT: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

fn act() {
    // A waker that is dropped while the thread ends has nothing to do.
    let act = ACT.try_with(|act| act.borrow().clone()).ok().flatten();
    if let Some(act) = act {
        act();
    }
}

/// Sets what the wakers of this thread do.
fn wakers_do(f: impl Fn() + 'static) {
    ACT.with(|act| *act.borrow_mut() = Some(Rc::new(f)));
}

fn wakers_do_nothing() {
    let _old = ACT.with(|act| act.borrow_mut().take());
}

/// Acts in its wake.
struct OnWake(AtomicUsize);

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        act();
    }
}

/// Acts in its drop, that is in the drop of its last clone.
struct OnDropped;

impl Wake for OnDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for OnDropped {
    fn drop(&mut self) {
        act();
    }
}

/// All that a user may do.
fn everything(trace: &Trace, gate: &Gate, rt_key: &Rc<RefCell<Vec<JoinHandle<()>>>>) {
    let said = trace.clone();
    drop(turno::spawn(async move { said.say("spawned ran") }));
    let aborted = turno::spawn(pending::<()>());
    aborted.abort();
    drop(aborted);
    gate.open();
    let held = std::mem::take(&mut *rt_key.borrow_mut());
    drop(held);
    drop(turno::runtime::Handle::current());
    drop(turno::runtime::Runtime::new().unwrap());
    trace.say("acted");
}

/// Polls what `make` makes with `waker`, then lets `finish` happen.
#[track_caller]
fn survives(make_waker: impl Fn() -> Waker, ending: impl AsyncFnOnce(Waker)) {
    guarded(|| {
        let rt = virtual_rt();
        let (trace, gate) = (Trace::new(), Gate::new());
        rt.block_on(async {
            let waits = gate.clone();
            let woken = turno::spawn(waits);
            yield_now().await;
            let held: Rc<RefCell<Vec<_>>> =
                Rc::new(RefCell::new(vec![turno::spawn(async {}), turno::spawn(pending::<()>())]));
            let (said, opens) = (trace.clone(), gate.clone());
            wakers_do(move || everything(&said, &opens, &held));
            ending(make_waker()).await;
            woken.await.unwrap();
            wakers_do_nothing();
            yield_now().await;
            yield_now().await;
        });
        let lines = trace.take();
        assert!(lines.len() >= 2 && lines.iter().any(|line| line == "acted"), "{lines:?}");
        let spawned = lines.iter().filter(|line| *line == "spawned ran").count();
        assert_eq!(spawned * 2, lines.len());
        // Only the task that was detached while it waits for ever is left.
        assert_eq!(rt.metrics().tasks, 1);
    });
}

fn on_wake() -> Waker {
    Waker::from(Arc::new(OnWake(AtomicUsize::new(0))))
}

fn on_dropped() -> Waker {
    Waker::from(Arc::new(OnDropped))
}

fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn the_wake_of_who_joins_a_task_may_do_everything() {
    survives(on_wake, async |waker| {
        let mut task = turno::spawn(yield_now());
        assert!(poll_once(&mut task, &waker).is_pending());
        while !task.is_finished() {
            yield_now().await;
        }
    });
}

#[test]
fn the_wake_of_who_joins_an_aborted_task_may_do_everything() {
    survives(on_wake, async |waker| {
        let mut task = turno::spawn(pending::<()>());
        assert!(poll_once(&mut task, &waker).is_pending());
        task.abort();
        yield_now().await;
        assert!(task.is_finished());
    });
}

#[test]
fn the_wake_of_who_sleeps_may_do_everything() {
    survives(on_wake, async |waker| {
        let mut nap = pin!(sleep(Duration::from_secs(1)));
        assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        sleep(Duration::from_secs(2)).await;
    });
}

#[test]
fn the_drop_of_a_waker_may_do_everything_when_the_handle_is_dropped() {
    survives(on_dropped, async |waker| {
        let mut task = turno::spawn(yield_now());
        assert!(poll_once(&mut task, &waker).is_pending());
        drop(waker);
        drop(task);
    });
}

#[test]
fn the_drop_of_a_waker_may_do_everything_when_another_takes_its_place() {
    survives(on_dropped, async |waker| {
        let mut task = turno::spawn(yield_now());
        assert!(poll_once(&mut task, &waker).is_pending());
        drop(waker);
        task.await.unwrap();
    });
    survives(on_dropped, async |waker| {
        let mut nap = pin!(sleep(Duration::from_secs(1)));
        assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        nap.await;
    });
}

#[test]
fn the_drop_of_a_waker_may_do_everything_when_a_sleep_is_cancelled_or_reset() {
    for reset in [false, true] {
        survives(on_dropped, async |waker| {
            let mut nap = Box::pin(sleep(Duration::from_secs(1)));
            assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            drop(waker);
            if reset {
                nap.as_mut().reset(turno::time::Instant::now() + Duration::from_secs(5));
                assert!(turno::task::try_id().is_some());
            }
            drop(nap);
        });
    }
}

#[test]
fn the_drop_of_a_waker_may_do_everything_when_its_timer_or_task_ends() {
    survives(on_dropped, async |waker| {
        let mut nap = pin!(sleep(Duration::from_secs(1)));
        assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        sleep(Duration::from_secs(2)).await;
    });
    survives(on_dropped, async |waker| {
        let mut task = turno::spawn(yield_now());
        assert!(poll_once(&mut task, &waker).is_pending());
        drop(waker);
        yield_now().await;
        yield_now().await;
        yield_now().await;
    });
}

#[test]
fn the_drop_of_a_waker_may_do_everything_when_the_runtime_goes() {
    guarded(|| {
        let trace = Trace::new();
        let rt = virtual_rt();
        let mut naps: Vec<Pin<Box<Sleep>>> = Vec::new();
        rt.block_on(async {
            let waker = on_dropped();
            let mut nap = Box::pin(sleep(Duration::from_secs(1)));
            assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            naps.push(nap);
        });
        let said = trace.clone();
        wakers_do(move || {
            let late = turno::spawn(async { unreachable!("nothing starts any more") });
            assert!(late.is_finished());
            said.say("acted");
        });
        drop(rt);
        wakers_do_nothing();
        trace.check(&["acted"]);
        drop(naps);
    });
}

/// Wakes two in turn: the first wake panics. `poll` has a task or timer wake a foreign waker.
#[track_caller]
fn one_panic_loses_nobody(poll: impl AsyncFnOnce(&Waker, &mut Vec<JoinHandle<()>>)) {
    guarded(|| {
        wakers_do(|| panic!("a waker panics on purpose"));
        let rt = virtual_rt();
        let mut tasks = Vec::new();
        rt.block_on(async { poll(&on_wake(), &mut tasks).await });
        wakers_do_nothing();
        rt.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(rt.metrics().tasks, 0);
    });
}

#[test]
fn a_panic_in_a_wake_is_isolated_and_nobody_elses_wake_is_lost() {
    one_panic_loses_nobody(async |waker, tasks| {
        let mut first = turno::spawn(yield_now());
        assert!(poll_once(&mut first, waker).is_pending());
        let second = turno::spawn(async move { sleep(Duration::from_secs(1)).await });
        tasks.extend([turno::spawn(async { second.await.unwrap() }), first]);
        sleep(Duration::from_secs(5)).await;
    });
    one_panic_loses_nobody(async |waker, tasks| {
        let mut nap = Box::pin(sleep(Duration::from_secs(1)));
        assert!(nap.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        tasks.push(turno::spawn(sleep(Duration::from_secs(1))));
        sleep(Duration::from_secs(5)).await;
    });
}

#[test]
fn a_panic_in_a_wake_goes_to_the_caller_if_panics_are_to_propagate() {
    guarded(|| {
        wakers_do(|| panic!("a waker panics on purpose"));
        let rt = Builder::new().on_panic(OnPanic::Propagate).start_paused(true).build().unwrap();
        let mut task = rt.spawn(async {});
        assert!(poll_once(&mut task, &on_wake()).is_pending());
        has(panic_of(|| rt.block_on(yield_now())), "a waker panics on purpose");
        wakers_do_nothing();
        rt.block_on(task).unwrap();
    });
}
