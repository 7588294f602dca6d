//! Priority inheritance: who holds what somebody more urgent waits for is as urgent (floor 3).
//!
//! Kept in mind are only the locks that ask for it and that tasks wait for right now. Whenever one
//! of these changes hands, or somebody comes or leaves, or a task's own priority changes, what the
//! tasks concerned inherit is reckoned anew from all of them; so the order in which locks are
//! released does not matter, and nothing has to be undone.

use std::cell::Cell;

use super::context;
use super::core::{Core, Shared};
use crate::task::current::{self, LoopKey};
use crate::task::id::Id;
use crate::wait::{Place, moves};

thread_local! {
    static LAST: Cell<u64> = const { Cell::new(0) };
}

/// The locks that hand priority on and that tasks of one runtime wait for.
#[derive(Default)]
pub(crate) struct Contended {
    locks: Vec<Wanted>,
}

struct Wanted {
    lock: u64,
    holder: Option<Id>,
    waiters: Vec<(Place, Id)>,
}

/// What a lock has whose holder inherits.
pub(crate) struct Heirs {
    /// Tells it from all others on its thread.
    lock: u64,
    /// The loop of the task that holds it; 0 if none does.
    of: Cell<LoopKey>,
}

impl Heirs {
    pub(crate) fn new() -> Self {
        let lock = LAST.with(|last| last.replace(last.get() + 1));
        Self { lock, of: Cell::new(0) }
    }

    fn find(&self, locks: &[Wanted]) -> Option<usize> {
        locks.iter().position(|wanted| wanted.lock == self.lock)
    }

    /// Whoever runs has locked it, when nobody waited.
    pub(crate) fn locked(&self) {
        self.of.set(current::key());
    }

    /// Whoever runs has the lock that it was handed at `place`. Mostly that is known: not if it was
    /// handed over where its runtime could not be reached.
    pub(crate) fn takes(&self, place: Place) {
        let waits = |wanted: &Wanted| {
            wanted.lock == self.lock && wanted.waiters.iter().any(|waiter| waiter.0 == place)
        };
        let missed = |shared: &Shared| shared.contended.borrow().locks.iter().any(waits);
        if context::with(missed) == Some(true) {
            self.pass(Some(place));
        }
    }

    /// Whoever runs waits for it at `place`, and `holder` holds it.
    pub(crate) fn waits(&self, place: Place, holder: Option<Id>) {
        change(|shared, locks| {
            let task = current::task().filter(|_| shared.key() == current::key());
            let Some(task) = task else { return Vec::new() };
            let at = self.find(locks).unwrap_or_else(|| {
                let known =
                    |id: &Id| self.of.get() == shared.key() && !moves::has_moved(shared.key(), *id);
                let holder = holder.filter(known);
                locks.push(Wanted { lock: self.lock, holder, waiters: Vec::new() });
                locks.len() - 1
            });
            let waiters = &mut locks[at].waiters;
            match waiters.iter_mut().find(|waiter| waiter.0 == place) {
                Some(waiter) if waiter.1 == task => return Vec::new(),
                Some(waiter) => waiter.1 = task,
                None => waiters.push((place, task)),
            }
            locks[at].holder.into_iter().collect()
        });
    }

    /// Whoever waited at `place` does not any more, and was not handed the lock.
    pub(crate) fn leaves(&self, place: Place) {
        change(|_, locks| {
            let Some(at) = self.find(locks) else { return Vec::new() };
            locks[at].waiters.retain(|waiter| waiter.0 != place);
            let holder = locks[at].holder;
            if locks[at].waiters.is_empty() {
                locks.swap_remove(at);
            }
            holder.into_iter().collect()
        });
    }

    /// The lock goes from its holder to whoever waited at `place`, if anybody did.
    pub(crate) fn pass(&self, place: Option<Place>) {
        self.of.set(0);
        change(|shared, locks| {
            let Some(at) = self.find(locks) else { return Vec::new() };
            let waiters = &mut locks[at].waiters;
            let next = waiters.iter().position(|waiter| Some(waiter.0) == place);
            let next = next.map(|next| waiters.remove(next).1);
            let next = next.filter(|id| !moves::has_moved(shared.key(), *id));
            if next.is_some() {
                self.of.set(shared.key());
            }
            let before = std::mem::replace(&mut locks[at].holder, next);
            if locks[at].waiters.is_empty() {
                locks.swap_remove(at);
            }
            before.into_iter().chain(next).collect()
        });
    }
}

/// Changes what is known of the locks, and then what those tasks inherit that `change` names.
/// Outside of a runtime there is nothing to inherit.
fn change(change: impl FnOnce(&Shared, &mut Vec<Wanted>) -> Vec<Id>) {
    let Some(shared) = context::current() else { return };
    let concerned = change(&shared, &mut shared.contended.borrow_mut().locks);
    shared.bequeath(&concerned);
}

impl Shared {
    /// Futures may have moved from one task to another, with the guards in them. Of a lock that was
    /// taken by a task of which one has moved, it is not known any more which task is to inherit.
    pub(super) fn heed_moves(&self) {
        if moves::movers() == 0 {
            return;
        }
        let (of, limit) = (self.key(), self.movers.get());
        if moves::movers() > limit {
            let core = self.core.borrow();
            moves::retain_movers(of, |id| core.tasks.get(id).is_some());
            self.movers.set(2 * moves::movers().max(64));
        }
        let mut contended = self.contended.borrow_mut();
        let moved = |wanted: &mut Wanted| wanted.holder.take_if(|id| moves::has_moved(of, *id));
        let concerned: Vec<Id> = contended.locks.iter_mut().filter_map(moved).collect();
        drop(contended);
        self.bequeath(&concerned);
    }

    /// Reckons anew what these tasks inherit, and all who hold what they wait for.
    pub(crate) fn bequeath(&self, concerned: &[Id]) {
        if concerned.is_empty() {
            return;
        }
        // Inside of a policy or an observer it has to wait for the next occasion.
        let Ok(mut core) = self.core.try_borrow_mut() else { return };
        let inherited = self.contended.borrow().reckon(&core, concerned);
        for (task, priority) in inherited {
            core.set_inherited(task, priority);
        }
    }
}

impl Contended {
    /// Whether nobody waits for such a lock.
    pub(crate) fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }

    /// What these tasks inherit, and those on whom they wait, and so on: the least that is
    /// consistent, so that tasks which wait for each other do not keep each other urgent.
    fn reckon(&self, core: &Core, concerned: &[Id]) -> Vec<(Id, u8)> {
        let mut heirs: Vec<(Id, u8)> = Vec::new();
        let add = |heirs: &mut Vec<(Id, u8)>, task| {
            if heirs.iter().all(|heir| heir.0 != task) {
                heirs.push((task, 0));
            }
        };
        concerned.iter().for_each(|task| add(&mut heirs, *task));
        let mut at = 0;
        while let Some(&(task, _)) = heirs.get(at) {
            let waits = |wanted: &&Wanted| wanted.waiters.iter().any(|waiter| waiter.1 == task);
            let holders = self.locks.iter().filter(waits).filter_map(|wanted| wanted.holder);
            holders.for_each(|holder| add(&mut heirs, holder));
            at += 1;
        }
        loop {
            let mut changed = false;
            for at in 0..heirs.len() {
                let (task, was) = heirs[at];
                let held = self.locks.iter().filter(|wanted| wanted.holder == Some(task));
                let waiters = held.flat_map(|wanted| &wanted.waiters);
                let urgent = waiters.map(|waiter| urgency(core, &heirs, waiter.1)).max();
                heirs[at].1 = urgent.unwrap_or(0);
                changed |= heirs[at].1 != was;
            }
            if !changed {
                return heirs;
            }
        }
    }
}

/// How urgent a task is that waits: if it is one of the heirs, with what it inherits itself.
fn urgency(core: &Core, heirs: &[(Id, u8)], task: Id) -> u8 {
    let Some(slot) = core.tasks.get(task) else { return 0 };
    match heirs.iter().find(|heir| heir.0 == task) {
        Some((_, inherited)) => slot.info.attributes().priority.max(*inherited),
        None => slot.info.priority(),
    }
}
