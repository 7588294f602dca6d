//! Whatever those do who wait for a word, for one another or for a value: a model made of lists says
//! who goes on.

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::crowd::{Crowd, Model};
use common::{Gate, guarded};
use futures_util::FutureExt;
use turno::sync::futures::Notified;
use turno::sync::{Barrier, Notify, OnceCell, SetError};

#[derive(Clone, Copy, PartialEq)]
enum Said {
    First,
    Last,
    All,
}

/// The model of a `Notify`.
#[derive(Default)]
struct Ears {
    kept: bool,
    told_all: usize,
    /// For each who was created: how often all had been told by then.
    created: Vec<usize>,
    queue: VecDeque<usize>,
    /// Who waited, was told, and has not been polled since.
    told: BTreeMap<usize, Said>,
    /// Who knows already, though it has not been polled to its end.
    knows: Vec<usize>,
    /// Who was enabled and has never been polled: nobody wakes it.
    unpolled: Vec<usize>,
}

impl Ears {
    fn say(&mut self, said: Said) {
        let whom = match said {
            Said::First => self.queue.pop_front(),
            Said::Last => self.queue.pop_back(),
            Said::All => {
                self.told_all += 1;
                self.told.extend(self.queue.drain(..).map(|k| (k, Said::All)));
                return;
            }
        };
        match whom {
            Some(k) => drop(self.told.insert(k, said)),
            None => self.kept = true,
        }
    }

    /// It looks whether it was told, and waits if not.
    fn listen(&mut self, k: usize) -> bool {
        if self.knows.contains(&k) || self.told.remove(&k).is_some() {
            self.knows.push(k);
            return true;
        }
        if self.queue.contains(&k) {
            return false;
        }
        let told = self.created[k] != self.told_all || std::mem::take(&mut self.kept);
        if told {
            self.knows.push(k);
        } else {
            self.queue.push_back(k);
        }
        told
    }

    fn leave(&mut self, k: usize) {
        self.queue.retain(|other| *other != k);
        match self.told.remove(&k) {
            Some(said) if said != Said::All => self.say(said),
            _ => {}
        }
    }
}

impl Model for Ears {
    fn woken(&self) -> Vec<usize> {
        self.told.keys().copied().filter(|k| !self.unpolled.contains(k)).collect()
    }

    fn poll(&mut self, k: usize) -> Option<String> {
        self.unpolled.retain(|other| *other != k);
        self.listen(k).then(|| "told".into())
    }
}

fn notify(u: &mut Unstructured<'_>) -> Result<()> {
    let notify: &'static Notify = Box::leak(Box::default());
    let mut model = Ears::default();
    let mut crowd: Crowd<()> = Crowd::new(u, |()| "told".into())?;
    // Created, perhaps enabled, and not yet polled; they come to the crowd in this order.
    let mut created: VecDeque<Pin<Box<Notified<'static>>>> = VecDeque::new();
    for _ in 0..u.int_in_range(1..=60)? {
        match u.int_in_range(0..=11)? {
            0..=2 => {
                created.push_back(Box::pin(notify.notified()));
                model.created.push(model.told_all);
            }
            3..=5 => {
                if let Some(notified) = created.pop_front() {
                    crowd.join(&mut model, notified);
                }
            }
            6 if !created.is_empty() => {
                let at = u.choose_index(created.len())?;
                let k = crowd.len() + at;
                model.unpolled.push(k);
                assert_eq!(created[at].as_mut().enable(), model.listen(k));
            }
            7 => {
                notify.notify_one();
                model.say(Said::First);
            }
            8 => {
                notify.notify_last();
                model.say(Said::Last);
            }
            9 => {
                notify.notify_waiters();
                model.say(Said::All);
            }
            _ => {
                let waiting: Vec<_> = (0..crowd.len()).filter(|k| crowd.waits(*k)).collect();
                if !waiting.is_empty() {
                    let k = *u.choose(&waiting)?;
                    model.leave(k);
                    crowd.drop(&mut model, k);
                }
            }
        }
        crowd.check(&mut model, u)?;
    }
    for k in (0..crowd.len()).filter(|k| crowd.waits(*k)).collect::<Vec<_>>() {
        model.leave(k);
        crowd.drop(&mut model, k);
    }
    for k in crowd.len()..crowd.len() + created.len() {
        model.leave(k);
        created.pop_front();
    }
    assert_eq!(notify.notified().now_or_never().is_some(), model.kept);
    Ok(())
}

/// The model of a `Barrier`.
#[derive(Default)]
struct Here {
    n: usize,
    here: Vec<usize>,
    told: Vec<usize>,
}

impl Model for Here {
    fn woken(&self) -> Vec<usize> {
        self.told.clone()
    }

    fn poll(&mut self, k: usize) -> Option<String> {
        if self.told.contains(&k) {
            self.told.retain(|other| *other != k);
            return Some("false".into());
        }
        if self.here.contains(&k) {
            return None;
        }
        if self.here.len() + 1 >= self.n {
            self.told.append(&mut self.here);
            return Some("true".into());
        }
        self.here.push(k);
        None
    }
}

fn barrier(u: &mut Unstructured<'_>) -> Result<()> {
    let n = u.int_in_range(0..=4)?;
    let barrier: &'static Barrier = Box::leak(Box::new(Barrier::new(n)));
    let mut model = Here { n, ..Here::default() };
    let mut crowd: Crowd<bool> = Crowd::new(u, bool::to_string)?;
    for _ in 0..u.int_in_range(1..=60)? {
        if u.ratio(2, 3)? {
            crowd.join(&mut model, async { barrier.wait().await.is_leader() });
        } else {
            let waiting: Vec<_> = (0..crowd.len()).filter(|k| crowd.waits(*k)).collect();
            if !waiting.is_empty() {
                let k = *u.choose(&waiting)?;
                model.here.retain(|other| *other != k);
                model.told.retain(|other| *other != k);
                crowd.drop(&mut model, k);
            }
        }
        crowd.check(&mut model, u)?;
    }
    Ok(())
}

/// How one who makes the value ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Value(usize),
    Fails,
    Panics,
}

/// The model of a `OnceCell`.
#[derive(Default)]
struct Filling {
    value: Option<usize>,
    /// Who makes the value, or was handed the right to; whether it has begun; and how it will end.
    making: Option<(usize, bool, Option<End>)>,
    queue: VecDeque<usize>,
    told: Vec<usize>,
}

impl Filling {
    fn fill(&mut self, value: usize) {
        (self.value, self.making) = (Some(value), None);
        self.told.extend(self.queue.drain(..));
    }

    fn give_up(&mut self) {
        self.making = self.queue.pop_front().map(|k| (k, false, None));
    }
}

impl Model for Filling {
    fn woken(&self) -> Vec<usize> {
        let making = self.making.filter(|(_, begun, end)| !begun || end.is_some());
        self.told.iter().copied().chain(making.map(|making| making.0)).collect()
    }

    fn poll(&mut self, k: usize) -> Option<String> {
        match (self.value, self.making) {
            (Some(value), _) => {
                self.told.retain(|other| *other != k);
                return Some(format!("{value}"));
            }
            (None, None) => self.making = Some((k, true, None)),
            (None, Some((maker, _, end))) if maker == k => match end {
                None => self.making = Some((k, true, None)),
                Some(End::Value(value)) => {
                    self.fill(value);
                    return Some(format!("{value}"));
                }
                Some(end) => {
                    self.give_up();
                    return Some(format!("{end:?}"));
                }
            },
            _ if self.queue.contains(&k) => {}
            _ => self.queue.push_back(k),
        }
        None
    }
}

/// Tells the one who makes the value how to end.
type Word = Rc<RefCell<Option<End>>>;

async fn make(gate: Gate, word: Word) -> std::result::Result<usize, ()> {
    gate.await;
    match word.take() {
        Some(End::Value(value)) => Ok(value),
        Some(End::Panics) => resume_unwind(Box::new("on purpose")),
        _ => Err(()),
    }
}

async fn fill(cell: &'static OnceCell<usize>, gate: Gate, word: Word) -> String {
    let filled = cell.get_or_try_init(|| make(gate, word));
    match AssertUnwindSafe(filled).catch_unwind().await {
        Ok(Ok(value)) => value.to_string(),
        Ok(Err(())) => format!("{:?}", End::Fails),
        Err(_) => format!("{:?}", End::Panics),
    }
}

fn once_cell(u: &mut Unstructured<'_>) -> Result<()> {
    let cell: &'static OnceCell<usize> = Box::leak(Box::default());
    let mut model = Filling::default();
    let mut crowd: Crowd<String> = Crowd::new(u, String::clone)?;
    let mut words: Vec<(Gate, Word)> = Vec::new();
    for n in 0..u.int_in_range(1..=40)? {
        match u.int_in_range(0..=9)? {
            0..=3 => {
                let (gate, word) = (Gate::new(), Word::default());
                words.push((gate.clone(), word.clone()));
                crowd.join(&mut model, fill(cell, gate, word));
            }
            4..=6 => {
                if let Some((k, true, end @ None)) = &mut model.making {
                    let says = [End::Value(n), End::Fails, End::Fails, End::Panics];
                    *end = Some(*u.choose(&says)?);
                    *words[*k].1.borrow_mut() = *end;
                    words[*k].0.open();
                }
            }
            7 => {
                let expected = match (model.value, model.making) {
                    (Some(_), _) => Err(SetError::AlreadyInitializedError(n)),
                    (None, Some(_)) => Err(SetError::InitializingError(n)),
                    (None, None) => Ok(()),
                };
                assert_eq!(cell.set(n), expected);
                if expected.is_ok() {
                    model.fill(n);
                }
            }
            _ => {
                let waiting: Vec<_> = (0..crowd.len()).filter(|k| crowd.waits(*k)).collect();
                if !waiting.is_empty() {
                    let k = *u.choose(&waiting)?;
                    model.queue.retain(|other| *other != k);
                    model.told.retain(|other| *other != k);
                    if model.making.is_some_and(|making| making.0 == k) {
                        model.give_up();
                    }
                    crowd.drop(&mut model, k);
                }
            }
        }
        crowd.check(&mut model, u)?;
        assert_eq!(cell.get(), model.value.as_ref());
        assert_eq!(cell.initialized(), model.value.is_some());
    }
    Ok(())
}

#[test]
fn a_notify_tells_like_a_list() {
    guarded(|| {
        arbtest(notify).size_min(64).size_max(2_000).budget_ms(2_000);
    });
}

#[test]
fn a_barrier_opens_like_a_list() {
    guarded(|| {
        arbtest(barrier).size_min(64).size_max(2_000).budget_ms(1_500);
    });
}

#[test]
fn a_once_cell_is_filled_like_a_list() {
    guarded(|| {
        arbtest(once_cell).size_min(64).size_max(2_000).budget_ms(2_000);
    });
}
