//! Under any schedule, with tasks that are aborted and futures that are dropped half-way, what arrives
//! is what was sent, in that order, and nobody is left waiting.

mod common;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::at_random::AtRandom;
use common::guarded;
use turno::runtime::Builder;
use turno::sync::{mpsc, oneshot};
use turno::task::yield_now;
use turno::time::{Clock, Duration};

#[derive(Clone, Copy, Debug)]
enum Sends {
    Send,
    Try,
    Reserve,
    ReserveOwned,
    Many(usize, usize),
    /// Waits for room at most so long.
    Timeout(u64),
    /// Polls a send once and drops it.
    GiveUp,
    Yield,
    /// Sends a oneshot channel along and waits for the answer, or not.
    Ask(bool),
}

#[derive(Clone, Copy, Debug)]
enum Receives {
    Recv,
    Many(usize),
    Try,
    GiveUp,
    Yield,
    Close,
}

#[derive(Debug)]
struct Program {
    seed: u64,
    room: usize,
    budget: u32,
    senders: Vec<Vec<Sends>>,
    receiver: Vec<Receives>,
    /// The receiver goes on to the end, or is dropped before.
    to_the_end: bool,
    /// After so many turns of its own, the killer aborts this sender.
    aborts: Vec<(usize, usize)>,
}

fn list<T>(
    u: &mut Unstructured<'_>,
    most: usize,
    item: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(1..=most)?).map(|_| item(u)).collect()
}

fn program(u: &mut Unstructured<'_>) -> Result<Program> {
    let room = u.int_in_range(1..=4)?;
    let sends = |u: &mut Unstructured<'_>| {
        Ok(match u.int_in_range(0..=10)? {
            0..=2 => Sends::Send,
            3 => Sends::Try,
            4 => Sends::Reserve,
            5 => Sends::ReserveOwned,
            6 => {
                let n = u.int_in_range(0..=room)?;
                Sends::Many(n, u.int_in_range(0..=n)?)
            }
            7 => Sends::Timeout(u.int_in_range(0..=3)?),
            8 => Sends::GiveUp,
            9 => Sends::Yield,
            _ => Sends::Ask(u.arbitrary()?),
        })
    };
    let receives = |u: &mut Unstructured<'_>| {
        Ok(match u.int_in_range(0..=12)? {
            0..=5 => Receives::Recv,
            6..=7 => Receives::Many(u.int_in_range(0..=5)?),
            8 => Receives::Try,
            9 => Receives::GiveUp,
            10..=11 => Receives::Yield,
            _ => Receives::Close,
        })
    };
    Ok(Program {
        seed: u.arbitrary()?,
        room,
        budget: u.int_in_range(1..=20)?,
        senders: list(u, 4, |u| list(u, 12, sends))?,
        receiver: list(u, 30, receives)?,
        to_the_end: u.ratio(3, 4)?,
        aborts: list(u, 2, |u| Ok((u.int_in_range(0..=15)?, u.int_in_range(0..=6)?)))?,
    })
}

/// A message, and perhaps how to answer it.
type Message = (usize, Option<oneshot::Sender<usize>>);

#[derive(Default)]
struct World {
    made: Cell<usize>,
    sent: RefCell<Vec<usize>>,
    received: RefCell<Vec<usize>>,
    room: usize,
}

impl World {
    fn message(&self) -> Message {
        self.made.set(self.made.get() + 1);
        (self.made.get(), None)
    }

    /// Noted in the same switch in which it happened.
    fn sent(&self, name: usize) {
        self.sent.borrow_mut().push(name);
    }

    fn received(&self, (name, answer): Message) {
        let mut received = self.received.borrow_mut();
        received.push(name);
        assert_eq!(self.sent.borrow()[..received.len()], received[..]);
        drop(received);
        if let Some(answer) = answer {
            let _given_up = answer.send(name);
        }
    }

    fn check_room(&self) {
        let under_way = self.sent.borrow().len() - self.received.borrow().len();
        assert!(under_way <= self.room, "{under_way} are under way");
    }
}

async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn send(world: &World, mut sender: mpsc::Sender<Message>, script: Vec<Sends>) -> Option<()> {
    for sends in script {
        let mut message = world.message();
        let name = message.0;
        match sends {
            Sends::Send => sender.send(message).await.ok()?,
            Sends::Try => match sender.try_send(message) {
                Ok(()) => {}
                Err(_) => continue,
            },
            Sends::Reserve => sender.reserve().await.ok()?.send(message),
            Sends::ReserveOwned => {
                let permit = sender.reserve_owned().await.ok()?;
                yield_now().await; // The room stays its own, closed or not.
                sender = permit.send(message);
            }
            Sends::Many(room, sends) => {
                let mut permits = sender.reserve_many(room).await.ok()?;
                for _ in 0..sends {
                    let message = world.message();
                    let name = message.0;
                    permits.next()?.send(message);
                    world.sent(name);
                }
                continue;
            }
            Sends::Timeout(millis) => {
                let in_time = sender.send_timeout(message, Duration::from_millis(millis)).await;
                match in_time {
                    Ok(()) => {}
                    Err(mpsc::error::SendTimeoutError::Timeout(_)) => continue,
                    Err(mpsc::error::SendTimeoutError::Closed(_)) => return None,
                }
            }
            Sends::GiveUp => match once(sender.send(message)).await {
                Some(sent) => sent.ok()?,
                None => continue,
            },
            Sends::Yield => {
                yield_now().await;
                continue;
            }
            Sends::Ask(waits) => {
                let (answer, answered) = oneshot::channel();
                message.1 = Some(answer);
                sender.send(message).await.ok()?;
                world.sent(name);
                if waits {
                    // An error if the receiver is gone.
                    assert_eq!(answered.await.unwrap_or(name), name);
                }
                continue;
            }
        }
        world.sent(name);
    }
    Some(())
}

async fn receive(world: &World, mut receiver: mpsc::Receiver<Message>, program: &Program) {
    for receives in &program.receiver {
        match receives {
            Receives::Recv => match receiver.recv().await {
                Some(message) => world.received(message),
                None => return,
            },
            Receives::Many(limit) => {
                let mut many = Vec::new();
                let n = receiver.recv_many(&mut many, *limit).await;
                assert_eq!(n, many.len());
                many.into_iter().for_each(|message| world.received(message));
            }
            Receives::Try => receiver.try_recv().into_iter().for_each(|m| world.received(m)),
            Receives::GiveUp => {
                once(receiver.recv()).await.flatten().into_iter().for_each(|m| world.received(m));
            }
            Receives::Yield => yield_now().await,
            Receives::Close => receiver.close(),
        }
        world.check_room();
    }
    if program.to_the_end {
        while let Some(message) = receiver.recv().await {
            world.received(message);
        }
        assert_eq!(*world.sent.borrow(), *world.received.borrow());
        assert_eq!(receiver.try_recv().err(), Some(mpsc::error::TryRecvError::Disconnected));
    }
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    let program = Rc::new(program(u)?);
    let builder = Builder::new().clock(Clock::virtual_time()).seed(program.seed);
    let rt = builder.policy(AtRandom::default()).budget(program.budget).build().unwrap();
    let world = Rc::new(World { room: program.room, ..World::default() });
    let ended = rt.try_block_on(async {
        let (sender, receiver) = mpsc::channel(program.room);
        let spawn_sender = |script: &Vec<Sends>| {
            let (world, sender, script) = (world.clone(), sender.clone(), script.clone());
            turno::spawn(async move { send(&world, sender, script).await })
        };
        let senders: Vec<_> = program.senders.iter().map(spawn_sender).collect();
        let watcher = sender.clone();
        drop(sender);
        let weak = watcher.downgrade();
        let watch = turno::spawn(async move { once(watcher.closed()).await });
        let (noted, script) = (world.clone(), program.clone());
        let receiver = turno::spawn(async move { receive(&noted, receiver, &script).await });
        for (turns, victim) in &program.aborts {
            for _ in 0..*turns {
                yield_now().await;
            }
            senders.get(*victim).into_iter().for_each(turno::task::JoinHandle::abort);
        }
        receiver.await.unwrap();
        for sender in senders {
            assert!(sender.await.map_or_else(|error| error.is_cancelled(), |_| true));
        }
        watch.await.unwrap();
        assert_eq!((weak.strong_count(), weak.weak_count()), (0, 1));
    });
    assert!(ended.is_ok(), "{}\n{program:#?}", ended.unwrap_err());
    Ok(())
}

#[test]
fn under_any_schedule_all_that_is_sent_arrives_in_order() {
    guarded(|| {
        arbtest(follow).size_min(128).size_max(2_000).budget_ms(3_000);
    });
}
