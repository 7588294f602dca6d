//! Whatever senders and receivers of a watch channel do, it follows a simple model.

// A receiver is lent for one wait, and nobody else asks for it meanwhile; the types are those of a
// model.
#![allow(clippy::await_holding_refcell_ref, clippy::type_complexity, clippy::collapsible_match)]
#![allow(clippy::collapsible_if)]

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::by_hand::{Any, noted, notes};
use common::{guarded, panic_of};
use turno::runtime::Builder;
use turno::sync::watch::{self, Receiver, Sender};
use turno::task::yield_now;

/// What a wait ends with: the value that was waited for, 0 for a mere change, or `None` for the end.
type Wait = Pin<Box<dyn Future<Output = Option<i64>>>>;

/// One receiver or one wait for the end, real and in the model.
struct Watcher {
    real: Rc<RefCell<Receiver<i64>>>,
    wait: Option<Wait>,
    seen: i64,
    /// The least value that it waits for; `None`: any change.
    wants: Option<i64>,
    asked: bool,
    waker: Waker,
}

/// The model: a value, a count of changes, and two queues of names.
#[derive(Default)]
struct Model {
    value: i64,
    version: i64,
    changes: Vec<usize>,
    ends: Vec<usize>,
    woken: Vec<usize>,
}

impl Model {
    fn tell(&mut self) {
        self.version += 1;
        self.woken.append(&mut self.changes);
    }

    fn wait(queue: &mut Vec<usize>, name: usize) {
        if !queue.contains(&name) {
            queue.push(name);
        }
    }

    /// What a poll of a wait finds.
    fn poll(&mut self, name: usize, w: &mut Watcher, senders: usize) -> Poll<Option<i64>> {
        let changed = std::mem::replace(&mut w.seen, self.version) != self.version;
        let asks = !std::mem::replace(&mut w.asked, true) || changed;
        match w.wants {
            None if changed => return Poll::Ready(Some(0)),
            Some(least) if asks && self.value >= least => return Poll::Ready(Some(self.value)),
            _ => {}
        }
        if senders == 0 {
            return Poll::Ready(None);
        }
        Self::wait(&mut self.changes, name);
        Poll::Pending
    }
}

fn wait(real: &Rc<RefCell<Receiver<i64>>>, wants: Option<i64>) -> Wait {
    let real = real.clone();
    Box::pin(async move {
        let mut receiver = real.borrow_mut();
        match wants {
            None => receiver.changed().await.ok().map(|()| 0),
            Some(least) => {
                receiver.wait_for(|&value| value >= least).await.ok().map(|value| *value)
            }
        }
    })
}

struct World {
    model: Model,
    senders: Vec<Sender<i64>>,
    watchers: BTreeMap<usize, Watcher>,
    closings: BTreeMap<usize, (Pin<Box<dyn Future<Output = ()>>>, Waker)>,
    names: usize,
}

impl World {
    fn new() -> Self {
        let sender = Sender::new(0);
        Self {
            model: Model::default(),
            senders: vec![sender],
            watchers: BTreeMap::new(),
            closings: BTreeMap::new(),
            names: 0,
        }
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    fn add(&mut self, real: Receiver<i64>, seen: i64) {
        let name = self.name();
        let real = Rc::new(RefCell::new(real));
        let waker = notes(name);
        let watcher = Watcher { real, wait: None, seen, wants: None, asked: false, waker };
        self.watchers.insert(name, watcher);
    }

    fn any(&self, u: &mut Unstructured<'_>) -> Result<Option<usize>> {
        let names: Vec<_> = self.watchers.keys().copied().collect();
        Ok(if names.is_empty() { None } else { Some(*u.choose(&names)?) })
    }

    fn send(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let value = u.int_in_range(-3..=9)?;
        let Some(sender) = self.senders.last() else { return Ok(()) };
        let (old, model) = (self.model.value, &mut self.model);
        match u.int_in_range(0..=4)? {
            0 | 1 => {
                let sent = sender.send(value);
                assert_eq!(sent.is_ok(), !self.watchers.is_empty());
                if sent.is_ok() {
                    model.value = value;
                    model.tell();
                }
            }
            2 => {
                assert_eq!(sender.send_replace(value), old);
                model.value = value;
                model.tell();
            }
            3 => {
                let modified = sender.send_if_modified(|now| (*now += value, value > 0).1);
                assert_eq!(modified, value > 0);
                model.value += value;
                if modified {
                    model.tell();
                }
            }
            _ => {
                let panics = |now: &mut i64| {
                    *now -= value;
                    std::panic::resume_unwind(Box::new("on purpose"));
                };
                assert_eq!(panic_of(|| sender.send_modify(panics)), "on purpose");
                model.value -= value;
            }
        }
        Ok(())
    }

    fn poll(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(name) = self.any(u)? else { return Ok(()) };
        let (senders, Some(watcher)) = (self.senders(), self.watchers.get_mut(&name)) else {
            return Ok(());
        };
        if watcher.wait.is_none() {
            watcher.wants = if u.ratio(1, 2)? { Some(u.int_in_range(-5..=12)?) } else { None };
            watcher.asked = false;
            watcher.wait = Some(wait(&watcher.real, watcher.wants));
        }
        if u.ratio(1, 4)? {
            watcher.waker = notes(name);
        }
        let Some(future) = &mut watcher.wait else { return Ok(()) };
        let polled = future.as_mut().poll(&mut Context::from_waker(&watcher.waker));
        assert_eq!(polled, self.model.poll(name, watcher, senders));
        if polled.is_ready() {
            // Kept or dropped, what has ended does not wait.
            watcher.wait = None;
        }
        Ok(())
    }

    /// Looks, or marks.
    fn look(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(name) = self.any(u)? else { return Ok(()) };
        let Some(watcher) = self.watchers.get_mut(&name) else { return Ok(()) };
        if watcher.wait.is_some() {
            return Ok(());
        }
        let mut real = watcher.real.borrow_mut();
        let (value, version) = (self.model.value, self.model.version);
        let changed = watcher.seen != version;
        match u.int_in_range(0..=4)? {
            0 => {
                let has = real.borrow();
                assert_eq!((*has, has.has_changed()), (value, changed));
            }
            1 => {
                let has = real.borrow_and_update();
                assert_eq!((*has, has.has_changed()), (value, changed));
                watcher.seen = version;
            }
            2 => {
                real.mark_changed();
                watcher.seen -= 1;
            }
            3 => {
                real.mark_unchanged();
                watcher.seen = version;
            }
            _ => {
                let has = real.has_changed();
                assert_eq!(
                    has.ok(),
                    (self.senders.len() + self.closings.len() > 0).then_some(changed)
                );
            }
        }
        Ok(())
    }

    /// A wait for the receivers' end keeps a sender.
    fn senders(&self) -> usize {
        self.senders.len() + self.closings.len()
    }

    fn close(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let names: Vec<_> = self.closings.keys().copied().collect();
        let name = if names.is_empty() || u.ratio(1, 3)? {
            let Some(sender) = self.senders.last().cloned() else { return Ok(()) };
            let name = self.name();
            let closed = Box::pin(async move { sender.closed().await });
            self.closings.insert(name, (closed, notes(name)));
            name
        } else {
            *u.choose(&names)?
        };
        let Some((future, waker)) = self.closings.get_mut(&name) else { return Ok(()) };
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        assert_eq!(polled.is_ready(), self.watchers.is_empty());
        if polled.is_ready() || u.ratio(1, 4)? {
            self.closings.remove(&name);
            self.model.ends.retain(|&waits| waits != name);
            self.one_sender_less();
        } else {
            Model::wait(&mut self.model.ends, name);
        }
        Ok(())
    }

    fn one_sender_less(&mut self) {
        if self.senders() == 0 {
            self.model.woken.append(&mut self.model.changes);
        }
    }

    fn handles(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let any = self.any(u)?;
        match (u.int_in_range(0..=7)?, any) {
            (0, _) => self.senders.extend(self.senders.last().cloned()),
            (1, _) => {
                if self.senders.pop().is_some() {
                    self.one_sender_less();
                }
            }
            (2 | 3, _) => {
                if let Some(sender) = self.senders.last() {
                    let real = sender.subscribe();
                    self.add(real, self.model.version);
                }
            }
            (4, Some(name)) if self.watchers[&name].wait.is_none() => {
                let (real, seen) =
                    (self.watchers[&name].real.borrow().clone(), self.watchers[&name].seen);
                self.add(real, seen);
            }
            (5, Some(name)) => {
                // Only the wait.
                if let Some(watcher) = self.watchers.get_mut(&name) {
                    watcher.wait = None;
                }
                self.model.changes.retain(|&waits| waits != name);
            }
            (6, Some(name)) => {
                // All of it.
                self.watchers.remove(&name);
                self.model.changes.retain(|&waits| waits != name);
                if self.watchers.is_empty() {
                    self.model.woken.append(&mut self.model.ends);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    noted();
    let mut world = World::new();
    for _ in 0..u.int_in_range(1..=80)? {
        match u.int_in_range(0..=9)? {
            0..=2 => world.send(u)?,
            3..=5 => world.poll(u)?,
            6 => world.look(u)?,
            7 => world.close(u)?,
            _ => world.handles(u)?,
        }
        eprintln!(
            "ends {:?} changes {:?} senders {} closings {:?} watchers {:?} woken {:?}",
            world.model.ends,
            world.model.changes,
            world.senders.len(),
            world.closings.keys(),
            world.watchers.keys(),
            world.model.woken
        );
        assert_eq!(noted(), std::mem::take(&mut world.model.woken));
        if let Some(sender) = world.senders.last() {
            assert_eq!(sender.receiver_count(), world.watchers.len());
            assert_eq!(*sender.borrow(), world.model.value);
        }
    }
    Ok(())
}

#[test]
fn waits_end_and_wakers_wake_as_in_the_model() {
    guarded(|| {
        arbtest(follow).size_min(128).size_max(2_000).budget_ms(3_000);
    });
}

/// Tasks in any order: whoever is not aborted sees values in order, and the last one.
fn tasks(u: &mut Unstructured<'_>) -> Result<()> {
    let rt = Builder::new().start_paused(true).policy(Any::seeded(u.arbitrary()?)).build().unwrap();
    let (senders, receivers) = (u.int_in_range(1..=3)?, u.int_in_range(1..=6)?);
    let steps =
        (0..u.int_in_range(1..=20)?).map(|_| u.int_in_range(0..=3)).collect::<Result<Vec<u8>>>()?;
    let aborts = (0..u.int_in_range(0..=3)?)
        .map(|_| Ok((u.int_in_range(0..=receivers - 1)?, u.int_in_range(0..=20)?)))
        .collect::<Result<Vec<(usize, usize)>>>()?;
    rt.block_on(async {
        let (sender, receiver) = watch::channel(0_u64);
        let watchers = (0..receivers).map(|at| {
            let mut receiver = receiver.clone();
            turno::spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let next = match at % 2 {
                        0 => receiver.changed().await.map(|()| *receiver.borrow()),
                        _ => {
                            let least = seen.last().copied().unwrap_or(0);
                            receiver.wait_for(|&value| value > least).await.map(|value| *value)
                        }
                    };
                    match next {
                        Ok(value) => seen.push(value),
                        Err(_) => return seen,
                    }
                }
            })
        });
        let watchers: Vec<_> = watchers.collect();
        drop(receiver);
        let senders = (0..senders).map(|_| {
            let (sender, steps) = (sender.clone(), steps.clone());
            turno::spawn(async move {
                for step in steps {
                    sender.send_modify(|value| *value += 1);
                    for _ in 0..step {
                        yield_now().await;
                    }
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        let last = (senders.len() * steps.len()) as u64;
        let closed = turno::spawn(async move { sender.closed().await });
        let aborter = async {
            for round in 0..=20 {
                yield_now().await;
                for (whom, _) in aborts.iter().filter(|(_, when)| *when == round) {
                    watchers[*whom].abort();
                }
            }
        };
        aborter.await;
        for sender in senders {
            sender.await.unwrap();
        }
        // The one who waits for the receivers' end is the last sender.
        closed.abort();
        for watcher in watchers {
            match watcher.await {
                Ok(seen) => {
                    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
                    assert_eq!(seen.last(), Some(&last));
                }
                Err(error) => assert!(error.is_cancelled() && !aborts.is_empty()),
            }
        }
    });
    Ok(())
}

#[test]
fn tasks_in_any_order_see_values_in_order_and_the_last_one() {
    guarded(|| {
        arbtest(tasks).size_min(128).size_max(1_000).budget_ms(2_000);
    });
}
