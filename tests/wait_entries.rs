//! What every task waits for is known while it waits: what, where, and who holds it.

mod common;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use common::{OnDrop, guarded, has, own_waker, virtual_rt, wait_once};
use futures_util::stream::{FuturesUnordered, StreamExt};
use turno::net::{TcpListener, TcpStream};
use turno::observe::{Event, Handed};
use turno::runtime::{Builder, Runtime, Stalled, Waiting};
use turno::sync::{Mutex, Semaphore};
use turno::task::{self, WaitReason, yield_now};
use turno::time::{Duration, sleep, timeout};

fn spawn(rt: &Runtime, name: &str, task: impl Future<Output = ()> + 'static) -> task::Id {
    let _guard = rt.enter();
    task::Builder::new().name(name).spawn(task).id()
}

/// What the task `name` waits for, at the end of the runtime.
fn waits(tasks: &[Waiting], name: &str) -> Waiting {
    tasks.iter().find(|waiting| waiting.task.name() == Some(name)).unwrap().clone()
}

#[test]
fn every_leaf_says_what_it_waits_for_and_where() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let (mutex, permits) = (Rc::new(Mutex::new(())), Rc::new(Semaphore::new(0)));
        let first = line!() + 1;
        spawn(&rt, "sleep", async { sleep(Duration::from_secs(9)).await });
        spawn(&rt, "timeout", async {
            drop(timeout(Duration::from_secs(9), pending::<()>()).await)
        });
        let locks = mutex.clone();
        spawn(&rt, "mutex", async move { drop(locks.lock().await) });
        spawn(&rt, "permits", async move { drop(permits.acquire().await) });
        spawn(&rt, "join", async { task::spawn(pending::<()>()).await.unwrap() });
        let (end, ended) = mpsc::channel::<()>();
        spawn(&rt, "job", async { drop(task::spawn_blocking(move || ended.recv()).await) });
        spawn(&rt, "accept", async {
            let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
            drop(socket.accept().await);
        });
        spawn(&rt, "read", async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut byte = [0];
            drop(stream.read(&mut byte).await);
        });
        let held = mutex.try_lock().unwrap();
        for _ in 0..200 {
            rt.turn(Some(Duration::from_millis(1)));
        }
        let unfinished = rt.shutdown_timeout(Duration::ZERO);
        drop((held, end));
        let site = |name| {
            let found = waits(&unfinished.tasks, name);
            let kept_for_it = usize::from(name == "job"); // By the job, on its thread.
            assert_eq!((found.waits.len(), found.wakers), (1, kept_for_it));
            assert_eq!(found.waits[0].site.file(), file!());
            (found.waits[0].reason, found.waits[0].site.line() - first)
        };
        assert!(matches!(site("sleep"), (WaitReason::Timer(9_000_000_000..), 0)));
        assert!(matches!(site("timeout"), (WaitReason::Timer(9_000_000_000..), 2)));
        assert_eq!(site("mutex"), (WaitReason::Mutex, 5));
        assert_eq!(site("permits"), (WaitReason::Semaphore, 6));
        assert!(matches!(site("join"), (WaitReason::Join(_), 7)));
        assert_eq!(site("job"), (WaitReason::Job, 9));
        assert!(matches!(site("accept"), (WaitReason::Readable(_), 12)));
        assert!(matches!(site("read"), (WaitReason::Readable(_), 18)));
    });
}

fn stalled(root: impl AsyncFnOnce()) -> Stalled {
    guarded(|| virtual_rt().try_block_on(root()).unwrap_err())
}

#[test]
fn a_stall_names_lock_place_and_holder() {
    let line = line!() + 2;
    let stalled = stalled(async || {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        let cross = |name: &str, first: Rc<Mutex<()>>, then: Rc<Mutex<()>>| {
            task::Builder::new().name(name).spawn(async move {
                let _first = first.lock().await;
                yield_now().await;
                let _then = then.lock().await;
            })
        };
        let tasks = [cross("left", a.clone(), b.clone()), cross("right", b, a)];
        for task in tasks {
            task.await.unwrap();
        }
    });
    let (left, right) = (waits(stalled.tasks(), "left"), waits(stalled.tasks(), "right"));
    for (one, other) in [(&left, &right), (&right, &left)] {
        let [wait] = &one.waits[..] else { panic!("{one}") };
        assert_eq!(wait.reason, WaitReason::Mutex);
        assert_eq!((wait.site.line(), wait.made.unwrap().line()), (line + 5, line));
        let holder = wait.holder.unwrap();
        assert_eq!((holder.task, holder.site.line()), (other.task.id(), line + 3));
    }
    has(stalled.to_string(), "locked by task 3 \"right\" (at tests/wait_entries.rs");
}

#[test]
fn a_lock_that_was_handed_over_is_known_to_be_held_by_who_has_not_come_for_it_yet() {
    let stalled = stalled(async || {
        let mutex = Rc::new(Mutex::new(()));
        let held = mutex.lock().await;
        let (locks, waits) = (mutex.clone(), mutex.clone());
        let sleepy = task::Builder::new().name("sleepy").spawn(async move {
            let mut lock = pin!(locks.lock());
            let ready = futures_lite::future::poll_once(lock.as_mut()).await;
            assert!(ready.is_none());
            pending::<()>().await; // The lock is handed to it, and it never looks again.
        });
        yield_now().await;
        let second = task::Builder::new().name("second");
        let second = second.spawn(async move { drop(waits.lock().await) });
        yield_now().await;
        drop(held);
        drop(sleepy);
        second.await.unwrap();
    });
    let (sleepy, second) = (waits(stalled.tasks(), "sleepy"), waits(stalled.tasks(), "second"));
    assert_eq!(second.waits[0].holder.unwrap().task, sleepy.task.id());
    assert!(sleepy.waits.is_empty());
}

#[test]
fn what_a_future_was_handed_and_has_not_taken_is_known_to_an_observer() {
    guarded(|| {
        let seen: Rc<RefCell<Vec<(u64, Handed)>>> = Rc::default();
        let sees = seen.clone();
        let rt = Builder::new().start_paused(true).observe(move |_: u64, event: &Event<'_>| {
            if let Event::Ended { n, waits, .. } = event {
                sees.borrow_mut().extend(waits.handed().into_iter().map(|handed| (*n, handed)));
            }
        });
        rt.build().unwrap().block_on(async {
            let permits = Rc::new(Semaphore::new(1));
            let permit = permits.acquire().await.unwrap();
            let (leaves, wants) = (permits.clone(), permits.clone());
            let line = line!() + 2;
            let leaves = task::spawn(async move {
                let mut acquire = pin!(leaves.acquire());
                assert!(futures_lite::future::poll_once(acquire.as_mut()).await.is_none());
                sleep(Duration::from_secs(1)).await;
                drop(acquire.await);
            });
            yield_now().await;
            let wants = task::spawn(async move { drop(wants.acquire().await) });
            yield_now().await;
            drop(permit);
            assert!(seen.borrow().is_empty(), "nothing is handed before it is given back");
            yield_now().await;
            yield_now().await;
            let handed = seen.borrow().last().map(|(_, handed)| *handed).unwrap();
            assert_eq!(handed.wait().reason, WaitReason::Semaphore);
            assert_eq!(handed.wait().site.line(), line);
            assert_eq!((handed.wanted_by(), handed.is_taken()), (vec![wants.id()], false));
            leaves.await.unwrap();
            assert_eq!((handed.wanted_by(), handed.is_taken()), (vec![], true));
            wants.await.unwrap();
        });
    });
}

#[test]
fn a_task_may_wait_for_several_things() {
    let stalled = stalled(async || {
        let (a, b) = (Semaphore::new(0), Semaphore::new(0));
        drop(futures_lite::future::or(a.acquire(), b.acquire()).await);
    });
    let [root] = stalled.tasks() else { panic!("{stalled}") };
    assert_eq!(root.waits.len(), 2);
    assert_ne!(root.waits[0].made, root.waits[1].made);
}

#[test]
fn an_entry_is_gone_when_its_future_is_done_or_dropped() {
    let stalled = stalled(async || {
        let mutex = Mutex::new(());
        let held = mutex.lock().await;
        assert!(timeout(Duration::from_secs(1), mutex.lock()).await.is_err());
        drop(held);
        drop(mutex.lock().await);
        drop(timeout(Duration::from_secs(1), pending::<()>()).await);
        pending::<()>().await;
    });
    let [root] = stalled.tasks() else { panic!("{stalled}") };
    assert!(root.waits.is_empty());
    has(root.to_string(), "nothing that could wake it");
}

#[test]
fn what_is_not_turnos_says_so_with_the_number_of_wakers() {
    let rt = virtual_rt();
    let kept = rt.block_on(async {
        let kept = task::Builder::new().name("foreign").spawn(async {
            let waker = own_waker().await;
            wait_once(|_| {}).await;
            drop(waker);
        });
        let set = task::Builder::new().name("set").spawn(async {
            let mut set = FuturesUnordered::new();
            set.push(sleep(Duration::from_secs(1)));
            set.next().await;
        });
        yield_now().await;
        (kept, set)
    });
    let unfinished = rt.shutdown_timeout(Duration::ZERO);
    let foreign = waits(&unfinished.tasks, "foreign");
    assert_eq!((foreign.waits.len(), foreign.wakers), (0, 1));
    has(foreign.to_string(), "something that is not turno's: 1 waker of it is out");
    let set = waits(&unfinished.tasks, "set");
    assert!(matches!(set.waits[0].reason, WaitReason::Timer(_)));
    assert_eq!(set.wakers, 1);
    drop(kept);
}

#[test]
fn what_only_looks_stalled_is_said_once_and_waited_for() {
    guarded(|| {
        let quiet = Duration::from_millis(20);
        let rt = Builder::new().start_paused(true).quiet_after(quiet).build().unwrap();
        for _ in 0..2 {
            let (tell, told) = mpsc::channel::<Waker>();
            let thread = thread::spawn(move || {
                let waker = told.recv().unwrap();
                thread::park_timeout(quiet * 3);
                waker.wake();
            });
            let mut tell = Some(tell);
            rt.block_on(std::future::poll_fn(move |cx| match tell.take() {
                Some(tell) => {
                    tell.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }));
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_remote_wait_may_end_on_another_thread() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let (end, ended) = mpsc::channel::<()>();
        let mut job = rt.handle().spawn_blocking(move || ended.recv());
        rt.block_on(async {
            assert!(futures_lite::future::poll_once(&mut job).await.is_none());
        });
        thread::spawn(move || drop(job)).join().unwrap();
        let _late = OnDrop::new(move || drop(end));
        rt.block_on(yield_now());
        let root = rt.shutdown_timeout(Duration::ZERO);
        assert!(root.tasks.is_empty());
    });
}
