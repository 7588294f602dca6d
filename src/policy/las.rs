//! Least attained service first (floor 1).
//!
//! Good for: many short tasks and a few long ones whose sizes nobody knows: what has run little is
//! likely to be done soon. Bad for: tasks of the same size, which all finish at the end, together.
//! Starves: what has run long, for as long as newer ones keep coming. Cost: O(log n) in the number
//! of tasks ready.

use std::time::Duration;

use super::keyed::Keyed;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// The task first that [has run](TaskInfo::total_run) least, each of its switches counted as a
/// nanosecond more than it took; first ready among equals.
#[derive(Clone, Debug, Default)]
pub struct Las {
    keyed: Keyed,
    /// What the last one picked had attained.
    last: Option<Nanos>,
    quantum: Option<Nanos>,
}

impl Las {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns): those that
    /// have run equally long then take turns, and a newcomer waits for no longer than that.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }
}

/// Who yields in a loop that costs nothing must get behind the others some day.
fn key(task: &TaskInfo) -> u64 {
    task.total_run().saturating_add(task.switches())
}

impl Policy for Las {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.keyed.push(key(task), task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        let picked = self.keyed.pop();
        self.last = picked.map(|(attained, _)| attained);
        picked.map(|(_, id)| id).into()
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
    }

    fn forget(&mut self, id: Id) {
        self.keyed.remove(id);
    }

    fn wants_time(&self) -> bool {
        true
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.keyed.first(most)
    }

    fn explain(&self) -> String {
        self.last.map_or_else(String::new, |attained| {
            format!("has run least: {:?}", Duration::from_nanos(attained))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;

    #[test]
    fn who_has_run_least_is_first() {
        let mut bench = Bench::new(Las::new());
        let [a, b, c] = bench.spawn([(); 3].map(|()| Default::default()));
        assert_eq!(bench.queue(2), [a, b]);
        for (id, ran) in [(a, 9), (b, 5), (c, 0)] {
            assert_eq!(bench.pick(), Some(id));
            bench.yielded(id, ran);
        }
        assert_eq!(bench.pick(), Some(c));
        bench.waits(c, 7);
        bench.wake(c);
        let [newcomer] = bench.spawn([Default::default()]);
        assert_eq!([(); 4].map(|()| bench.pick()), [newcomer, b, c, a].map(Some));
        assert_eq!(bench.policy.explain(), "has run least: 10ns");
    }

    #[test]
    fn a_loop_of_yields_that_cost_nothing_gets_behind_the_others() {
        let mut bench = Bench::new(Las::new());
        let [busy, other] = bench.spawn([(); 2].map(|()| Default::default()));
        bench.pick();
        bench.pick();
        bench.yielded(other, 100);
        bench.yielded(busy, 0);
        let turns = std::iter::from_fn(|| {
            let picked = bench.pick().filter(|&id| id == busy);
            picked.inspect(|&id| bench.yielded(id, 0))
        });
        assert_eq!(turns.take(1_000).count(), 100);
    }
}
