//! A foreign waker's clone is user code: it may release, notify, send, close or drop the very thing
//! that the future waits for, or panic. The same holds for its drop. No wait is lost to it.

// As in tokio what is owned is held by an `Arc`, though nothing in it is `Send`.
#![allow(clippy::arc_with_non_send_sync)]

mod common;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use common::on_clone::{on_clone, wakes_of_clones};
use common::{guarded, has, panic_of, virtual_rt};
use turno::runtime::Runtime;
use turno::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use turno::task::JoinSet;
use turno::time::{Duration, advance, sleep};

type Act = Box<dyn FnOnce()>;
type Waiting = Pin<Box<dyn Future<Output = ()>>>;

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn waits<F: Future + 'static>(future: F) -> Waiting {
    Box::pin(async { drop(future.await) })
}

fn does(act: impl FnOnce() + 'static) -> Act {
    Box::new(act)
}

fn poll(future: &mut Waiting, waker: &Waker) -> Poll<()> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Does its act when its last clone is dropped.
struct OnLast(Cell<Option<Act>>);

// SAFETY: these tests keep it on one thread.
unsafe impl Send for OnLast {}
// SAFETY: as above.
unsafe impl Sync for OnLast {}

impl Wake for OnLast {
    fn wake(self: Arc<Self>) {}
}

impl Drop for OnLast {
    fn drop(&mut self) {
        if let Some(act) = self.0.take() {
            act();
        }
    }
}

fn on_last(act: Act) -> Waker {
    Arc::new(OnLast(Cell::new(Some(act)))).into()
}

/// `make` makes what waits, and what ends its wait: done in the clone or in the drop of a waker, at
/// the first poll or at one with another waker, it ends the wait all the same.
#[track_caller]
fn ends_it(make: impl Fn() -> (Waiting, Act)) {
    let (mut first, act) = make();
    assert!(poll(&mut first, &on_clone(act)).is_ready(), "in the clone at the first poll");

    let (mut again, act) = make();
    assert!(poll(&mut again, Waker::noop()).is_pending());
    assert!(poll(&mut again, &on_clone(act)).is_ready(), "in the clone of another waker");

    let (mut other, act) = make();
    let waker = on_last(act);
    assert!(poll(&mut other, &waker).is_pending());
    drop(waker);
    let polled = poll(&mut other, &on_clone(|| ()));
    assert!(polled.is_ready() || wakes_of_clones() > 0, "in the drop of the waker before");
    assert!(polled.is_ready() || poll(&mut other, Waker::noop()).is_ready());

    for waited in [false, true] {
        let (mut panics, act) = make();
        assert!(!waited || poll(&mut panics, Waker::noop()).is_pending());
        let waker = on_clone(|| panic!("on purpose"));
        has(panic_of(|| poll(&mut panics, &waker)), "on purpose");
        drop(panics);
        act();
        assert_eq!(wakes_of_clones(), 0, "it does not wait any more");
    }
}

#[test]
fn what_unlocks_a_mutex() {
    for mutex in [Mutex::new, Mutex::with_priority_inheritance] {
        ends_it(|| {
            let mutex = leak(mutex(()));
            let held = mutex.try_lock().unwrap();
            (waits(mutex.lock()), does(move || drop(held)))
        });
        ends_it(|| {
            let mutex = Arc::new(mutex(()));
            let held = mutex.clone().try_lock_owned().unwrap();
            (waits(mutex.lock_owned()), does(move || drop(held)))
        });
    }
}

#[test]
fn what_unlocks_an_rwlock() {
    ends_it(|| {
        let lock = leak(RwLock::new(()));
        let held = lock.try_write().unwrap();
        (waits(lock.read()), does(move || drop(held)))
    });
    ends_it(|| {
        let lock = leak(RwLock::new(()));
        let held = lock.try_read().unwrap();
        (waits(lock.write()), does(move || drop(held)))
    });
    ends_it(|| {
        let lock = leak(RwLock::new(()));
        let held = lock.try_write().unwrap();
        (waits(lock.read()), does(move || drop(held.downgrade())))
    });
}

#[test]
fn what_a_semaphore_gets_back_or_that_it_is_closed() {
    for wants in [1, 3] {
        ends_it(|| {
            let semaphore = leak(Semaphore::new(3));
            let held = semaphore.try_acquire_many(3).unwrap();
            (waits(semaphore.acquire_many(wants)), does(move || drop(held)))
        });
        ends_it(|| {
            let semaphore = leak(Semaphore::new(0));
            (waits(semaphore.acquire_many(wants)), does(|| semaphore.close()))
        });
    }
    ends_it(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let adds = semaphore.clone();
        (waits(semaphore.acquire_many_owned(4)), does(move || adds.add_permits(2)))
    });
}

#[test]
fn who_makes_the_value_of_a_once_cell() {
    // Making it ends with a value, or in nothing: then whoever waits makes it.
    for filled in [true, false] {
        ends_it(|| {
            let cell = leak(OnceCell::new());
            let go = Rc::new(Cell::new(false));
            let going = go.clone();
            let made = poll_fn(move |_| if going.get() { Poll::Ready(7) } else { Poll::Pending });
            let mut makes = waits(cell.get_or_init(|| made));
            assert!(poll(&mut makes, Waker::noop()).is_pending());
            let waits = waits(async move {
                let init = async || {
                    assert!(!filled, "it is filled already");
                    8
                };
                assert_eq!(*cell.get_or_init(init).await, if filled { 7 } else { 8 });
            });
            let act = does(move || {
                go.set(filled);
                assert_eq!(poll(&mut makes, Waker::noop()).is_ready(), filled);
                drop(makes);
            });
            (waits, act)
        });
    }
}

#[test]
fn what_a_notify_tells() {
    for tell in [Notify::notify_one, Notify::notify_last, Notify::notify_waiters] {
        ends_it(|| {
            let notify = leak(Notify::new());
            (waits(notify.notified()), does(move || tell(notify)))
        });
        ends_it(|| {
            let notify = Arc::new(Notify::new());
            (waits(notify.clone().notified_owned()), does(move || tell(&notify)))
        });
    }
}

#[test]
fn who_comes_to_a_barrier() {
    ends_it(|| {
        let barrier = leak(Barrier::new(2));
        let comes = does(|| {
            // It stays there: what has not been told yet would not have come if it were dropped.
            let mut other = Box::pin(barrier.wait());
            let _ = other.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            std::mem::forget(other);
        });
        (waits(barrier.wait()), comes)
    });
}

#[test]
fn what_is_broadcast_and_the_end_of_that() {
    ends_it(|| {
        let (sender, mut receiver) = broadcast::channel(4);
        let keeps = sender.clone();
        let receives = waits(async move {
            let _keeps = keeps;
            assert_eq!(receiver.recv().await, Ok(1));
        });
        (receives, does(move || drop(sender.send(1))))
    });
    ends_it(|| {
        let (sender, mut receiver) = broadcast::channel::<()>(4);
        (waits(async move { assert!(receiver.recv().await.is_err()) }), does(move || drop(sender)))
    });
    ends_it(|| {
        let (sender, receiver) = broadcast::channel::<()>(4);
        (waits(async move { sender.closed().await }), does(move || drop(receiver)))
    });
}

#[test]
fn what_is_watched_and_the_end_of_that() {
    let makes: [fn(watch::Receiver<u32>) -> Waiting; 2] = [
        |mut seen| waits(async move { seen.changed().await }),
        |mut seen| waits(async move { seen.wait_for(|seen| *seen == 5).await.map(|seen| *seen) }),
    ];
    for make in makes {
        ends_it(|| {
            let (sender, seen) = watch::channel(0);
            let sender = leak(sender);
            (make(seen), does(|| _ = sender.send(5)))
        });
        ends_it(|| {
            let (sender, seen) = watch::channel(0);
            (make(seen), does(move || drop(sender)))
        });
    }
    ends_it(|| {
        let (sender, seen) = watch::channel(0);
        (waits(async move { sender.closed().await }), does(move || drop(seen)))
    });
}

#[test]
fn news_that_are_not_as_wanted_keep_it_waiting_and_lose_nothing() {
    let (sender, mut seen) = watch::channel(0);
    let sender = leak(sender);
    let mut wanted = waits(async move { seen.wait_for(|seen| *seen == 2).await.map(|seen| *seen) });
    assert!(poll(&mut wanted, &on_clone(|| sender.send(1).unwrap())).is_pending());
    let told = wakes_of_clones();
    assert!(poll(&mut wanted, &on_clone(|| ())).is_pending());
    sender.send(2).unwrap();
    assert!(told + wakes_of_clones() > 0);
    assert!(poll(&mut wanted, Waker::noop()).is_ready());
}

#[test]
fn what_is_sent_once_and_the_end_of_that() {
    for send in [true, false] {
        ends_it(|| {
            let (sender, receiver) = oneshot::channel();
            (
                waits(receiver),
                does(move || {
                    if send {
                        _ = sender.send(1);
                    }
                }),
            )
        });
    }
    ends_it(|| {
        let (mut sender, receiver) = oneshot::channel::<()>();
        (waits(async move { sender.closed().await }), does(move || drop(receiver)))
    });
}

#[test]
fn what_a_receiver_waits_for() {
    for send in [true, false] {
        ends_it(|| {
            let (sender, mut receiver) = mpsc::channel(1);
            let act = does(move || {
                if send {
                    _ = sender.try_send(1);
                }
            });
            (waits(async move { receiver.recv().await }), act)
        });
        ends_it(|| {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let act = does(move || {
                if send {
                    _ = sender.send(1);
                }
            });
            (waits(async move { receiver.recv_many(&mut Vec::new(), 4).await }), act)
        });
    }
}

#[test]
fn what_a_sender_waits_for() {
    type Sender = mpsc::Sender<u8>;
    let makes: [fn(Sender) -> Waiting; 4] = [
        |sender| waits(async move { sender.send(2).await }),
        |sender| waits(async move { sender.reserve().await.map(drop) }),
        |sender| waits(async move { sender.reserve_many(1).await.map(drop) }),
        |sender| waits(sender.reserve_owned()),
    ];
    for make in makes {
        for close in [true, false] {
            ends_it(|| {
                let (sender, receiver) = mpsc::channel(1);
                sender.try_send(1).unwrap();
                let receiver = leak(RefCell::new(receiver));
                let act = does(move || match close {
                    true => receiver.borrow_mut().close(),
                    false => assert_eq!(receiver.borrow_mut().try_recv(), Ok(1)),
                });
                (make(sender), act)
            });
        }
    }
    ends_it(|| {
        let (sender, receiver) = mpsc::channel::<()>(1);
        (waits(async move { sender.closed().await }), does(move || drop(receiver)))
    });
}

/// A runtime that lasts, and which the test is inside of.
fn entered(test: impl FnOnce(&'static Runtime)) {
    guarded(|| {
        let rt = leak(virtual_rt());
        let _guard = rt.enter();
        test(rt);
    });
}

#[test]
fn the_end_of_a_task() {
    entered(|rt| {
        let turn = || does(|| while rt.turn(Some(Duration::ZERO)).switches > 0 {});
        ends_it(|| (waits(turno::spawn(async {})), turn()));
        ends_it(|| {
            let task = turno::spawn(pending::<()>());
            let (abort, turn) = (task.abort_handle(), turn());
            let act = does(move || {
                abort.abort();
                turn();
            });
            (waits(task), act)
        });
        ends_it(|| {
            let mut set = JoinSet::new();
            set.spawn(async {});
            (waits(async move { set.join_next().await }), turn())
        });
    });
}

#[test]
fn the_time_that_is_waited_for() {
    entered(|rt| {
        ends_it(|| {
            let late = || rt.block_on(advance(Duration::from_secs(2)));
            (waits(sleep(Duration::from_secs(1))), does(late))
        });
    });
}

#[test]
fn a_future_whose_waker_panicked_as_it_was_cloned_stands_in_no_ones_way() {
    let panics = |future: &mut Waiting| {
        let waker = on_clone(|| panic!("on purpose"));
        has(panic_of(|| poll(future, &waker)), "on purpose");
    };
    let mutex = leak(Mutex::new(()));
    let held = mutex.try_lock().unwrap();
    let mut locks = waits(mutex.lock());
    panics(&mut locks);
    drop(held);
    drop(mutex.try_lock().unwrap());

    let lock = leak(RwLock::new(()));
    let held = lock.try_read().unwrap();
    let mut writes = waits(lock.write());
    panics(&mut writes);
    drop(lock.try_read().unwrap());
    drop(held);

    let semaphore = leak(Semaphore::new(1));
    let mut wants = waits(semaphore.acquire_many(2));
    panics(&mut wants);
    drop(semaphore.try_acquire().unwrap());

    let barrier = leak(Barrier::new(2));
    let mut comes = waits(barrier.wait());
    panics(&mut comes);
    let mut other = waits(barrier.wait());
    assert!(poll(&mut other, Waker::noop()).is_pending());
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_takes_nothing_with_it() {
    let leaves = |mut future: Waiting| {
        let waker = on_last(does(|| panic!("on purpose")));
        assert!(poll(&mut future, &waker).is_pending());
        drop(waker);
        has(panic_of(|| drop(future)), "on purpose");
    };
    let semaphore = leak(Semaphore::new(1));
    leaves(waits(semaphore.acquire_many(2)));
    assert_eq!(semaphore.available_permits(), 1, "what was put aside is back");

    let lock = leak(RwLock::new(()));
    let _held = lock.try_read().unwrap();
    let writer = Cell::new(Some(waits(lock.write())));
    assert!(poll(writer.take().as_mut().unwrap(), Waker::noop()).is_pending());
    let mut writes = waits(lock.write());
    let waker = on_last(does(|| panic!("on purpose")));
    assert!(poll(&mut writes, &waker).is_pending());
    drop(waker);
    let mut reads = waits(lock.read());
    assert!(poll(&mut reads, Waker::noop()).is_pending());
    has(panic_of(|| drop(writes)), "on purpose");
    assert!(poll(&mut reads, Waker::noop()).is_ready(), "whom the writer held back goes on");

    let barrier = leak(Barrier::new(2));
    leaves(waits(barrier.wait()));
    let mut comes = waits(barrier.wait());
    assert!(poll(&mut comes, Waker::noop()).is_pending(), "it has not come");

    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let receives = Box::pin(poll_fn(move |cx| receiver.poll_recv(cx).map(drop)));
    leaves(receives);
    assert!(sender.is_closed());

    let (sender, receiver) = oneshot::channel::<()>();
    leaves(waits(receiver));
    assert!(sender.is_closed());
}

#[test]
fn a_waker_that_panics_when_a_channel_ends_leaves_the_others_woken() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    let (sender, receiver) = mpsc::channel(1);
    let dropped = Rc::new(());
    sender.try_send(dropped.clone()).unwrap();
    let (sends, closes) = (sender.clone(), sender.clone());
    let mut sends = waits(async move { drop(sends.send(Rc::new(())).await) });
    assert!(poll(&mut sends, &Arc::new(Panics).into()).is_pending());
    let mut closed = waits(async move { closes.closed().await });
    assert!(poll(&mut closed, &on_clone(|| ())).is_pending());
    has(panic_of(|| drop(receiver)), "on purpose");
    assert_eq!(wakes_of_clones(), 1);
    assert!(poll(&mut closed, Waker::noop()).is_ready());
    assert_eq!(Rc::strong_count(&dropped), 1, "what is left in the channel is dropped");
}
