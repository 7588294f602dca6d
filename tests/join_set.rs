//! Promises of `JoinSet`.

mod common;

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use common::{Gate, OnDrop, Trace, guarded, has, own_waker, virtual_rt};
use turno::observe::Event;
use turno::runtime::{Builder, Runtime};
use turno::task::{self, Cause, JoinSet, yield_now};
use turno::time::{Instant, sleep, timeout};

const MS: Duration = Duration::from_millis(1);

/// Finishes after so many milliseconds of virtual time, with that number.
async fn after(ms: u32) -> u32 {
    sleep(ms * MS).await;
    ms
}

#[test]
fn results_come_in_the_order_in_which_tasks_finish() {
    virtual_rt().block_on(async {
        let mut set = JoinSet::new();
        for ms in [3, 1, 4, 1, 5, 9, 2, 6] {
            set.spawn(after(ms));
        }
        let mut results = Vec::new();
        while let Some(result) = set.join_next().await {
            results.push(result.unwrap());
        }
        assert_eq!(results, [1, 1, 2, 3, 4, 5, 6, 9]);
        // The same if all of them wait for whoever asks.
        set.extend([3, 1, 2].map(after));
        sleep(10 * MS).await;
        let results: Vec<_> = std::iter::from_fn(|| set.try_join_next()).collect();
        assert_eq!(results.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 2, 3]);
    });
}

#[test]
fn an_empty_set_has_no_next() {
    virtual_rt().block_on(async {
        let mut set = JoinSet::<()>::default();
        assert!(set.join_next().await.is_none() && set.try_join_next().is_none());
        assert!(set.is_empty() && set.join_next_with_id().await.is_none());
        set.spawn(async {});
        assert!(set.try_join_next().is_none(), "it has not run yet");
        assert_eq!(set.len(), 1);
        assert_eq!(format!("{set:?}"), "JoinSet { len: 1, .. }");
        set.join_next().await.unwrap().unwrap();
        assert!(set.is_empty() && set.join_next().await.is_none());
        set.shutdown().await;
        assert_eq!(set.join_all().await, []);
    });
}

#[test]
fn who_gives_up_waiting_loses_nothing() {
    virtual_rt().block_on(async {
        let mut set: JoinSet<u32> = [5, 10, 20].into_iter().map(after).collect();
        let mut results = Vec::new();
        let mut given_up = 0;
        while !set.is_empty() {
            match timeout(MS, set.join_next()).await {
                Ok(result) => results.push(result.unwrap().unwrap()),
                Err(_) => given_up += 1,
            }
        }
        assert_eq!(results, [5, 10, 20]);
        assert!(given_up >= 15, "{given_up}");
        // Also if it was woken, and not polled before it was dropped.
        let gate = Gate::new();
        set.spawn({
            let gate = gate.clone();
            async move {
                gate.await;
                7
            }
        });
        {
            let next = set.join_next();
            turno::pin!(next);
            assert!(futures_lite::future::poll_once(next.as_mut()).await.is_none());
            gate.open();
            yield_now().await;
        }
        assert_eq!(set.try_join_next().unwrap().unwrap(), 7);
    });
}

fn waits(trace: &Trace, name: &'static str) -> impl Future<Output = u32> + use<> {
    let guard = trace.on_drop(name);
    async move {
        let _guard = guard;
        pending().await
    }
}

#[test]
fn a_set_that_is_dropped_aborts_its_tasks_in_order() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        for name in ["a", "b", "c"] {
            set.spawn(waits(&trace, name));
        }
        set.join_next().await.unwrap().unwrap();
        set.spawn(waits(&trace, "in the place of the first"));
        yield_now().await;
        drop(set);
        trace.say("set dropped");
        yield_now().await;
    });
    trace.check(&["set dropped", "a", "b", "c", "in the place of the first"]);
}

#[test]
fn abort_all_leaves_results_and_who_has_finished_keeps_his() {
    virtual_rt().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        let one = set.spawn(pending());
        set.spawn(pending());
        yield_now().await;
        set.abort_all();
        assert_eq!(set.len(), 3);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
        let error = set.join_next().await.unwrap().unwrap_err();
        assert!(error.is_cancelled() && error.id() == one.id());
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        assert!(set.join_next().await.is_none());
        // One alone is aborted by its handle.
        let one = set.spawn(pending());
        set.spawn(after(1));
        one.abort();
        let error = set.join_next_with_id().await.unwrap().unwrap_err();
        assert!(error.is_cancelled() && error.id() == one.id());
        assert_eq!(set.join_all().await, [1]);
    });
}

#[test]
fn detached_tasks_go_on_without_the_set() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let mut set = JoinSet::new();
        let says = trace.clone();
        set.spawn(async move {
            sleep(MS).await;
            says.say("went on");
        });
        yield_now().await;
        set.detach_all();
        assert!(set.is_empty() && set.join_next().await.is_none());
        set.spawn(async {});
        drop(set);
        sleep(2 * MS).await;
    });
    trace.check(&["went on"]);
}

#[test]
fn shutdown_waits_until_all_are_gone() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(waits(&trace, "a gone"));
        set.spawn(waits(&trace, "b gone"));
        yield_now().await;
        set.shutdown().await;
        trace.say(set.len());
    });
    trace.check(&["a gone", "b gone", "0"]);
}

#[test]
fn join_all_gives_all_or_the_panic_and_aborts_the_others() {
    let trace = Trace::new();
    let rt = virtual_rt();
    let all = rt.block_on(async {
        [3, 1, 2].into_iter().map(after).collect::<JoinSet<_>>().join_all().await
    });
    assert_eq!(all, [1, 2, 3]);
    let panics = rt.block_on(async {
        let mut set = JoinSet::new();
        set.spawn(waits(&trace, "other gone"));
        set.spawn(async { panic!("on purpose") });
        let all = task::spawn(set.join_all());
        all.await.unwrap_err()
    });
    has(panics.to_string(), "on purpose");
    trace.check(&["other gone"]);
    let aborted = rt.block_on(async {
        let mut set = JoinSet::new();
        set.build_task().name("the lost").spawn(pending::<()>()).abort();
        task::spawn(set.join_all()).await.unwrap_err()
    });
    has(aborted.to_string(), "`JoinSet::join_all` lacks a result");
    has(aborted.to_string(), "the lost");
}

#[test]
fn a_panic_is_the_members_result_and_names_it() {
    virtual_rt().block_on(async {
        let mut set = JoinSet::new();
        set.build_task().name("unlucky").group(3).spawn_local(async { panic!("of bad luck") });
        set.spawn_local(after(1));
        let error = set.join_next().await.unwrap().unwrap_err();
        assert!(error.is_panic());
        has(error.to_string(), "unlucky");
        has(error.to_string(), "join_set.rs");
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
    });
}

#[test]
fn what_is_said_of_a_task_holds() {
    let rt = virtual_rt();
    rt.block_on(async {
        let mut set = JoinSet::new();
        let built = set.build_task().name("n").group(2).priority(3).weight(4);
        let due = Instant::now() + MS;
        let id = built.deadline(due).expected_size(MS).spawn(async {}).id();
        let info = rt.tasks().into_iter().find(|info| info.id() == id).unwrap();
        assert_eq!(info.name(), Some("n"));
        let said = info.attributes();
        assert_eq!((said.group, said.priority, said.weight), (2, 3, 4));
        assert_eq!((said.deadline, said.size), (Some(1_000_000), Some(1_000_000)));
    });
}

#[test]
fn ids_tell_who_it_was() {
    virtual_rt().block_on(async {
        let mut set = JoinSet::new();
        let slow = set.spawn(after(2));
        let quick = set.spawn(after(1));
        assert_eq!(set.join_next_with_id().await.unwrap().unwrap(), (quick.id(), 1));
        sleep(5 * MS).await;
        assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (slow.id(), 2));
        let third = set.spawn(after(3));
        let next = poll_fn(|cx| set.poll_join_next_with_id(cx)).await;
        assert_eq!(next.unwrap().unwrap(), (third.id(), 3));
    });
}

#[test]
fn jobs_and_tasks_elsewhere_are_members_like_others() {
    guarded(|| {
        // A second runtime, on a thread of its own, until `stop` is dropped.
        let (send, receive) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let rt = Runtime::new().unwrap();
            send.send(rt.handle().clone()).unwrap();
            let stopped = async move { task::spawn_blocking(move || stopped.recv()).await };
            rt.block_on(stopped).unwrap().unwrap_err();
        });
        let handle = receive.recv().unwrap();
        Runtime::new().unwrap().block_on(async {
            let mut set = JoinSet::new();
            set.spawn_on(async { "elsewhere" }, &handle);
            set.spawn_on(async { "here, by letter" }, &turno::runtime::Handle::current());
            set.spawn_blocking(|| "job");
            set.spawn_blocking_on(|| "job elsewhere", &handle);
            set.spawn(async { "task" });
            let mut all = set.join_all().await;
            all.sort_unstable();
            assert_eq!(all, ["elsewhere", "here, by letter", "job", "job elsewhere", "task"]);

            let mut set = JoinSet::new();
            set.spawn_blocking(|| panic!("job panics"));
            set.spawn_on(pending::<()>(), &handle).abort();
            let mut errors = Vec::new();
            while let Some(result) = set.join_next().await {
                errors.push(result.unwrap_err().is_panic());
            }
            errors.sort_unstable();
            assert_eq!(errors, [false, true]);
        });
        drop((stop, handle));
        thread.join().unwrap();
    });
}

#[test]
fn jobs_and_tasks_keep_their_order_among_each_other() {
    guarded(|| {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        rt.block_on(async {
            for order in [["job", "task"], ["task", "job"]] {
                let mut set = JoinSet::new();
                for what in order {
                    if what == "job" {
                        set.spawn_blocking(|| "job");
                        // There is one thread: when this is done, so is the job.
                        task::spawn_blocking(|| ()).await.unwrap();
                    } else {
                        set.spawn(async { "task" });
                        yield_now().await;
                    }
                }
                assert_eq!(set.join_all().await, order);
            }
        });
    });
}

#[test]
fn whoever_polled_last_is_woken() {
    virtual_rt().block_on(async {
        let set = Rc::new(RefCell::new(JoinSet::new()));
        let gate = Gate::new();
        set.borrow_mut().spawn(gate.clone());
        let second = task::spawn({
            let set = set.clone();
            poll_fn(move |cx| set.borrow_mut().poll_join_next(cx).map(|end| end.is_some()))
        });
        let waker = own_waker().await;
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(set.borrow_mut().poll_join_next(&mut cx).is_pending());
        yield_now().await;
        gate.open();
        assert!(second.await.unwrap());
    });
}

#[test]
fn each_result_is_one_switch_and_one_unit_of_the_budget() {
    let switches = Rc::new(RefCell::new(Vec::new()));
    let sees = switches.clone();
    let observer = move |_: u64, event: &Event<'_>| {
        if let Event::Woken { task, .. } = event
            && task.name() == Some("block_on")
        {
            sees.borrow_mut().push(task.cause());
        }
    };
    let rt = Builder::new().start_paused(true).budget(10).observe(observer).build().unwrap();
    rt.block_on(async {
        let mut set: JoinSet<u32> = (1..=100).map(after).collect();
        while set.join_next().await.is_some() {}
    });
    assert_eq!(switches.take().len(), 101, "once for each, though 100 wait");
    rt.block_on(async {
        let mut set: JoinSet<()> = (0..25).map(|_| async {}).collect();
        yield_now().await;
        while set.join_next().await.is_some() {}
    });
    let causes = switches.take();
    assert_eq!(causes.iter().filter(|cause| **cause == Cause::Budget).count(), 2, "{causes:?}");
}

#[test]
fn a_stall_names_the_set_and_who_waits_for_it() {
    let rt = virtual_rt();
    let line = line!() + 4;
    let stalled = rt
        .try_block_on(async {
            // The next line makes it.
            let mut set = JoinSet::new();
            set.spawn(pending::<()>());
            set.join_next().await;
        })
        .unwrap_err();
    let text = stalled.to_string();
    has(&text, &format!("the end of a task of its set (made at tests/join_set.rs:{line}:"));
    has(&text, &format!(") at tests/join_set.rs:{}:", line + 2));
}

#[test]
fn who_has_stopped_waiting_is_not_said_to_wait() {
    let rt = virtual_rt();
    let stalled = rt
        .try_block_on(async {
            let mut set = JoinSet::new();
            set.spawn(pending::<()>());
            assert!(timeout(MS, set.join_next()).await.is_err());
            pending::<()>().await;
        })
        .unwrap_err();
    let text = stalled.to_string();
    assert!(!text.contains("of its set"), "{text}");
}

#[test]
fn a_set_that_outlives_the_runtime_has_cancelled_results() {
    let rt = virtual_rt();
    let mut set = JoinSet::new();
    let _context = rt.enter();
    set.spawn(pending::<()>());
    set.spawn(async {});
    rt.turn(Some(Duration::ZERO));
    drop(_context);
    drop(rt);
    futures_lite::future::block_on(async {
        assert!(set.join_next().await.unwrap().is_ok());
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn a_task_spawned_while_the_runtime_ends_is_a_member_that_was_cancelled() {
    let seen = Rc::new(RefCell::new(None));
    let sees = seen.clone();
    let rt = virtual_rt();
    let guard = OnDrop::new(move || {
        let mut set = JoinSet::new();
        set.spawn(async {});
        *sees.borrow_mut() = set.try_join_next();
    });
    rt.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    rt.turn(Some(Duration::ZERO));
    drop(rt);
    assert!(seen.take().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn a_set_dropped_in_an_observer_is_dropped_soon() {
    let trace = Trace::new();
    let slot: Rc<RefCell<Option<JoinSet<u32>>>> = Rc::default();
    let takes = slot.clone();
    let observer = move |_: u64, event: &Event<'_>| {
        if let Event::Ended { task, .. } = event
            && task.name() == Some("trigger")
        {
            takes.borrow_mut().take();
        }
    };
    let rt = Builder::new().start_paused(true).observe(observer).build().unwrap();
    rt.block_on(async {
        let mut set = JoinSet::new();
        set.spawn(waits(&trace, "a gone"));
        set.spawn(async { 1 });
        yield_now().await;
        *slot.borrow_mut() = Some(set);
        task::Builder::new().name("trigger").spawn(async {}).await.unwrap();
        yield_now().await;
        trace.say(rt.tasks().len());
    });
    trace.check(&["a gone", "1"]);
}

#[test]
fn members_inherit_like_other_tasks() {
    turno::task_local! {
        #[inherit]
        static REQUEST: u32;
    }
    let all = virtual_rt().block_on(REQUEST.scope(5, async {
        let mut set = JoinSet::new();
        set.spawn(async { REQUEST.get() });
        set.build_task().spawn(async { REQUEST.get() });
        set.spawn_blocking(|| REQUEST.try_get().unwrap_or(0));
        set.join_all().await
    }));
    assert_eq!(all.iter().sum::<u32>(), 10);
}

#[test]
fn time_stands_while_a_job_of_a_set_runs() {
    guarded(|| {
        virtual_rt().block_on(async {
            let begun = Instant::now();
            let mut set = JoinSet::new();
            set.spawn_blocking(std::thread::yield_now);
            let next = timeout(Duration::from_secs(1), set.join_next()).await;
            assert!(next.unwrap().unwrap().is_ok());
            assert_eq!(begun.elapsed(), Duration::ZERO);
        });
    });
}
