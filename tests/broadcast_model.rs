//! Whatever senders and receivers of a broadcast channel do, and their messages when they are cloned
//! and dropped, it follows a simple model.

// A receiver is lent for one wait, and nobody else asks for it meanwhile; the types are those of a
// model.
#![allow(clippy::await_holding_refcell_ref, clippy::type_complexity, clippy::collapsible_match)]
#![allow(clippy::collapsible_if)]

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::by_hand::{Any, noted, notes};
use common::guarded;
use turno::runtime::Builder;
use turno::sync::broadcast::error::{RecvError, TryRecvError};
use turno::sync::broadcast::{self, Receiver, Sender, WeakSender};
use turno::task::yield_now;

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    PanicsWhenCloned,
    /// Sends a plain one.
    SendsWhenCloned,
    SendsWhenDropped,
}

use Kind::{PanicsWhenCloned, Plain, SendsWhenCloned, SendsWhenDropped};

thread_local! {
    static CHANNEL: RefCell<Option<WeakSender<Message>>> = const { RefCell::new(None) };
    static ALIVE: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
    static SENT: RefCell<u64> = const { RefCell::new(0) };
}

#[derive(Debug)]
struct Message {
    number: u64,
    kind: Kind,
    original: bool,
}

/// Sends the next message, if there is anybody to do it and anybody to get it.
fn send(kind: Kind) -> Option<usize> {
    let sender = CHANNEL.with(|channel| channel.borrow().as_ref().and_then(WeakSender::upgrade))?;
    if sender.receiver_count() == 0 {
        let refused = sender.send(Message { number: 0, kind: Plain, original: false });
        assert!(refused.is_err());
        return None;
    }
    let number = SENT.with(|sent| sent.replace_with(|sent| *sent + 1));
    ALIVE.with(|alive| alive.borrow_mut().insert(number));
    Some(sender.send(Message { number, kind, original: true }).unwrap())
}

impl Clone for Message {
    fn clone(&self) -> Self {
        match self.kind {
            PanicsWhenCloned => resume_unwind(Box::new("on purpose")),
            SendsWhenCloned => drop(send(Plain)),
            Plain | SendsWhenDropped => {}
        }
        Self { original: false, ..*self }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        if self.original {
            ALIVE.with(|alive| alive.borrow_mut().remove(&self.number));
            if self.kind == SendsWhenDropped {
                send(Plain);
            }
        }
    }
}

/// What a receive ends with: the number of a message, or none if its clone panicked.
type Got = std::result::Result<Option<u64>, TryRecvError>;

/// The model: all that was ever sent, where each receiver is in it, and two queues of names.
#[derive(Default)]
struct Model {
    most: usize,
    senders: usize,
    sent: Vec<Kind>,
    /// Which of them are kept.
    kept: BTreeSet<usize>,
    next: BTreeMap<usize, usize>,
    messages: Vec<usize>,
    ends: Vec<usize>,
    woken: Vec<usize>,
}

impl Model {
    fn send(&mut self, kind: Kind) -> Option<usize> {
        if self.senders == 0 || self.next.is_empty() {
            return None;
        }
        self.kept.insert(self.sent.len());
        self.sent.push(kind);
        self.woken.append(&mut self.messages);
        let receivers = self.next.len();
        let oldest = self.sent.len().saturating_sub(self.most);
        self.keep_from(oldest);
        Some(receivers)
    }

    /// Drops all that are older, in order.
    fn keep_from(&mut self, oldest: usize) {
        let kept = self.kept.split_off(&oldest);
        let dropped = std::mem::replace(&mut self.kept, kept);
        for message in dropped {
            if self.sent[message] == SendsWhenDropped {
                self.send(Plain);
            }
        }
    }

    /// Drops what nobody is to get.
    fn sweep(&mut self) {
        let oldest = self.next.values().min().copied().unwrap_or(self.sent.len());
        self.keep_from(oldest);
    }

    fn receive(&mut self, name: usize) -> Got {
        let next = self.next[&name];
        if next == self.sent.len() {
            return Err(if self.senders == 0 { TryRecvError::Closed } else { TryRecvError::Empty });
        }
        let oldest = self.sent.len().saturating_sub(self.most);
        if next < oldest {
            self.next.insert(name, oldest);
            return Err(TryRecvError::Lagged((oldest - next) as u64));
        }
        self.next.insert(name, next + 1);
        // It is taken out of the channel before it is cloned, and dropped when it was.
        let last = self.next.values().all(|&others| others > next);
        if last {
            self.kept.remove(&next);
        }
        let kind = self.sent[next];
        if kind == SendsWhenCloned {
            self.send(Plain);
        }
        if last && kind == SendsWhenDropped {
            self.send(Plain);
        }
        Ok((kind != PanicsWhenCloned).then_some(next as u64))
    }

    fn poll(&mut self, name: usize) -> Poll<Got> {
        match self.receive(name) {
            Err(TryRecvError::Empty) => {
                Self::wait(&mut self.messages, name);
                Poll::Pending
            }
            got => Poll::Ready(got),
        }
    }

    fn wait(queue: &mut Vec<usize>, name: usize) {
        if !queue.contains(&name) {
            queue.push(name);
        }
    }

    fn drop_sender(&mut self) {
        self.senders -= 1;
        if self.senders == 0 {
            self.woken.append(&mut self.messages);
        }
    }
}

type Recv = Pin<Box<dyn Future<Output = Got>>>;

struct Listener {
    real: Rc<RefCell<Receiver<Message>>>,
    recv: Option<Recv>,
    waker: Waker,
}

fn recv(real: &Rc<RefCell<Receiver<Message>>>) -> Recv {
    let real = real.clone();
    Box::pin(async move {
        let mut receiver = real.borrow_mut();
        receiver.recv().await.map(|message| Some(message.number)).map_err(TryRecvError::from)
    })
}

/// The result of `f`, or a lost message if its clone panicked.
fn caught<P>(lost: P, f: impl FnOnce() -> P) -> P {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(got) => got,
        Err(panic) => {
            assert_eq!(common::text(&*panic), "on purpose");
            lost
        }
    }
}

#[derive(Default)]
struct World {
    model: Model,
    senders: Vec<Sender<Message>>,
    listeners: BTreeMap<usize, Listener>,
    closings: BTreeMap<usize, (Pin<Box<dyn Future<Output = ()>>>, Waker)>,
    names: usize,
}

impl World {
    fn new(capacity: usize) -> Self {
        let sender = Sender::new(capacity);
        let old = CHANNEL.with(|channel| channel.replace(Some(sender.downgrade())));
        drop(old);
        ALIVE.with(|alive| alive.take());
        SENT.with(|sent| sent.replace(0));
        let most = capacity.next_power_of_two();
        let model = Model { most, senders: 1, ..Model::default() };
        let mut world = Self { model, senders: vec![sender], ..Self::default() };
        let first = world.senders[0].subscribe();
        world.add(first);
        world
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    fn add(&mut self, real: Receiver<Message>) {
        let name = self.name();
        let real = Rc::new(RefCell::new(real));
        self.listeners.insert(name, Listener { real, recv: None, waker: notes(name) });
        self.model.next.insert(name, self.model.sent.len());
    }

    fn receive(&mut self, u: &mut Unstructured<'_>, name: usize) -> Result<()> {
        let Some(listener) = self.listeners.get_mut(&name) else { return Ok(()) };
        if listener.recv.is_none() && u.ratio(1, 2)? {
            let mut real = listener.real.borrow_mut();
            let got = || real.try_recv().map(|message| Some(message.number));
            assert_eq!(caught(Ok(None), got), self.model.receive(name));
            return Ok(());
        }
        if u.ratio(1, 4)? {
            listener.waker = notes(name);
        }
        let future = listener.recv.get_or_insert_with(|| recv(&listener.real));
        let mut cx = Context::from_waker(&listener.waker);
        let polled = caught(Poll::Ready(Ok(None)), || future.as_mut().poll(&mut cx));
        assert_eq!(polled, self.model.poll(name));
        if polled.is_ready() {
            listener.recv = None;
        }
        Ok(())
    }

    fn close(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let names: Vec<_> = self.closings.keys().copied().collect();
        let name = if names.is_empty() || u.ratio(1, 3)? {
            let Some(sender) = self.senders.last().cloned() else { return Ok(()) };
            self.model.senders += 1;
            let name = self.name();
            let closed = Box::pin(async move { sender.closed().await });
            self.closings.insert(name, (closed, notes(name)));
            name
        } else {
            *u.choose(&names)?
        };
        let Some((future, waker)) = self.closings.get_mut(&name) else { return Ok(()) };
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        assert_eq!(polled.is_ready(), self.listeners.is_empty());
        if polled.is_ready() || u.ratio(1, 4)? {
            self.closings.remove(&name);
            self.model.ends.retain(|&waits| waits != name);
            self.model.drop_sender();
        } else {
            Model::wait(&mut self.model.ends, name);
        }
        Ok(())
    }

    fn handles(&mut self, u: &mut Unstructured<'_>, name: usize) -> Result<()> {
        match u.int_in_range(0..=6)? {
            0 => {
                self.model.senders += usize::from(!self.senders.is_empty());
                self.senders.extend(self.senders.last().cloned());
            }
            1 => {
                if self.senders.pop().is_some() {
                    self.model.drop_sender();
                }
            }
            2 => {
                if let Some(sender) = self.senders.last() {
                    let real = sender.subscribe();
                    self.add(real);
                }
            }
            3 => {
                let real = self.listeners.get(&name).filter(|listener| listener.recv.is_none());
                if let Some(real) = real.map(|listener| listener.real.borrow().resubscribe()) {
                    self.add(real);
                }
            }
            4 => {
                // Only the wait.
                if let Some(listener) = self.listeners.get_mut(&name) {
                    listener.recv = None;
                }
                self.model.messages.retain(|&waits| waits != name);
            }
            _ => {
                // All of it.
                if self.listeners.remove(&name).is_some() {
                    self.model.messages.retain(|&waits| waits != name);
                    self.model.next.remove(&name);
                    if self.model.next.is_empty() {
                        self.model.woken.append(&mut self.model.ends);
                    }
                    self.model.sweep();
                }
            }
        }
        Ok(())
    }

    fn check(&mut self) {
        let model = &mut self.model;
        assert_eq!(noted(), std::mem::take(&mut model.woken));
        let kept: Vec<_> = model.kept.iter().map(|&message| message as u64).collect();
        ALIVE.with(|alive| assert!(alive.borrow().iter().eq(&kept), "{alive:?} {kept:?}"));
        if let Some(sender) = self.senders.last() {
            assert_eq!((sender.len(), sender.is_empty()), (kept.len(), kept.is_empty()));
            assert_eq!(sender.receiver_count(), model.next.len());
            assert_eq!(sender.strong_count(), model.senders);
        }
        for (name, listener) in self.listeners.iter().filter(|(_, one)| one.recv.is_none()) {
            let real = listener.real.borrow();
            assert_eq!(real.len(), model.sent.len() - model.next[name]);
            assert_eq!(
                (real.is_closed(), real.sender_strong_count()),
                (model.senders == 0, model.senders)
            );
        }
    }
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    let mut world = World::new(u.int_in_range(1..=9)?);
    noted();
    for _ in 0..u.int_in_range(1..=100)? {
        let names: Vec<_> = world.listeners.keys().copied().collect();
        let name = if names.is_empty() { 0 } else { *u.choose(&names)? };
        match u.int_in_range(0..=12)? {
            0..=4 => {
                let kinds =
                    [Plain, Plain, Plain, PanicsWhenCloned, SendsWhenCloned, SendsWhenDropped];
                let kind = *u.choose(&kinds)?;
                assert_eq!(send(kind), world.model.send(kind));
            }
            5..=9 => world.receive(u, name)?,
            10 => world.close(u)?,
            _ => world.handles(u, name)?,
        }
        world.check();
    }
    drop(world);
    ALIVE.with(|alive| assert!(alive.borrow().is_empty()));
    Ok(())
}

#[test]
fn messages_go_and_wakers_wake_as_in_the_model() {
    guarded(|| {
        arbtest(follow).size_min(128).size_max(2_000).budget_ms(3_000);
    });
}

/// Tasks in any order: what a receiver has got and what it has missed is all that was sent, and what
/// it has got is in order.
fn tasks(u: &mut Unstructured<'_>) -> Result<()> {
    let rt = Builder::new().start_paused(true).policy(Any::seeded(u.arbitrary()?)).build().unwrap();
    let (senders, receivers) = (u.int_in_range(1..=3_u64)?, u.int_in_range(1..=6)?);
    let capacity = u.int_in_range(1..=8)?;
    let steps = (0..u.int_in_range(1..=20)?).map(|_| u.int_in_range(0..=3));
    let steps = steps.collect::<Result<Vec<u8>>>()?;
    let aborts = (0..u.int_in_range(0..=3)?)
        .map(|_| Ok((u.int_in_range(0..=receivers - 1)?, u.int_in_range(0..=20)?)))
        .collect::<Result<Vec<(usize, usize)>>>()?;
    rt.block_on(async {
        let (sender, receiver) = broadcast::channel(capacity);
        let listeners = (0..receivers).map(|at| {
            let mut receiver = receiver.resubscribe();
            turno::spawn(async move {
                let (mut got, mut missed) = (Vec::new(), 0);
                loop {
                    match receiver.recv().await {
                        Ok(message) => got.push(message),
                        Err(RecvError::Lagged(n)) => missed += n,
                        Err(RecvError::Closed) => return (got, missed),
                    }
                    for _ in 0..at % 3 {
                        yield_now().await;
                    }
                }
            })
        });
        let listeners: Vec<_> = listeners.collect();
        let last = turno::spawn(async move {
            let mut receiver = receiver;
            while receiver.recv().await != Err(RecvError::Closed) {}
        });
        let senders: Vec<_> = (0..senders)
            .map(|name| {
                let (sender, steps) = (sender.clone(), steps.clone());
                turno::spawn(async move {
                    for (n, step) in steps.into_iter().enumerate() {
                        sender.send((name, n)).unwrap();
                        for _ in 0..step {
                            yield_now().await;
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        for round in 0..=20 {
            yield_now().await;
            for (whom, _) in aborts.iter().filter(|(_, when)| *when == round) {
                listeners[*whom].abort();
            }
        }
        let all = senders.len() * steps.len();
        for sender in senders {
            sender.await.unwrap();
        }
        last.await.unwrap();
        for listener in listeners {
            match listener.await {
                Ok((got, missed)) => {
                    assert_eq!(got.len() as u64 + missed, all as u64);
                    for name in 0..3 {
                        let of_one = got.iter().filter(|message| message.0 == name);
                        assert!(of_one.is_sorted_by(|a, b| a.1 < b.1), "{got:?}");
                    }
                }
                Err(error) => assert!(error.is_cancelled() && !aborts.is_empty()),
            }
        }
    });
    Ok(())
}

#[test]
fn tasks_in_any_order_get_or_miss_all_that_was_sent() {
    guarded(|| {
        arbtest(tasks).size_min(128).size_max(1_000).budget_ms(2_000);
    });
}
