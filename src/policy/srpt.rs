//! Shortest remaining work first (floor 1).
//!
//! Good for: the mean response, which no other order makes shorter, if sizes are known and tasks
//! give way often. Bad for: sizes that are wrong: a task that needs more than it declared has
//! nothing left to do, it seems, and keeps the thread from all others. Starves: the long, for as
//! long as shorter ones keep coming; those of unknown size most of all. Cost: O(log n) in the
//! number of tasks ready.

use std::time::Duration;

use super::keyed::Keyed;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// The task first that has the least left to do, its [size](TaskInfo::size) less what it
/// [has run](TaskInfo::total_run); tasks of unknown size come last, first ready among equals.
#[derive(Clone, Debug, Default)]
pub struct Srpt {
    keyed: Keyed,
    /// What the last one picked had left to do.
    last: Option<Nanos>,
    quantum: Option<Nanos>,
}

impl Srpt {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns), so that a
    /// shorter task waits for no longer than that.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }
}

/// What is left to do. Unknown is more than any.
fn key(task: &TaskInfo) -> u64 {
    task.size().map_or(Nanos::MAX, |size| size.saturating_sub(task.total_run()))
}

impl Policy for Srpt {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.keyed.push(key(task), task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        let picked = self.keyed.pop();
        self.last = picked.map(|(remaining, _)| remaining);
        picked.map(|(_, id)| id).into()
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
    }

    fn forget(&mut self, id: Id) {
        self.keyed.remove(id);
    }

    fn changed(&mut self, task: &TaskInfo) {
        self.keyed.rekey(key(task), task.id());
    }

    fn wants_time(&self) -> bool {
        true
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.keyed.first(most)
    }

    fn explain(&self) -> String {
        match self.last {
            None => String::new(),
            Some(Nanos::MAX) => "nobody ready has a size".to_owned(),
            Some(left) => format!("least left to do: {:?}", Duration::from_nanos(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;
    use crate::task::info::Attributes;

    fn sized(size: Option<Nanos>) -> Attributes {
        Attributes { size, ..Attributes::default() }
    }

    #[test]
    fn the_least_left_to_do_first_and_unknown_last() {
        let mut bench = Bench::new(Srpt::new());
        let [a, b, c] = bench.spawn([None, Some(30), Some(20)].map(sized));
        assert_eq!(bench.queue(9), [c, b, a]);
        bench.update(b, sized(Some(12)));
        assert_eq!(bench.pick(), Some(b));
        bench.update(b, sized(Some(30)));
        bench.yielded(b, 5);
        assert_eq!(bench.pick(), Some(c));
        assert_eq!(bench.policy.explain(), "least left to do: 20ns");
        bench.waits(c, 1);
        assert_eq!(bench.pick(), Some(b));
        bench.yielded(b, 15);
        bench.wake(c);
        // 10 are left of b, 19 of c.
        assert_eq!([(); 3].map(|()| bench.pick()), [b, c, a].map(Some));
        assert_eq!(bench.policy.explain(), "nobody ready has a size");
    }

    #[test]
    fn what_runs_longer_than_declared_has_nothing_left() {
        let mut bench = Bench::new(Srpt::new());
        let [a, b] = bench.spawn([Some(5), Some(6)].map(sized));
        assert_eq!(bench.pick(), Some(a));
        bench.yielded(a, 100);
        assert_eq!(bench.drain(), [a, b]);
    }
}
