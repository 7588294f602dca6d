//! The promises of `turno::sync::mpsc`, one by one.

// Short forms that read well in a list of cases.
#![allow(clippy::unnecessary_operation, clippy::unit_arg, clippy::redundant_async_block)]

mod common;

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use common::on_clone::{on_clone, wakes_of_clones};
use common::{OnDrop, Trace, guarded, has, panic_of, virtual_rt};
use turno::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use turno::sync::mpsc::{self, Receiver, channel, unbounded_channel};
use turno::task::yield_now;
use turno::time::{Duration, Instant, sleep};

/// Counts its wakes, and acts in the first.
struct Acts(AtomicUsize);

thread_local! {
    static ACT: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// What the next waker does that acts.
fn next_act(f: impl FnOnce() + 'static) {
    ACT.with(|act| *act.borrow_mut() = Some(Box::new(f)));
}

fn act() {
    if let Some(act) = ACT.with(|act| act.borrow_mut().take()) {
        act();
    }
}

impl Acts {
    fn new() -> (Arc<Self>, Waker) {
        let acts = Arc::new(Self(AtomicUsize::new(0)));
        (acts.clone(), acts.into())
    }

    fn wakes(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Acts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        act();
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// The result of a future that need not wait.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn messages_arrive_in_order_and_then_none() {
    guarded(|| {
        let all = virtual_rt().block_on(async {
            let (sender, mut receiver) = channel(3);
            let other = sender.clone();
            turno::spawn(async move {
                for n in 0..50 {
                    sender.send(n).await.unwrap();
                }
                other.send(50).await.unwrap();
            });
            let mut all = Vec::new();
            while let Some(n) = receiver.recv().await {
                all.push(n);
            }
            all
        });
        assert_eq!(all, (0..=50).collect::<Vec<_>>());
    });
}

#[test]
fn a_channel_without_room_is_refused() {
    has(panic_of(|| channel::<u32>(0)), "room for at least one message");
    has(panic_of(|| channel::<u32>(usize::MAX)), "room for so many");
}

#[test]
fn a_full_channel_holds_the_sender_back() {
    guarded(|| {
        let trace = Trace::new();
        let said = trace.clone();
        virtual_rt().block_on(async move {
            let (sender, mut receiver) = channel(2);
            let says = said.clone();
            let task = turno::spawn(async move {
                for n in 0..4 {
                    sender.send(n).await.unwrap();
                    says.say(format_args!("sent {n}"));
                }
            });
            sleep(Duration::from_secs(1)).await;
            said.check(&["sent 0", "sent 1"]);
            assert_eq!((receiver.len(), receiver.capacity(), receiver.max_capacity()), (2, 0, 2));
            assert_eq!(receiver.recv().await, Some(0));
            sleep(Duration::from_secs(1)).await;
            said.check(&["sent 2"]);
            while receiver.recv().await.is_some() {}
            task.await.unwrap();
        });
        trace.check(&["sent 3"]);
    });
}

#[test]
fn waiting_senders_are_served_in_the_order_of_coming() {
    guarded(|| {
        let trace = Trace::new();
        let said = trace.clone();
        virtual_rt().block_on(async move {
            let (sender, mut receiver) = channel(1);
            let tasks: Vec<_> = (0..4)
                .map(|n| {
                    let (sender, said) = (sender.clone(), said.clone());
                    turno::spawn(async move {
                        sender.send(n).await.unwrap();
                        said.say(n);
                    })
                })
                .collect();
            sleep(Duration::from_secs(1)).await;
            tasks[2].abort();
            sleep(Duration::from_secs(1)).await;
            for n in [0, 1, 3] {
                assert!(matches!(sender.try_send(9), Err(TrySendError::Full(9))));
                assert_eq!(receiver.recv().await, Some(n));
            }
            sleep(Duration::from_secs(1)).await;
            assert_eq!(sender.try_send(9), Ok(()));
        });
        trace.check(&["0", "1", "3"]);
    });
}

#[test]
fn try_send_never_overtakes_who_waits() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let mut waits = Box::pin(sender.send(1));
    assert!(poll(&mut waits, Waker::noop()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)), "the room is the waiter's");
    assert!(poll(&mut waits, Waker::noop()).is_ready());
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn a_send_that_is_dropped_passes_on_its_room() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let (woken, waker) = Acts::new();
    let mut first = Box::pin(sender.send(1));
    let mut second = Box::pin(sender.send(2));
    assert!(poll(&mut first, Waker::noop()).is_pending());
    assert!(poll(&mut second, &waker).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(woken.wakes(), 0);
    drop(first);
    assert_eq!(woken.wakes(), 1);
    assert!(poll(&mut second, &waker).is_ready());
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn closing_still_delivers_what_was_sent_and_what_permits_will_send() {
    let (sender, mut receiver) = channel(4);
    sender.try_send(0).unwrap();
    let permit = sender.try_reserve().unwrap();
    let owned = sender.clone().try_reserve_owned().unwrap();
    let unused = sender.try_reserve().unwrap();
    receiver.close();
    assert!(receiver.is_closed() && sender.is_closed());
    assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
    assert_eq!(now(sender.send(9)), Err(SendError(9)));
    assert!(matches!(now(sender.reserve()), Err(SendError(()))));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "permits are out");
    permit.send(1);
    assert!(owned.send(2).same_channel(&sender));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let (woken, waker) = Acts::new();
    let mut waits = Box::pin(receiver.recv());
    assert!(poll(&mut waits, &waker).is_pending());
    drop(unused);
    assert_eq!(woken.wakes(), 1, "the last permit tells the receiver");
    assert_eq!(poll(&mut waits, &waker), Poll::Ready(None));
}

#[test]
fn a_waiter_for_many_that_gives_up_on_a_closed_channel_tells_the_receiver() {
    for drops in [true, false] {
        let (sender, mut receiver) = channel::<u32>(2);
        let permit = sender.try_reserve().unwrap();
        let mut many = Box::pin(sender.reserve_many(2));
        assert!(poll(&mut many, Waker::noop()).is_pending());
        assert_eq!(sender.capacity(), 0, "what is free is put aside");
        receiver.close();
        drop(permit);
        let (woken, waker) = Acts::new();
        let mut waits = Box::pin(receiver.recv());
        assert!(poll(&mut waits, &waker).is_pending());
        if !drops {
            assert!(matches!(poll(&mut many, Waker::noop()), Poll::Ready(Err(SendError(())))));
        }
        drop(many);
        assert_eq!(woken.wakes(), 1);
        assert_eq!(poll(&mut waits, &waker), Poll::Ready(None));
    }
}

#[test]
fn a_receiver_that_is_gone_gives_messages_back() {
    let (sender, receiver) = channel(1);
    sender.try_send(0).unwrap();
    let mut waits = Box::pin(sender.send(1));
    let (woken, waker) = Acts::new();
    assert!(poll(&mut waits, &waker).is_pending());
    drop(receiver);
    assert_eq!(woken.wakes(), 1);
    assert_eq!(poll(&mut waits, &waker), Poll::Ready(Err(SendError(1))));
    assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));
    assert_eq!(now(sender.send(3)), Err(SendError(3)));
    assert_eq!(now(sender.send_timeout(4, Duration::ZERO)), Err(SendTimeoutError::Closed(4)));
    let (sender, receiver) = unbounded_channel();
    drop(receiver);
    assert_eq!(sender.send(5), Err(SendError(5)));
}

#[test]
fn errors_hold_the_message_and_show_none() {
    struct Opaque;
    let error = TrySendError::Full(Opaque);
    assert_eq!(format!("{error:?}: {error}"), "Full(..): the channel has no room");
    let error = SendTimeoutError::Timeout(7);
    assert_eq!(format!("{error:?}: {error}"), "Timeout(..): the channel had no room in time");
    assert_eq!(error.into_inner(), 7);
    assert_eq!(TrySendError::from(SendError(7)), TrySendError::Closed(7));
    assert_eq!(format!("{:?}", SendError(Opaque)), "SendError(..)");
    assert_eq!(TryRecvError::Disconnected.to_string(), "the channel is empty and closed");
}

#[test]
fn send_timeout_waits_so_long_and_no_longer() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = channel(1);
            sender.send_timeout(0, Duration::from_secs(1)).await.unwrap();
            let start = Instant::now();
            let error = sender.send_timeout(1, Duration::from_secs(1)).await.unwrap_err();
            assert_eq!(error, SendTimeoutError::Timeout(1));
            assert_eq!(start.elapsed(), Duration::from_secs(1));
            turno::spawn(async move {
                sleep(Duration::from_secs(1)).await;
                assert_eq!(receiver.recv().await, Some(0));
                assert_eq!(receiver.recv().await, Some(2));
            });
            sender.send_timeout(2, Duration::from_secs(2)).await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_secs(2));
        });
    });
}

#[test]
fn permits_keep_room_until_they_are_used_or_dropped() {
    let (sender, mut receiver) = channel(3);
    let mut permits = now(sender.reserve_many(3)).unwrap();
    assert_eq!((permits.len(), sender.capacity()), (3, 0));
    assert!(matches!(sender.try_reserve(), Err(TrySendError::Full(()))));
    permits.next().unwrap().send(1);
    drop(permits.next());
    assert_eq!((permits.len(), sender.capacity()), (1, 1));
    drop(permits);
    assert_eq!(sender.capacity(), 2);
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(sender.try_reserve_many(3).unwrap().count(), 3);
    assert_eq!(sender.capacity(), 3);
    assert!(matches!(sender.try_reserve_many(4), Err(TrySendError::Full(()))));
    assert!(matches!(now(sender.reserve_many(4)), Err(SendError(()))));
    assert!(matches!(now(sender.reserve_many(usize::MAX)), Err(SendError(()))));
}

#[test]
fn no_permits_are_had_at_once() {
    let (sender, _receiver) = channel::<u32>(1);
    sender.try_send(0).unwrap();
    let mut waits = Box::pin(sender.send(1));
    assert!(poll(&mut waits, Waker::noop()).is_pending());
    assert_eq!(now(sender.reserve_many(0)).unwrap().len(), 0);
    assert_eq!(sender.try_reserve_many(0).unwrap().len(), 0);
}

#[test]
fn an_owned_permit_keeps_the_sender() {
    let (sender, mut receiver) = channel(1);
    let permit = now(sender.reserve_owned()).unwrap();
    assert_eq!(receiver.sender_strong_count(), 1);
    let sender = permit.send(1);
    assert_eq!(receiver.try_recv(), Ok(1));
    let permit = sender.clone().try_reserve_owned().unwrap();
    assert!(permit.same_channel_as_sender(&sender) && permit.same_channel(&permit));
    let full = sender.clone().try_reserve_owned().unwrap_err();
    assert!(matches!(full, TrySendError::Full(_)));
    assert!(full.into_inner().same_channel(&sender));
    let other = permit.release();
    assert_eq!((sender.capacity(), other.strong_count()), (1, 2));
    let permit = other.try_reserve_owned().unwrap();
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    drop(permit);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn weak_senders_do_not_keep_a_channel_open() {
    let (sender, mut receiver) = channel::<u32>(1);
    let weak = sender.downgrade();
    assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
    let strong = weak.upgrade().unwrap();
    assert!(strong.same_channel(&sender));
    let again = weak.clone();
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (2, 2));
    drop((sender, strong));
    assert!(receiver.is_closed());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    drop(weak);
    assert!(again.upgrade().is_none());
    assert_eq!((again.strong_count(), again.weak_count()), (0, 1));
    let (sender, receiver) = unbounded_channel::<u32>();
    let weak = sender.downgrade();
    assert!(weak.upgrade().unwrap().same_channel(&sender));
    drop(sender);
    assert!(weak.upgrade().is_none() && receiver.is_closed());
}

#[test]
fn recv_many_takes_what_is_there_up_to_the_limit() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = channel(4);
            let mut all = vec![9];
            for n in 0..4 {
                sender.send(n).await.unwrap();
            }
            assert_eq!(receiver.recv_many(&mut all, 0).await, 0);
            assert_eq!(receiver.recv_many(&mut all, 3).await, 3);
            assert_eq!(sender.capacity(), 3);
            assert_eq!(receiver.recv_many(&mut all, 3).await, 1);
            assert_eq!(all, [9, 0, 1, 2, 3]);
            turno::spawn(async move {
                yield_now().await;
                sender.send(4).await.unwrap();
            });
            assert_eq!(receiver.recv_many(&mut all, 3).await, 1);
            assert_eq!(receiver.recv_many(&mut all, 3).await, 0, "all senders are gone");
            assert_eq!(all.len(), 6);
        });
    });
}

#[test]
fn recv_and_poll_recv_share_one_seat() {
    let (first, waker) = Acts::new();
    let (second, other) = Acts::new();
    let (sender, mut receiver) = unbounded_channel();
    assert!(receiver.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    drop(Box::pin(receiver.recv())); // Never polled: it changes nothing.
    sender.send(0).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert!(receiver.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    let mut waits = Box::pin(receiver.recv());
    assert!(poll(&mut waits, &other).is_pending());
    sender.send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert_eq!(poll(&mut waits, &other), Poll::Ready(Some(1)));
    drop(waits);
    let mut many = Vec::new();
    assert!(receiver.poll_recv_many(&mut Context::from_waker(&waker), &mut many, 2).is_pending());
    drop(receiver);
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 2), "none is kept");
}

#[test]
fn closed_waits_for_the_end_of_the_receiver() {
    guarded(|| {
        for closes in [false, true] {
            virtual_rt().block_on(async move {
                let (sender, mut receiver) = channel::<u32>(1);
                let (other, mut rest) = unbounded_channel::<u32>();
                let task = turno::spawn(async move {
                    sender.clone().closed().await;
                    sender.closed().await;
                    other.closed().await;
                });
                sleep(Duration::from_secs(1)).await;
                assert!(!task.is_finished());
                if closes {
                    (receiver.close(), rest.close());
                    task.await.unwrap();
                    drop((receiver, rest));
                } else {
                    drop((receiver, rest));
                    task.await.unwrap();
                }
            });
        }
    });
}

#[test]
fn what_is_left_is_dropped_with_the_receiver() {
    let trace = Trace::new();
    let (sender, receiver) = channel(3);
    sender.try_send(trace.on_drop("one")).ok().unwrap();
    sender.try_send(trace.on_drop("two")).ok().unwrap();
    let permit = sender.try_reserve().unwrap();
    drop(receiver);
    trace.check(&["one", "two"]);
    permit.send(trace.on_drop("late"));
    trace.check(&[]);
    drop(sender);
    trace.check(&["late"]);
}

#[test]
fn a_message_that_panics_as_it_is_dropped_leaves_no_other_behind() {
    let trace = Trace::new();
    let (sender, receiver) = unbounded_channel::<Box<dyn std::any::Any>>();
    sender.send(Box::new(OnDrop::new(|| panic!("on purpose")))).unwrap();
    sender.send(Box::new(trace.on_drop("two"))).unwrap();
    let dropped = catch_unwind(AssertUnwindSafe(move || drop(receiver)));
    assert_eq!(common::text(&*dropped.unwrap_err()), "on purpose");
    trace.check(&["two"]);
}

#[test]
fn a_message_may_send_into_its_own_channel_as_it_is_dropped() {
    type Any = Box<dyn std::any::Any>;
    let trace = Trace::new();
    let (sender, mut receiver) = channel::<Any>(3);
    let (said, again) = (trace.clone(), sender.clone());
    let message = OnDrop::new(move || {
        let sent = again.try_send(Box::new(0));
        said.say(format_args!("{sent:?}"));
    });
    sender.try_send(Box::new(message)).unwrap();
    drop(receiver.try_recv());
    trace.check(&["Ok(())"]);
    assert!(receiver.try_recv().is_ok());
    let (said, permit) = (trace.clone(), sender.clone().try_reserve_owned().unwrap());
    let last = trace.on_drop("last");
    let message = OnDrop::new(move || {
        let sender = permit.send(Box::new(last));
        said.say(format_args!("{:?}", sender.try_send(Box::new(0))));
    });
    sender.try_send(Box::new(message)).unwrap();
    drop(receiver);
    trace.check(&["Err(Closed(..))", "last"]);
    // And one in a send that is given up.
    let (sender, _receiver) = channel::<Any>(1);
    sender.try_send(Box::new(0)).unwrap();
    let (said, again) = (trace.clone(), sender.clone());
    let message = OnDrop::new(move || {
        said.say(format_args!("{:?}", again.try_send(Box::new(0))));
    });
    let mut waits = Box::pin(sender.send(Box::new(message)));
    assert!(poll(&mut waits, Waker::noop()).is_pending());
    drop(waits);
    trace.check(&["Err(Full(..))"]);
}

#[test]
fn a_waker_may_drop_the_receiver() {
    for bounded in [false, true] {
        let trace = Trace::new();
        let (_, waker) = Acts::new();
        if bounded {
            let (sender, receiver) = channel(1);
            let receiver: Rc<RefCell<Option<Receiver<_>>>> = Rc::new(RefCell::new(Some(receiver)));
            let mut cx = Context::from_waker(&waker);
            assert!(receiver.borrow_mut().as_mut().unwrap().poll_recv(&mut cx).is_pending());
            next_act(move || drop(receiver.take()));
            assert!(sender.try_send(trace.on_drop("message")).is_ok());
            assert!(sender.is_closed());
        } else {
            let (sender, receiver) = unbounded_channel();
            let receiver = Rc::new(RefCell::new(Some(receiver)));
            let mut cx = Context::from_waker(&waker);
            assert!(receiver.borrow_mut().as_mut().unwrap().poll_recv(&mut cx).is_pending());
            next_act(move || drop(receiver.take()));
            assert!(sender.send(trace.on_drop("message")).is_ok());
            assert!(sender.is_closed());
        }
        trace.check(&["message"]);
    }
}

#[test]
fn a_sender_that_is_woken_may_receive() {
    let (sender, receiver) = channel(1);
    let receiver = Rc::new(RefCell::new(receiver));
    sender.try_send(0).unwrap();
    let (woken, waker) = Acts::new();
    let mut first = Box::pin(sender.send(1));
    assert!(poll(&mut first, &waker).is_pending());
    let inner = sender.clone();
    next_act(move || assert_eq!(inner.try_send(7), Err(TrySendError::Full(7))));
    assert_eq!(receiver.borrow_mut().try_recv(), Ok(0));
    assert_eq!(woken.wakes(), 1);
    assert!(poll(&mut first, &waker).is_ready());
    assert_eq!(receiver.borrow_mut().try_recv(), Ok(1));
}

#[test]
fn a_waker_may_do_while_it_is_cloned_what_is_waited_for() {
    let (sender, mut receiver) = unbounded_channel();
    let inner = sender.clone();
    let waker = on_clone(move || inner.send(7).unwrap());
    assert_eq!(poll(&mut Box::pin(receiver.recv()), &waker), Poll::Ready(Some(7)));

    let waker = on_clone(move || drop(receiver));
    assert_eq!(poll(&mut Box::pin(sender.closed()), &waker), Poll::Ready(()));

    let (sender, receiver) = channel(1);
    let receiver = Rc::new(RefCell::new(receiver));
    sender.try_send(0).unwrap();
    let inner = receiver.clone();
    let waker = on_clone(move || assert_eq!(inner.borrow_mut().try_recv(), Ok(0)));
    let mut waits = Box::pin(sender.send(1));
    if poll(&mut waits, &waker).is_pending() {
        assert_eq!(wakes_of_clones(), 1, "it is told that there is room");
        assert!(poll(&mut waits, &waker).is_ready());
    }
}

#[test]
fn a_waker_may_receive_at_once_what_it_is_woken_for() {
    let (_, waker) = Acts::new();
    let (sender, receiver) = channel(1);
    let receiver = Rc::new(RefCell::new(receiver));
    let polled = receiver.borrow_mut().poll_recv(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    let inner = receiver.clone();
    next_act(move || assert_eq!(inner.borrow_mut().try_recv(), Ok(7)));
    sender.try_send(7).unwrap();
    assert_eq!(sender.try_send(8), Ok(()), "it has been received");
}

#[test]
fn a_stall_names_the_channels() {
    guarded(|| {
        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let (sender, receiver) = channel(1);
            let (_other, mut quiet) = unbounded_channel::<u32>();
            let gone = sender.clone();
            turno::spawn(async move { quiet.recv().await });
            turno::spawn(async move { gone.closed().await });
            sender.try_send(0).unwrap();
            sender.send(1).await.unwrap();
            drop((receiver, _other));
        });
        let text = stalled.unwrap_err().to_string();
        for wait in [
            "room in an mpsc channel (made at tests/mpsc.rs:",
            "a message of an mpsc channel (made at tests/mpsc.rs:",
            "the other side of a channel to go away (made at tests/mpsc.rs:",
        ] {
            has(&text, wait);
        }
        assert_eq!(text.matches(") at tests/mpsc.rs:").count(), 3, "places of waiting in {text}");
    });
}

#[test]
fn sending_and_receiving_spend_budget() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = channel(1000);
            let other = turno::spawn(async {});
            for n in 0..1000 {
                sender.send(n).await.unwrap();
            }
            assert!(other.is_finished(), "the sender gave way");
            let other = turno::spawn(async {});
            for _ in 0..1000 {
                receiver.recv().await.unwrap();
            }
            assert!(other.is_finished(), "the receiver gave way");
        });
    });
}

#[test]
fn a_task_that_has_spent_its_budget_loses_nothing() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = mpsc::channel(10);
            let task = turno::spawn(async move {
                let mut all = Vec::new();
                while receiver.recv_many(&mut all, 4).await > 0 {}
                all
            });
            for n in 0..1000 {
                sender.send(n).await.unwrap();
            }
            drop(sender);
            assert_eq!(task.await.unwrap(), (0..1000).collect::<Vec<_>>());
        });
    });
}
