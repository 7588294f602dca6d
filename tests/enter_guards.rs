//! The guards of `Runtime::enter`: whatever is done with them, the thread is never left inside of a
//! runtime whose guard is gone, and no task runs inside of one that another has entered.

mod common;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use common::{guarded, has, panic_of, virtual_rt};
use turno::observe::Event;
use turno::runtime::{Builder, EnterGuard, Handle, OnPanic, Runtime};
use turno::task::{self, yield_now};
use turno::time::sleep;

fn leaked() -> &'static Runtime {
    Box::leak(Box::new(virtual_rt()))
}

fn is_inside() -> bool {
    Handle::try_current().is_ok()
}

/// How many tasks the runtime has that this thread is in, after one more was spawned.
fn tasks_of(rt: &Runtime) -> usize {
    drop(turno::spawn(async {}));
    rt.metrics().tasks
}

const OUT_OF_ORDER: &str = "`EnterGuard` values dropped out of order. Guards returned by \
    `turno::runtime::Runtime::enter()` must be dropped in the reverse order as they were acquired.";

#[test]
fn a_guard_dropped_out_of_order_panics_and_leaves_only_its_own_runtime() {
    guarded(|| {
        let (a, b) = (virtual_rt(), virtual_rt());
        let (ga, gb) = (a.enter(), b.enter());
        has(panic_of(|| drop(ga)), OUT_OF_ORDER);
        assert_eq!((tasks_of(&b), a.metrics().tasks), (1, 0));
        drop(gb); // In order now.
        assert!(!is_inside());

        let (ga, gb, again) = (a.enter(), b.enter(), a.enter());
        has(panic_of(|| drop(gb)), OUT_OF_ORDER);
        assert_eq!(tasks_of(&a), 1);
        drop(again);
        assert_eq!(tasks_of(&a), 2);
        drop(ga);
        drop((a, b));
        assert!(!is_inside());
    });
}

#[test]
fn while_another_panic_is_on_its_way_the_order_is_not_complained_of() {
    guarded(|| {
        let (a, b) = (virtual_rt(), virtual_rt());
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let (ga, gb) = (a.enter(), b.enter());
            let _dropped_in_the_order_of_the_fields = (ga, gb);
            panic!("as meant");
        }));
        assert_eq!(common::text(&*unwound.unwrap_err()), "as meant");
        assert!(!is_inside());
    });
}

#[test]
fn a_task_that_holds_a_guard_across_an_await_ends_with_a_panic_and_harms_no_other() {
    guarded(|| {
        let (rt, other) = (virtual_rt(), leaked());
        rt.block_on(async {
            let line = line!() + 2;
            let holds = task::Builder::new().name("holder").spawn(async move {
                let _guard = other.enter();
                yield_now().await;
                pending::<()>().await
            });
            let id = holds.id();
            let sleeper = turno::spawn(async { sleep(Duration::from_millis(10)).await });
            let error = holds.await.unwrap_err();
            assert!(error.is_panic() && error.id() == id);
            let text = error.to_string();
            has(&text, &format!("task {id} \"holder\" (spawned at tests/enter_guards.rs:"));
            has(&text, &format!("made at tests/enter_guards.rs:{line}:"));
            has(&text, "Drop the guard before the next await");
            assert_eq!((rt.metrics().timers, other.metrics().timers), (1, 0));
            sleeper.await.unwrap();
            assert_eq!(tasks_of(&rt), 2);
        });
        assert!(!is_inside());
    });
}

#[test]
fn a_root_future_that_holds_a_guard_across_an_await_ends_block_on_with_that_panic() {
    guarded(|| {
        let (rt, other) = (virtual_rt(), leaked());
        let text = panic_of(|| {
            rt.block_on(async {
                let _guard = other.enter();
                yield_now().await;
            })
        });
        has(&text, "task 1 \"block_on\" (spawned at tests/enter_guards.rs:");
        has(text, "Drop the guard before the next await");
        assert!(!is_inside());
        rt.block_on(async { sleep(Duration::from_millis(1)).await });
        // Also at its end: here the guard would outlive `block_on`.
        let kept = RefCell::new(None);
        panic_of(|| rt.block_on(async { *kept.borrow_mut() = Some(other.enter()) }));
        assert!(!is_inside());
        drop(kept);
        assert!(!is_inside());
    });
}

thread_local! {
    static KEPT: RefCell<Vec<EnterGuard<'static>>> = const { RefCell::new(Vec::new()) };
    static OTHER: Cell<Option<&'static Runtime>> = const { Cell::new(None) };
}

/// Another runtime of this thread. A new one for each test, which has a thread of its own.
fn other() -> &'static Runtime {
    OTHER.with(|other| {
        let runtime = other.get().unwrap_or_else(leaked);
        other.set(Some(runtime));
        runtime
    })
}

fn keep() {
    let guard = other().enter();
    KEPT.with(|kept| kept.borrow_mut().push(guard));
}

fn forget() {
    mem::forget(other().enter());
}

fn drop_kept() {
    drop(KEPT.take());
}

#[test]
fn however_a_guard_outlives_the_switch_that_made_it_its_task_ends_and_its_late_drop_does_nothing() {
    guarded(|| {
        for way in [keep, forget] {
            let rt = virtual_rt();
            rt.block_on(async {
                // One goes on, one is done at once; and remote ones.
                let goes_on = turno::spawn(async move {
                    way();
                    pending::<()>().await
                });
                let done = turno::spawn(async move { way() });
                let far = Handle::current().spawn(async move { way() });
                let far_goes_on = Handle::current().spawn(async move {
                    way();
                    pending::<()>().await
                });
                let is_right = turno::spawn(async { Handle::current().dump().unwrap() });
                let errors = [
                    goes_on.await.unwrap_err(),
                    done.await.unwrap_err(),
                    far.await.unwrap_err(),
                    far_goes_on.await.unwrap_err(),
                ];
                assert!(errors.iter().all(task::JoinError::is_panic), "{errors:?}");
                assert!(is_right.await.unwrap().tasks().len() > 1);
                assert_eq!(other().metrics().tasks, 0);
                drop_kept();
                assert_eq!(tasks_of(&rt), 2, "still inside of its own");
                yield_now().await;
            });
            assert!(!is_inside());
        }
    });
}

#[test]
fn a_guard_that_is_gone_before_the_await_is_as_good_as_ever() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            for n in 1..4 {
                let outer = other().enter();
                let inner = rt.enter();
                assert_eq!(tasks_of(&rt), 2);
                drop(inner);
                assert_eq!(tasks_of(other()), n);
                drop(outer);
                yield_now().await;
            }
        });
    });
}

#[test]
fn a_task_may_not_drop_a_guard_that_its_host_has_made_outside() {
    guarded(|| {
        let rt = virtual_rt();
        keep();
        rt.block_on(async {
            let error = turno::spawn(async { drop_kept() }).await.unwrap_err();
            has(error.to_string(), OUT_OF_ORDER);
            assert_eq!(tasks_of(&rt), 2, "inside of its own all the same");
        });
        assert!(!is_inside(), "the guard is gone, and so is its runtime from here");

        keep();
        assert_eq!(rt.block_on(async { tasks_of(&rt) }), 2);
        assert_eq!(tasks_of(other()), 1);
        drop_kept();
        assert!(!is_inside());
    });
}

#[test]
fn a_guard_that_was_made_in_one_task_and_is_dropped_in_another_hurts_only_the_one() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let makes = turno::spawn(async { keep() });
            let drops = turno::spawn(async {
                drop_kept();
                Handle::current().dump().unwrap().tasks().len()
            });
            assert!(makes.await.unwrap_err().is_panic());
            assert!(drops.await.unwrap() > 0);
            assert_eq!(tasks_of(&rt), 2);
        });
        assert!(!is_inside());
    });
}

#[test]
fn a_runtime_that_is_dropped_is_left_though_its_guard_was_forgotten() {
    guarded(|| {
        let (a, b) = (virtual_rt(), virtual_rt());
        mem::forget(a.enter());
        let gb = b.enter();
        mem::forget(a.enter());
        assert_eq!(tasks_of(&a), 1);
        drop(a);
        assert_eq!(tasks_of(&b), 1);
        drop(gb);
        assert!(!is_inside());
        mem::forget(b.enter());
        b.shutdown_background();
        assert!(!is_inside());
    });
}

#[test]
fn a_guard_left_by_a_turn_or_a_step_is_as_one_left_in_block_on() {
    guarded(|| {
        let rt = virtual_rt();
        let task = rt.spawn(async { forget() });
        rt.turn(Some(Duration::ZERO));
        assert!(task.is_finished() && !is_inside());
        assert!(rt.block_on(task).unwrap_err().is_panic());
        let task = rt.spawn(async { forget() });
        assert_eq!(rt.step().unwrap().left, task::Left::Panicked);
        assert!(!is_inside());
        assert!(rt.block_on(task).unwrap_err().is_panic());
        let rt = Builder::new().on_panic(OnPanic::Propagate).build().unwrap();
        let _task = rt.spawn(async { forget() });
        has(
            panic_of(|| rt.turn(Some(Duration::ZERO))),
            "task 1 (spawned at tests/enter_guards.rs:",
        );
        assert!(!is_inside());
    });
}

/// Enters, and forgets it, when it is dropped.
struct Enters;

impl Drop for Enters {
    fn drop(&mut self) {
        forget();
    }
}

#[test]
fn a_guard_left_by_a_drop_is_found_too() {
    guarded(|| {
        let rt = virtual_rt();
        let held = || async {
            let _enters = Enters;
            pending::<()>().await
        };
        rt.block_on(async {
            let aborted = turno::spawn(held());
            yield_now().await;
            aborted.abort();
            has(aborted.await.unwrap_err().to_string(), "Drop the guard before the next await");
            assert_eq!(tasks_of(&rt), 2);
            drop(turno::spawn(held()));
            yield_now().await;
        });
        drop(rt);
        assert!(!is_inside());
        // In a task of another runtime.
        let (rt, inner) = (virtual_rt(), virtual_rt());
        inner.block_on(async {
            drop(turno::spawn(held()));
            yield_now().await;
        });
        rt.block_on(async {
            drop(inner);
            assert_eq!(tasks_of(&rt), 2);
        });
        assert!(!is_inside());
    });
}

#[test]
fn a_guard_left_by_an_observer_is_no_tasks_fault_and_is_told_to_who_drives_the_loop() {
    guarded(|| {
        let rt = virtual_rt();
        let left = Rc::new(Cell::new(false));
        let seen = left.clone();
        rt.observe(move |_: u64, event: &Event<'_>| {
            if matches!(event, Event::Switched { .. }) && !seen.replace(true) {
                forget();
            }
        });
        let task = rt.spawn(yield_now());
        let text = panic_of(|| rt.block_on(pending::<()>()));
        has(&text, "the guard of `Runtime::enter` that was made at tests/enter_guards.rs:");
        assert!(left.get() && !text.contains("(spawned at"), "{text}");
        assert!(!is_inside());
        rt.block_on(task).unwrap();
        assert_eq!(rt.block_on(async { tasks_of(&rt) }), 2);

        // By what a runtime calls outside of a turn.
        let task = rt.spawn(pending::<()>());
        has(panic_of(|| rt.update(task.id(), |_| forget())), "is still there");
        assert!(!is_inside());
    });
}
