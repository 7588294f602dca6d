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
use turno::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, mpsc};
use turno::task::{self, Cause, JoinHandle, yield_now};
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
fn spent_by(seen: &Causes, serial: u64) -> usize {
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
            assert_eq!(spent_by(&seen, joins.id().serial()), times, "{budget} for {count}");
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
        assert_eq!(spent_by(&seen, serial), 2);
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
        assert_eq!(spent_by(&seen, serial), 0);
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
        assert_eq!(spent_by(&seen, waits.id().serial()), 0);
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
        assert!(spent_by(&seen, serial) >= 2);
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

/// Spends all that is left, and goes on without having given way.
async fn spent() {
    while futures_lite::future::poll_once(task::consume_budget()).await.is_some() {}
}

/// Two tasks ask for the same, the first with its budget spent. `wait` gets it, and says so by its
/// name; `give` is done when both have asked. Returns in which order they got it.
fn order<T: 'static>(
    shared: T,
    wait: impl AsyncFn(&T, &dyn Fn()) + Copy + 'static,
    give: impl FnOnce(&T),
) -> Vec<&'static str> {
    guarded(|| {
        let (rt, _) = watched(3);
        let (shared, order) = (Rc::new(shared), Rc::new(RefCell::new(Vec::new())));
        rt.block_on(async {
            let asks = ["the first", "the second"].map(|name| {
                let (shared, order) = (shared.clone(), order.clone());
                turno::spawn(async move {
                    if name == "the first" {
                        spent().await;
                    }
                    wait(&shared, &|| order.borrow_mut().push(name)).await;
                })
            });
            yield_now().await;
            give(&shared);
            for asks in asks {
                asks.await.unwrap();
            }
        });
        order.take()
    })
}

const AS_ASKED: [&str; 2] = ["the first", "the second"];

#[test]
fn a_lock_is_had_in_the_order_of_asking_also_by_the_spent() {
    for held in [false, true] {
        let mutex: &'static Mutex<()> = Box::leak(Box::default());
        let guard = held.then(|| mutex.try_lock().unwrap());
        let wait = async |mutex: &&Mutex<()>, got: &dyn Fn()| {
            let _guard = mutex.lock().await;
            got();
        };
        assert_eq!(order(mutex, wait, |_| drop(guard)), AS_ASKED, "held: {held}");

        let lock: &'static RwLock<()> = Box::leak(Box::default());
        let guard = held.then(|| lock.try_read().unwrap());
        let wait = async |lock: &&RwLock<()>, got: &dyn Fn()| {
            let _guard = lock.write().await;
            got();
        };
        assert_eq!(order(lock, wait, |_| drop(guard)), AS_ASKED, "held: {held}");
    }
}

#[test]
fn permits_are_had_in_the_order_of_asking_also_by_the_spent() {
    for free in 0..4 {
        let wait = async |semaphore: &Semaphore, got: &dyn Fn()| {
            let _permits = semaphore.acquire_many(3).await.unwrap();
            got();
        };
        let give = |semaphore: &Semaphore| semaphore.add_permits(3 - free);
        assert_eq!(order(Semaphore::new(free), wait, give), AS_ASKED, "{free} are free");
    }
    let wait = async |semaphore: &Semaphore, got: &dyn Fn()| {
        assert!(semaphore.acquire().await.is_err());
        got();
    };
    assert_eq!(order(Semaphore::new(0), wait, Semaphore::close), AS_ASKED);
}

#[test]
fn messages_come_in_the_order_of_sending_also_of_the_spent() {
    for full in [false, true] {
        let (sender, mut receiver) = mpsc::channel(1);
        if full {
            sender.try_send(()).unwrap();
        }
        let sends = async |sender: &mpsc::Sender<()>, got: &dyn Fn()| {
            let permit = sender.reserve().await.unwrap();
            got();
            permit.send(());
        };
        let receives = async move { while receiver.recv().await.is_some() {} };
        let give = |_: &mpsc::Sender<()>| drop(turno::spawn(receives));
        assert_eq!(order(sender, sends, give), AS_ASKED, "full: {full}");
    }
}

#[test]
fn a_word_is_heard_in_the_order_of_asking_also_by_the_spent() {
    let waits = async |notify: &Notify, heard: &dyn Fn()| {
        notify.notified().await;
        heard();
    };
    let twice = |notify: &Notify| {
        notify.notify_one();
        notify.notify_one();
    };
    assert_eq!(order(Notify::new(), waits, twice), AS_ASKED);
    assert_eq!(order(Notify::new(), waits, Notify::notify_waiters), AS_ASKED);
    let kept = Notify::new();
    kept.notify_one();
    assert_eq!(order(kept, waits, Notify::notify_one), AS_ASKED, "one word was kept");
}

#[test]
fn the_last_at_a_barrier_leads_also_if_the_first_was_spent() {
    let comes = async |barrier: &Barrier, leads: &dyn Fn()| {
        if barrier.wait().await.is_leader() {
            leads();
        }
    };
    assert_eq!(order(Barrier::new(2), comes, |_| ()), ["the second"]);
}

#[test]
fn the_first_to_ask_makes_the_value_also_if_it_was_spent() {
    let gets = async |cell: &OnceCell<()>, makes: &dyn Fn()| {
        cell.get_or_init(async || makes()).await;
    };
    assert_eq!(order(OnceCell::new(), gets, |_| ()), ["the first"]);
    let cell = OnceCell::new();
    let filled = |cell: &OnceCell<()>| drop(cell.set(()));
    assert_eq!(order(cell, gets, filled), ["the first"], "it is not filled in between");
}

#[test]
fn what_the_spent_was_given_and_never_took_goes_to_the_next() {
    /// Asks for it while spent, and drops the future before it has run again.
    async fn asks(future: impl Future) {
        spent().await;
        assert!(futures_lite::future::poll_once(future).await.is_none());
    }
    guarded(|| {
        let (rt, seen) = watched(3);
        rt.block_on(async {
            let (mutex, lock, notify) = (Mutex::new(()), RwLock::new(()), Notify::new());
            let (semaphore, barrier) = (Semaphore::new(2), Barrier::new(1));
            asks(mutex.lock()).await;
            drop(mutex.try_lock().unwrap());
            asks(lock.write()).await;
            drop(lock.try_write().unwrap());
            asks(semaphore.acquire_many(2)).await;
            drop(semaphore.try_acquire_many(2).unwrap());
            semaphore.close();
            asks(semaphore.acquire_many(2)).await;
            assert_eq!(semaphore.available_permits(), 2);
            notify.notify_one();
            asks(notify.notified()).await;
            yield_now().await;
            notify.notified().await;
            asks(barrier.wait()).await;
            let (sender, mut receiver) = mpsc::channel(1);
            asks(sender.send(1)).await;
            sender.try_send(2).unwrap();
            assert_eq!(receiver.try_recv(), Ok(2));
            let cell = OnceCell::new();
            asks(cell.get_or_init(async || 1)).await;
            yield_now().await;
            assert_eq!(cell.get_or_init(async || 2).await, &2);
        });
        drop(seen);
    });
}

#[test]
fn a_spent_task_polls_one_future_often_and_stands_in_the_queue_once() {
    guarded(|| {
        let (rt, _) = watched(3);
        rt.block_on(async {
            for free in [true, false] {
                let semaphore = Semaphore::new(usize::from(free));
                let mut acquire = Box::pin(semaphore.acquire());
                spent().await;
                for _ in 0..5 {
                    assert!(futures_lite::future::poll_once(&mut acquire).await.is_none());
                    spent().await;
                }
                assert_eq!(semaphore.available_permits(), 0);
                semaphore.add_permits(usize::from(!free));
                yield_now().await;
                drop(acquire.await.unwrap());
                assert_eq!(semaphore.available_permits(), 1);
            }
        });
    });
}

#[test]
fn a_spent_task_that_has_to_wait_is_not_woken_for_it() {
    guarded(|| {
        let (rt, seen) = watched(3);
        let semaphore = Rc::new(Semaphore::new(0));
        let waits = semaphore.clone();
        let task = rt.spawn(async move {
            for _ in 0..3 {
                task::consume_budget().await;
            }
            drop(waits.acquire().await.unwrap());
        });
        let serial = task.id().serial();
        rt.block_on(async {
            sleep(Duration::from_secs(1)).await;
            semaphore.add_permits(1);
            task.await.unwrap();
        });
        assert_eq!(spent_by(&seen, serial), 0, "to wait is to give way");
    });
}
