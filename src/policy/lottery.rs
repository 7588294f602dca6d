//! Lottery scheduling: each ready task holds tickets, and one ticket is drawn (floor 1).
//!
//! Good for: shares that need no memory: who joins, leaves or changes its weight has its share at
//! the next draw, and whoever holds a ticket wins some day. Bad for: short runs: after n draws a
//! task with share p is off by sqrt(n p (1 - p)) as a rule ([`Stride`](super::Stride) by one); and
//! for tasks whose switches differ in length, since a draw is for a switch. Starves no task, in the
//! long run: with a share of at least p of the tickets it waits for 1 / p switches in the mean, and
//! for k times as many once in e^k; there is no bound. Cost: O(log n) in the number of tasks there
//! have been at once: a walk down a tree of sums, and one up (Waldspurger and Weihl, 1994).
//!
//! What is drawn next is not known, so the queue is not shown.

use std::time::Duration;

use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// A draw among the ready tasks, each with [its weight](TaskInfo::weight) in tickets.
#[derive(Clone, Debug, Default)]
pub struct Lottery {
    /// A binary tree in a row: the sum of all tickets is at 1, the sums of the two halves of what
    /// `n` sums up are at `2 n` and `2 n + 1`, and the second half of the row are the tickets of
    /// each task by the index of its id, 0 unless it is ready.
    sums: Vec<u64>,
    /// Who is ready, by the index of its id.
    ready: Vec<Option<Id>>,
    quantum: Option<Nanos>,
    /// The tickets of the last one picked, and of all.
    last: Option<(u64, u64)>,
}

impl Lottery {
    /// Nobody holds a ticket.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns): among tasks
    /// that only work, shares of switches are then shares of time.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }

    /// Gives the task at `index` that many tickets.
    fn set(&mut self, index: usize, tickets: u64) {
        let mut node = self.ready.len() + index;
        self.sums[node] = tickets;
        while node > 1 {
            node /= 2;
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// Makes room for `index`, twice as much as there was.
    #[cold]
    fn grow(&mut self, index: usize) {
        let places = (index + 1).next_power_of_two();
        let tickets = self.sums.split_off(self.ready.len());
        self.ready.resize(places, None);
        self.sums = vec![0; places];
        self.sums.extend(tickets);
        self.sums.resize(2 * places, 0);
        for node in (1..places).rev() {
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// The place of the task that holds `ticket`, which is less than the sum of all.
    fn holder(&self, mut ticket: u64) -> usize {
        let mut node = 1;
        while node < self.ready.len() {
            node *= 2;
            if ticket >= self.sums[node] {
                ticket -= self.sums[node];
                node += 1;
            }
        }
        node - self.ready.len()
    }

    fn is_ready(&self, id: Id) -> bool {
        self.ready.get(id.index()).is_some_and(|&ready| ready == Some(id))
    }
}

impl Policy for Lottery {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        let index = task.id().index();
        if index >= self.ready.len() {
            self.grow(index);
        }
        self.ready[index] = Some(task.id());
        self.set(index, task.weight().into());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        let all = self.sums.get(1).copied().unwrap_or(0);
        if all == 0 {
            return Pick::Nobody;
        }
        // The random number as a fraction of 2^64, of all tickets.
        let ticket = (u128::from(tasks.random()) * u128::from(all)) >> 64;
        let index = self.holder(ticket as u64);
        self.last = Some((self.sums[self.ready.len() + index], all));
        self.set(index, 0);
        self.ready[index].take().into()
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
    }

    fn forget(&mut self, id: Id) {
        if self.is_ready(id) {
            self.ready[id.index()] = None;
            self.set(id.index(), 0);
        }
    }

    fn changed(&mut self, task: &TaskInfo) {
        if self.is_ready(task.id()) {
            self.set(task.id().index(), task.weight().into());
        }
    }

    fn explain(&self) -> String {
        self.last.map_or_else(String::new, |(tickets, all)| {
            format!("drawn with {tickets} of {all} tickets")
        })
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
    fn every_ticket_belongs_to_its_holder() {
        let mut bench = Bench::new(Lottery::new());
        let [a, b, c, d, e] = bench.spawn([2, 1, 3, 9, 1].map(weighing));
        bench.abort(d);
        bench.update(b, weighing(2));
        let lottery = &bench.policy;
        let holders: Vec<_> =
            (0..lottery.sums[1]).map(|ticket| lottery.ready[lottery.holder(ticket)]).collect();
        assert_eq!(holders, [a, a, b, b, c, c, c, e].map(Some));
        let mut drained = bench.drain();
        drained.sort();
        assert_eq!(drained, [a, b, c, e]);
        assert_eq!(bench.policy.sums.iter().sum::<u64>(), 0);
    }

    #[test]
    fn the_winner_is_shown_with_its_chance() {
        let mut bench = Bench::new(Lottery::new());
        let [_] = bench.spawn([weighing(7)]);
        bench.pick();
        assert_eq!(bench.policy.explain(), "drawn with 7 of 7 tickets");
    }

    #[test]
    fn the_heaviest_weights_still_add_up() {
        let mut bench = Bench::new(Lottery::new());
        let ids = bench.spawn([u32::MAX; 8].map(weighing));
        assert_eq!(bench.policy.sums[1], 8 * u64::from(u32::MAX));
        assert_eq!(bench.drain().len(), ids.len());
    }
}
