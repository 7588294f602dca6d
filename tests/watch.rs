//! What a watch channel promises, one by one.

mod common;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};

use common::by_hand::acts;
use common::{OnDrop, guarded, has, panic_of, virtual_rt};
use futures_lite::future::poll_once;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use turno::sync::watch::{self, Receiver, Sender};
use turno::task::yield_now;

#[test]
fn what_it_is_at_first_counts_as_seen() {
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!(receiver.has_changed(), Ok(false));
    assert!(receiver.changed().now_or_never().is_none());
    sender.send(2).unwrap();
    let mut late = sender.subscribe();
    assert_eq!(late.has_changed(), Ok(false));
    assert!(late.changed().now_or_never().is_none());
    assert_eq!(receiver.changed().now_or_never(), Some(Ok(())));
    assert_eq!((*receiver.borrow(), *late.borrow(), *sender.borrow()), (2, 2, 2));
}

#[test]
fn only_what_marks_a_value_as_seen_does() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    assert!(receiver.borrow().has_changed());
    assert_eq!(receiver.has_changed(), Ok(true));
    assert!(!sender.borrow().has_changed());
    assert!(receiver.borrow_and_update().has_changed());
    assert!(!receiver.borrow_and_update().has_changed());
    assert_eq!(receiver.has_changed(), Ok(false));
    receiver.mark_changed();
    receiver.mark_changed();
    assert_eq!(receiver.changed().now_or_never(), Some(Ok(())));
    assert!(receiver.changed().now_or_never().is_none());
    sender.send(2).unwrap();
    receiver.mark_unchanged();
    assert!(receiver.changed().now_or_never().is_none());
    sender.send(3).unwrap();
    assert!(receiver.wait_for(|&value| value == 3).now_or_never().unwrap().unwrap().has_changed());
    assert_eq!(receiver.has_changed(), Ok(false));
}

#[test]
fn a_clone_has_seen_what_its_original_has() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    let unseen = receiver.clone();
    receiver.mark_unchanged();
    assert_eq!(unseen.has_changed(), Ok(true));
    assert_eq!(receiver.clone().has_changed(), Ok(false));
}

#[test]
fn the_last_change_is_still_found_when_the_senders_are_gone() {
    let (sender, mut receiver) = watch::channel(0);
    let other = sender.clone();
    sender.send(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    drop(other);
    assert!(receiver.is_closed() && receiver.has_changed().is_err());
    assert_eq!(receiver.changed().now_or_never(), Some(Ok(())));
    assert!(receiver.changed().now_or_never().unwrap().is_err());
    assert_eq!(*receiver.borrow(), 1);
    // It is asked whether the last value will do, seen or not.
    assert_eq!(*receiver.wait_for(|&value| value == 1).now_or_never().unwrap().unwrap(), 1);
    let mut asked = 0;
    let wait = receiver.wait_for(|_| (asked += 1, false).1);
    assert!(wait.now_or_never().unwrap().is_err());
    assert_eq!(asked, 1);
}

#[test]
fn a_value_that_nobody_watches_comes_back_unless_it_is_replaced() {
    let (sender, receiver) = watch::channel(0);
    drop(receiver);
    assert!(sender.is_closed());
    let error = sender.send(1).unwrap_err();
    assert_eq!((error.0, *sender.borrow()), (1, 0));
    assert_eq!(sender.send_replace(2), 0);
    sender.send_modify(|value| *value += 1);
    assert!(sender.send_if_modified(|value| (*value += 1, true).1));
    let receiver = sender.subscribe();
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (4, Ok(false)));
    assert!(!sender.is_closed());
}

#[test]
fn a_change_that_is_denied_is_told_to_nobody() {
    let (sender, mut receiver) = watch::channel(0);
    let mut changed = pin!(receiver.changed());
    assert!(changed.as_mut().now_or_never().is_none());
    assert!(!sender.send_if_modified(|value| (*value = 7, false).1));
    assert!(changed.as_mut().now_or_never().is_none());
    assert_eq!(*sender.borrow(), 7);
    assert!(sender.send_if_modified(|_| true));
    assert_eq!(changed.now_or_never(), Some(Ok(())));
}

#[test]
fn handles_are_counted_and_know_their_channel() {
    let sender = Sender::<u8>::default();
    assert_eq!((sender.sender_count(), sender.receiver_count()), (1, 0));
    let (one, two) = (sender.subscribe(), sender.subscribe());
    let again = sender.clone();
    assert_eq!((again.sender_count(), again.receiver_count()), (2, 2));
    assert!(sender.same_channel(&again) && one.same_channel(&two));
    let (strange, stranger) = watch::channel(0_u8);
    assert!(!sender.same_channel(&strange) && !one.same_channel(&stranger));
    drop((sender, one));
    assert_eq!((again.sender_count(), again.receiver_count()), (1, 1));
    assert_eq!(format!("{again:?}").matches("value: 0").count(), 1);
}

#[test]
fn all_who_wait_are_woken_in_order_by_one_change() {
    guarded(|| {
        let rt = virtual_rt();
        let order = Rc::new(RefCell::new(Vec::new()));
        rt.block_on(async {
            let (sender, receiver) = watch::channel(0);
            let tasks = (0..100).map(|name| {
                let (mut receiver, order) = (receiver.clone(), order.clone());
                turno::spawn(async move {
                    receiver.changed().await.unwrap();
                    order.borrow_mut().push((name, *receiver.borrow()));
                })
            });
            let tasks: Vec<_> = tasks.collect();
            yield_now().await;
            sender.send(1).unwrap();
            sender.send(2).unwrap();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert!(order.borrow().iter().copied().eq((0..100).map(|name| (name, 2))));
    });
}

#[test]
fn who_waits_for_the_end_of_either_side_is_told() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = watch::channel(0);
            let other = receiver.clone();
            let watching = turno::spawn(async move { receiver.changed().await.is_err() });
            yield_now().await;
            drop(sender);
            assert!(watching.await.unwrap());
            drop(other);

            let (sender, receiver) = watch::channel(0);
            let (other, second) = (sender.clone(), receiver.clone());
            let closing = turno::spawn(async move { other.closed().await });
            yield_now().await;
            drop(receiver);
            yield_now().await;
            assert!(!closing.is_finished());
            // Gone and back again before anybody could look.
            drop(second);
            let third = sender.subscribe();
            yield_now().await;
            assert!(!closing.is_finished());
            drop(third);
            closing.await.unwrap();
            sender.closed().await;
        });
    });
}

#[test]
fn who_waits_for_a_value_is_not_content_with_another() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = watch::channel(0);
            let asked = Rc::new(Cell::new(0));
            let asking = asked.clone();
            let waiting = turno::spawn(async move {
                let found = receiver.wait_for(|&value| (asking.set(value), value > 5).1).await;
                *found.unwrap()
            });
            for value in 1..10 {
                yield_now().await;
                assert_eq!(asked.get(), (value - 1).min(6));
                let _ = sender.send(value);
            }
            assert_eq!(waiting.await.unwrap(), 6);
        });
    });
}

#[test]
fn it_is_asked_once_for_each_change_however_often_it_is_polled() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    let asked = Cell::new(0);
    let mut wait = pin!(receiver.wait_for(|&value| (asked.set(asked.get() + 1), value > 5).1));
    for _ in 0..3 {
        assert!(wait.as_mut().now_or_never().is_none());
        assert!(!sender.send_if_modified(|value| (*value = 7, false).1));
    }
    assert_eq!(asked.get(), 1);
    sender.send_modify(|_| ());
    assert_eq!(wait.now_or_never().map(|found| *found.unwrap()), Some(7));
}

#[test]
fn to_send_while_the_value_is_borrowed_panics_and_names_the_borrow() {
    let (sender, mut receiver) = watch::channel(0);
    let line = line!() + 1;
    let value = receiver.borrow_and_update();
    for text in [
        panic_of(|| sender.send(1)),
        panic_of(|| sender.send_replace(1)),
        panic_of(|| sender.send_modify(|_| ())),
        panic_of(|| sender.send_if_modified(|_| true)),
    ] {
        has(&text, &format!("borrowed at {}:{line}:", file!()));
        has(&text, "drop it before");
    }
    assert_eq!(*value, 0);
    drop(value);
    sender.send(2).unwrap();
    assert_eq!((receiver.has_changed(), *receiver.borrow()), (Ok(true), 2));
    // The other senders' borrows, and the asking of `wait_for`, count as well.
    let value = sender.borrow();
    has(panic_of(|| sender.send(1)), "cannot be changed while a `Ref` of it is out");
    drop(value);
    let wait = receiver.wait_for(|_| sender.send(3).is_ok());
    has(panic_of(|| wait.now_or_never().is_some()), "borrowed at");
    sender.send(4).unwrap();
}

#[test]
fn the_panics_are_at_the_callers_line() {
    let place = Arc::new(std::sync::Mutex::new((String::new(), 0)));
    let seen = place.clone();
    let old = std::panic::take_hook();
    let me = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().filter(|_| std::thread::current().id() == me);
        if let Some(place) = place {
            *seen.lock().unwrap() = (place.file().to_string(), place.line());
        }
    }));
    let (sender, receiver) = watch::channel(0);
    let value = receiver.borrow();
    let mut lines = Vec::new();
    let line = line!();
    panic_of(|| sender.send(1));
    lines.push(place.lock().unwrap().clone());
    panic_of(|| sender.send_replace(1));
    lines.push(place.lock().unwrap().clone());
    panic_of(|| sender.send_modify(|_| ()));
    lines.push(place.lock().unwrap().clone());
    panic_of(|| sender.send_if_modified(|_| true));
    lines.push(place.lock().unwrap().clone());
    std::panic::set_hook(old);
    let lines: Vec<_> = lines.iter().map(|(file, at)| (file.as_str(), at - line)).collect();
    assert_eq!(lines, [1, 3, 5, 7].map(|at| (file!(), at)));
    drop(value);
}

#[test]
fn a_closure_that_changes_the_value_cannot_borrow_it_again() {
    let (sender, receiver) = watch::channel(0);
    sender.send_modify(|_| {
        has(panic_of(|| *sender.borrow()), "is being changed");
        has(panic_of(|| *receiver.borrow()), "is being changed");
        has(panic_of(|| sender.send(1)), "is being changed");
        assert!(format!("{sender:?}").contains("<being changed>"));
        // All else may be done.
        drop(receiver.clone());
        assert_eq!(sender.clone().receiver_count(), 1);
    });
    assert_eq!(receiver.has_changed(), Ok(true));
}

#[test]
fn a_closure_that_panics_leaves_what_it_did_and_tells_nobody() {
    let (sender, mut receiver) = watch::channel(0);
    let mut changed = Box::pin(receiver.changed());
    assert!(changed.as_mut().now_or_never().is_none());
    let oh = |value: &mut i32| {
        *value = 3;
        panic!("oh");
    };
    has(panic_of(|| sender.send_modify(oh)), "oh");
    has(panic_of(|| sender.send_if_modified(|_| panic!("no"))), "no");
    assert!(changed.as_mut().now_or_never().is_none());
    assert_eq!(*sender.borrow(), 3);
    sender.send(4).unwrap();
    assert_eq!(changed.now_or_never(), Some(Ok(())));
    sender.send(5).unwrap();
    let asked = catch_unwind(AssertUnwindSafe(|| {
        receiver.wait_for(|_| panic!("asked")).now_or_never().is_some()
    }));
    assert!(asked.is_err());
    sender.send(6).unwrap();
    assert_eq!(*receiver.borrow_and_update(), 6);
}

/// A value that does something to its own channel when it is dropped.
type Acting = Option<OnDrop<Box<dyn FnOnce()>>>;

fn acting(f: impl FnOnce() + 'static) -> Acting {
    Some(OnDrop::new(Box::new(f)))
}

#[test]
fn a_value_that_is_replaced_may_use_the_channel_when_it_is_dropped() {
    let (sender, mut receiver) = watch::channel::<Acting>(None);
    let ends = Rc::new(Cell::new(0));
    let (again, mut looks, end) = (sender.clone(), receiver.clone(), ends.clone());
    let old = acting(move || {
        assert!(looks.borrow_and_update().is_none());
        again.send(acting(move || end.set(end.get() + 1))).unwrap();
        assert_eq!(looks.changed().now_or_never(), Some(Ok(())));
    });
    sender.send(old).unwrap();
    sender.send(None).unwrap();
    assert!(receiver.borrow_and_update().is_some());
    assert_eq!((ends.get(), sender.sender_count(), sender.receiver_count()), (0, 1, 1));
    let end = ends.clone();
    drop(receiver);
    assert!(sender.send(acting(move || end.set(end.get() + 10))).is_err());
    assert_eq!(ends.get(), 10);
    // The value itself goes with the last handle.
    drop(sender);
    assert_eq!(ends.get(), 11);
}

#[test]
fn a_foreign_waker_may_do_anything_when_it_wakes() {
    let (sender, receiver) = watch::channel(0);
    let woken = Rc::new(Cell::new(0));
    type Waits = std::pin::Pin<Box<dyn Future<Output = bool>>>;
    let waits = |mut receiver: Receiver<i32>| -> Waits {
        Box::pin(async move { receiver.changed().await.is_ok() })
    };
    let others: Rc<RefCell<Vec<Waits>>> = Rc::default();
    let (mut first, mut second) = (waits(receiver.clone()), waits(receiver.clone()));
    // It drops those who wait behind it and all receivers, and changes the value again.
    let (gone, again, last) = (others.clone(), sender.clone(), Cell::new(Some(receiver.clone())));
    let wakes = woken.clone();
    let all = acts(move || {
        wakes.set(wakes.get() + 1);
        let gone = gone.take();
        drop(gone);
        drop(last.take());
        again.send(5).unwrap();
    });
    let wakes = woken.clone();
    let panics = acts(move || {
        wakes.set(wakes.get() + 1);
        panic!("a waker");
    });
    let wakes = woken.clone();
    let counts = acts(move || wakes.set(wakes.get() + 1));
    assert!(first.as_mut().poll(&mut Context::from_waker(&all)).is_pending());
    let mut between = waits(receiver.clone());
    assert!(between.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
    for _ in 0..3 {
        let mut other = waits(receiver.clone());
        assert!(other.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        others.borrow_mut().push(other);
    }
    assert!(second.as_mut().poll(&mut Context::from_waker(&counts)).is_pending());
    has(panic_of(|| sender.send(1)), "a waker");
    assert_eq!((woken.get(), *receiver.borrow()), (3, 5));
    assert_eq!((sender.receiver_count(), sender.sender_count()), (4, 1));
    for mut left in [first, between, second] {
        assert_eq!(left.as_mut().now_or_never(), Some(true));
    }
}

#[test]
fn it_is_the_last_waker_that_is_woken() {
    struct Counts(AtomicUsize);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let (sender, mut receiver) = watch::channel(0);
    let [old, new] = [0, 0].map(|n| Arc::new(Counts(AtomicUsize::new(n))));
    let mut changed = pin!(receiver.changed());
    for counts in [&old, &old, &new] {
        let waker = Waker::from(counts.clone());
        assert!(changed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    sender.send(1).unwrap();
    assert_eq!((old.0.load(SeqCst), new.0.load(SeqCst)), (0, 1));
    assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (1, 1));
}

#[test]
fn it_is_waited_for_inside_of_combinators() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, receiver) = watch::channel(0);
            let mut all = FuturesUnordered::new();
            for at in 1..=20 {
                let mut receiver = receiver.clone();
                all.push(async move { *receiver.wait_for(|value| *value >= at).await.unwrap() });
            }
            drop(receiver);
            let feeder = turno::spawn(async move {
                for value in 0..=20 {
                    sender.send_replace(value);
                    yield_now().await;
                }
            });
            let found: Vec<_> = all.by_ref().collect().await;
            assert!(found.into_iter().eq(1..=20));
            feeder.await.unwrap();
        });
    });
}

#[test]
fn a_stall_names_the_channel_and_the_waits() {
    guarded(|| {
        let (rt, made) = (virtual_rt(), Cell::new(0));
        let stalled = rt.try_block_on(async {
            made.set(line!() + 1);
            let (sender, mut receiver) = watch::channel(0);
            let mut other = receiver.clone();
            let closes = sender.clone();
            drop(turno::spawn(async move { closes.closed().await }));
            drop(turno::spawn(async move { drop(other.wait_for(|&value| value > 0).await) }));
            receiver.changed().await.unwrap();
            drop(sender);
        });
        let text = stalled.unwrap_err().to_string();
        let change = format!("a change of a watched value (made at {}:{}:", file!(), made.get());
        assert_eq!(text.matches(&change).count(), 2, "{text}");
        assert_eq!(text.matches("the other side of a channel to go away (made at").count(), 1);
    });
}

#[test]
fn nothing_is_left_of_waits_that_ended_or_were_dropped() {
    guarded(|| {
        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let (sender, mut receiver) = watch::channel(0);
            assert!(receiver.changed().now_or_never().is_none());
            let mut done = Box::pin(receiver.changed());
            assert!(poll_once(&mut done).await.is_none());
            sender.send(1).unwrap();
            assert!(poll_once(&mut done).await.is_some());
            let mut closed = Box::pin(sender.closed());
            assert!(poll_once(&mut closed).await.is_none());
            drop(closed);
            std::future::pending::<()>().await;
        });
        let text = stalled.unwrap_err().to_string();
        assert!(!text.contains("watched") && !text.contains("channel"), "{text}");
    });
}

#[test]
fn a_task_that_always_finds_a_change_gives_way() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = watch::channel(0_u64);
            let stop = Rc::new(Cell::new(false));
            let stopped = stop.clone();
            let busy = turno::spawn(async move {
                while !stopped.get() {
                    sender.send_modify(|n| *n += 1);
                    receiver.changed().await.unwrap();
                }
            });
            yield_now().await;
            stop.set(true);
            busy.await.unwrap();
        });
    });
}

#[test]
fn a_poll_that_finds_nothing_spends_nothing() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = watch::channel(0);
            for _ in 0..10_000 {
                assert!(poll_once(receiver.changed()).await.is_none());
                assert!(poll_once(sender.closed()).await.is_none());
                assert!(poll_once(receiver.wait_for(|_| false)).await.is_none());
            }
            sender.send(1).unwrap();
            assert!(poll_once(receiver.changed()).await.is_some());
        });
    });
}
