//! Who holds a mutex with priority inheritance is as urgent as the most urgent who waits for it, for
//! so long.

// As in tokio what is owned is held by an `Arc`, though nothing in it is `Send`.
#![allow(clippy::arc_with_non_send_sync)]

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::{Tasklet, Trace, guarded};
use turno::policy::Priority;
use turno::runtime::{Builder, Runtime};
use turno::sync::{Mutex, OwnedMutexGuard};
use turno::task::{self, JoinHandle, yield_now};
use turno::time::Duration;

fn urgent_first() -> Runtime {
    Builder::new().start_paused(true).policy(Priority::strict()).build().unwrap()
}

/// A task of that priority.
fn spawn(priority: u8, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    task::Builder::new().priority(priority).spawn(task)
}

/// Says `line`, so many times, giving way after each.
async fn toil(trace: &Trace, line: &str, times: u32) {
    for _ in 0..times {
        trace.say(line);
        yield_now().await;
    }
}

/// What happens if low holds, high waits, and medium keeps the thread.
fn inversion(mutex: Mutex<()>) -> Vec<String> {
    guarded(|| {
        let (trace, mutex) = (Trace::new(), Rc::new(mutex));
        let (says, locks) = (trace.clone(), mutex.clone());
        let rt = urgent_first();
        let _guard = rt.enter();
        let low = spawn(1, async move {
            let guard = locks.lock().await;
            let (trace, mutex) = (says.clone(), locks.clone());
            let high = spawn(200, async move {
                trace.say("high wants it");
                let _guard = mutex.lock().await;
                trace.say("high has it");
            });
            let trace = says.clone();
            let medium = spawn(100, async move { toil(&trace, "medium", 2).await });
            yield_now().await;
            toil(&says, "low works", 2).await;
            drop(guard);
            toil(&says, "low", 1).await;
            (high.await.unwrap(), medium.await.unwrap()).0
        });
        rt.block_on(low).unwrap();
        trace.take()
    })
}

#[test]
fn who_is_in_between_does_not_keep_the_urgent_waiting() {
    let without = inversion(Mutex::new(()));
    let [wants, medium, works] = ["high wants it", "medium", "low works"];
    assert_eq!(without, [wants, medium, medium, works, works, "low", "high has it"]);
    let with = inversion(Mutex::with_priority_inheritance(()));
    assert_eq!(with, [wants, works, works, "low", "high has it", medium, medium]);
}

/// The guard is in a future that has gone on in another task: which task has it is not known, so
/// none inherits; and the one that took it does no more.
#[test]
fn once_a_future_is_seen_to_have_moved_the_task_it_was_in_inherits_nothing() {
    guarded(|| {
        let rt = urgent_first();
        let priority_of = |rt: &Runtime, id| {
            rt.tasks().iter().find(|task| task.id() == id).map(|task| task.priority()).unwrap()
        };
        let mutex = Rc::new(Mutex::with_priority_inheritance(()));
        let (moves, locks, wants) = (Rc::new(RefCell::new(None)), mutex.clone(), mutex.clone());
        let takes = moves.clone();
        let first = rt.spawn(async move {
            let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
                let _guard = locks.lock().await;
                turno::sync::Notify::new().notified().await;
            });
            let polled = futures_lite::future::poll_once(&mut future).await;
            assert!(polled.is_none());
            moves.replace(Some(future));
            pending::<()>().await;
        });
        rt.block_on(yield_now());
        let _guard = rt.enter();
        let high = spawn(200, async move { drop(wants.lock().await) });
        drop(_guard);
        rt.block_on(yield_now());
        assert_eq!(priority_of(&rt, first.id()), 200);

        let second = rt.spawn(takes.take().unwrap());
        rt.block_on(async { yield_now().await });
        assert_eq!(priority_of(&rt, first.id()), 128);
        assert_eq!(priority_of(&rt, second.id()), 128);
        // And who comes later lends nothing to it either.
        let _guard = rt.enter();
        drop(spawn(220, async move { drop(mutex.lock().await) }));
        drop(_guard);
        rt.block_on(yield_now());
        assert_eq!(priority_of(&rt, first.id()), 128);
        assert!(!high.is_finished());
    });
}

type Guard = OwnedMutexGuard<()>;

/// What a task is told to do.
enum Do {
    Lock(usize),
    Unlock(usize),
    Leave(usize),
    Give(usize),
    End,
}

/// A task that does what it is told.
#[derive(Default)]
struct Actor {
    told: VecDeque<Do>,
    waker: Option<Waker>,
}

const LOCKS: usize = 3;

/// What it waits for and what it holds, of each lock.
#[derive(Default)]
struct Hands {
    waits: [Option<Pin<Box<dyn Future<Output = Guard>>>>; LOCKS],
    held: [Option<Guard>; LOCKS],
}

/// Tasks and locks with priority inheritance.
struct World {
    rt: Runtime,
    locks: [Arc<Mutex<()>>; LOCKS],
    actors: Vec<(Rc<RefCell<Actor>>, JoinHandle<()>)>,
    /// Guards that their tasks gave away.
    loose: Rc<RefCell<[Option<Guard>; LOCKS]>>,
}

impl World {
    fn new(priorities: &[u8]) -> Self {
        let locks = std::array::from_fn(|_| Arc::new(Mutex::with_priority_inheritance(())));
        let mut world =
            Self { rt: urgent_first(), locks, actors: Vec::new(), loose: Rc::default() };
        for priority in priorities {
            let actor = Rc::new(RefCell::new(Actor::default()));
            let task = world.act(actor.clone());
            let _guard = world.rt.enter();
            let handle = spawn(*priority, task);
            world.actors.push((actor, handle));
        }
        world.run();
        world
    }

    fn act(&self, actor: Rc<RefCell<Actor>>) -> impl Future<Output = ()> + use<> {
        let (locks, loose) = (self.locks.clone(), self.loose.clone());
        let mut hands = Hands::default();
        poll_fn(move |cx| {
            actor.borrow_mut().waker = Some(cx.waker().clone());
            loop {
                let Some(told) = actor.borrow_mut().told.pop_front() else { break };
                match told {
                    Do::Lock(m) => hands.waits[m] = Some(Box::pin(locks[m].clone().lock_owned())),
                    Do::Unlock(m) => drop(hands.held[m].take()),
                    Do::Leave(m) => drop(hands.waits[m].take()),
                    Do::Give(m) => loose.borrow_mut()[m] = hands.held[m].take(),
                    Do::End => return Poll::Ready(()),
                }
            }
            poll_locks(&mut hands, cx);
            Poll::Pending
        })
    }

    fn run(&self) {
        while self.rt.turn(Some(Duration::ZERO)).switches > 0 {}
    }

    fn tell(&self, task: usize, what: Do) {
        let mut actor = self.actors[task].0.borrow_mut();
        actor.told.push_back(what);
        actor.waker.iter().for_each(Waker::wake_by_ref);
        drop(actor);
        self.run();
    }

    /// What the policy goes by.
    fn priorities(&self) -> Vec<u8> {
        let all = self.rt.tasks();
        let priority = |(_, handle): &(_, JoinHandle<()>)| {
            all.iter().find(|task| task.id() == handle.id()).unwrap().priority()
        };
        self.actors.iter().map(priority).collect()
    }

    fn update(&self, task: usize, priority: u8) {
        self.rt.update(self.actors[task].1.id(), |attributes| attributes.priority = priority);
    }
}

fn poll_locks(hands: &mut Hands, cx: &mut Context<'_>) {
    for (waits, held) in hands.waits.iter_mut().zip(&mut hands.held) {
        if let Some(Poll::Ready(guard)) = waits.as_mut().map(|lock| lock.as_mut().poll(cx)) {
            (*waits, *held) = (None, Some(guard));
        }
    }
}

#[test]
fn it_goes_on_through_a_chain_and_ends_where_the_waiting_ends() {
    guarded(|| {
        let world = World::new(&[1, 50, 200]);
        world.tell(0, Do::Lock(0));
        world.tell(1, Do::Lock(1));
        world.tell(1, Do::Lock(0));
        assert_eq!(world.priorities(), [50, 50, 200]);
        world.tell(2, Do::Lock(1));
        assert_eq!(world.priorities(), [200, 200, 200]);
        world.tell(0, Do::Unlock(0));
        assert_eq!(world.priorities(), [1, 200, 200]);
        world.tell(2, Do::Leave(1));
        assert_eq!(world.priorities(), [1, 50, 200]);
    });
}

#[test]
fn with_two_locks_the_order_of_release_does_not_matter() {
    guarded(|| {
        for first in [0, 1] {
            let world = World::new(&[1, 100, 200]);
            world.tell(0, Do::Lock(0));
            world.tell(0, Do::Lock(1));
            world.tell(1, Do::Lock(0));
            world.tell(2, Do::Lock(1));
            assert_eq!(world.priorities(), [200, 100, 200]);
            world.tell(0, Do::Unlock(first));
            assert_eq!(world.priorities(), [[200, 100][first], 100, 200]);
            world.tell(0, Do::Unlock(1 - first));
            assert_eq!(world.priorities(), [1, 100, 200]);
        }
    });
}

#[test]
fn who_is_handed_the_lock_inherits_from_those_still_waiting() {
    guarded(|| {
        let world = World::new(&[1, 2, 200]);
        for task in 0..3 {
            world.tell(task, Do::Lock(0));
        }
        assert_eq!(world.priorities(), [200, 2, 200]);
        world.tell(0, Do::Unlock(0));
        assert_eq!(world.priorities(), [1, 200, 200]);
    });
}

#[test]
fn what_a_task_is_told_in_between_counts() {
    guarded(|| {
        let world = World::new(&[1, 100]);
        world.tell(0, Do::Lock(0));
        world.tell(1, Do::Lock(0));
        world.update(0, 7);
        assert_eq!(world.priorities(), [100, 100]);
        assert_eq!(world.rt.tasks()[0].attributes().priority, 7);
        world.update(1, 150);
        assert_eq!(world.priorities(), [150, 150]);
        world.update(1, 3);
        assert_eq!(world.priorities(), [7, 3]);
        world.update(0, 2);
        world.tell(0, Do::Unlock(0));
        assert_eq!(world.priorities(), [2, 3]);
    });
}

#[test]
fn a_child_has_its_parents_own_priority() {
    guarded(|| {
        let rt = urgent_first();
        let _guard = rt.enter();
        let mutex = Rc::new(Mutex::with_priority_inheritance(()));
        let locks = mutex.clone();
        let low = spawn(1, async move {
            let _guard = locks.lock().await;
            let waits = locks.clone();
            spawn(200, async move { drop(waits.lock().await) });
            yield_now().await;
            task::spawn(pending::<()>()).await.unwrap();
        });
        while rt.turn(Some(Duration::ZERO)).switches > 0 {}
        let priorities: Vec<_> = rt.tasks().iter().map(|task| task.priority()).collect();
        assert_eq!(priorities, [200, 200, 1]);
        drop(low);
    });
}

#[test]
fn outside_of_a_runtime_it_is_a_mutex_as_any_other() {
    let mutex = Mutex::with_priority_inheritance(0);
    let guard = mutex.try_lock().unwrap();
    let mut first = Tasklet::polled(mutex.lock());
    let second = Tasklet::polled(mutex.lock());
    drop(guard);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert!(first.poll().is_ready());
    assert_eq!(second.wakes(), 1);
    drop(second);
    assert!(mutex.try_lock().is_ok());
}

/// Who holds and who waits; a task that has ended is urgent no more, but may still be the holder.
struct Model {
    own: Vec<u8>,
    ended: Vec<bool>,
    holder: [Option<usize>; LOCKS],
    queue: [VecDeque<usize>; LOCKS],
    loose: [bool; LOCKS],
}

impl Model {
    fn lock(&mut self, task: usize, m: usize) {
        match self.holder[m] {
            None => self.holder[m] = Some(task),
            Some(_) => self.queue[m].push_back(task),
        }
    }

    fn unlock(&mut self, m: usize) {
        (self.holder[m], self.loose[m]) = (self.queue[m].pop_front(), false);
    }

    fn end(&mut self, task: usize) {
        self.ended[task] = true;
        for m in 0..LOCKS {
            self.queue[m].retain(|other| *other != task);
            if self.holder[m] == Some(task) && !self.loose[m] {
                self.unlock(m);
            }
        }
    }

    fn priorities(&self) -> Vec<u8> {
        let mut all = self.own.clone();
        for _ in 0..=all.len() {
            for m in 0..LOCKS {
                if let Some(holder) = self.holder[m].filter(|holder| !self.ended[*holder]) {
                    let urgent = self.queue[m].iter().map(|waiter| all[*waiter]).max();
                    all[holder] = all[holder].max(urgent.unwrap_or(0));
                }
            }
        }
        all
    }
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    let own: Vec<u8> = (0..u.int_in_range(2..=6)?).map(|_| u.arbitrary()).collect::<Result<_>>()?;
    let world = World::new(&own);
    let ended = vec![false; own.len()];
    let (holder, queue, loose) = Default::default();
    let mut model = Model { own, ended, holder, queue, loose };
    for _ in 0..u.int_in_range(1..=60)? {
        let (task, m) = (u.choose_index(model.own.len())?, u.choose_index(LOCKS)?);
        let holds = model.holder[m] == Some(task) && !model.loose[m];
        let waits = model.queue[m].contains(&task);
        match u.int_in_range(0..=15)? {
            0 => {
                let _guard = u.arbitrary::<bool>()?.then(|| world.rt.enter());
                let guard = world.loose.borrow_mut()[m].take();
                if guard.is_some() {
                    model.unlock(m);
                }
                drop(guard);
                world.run();
            }
            _ if model.ended[task] => {}
            1..=6 if !holds && !waits => {
                world.tell(task, Do::Lock(m));
                model.lock(task, m);
            }
            1..=10 if holds => {
                world.tell(task, Do::Unlock(m));
                model.unlock(m);
            }
            11 if holds => {
                world.tell(task, Do::Give(m));
                model.loose[m] = true;
            }
            8..=10 if waits => {
                world.tell(task, Do::Leave(m));
                model.queue[m].retain(|other| *other != task);
            }
            12..=14 => {
                model.own[task] = u.arbitrary()?;
                world.update(task, model.own[task]);
            }
            15 if u.ratio(1, 4)? => {
                if u.arbitrary()? {
                    world.tell(task, Do::End);
                } else {
                    world.actors[task].1.abort();
                    world.run();
                }
                model.end(task);
            }
            _ => {}
        }
        let alive = |all: Vec<u8>| -> Vec<_> {
            all.into_iter().zip(&model.ended).map(|(p, ended)| (!ended).then_some(p)).collect()
        };
        assert_eq!(alive(world.priorities()), alive(model.priorities()));
    }
    Ok(())
}

#[test]
fn every_task_is_as_urgent_as_the_most_urgent_who_waits_for_it() {
    guarded(|| {
        arbtest(follow).size_min(64).size_max(2_000).budget_ms(3_000);
    });
}
