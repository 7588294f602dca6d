//! Ready tasks by virtual time, and the virtual time of all (floor 1).
//!
//! What [`Fair`](super::Fair) and [`Stride`](super::Stride) keep. The virtual time of a task is
//! what it has had over its weight. That of all advances with whatever any of them has, over the
//! weights of all that are ready or running: it is the global pass of Waldspurger (1995). So tasks
//! that come there, run once and are gone cannot hold it still, as they can where it follows only
//! the least that is ready, and whoever waits ahead of it is reached.
//!
//! It is kept among those that are ready: not behind the one that was picked last, and not moved
//! past the last in the queue. Else what the departed have left unpaid would add up, switch by
//! switch, and newcomers would have to wait for it.
//!
//! Cost: O(log n) in the number of tasks ready.

use super::keyed::Keyed;
use crate::task::id::Id;
use crate::task::info::{Left, TaskInfo};

/// Ready tasks by virtual time. A task's is its tag.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    keyed: Keyed,
    /// The virtual time of all, in parts: beside many, what one has moves it by less than one.
    now: u128,
    /// The latest virtual time in the queue, or later.
    furthest: u64,
    /// The weights of all that are ready or running, in all.
    weight: u64,
    /// Which these are, and what each weighs in it, by the index of its id.
    counted: Vec<Option<(Id, u32)>>,
}

/// How many bits of the virtual time of all are parts of one.
const PART: u32 = 32;

impl Shares {
    /// Queues the task at its own virtual time. One that comes back is no more than `credit` before
    /// that of all, and a newcomer starts there.
    pub(super) fn push(&mut self, task: &TaskInfo, credit: u64) {
        if !self.count(task) {
            let now = self.now();
            let own = task.tag().max(now.saturating_sub(credit));
            task.set_tag(if task.switches() == 0 { now } else { own });
        }
        self.furthest = match self.keyed.is_empty() {
            true => task.tag(),
            false => self.furthest.max(task.tag()),
        };
        self.keyed.push(task.tag(), task.id());
    }

    /// Takes the task with the least virtual time, and that.
    pub(super) fn pop(&mut self) -> Option<(u64, Id)> {
        let (least, id) = self.keyed.pop()?;
        self.now = self.now.max(u128::from(least) << PART);
        Some((least, id))
    }

    /// The task has run: its virtual time moves on by `charge`, and that of all by its part of it.
    pub(super) fn charge(&mut self, task: &TaskInfo, charge: u64, left: Left) {
        self.count(task);
        let had = u128::from(charge) * u128::from(task.weight());
        let then = self.now + ((had << PART) / u128::from(self.weight)).max(1);
        task.set_tag(task.tag().saturating_add(charge));
        let back = if left == Left::Yielded { task.tag() } else { 0 };
        let most = u128::from(self.furthest.max(back)) << PART;
        self.now = if self.keyed.is_empty() { then } else { self.now.max(then.min(most)) };
        if left != Left::Yielded {
            self.discount(task.id());
        }
    }

    /// The weight of a queued task was changed.
    pub(super) fn changed(&mut self, task: &TaskInfo) {
        self.count(task);
    }

    /// Takes the task out.
    pub(super) fn remove(&mut self, id: Id) {
        self.keyed.remove(id);
        self.discount(id);
    }

    /// The tasks in the order in which they would be picked.
    pub(super) fn first(&self, most: usize) -> Vec<Id> {
        self.keyed.first(most)
    }

    /// The virtual time of all, rounded up: a part that is lost at each start would add up.
    fn now(&self) -> u64 {
        let up = (self.now + ((1 << PART) - 1)) >> PART;
        u64::try_from(up).unwrap_or(u64::MAX)
    }

    /// The task counts with the weight that it has now. Whether it did count.
    fn count(&mut self, task: &TaskInfo) -> bool {
        let index = task.id().index();
        if self.counted.len() <= index {
            self.counted.resize(index + 1, None);
        }
        let before = self.counted[index].replace((task.id(), task.weight()));
        self.weight -= before.map_or(0, |(_, weight)| u64::from(weight));
        self.weight += u64::from(task.weight());
        before.is_some_and(|(id, _)| id == task.id())
    }

    fn discount(&mut self, id: Id) {
        let counted = self.counted.get_mut(id.index());
        let counted = counted.and_then(|counted| counted.take_if(|(other, _)| *other == id));
        self.weight -= counted.map_or(0, |(_, weight)| u64::from(weight));
    }
}
