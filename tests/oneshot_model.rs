//! Whatever both sides of a oneshot channel do, it is a place for one value, and wakes whom it must
//! and nobody else.

// Short forms that read well in a list of cases.
#![allow(clippy::unnecessary_operation, clippy::unit_arg, clippy::redundant_async_block)]

mod common;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::guarded;
use turno::sync::oneshot::error::{RecvError, TryRecvError};
use turno::sync::oneshot::{Receiver, Sender, channel};

thread_local! {
    static WOKEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// Notes whom it wakes.
struct Note(usize);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        WOKEN.with(|woken| woken.borrow_mut().push(self.0));
    }
}

/// A value that is counted while it lives.
#[derive(Debug)]
struct Value(u32);

impl Value {
    fn new(n: u32) -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(n)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

/// The model: a place for one value, and who waits on either side.
#[derive(Default)]
struct Model {
    value: Option<u32>,
    /// The sender has sent, or is gone.
    complete: bool,
    closed: bool,
    receives: Option<usize>,
    waits_for_end: Option<usize>,
    woken: Vec<usize>,
}

impl Model {
    fn complete(&mut self) {
        self.complete = true;
        self.waits_for_end = None;
        self.woken.extend(self.receives.take());
    }

    fn close(&mut self) {
        self.closed = true;
        self.woken.extend(self.waits_for_end.take());
    }

    /// What is received, if that is settled.
    fn settled(&mut self) -> Option<Option<u32>> {
        (self.complete || self.closed).then(|| self.value.take())
    }
}

struct World {
    sender: Option<Sender<Value>>,
    receiver: Option<Receiver<Value>>,
    model: Model,
}

fn act_sender(u: &mut Unstructured<'_>, world: &mut World, waker: usize) -> Result<()> {
    let (model, n) = (&mut world.model, waker as u32);
    let Some(mut sender) = world.sender.take() else { return Ok(()) };
    assert_eq!(sender.is_closed(), model.closed);
    match u.int_in_range(0..=5)? {
        0 if model.closed => assert_eq!(sender.send(Value::new(n)).unwrap_err().0, n),
        0 => {
            model.value = Some(n);
            assert!(sender.send(Value::new(n)).is_ok());
        }
        1 => drop(sender),
        _ => {
            let note = Waker::from(Arc::new(Note(waker)));
            let cx = &mut Context::from_waker(&note);
            // A future that is dropped waits no more; a poll does.
            let kept = u.arbitrary()?;
            let polled = match kept {
                true => sender.poll_closed(cx),
                false => std::pin::pin!(sender.closed()).poll(cx),
            };
            assert_eq!(polled.is_ready(), model.closed);
            model.waits_for_end = (kept && !model.closed).then_some(waker);
            world.sender = Some(sender);
            return Ok(());
        }
    }
    model.complete();
    Ok(())
}

fn act_receiver(u: &mut Unstructured<'_>, world: &mut World, waker: usize) -> Result<()> {
    let model = &mut world.model;
    let Some(mut receiver) = world.receiver.take() else { return Ok(()) };
    assert_eq!(receiver.is_empty(), model.value.is_none());
    assert!(!receiver.is_terminated());
    match u.int_in_range(0..=7)? {
        0 => {
            drop(receiver);
            (model.receives, model.value) = (None, None);
            model.close();
            return Ok(());
        }
        1 => {
            receiver.close();
            model.close();
        }
        2..=3 => {
            let expected = model.settled();
            let got = receiver.try_recv().map(|value| value.0);
            let closed = TryRecvError::Closed;
            assert_eq!(
                got,
                expected.unwrap_or(None).ok_or(match expected {
                    Some(_) => closed,
                    None => TryRecvError::Empty,
                })
            );
            assert_eq!(receiver.is_terminated(), expected.is_some());
        }
        _ => {
            let note = Waker::from(Arc::new(Note(waker)));
            let polled = Pin::new(&mut receiver).poll(&mut Context::from_waker(&note));
            let got = polled.map(|result| result.map_err(|_: RecvError| ()).map(|value| value.0));
            match model.settled() {
                Some(value) => assert_eq!(got, Poll::Ready(value.ok_or(()))),
                None => {
                    assert_eq!(got, Poll::Pending);
                    model.receives = Some(waker);
                }
            }
        }
    }
    match receiver.is_terminated() {
        // It is done: what is left of it must not be noticed any more.
        true => {
            model.receives = None;
            receiver.close();
            let was_closed = model.closed;
            assert!(receiver.is_empty() && receiver.try_recv().is_err());
            assert_eq!(
                world.sender.as_ref().map(Sender::is_closed).unwrap_or(was_closed),
                was_closed
            );
        }
        false => world.receiver = Some(receiver),
    }
    Ok(())
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    (WOKEN.take(), LIVE.take());
    let (sender, receiver) = channel();
    let mut world =
        World { sender: Some(sender), receiver: Some(receiver), model: Model::default() };
    for waker in 0..u.int_in_range(1..=12)? {
        match u.arbitrary()? {
            true => act_sender(u, &mut world, waker)?,
            false => act_receiver(u, &mut world, waker)?,
        }
        assert_eq!(WOKEN.take(), std::mem::take(&mut world.model.woken), "woken by act {waker}");
        assert_eq!(LIVE.get(), usize::from(world.model.value.is_some()), "values that live");
    }
    drop(world);
    assert_eq!(LIVE.get(), 0);
    Ok(())
}

#[test]
fn a_oneshot_channel_is_a_place_for_one_value() {
    guarded(|| {
        arbtest(follow).size_min(32).size_max(300).budget_ms(1_500);
    });
}
