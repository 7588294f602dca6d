//! Groups share the run time evenly, a quantum at a time; inside a group, first ready, first run
//! (floor 1).
//!
//! Good for: sharing one thread among tenants, connections or parts of a program by time: neither
//! a thousand tasks nor long switches get a group more than its share. Bad for: latency: who has
//! just missed its group's turn waits for a quantum, and the last switch, of each other group.
//! Starves no task: a lap gives each group that has a task ready when it begins its quantum, and
//! takes as long as these quanta and a switch of each of them. A group that owes `d` quanta waits
//! for `d` laps before; a switch counts for 1 ns at least. Cost: O(log n) in the number of groups
//! with a task ready or a debt; O(1) in the number of tasks.
//!
//! This is deficit round robin (Shreedhar and Varghese, 1995) in its surplus form: what a switch
//! costs is known only after it, so a group runs while its balance is above 0, is charged after the
//! switch, and is given the quantum at each visit. Debt outlives idleness and is paid off lap by
//! lap, whether the group is idle or not; credit ends with the visit that finds the group idle.
//!
//! Groups are visited by number, round and round. So their order has no memory of which was ready
//! when, and a task that is aborted before its turn leaves no trace in it. A group that comes
//! during a lap waits for the next one: else a chain of tasks, each of which spawns the next in a
//! group with a higher number, would go on for ever.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::lanes::Lanes;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Left, Nanos, TaskInfo};

/// Groups share the run time evenly, a quantum at a time; inside a group, first ready, first run.
#[derive(Clone, Debug)]
pub struct Drr {
    /// A lane for each group.
    lanes: Lanes,
    /// The groups that are still to be visited in this lap, in order.
    lap: VecDeque<u32>,
    /// The group that was visited last.
    last: Option<u32>,
    /// Whose visit it is, with what is left of its turn (below 0: overdrawn).
    visit: Option<(u32, i128)>,
    /// What each group owes that has overdrawn, except the one visited.
    debts: BTreeMap<u32, i128>,
    quantum: Nanos,
}

impl Default for Drr {
    fn default() -> Self {
        let (lanes, lap, debts) = (Lanes::default(), VecDeque::new(), BTreeMap::new());
        Self {
            lanes,
            lap,
            last: None,
            visit: None,
            debts,
            quantum: slice(Duration::from_millis(1)),
        }
    }
}

impl Drr {
    /// A turn is a millisecond of run time.
    pub fn new() -> Self {
        Self::default()
    }

    /// A turn is `quantum` of run time, at least 1 ns.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: slice(quantum), ..self }
    }

    fn take(&mut self) -> Option<Id> {
        self.turn().and_then(|group| self.lanes.pop(group))
    }

    /// The group whose turn it is.
    fn turn(&mut self) -> Option<u32> {
        (self.lanes.in_use().len() > 0).then_some(())?;
        if let Some((group, balance)) = self.visit.take() {
            if balance > 0 && self.lanes.is_used(group) {
                self.visit = Some((group, balance));
                return Some(group);
            }
            if balance < 0 {
                self.debts.insert(group, -balance);
            }
        }
        let quantum = i128::from(self.quantum);
        let mut in_vain = false;
        loop {
            let Some(group) = self.lap.pop_front() else {
                if std::mem::replace(&mut in_vain, true) {
                    self.skip_laps(quantum);
                }
                self.lap = self.lanes.lap(self.last, self.debts.keys().copied());
                continue;
            };
            let balance = quantum - self.debts.remove(&group).unwrap_or(0);
            let used = self.lanes.is_used(group);
            self.last = if used || balance < quantum { Some(group) } else { self.last };
            if balance < 0 {
                self.debts.insert(group, -balance);
            } else if balance > 0 && used {
                self.visit = Some((group, balance));
                return Some(group);
            }
        }
    }

    /// Takes in one step the laps in which all who are ready would only pay debts.
    fn skip_laps(&mut self, quantum: i128) {
        let debts = self.lanes.in_use().map(|group| self.debts.get(&group).unwrap_or(&0));
        let paid = debts.min().map_or(0, |least| least / quantum * quantum);
        self.debts.retain(|_, debt| {
            *debt -= paid;
            *debt > 0
        });
    }
}

impl Policy for Drr {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.lanes.push(task.group(), task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        self.take().into()
    }

    fn ran(&mut self, _: &TaskInfo, ran: Nanos, _: Left, _: Nanos) {
        // The group that was picked pays, even if the task has left it since.
        if let Some((_, balance)) = &mut self.visit {
            *balance -= i128::from(ran.max(1));
        }
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        Some(self.quantum)
    }

    fn forget(&mut self, id: Id) {
        self.lanes.remove(id);
    }

    fn changed(&mut self, task: &TaskInfo) {
        // A task that changes groups joins the end of the new one.
        if self.lanes.lane_of(task.id()).is_some_and(|group| group != task.group()) {
            self.lanes.push(task.group(), task.id());
        }
    }

    fn wants_time(&self) -> bool {
        true
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        // A copy plays it through: slow and exact, for those who look.
        let mut copy = self.clone();
        std::iter::from_fn(|| copy.take()).take(most).collect()
    }

    fn explain(&self) -> String {
        let Some((group, balance)) = self.visit else { return String::new() };
        let size =
            u64::try_from(balance.unsigned_abs()).map_or(Duration::MAX, Duration::from_nanos);
        match balance > 0 {
            true => format!("group {group}'s turn, {size:?} left of it"),
            false => format!("group {group}'s turn, overdrawn by {size:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;
    use crate::task::info::Attributes;

    fn of(group: u32) -> Attributes {
        Attributes { group, ..Attributes::default() }
    }

    #[test]
    fn a_quantum_is_shared_by_run_time_and_debt_is_paid_lap_by_lap() {
        let mut bench = Bench::new(Drr::new().with_quantum(Duration::from_nanos(10)));
        let [a, b] = bench.spawn([1, 2].map(of));
        // Group 1 overdraws by 15, idles, and owes it still.
        assert_eq!(bench.pick(), Some(a));
        bench.waits(a, 25);
        assert_eq!(bench.policy.explain(), "group 1's turn, overdrawn by 15ns");
        let mut order = Vec::new();
        for _ in 0..6 {
            bench.wake(a);
            let id = bench.pick().unwrap();
            order.push(id);
            bench.yielded(id, 5);
        }
        assert_eq!(order, [b, b, b, b, a, b]);
    }

    #[test]
    fn a_debt_of_centuries_is_paid_at_once_when_nobody_else_is_ready() {
        let mut bench = Bench::new(Drr::new().with_quantum(Duration::ZERO));
        let [a] = bench.spawn([of(1)]);
        bench.pick();
        bench.yielded(a, 1 << 60);
        assert_eq!(bench.pick(), Some(a));
    }
}
