//! A task that always finds something ready gives way after `Builder::budget` operations, and an
//! observer can see why.

mod common;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use common::guarded;
use futures_util::stream::{FuturesUnordered, StreamExt};
use turno::observe::Event;
use turno::runtime::{Builder, Runtime};
use turno::task::{Cause, JoinHandle, yield_now};
use turno::time::{Duration, Instant, sleep, sleep_until, timeout};

type Causes = Rc<RefCell<Vec<(u64, Cause)>>>;

/// Tells the causes for which the tasks become ready.
fn watched(budget: u32) -> (Runtime, Causes) {
    let seen: Causes = Rc::default();
    let sees = seen.clone();
    let observer = move |_: u64, event: &Event<'_>| {
        if let Event::Woken { task, .. } = event {
            sees.borrow_mut().push((task.id().serial(), task.cause()));
        }
    };
    (Builder::new().start_paused(true).budget(budget).observe(observer).build().unwrap(), seen)
}

/// How often task `serial` spent its budget.
fn spent(seen: &Causes, serial: u64) -> usize {
    let seen = seen.borrow();
    assert!(!seen.contains(&(serial, Cause::Yield)), "it never yielded of its own");
    seen.iter().filter(|&&woken| woken == (serial, Cause::Budget)).count()
}

#[test]
fn joining_finished_tasks_spends_the_budget() {
    guarded(|| {
        for (budget, count, times) in [(3, 10, 3), (1, 5, 4), (5, 5, 0), (5, 6, 1), (1000, 999, 0)]
        {
            let (rt, seen) = watched(budget);
            let tasks: Vec<JoinHandle<()>> = (0..count).map(|_| rt.spawn(async {})).collect();
            rt.turn(Some(Duration::ZERO));
            let joins = rt.spawn(async {
                for task in tasks {
                    task.await.unwrap();
                }
            });
            rt.block_on(async {
                while !joins.is_finished() {
                    yield_now().await
                }
            });
            assert_eq!(spent(&seen, joins.id().serial()), times, "{budget} for {count}");
        }
    });
}

#[test]
fn sleeps_that_are_over_spend_the_budget() {
    guarded(|| {
        let (rt, seen) = watched(4);
        let sleeps = rt.spawn(async {
            let past = Instant::now();
            for _ in 0..10 {
                sleep_until(past).await;
            }
        });
        let serial = sleeps.id().serial();
        rt.block_on(sleep(Duration::from_secs(1)));
        assert!(sleeps.is_finished());
        assert_eq!(spent(&seen, serial), 2);
    });
}

#[test]
fn who_gives_way_lets_the_others_run() {
    guarded(|| {
        let (rt, _) = watched(2);
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|name| {
                let order = order.clone();
                rt.spawn(async move {
                    let past = Instant::now();
                    for n in 0..4 {
                        sleep_until(past).await;
                        order.borrow_mut().push(format!("{name}{n}"));
                    }
                })
            })
            .collect();
        rt.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(*order.borrow(), ["a0", "a1", "b0", "b1", "a2", "a3", "b2", "b3"]);
    });
}

#[test]
fn an_operation_that_has_to_wait_costs_nothing() {
    guarded(|| {
        let (rt, seen) = watched(2);
        let waits = rt.spawn(async {
            for _ in 0..5 {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let serial = waits.id().serial();
        rt.block_on(sleep(Duration::from_secs(10)));
        assert!(waits.is_finished());
        assert_eq!(spent(&seen, serial), 0);
    });
}

#[test]
fn operations_that_have_to_wait_leave_the_budget_to_those_that_do_not() {
    guarded(|| {
        let (rt, seen) = watched(2);
        let never = rt.spawn(std::future::pending::<()>());
        let waits = rt.spawn(async {
            let past = Instant::now();
            let mut never = never;
            for _ in 0..10 {
                let mut nap = sleep(Duration::from_secs(1));
                let nap = std::pin::Pin::new(&mut nap);
                assert!(futures_lite::future::poll_once(nap).await.is_none());
                assert!(futures_lite::future::poll_once(&mut never).await.is_none());
            }
            sleep_until(past).await;
            sleep_until(past).await;
        });
        rt.block_on(yield_now());
        assert!(waits.is_finished());
        assert_eq!(spent(&seen, waits.id().serial()), 0);
    });
}

#[test]
fn a_timeout_fires_though_its_future_spends_all_of_the_budget() {
    guarded(|| {
        let (rt, _) = watched(3);
        rt.block_on(async {
            let past = Instant::now();
            let greedy = async {
                loop {
                    sleep_until(past).await;
                    turno::time::work(Duration::from_millis(10)).await;
                }
            };
            timeout(Duration::from_secs(1), greedy).await.unwrap_err();
        });
    });
}

#[test]
fn a_combinator_that_polls_by_its_own_wakers_gives_way_too() {
    guarded(|| {
        let (rt, seen) = watched(3);
        let tasks: Vec<JoinHandle<()>> = (0..9).map(|_| rt.spawn(async {})).collect();
        rt.turn(Some(Duration::ZERO));
        let joins = rt.spawn(async {
            let mut set: FuturesUnordered<_> = tasks.into_iter().collect();
            while set.next().await.is_some() {}
        });
        let serial = joins.id().serial();
        rt.block_on(async {
            while !joins.is_finished() {
                yield_now().await
            }
        });
        assert!(spent(&seen, serial) >= 2);
    });
}

#[test]
fn outside_of_a_switch_nothing_is_counted() {
    guarded(|| {
        let (rt, _) = watched(1);
        let tasks: Vec<JoinHandle<()>> = (0..5).map(|_| rt.spawn(async {})).collect();
        rt.turn(Some(Duration::ZERO));
        for mut task in tasks {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(matches!(Pin::new(&mut task).poll(&mut cx), Poll::Ready(Ok(()))));
        }
    });
}
