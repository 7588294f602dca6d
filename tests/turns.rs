//! A host that has a loop of its own is told when it is wanted, once, and may sleep as long as it is
//! told to: by `park_timeout`, by `on_wake` and by a descriptor.

mod common;

use std::cell::Cell;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::Waker;
use std::thread;

use common::{guarded, virtual_rt, wait_once};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use turno::policy::{Fifo, Pick, Policy, Tasks};
use turno::runtime::{Builder, Runtime};
use turno::task::{Id, Nanos, TaskInfo, yield_now};
use turno::time::{Duration, Instant, sleep};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// A runtime that counts the calls of `on_wake`.
fn counted() -> (Runtime, impl Fn() -> usize) {
    let count = Arc::new(AtomicUsize::new(0));
    let counts = count.clone();
    let builder = Builder::new().on_wake(move || {
        counts.fetch_add(1, SeqCst);
    });
    (builder.build().unwrap(), move || count.swap(0, SeqCst))
}

fn is_readable(rt: &Runtime) -> bool {
    let fd = rt.as_fd();
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&zero)).unwrap() > 0
}

/// A task that waits, and its waker.
fn waiting(rt: &Runtime) -> (turno::task::JoinHandle<()>, Waker) {
    let (tell, told) = mpsc::channel();
    let task = rt.spawn(wait_once(move |waker| tell.send(waker.clone()).unwrap()));
    rt.turn(NOW);
    (task, told.recv().unwrap())
}

fn elsewhere(f: impl FnOnce() + Send + 'static) {
    thread::spawn(f).join().unwrap();
}

#[test]
fn a_turn_tells_how_many_switches_it_made_and_how_long_to_sleep() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        assert_eq!((rt.turn(NOW).switches, rt.turn(NOW).idle), (0, None));
        for _ in 0..3 {
            drop(rt.spawn(async {}));
        }
        assert_eq!(rt.park_timeout(), NOW);
        let turn = rt.turn(NOW);
        assert_eq!((turn.switches, turn.idle), (3, None));
        drop(rt.spawn(sleep(Duration::from_secs(3600))));
        let turn = rt.turn(NOW);
        let idle = turn.idle.unwrap();
        assert_eq!(turn.switches, 1);
        assert!(idle <= Duration::from_secs(3600) && idle > Duration::from_secs(3590), "{idle:?}");
    });
}

#[test]
fn a_turn_ends_in_time_though_tasks_never_stop_yielding() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        drop(rt.spawn(async {
            loop {
                yield_now().await;
            }
        }));
        let turn = rt.turn(None);
        assert_eq!((turn.switches, turn.idle), (61, NOW));
    });
}

#[test]
fn there_is_no_time_to_sleep_when_anything_happened_between_turns() {
    guarded(|| {
        let ways: [fn(&Runtime, Waker); 8] = [
            |_, waker| waker.wake(),
            |_, waker| elsewhere(move || waker.wake()),
            |rt, _| drop(rt.spawn(async {})),
            |rt, _| drop(rt.handle().spawn(async {})),
            |rt, _| {
                let handle = rt.handle().clone();
                elsewhere(move || drop(handle.spawn(async {})));
            },
            |rt, _| rt.spawn(std::future::pending::<()>()).abort(),
            |rt, waker| {
                let _guard = rt.enter();
                waker.wake();
            },
            |rt, _| {
                let _guard = rt.enter();
                drop(turno::spawn(async {}));
            },
        ];
        for (n, way) in ways.into_iter().enumerate() {
            let (rt, wakes) = counted();
            let (_task, waker) = waiting(&rt);
            rt.turn(NOW);
            assert!(!is_readable(&rt), "{n}: it was not rung for");
            assert_eq!((wakes(), rt.park_timeout()), (1, None), "{n}");
            way(&rt, waker);
            assert_eq!(rt.park_timeout(), NOW, "{n}");
            assert_eq!(wakes(), 1, "{n}");
            assert!(is_readable(&rt), "{n}");
            while rt.park_timeout().is_some() {
                rt.turn(NOW);
            }
            assert!(!is_readable(&rt), "{n}: the host would never sleep again");
            assert_eq!(wakes(), 0, "{n}");
        }
    });
}

#[test]
fn on_wake_is_called_once_until_the_next_turn() {
    guarded(|| {
        let (rt, wakes) = counted();
        let (_task, waker) = waiting(&rt);
        wakes();
        for _ in 0..3 {
            for n in 0..10 {
                let waker = waker.clone();
                drop(rt.spawn(async {}));
                if n % 2 == 0 { elsewhere(move || waker.wake()) } else { waker.wake() }
            }
            assert_eq!(wakes(), 1);
            rt.turn(NOW);
            assert_eq!(wakes(), 0);
        }
    });
}

#[test]
fn wakes_inside_of_a_turn_call_nobody() {
    guarded(|| {
        let (rt, wakes) = counted();
        let (task, waker) = waiting(&rt);
        wakes();
        rt.block_on(async {
            let gate = common::Gate::new();
            let waits = turno::spawn(gate.clone());
            yield_now().await;
            gate.open();
            waker.wake();
            waits.await.unwrap();
            task.await.unwrap();
        });
        assert_eq!(wakes(), 0);
    });
}

#[test]
fn a_letter_that_comes_during_a_turn_is_read_in_it_or_calls_at_its_end() {
    guarded(|| {
        let (rt, wakes) = counted();
        let (_task, waker) = waiting(&rt);
        wakes();
        drop(rt.spawn(async move { elsewhere(move || waker.wake()) }));
        assert_eq!(wakes(), 1);
        let turn = rt.turn(NOW);
        assert!(turn.switches == 2 || (turn.idle == NOW && wakes() == 1), "{turn:?}");
    });
}

#[test]
fn a_host_that_sleeps_on_the_descriptor_misses_nothing() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let (tell, told) = mpsc::channel::<Waker>();
        let (seen, see) = mpsc::channel::<()>();
        let task = rt.spawn(async move {
            for _ in 0..1000 {
                wait_once(|waker| tell.send(waker.clone()).unwrap()).await;
                seen.send(()).unwrap();
            }
        });
        let thread = thread::spawn(move || {
            while let Ok(waker) = told.recv() {
                waker.wake();
                see.recv().unwrap();
            }
        });
        while !task.is_finished() {
            let turn = rt.turn(NOW);
            if turn.idle.is_none() && !task.is_finished() {
                let fd = rt.as_fd();
                poll(&mut [PollFd::new(&fd, PollFlags::IN)], None).unwrap();
            }
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_turn_may_sleep_until_a_timer_and_not_longer_than_it_is_told() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let nap = rt.spawn(sleep(Duration::from_millis(2)));
        let never = rt.spawn(std::future::pending::<()>());
        while !nap.is_finished() {
            rt.turn(None);
        }
        // Nothing is to come: it is back after what it was told.
        assert_eq!(rt.turn(Some(Duration::from_millis(1))).switches, 0);
        assert!(!never.is_finished());
    });
}

#[test]
fn run_until_stops_at_the_deadline_and_when_nothing_is_ready() {
    guarded(|| {
        let rt = virtual_rt();
        let now = rt.block_on(async { Instant::now() });
        let busy = rt.spawn(async {
            for _ in 0..10 {
                turno::time::work(Duration::from_millis(1)).await;
                yield_now().await;
            }
        });
        let turn = rt.run_until(now + Duration::from_millis(3));
        assert_eq!((turn.switches, turn.idle), (3, NOW));
        let turn = rt.run_until(now + Duration::from_secs(1));
        assert_eq!((turn.switches, turn.idle), (8, None));
        assert!(busy.is_finished());
        assert_eq!(rt.run_until(now).switches, 0);
    });
}

/// First in, first out, but nobody before the time in the cell.
struct Held(Fifo, Rc<Cell<Nanos>>);

impl Policy for Held {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.0.ready(task, now);
    }
    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        if now < self.1.get() { Pick::Until(self.1.get()) } else { self.0.pick(tasks, now) }
    }
    fn forget(&mut self, id: Id) {
        self.0.forget(id);
    }
}

#[test]
fn time_goes_on_though_whom_the_policy_held_back_is_gone() {
    guarded(|| {
        let until = Rc::new(Cell::new(0));
        let policy = Held(Fifo::new(), until.clone());
        let rt = Builder::new().start_paused(true).policy(policy).build().unwrap();
        let sleeper = rt.spawn(sleep(Duration::from_millis(1)));
        rt.turn(NOW);
        until.set(10);
        let victim = rt.spawn(std::future::pending::<()>());
        assert_eq!(rt.turn(NOW).switches, 0);
        victim.abort();
        for _ in 0..5 {
            rt.turn(NOW);
        }
        assert!(victim.is_finished() && sleeper.is_finished());
    });
}
