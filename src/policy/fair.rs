//! Weighted fair: run time in proportion to weight (floor 1).
//!
//! Good for: tasks that must share, some of them twice as much as others: over any stretch in which
//! two are always ready, their run times over their weights differ by no more than a switch of each
//! over its weight. Bad for: latency: a weight is a share, and no urgency. A task that has run for
//! `r` at weight `w` waits for the others to catch up, `r / w` times their weights in all, and for
//! a switch of each. One that has run less than its share of late owes nothing: it is queued no
//! later than one of the others, which all have to catch up with it and then to run once at most.
//! Starves no task: `W` being the weights of all that are ready in the meantime, newcomers too, one
//! that owes `r / w` waits while the others run for `2 W r / w` and a switch of each at most (and
//! for `2 W` times the credit, where there is one). Cost: O(log n) in the number of tasks ready.
//!
//! Each task has a virtual time, what it has run over its weight; the least runs. Virtual time of
//! all advances with what any of them runs, over the weights of all that are ready. A newcomer
//! starts there; a sleeper wakes there, or a `credit` before it, but not before what it has run
//! itself: sleep pays no debt. Without credit this is start-time fair queueing (Goyal, Vin and
//! Cheng, 1996), but for the virtual time of all. There, it is that of the task that runs: so a
//! chain of tasks, each of which runs once, spawns the next and is gone, holds it still.
//!
//! Virtual times run out after 584 years of run time at weight 100, or 5 at weight 1; from there on
//! it is first ready, first run.

use std::time::Duration;

use super::shares::Shares;
use super::weighed::weighed;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Attributes, Left, Nanos, TaskInfo};

/// Run time in proportion to [weight](TaskInfo::weight).
#[derive(Clone, Debug, Default)]
pub struct Fair {
    /// By virtual time, in nanoseconds of run time at the weight of those who were told none.
    shares: Shares,
    credit: Nanos,
    quantum: Option<Nanos>,
    /// The virtual time of the last one picked, and its weight.
    last: Option<(u64, u32)>,
}

impl Fair {
    /// Without credit: who sleeps saves nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sleeper saves up to `credit` of virtual time, and spends it when it wakes.
    pub fn with_credit(self, credit: Duration) -> Self {
        Self { credit: u64::try_from(credit.as_nanos()).unwrap_or(u64::MAX), ..self }
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns): the shorter,
    /// the closer are the shares.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }
}

impl Policy for Fair {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.shares.push(task, self.credit);
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        let Some((least, id)) = self.shares.pop() else { return Pick::Nobody };
        self.last = tasks.get(id).map(|task| (least, task.weight()));
        Pick::Task(id)
    }

    fn ran(&mut self, task: &TaskInfo, ran: Nanos, left: Left, _: Nanos) {
        let before = task.total_run().saturating_sub(ran);
        let charge = match ran {
            // Who yields in a loop that costs nothing must get behind the others some day.
            0 => 1,
            ran if task.weight() == Attributes::WEIGHT => ran,
            ran => weighed(before, ran, Attributes::WEIGHT.into(), task.weight()),
        };
        self.shares.charge(task, charge, left);
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

    fn wants_time(&self) -> bool {
        true
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.shares.first(most)
    }

    fn explain(&self) -> String {
        self.last.map_or_else(String::new, |(least, weight)| {
            format!("least virtual time: {:?}, weight {weight}", Duration::from_nanos(least))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;

    fn weighing(weight: u32) -> Attributes {
        Attributes { weight, ..Attributes::default() }
    }

    #[test]
    fn the_least_run_time_over_weight_is_first() {
        let mut bench = Bench::new(Fair::new());
        let [a, b] = bench.spawn([100, 300].map(weighing));
        let order: Vec<_> =
            std::iter::from_fn(|| bench.pick().inspect(|&id| bench.yielded(id, 30)))
                .take(8)
                .collect();
        assert_eq!(order, [a, b, b, b, a, b, b, b]);
        assert_eq!(bench.queue(2), [a, b]);
        assert_eq!(bench.policy.explain(), "least virtual time: 50ns, weight 300");
        bench.abort(a);
        assert_eq!(bench.drain(), [b]);
    }

    #[test]
    fn a_weight_that_is_changed_counts_from_the_next_charge() {
        let mut bench = Bench::new(Fair::new());
        let [a, b] = bench.spawn([100, 100].map(weighing));
        bench.update(a, weighing(1_000));
        assert_eq!([bench.pick(), bench.pick()], [Some(a), Some(b)]);
        bench.yielded(b, 20);
        bench.yielded(a, 100);
        assert_eq!(bench.drain(), [a, b]);
    }

    #[test]
    fn sleep_saves_no_more_than_the_credit_and_pays_no_debt() {
        for (credit, turns) in [(0, 0), (25, 3), (1_000, 11)] {
            let mut bench = Bench::new(Fair::new().with_credit(Duration::from_nanos(credit)));
            let [hog, sleeper] = bench.spawn([(); 2].map(|()| Attributes::default()));
            let order = [hog, sleeper].map(|id| {
                assert_eq!(bench.pick(), Some(id));
                id
            });
            bench.waits(order[1], 5);
            bench.yielded(hog, 110);
            assert_eq!(bench.pick(), Some(hog));
            bench.yielded(hog, 0);
            bench.wake(sleeper);
            // It runs 10 at a time until it has caught up with the hog at 110, or with its credit.
            let row = std::iter::from_fn(|| {
                let picked = bench.pick().filter(|&id| id == sleeper);
                picked.inspect(|&id| bench.yielded(id, 10))
            });
            assert_eq!(row.take(100).count(), turns, "credit {credit}");
        }
    }
}
