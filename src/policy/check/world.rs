//! Tasks without a runtime: a table that reuses places as the real one does, and a clock set by
//! hand (floor 1).

use super::super::{Lookup, Rng, Tasks};
use crate::task::id::Id;
use crate::task::info::{Attributes, Nanos, TaskInfo};

/// What tasks are called, in turn.
const NAMES: [Option<&str>; 7] =
    [None, None, Some("conn"), Some(""), Some("\u{e1}\u{2713} a longer name"), None, Some("conn")];

pub(super) struct World {
    pub(super) now: Nanos,
    places: Vec<Option<TaskInfo>>,
    /// Places to use again, the last one freed first.
    free: Vec<u32>,
    spawned: u64,
    rng: Rng,
    seed: u64,
}

impl World {
    pub(super) fn new(seed: u64, now: Nanos) -> Self {
        let (places, free) = (Vec::new(), Vec::new());
        Self { now, places, free, spawned: 0, rng: Rng::new(seed), seed }
    }

    /// An id and a place for one more task.
    pub(super) fn reserve(&mut self) -> Id {
        self.spawned += 1;
        let index = self.free.pop().unwrap_or(self.places.len() as u32);
        if index as usize == self.places.len() {
            self.places.push(None);
        }
        Id::new(index, self.spawned)
    }

    pub(super) fn insert(&mut self, id: Id, attributes: Attributes) {
        let name = NAMES[id.serial() as usize % NAMES.len()];
        self.places[id.index()] = Some(TaskInfo::new(id, name, attributes, self.now));
    }

    pub(super) fn remove(&mut self, id: Id) {
        self.places[id.index()] = None;
        self.free.push(id.index() as u32);
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut TaskInfo> {
        self.places.get_mut(id.index())?.as_mut().filter(|task| task.id() == id)
    }

    /// As when the policy is swapped: the next one has each task's cell to itself.
    pub(super) fn clear_tags(&self) {
        self.places.iter().flatten().for_each(|task| task.set_tag(0));
    }

    pub(super) fn tasks(&self) -> Tasks<'_> {
        Tasks::new(self, &self.rng)
    }

    /// Whether anybody has drawn a random number. Draws one, so it is the last thing to ask.
    pub(super) fn drew(&self) -> bool {
        self.rng.next() != Rng::new(self.seed).next()
    }
}

impl Lookup for World {
    fn get(&self, id: Id) -> Option<&TaskInfo> {
        self.places.get(id.index())?.as_ref().filter(|task| task.id() == id)
    }
}

/// A policy in a world of its own, for the tests of one policy.
#[cfg(test)]
pub(in crate::policy) struct Bench<P> {
    pub(in crate::policy) policy: P,
    world: World,
}

#[cfg(test)]
impl<P: super::super::Policy> Bench<P> {
    pub(in crate::policy) fn new(policy: P) -> Self {
        Self { policy, world: World::new(0, 0) }
    }

    pub(in crate::policy) fn spawn<const N: usize>(&mut self, all: [Attributes; N]) -> [Id; N] {
        all.map(|attributes| {
            let id = self.world.reserve();
            self.world.insert(id, attributes);
            self.ready(id, Cause::Spawn { by: None });
            id
        })
    }

    pub(in crate::policy) fn wake(&mut self, id: Id) {
        if self.world.get(id).is_some_and(|task| task.state() == State::Waiting) {
            self.ready(id, Cause::Outside);
        }
    }

    fn ready(&mut self, id: Id, cause: Cause) {
        let now = self.world.now;
        let task = self.world.get_mut(id).unwrap();
        task.woken(cause, now);
        self.policy.ready(task, now);
    }

    /// The next task that is not gone.
    pub(in crate::policy) fn pick(&mut self) -> Option<Id> {
        loop {
            match self.policy.pick(&self.world.tasks(), self.world.now) {
                Pick::Task(id) if self.world.get(id).is_none() => {}
                Pick::Task(id) => return Some(id),
                _ => return None,
            }
        }
    }

    pub(in crate::policy) fn yielded(&mut self, id: Id, ran: Nanos) {
        self.ran(id, ran, Left::Yielded);
        self.ready(id, Cause::Yield);
    }

    pub(in crate::policy) fn waits(&mut self, id: Id, ran: Nanos) {
        self.ran(id, ran, Left::Waiting);
    }

    pub(in crate::policy) fn done(&mut self, id: Id) {
        self.ran(id, 1, Left::Done);
        self.world.remove(id);
    }

    fn ran(&mut self, id: Id, ran: Nanos, left: Left) {
        self.world.now += ran;
        let now = self.world.now;
        let task = self.world.get_mut(id).unwrap();
        task.switched(ran, left);
        self.policy.ran(task, ran, left, now);
    }

    pub(in crate::policy) fn abort(&mut self, id: Id) {
        self.world.remove(id);
        self.policy.forget(id);
    }

    pub(in crate::policy) fn update(&mut self, id: Id, attributes: Attributes) {
        let task = self.world.get_mut(id).unwrap();
        task.set_attributes(attributes);
        self.policy.changed(task);
    }

    pub(in crate::policy) fn pass(&mut self, nanos: Nanos) {
        self.world.now += nanos;
    }

    pub(in crate::policy) fn queue(&self, most: usize) -> Vec<Id> {
        self.policy.queue(&self.world.tasks(), most)
    }

    pub(in crate::policy) fn drain(&mut self) -> Vec<Id> {
        std::iter::from_fn(|| self.pick()).collect()
    }
}

#[cfg(test)]
use {
    super::super::Pick,
    crate::task::info::{Cause, Left, State},
};
