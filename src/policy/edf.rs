//! Earliest deadline first (floor 1).
//!
//! Good for: answers that are due at a time: if any order meets all deadlines, and tasks give way
//! often, this one does. Bad for: overload, in which one late task makes the next one late, and so
//! on. Starves: tasks without a deadline, for as long as there are others. Cost: O(log n) in the
//! number of tasks ready.
//!
//! How often is often: on one thread a deadline is safe only if the work that is due before it,
//! and the longest switch of a task that is due after it, fit in before it.

use std::time::Duration;

use super::keyed::Keyed;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// The earliest [deadline](TaskInfo::deadline) first; tasks without one come last, first ready
/// among equals.
#[derive(Clone, Debug, Default)]
pub struct Edf {
    keyed: Keyed,
    /// The deadline of the last one picked, and when it was picked.
    last: Option<(Nanos, Nanos)>,
    quantum: Option<Nanos>,
}

impl Edf {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns), so that a
    /// task with an earlier deadline waits for no longer than that.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }
}

/// No deadline is later than any.
fn key(task: &TaskInfo) -> u64 {
    task.deadline().unwrap_or(Nanos::MAX)
}

impl Policy for Edf {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.keyed.push(key(task), task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, now: Nanos) -> Pick {
        let picked = self.keyed.pop();
        self.last = picked.map(|(deadline, _)| (deadline, now));
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

    /// A task with a deadline that something outside wakes waits for at most eight switches of
    /// others.
    fn io_every(&self) -> u32 {
        8
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.keyed.first(most)
    }

    fn explain(&self) -> String {
        match self.last {
            None => String::new(),
            Some((Nanos::MAX, _)) => "nobody ready has a deadline".to_owned(),
            Some((deadline, now)) if deadline < now => {
                format!("earliest deadline, missed {:?} ago", Duration::from_nanos(now - deadline))
            }
            Some((deadline, now)) => {
                format!("earliest deadline, in {:?}", Duration::from_nanos(deadline - now))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;
    use crate::task::info::Attributes;

    fn due(deadline: Option<Nanos>) -> Attributes {
        Attributes { deadline, ..Attributes::default() }
    }

    #[test]
    fn earliest_deadline_first_and_none_last() {
        let mut bench = Bench::new(Edf::new());
        let [a, b, c, d] = bench.spawn([None, Some(30), Some(20), None].map(due));
        assert_eq!(bench.queue(3), [c, b, a]);
        bench.update(d, due(Some(25)));
        bench.pass(22);
        assert_eq!(bench.pick(), Some(c));
        assert_eq!(bench.policy.explain(), "earliest deadline, missed 2ns ago");
        assert_eq!(bench.pick(), Some(d));
        assert_eq!(bench.policy.explain(), "earliest deadline, in 3ns");
        bench.abort(b);
        assert_eq!(bench.drain(), [a]);
        bench.yielded(a, 1);
        assert_eq!(bench.pick(), Some(a));
        assert_eq!(bench.policy.explain(), "nobody ready has a deadline");
    }
}
