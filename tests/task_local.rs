//! Promises of `task_local!`: where a value is seen, and who inherits it.

mod common;

use std::cell::Cell;
use std::future::{Future, pending};
use std::rc::Rc;
use std::time::Duration;

use common::{Gate, OnDrop, Trace, has, panic_of, virtual_rt};
use turno::runtime::{Builder, OnPanic};
use turno::task::{self, yield_now};
use turno::time::sleep;
use turno::{join, pin, spawn};

turno::task_local! {
    static PLAIN: u32;
    /// Documented, and last without a semicolon.
    #[inherit]
    pub static REQUEST: u32;
    #[inherit]
    /// Says when it is cloned and dropped.
    pub(crate) static TRACED: Traced
}

struct Traced {
    trace: Trace,
    n: u32,
}

impl Clone for Traced {
    fn clone(&self) -> Self {
        self.trace.say(format_args!("clone of {}", self.n));
        Self { trace: self.trace.clone(), n: self.n + 1 }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.trace.say(format_args!("drop of {}", self.n));
    }
}

/// Says what is seen when it is dropped.
fn sees_at_drop(trace: &Trace, who: &'static str) -> impl Drop + use<> {
    let trace = trace.clone();
    OnDrop::new(move || {
        let seen = (PLAIN.try_get().ok(), REQUEST.try_get().ok());
        trace.say(format_args!("{who} {seen:?}"));
    })
}

#[test]
fn a_value_is_seen_inside_of_its_scope_and_nowhere_else() {
    virtual_rt().block_on(async {
        assert!(PLAIN.try_get().is_err());
        let inside = PLAIN.scope(1, async {
            assert_eq!(PLAIN.get(), 1);
            yield_now().await;
            PLAIN.with(|n| assert_eq!(*n, 1));
            assert!(spawn(async { PLAIN.try_get().is_err() }).await.unwrap());
            PLAIN.get() + 1
        });
        assert_eq!(inside.await, 2);
        assert!(PLAIN.try_with(|_| ()).is_err());
        assert_eq!(PLAIN.sync_scope(3, || PLAIN.get()), 3);
        assert!(PLAIN.try_get().is_err());
    });
}

#[test]
fn each_task_and_each_future_sees_its_own() {
    virtual_rt().block_on(async {
        let sees = |n: u32| {
            PLAIN.scope(n, async move {
                for _ in 0..5 {
                    assert_eq!(PLAIN.get(), n);
                    yield_now().await;
                }
            })
        };
        let tasks = [spawn(sees(1)), spawn(sees(2))];
        join!(sees(3), sees(4), PLAIN.scope(5, async { join!(sees(6)) }));
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn an_inner_scope_hides_the_outer_one() {
    virtual_rt().block_on(PLAIN.scope(1, async {
        PLAIN.scope(2, async { assert_eq!(PLAIN.get(), 2) }).await;
        assert_eq!(PLAIN.sync_scope(3, || PLAIN.get()), 3);
        assert_eq!(PLAIN.get(), 1);
    }));
}

#[test]
fn it_is_seen_when_the_future_is_dropped_however_that_comes() {
    let trace = Trace::new();
    let rt = virtual_rt();
    let waits = |who: &'static str| {
        let guard = sees_at_drop(&trace, who);
        async move {
            let _guard = guard;
            pending::<()>().await;
        }
    };
    rt.block_on(async {
        drop(PLAIN.scope(1, waits("never polled")));
        let task = spawn(PLAIN.scope(2, waits("aborted")));
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let guard = sees_at_drop(&trace, "done");
        PLAIN
            .scope(3, async {
                let _guard = guard;
            })
            .await;
        let guard = sees_at_drop(&trace, "captured");
        let scoped = PLAIN.scope(4, async move {
            yield_now().await;
            drop(guard);
        });
        scoped.await;
        spawn(PLAIN.scope(5, waits("with the runtime")));
        yield_now().await;
    });
    drop(rt);
    trace.check(&[
        "never polled (Some(1), None)",
        "aborted (Some(2), None)",
        "done (Some(3), None)",
        "captured (Some(4), None)",
        "with the runtime (Some(5), None)",
    ]);
}

#[test]
fn a_panic_takes_the_value_out_again() {
    virtual_rt().block_on(async {
        let task = spawn(PLAIN.scope(1, async { panic!("inside") }));
        assert!(task.await.unwrap_err().is_panic());
        assert!(PLAIN.try_get().is_err());
        assert_eq!(panic_of(|| PLAIN.sync_scope(1, || panic!("inside"))), "inside");
        assert!(PLAIN.try_get().is_err());
    });
}

#[test]
fn the_value_can_be_taken_back() {
    virtual_rt().block_on(async {
        let scoped = PLAIN.scope(7, async { PLAIN.try_get() });
        pin!(scoped);
        assert_eq!(format!("{:?}", scoped), "TaskLocalFuture { value: Some(7), .. }");
        assert_eq!(scoped.as_mut().await, Ok(7));
        assert_eq!(scoped.as_mut().take_value(), Some(7));
        assert_eq!(scoped.as_mut().take_value(), None);

        let robbed = PLAIN.scope(8, async { PLAIN.try_get() });
        pin!(robbed);
        assert_eq!(robbed.as_mut().take_value(), Some(8));
        let error = robbed.await.unwrap_err();
        assert_eq!(error.to_string(), "task-local value not set");
    });
}

#[test]
fn misuse_is_refused_in_words() {
    has(panic_of(|| PLAIN.get()), "outside of its scope");
    has(panic_of(|| PLAIN.with(|_| ())), "outside of its scope");
    let inside = || PLAIN.sync_scope(1, || PLAIN.with(|_| PLAIN.sync_scope(2, || ())));
    has(panic_of(inside), "while the value is looked at");
    let again = || {
        virtual_rt().block_on(async {
            let scoped = PLAIN.scope(7, async {});
            pin!(scoped);
            scoped.as_mut().await;
            scoped.await;
        })
    };
    has(panic_of(again), "polled after it was done");
}

#[test]
fn a_panic_for_want_of_a_value_is_at_the_line_that_wanted_it() {
    let line = Rc::new(Cell::new(0));
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let sees = seen.clone();
    let thread = std::thread::current().id();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == thread {
            let place = info.location().unwrap();
            assert!(place.file().ends_with("task_local.rs"));
            sees.store(place.line(), std::sync::atomic::Ordering::SeqCst);
        }
    }));
    panic_of(|| {
        line.set(line!() + 1);
        PLAIN.get()
    });
    std::panic::set_hook(hook);
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), line.get());
}

// ---- Inheritance ----

#[test]
fn a_task_inherits_what_its_parent_has_when_it_is_spawned() {
    virtual_rt().block_on(async {
        let outside = spawn(async { REQUEST.try_get() });
        let inside = REQUEST.scope(1, async {
            let child = spawn(async {
                yield_now().await;
                sleep(Duration::from_secs(1)).await;
                let grandchild = spawn(async { REQUEST.get() });
                REQUEST.get() + grandchild.await.unwrap()
            });
            let local = task::spawn_local(async { REQUEST.get() });
            let built = task::Builder::new().name("b").spawn(async { REQUEST.get() });
            let hidden = REQUEST.sync_scope(2, || spawn(async { REQUEST.get() }));
            let own = spawn(REQUEST.scope(3, async {
                let inner = spawn(async { REQUEST.get() });
                (REQUEST.get(), inner.await.unwrap())
            }));
            let simple = (local.await.unwrap(), built.await.unwrap(), hidden.await.unwrap());
            (child.await.unwrap(), simple, own.await.unwrap())
        });
        assert_eq!(inside.await, (2, (1, 1, 2), (3, 3)));
        assert!(outside.await.unwrap().is_err());
        let after = spawn(async { REQUEST.try_get() });
        assert!(after.await.unwrap().is_err(), "the scope is over");
    });
}

#[test]
fn from_outside_of_a_task_it_is_inherited_too() {
    let rt = virtual_rt();
    let task = REQUEST.sync_scope(4, || rt.spawn(async { REQUEST.get() }));
    assert_eq!(rt.block_on(task).unwrap(), 4);
}

#[test]
fn jobs_and_remote_tasks_inherit_nothing() {
    let rt = Builder::new().build().unwrap();
    rt.block_on(REQUEST.scope(1, async {
        let handle = turno::runtime::Handle::current();
        let remote = handle.spawn(async { REQUEST.try_get().is_err() });
        let job = task::spawn_blocking(|| REQUEST.try_get().is_err());
        assert_eq!((remote.await.unwrap(), job.await.unwrap()), (true, true));
    }));
}

#[test]
fn a_child_has_its_own_clone_until_its_future_is_gone() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let value = Traced { trace: trace.clone(), n: 1 };
        let [task] = TRACED
            .scope(value, async {
                let task = spawn(async {
                    TRACED.with(|value| value.trace.say(format_args!("sees {}", value.n)));
                    "result"
                });
                trace.say("spawned");
                [task]
            })
            .await;
        trace.say("scope left");
        yield_now().await;
        trace.say("child ran");
        trace.say(task.await.unwrap());
    });
    trace.check(&[
        "clone of 1",
        "spawned",
        "drop of 1",
        "scope left",
        "sees 2",
        "drop of 2",
        "child ran",
        "result",
    ]);
}

#[test]
fn an_heir_that_is_aborted_or_panics_drops_its_future_with_the_value() {
    for on_panic in [OnPanic::Isolate, OnPanic::Propagate] {
        let trace = Trace::new();
        let rt = Builder::new().start_paused(true).on_panic(on_panic).build().unwrap();
        let gate = Gate::new();
        let waits = |who: &'static str| {
            let (guard, gate) = (sees_at_drop(&trace, who), gate.clone());
            async move {
                let _guard = guard;
                if who == "panics" {
                    gate.await; // A gate knows the last who waits for it.
                    panic!("on purpose");
                }
                pending::<()>().await
            }
        };
        let (panics, aborted, never) = REQUEST.sync_scope(9, || {
            let never = rt.spawn(waits("never polled"));
            never.abort();
            let others = (rt.spawn(waits("panics")), rt.spawn(waits("aborted")));
            rt.spawn(waits("with the runtime"));
            (others.0, others.1, never)
        });
        let root = async {
            yield_now().await;
            gate.open();
            aborted.abort();
            assert!(aborted.await.unwrap_err().is_cancelled());
            assert!(never.await.unwrap_err().is_cancelled());
            panics.await.unwrap_err().is_panic()
        };
        if on_panic == OnPanic::Isolate {
            assert!(rt.block_on(root));
        } else {
            assert_eq!(panic_of(|| rt.block_on(root)), "on purpose");
        }
        assert!(REQUEST.try_get().is_err());
        drop(rt);
        let mut lines = trace.take();
        lines.sort();
        let expected = ["aborted", "never polled", "panics", "with the runtime"];
        assert_eq!(lines, expected.map(|who| format!("{who} (None, Some(9))")));
    }
}

#[test]
fn several_keys_are_inherited_side_by_side() {
    let trace = Trace::new();
    let value = Traced { trace: trace.clone(), n: 1 };
    let both = REQUEST.scope(
        5,
        TRACED.scope(value, async {
            spawn(async { (REQUEST.get(), TRACED.with(|value| value.n), PLAIN.try_get().is_err()) })
                .await
                .unwrap()
        }),
    );
    assert_eq!(virtual_rt().block_on(PLAIN.scope(1, both)), (5, 2, true));
    trace.check(&["clone of 1", "drop of 2", "drop of 1"]);
}

#[test]
fn a_scope_whose_value_was_taken_bequeaths_nothing() {
    virtual_rt().block_on(async {
        let scoped = REQUEST.scope(1, async { spawn(async { REQUEST.try_get() }).await.unwrap() });
        pin!(scoped);
        scoped.as_mut().take_value();
        assert!(scoped.await.is_err());
    });
}

#[test]
fn a_value_whose_clone_spawns_or_panics_harms_nobody() {
    struct Wild(u32);
    impl Clone for Wild {
        fn clone(&self) -> Self {
            match self.0 {
                0 => panic!("no clone"),
                n => {
                    WILD.sync_scope(Wild(n - 1), || {
                        let _ = std::panic::catch_unwind(|| spawn(async {}));
                    });
                    Wild(n)
                }
            }
        }
    }
    turno::task_local! {
        #[inherit]
        static WILD: Wild;
    }
    virtual_rt().block_on(async {
        WILD.scope(Wild(0), async {
            assert_eq!(panic_of(|| spawn(async {})), "no clone");
        })
        .await;
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
    });
}

fn _a_scoped_future_is_sendable_if_its_parts_are() {
    fn sendable(_: impl Future + Send) {}
    sendable(PLAIN.scope(1, async {}));
}
