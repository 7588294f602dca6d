//! Stride scheduling: switches in proportion to weight, in a fixed order (floor 1).
//!
//! Good for: what a [`Lottery`](super::Lottery) is for, without the luck: of any two tasks that are
//! always ready, neither is ever more than one switch off its share. Bad for: tasks whose switches
//! differ in length: a ticket is a share of the switches, not of the time ([`Fair`](super::Fair)
//! shares that); and many small tasks beside a large one, which may all come before it. Starves
//! no task: `W` being the weights of all that are ready in the meantime, newcomers too, one of
//! weight `w` that has run waits for `2 W / w` switches of the others and one of each at most; one
//! that comes is queued no later than one of the others. Cost: O(log n) in the number of tasks
//! ready.
//!
//! Each task has a pass, which a switch moves on by its stride, the inverse of its weight
//! (Waldspurger, 1995). The least pass runs. Newcomers and sleepers join at the global pass, unless
//! their own is later. Each switch moves that on by what the stride of all together would be: so
//! tasks that come, run once and are gone cannot hold it still.

use std::time::Duration;

use super::shares::Shares;
use super::weighed::weighed;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Left, Nanos, TaskInfo};

/// The stride of weight 1. Passes run out after 2^44 switches of a task of weight 1, which takes
/// weeks of nothing else; from there on it is first ready, first run.
const ONE: u64 = 1 << 20;

/// Switches in proportion to [weight](TaskInfo::weight), in a fixed order.
#[derive(Clone, Debug, Default)]
pub struct Stride {
    /// By pass.
    shares: Shares,
    quantum: Option<Nanos>,
    /// The weight of the last one picked.
    last: Option<u32>,
}

impl Stride {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns): among tasks
    /// that only work, shares of switches are then shares of time.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }
}

impl Policy for Stride {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.shares.push(task, 0);
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        let Some((_, id)) = self.shares.pop() else { return Pick::Nobody };
        self.last = tasks.get(id).map(TaskInfo::weight);
        Pick::Task(id)
    }

    fn ran(&mut self, task: &TaskInfo, _: Nanos, left: Left, _: Nanos) {
        let stride = weighed(task.switches().saturating_sub(1), 1, ONE, task.weight());
        self.shares.charge(task, stride, left);
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
    }

    fn forget(&mut self, id: Id) {
        self.shares.remove(id);
    }

    fn changed(&mut self, task: &TaskInfo) {
        self.shares.changed(task);
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.shares.first(most)
    }

    fn explain(&self) -> String {
        let last = self.last;
        last.map_or_else(String::new, |weight| format!("least pass, weight {weight}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;
    use crate::task::info::Attributes;

    fn weighing(weight: u32) -> Attributes {
        Attributes { weight, ..Attributes::default() }
    }

    #[test]
    fn the_order_repeats_itself_and_run_time_does_not_count() {
        let mut bench = Bench::new(Stride::new());
        let [a, b, c] = bench.spawn([3, 2, 1].map(weighing));
        let order: Vec<_> = std::iter::from_fn(|| {
            bench.pick().inspect(|&id| bench.yielded(id, if id == a { 1_000 } else { 0 }))
        })
        .take(12)
        .collect();
        assert_eq!(order[..6], [a, b, c, a, b, a]);
        assert_eq!(order[6..].iter().filter(|&&id| id == a).count(), 3);
        assert_eq!(bench.queue(9).len(), 3);
        bench.update(c, weighing(7));
        bench.abort(a);
        bench.drain();
        assert!(bench.policy.explain().starts_with("least pass, weight "));
    }

    #[test]
    fn who_sleeps_saves_nothing() {
        let mut bench = Bench::new(Stride::new());
        let [a, b] = bench.spawn([(); 2].map(|()| Attributes::default()));
        assert_eq!([bench.pick(), bench.pick()], [Some(a), Some(b)]);
        bench.waits(a, 1);
        bench.yielded(b, 1);
        for _ in 0..100 {
            assert_eq!(bench.pick(), Some(b));
            bench.yielded(b, 1);
        }
        bench.wake(a);
        let order: Vec<_> = std::iter::from_fn(|| bench.pick().inspect(|&id| bench.yielded(id, 1)))
            .take(6)
            .collect();
        assert_eq!(order, [b, a, b, a, b, a]);
    }
}
