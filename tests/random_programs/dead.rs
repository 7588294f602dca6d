//! Programs that never end: their tasks wait for each other, or for what no task does.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{Future, pending};
use std::rc::Rc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use futures_lite::future::poll_once;
use turno::observe::Event;
use turno::runtime::{Builder, Cycle, Handle};
use turno::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore};
use turno::sync::{broadcast, mpsc, oneshot, watch};
use turno::task::{self, JoinHandle, JoinSet, WaitReason, spawn_blocking, yield_now};
use turno::time::sleep;

use super::Rng;
use super::common::at_random::AtRandom;
use super::common::{OnDrop, own_waker, wait_once};
use super::run::Boxed;

/// What never ends.
#[derive(Clone, Debug)]
pub enum Dead {
    Never(Never),
    Joins(Box<Dead>),
    Set([Box<Dead>; 2]),
    Both(Box<(Dead, Dead)>),
    Either(Box<(Dead, Dead)>),
    /// Tasks that await each other, or lock what the next one holds.
    RingOfJoins(u32),
    RingOfLocks(u32),
    Locked(Box<Dead>),
    /// It does something that ends, or leaves something behind, and then this.
    After(Before, Box<Dead>),
}

#[derive(Clone, Copy, Debug)]
pub enum Never {
    Pending,
    Notify,
    Mutex,
    Write,
    Semaphore,
    Receive,
    Send,
    Oneshot,
    Barrier,
    Cell,
    Broadcast,
    Watch,
    Closed,
}

#[derive(Clone, Copy, Debug)]
pub enum Before {
    Yields,
    Sleeps,
    Wakes,
    Detaches,
    /// A job has ended; its handle has been polled, and is kept.
    Job,
    Remote,
    HandleGone,
    /// A thread drops a handle, or aborts a task and drops the way to it.
    HandleGoes,
    Aborted,
    /// The waker of a task that has ended is kept.
    Stale,
    /// A thread drops a waker late, and nothing tells of that; or a handle, and that is told.
    LateWaker,
    LateHandle,
}

pub fn dead(rng: &mut Rng, size: &mut u32, late: bool) -> Dead {
    *size = size.saturating_sub(1);
    let two = |rng: &mut Rng, size: &mut u32| (dead(rng, size, late), dead(rng, size, late));
    let kind = if *size == 0 { rng.below(4) } else { rng.below(14) };
    match kind {
        0 => Dead::RingOfJoins(2 + rng.below(4) as u32),
        1 => Dead::RingOfLocks(1 + rng.below(4) as u32),
        4..=5 => Dead::Joins(Box::new(dead(rng, size, late))),
        6 => Dead::Set(<[Dead; 2]>::from(two(rng, size)).map(Box::new)),
        7 => Dead::Both(Box::new(two(rng, size))),
        8 => Dead::Either(Box::new(two(rng, size))),
        9 => Dead::Locked(Box::new(dead(rng, size, late))),
        10..=13 => {
            use Before::*;
            let all = [Yields, Sleeps, Wakes, Detaches, Job, Remote, HandleGone, HandleGoes];
            let also = [
                Aborted,
                Stale,
                if late { LateWaker } else { Yields },
                if late { LateHandle } else { Job },
            ];
            let before = if rng.one_in(3) { rng.pick(&also) } else { rng.pick(&all) };
            Dead::After(before, Box::new(dead(rng, size, late)))
        }
        _ => {
            use Never::*;
            let all = [Pending, Notify, Mutex, Write, Semaphore, Receive, Send, Oneshot, Barrier];
            let also = [Cell, Broadcast, Watch, Closed];
            Dead::Never(if rng.one_in(3) { rng.pick(&also) } else { rng.pick(&all) })
        }
    }
}

thread_local! {
    /// The names of the tasks that have not ended, and the next one.
    static LIVING: RefCell<(BTreeSet<String>, u32)> = const { RefCell::new((BTreeSet::new(), 0)) };
}

/// A future under a new name, which is among the living until it is dropped.
pub fn named<F: Future>(future: F) -> (String, impl Future<Output = F::Output>) {
    let name = LIVING.with_borrow_mut(|(living, next)| {
        *next += 1;
        living.insert(next.to_string());
        next.to_string()
    });
    let dies = name.clone();
    let lives = OnDrop::new(move || {
        LIVING.with_borrow_mut(|(living, _)| living.retain(|name| *name != dies))
    });
    (name, async move {
        let _lives = lives;
        future.await
    })
}

pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let (name, future) = named(future);
    task::Builder::new().name(name).spawn(future)
}

pub fn die(dead: Dead) -> Boxed {
    Box::pin(async move {
        match dead {
            Dead::Never(what) => never(what).await,
            Dead::Joins(dead) => spawn(die(*dead)).await.unwrap(),
            Dead::Set(all) => {
                let mut set = JoinSet::new();
                for dead in all {
                    let (name, future) = named(die(*dead));
                    set.build_task().name(name).spawn(future);
                }
                set.join_next().await.unwrap().unwrap();
            }
            Dead::Both(two) => {
                turno::join!(die(two.0), die(two.1));
            }
            Dead::Either(two) => turno::select! { _ = die(two.0) => {} _ = die(two.1) => {} },
            Dead::RingOfJoins(n) => ring_of_joins(n).await,
            Dead::RingOfLocks(n) => {
                let all = (0..n).map(|_| Mutex::default()).collect::<Vec<Mutex<()>>>();
                let ring = Rc::new((all, Barrier::new(n as usize)));
                let locks_two = |at: usize| {
                    let ring = ring.clone();
                    spawn(async move {
                        let _held = ring.0[at].lock().await;
                        ring.1.wait().await;
                        drop(ring.0[(at + 1) % ring.0.len()].lock().await);
                    })
                };
                let mut tasks: Vec<_> = (0..n as usize).map(locks_two).collect();
                tasks.pop().unwrap().await.unwrap();
            }
            Dead::Locked(dead) => {
                let lock = Rc::new(Mutex::new(()));
                let _held = lock.lock().await;
                let other = lock.clone();
                drop(spawn(async move { drop(other.lock().await) }));
                die(*dead).await;
            }
            Dead::After(what, dead) => {
                let _kept = before(what).await;
                die(*dead).await;
            }
        }
    })
}

pub async fn ring_of_joins(n: u32) {
    let (sends, receives): (Vec<_>, Vec<_>) = (0..n).map(|_| oneshot::channel()).unzip();
    let awaits = |next: oneshot::Receiver<JoinHandle<()>>| {
        spawn(async move { next.await.unwrap().await.unwrap() })
    };
    let mut handles: Vec<_> = receives.into_iter().map(awaits).collect();
    handles.rotate_left(1);
    sends.into_iter().zip(handles).for_each(|(send, handle)| send.send(handle).unwrap());
    pending().await
}

pub async fn never(what: Never) {
    match what {
        Never::Pending => pending().await,
        Never::Notify => Notify::new().notified().await,
        Never::Mutex => {
            let lock = Mutex::new(());
            let _held = lock.lock().await;
            drop(lock.lock().await);
        }
        Never::Write => {
            let lock = RwLock::new(());
            let _held = lock.read().await;
            drop(lock.write().await);
        }
        Never::Semaphore => {
            let permits = Semaphore::new(2);
            let _held = permits.acquire().await.unwrap();
            drop(permits.acquire_many(2).await);
        }
        Never::Receive => {
            let (_send, mut receive) = mpsc::channel::<()>(1);
            receive.recv().await.unwrap();
        }
        Never::Send => {
            let (send, _receive) = mpsc::channel(1);
            send.send(()).await.unwrap();
            send.send(()).await.unwrap();
        }
        Never::Oneshot => {
            let (_send, receive) = oneshot::channel::<()>();
            receive.await.unwrap();
        }
        Never::Barrier => {
            Barrier::new(2).wait().await;
        }
        Never::Cell => {
            let cell = Rc::new(OnceCell::new());
            let again = cell.clone();
            cell.get_or_init(async || *again.get_or_init(async || ()).await).await;
        }
        Never::Broadcast => {
            let (_send, mut receive) = broadcast::channel::<()>(1);
            receive.recv().await.unwrap();
        }
        Never::Watch => {
            let (_send, mut receive) = watch::channel(());
            receive.changed().await.unwrap();
        }
        Never::Closed => {
            let (send, _receive) = mpsc::channel::<()>(1);
            send.closed().await;
        }
    }
    panic!("{what:?} has ended");
}

/// Returns what is kept.
pub async fn before(what: Before) -> Box<dyn Any> {
    match what {
        Before::Yields => yield_now().await,
        Before::Sleeps => sleep(Duration::from_micros(300)).await,
        Before::Wakes => wait_once(Waker::wake_by_ref).await,
        Before::Detaches => drop(spawn(sleep(Duration::from_micros(300)))),
        Before::Job => {
            let mut job = spawn_blocking(|| {});
            let _polled = poll_once(&mut job).await;
            while !job.is_finished() {
                yield_now().await;
            }
            return Box::new(job);
        }
        Before::Remote => {
            let task = Handle::current().spawn(async {});
            task.await.unwrap();
        }
        Before::HandleGone => drop((Handle::current(), spawn(async {}).abort_handle())),
        Before::HandleGoes => {
            let (task, handle) = (spawn(pending::<()>()), Handle::current());
            let (abort, pause) = (task.abort_handle(), Duration::from_micros(300));
            thread::spawn(move || (thread::sleep(pause), abort.abort(), drop(handle)).0);
            assert!(task.await.unwrap_err().is_cancelled());
        }
        Before::Aborted => {
            let task = spawn(pending::<()>());
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        Before::Stale => return Box::new(spawn(own_waker()).await.unwrap()),
        Before::LateWaker => drops_late(own_waker().await),
        Before::LateHandle => drops_late(Handle::current()),
    }
    Box::new(())
}

fn drops_late(what: impl Send + 'static) {
    let pause = Duration::from_millis(150);
    thread::spawn(move || (thread::sleep(pause), drop(what)).0);
}

/// A program that never ends.
pub fn dead_of(seed: u64) -> (Dead, Builder) {
    let mut rng = Rng(seed);
    let builder = Builder::new().start_paused(rng.one_in(2)).seed(seed);
    let (late, mut size) = (rng.one_in(16), 1 + rng.below(12) as u32);
    (dead(&mut rng, &mut size, late), builder.policy(AtRandom::default()))
}

pub fn is_told(seed: u64) {
    let (dead, builder) = dead_of(seed);
    LIVING.set(Default::default());
    let rt = builder.on_deadlock(check_cycle).build().unwrap();
    let at_the_end = Rc::new(RefCell::default());
    let living = at_the_end.clone();
    rt.observe(move |_: u64, event: &Event<'_>| {
        if let Event::Parked { .. } = event {
            *living.borrow_mut() = LIVING.with_borrow(|(living, _)| living.clone());
        }
    });
    let stalled = rt.try_block_on(die(dead.clone())).expect_err("it cannot end");
    stalled.cycles().iter().for_each(check_cycle);
    let names = stalled.tasks().iter().map(|waiting| waiting.task.name().unwrap().to_string());
    let mut names: BTreeSet<String> = names.collect();
    assert!(names.remove("try_block_on"));
    assert_eq!(names, *at_the_end.borrow(), "{stalled}");
    assert!(stalled.tasks().iter().all(|waiting| waiting.wakers == 0), "{stalled}");
    let certain = stalled.cycles().iter().any(Cycle::is_certain);
    assert!(certain || !format!("{dead:?}").contains("RingOfJoins"), "{stalled}");
}

/// One that is certain is one of joins alone.
pub fn check_cycle(cycle: &Cycle) {
    let tasks = cycle.tasks();
    for (at, waiting) in tasks.iter().enumerate().filter(|_| cycle.is_certain()) {
        let next = tasks[(at + 1) % tasks.len()].task.id();
        assert_eq!(waiting.waits[0].reason, WaitReason::Join(next), "{cycle}");
        let joins = waiting.waits.iter().all(|w| matches!(w.reason, WaitReason::Join(_)));
        assert!(joins && waiting.wakers == 0, "{cycle}");
    }
}
