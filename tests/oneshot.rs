//! The promises of `turno::sync::oneshot`, one by one.

// Short forms that read well in a list of cases.
#![allow(clippy::unnecessary_operation, clippy::unit_arg, clippy::redundant_async_block)]

mod common;

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use common::on_clone::on_clone;
use common::{OnDrop, Trace, guarded, has, panic_of, virtual_rt};
use turno::sync::oneshot::error::{RecvError, TryRecvError};
use turno::sync::oneshot::{self, Receiver, channel};
use turno::task::yield_now;

fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn closed() -> TryRecvError {
    TryRecvError::Closed
}

#[test]
fn what_is_sent_is_received_once() {
    guarded(|| {
        let (sender, mut receiver) = channel();
        assert!(receiver.is_empty() && !receiver.is_terminated());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.send(7).unwrap();
        assert!(!receiver.is_empty() && !receiver.is_terminated());
        assert_eq!(receiver.try_recv(), Ok(7));
        assert!(receiver.is_empty() && receiver.is_terminated());
        assert_eq!(receiver.try_recv(), Err(closed()));
    });
}

#[test]
fn a_receiver_wakes_when_the_value_comes() {
    guarded(|| {
        let (sender, receiver) = channel();
        let trace = Trace::new();
        let said = trace.clone();
        virtual_rt().block_on(async move {
            let task = turno::spawn(async move { receiver.await });
            yield_now().await;
            said.say("sends");
            sender.send(7).unwrap();
            assert_eq!(task.await.unwrap(), Ok(7));
        });
        trace.check(&["sends"]);
    });
}

#[test]
fn a_sender_that_is_dropped_leaves_an_error() {
    guarded(|| {
        let (sender, receiver) = channel::<u32>();
        virtual_rt().block_on(async move {
            let task = turno::spawn(receiver);
            yield_now().await;
            drop(sender);
            let error: RecvError = task.await.unwrap().unwrap_err();
            assert_eq!(error.to_string(), "the channel is closed");
        });
        let (sender, mut receiver) = channel::<u32>();
        drop(sender);
        assert_eq!(receiver.try_recv(), Err(closed()));
        assert!(receiver.is_terminated());
    });
}

#[test]
fn a_closed_channel_gives_the_value_back_to_the_sender() {
    let (sender, mut receiver) = channel();
    assert!(!sender.is_closed());
    receiver.close();
    receiver.close();
    assert!(sender.is_closed());
    assert_eq!(sender.send(7), Err(7));
    assert_eq!(receiver.try_recv(), Err(closed()));
    let (sender, receiver) = channel();
    drop(receiver);
    assert_eq!(sender.send(7), Err(7));
}

#[test]
fn a_value_sent_before_the_channel_was_closed_is_received() {
    guarded(|| {
        let (sender, mut receiver) = channel();
        sender.send(7).unwrap();
        receiver.close();
        assert!(!receiver.is_empty());
        assert_eq!(receiver.try_recv(), Ok(7));
        let (sender, mut receiver) = channel();
        sender.send(8).unwrap();
        receiver.close();
        assert_eq!(virtual_rt().block_on(receiver), Ok(8));
    });
}

#[test]
fn awaiting_a_channel_that_was_closed_is_an_error() {
    guarded(|| {
        let (_sender, mut receiver) = channel::<u32>();
        receiver.close();
        assert!(virtual_rt().block_on(receiver).is_err());
    });
}

#[test]
fn closed_waits_for_the_end_of_the_receiver() {
    guarded(|| {
        for closes in [false, true] {
            let (mut sender, mut receiver) = channel::<u32>();
            virtual_rt().block_on(async move {
                let task = turno::spawn(async move {
                    sender.closed().await;
                    sender.send(7)
                });
                yield_now().await;
                assert!(!task.is_finished());
                let kept = if closes {
                    receiver.close();
                    Some(receiver)
                } else {
                    drop(receiver);
                    None
                };
                assert_eq!(task.await.unwrap(), Err(7));
                drop(kept);
            });
        }
    });
}

#[test]
fn a_receiver_is_not_polled_after_its_result() {
    let (sender, mut receiver) = channel();
    sender.send(7).unwrap();
    assert_eq!(Pin::new(&mut receiver).poll(&mut nobody()), Poll::Ready(Ok(7)));
    let text = panic_of(move || Pin::new(&mut receiver).poll(&mut nobody()));
    has(text, "polled after its result");
}

#[test]
fn a_value_that_nobody_receives_is_dropped_with_the_receiver() {
    let trace = Trace::new();
    let (sender, receiver) = channel();
    assert!(sender.send(trace.on_drop("value")).is_ok());
    trace.check(&[]);
    drop(receiver);
    trace.check(&["value"]);
}

#[test]
fn a_receiver_remembers_who_polled_it_last() {
    struct Note(Arc<std::sync::Mutex<Vec<u32>>>, u32);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().push(self.1);
        }
    }
    let woken = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (sender, mut receiver) = channel();
    for n in 0..3 {
        let waker = Waker::from(Arc::new(Note(woken.clone(), n)));
        assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&woken), 2, "only the last waker is kept");
    sender.send(7).unwrap();
    assert_eq!(*woken.lock().unwrap(), [2]);
    assert_eq!(receiver.try_recv(), Ok(7));
}

#[test]
fn no_waker_is_kept_by_who_is_gone() {
    struct Quiet;
    impl Wake for Quiet {
        fn wake(self: Arc<Self>) {}
    }
    let quiet = Arc::new(Quiet);
    let waker = Waker::from(quiet.clone());
    let mut cx = Context::from_waker(&waker);
    let (mut sender, mut receiver) = channel::<u32>();
    assert!(Pin::new(&mut receiver).poll(&mut cx).is_pending());
    assert!(sender.poll_closed(&mut cx).is_pending());
    assert_eq!(Arc::strong_count(&quiet), 4);
    drop(receiver);
    drop(sender);
    assert_eq!(Arc::strong_count(&quiet), 2);
    let (mut sender, _receiver) = channel::<u32>();
    assert!(pin!(sender.closed()).poll(&mut cx).is_pending());
    assert_eq!(Arc::strong_count(&quiet), 2);
}

thread_local! {
    static ACT: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// What the next waker of [`Acts`] does that is woken.
fn next_wake(f: impl FnOnce() + 'static) {
    ACT.with(|act| *act.borrow_mut() = Some(Box::new(f)));
}

struct Acts;

impl Wake for Acts {
    fn wake(self: Arc<Self>) {
        if let Some(act) = ACT.with(|act| act.borrow_mut().take()) {
            act();
        }
    }
}

#[test]
fn a_waker_may_drop_the_receiver() {
    let trace = Trace::new();
    let waker = Waker::from(Arc::new(Acts));
    let (sender, receiver) = channel();
    let receiver: Rc<RefCell<Option<Receiver<_>>>> = Rc::new(RefCell::new(Some(receiver)));
    let polled = Pin::new(receiver.borrow_mut().as_mut().unwrap())
        .poll(&mut Context::from_waker(&waker))
        .is_pending();
    assert!(polled);
    next_wake(move || drop(receiver.take()));
    assert!(sender.send(trace.on_drop("value")).is_ok());
    trace.check(&["value"]);
}

#[test]
fn a_value_may_use_other_channels_when_it_is_dropped() {
    let (tell, mut told) = channel();
    let (sender, receiver) = channel();
    let value = OnDrop::new(move || tell.send(7).unwrap());
    assert!(sender.send(value).is_ok());
    drop(receiver);
    assert_eq!(told.try_recv(), Ok(7));
}

#[test]
fn a_waker_may_do_while_it_is_cloned_what_is_waited_for() {
    let (sender, mut receiver) = channel();
    let waker = on_clone(move || sender.send(7).unwrap());
    let polled = Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Ready(Ok(7)));
    let (mut sender, receiver) = channel::<u32>();
    let waker = on_clone(move || drop(receiver));
    assert!(sender.poll_closed(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_stall_names_the_channel() {
    guarded(|| {
        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let (_sender, receiver) = channel::<u32>();
            let (mut other, _receiver) = channel::<u32>();
            turno::spawn(async move { other.closed().await });
            receiver.await
        });
        let text = stalled.unwrap_err().to_string();
        has(&text, "the value of a oneshot channel (made at tests/oneshot.rs:");
        has(&text, "the other side of a channel to go away (made at tests/oneshot.rs:");
        let waits = text.matches(") at tests/oneshot.rs:").count();
        assert_eq!(waits, 2, "places of waiting in {text}");
    });
}

#[test]
fn receiving_spends_budget() {
    guarded(|| {
        let rt = virtual_rt();
        let trace = Trace::new();
        let told = trace.clone();
        rt.block_on(async move {
            let other = turno::spawn(async move { told.say("other") });
            for _ in 0..1000 {
                let (sender, receiver) = oneshot::channel();
                sender.send(7).unwrap();
                receiver.await.unwrap();
            }
            assert!(other.is_finished(), "it gave way");
        });
        trace.check(&["other"]);
    });
}
