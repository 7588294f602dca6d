//! Whatever senders and receiver do, a channel is a list with so much room and a queue before it; and
//! under any schedule nobody is left behind.

// Short forms that read well in a list of cases.
#![allow(clippy::unnecessary_operation, clippy::unit_arg, clippy::redundant_async_block)]

mod common;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::guarded;
use turno::sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use turno::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};

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

/// A message that is counted while it lives.
#[derive(Debug)]
struct Message(u32);

impl Message {
    fn new(n: u32) -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(n)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

/// What a waiting future will do.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Send(u32),
    /// Takes room for so many, sends so many, and gives the rest back.
    Many(usize, usize),
    Permit,
    Closed,
}

impl Want {
    fn room(self) -> usize {
        match self {
            Self::Send(_) | Self::Permit => 1,
            Self::Many(n, _) => n,
            Self::Closed => 0,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    /// In the queue, or told that it is closed; it still wants so much.
    Waits(usize),
    Handed,
}

/// Who receives, among those woken.
const RECEIVER: usize = usize::MAX;

/// The model: lists.
#[derive(Default)]
struct Model {
    max: usize,
    free: usize,
    closed: bool,
    senders: usize,
    messages: VecDeque<u32>,
    queue: VecDeque<usize>,
    closing: Vec<usize>,
    futures: BTreeMap<usize, (Want, State)>,
    receives: bool,
    woken: Vec<usize>,
}

impl Model {
    fn call(&mut self) {
        if std::mem::take(&mut self.receives) {
            self.woken.push(RECEIVER);
        }
    }

    fn push(&mut self, n: u32) {
        self.messages.push_back(n);
        self.call();
    }

    fn put(&mut self, n: usize) {
        self.free += n;
        while let Some(&first) = self.queue.front().filter(|_| self.free > 0) {
            let state = &mut self.futures.get_mut(&first).unwrap().1;
            let State::Waits(wants) = *state else { panic!("it is in the queue") };
            if wants > self.free {
                *state = State::Waits(wants - std::mem::take(&mut self.free));
            } else {
                self.free -= wants;
                *state = State::Handed;
                self.queue.pop_front();
                self.woken.push(first);
            }
        }
    }

    fn give_back(&mut self, n: usize) {
        self.put(n);
        if self.closed && self.free == self.max {
            self.call();
        }
    }

    fn drop_sender(&mut self) {
        self.senders -= 1;
        if self.senders == 0 {
            self.call();
        }
    }

    fn try_take(&mut self, n: usize) -> std::result::Result<(), TrySendError<()>> {
        match () {
            () if n > self.max => Err(TrySendError::Full(())),
            () if self.closed => Err(TrySendError::Closed(())),
            () if n > self.free || (n > 0 && !self.queue.is_empty()) => Err(TrySendError::Full(())),
            () => {
                self.free -= n;
                Ok(())
            }
        }
    }

    fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.woken.extend(self.queue.drain(..));
            self.woken.append(&mut self.closing);
        }
    }

    fn receive(&mut self) -> Option<Option<u32>> {
        if let Some(n) = self.messages.pop_front() {
            self.put(1);
            return Some(Some(n));
        }
        let over = self.senders == 0 || (self.closed && self.free == self.max);
        over.then_some(None)
    }

    /// The future leaves, with what it has got.
    fn leave(&mut self, id: usize) {
        let (want, state) = self.futures.remove(&id).unwrap();
        self.queue.retain(|&queued| queued != id);
        self.closing.retain(|&waits| waits != id);
        match state {
            _ if want.room() > self.max || want == Want::Closed => {}
            State::New => self.give_back(0),
            State::Waits(wants) => self.give_back(want.room() - wants),
            State::Handed => self.give_back(want.room()),
        }
    }

    /// Whether it has what it wants; `None` if it waits.
    fn poll(&mut self, id: usize) -> Option<bool> {
        let (want, state) = self.futures[&id];
        if want == Want::Closed {
            if !self.closed && !self.closing.contains(&id) {
                self.closing.push(id);
            }
            return self.closed.then_some(true);
        }
        let done = match state {
            _ if want.room() > self.max || self.closed => false,
            State::Handed => true,
            State::Waits(_) => return None,
            State::New if self.try_take(want.room()).is_ok() => true,
            State::New => {
                let part = if self.queue.is_empty() { std::mem::take(&mut self.free) } else { 0 };
                self.queue.push_back(id);
                self.futures.get_mut(&id).unwrap().1 = State::Waits(want.room() - part);
                return None;
            }
        };
        Some(done)
    }

    /// What a future does that was polled to its end.
    fn finish(&mut self, id: usize, done: bool) {
        if !done || self.futures[&id].0 == Want::Closed {
            self.leave(id);
            return self.drop_sender();
        }
        match self.futures.remove(&id).unwrap().0 {
            Want::Send(n) => self.push(n),
            Want::Many(room, sends) => {
                (0..sends).for_each(|n| self.push(n as u32));
                if room > sends {
                    self.give_back(room - sends);
                }
            }
            // The sender lives on in the permit.
            Want::Permit | Want::Closed => return,
        }
        self.drop_sender();
    }
}

type Outcome = std::result::Result<Option<OwnedPermit<Message>>, ()>;
type Future1 = Pin<Box<dyn Future<Output = Outcome>>>;

fn start(sender: Sender<Message>, want: Want) -> Future1 {
    match want {
        Want::Send(n) => {
            let message = Message::new(n);
            Box::pin(async move {
                let sent = sender.send(message).await;
                sent.map(|()| None).map_err(|SendError(back)| assert_eq!(back.0, n))
            })
        }
        Want::Many(room, sends) => Box::pin(async move {
            let mut permits = sender.reserve_many(room).await.map_err(|_| ())?;
            assert_eq!(permits.len(), room);
            (0..sends).for_each(|n| permits.next().unwrap().send(Message::new(n as u32)));
            drop(permits);
            Ok(None)
        }),
        Want::Permit => {
            Box::pin(async move { sender.reserve_owned().await.map(Some).map_err(|_| ()) })
        }
        Want::Closed => Box::pin(async move {
            sender.closed().await;
            Ok(None)
        }),
    }
}

#[derive(Default)]
struct World {
    senders: Vec<Sender<Message>>,
    futures: BTreeMap<usize, Future1>,
    permits: Vec<OwnedPermit<Message>>,
    receiver: Option<Receiver<Message>>,
    model: Model,
    /// The number of the act, which names what it makes.
    act: usize,
}

impl World {
    fn poll(&mut self, id: usize) {
        let Some(future) = self.futures.get_mut(&id) else { return };
        let waker = Waker::from(Arc::new(Note(id)));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let expected = self.model.poll(id);
        match (polled, expected) {
            (Poll::Pending, None) => {}
            (Poll::Ready(outcome), Some(done)) => {
                assert_eq!(outcome.is_ok(), done);
                self.permits.extend(outcome.unwrap_or(None));
                self.model.finish(id, done);
                self.futures.remove(&id);
            }
            (polled, expected) => panic!("{:?}, expected {expected:?}", polled.is_ready()),
        }
    }

    fn start(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(sender) = self.senders.last() else { return Ok(()) };
        let room = u.int_in_range(0..=self.model.max + 1)?;
        let want = match u.int_in_range(0..=7)? {
            0..=2 => Want::Send(self.act as u32),
            3..=4 => Want::Many(room, u.int_in_range(0..=room)?),
            5..=6 => Want::Permit,
            _ => Want::Closed,
        };
        self.futures.insert(self.act, start(sender.clone(), want));
        self.model.senders += 1;
        self.model.futures.insert(self.act, (want, State::New));
        self.poll(self.act);
        Ok(())
    }

    fn send_at_once(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(sender) = self.senders.last() else { return Ok(()) };
        let n = self.act as u32;
        match u.int_in_range(0..=2)? {
            0 => {
                let sent = sender.try_send(Message::new(n));
                let sent = sent.map_err(|error| error.to_string());
                assert_eq!(sent, self.model.try_take(1).map_err(|error| error.to_string()));
                if sent.is_ok() {
                    self.model.push(n);
                }
            }
            1 => match sender.clone().try_reserve_owned() {
                Ok(permit) => {
                    assert_eq!(self.model.try_take(1), Ok(()));
                    self.permits.push(permit);
                    self.model.senders += 1;
                }
                Err(_) => assert!(self.model.try_take(1).is_err()),
            },
            _ => {
                let room = u.int_in_range(0..=self.model.max + 1)?;
                let expected = self.model.try_take(room);
                match sender.try_reserve_many(room) {
                    Ok(permits) => assert_eq!((permits.len(), expected), (room, Ok(()))),
                    Err(error) => assert_eq!(Err(error), expected),
                }
                // Given back; by nobody if there were none.
                if expected.is_ok() && room > 0 {
                    self.model.give_back(room);
                }
            }
        }
        Ok(())
    }

    fn use_permit(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(permit) = self.permits.pop() else { return Ok(()) };
        let n = self.act as u32;
        match u.int_in_range(0..=2)? {
            0 => {
                drop(permit.send(Message::new(n)));
                self.model.push(n);
            }
            1 => {
                self.senders.push(permit.release());
                return Ok(self.model.give_back(1));
            }
            _ => {
                drop(permit);
                self.model.give_back(1);
            }
        }
        self.model.drop_sender();
        Ok(())
    }

    fn receive(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(receiver) = &mut self.receiver else { return Ok(()) };
        let waker = Waker::from(Arc::new(Note(RECEIVER)));
        let cx = &mut Context::from_waker(&waker);
        match u.int_in_range(0..=4)? {
            0 => {
                let got = receiver.try_recv().map(|message| message.0);
                let expected = self.model.receive().ok_or(TryRecvError::Empty);
                assert_eq!(got, expected.and_then(|n| n.ok_or(TryRecvError::Disconnected)));
                return Ok(());
            }
            1 => {
                let (mut got, limit) = (Vec::new(), u.int_in_range(0..=3)?);
                let polled = receiver.poll_recv_many(cx, &mut got, limit);
                let n = limit.min(self.model.messages.len());
                let expected: Vec<_> = self.model.messages.drain(..n).collect();
                self.model.put(n);
                assert_eq!(got.iter().map(|message| message.0).collect::<Vec<_>>(), expected);
                let over = n > 0 || limit == 0 || self.model.receive() == Some(None);
                assert_eq!(polled, if over { Poll::Ready(n) } else { Poll::Pending });
                self.model.receives = !over;
            }
            2 => {
                // A future that is dropped waits no more, in whatever way it was waited for before.
                let got = std::pin::pin!(receiver.recv()).poll(cx);
                let expected = self.model.receive();
                assert_eq!(got.is_ready(), expected.is_some());
                self.model.receives = false;
            }
            _ => {
                let got = receiver.poll_recv(cx).map(|message| message.map(|message| message.0));
                let expected = self.model.receive();
                assert_eq!(got, expected.map_or(Poll::Pending, Poll::Ready));
                self.model.receives = expected.is_none();
            }
        }
        Ok(())
    }

    fn act(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let pick = u.int_in_range(0..=usize::from(u8::MAX))?;
        let future = self.futures.keys().copied().nth(pick % self.futures.len().max(1));
        match u.int_in_range(0..=19)? {
            0..=5 => self.start(u)?,
            6..=8 => self.send_at_once(u)?,
            9..=10 => future.into_iter().for_each(|id| self.poll(id)),
            11 => {
                if let Some(id) = future {
                    self.futures.remove(&id);
                    self.model.leave(id);
                    self.model.drop_sender();
                }
            }
            12..=13 => self.use_permit(u)?,
            14..=16 => self.receive(u)?,
            17 if pick % 4 == 0 => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.close();
                    self.model.close();
                }
            }
            18 if pick % 8 == 0 && self.receiver.take().is_some() => {
                self.model.receives = false;
                self.model.close();
                self.model.free += std::mem::take(&mut self.model.messages).len();
            }
            19 if pick % 2 == 0 => {
                if self.senders.pop().is_some() {
                    self.model.drop_sender();
                }
            }
            _ => {
                if let Some(sender) = self.senders.last().map(Sender::downgrade) {
                    self.senders.extend(sender.upgrade());
                    self.model.senders += 1;
                }
            }
        }
        Ok(())
    }

    /// The real thing is as the model says.
    fn check(&mut self) {
        let model = &mut self.model;
        if model.senders == 0 && self.receiver.is_none() {
            model.messages.clear(); // What permits sent after the receiver was gone.
        }
        assert_eq!(WOKEN.take(), std::mem::take(&mut model.woken), "woken by act {}", self.act);
        let waiting = model.futures.values().filter(|(want, _)| matches!(want, Want::Send(_)));
        assert_eq!(LIVE.get(), model.messages.len() + waiting.count(), "messages that live");
        if let Some(receiver) = &self.receiver {
            assert_eq!(receiver.len(), model.messages.len());
            assert_eq!(receiver.capacity(), model.free);
            assert_eq!(receiver.sender_strong_count(), model.senders);
            assert_eq!(receiver.is_closed(), model.closed || model.senders == 0);
        }
        if let Some(sender) = self.senders.last() {
            assert_eq!((sender.capacity(), sender.is_closed()), (model.free, model.closed));
        }
    }
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    (WOKEN.take(), LIVE.take());
    let max = u.int_in_range(1..=3)?;
    let (sender, receiver) = channel(max);
    let model = Model { max, free: max, senders: 1, ..Model::default() };
    let mut world =
        World { senders: vec![sender], receiver: Some(receiver), model, ..World::default() };
    for act in 0..u.int_in_range(1..=60)? {
        world.act = act;
        world.act(u)?;
        world.check();
    }
    drop(world);
    assert_eq!(LIVE.get(), 0);
    Ok(())
}

#[test]
fn a_bounded_channel_is_a_list_with_so_much_room_and_a_queue_before_it() {
    guarded(|| {
        arbtest(follow).size_min(64).size_max(1_000).budget_ms(3_000);
    });
}
