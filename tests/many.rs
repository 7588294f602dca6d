//! Ten million wakes from four threads lose not one, and a million tasks are spawned, run and joined.
//! (A tenth of it in a debug build.)

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Poll, Waker};
use std::thread;

use common::{guarded, own_waker, virtual_rt};
use turno::runtime::Runtime;
use turno::task::{JoinHandle, yield_now};
use turno::time::{Duration, sleep};

const SCALE: u64 = if cfg!(debug_assertions) { 10 } else { 1 };
const WAKES: u64 = 10_000_000 / SCALE;
const TASKS: u64 = 1_000_000 / SCALE;
const THREADS: u64 = 4;

/// A task that is done when it has seen `target`, each increment of which was followed by a wake. A
/// single lost wake after the last increment would leave it waiting for ever.
async fn watcher(count: Arc<AtomicU64>, target: u64) -> u64 {
    let mut polls = 0;
    poll_fn(|_| {
        polls += 1;
        if count.load(Relaxed) == target { Poll::Ready(polls) } else { Poll::Pending }
    })
    .await
}

/// `threads` threads make `wakes` wakes in all, spread over `tasks` tasks, in `rounds` rounds that each
/// wait for everybody: so there is a last wake, that nobody makes up for, `rounds` times a task.
fn none_is_lost(wakes: u64, tasks: u64, rounds: u64) {
    let rt = Runtime::new().unwrap();
    let each = wakes / (tasks * rounds * THREADS);
    rt.block_on(async {
        for _ in 0..rounds {
            let mut targets = Vec::new();
            let mut watchers: Vec<JoinHandle<u64>> = Vec::new();
            for _ in 0..tasks {
                let count = Arc::new(AtomicU64::new(0));
                let (tell, told) = std::sync::mpsc::channel::<Waker>();
                let seen = count.clone();
                watchers.push(turno::spawn(async move {
                    tell.send(own_waker().await).unwrap();
                    watcher(seen, each * THREADS).await
                }));
                yield_now().await;
                targets.push((count, told.recv().unwrap()));
            }
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let targets = targets.clone();
                    thread::spawn(move || {
                        for _ in 0..each {
                            for (count, waker) in &targets {
                                count.fetch_add(1, Relaxed);
                                waker.wake_by_ref();
                            }
                        }
                    })
                })
                .collect();
            drop(targets);
            for watcher in watchers {
                let polls = watcher.await.unwrap();
                assert!(polls <= each * THREADS + 1, "{polls} polls, more than wakes");
            }
            for thread in threads {
                thread.join().unwrap();
            }
        }
    });
}

#[test]
fn ten_million_wakes_from_four_threads_lose_none() {
    guarded(|| none_is_lost(WAKES, 5, 1));
}

#[test]
fn not_even_when_the_loop_sleeps_between_nearly_all_of_them() {
    guarded(|| none_is_lost(WAKES / 100, 1, 500));
}

#[test]
fn a_million_tasks_are_spawned_run_and_joined() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let sum = rt.block_on(async {
            let tasks: Vec<_> = (0..TASKS).map(|n| turno::spawn(async move { n })).collect();
            assert_eq!(rt.metrics().tasks as u64, TASKS + 1);
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, TASKS * (TASKS - 1) / 2);
        assert_eq!(rt.metrics().tasks, 0);
    });
}

#[test]
fn a_million_detached_tasks_leave_nothing_behind() {
    guarded(|| {
        let rt = virtual_rt();
        let ran = Rc::new(Cell::new(0));
        rt.block_on(async {
            for round in 0..10 {
                for _ in 0..TASKS / 10 {
                    let ran = ran.clone();
                    drop(turno::spawn(async move {
                        yield_now().await;
                        ran.set(ran.get() + 1);
                    }));
                }
                sleep(Duration::from_secs(1)).await;
                assert_eq!(ran.get(), (round + 1) * (TASKS / 10));
            }
        });
        // Slots are used again: the table is no longer than what was alive at once.
        let last = rt.spawn(async {});
        assert!((last.id().index() as u64) <= TASKS / 10 + 1);
        assert_eq!(last.id().serial(), TASKS + 2);
    });
}

#[test]
fn a_million_tasks_are_aborted_or_dropped_with_the_runtime() {
    struct Alive(Rc<Cell<u64>>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    guarded(|| {
        let alive = Rc::new(Cell::new(0));
        let rt = virtual_rt();
        let spawn = || {
            alive.set(alive.get() + 1);
            let one = Alive(alive.clone());
            rt.spawn(async move {
                let _one = one;
                std::future::pending::<()>().await;
            })
        };
        let tasks: Vec<_> = (0..TASKS / 2).map(|_| spawn()).collect();
        rt.block_on(async {
            yield_now().await;
            tasks.iter().step_by(2).for_each(|task| task.abort());
            for task in tasks.into_iter().step_by(2) {
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
        assert_eq!(alive.get(), TASKS / 4);
        drop(rt);
        assert_eq!(alive.get(), 0);
    });
}
