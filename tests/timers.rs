//! Timers fire in the order of their deadlines and then of their making, to the nanosecond, however near
//! or far; timeouts, intervals and the moving of the clock are exact.

mod common;

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Trace, guarded, virtual_rt};
use turno::runtime::Runtime;
use turno::task::{self, yield_now};
use turno::time::{
    self, Duration, Instant, MissedTickBehavior, Sleep, advance, interval, interval_at, sleep,
    sleep_until, timeout, timeout_at, work,
};

const NS: Duration = Duration::from_nanos(1);
const MS: Duration = Duration::from_millis(1);
const SEC: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn run<R>(f: impl AsyncFnOnce(&Runtime) -> R) -> R {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(f(&rt))
    })
}

#[test]
fn they_fire_by_deadline_and_then_by_their_making() {
    run(async |_| {
        let order = Rc::new(RefCell::new(Vec::new()));
        let start = Instant::now();
        let delays = [7, 3, 64, 3, 4096, 65, 0, 7, 262_144, 64, 4097, 3, 1, 262_143, 4095];
        let tasks: Vec<_> = (0..delays.len())
            .map(|n| {
                let order = order.clone();
                turno::spawn(async move {
                    sleep(NS * delays[n]).await;
                    assert_eq!(start.elapsed(), NS * delays[n]);
                    order.borrow_mut().push(n);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut expected: Vec<_> = (0..delays.len()).collect();
        expected.sort_by_key(|&n| delays[n]);
        assert_eq!(*order.borrow(), expected);
    });
}

#[test]
fn a_sleep_of_nothing_and_one_into_the_past_are_over_at_once() {
    run(async |rt| {
        let start = Instant::now();
        sleep(Duration::ZERO).await;
        sleep_until(start).await;
        sleep(SEC).await;
        sleep_until(start).await;
        sleep_until(start - YEAR).await;
        assert_eq!(start.elapsed(), SEC);
        assert_eq!(rt.metrics().timers, 0);
    });
}

#[test]
fn a_sleep_into_the_far_future_ends_there() {
    run(async |_| {
        for far in [YEAR, YEAR * 100, Duration::from_nanos(u64::MAX / 4)] {
            let start = Instant::now();
            sleep(far - start.elapsed()).await;
            assert_eq!(start.elapsed(), far);
        }
    });
    run(async |_| {
        // More than can be told: never, and no overflow.
        let near = turno::spawn(sleep(SEC));
        let far = [turno::spawn(sleep(NS * u32::MAX)), turno::spawn(sleep(Duration::MAX))];
        near.await.unwrap();
        assert!(far.iter().all(|task| !task.is_finished()));
        assert!(timeout(Duration::MAX, ready(7)).await.is_ok());
        let mut slow = interval(Duration::MAX);
        slow.tick().await;
        slow.reset();
        slow.reset_after(Duration::MAX);
        let mut from_then = interval_at(Instant::now(), Duration::MAX);
        from_then.set_missed_tick_behavior(MissedTickBehavior::Skip);
        sleep(SEC).await;
        from_then.tick().await;
        for missed in [MissedTickBehavior::Burst, MissedTickBehavior::Delay] {
            let mut late = interval_at(Instant::now(), Duration::MAX);
            late.set_missed_tick_behavior(missed);
            sleep(SEC).await;
            late.tick().await;
        }
    });
}

/// Durations that lead beyond the last instant that can be told, 292 years from the program's start.
const BEYOND: [Duration; 5] = [
    YEAR.saturating_mul(300),
    Duration::from_nanos(i64::MAX as u64),
    YEAR.saturating_mul(585),
    YEAR.saturating_mul(100_000),
    Duration::MAX,
];

#[test]
fn a_sleep_ends_when_it_says_or_never() {
    run(async |rt| {
        let start = Instant::now();
        let told = [40, 200, 291].map(|years| turno::spawn(sleep(YEAR * years)));
        let never = BEYOND.map(|long| turno::spawn(sleep(long)));
        let until = turno::spawn(sleep_until(start + YEAR * 291));
        let up = turno::spawn(timeout(YEAR * 250, sleep(Duration::MAX)));
        let mut slow = interval(YEAR * 250);
        slow.tick().await;
        for (task, years) in told.into_iter().zip([40, 200, 291]) {
            task.await.unwrap();
            assert_eq!(start.elapsed(), YEAR * years);
        }
        until.await.unwrap();
        assert!(up.await.unwrap().is_err());
        assert_eq!(slow.tick().await, start + YEAR * 250);
        let next = timeout(YEAR, slow.tick()).await;
        assert!(next.is_err(), "500 years cannot be told");
        assert!(never.iter().all(|task| !task.is_finished()));
        assert_eq!(rt.metrics().timers, 0, "nobody need wait for what never comes");
    });
}

#[test]
fn whoever_sleeps_for_ever_alone_has_stalled() {
    for long in BEYOND {
        let rt = virtual_rt();
        let start = std::time::Instant::now();
        let stalled = rt.try_block_on(sleep(long)).unwrap_err();
        assert!(stalled.to_string().contains("a timer that is never due"), "{stalled}");
        let stalled = rt.try_block_on(timeout(long, sleep(long))).unwrap_err();
        assert_eq!(stalled.tasks().len(), 1);
        assert!(rt.park_timeout().is_none() && start.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn a_virtual_clock_stops_at_its_end_and_does_not_reach_never() {
    run(async |_| {
        let never = turno::spawn(sleep(Duration::MAX));
        for _ in 0..3 {
            turno::time::advance(Duration::MAX).await;
            turno::time::work(Duration::from_secs(1)).await;
            let end = Instant::now();
            sleep(Duration::ZERO).await;
            sleep_until(end).await;
            assert!(end.checked_add(NS * 2).is_none());
        }
        assert!(!never.is_finished());
        never.abort();
        assert!(never.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_sleep_for_ever_can_be_reset_and_dropped_anywhere() {
    run(async |rt| {
        let start = Instant::now();
        let mut nap = Box::pin(sleep(Duration::MAX));
        for _ in 0..200 {
            assert!(futures_lite::future::poll_once(&mut nap).await.is_none());
            nap.as_mut().reset(Instant::now() + SEC);
            assert!(futures_lite::future::poll_once(&mut nap).await.is_none());
            assert_eq!(rt.metrics().timers, 1);
            nap = Box::pin(sleep(Duration::MAX));
        }
        let sec = turno::spawn(sleep(SEC));
        assert!(futures_lite::future::poll_once(&mut nap).await.is_none());
        let elsewhere = std::thread::spawn(move || drop(nap));
        elsewhere.join().unwrap();
        sec.await.unwrap();
        assert_eq!(start.elapsed(), SEC);
        assert_eq!(rt.metrics().timers, 0);
    });
}

/// On a real clock: the park is long, and is ended by what comes first.
#[test]
fn a_real_clock_parks_for_centuries_and_wakes() {
    let rt = turno::runtime::Runtime::new().unwrap();
    rt.block_on(async {
        let far = [YEAR, YEAR * 68, YEAR * 200, YEAR * 300, Duration::MAX];
        let far = far.map(|far| turno::spawn(sleep(far)));
        let thread = turno::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(20)));
        thread.await.unwrap(); // Nothing but it ends the park.
        sleep(Duration::from_millis(1)).await;
        assert!(far.iter().all(|task| !task.is_finished()));
    });
}

#[test]
fn a_sleep_can_be_reset_and_cancelled_and_keeps_no_timer() {
    run(async |rt| {
        let start = Instant::now();
        let mut nap = Box::pin(sleep(SEC));
        for later in [5, 2, 9] {
            assert!(futures_lite::future::poll_once(&mut nap).await.is_none());
            assert_eq!(rt.metrics().timers, 1);
            nap.as_mut().reset(start + SEC * later);
            assert_eq!(nap.deadline(), start + SEC * later);
        }
        assert!(!nap.is_elapsed());
        nap.as_mut().await;
        assert!(nap.is_elapsed());
        assert_eq!(start.elapsed(), SEC * 9);
        nap.as_mut().reset(start + SEC * 10);
        nap.as_mut().await;
        assert_eq!(start.elapsed(), SEC * 10);
        // A timer that is far away does not stand in the way of a nearer deadline.
        let mut nap = Box::pin(sleep(SEC * 90));
        assert!(futures_lite::future::poll_once(&mut nap).await.is_none());
        nap.as_mut().reset(start + SEC * 11);
        nap.await;
        assert_eq!(start.elapsed(), SEC * 11);
        let gone: Vec<_> = (0..100).map(|_| turno::spawn(sleep(SEC))).collect();
        yield_now().await;
        assert_eq!(rt.metrics().timers, 100);
        gone.iter().for_each(|task| task.abort());
        yield_now().await;
        assert_eq!(rt.metrics().timers, 0);
    });
}

#[test]
fn a_timeout_polls_its_future_first() {
    run(async |rt| {
        let start = Instant::now();
        assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
        assert_eq!(timeout_at(start, ready(7)).await, Ok(7));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        // Both are due in one instant: the future's timer was set first, and it is polled first.
        assert!(timeout(SEC, sleep(SEC)).await.is_ok());
        assert!(timeout(SEC, sleep(SEC + NS)).await.is_err());
        assert!(timeout(SEC + NS, sleep(SEC)).await.is_ok());
        assert_eq!(start.elapsed(), SEC * 3);
        let error = timeout(SEC, pending::<()>()).await.unwrap_err();
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(rt.metrics().timers, 0);
    });
}

/// When the ticks come, and when they were due, in milliseconds, after the third came late.
async fn ticks(missed: MissedTickBehavior) -> Vec<(u128, u128)> {
    let start = Instant::now();
    let mut clock = interval(MS * 100);
    clock.set_missed_tick_behavior(missed);
    let mut seen = Vec::new();
    for n in 0..7 {
        if n == 2 {
            sleep(MS * 350).await;
        }
        let due = clock.tick().await;
        seen.push((start.elapsed().as_millis(), (due - start).as_millis()));
    }
    seen
}

#[test]
fn an_interval_bursts_delays_or_skips_after_missed_ticks() {
    run(async |_| {
        let burst =
            [(0, 0), (100, 100), (450, 200), (450, 300), (450, 400), (500, 500), (600, 600)];
        assert_eq!(ticks(MissedTickBehavior::Burst).await, burst);
        let delay =
            [(0, 0), (100, 100), (450, 200), (550, 550), (650, 650), (750, 750), (850, 850)];
        assert_eq!(ticks(MissedTickBehavior::Delay).await, delay);
        let skip = [(0, 0), (100, 100), (450, 200), (500, 500), (600, 600), (700, 700), (800, 800)];
        assert_eq!(ticks(MissedTickBehavior::Skip).await, skip);
    });
}

#[test]
fn an_interval_can_be_reset() {
    run(async |_| {
        let start = Instant::now();
        let mut clock = interval_at(start + SEC, SEC * 10);
        assert_eq!(clock.period(), SEC * 10);
        clock.tick().await;
        clock.reset_immediately();
        clock.tick().await;
        assert_eq!(start.elapsed(), SEC);
        clock.reset_after(SEC);
        clock.tick().await;
        clock.reset_at(start + SEC * 4);
        clock.tick().await;
        assert_eq!(start.elapsed(), SEC * 4);
        clock.reset();
        clock.tick().await;
        assert_eq!(start.elapsed(), SEC * 14);
        // Dropped half-way, a tick is not lost.
        assert!(timeout(SEC, clock.tick()).await.is_err());
        clock.tick().await;
        assert_eq!(start.elapsed(), SEC * 24);
    });
}

#[test]
fn the_clock_is_moved_to_the_nanosecond() {
    run(async |_| {
        let start = Instant::now();
        let trace = Trace::new();
        for nanos in [1, 2, 999_999, 1_000_000, 1_000_001] {
            let trace = trace.clone();
            drop(turno::spawn(async move {
                sleep(NS * nanos).await;
                trace.say(nanos);
            }));
        }
        yield_now().await;
        for (step, fired) in [
            (NS, &["1"][..]),
            (Duration::ZERO, &[]),
            (NS, &["2"]),
            (NS * 999_996, &[]),
            (NS, &["999999"]),
            (NS * 2, &["1000000", "1000001"]),
        ] {
            advance(step).await;
            trace.check(fired);
        }
        assert_eq!(start.elapsed(), NS * 1_000_001);
        work(NS * 3).await;
        assert_eq!(start.elapsed(), NS * 1_000_004);
    });
}

#[test]
fn time_can_be_stopped_and_let_go() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            time::pause();
            let start = Instant::now();
            sleep(YEAR).await;
            assert_eq!(start.elapsed(), YEAR);
            time::resume();
            sleep(MS).await;
            let passed = start.elapsed();
            assert!(passed >= YEAR + MS && passed < YEAR + SEC * 60, "{passed:?}");
            time::pause();
            let stopped = Instant::now();
            assert!(stopped - start >= passed);
            yield_now().await;
            assert_eq!(stopped.elapsed(), Duration::ZERO);
        });
    });
}

#[test]
fn a_million_timers_are_set_fired_and_cancelled() {
    const MANY: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    run(async |rt| {
        let start = Instant::now();
        let mut naps: Vec<_> = Vec::new();
        for n in 0..MANY {
            let nanos = n * 7919 % 1_000_003 * 1000 + 1;
            let mut nap: std::pin::Pin<Box<Sleep>> = Box::pin(sleep_until(start + NS * 1));
            nap.as_mut().reset(start + Duration::from_nanos(nanos));
            assert!(futures_lite::future::poll_once(&mut nap).await.is_none());
            naps.push(nap);
            if n % 1000 == 0 {
                task::yield_now().await;
            }
        }
        assert_eq!(rt.metrics().timers as u64, MANY);
        naps =
            naps.into_iter().enumerate().filter(|(n, _)| n % 3 > 0).map(|(_, nap)| nap).collect();
        assert_eq!(rt.metrics().timers, naps.len());
        for nap in naps.iter_mut().rev() {
            let due = nap.deadline();
            nap.await;
            assert!(due <= Instant::now());
        }
        assert_eq!(rt.metrics().timers, 0);
        let last = naps.iter().map(|nap| nap.deadline()).max().unwrap();
        assert_eq!(Instant::now(), last);
    });
}

/// A sleep that a task waits for, and that others can reach.
type Shared = Arc<Mutex<Pin<Box<Sleep>>>>;

fn shared_sleep(duration: Duration) -> Shared {
    Arc::new(Mutex::new(Box::pin(sleep(duration))))
}

/// Waits for it, and returns when it ended.
async fn its_end(nap: Shared) -> Instant {
    poll_fn(|cx| nap.lock().unwrap().as_mut().poll(cx)).await;
    Instant::now()
}

#[test]
fn who_waits_for_a_sleep_is_woken_at_the_deadline_that_another_task_gives_it() {
    for end in [80, 20, 50] {
        run(async |rt| {
            let start = Instant::now();
            let nap = shared_sleep(MS * 50);
            let waits = turno::spawn(its_end(nap.clone()));
            yield_now().await;
            for reset in [70, 30, end] {
                nap.lock().unwrap().as_mut().reset(start + MS * reset);
                assert_eq!(rt.metrics().timers, 1);
            }
            let switches = rt.metrics().switches;
            let ended = timeout(SEC, waits).await.unwrap().unwrap();
            assert_eq!(ended - start, MS * end);
            assert_eq!(rt.metrics().switches - switches, 2, "nobody is woken in vain");
            assert_eq!(rt.metrics().timers, 0);
        });
    }
}

#[test]
fn who_waits_for_a_sleep_is_woken_though_it_is_reset_outside_of_its_runtime() {
    for elsewhere in [true, false] {
        guarded(|| {
            let rt = virtual_rt();
            let (nap, start) = rt.block_on(async { (shared_sleep(MS * 50), Instant::now()) });
            let waits = rt.spawn(its_end(nap.clone()));
            rt.turn(Some(Duration::ZERO));
            let resets = move || nap.lock().unwrap().as_mut().reset(start + MS * 80);
            match elsewhere {
                true => thread::spawn(resets).join().unwrap(),
                false => resets(),
            }
            let ended = rt.block_on(async { timeout(SEC, waits).await.unwrap().unwrap() });
            assert_eq!(ended - start, MS * 80);
            assert_eq!(rt.metrics().timers, 0);
        });
    }
}

#[test]
fn a_sleep_that_is_reset_fires_in_the_order_of_its_new_deadline() {
    run(async |_| {
        let (trace, start) = (Trace::new(), Instant::now());
        let naps: Vec<_> = (1..=3).map(|n| shared_sleep(MS * n)).collect();
        let mut waits = Vec::new();
        for (n, nap) in naps.iter().enumerate() {
            let (trace, end) = (trace.clone(), its_end(nap.clone()));
            let says = async move { trace.say(format_args!("{n} {:?}", end.await - start)) };
            waits.push(turno::spawn(says));
        }
        yield_now().await;
        naps[0].lock().unwrap().as_mut().reset(start + MS * 3);
        naps[2].lock().unwrap().as_mut().reset(start + MS);
        for task in waits {
            task.await.unwrap();
        }
        trace.check(&["2 1ms", "1 2ms", "0 3ms"]);
    });
}

#[test]
fn a_sleep_that_is_put_off_again_and_again_leaves_nothing_behind() {
    run(async |rt| {
        let start = Instant::now();
        let nap = shared_sleep(SEC);
        let waits = turno::spawn(its_end(nap.clone()));
        yield_now().await;
        for n in 0..100_000 {
            nap.lock().unwrap().as_mut().reset(start + SEC * (2 + n % 2));
        }
        assert_eq!(rt.metrics().timers, 1);
        assert_eq!(waits.await.unwrap() - start, SEC * 3);
    });
}
