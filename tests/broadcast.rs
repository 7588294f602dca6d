//! What a broadcast channel promises, one by one.

mod common;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Waker};

use common::by_hand::{acts, noted, notes};
use common::{OnDrop, guarded, has, panic_of, virtual_rt};
use futures_lite::future::poll_once;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use turno::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use turno::sync::broadcast::{self, Receiver, Sender};
use turno::task::yield_now;

#[test]
fn everybody_gets_every_message_in_order() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, receiver) = broadcast::channel(16);
            let listeners = (0..100).map(|_| {
                let mut receiver = receiver.resubscribe();
                turno::spawn(async move {
                    let mut got = Vec::new();
                    while let Ok(message) = receiver.recv().await {
                        got.push(message);
                    }
                    got
                })
            });
            let listeners: Vec<_> = listeners.collect();
            drop(receiver);
            for round in 0..20 {
                for message in 0..round % 16 {
                    assert_eq!(sender.send((round, message)).unwrap(), 100);
                }
                yield_now().await;
            }
            drop(sender);
            let all =
                (0..20).flat_map(|round| (0..round % 16).map(move |message| (round, message)));
            let all: Vec<_> = all.collect();
            for listener in listeners {
                assert_eq!(listener.await.unwrap(), all);
            }
        });
    });
}

#[test]
fn who_comes_later_gets_what_is_sent_later() {
    let (sender, mut first) = broadcast::channel(4);
    sender.send(1).unwrap();
    let (mut second, mut third) = (sender.subscribe(), first.resubscribe());
    sender.send(2).unwrap();
    assert_eq!((first.try_recv(), first.try_recv()), (Ok(1), Ok(2)));
    assert_eq!((second.try_recv(), third.try_recv()), (Ok(2), Ok(2)));
    for receiver in [&mut first, &mut second, &mut third] {
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_message_for_nobody_comes_back() {
    let sender = Sender::new(2);
    assert_eq!(sender.send(1), Err(SendError(1)));
    let receiver = sender.subscribe();
    assert_eq!(sender.send(2), Ok(1));
    drop(receiver);
    assert_eq!((sender.send(3), sender.len()), (Err(SendError(3)), 0));
    let mut receiver = sender.subscribe();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!((sender.send(4), receiver.try_recv()), (Ok(1), Ok(4)));
}

#[test]
fn the_slow_are_told_how_many_they_missed_and_go_on_with_the_oldest() {
    // 3 is rounded up to 4.
    let (sender, mut slow) = broadcast::channel(3);
    (0..4).for_each(|message| drop(sender.send(message)));
    let mut quick = sender.subscribe();
    assert_eq!(slow.try_recv(), Ok(0));
    (4..7).for_each(|message| drop(sender.send(message)));
    assert_eq!((slow.len(), sender.len()), (6, 4));
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(2)));
    assert_eq!((slow.len(), slow.try_recv()), (4, Ok(3)));
    (7..107).for_each(|message| drop(sender.send(message)));
    assert_eq!(slow.recv().now_or_never(), Some(Err(RecvError::Lagged(99))));
    // What it would be told next is put off by what is missed before it asks.
    drop(sender.send(107));
    assert_eq!(slow.recv().now_or_never(), Some(Err(RecvError::Lagged(1))));
    for message in 104..108 {
        assert_eq!(slow.recv().now_or_never(), Some(Ok(message)));
    }
    assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(quick.try_recv(), Err(TryRecvError::Lagged(100)));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    has(panic_of(|| broadcast::channel::<u8>(0)), "its capacity is 0");
    has(panic_of(|| Sender::<u8>::new(0)), "its capacity is 0");
    has(panic_of(|| broadcast::channel::<()>(usize::MAX / 2 + 1)), "`usize::MAX / 2` at most");
    // Room is made as it is needed.
    let (sender, mut receiver) = broadcast::channel(usize::MAX / 2);
    sender.send([0_u8; 1000]).unwrap();
    assert_eq!(receiver.try_recv(), Ok([0; 1000]));
}

#[test]
fn all_that_was_sent_is_received_before_the_end() {
    let (sender, mut receiver) = broadcast::channel(4);
    let other = sender.clone();
    sender.send(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    drop(other);
    assert!(receiver.is_closed() && !receiver.is_empty());
    assert_eq!(receiver.recv().now_or_never(), Some(Ok(1)));
    assert_eq!(receiver.recv().now_or_never(), Some(Err(RecvError::Closed)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    // One that is made of it is at the end as well.
    assert_eq!(receiver.resubscribe().try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_weak_sender_keeps_nothing_open() {
    let (sender, mut receiver) = broadcast::channel::<u8>(4);
    let weak = sender.downgrade();
    let weaker = weak.clone();
    assert_eq!((sender.strong_count(), sender.weak_count()), (1, 2));
    let again = weak.upgrade().unwrap();
    assert!(again.same_channel(&sender));
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 2));
    drop((sender, weaker));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 1));
    again.send(1).unwrap();
    drop(again);
    assert!(weak.upgrade().is_none());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(TryRecvError::Closed)));
    drop(weak);
    assert_eq!(receiver.sender_weak_count(), 0);
}

#[test]
fn handles_are_counted_and_know_their_channel() {
    let (sender, one) = broadcast::channel::<u8>(4);
    let two = sender.subscribe();
    assert!(one.same_channel(&two) && sender.same_channel(&sender.clone()));
    let (strange, stranger) = broadcast::channel::<u8>(4);
    assert!(!one.same_channel(&stranger) && !sender.same_channel(&strange));
    assert_eq!(sender.receiver_count(), 2);
    drop(one);
    assert_eq!((sender.receiver_count(), sender.strong_count()), (1, 1));
    drop(sender.send(1));
    assert!(format!("{sender:?} {two:?} {:?}", sender.downgrade()).contains("len: 1"));
}

#[test]
fn a_message_is_dropped_when_nobody_is_to_get_it_any_more() {
    let (sender, mut one) = broadcast::channel(2);
    let mut two = sender.subscribe();
    let messages = [(); 3].map(Rc::new);
    let kept = || messages.each_ref().map(|message| Rc::strong_count(message) - 1);
    messages[..2].iter().for_each(|message| drop(sender.send(message.clone())));
    drop(one.try_recv());
    assert_eq!((kept(), sender.len(), sender.is_empty()), ([1, 1, 0], 2, false));
    drop(two.try_recv());
    assert_eq!((kept(), sender.len()), ([0, 1, 0], 1));
    sender.send(messages[0].clone()).unwrap();
    sender.send(messages[2].clone()).unwrap();
    assert_eq!(kept(), [1, 0, 1]);
    // The one who is behind goes: what only it had to get goes as well.
    assert!(matches!(one.try_recv(), Err(TryRecvError::Lagged(1))));
    drop((one.try_recv(), one.try_recv()));
    assert_eq!((kept(), sender.len()), ([1, 0, 1], 2));
    drop(two);
    assert_eq!((kept(), sender.is_empty()), ([0, 0, 0], true));
    sender.send(messages[0].clone()).unwrap();
    drop(one);
    assert_eq!(kept(), [0, 0, 0]);
}

#[test]
fn a_receive_that_is_dropped_has_got_nothing() {
    let (sender, mut receiver) = broadcast::channel(4);
    let mut recv = Box::pin(receiver.recv());
    assert!(recv.as_mut().poll(&mut Context::from_waker(&notes(1))).is_pending());
    sender.send(1).unwrap();
    assert_eq!(noted(), [1]);
    drop(recv);
    assert_eq!(receiver.recv().now_or_never(), Some(Ok(1)));
    let mut recv = Box::pin(receiver.recv());
    assert!(recv.as_mut().poll(&mut Context::from_waker(&notes(2))).is_pending());
    drop(recv);
    sender.send(2).unwrap();
    assert!(noted().is_empty());
    assert_eq!(receiver.recv().now_or_never(), Some(Ok(2)));
}

#[test]
fn who_waits_for_the_end_of_either_side_is_told() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = broadcast::channel::<u8>(4);
            let waiting = turno::spawn(async move { receiver.recv().await });
            yield_now().await;
            drop(sender);
            assert_eq!(waiting.await.unwrap(), Err(RecvError::Closed));

            let (sender, receiver) = broadcast::channel::<u8>(4);
            let other = sender.clone();
            let closing = turno::spawn(async move { other.closed().await });
            yield_now().await;
            drop(receiver);
            let second = sender.subscribe();
            yield_now().await;
            assert!(!closing.is_finished());
            drop(second);
            closing.await.unwrap();
            sender.closed().await;
            Sender::<u8>::new(1).closed().await;
        });
    });
}

type Act = Rc<dyn Fn()>;

/// A message that does something when it is cloned or dropped.
struct Acting {
    name: u32,
    on_clone: Option<Act>,
    on_drop: Option<Act>,
}

impl Clone for Acting {
    fn clone(&self) -> Self {
        self.on_clone.iter().for_each(|act| act());
        plain(self.name)
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        self.on_drop.iter().for_each(|act| act());
    }
}

impl std::fmt::Debug for Acting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

fn plain(name: u32) -> Acting {
    Acting { name, on_clone: None, on_drop: None }
}

type Tools = Rc<RefCell<Vec<Receiver<Acting>>>>;

#[test]
fn a_clone_may_use_the_channel_that_it_is_received_from() {
    let (sender, mut receiver) = broadcast::channel(2);
    let tools = Tools::default();
    tools.borrow_mut().extend([sender.subscribe(), sender.subscribe()]);
    let (clones, sends) = (tools.clone(), sender.clone());
    let act = move || {
        // The other receivers get it meanwhile, one goes, and it is pushed out.
        let (one, mut two) = {
            let mut tools = clones.borrow_mut();
            (tools.pop(), tools.pop())
        };
        drop(one);
        let name = two.as_mut().map(|two| two.next());
        assert_eq!(name, Some(Ok(2)));
        for name in 10..14 {
            sends.send(plain(name)).unwrap();
        }
        assert_eq!((sends.len(), sends.subscribe().len()), (2, 0));
        clones.borrow_mut().extend(two);
    };
    sender.send(plain(1)).unwrap();
    assert_eq!(
        tools.borrow_mut().iter_mut().map(|tool| tool.next()).filter(|n| *n == Ok(1)).count(),
        2
    );
    let acting = Cell::new(true);
    let act = move || {
        if acting.replace(false) {
            act();
        }
    };
    sender.send(Acting { name: 2, on_clone: Some(Rc::new(act)), on_drop: None }).unwrap();
    assert_eq!((receiver.next(), receiver.next()), (Ok(1), Ok(2)));
    assert_eq!(receiver.next(), Err(TryRecvError::Lagged(2)));
    assert_eq!((receiver.next(), receiver.next()), (Ok(12), Ok(13)));
    let mut other = tools.borrow_mut().pop().unwrap();
    assert_eq!((other.next(), other.next()), (Err(TryRecvError::Lagged(2)), Ok(12)));
    assert_eq!((sender.receiver_count(), sender.len()), (2, 1));
}

/// The name of the next message.
trait Next {
    fn next(&mut self) -> Result<u32, TryRecvError>;
}

impl Next for Receiver<Acting> {
    fn next(&mut self) -> Result<u32, TryRecvError> {
        self.try_recv().map(|message| message.name)
    }
}

#[test]
fn a_clone_that_panics_is_lost_and_the_next_message_comes() {
    guarded(|| {
        let (sender, mut receiver) = broadcast::channel(4);
        let mut other = sender.subscribe();
        let drops = Rc::new(Cell::new(0));
        let dropped = drops.clone();
        let bad = Acting {
            name: 1,
            on_clone: Some(Rc::new(|| panic!("no clone"))),
            on_drop: Some(Rc::new(move || dropped.set(dropped.get() + 1))),
        };
        sender.send(bad).unwrap();
        sender.send(plain(2)).unwrap();
        has(panic_of(|| receiver.next()), "no clone");
        assert_eq!((receiver.next(), drops.get(), sender.len()), (Ok(2), 0, 2));
        let caught = catch_unwind(AssertUnwindSafe(|| {
            virtual_rt().block_on(async { other.recv().await.map(|message| message.name) })
        }));
        assert!(caught.is_err());
        assert_eq!((other.next(), drops.get(), sender.len()), (Ok(2), 1, 0));
    });
}

#[test]
fn a_message_may_use_the_channel_when_it_is_dropped() {
    let (sender, mut receiver) = broadcast::channel(1);
    let drops = Rc::new(Cell::new(0));
    // However it goes, it sends another one, three times, and drops a receiver.
    let message = |name| {
        let (drops, sends, extra) = (drops.clone(), sender.clone(), RefCell::new(None));
        *extra.borrow_mut() = Some(sender.subscribe());
        let on_drop: Act = Rc::new(move || {
            drops.set(drops.get() + 1);
            let extra = extra.take();
            drop(extra);
            drop(sends.send(plain(name + 100)));
        });
        Acting { name, on_clone: None, on_drop: Some(on_drop) }
    };
    // Pushed out.
    sender.send(message(1)).unwrap();
    sender.send(plain(0)).unwrap();
    assert_eq!((drops.get(), sender.len()), (1, 1));
    assert_eq!((receiver.next(), receiver.next()), (Err(TryRecvError::Lagged(2)), Ok(101)));
    // Received.
    sender.send(message(2)).unwrap();
    assert_eq!(receiver.next(), Ok(2));
    // The extra receiver was there when it was sent, and has to get it as well.
    assert_eq!((drops.get(), sender.receiver_count()), (1, 2));
    sender.send(plain(0)).unwrap();
    assert_eq!((drops.get(), sender.receiver_count()), (2, 1));
    // With its last receiver.
    assert_eq!(receiver.next(), Err(TryRecvError::Lagged(1)));
    assert_eq!(receiver.next(), Ok(102));
    let (sends, dropped) = (sender.clone(), drops.clone());
    let on_drop: Act = Rc::new(move || {
        dropped.set(dropped.get() + 1);
        assert!(sends.send(plain(0)).is_err() && sends.is_empty());
        assert_eq!(sends.subscribe().len(), 0);
    });
    sender.send(Acting { name: 3, on_clone: None, on_drop: Some(on_drop) }).unwrap();
    drop(receiver);
    assert_eq!((drops.get(), sender.receiver_count()), (3, 0));
}

#[test]
fn a_foreign_waker_may_do_anything_when_it_wakes() {
    type Recv = Pin<Box<dyn Future<Output = Result<u32, RecvError>>>>;
    let (sender, receiver) = broadcast::channel(4);
    let recv = || -> Recv {
        let mut receiver = receiver.resubscribe();
        Box::pin(async move { receiver.recv().await })
    };
    noted();
    let others: Rc<RefCell<Vec<Recv>>> = Rc::default();
    let (mut first, mut panicking, mut last) = (recv(), recv(), recv());
    // The first one drops those behind it, and sends.
    let (gone, sends) = (others.clone(), sender.clone());
    let all = acts(move || {
        let gone = gone.take();
        drop(gone);
        sends.send(2).unwrap();
    });
    let panics = acts(|| panic!("a waker"));
    assert!(first.as_mut().poll(&mut Context::from_waker(&all)).is_pending());
    assert!(panicking.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
    for _ in 0..3 {
        let mut other = recv();
        assert!(other.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        others.borrow_mut().push(other);
    }
    assert!(last.as_mut().poll(&mut Context::from_waker(&notes(9))).is_pending());
    has(panic_of(|| sender.send(1)), "a waker");
    assert_eq!((noted(), sender.receiver_count(), sender.len()), (vec![9], 4, 2));
    for left in [&mut first, &mut panicking, &mut last] {
        assert_eq!(left.as_mut().now_or_never(), Some(Ok(1)));
    }
    drop((first, panicking, last));
    assert_eq!((receiver.len(), sender.len()), (2, 2));
}

#[test]
fn a_waker_that_drops_the_last_receiver_ends_the_wait_for_it() {
    let (sender, receiver) = broadcast::channel(4);
    let mut waits = sender.subscribe();
    let last = Cell::new(Some(receiver));
    let mut recv = Box::pin(async move { waits.recv().await });
    let goes = acts(move || drop(last.take()));
    assert!(recv.as_mut().poll(&mut Context::from_waker(&goes)).is_pending());
    let mut closed = pin!(sender.closed());
    assert!(closed.as_mut().poll(&mut Context::from_waker(&notes(3))).is_pending());
    noted();
    sender.send(()).unwrap();
    assert_eq!((sender.receiver_count(), sender.len()), (1, 1));
    drop(recv);
    assert_eq!((noted(), sender.len()), (vec![3], 0));
    assert!(closed.now_or_never().is_some());
}

#[test]
fn it_is_received_inside_of_combinators() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, receiver) = broadcast::channel(4);
            let mut all: FuturesUnordered<_> = (0..20)
                .map(|_| {
                    let mut receiver = receiver.resubscribe();
                    async move { (receiver.recv().await, receiver.recv().await) }
                })
                .collect();
            drop(receiver);
            let sends = turno::spawn(async move {
                sender.send(1).unwrap();
                yield_now().await;
                sender.send(2).unwrap();
            });
            while let Some(got) = all.next().await {
                assert_eq!(got, (Ok(1), Ok(2)));
            }
            sends.await.unwrap();
        });
    });
}

#[test]
fn a_stall_names_the_channel_and_the_waits() {
    guarded(|| {
        let (rt, made) = (virtual_rt(), Cell::new(0));
        let stalled = rt.try_block_on(async {
            made.set(line!() + 1);
            let (sender, mut receiver) = broadcast::channel::<u8>(4);
            let (mut other, closes) = (receiver.resubscribe(), sender.clone());
            drop(turno::spawn(async move { closes.closed().await }));
            drop(turno::spawn(async move { other.recv().await.is_ok() }));
            receiver.recv().await.unwrap();
            drop(sender);
        });
        let text = stalled.unwrap_err().to_string();
        let made = format!("(made at {}:{}:", file!(), made.get());
        assert_eq!(text.matches(&format!("a message of a broadcast channel {made}")).count(), 2);
        has(&text, &format!("the other side of a channel to go away {made}"));
    });
}

#[test]
fn nothing_is_left_of_receives_that_ended_or_were_dropped() {
    guarded(|| {
        let stalled = virtual_rt().try_block_on(async {
            let (sender, mut receiver) = broadcast::channel(4);
            assert!(poll_once(receiver.recv()).await.is_none());
            let mut done = Box::pin(receiver.recv());
            assert!(poll_once(&mut done).await.is_none());
            sender.send(1).unwrap();
            assert_eq!(poll_once(&mut done).await, Some(Ok(1)));
            std::future::pending::<()>().await;
        });
        let text = stalled.unwrap_err().to_string();
        assert!(!text.contains("channel"), "{text}");
    });
}

#[test]
fn a_task_that_always_finds_a_message_gives_way() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (sender, mut receiver) = broadcast::channel(4);
            let stop = Rc::new(Cell::new(false));
            let stopped = stop.clone();
            let busy = turno::spawn(async move {
                while !stopped.get() {
                    sender.send(()).unwrap();
                    receiver.recv().await.unwrap();
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
            let (sender, mut receiver) = broadcast::channel(4);
            for _ in 0..10_000 {
                assert!(poll_once(receiver.recv()).await.is_none());
                assert!(poll_once(sender.closed()).await.is_none());
            }
            sender.send(1).unwrap();
            assert_eq!(poll_once(receiver.recv()).await, Some(Ok(1)));
        });
    });
}

#[test]
fn messages_that_are_left_go_with_the_channel() {
    let drops = Rc::new(Cell::new(0));
    let (sender, receiver) = broadcast::channel(8);
    for _ in 0..5 {
        let dropped = drops.clone();
        drop(sender.send(Rc::new(OnDrop::new(move || dropped.set(dropped.get() + 1)))));
    }
    drop(sender);
    assert_eq!(drops.get(), 0);
    drop(receiver);
    assert_eq!(drops.get(), 5);
}
