//! Lints do not lie: in programs that are in order, whatever they do, all are silent.

// As in tokio what is owned is held by an `Arc`, though nothing in it is `Send`.
#![allow(clippy::arc_with_non_send_sync)]

mod common;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::found::Found;
use common::{Gate, guarded, own_waker, panic_of, wait_once};
use futures_lite::future::poll_once;
use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use turno::lints::Lints;
use turno::net::{TcpListener, TcpStream};
use turno::policy;
use turno::runtime::{Builder, Runtime};
use turno::sync::broadcast::error::RecvError;
use turno::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use turno::task::{self, JoinSet, yield_now};
use turno::time::{self, interval, sleep, timeout, work};

const MS: Duration = Duration::from_millis(1);

/// Nothing is found in `program`, whoever runs next, in virtual time.
#[track_caller]
fn silent(program: impl AsyncFn()) {
    for policy in ["fifo", "lifo", "random", "round-robin:quantum=100us", "priority", "mlfq"] {
        let builder = Builder::new().start_paused(true).policy(policy::named(policy).unwrap());
        silent_in(builder, Lints::new(), |rt| rt.block_on(program()));
    }
}

/// As [`silent`], on a real clock. Thresholds are as usual: a machine that is busy with something
/// else makes no poll slow.
#[track_caller]
fn silent_in_real_time(program: impl FnOnce(&Runtime)) {
    silent_in(Builder::new(), Lints::new(), program);
}

#[track_caller]
fn silent_in(builder: Builder, lints: Lints, program: impl FnOnce(&Runtime)) {
    let (rt, found) = Found::by(lints.watchdog(10_000 * MS), builder);
    guarded(|| program(&rt));
    drop(rt);
    assert!(found.all().is_empty(), "{:#?}", found.all());
}

#[test]
fn channels_with_and_without_room() {
    silent(async || {
        let (sender, mut receiver) = mpsc::channel(2);
        let (to_all, mut of_all) = mpsc::unbounded_channel();
        for n in 0..3 {
            let (sender, to_all) = (sender.clone(), to_all.clone());
            task::spawn(async move {
                for k in 0..100 {
                    sender.send((n, k)).await.unwrap();
                    to_all.send(k).unwrap();
                }
            });
        }
        drop((sender, to_all));
        let mut got = 0;
        while receiver.recv().await.is_some() {
            got += 1;
            sleep(MS).await;
        }
        while of_all.recv().await.is_some() {
            got += 1;
        }
        assert_eq!(got, 600);
    });
}

#[test]
fn a_mutex_that_many_want_and_hold_across_awaits() {
    silent(async || {
        let sum = Rc::new(Mutex::new(0));
        let tasks = (0..20).map(|_| {
            let sum = sum.clone();
            task::spawn(async move {
                for _ in 0..20 {
                    let mut sum = sum.lock().await;
                    sleep(100 * MS).await;
                    *sum += 1;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(*sum.lock().await, 400);
    });
}

#[test]
fn readers_and_writers() {
    silent(async || {
        let lock = Rc::new(RwLock::new(0));
        let mut set = JoinSet::new();
        for n in 0..20 {
            let lock = lock.clone();
            set.spawn(async move {
                for _ in 0..10 {
                    if n % 4 == 0 {
                        *lock.write().await += 1;
                    } else {
                        let seen = lock.read().await;
                        sleep((1 + *seen % 3) * MS).await;
                    }
                }
            });
        }
        set.join_all().await;
        assert_eq!(*lock.read().await, 50);
    });
}

#[test]
fn permits_of_which_some_want_many() {
    silent(async || {
        let permits = Rc::new(Semaphore::new(5));
        let mut set = JoinSet::new();
        for n in 0..30 {
            let permits = permits.clone();
            set.spawn(async move {
                let _permit = permits.acquire_many(1 + n % 4).await.unwrap();
                sleep(500 * MS).await;
            });
        }
        set.join_all().await;
        assert_eq!(permits.available_permits(), 5);
        permits.close();
    });
}

#[test]
fn a_select_that_drops_its_other_branches() {
    silent(async || {
        let lock = Rc::new(Mutex::new(()));
        let (sender, mut receiver) = mpsc::channel(1);
        let locks = lock.clone();
        task::spawn(async move {
            for n in 0..50 {
                let guard = locks.lock().await;
                sleep(7 * MS).await;
                drop(guard);
                sender.send(n).await.unwrap();
            }
        });
        let (mut held, mut late, mut got) = (0, 0, 0);
        while got < 50 {
            turno::select! {
                _guard = lock.lock() => {
                    held += 1;
                    sleep(3 * MS).await;
                }
                _ = sleep(4 * MS) => late += 1,
                message = receiver.recv() => got += message.is_some() as u32,
            }
        }
        assert!(held > 0 && late > 0);
    });
}

#[test]
fn a_select_by_reference_that_polls_all_of_them_again() {
    silent(async || {
        let lock = Rc::new(Mutex::new(()));
        let locks = lock.clone();
        task::spawn(async move {
            let _guard = locks.lock().await;
            sleep(5000 * MS).await;
        });
        yield_now().await;
        let (also, mut ticks) = (lock.clone(), 0);
        let waits = task::spawn(async move { drop(also.lock().await) });
        let (mut tick, mut locking) = (interval(100 * MS), pin!(lock.lock()));
        let guard = loop {
            turno::select! {
                guard = &mut locking => break guard,
                _ = tick.tick() => ticks += 1,
            }
        };
        assert!(ticks >= 49);
        drop(guard);
        waits.await.unwrap();
    });
}

#[test]
fn a_word_that_is_heard_after_the_work_in_hand() {
    silent(async || {
        let (stop, more) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
        let (sender, mut receiver) = mpsc::channel(10);
        let mut set = JoinSet::new();
        let (stops, alone) = (stop.clone(), more.clone());
        set.spawn(async move {
            let (mut all, mut one) = (pin!(stops.notified()), pin!(alone.notified()));
            loop {
                turno::select! {
                    _ = &mut all => break,
                    _ = &mut one => break,
                    _ = receiver.recv() => sleep(10_000 * MS).await,
                }
            }
        });
        for _ in 0..5 {
            let stop = stop.clone();
            set.spawn(async move { stop.notified().await });
        }
        sender.send(()).await.unwrap();
        sleep(MS).await;
        stop.notify_waiters();
        more.notify_one();
        set.join_all().await;
    });
}

#[test]
fn timeouts_that_pass_and_that_do_not() {
    silent(async || {
        let lock = Mutex::new(());
        let guard = lock.lock().await;
        assert!(timeout(10 * MS, lock.lock()).await.is_err());
        drop(guard);
        drop(timeout(10 * MS, lock.lock()).await.unwrap());
        assert!(timeout(10 * MS, pending::<()>()).await.is_err());
        assert!(timeout(10 * MS, work(5 * MS)).await.is_ok());
    });
}

#[test]
fn sets_of_tasks_some_aborted_some_handed_a_lock_then() {
    silent(async || {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.lock().await;
        let mut set = JoinSet::new();
        for n in 0..100 {
            let lock = lock.clone();
            set.spawn(async move {
                let _guard = lock.lock().await;
                sleep(MS).await;
                n
            });
        }
        let handed = task::spawn({
            let lock = lock.clone();
            async move { drop(lock.lock().await) }
        });
        sleep(MS).await;
        drop(guard);
        handed.abort();
        for _ in 0..50 {
            set.join_next().await.unwrap().unwrap();
        }
        set.shutdown().await;
        assert!(handed.await.is_err() && lock.try_lock().is_ok());
    });
}

#[test]
fn computing_and_giving_way() {
    silent(async || {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            set.spawn(async {
                for _ in 0..12_000 {
                    work(Duration::from_nanos(300)).await;
                    yield_now().await;
                }
            });
            set.spawn(async { (0..3).for_each(|_| ()) });
        }
        set.spawn(work(90 * MS));
        set.join_all().await;
    });
}

#[test]
fn giving_way_a_thousand_times() {
    silent(async || {
        let mut set = JoinSet::new();
        for _ in 0..5 {
            set.spawn(async {
                for _ in 0..1000 {
                    yield_now().await;
                }
            });
        }
        set.join_all().await;
    });
}

#[test]
fn slices_of_work_that_the_policy_cuts() {
    for policy in ["round-robin:quantum=1us", "mlfq:quantum=2us", "fair:quantum=1us"] {
        let builder = Builder::new().start_paused(true).policy(policy::named(policy).unwrap());
        silent_in(builder, Lints::new(), |rt| {
            rt.block_on(async {
                let other = task::spawn(work(40 * MS));
                work(40 * MS).await;
                other.await.unwrap();
            });
        });
    }
}

#[test]
fn futures_that_are_polled_by_a_combinator() {
    silent(async || {
        let (lock, permits) = (Rc::new(Mutex::new(0)), Rc::new(Semaphore::new(3)));
        let mut all: FuturesUnordered<_> = (0..200)
            .map(|n| {
                let (lock, permits) = (lock.clone(), permits.clone());
                async move {
                    let _permit = permits.acquire().await.unwrap();
                    sleep((n % 7) * MS).await;
                    *lock.lock().await += 1;
                }
            })
            .collect();
        while all.next().await.is_some() {}
        assert_eq!(*lock.lock().await, 200);
        let parts = stream::iter(0..50).map(|n| async move {
            sleep((n % 5) * MS).await;
            n
        });
        assert_eq!(
            parts.buffer_unordered(4).map(u64::from).fold(0, async |a, b| a + b).await,
            1225
        );
    });
}

#[test]
fn what_was_handed_over_is_taken_after_giving_way() {
    silent(async || {
        let (lock, notify) = (Rc::new(Mutex::new(())), Rc::new(Notify::new()));
        let (locks, hears) = (lock.clone(), notify.clone());
        let guard = lock.lock().await;
        let (ready, is_ready) = oneshot::channel();
        let task = task::spawn(async move {
            let (mut first, mut second) = (pin!(locks.lock()), pin!(locks.lock()));
            assert!(poll_once(first.as_mut()).await.is_none());
            assert!(poll_once(second.as_mut()).await.is_none());
            ready.send(()).unwrap();
            hears.notified().await;
            for _ in 0..3 {
                yield_now().await;
            }
            drop(first.await);
            drop(second.await);
        });
        is_ready.await.unwrap();
        drop(guard);
        notify.notify_one();
        task.await.unwrap();
    });
}

#[test]
fn a_buffer_of_futures_that_is_left_for_a_while_between_two() {
    silent(async || {
        let lock = Rc::new(Mutex::new(0));
        let also = lock.clone();
        let other = task::spawn(async move {
            for _ in 0..20 {
                sleep(10 * MS).await;
                *also.lock().await += 1;
            }
        });
        let locks = stream::iter(0..40).map(|_| async {
            let mut sum = lock.lock().await;
            sleep(MS).await;
            *sum += 1;
        });
        let mut locks = pin!(locks.buffer_unordered(5));
        while locks.next().await.is_some() {
            sleep(300 * MS).await; // Whoever is handed the lock meanwhile has to wait.
        }
        other.await.unwrap();
        assert_eq!(*lock.lock().await, 60);
    });
}

#[test]
fn jobs_on_other_threads() {
    silent(async || {
        let jobs: Vec<_> = (0..8)
            .map(|n| {
                task::spawn_blocking(move || {
                    thread::sleep(5 * MS);
                    n
                })
            })
            .collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), n);
        }
        assert!(task::spawn_blocking(|| panic!("on purpose")).await.is_err());
    });
}

#[test]
fn a_budget_that_is_spent_again_and_again() {
    let builder = Builder::new().start_paused(true).budget(2);
    silent_in(builder, Lints::new(), |rt| {
        rt.block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            (0..50_000).for_each(|n| sender.send(n).unwrap());
            drop(sender);
            while receiver.recv().await.is_some() {}
            for _ in 0..50_000 {
                task::consume_budget().await;
            }
        });
    });
}

#[test]
fn taking_what_is_there_and_giving_way_each_time() {
    silent(async || {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (0..15_000).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        while receiver.recv().await.is_some() {
            yield_now().await;
        }
    });
}

#[test]
fn a_lock_that_hands_priority_on() {
    silent(async || {
        let lock = Rc::new(Mutex::with_priority_inheritance(()));
        let mut set = JoinSet::new();
        for priority in [10, 50, 200, 100, 250] {
            let lock = lock.clone();
            let told = task::Builder::new().priority(priority);
            set.spawn(async move {
                let task = told.spawn(async move {
                    for _ in 0..10 {
                        let _guard = lock.lock().await;
                        work(MS).await;
                        yield_now().await;
                    }
                });
                task.await.unwrap();
            });
        }
        set.join_all().await;
    });
}

#[test]
fn connections_that_echo() {
    silent_in_real_time(|rt| {
        rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = task::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    task::spawn(async move {
                        let mut buffer = [0; 64];
                        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                            stream.write_all(&buffer[..n]).await.unwrap();
                        }
                    });
                }
            });
            let mut set = JoinSet::new();
            for _ in 0..16 {
                set.spawn(async move {
                    let stream = TcpStream::connect(address).await.unwrap();
                    for _ in 0..50 {
                        stream.write_all(b"turno").await.unwrap();
                        let mut buffer = [0; 5];
                        stream.read_exact(&mut buffer).await.unwrap();
                        assert_eq!(&buffer, b"turno");
                    }
                });
            }
            set.join_all().await;
            server.abort();
        });
    });
}

#[test]
fn receivers_that_lag_and_watchers_that_see_the_last() {
    silent(async || {
        let (sender, _) = broadcast::channel(4);
        let (shows, sees) = watch::channel(0);
        let mut set = JoinSet::new();
        for n in 0..5 {
            let (mut receiver, mut sees) = (sender.subscribe(), sees.clone());
            set.spawn(async move {
                while !matches!(receiver.recv().await, Err(RecvError::Closed)) {
                    sleep(n * MS).await; // Some lag behind.
                }
            });
            set.spawn(async move { while sees.changed().await.is_ok() {} });
        }
        drop(sees);
        for n in 0..100 {
            let _ = sender.send(n);
            shows.send(n).unwrap();
            sleep(MS).await;
        }
        drop((sender, shows));
        set.join_all().await;
    });
}

#[test]
fn meeting_at_a_barrier_and_waiting_for_a_value() {
    silent(async || {
        let (barrier, cell) = (Rc::new(Barrier::new(5)), Rc::new(OnceCell::new()));
        let mut set = JoinSet::new();
        for n in 0..5 {
            let (barrier, cell) = (barrier.clone(), cell.clone());
            set.spawn(async move {
                for _ in 0..20 {
                    sleep(n * MS).await;
                    barrier.wait().await;
                }
                let value = cell.get_or_init(|| async move {
                    sleep(10 * MS).await;
                    n
                });
                *value.await
            });
        }
        let values = set.join_all().await;
        assert!(values.iter().all(|value| *value == values[0]));
        let (tell, told) = oneshot::channel();
        let answer = task::spawn(told);
        sleep(MS).await;
        tell.send(7).unwrap();
        assert_eq!(answer.await.unwrap(), Ok(7));
    });
}

#[test]
fn the_word_to_one_of_many() {
    silent(async || {
        let (notify, heard) = (Rc::new(Notify::new()), Rc::new(Cell::new(0)));
        let mut set = JoinSet::new();
        for _ in 0..10 {
            let (notify, heard) = (notify.clone(), heard.clone());
            set.spawn(async move {
                notify.notified().await;
                sleep(2000 * MS).await;
                heard.set(heard.get() + 1);
                notify.notify_one();
            });
        }
        sleep(MS).await;
        notify.notify_one();
        set.join_all().await;
        assert_eq!(heard.get(), 10);
    });
}

#[test]
fn panics_while_others_wait() {
    silent(async || {
        let lock = Rc::new(Mutex::new(()));
        let mut set = JoinSet::new();
        for n in 0..10 {
            let lock = lock.clone();
            set.spawn(async move {
                let _guard = lock.lock().await;
                yield_now().await;
                assert!(n % 3 != 0, "on purpose");
            });
        }
        let (mut good, mut bad) = (0, 0);
        while let Some(ended) = set.join_next().await {
            *if ended.is_ok() { &mut good } else { &mut bad } += 1;
        }
        assert_eq!((good, bad), (6, 4));
    });
}

#[test]
fn aborts_of_who_is_ready_waits_or_runs() {
    silent(async || {
        let never_ran = task::spawn(async {});
        never_ran.abort();
        let ready = task::spawn(async {
            loop {
                work(MS / 10).await;
                yield_now().await;
            }
        });
        let waits = task::spawn(sleep(1_000_000 * MS));
        let (hand, handed) = oneshot::channel::<task::AbortHandle>();
        let itself = task::spawn(async {
            handed.await.unwrap().abort();
            pending::<()>().await
        });
        hand.send(itself.abort_handle()).unwrap();
        sleep(MS).await;
        ready.abort();
        waits.abort();
        for gone in [never_ran.await, ready.await, waits.await, itself.await] {
            assert!(gone.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn work_that_another_thread_sends() {
    silent_in_real_time(|rt| {
        let handle = rt.handle().clone();
        let (tell, told) = oneshot::channel();
        let other = thread::spawn(move || {
            let sum = handle.spawn(async {
                sleep(5 * MS).await;
                41
            });
            let sum = turno::block_on(sum).unwrap();
            handle.spawn_with(move || async move { sum + 1 })
        });
        rt.block_on(async {
            let told_later = task::spawn_blocking(move || other.join().unwrap());
            let answer = told_later.await.unwrap().await.unwrap();
            tell.send(answer).unwrap();
            assert_eq!(told.await, Ok(42));
        });
    });
}

#[test]
fn a_loop_inside_of_a_loop_is_refused() {
    silent(async || {
        assert!(panic_of(|| turno::block_on(async {})).contains("block_on"));
        task::spawn(async { panic_of(|| turno::block_on(async {})) }).await.unwrap();
    });
}

#[test]
fn wakers_that_are_kept_elsewhere() {
    silent(async || {
        let gate = Gate::new();
        let opens = gate.clone();
        let waits = task::spawn(gate);
        sleep(MS).await;
        opens.open();
        waits.await.unwrap();
        // Woken by another thread, now or while it is polled.
        wait_once(|waker| {
            let waker = waker.clone();
            drop(thread::spawn(move || waker.wake()));
        })
        .await;
        wait_once(|waker| {
            let waker = waker.clone();
            thread::spawn(move || waker.wake()).join().unwrap();
        })
        .await;
        // Woken in its own poll, by itself and through a clone that is gone by then.
        wait_once(|waker| waker.wake_by_ref()).await;
        wait_once(|waker| std::iter::once(waker.clone()).for_each(Waker::wake)).await;
        // Its own waker in a task that is not turno's, and in another one's hands.
        let (mine, other) = (Gate::new(), own_waker().await);
        let opens = mine.clone();
        task::spawn(async move {
            opens.open();
            drop(other);
        });
        mine.await;
    });
}

#[test]
fn time_that_is_moved_by_hand() {
    silent(async || {
        let far = task::spawn(sleep(Duration::from_secs(3600)));
        for _ in 0..3 {
            time::advance(Duration::from_secs(1200)).await;
        }
        far.await.unwrap();
        turno::join!(time::advance(1000 * MS), time::advance(1000 * MS));
    });
    silent_in_real_time(|rt| {
        rt.block_on(async {
            time::pause();
            time::advance(Duration::from_secs(100)).await;
            sleep(Duration::from_secs(100)).await;
            time::resume();
            sleep(MS).await;
        });
    });
}

#[cfg(target_os = "linux")] // Others do not tell.
#[test]
fn a_machine_that_is_busy_with_something_else() {
    // So many rounds of counting take a millisecond, if nobody else wants the processor.
    let count = |rounds: u64| (0..rounds).map(std::hint::black_box).count();
    let took = |rounds| {
        let start = Instant::now();
        count(rounds);
        start.elapsed()
    };
    let best = (0..10).map(|_| took(10_000)).min().unwrap();
    let rounds = 10_000 * MS.as_nanos() as u64 / best.as_nanos().max(1) as u64;
    let done = Arc::new(AtomicBool::new(false));
    let others = thread::available_parallelism().map_or(8, |n| 4 * n.get());
    for _ in 0..others {
        let done = done.clone();
        thread::spawn(move || while !done.load(Relaxed) {});
    }
    silent_in(Builder::new(), Lints::new().slow_poll(60 * MS).slow_turn(120 * MS), |rt| {
        rt.block_on(async {
            for _ in 0..10 {
                count(20 * rounds);
                sleep(MS).await;
            }
        });
    });
    done.store(true, Relaxed);
}

#[test]
fn a_host_that_takes_its_time_between_two_steps() {
    silent_in(Builder::new(), Lints::new().slow_poll(300 * MS), |rt| {
        let pause = || thread::sleep(400 * MS);
        rt.spawn(async {
            yield_now().await;
            sleep(MS).await;
        });
        pause();
        rt.block_on(yield_now());
        pause();
        rt.spawn(yield_now());
        rt.step().unwrap();
        pause();
        rt.step().unwrap();
        pause();
        rt.turn(Some(Duration::ZERO));
    });
}

#[test]
fn a_task_that_gives_way_at_each_step_of_its_host() {
    let lints = Lints::new().slow_poll(10_000 * MS).self_wakes(1200);
    silent_in(Builder::new(), lints, |rt| {
        let steps = Rc::new(Cell::new(0));
        let counts = steps.clone();
        rt.spawn(async move {
            loop {
                counts.set(counts.get() + 1);
                yield_now().await;
            }
        });
        while steps.get() < 1300 {
            rt.step().unwrap();
            thread::sleep(MS);
        }
    });
}

#[test]
fn giving_way_once_a_frame() {
    silent_in(Builder::new().start_paused(true), Lints::new().self_wakes(100), |rt| {
        rt.block_on(async {
            let task = task::spawn(async {
                for _ in 0..500 {
                    yield_now().await;
                }
            });
            while !task.is_finished() {
                time::advance(16 * MS).await;
            }
        });
    });
}

#[test]
fn a_lock_that_is_left_aside_while_a_job_is_done() {
    silent(async || {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.lock().await;
        let (locks, also) = (lock.clone(), lock.clone());
        let (left, has_left) = oneshot::channel();
        let (comes, has_come) = oneshot::channel();
        let busy = task::spawn(async move {
            let mut locking = pin!(locks.lock());
            turno::select! {
                biased;
                _ = &mut locking => unreachable!("it is held"),
                _ = yield_now() => {}
            }
            left.send(()).unwrap();
            task::spawn_blocking(|| thread::sleep(20 * MS)).await.unwrap();
            drop(locking.await);
        });
        has_left.await.unwrap();
        let waits = task::spawn(async move {
            comes.send(()).unwrap();
            drop(also.lock().await);
        });
        has_come.await.unwrap();
        drop(guard);
        busy.await.unwrap();
        waits.await.unwrap();
    });
}

#[test]
fn sleepers_on_a_real_clock() {
    silent_in_real_time(|rt| {
        rt.block_on(async {
            let mut set = JoinSet::new();
            for n in 0..50 {
                set.spawn(async move {
                    let mut tick = interval(2 * MS);
                    for _ in 0..n % 10 {
                        tick.tick().await;
                        yield_now().await;
                    }
                });
            }
            set.join_all().await;
            // A future that is ready at its second poll, and one that nobody polls.
            let mut polls = 0;
            let _unpolled = sleep(1000 * MS);
            poll_fn(|cx| {
                polls += 1;
                cx.waker().wake_by_ref();
                if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
    });
}

#[test]
fn what_is_owned_and_goes_from_task_to_task() {
    silent(async || {
        let lock = Arc::new(Mutex::new(vec![0]));
        let guard = lock.clone().lock_owned().await;
        let other = task::spawn({
            let lock = lock.clone();
            async move { lock.lock().await.push(2) }
        });
        task::spawn(async move {
            let mut guard = guard;
            sleep(2000 * MS).await;
            guard.push(1);
        })
        .await
        .unwrap();
        other.await.unwrap();
        assert_eq!(*lock.lock().await, [0, 1, 2]);
    });
}
