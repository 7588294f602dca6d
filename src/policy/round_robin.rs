//! Groups take turns; inside a group, first ready, first run (floor 1).
//!
//! Good for: sharing one thread among tenants, connections or parts of a program: a group of a
//! thousand tasks gets no more turns than a group of one. Bad for: telling urgent groups from
//! others, and groups whose switches are long from groups whose switches are short: a turn is a
//! switch, however long; [`Drr`](super::Drr) shares by time. Starves no task: behind `n` others of
//! its group it is picked at the latest in the lap that begins `n` laps after this one, and a lap
//! is a switch of each group that had a task ready when it began. Cost: O(log n) in the number of
//! groups with a task ready; O(1) in the number of tasks.
//!
//! Groups are visited by number, round and round. So their order has no memory of which was ready
//! when, and a task that is aborted before its turn leaves no trace in it. A group that comes
//! during a lap waits for the next one: else a chain of tasks, each of which spawns the next in a
//! group with a higher number, would go on for ever.

use std::collections::VecDeque;
use std::time::Duration;

use super::lanes::Lanes;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// Groups take turns, a switch each; inside a group, first ready, first run.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    /// A lane for each group.
    lanes: Lanes,
    /// The groups whose turn is still to come in this lap, in order.
    lap: VecDeque<u32>,
    /// Whose turn it is.
    turn: Option<u32>,
    quantum: Option<Nanos>,
}

impl RoundRobin {
    /// A turn is one switch.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns): with all
    /// tasks in one group, the round robin of textbooks.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }

    fn take(&mut self) -> Option<Id> {
        if self.lanes.in_use().len() == 0 {
            return None;
        }
        let group = loop {
            match self.lap.pop_front() {
                Some(group) if self.lanes.is_used(group) => break group,
                Some(_) => {}
                None => self.lap = self.lanes.lap(self.turn, [].into_iter()),
            }
        };
        self.turn = Some(group);
        self.lanes.pop(group)
    }
}

impl Policy for RoundRobin {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.lanes.push(task.group(), task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        self.take().into()
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
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

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        // A copy plays it through: slow and exact, for those who look.
        let mut copy = self.clone();
        std::iter::from_fn(|| copy.take()).take(most).collect()
    }

    fn explain(&self) -> String {
        self.turn.map_or_else(String::new, |group| format!("group {group}'s turn"))
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
    fn groups_take_turns_whatever_their_size() {
        let mut bench = Bench::new(RoundRobin::new());
        let [a, b, c, d, e] = bench.spawn([0, 0, 0, 4, 9].map(of));
        assert_eq!(bench.queue(9), [a, d, e, b, c]);
        bench.update(b, of(4));
        bench.abort(d);
        assert_eq!(bench.drain(), [a, b, e, c]);
        assert_eq!(bench.policy.explain(), "group 0's turn");
    }
}
