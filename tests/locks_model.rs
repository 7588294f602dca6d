//! Whatever those do who want a lock or permits: they are served like a list of those who wait.

mod common;

use std::collections::{BTreeMap, VecDeque};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::crowd::{Crowd, Model};
use common::guarded;
use turno::sync::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit,
    TryAcquireError,
};

/// The model of all three: so many permits, and a list of those who wait. Who is first gets what is
/// put back until it has all that it wants.
#[derive(Default)]
struct Permits {
    free: usize,
    closed: bool,
    /// What each wanted who has come, by its number.
    wants: Vec<usize>,
    /// Who waits, and how many it lacks.
    queue: VecDeque<(usize, usize)>,
    /// Who has left the queue, was woken, and has not been polled since; and how many it has got.
    told: BTreeMap<usize, usize>,
}

impl Permits {
    fn new(free: usize) -> Self {
        Self { free, ..Self::default() }
    }

    /// Somebody is about to come.
    fn add(&mut self, wants: usize) {
        self.wants.push(wants);
    }

    fn put(&mut self, n: usize) {
        self.free += n;
        while let Some((k, lacks)) = self.queue.pop_front() {
            if lacks > self.free {
                self.queue.push_front((k, lacks - self.free));
                self.free = 0;
                break;
            }
            self.free -= lacks;
            self.told.insert(k, self.wants[k]);
        }
    }

    fn try_take(&mut self, n: usize) -> bool {
        let can = !self.closed && n <= self.free;
        self.free -= if can { n } else { 0 };
        can
    }

    fn leave(&mut self, k: usize) {
        let got = match self.queue.iter().position(|waits| waits.0 == k) {
            Some(at) => {
                let (_, lacks) = self.queue.remove(at).unwrap();
                self.wants[k] - lacks
            }
            None => self.told.remove(&k).unwrap(),
        };
        self.put(got);
    }

    fn close(&mut self) {
        self.closed = true;
        for (k, lacks) in self.queue.drain(..) {
            self.told.insert(k, self.wants[k] - lacks);
        }
    }
}

impl Model for Permits {
    fn woken(&self) -> Vec<usize> {
        self.told.keys().copied().collect()
    }

    fn poll(&mut self, k: usize) -> Option<String> {
        let waits = self.queue.iter().any(|waits| waits.0 == k);
        if self.closed {
            if let Some(got) = self.told.remove(&k) {
                self.put(got);
            }
            return Some("closed".into());
        }
        if self.told.remove(&k).is_some() || (!waits && self.try_take(self.wants[k])) {
            return Some("has it".into());
        }
        if !waits {
            self.queue.push_back((k, self.wants[k]));
            self.put(0);
        }
        None
    }
}

/// Guards borrow what they guard; what is leaked lives as long as any of them.
fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// One of those who wait leaves.
fn leave<T>(u: &mut Unstructured<'_>, crowd: &mut Crowd<T>, model: &mut Permits) -> Result<()> {
    let waiting: Vec<_> = (0..crowd.len()).filter(|k| crowd.waits(*k)).collect();
    if !waiting.is_empty() {
        let k = *u.choose(&waiting)?;
        model.leave(k);
        crowd.drop(model, k);
    }
    Ok(())
}

fn mutex(u: &mut Unstructured<'_>) -> Result<()> {
    let mutex = leaked(Mutex::new(0));
    let mut model = Permits::new(1);
    let mut crowd: Crowd<MutexGuard<'static, u32>> = Crowd::new(u, |_| "has it".into())?;
    let mut held = Vec::new();
    for _ in 0..u.int_in_range(1..=40)? {
        match u.int_in_range(0..=9)? {
            0..=3 => {
                model.add(1);
                crowd.join(&mut model, mutex.lock());
            }
            4..=6 if !held.is_empty() => {
                held.clear();
                model.put(1);
            }
            7 => match mutex.try_lock() {
                Ok(guard) => {
                    assert!(model.try_take(1));
                    held.push(guard);
                }
                Err(_) => assert!(!model.try_take(1)),
            },
            _ => leave(u, &mut crowd, &mut model)?,
        }
        for (_, mut guard) in crowd.check(&mut model, u)? {
            *guard += 1;
            held.push(guard);
        }
        assert!(held.len() <= 1);
    }
    Ok(())
}

enum Either {
    Reads(#[expect(dead_code)] RwLockReadGuard<'static, ()>),
    Writes(RwLockWriteGuard<'static, ()>),
}

fn rwlock(u: &mut Unstructured<'_>) -> Result<()> {
    let most = u.int_in_range(1..=4)?;
    let rwlock = leaked(RwLock::with_max_readers((), most as u32));
    let mut model = Permits::new(most);
    let mut crowd: Crowd<Either> = Crowd::new(u, |_| "has it".into())?;
    let mut held: Vec<Either> = Vec::new();
    for _ in 0..u.int_in_range(1..=60)? {
        match u.int_in_range(0..=11)? {
            0..=2 => {
                model.add(1);
                crowd.join(&mut model, async { Either::Reads(rwlock.read().await) });
            }
            3..=4 => {
                model.add(most);
                crowd.join(&mut model, async { Either::Writes(rwlock.write().await) });
            }
            5..=7 if !held.is_empty() => match held.swap_remove(u.choose_index(held.len())?) {
                Either::Writes(guard) if u.arbitrary()? => {
                    held.push(Either::Reads(guard.downgrade()));
                    model.put(most - 1);
                }
                Either::Writes(_) => model.put(most),
                Either::Reads(_) => model.put(1),
            },
            8 => match rwlock.try_read() {
                Ok(guard) => {
                    assert!(model.try_take(1));
                    held.push(Either::Reads(guard));
                }
                Err(_) => assert!(!model.try_take(1)),
            },
            9 => match rwlock.try_write() {
                Ok(guard) => {
                    assert!(model.try_take(most));
                    held.push(Either::Writes(guard));
                }
                Err(_) => assert!(!model.try_take(most)),
            },
            _ => leave(u, &mut crowd, &mut model)?,
        }
        held.extend(crowd.check(&mut model, u)?.into_iter().map(|(_, guard)| guard));
    }
    Ok(())
}

type Permit = SemaphorePermit<'static>;

/// Something is done to what somebody holds.
fn handle(u: &mut Unstructured<'_>, held: &mut Vec<Permit>, model: &mut Permits) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    let mut permit = held.swap_remove(u.choose_index(held.len())?);
    match u.int_in_range(0..=6)? {
        0 => permit.forget(),
        1 => {
            let (had, part) = (permit.num_permits(), u.int_in_range(0..=4)?);
            let split = permit.split(part);
            assert_eq!(split.as_ref().map(Permit::num_permits), (part <= had).then_some(part));
            held.extend(split);
            held.push(permit);
        }
        2 if !held.is_empty() => {
            let other = held.swap_remove(u.choose_index(held.len())?);
            permit.merge(other);
            held.push(permit);
        }
        _ => {
            model.put(permit.num_permits());
            drop(permit);
        }
    }
    Ok(())
}

fn semaphore(u: &mut Unstructured<'_>) -> Result<()> {
    let permits = u.int_in_range(0..=5)?;
    let semaphore = leaked(Semaphore::new(permits));
    let mut model = Permits::new(permits);
    let line = |with: &Option<Permit>| if with.is_some() { "has it" } else { "closed" }.to_string();
    let mut crowd: Crowd<Option<Permit>> = Crowd::new(u, line)?;
    let mut held: Vec<Permit> = Vec::new();
    for _ in 0..u.int_in_range(1..=60)? {
        let n = u.int_in_range(0..=4)?;
        match u.int_in_range(0..=31)? {
            0..=9 => {
                model.add(n);
                crowd.join(&mut model, async move { semaphore.acquire_many(n as u32).await.ok() });
            }
            10..=18 => handle(u, &mut held, &mut model)?,
            19..=22 => match semaphore.try_acquire_many(n as u32) {
                Ok(permit) => {
                    assert!(model.try_take(n));
                    held.push(permit);
                }
                Err(why) => {
                    assert!(!model.try_take(n));
                    assert_eq!(why == TryAcquireError::Closed, model.closed);
                }
            },
            23..=24 => {
                semaphore.add_permits(n);
                model.put(n);
            }
            25 => {
                let gone = semaphore.forget_permits(n);
                assert_eq!(gone, n.min(model.free));
                model.free -= gone;
            }
            26 => {
                semaphore.close();
                model.close();
            }
            _ => leave(u, &mut crowd, &mut model)?,
        }
        held.extend(crowd.check(&mut model, u)?.into_iter().filter_map(|(_, permit)| permit));
        assert_eq!(semaphore.available_permits(), model.free);
        assert_eq!(semaphore.is_closed(), model.closed);
    }
    Ok(())
}

#[test]
fn a_mutex_serves_like_a_list() {
    guarded(|| {
        arbtest(mutex).size_min(64).size_max(2_000).budget_ms(2_000);
    });
}

#[test]
fn an_rwlock_serves_like_a_list() {
    guarded(|| {
        arbtest(rwlock).size_min(64).size_max(2_000).budget_ms(2_000);
    });
}

#[test]
fn a_semaphore_serves_like_a_list() {
    guarded(|| {
        arbtest(semaphore).size_min(64).size_max(2_000).budget_ms(3_000);
    });
}
