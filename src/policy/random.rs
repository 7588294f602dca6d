//! Any ready task, each as likely as the others (floor 1).
//!
//! Good for: tests: the same seed makes the same order, another seed another one, so what depends
//! on the order by accident shows. Bad for: reasoning about who waits how long: the mean wait is
//! that of first in, first out, but some wait many times as long. Starves no task, in the long run:
//! among n at most it waits for n switches in the mean, and for k times as many once in e^k; there
//! is no bound. Cost: a random number and a swap, however many are ready.
//!
//! What is drawn next is not known, so the queue is not shown.

use std::time::Duration;

use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// Any ready task, each as likely as the others; the same ones for the same
/// [seed](crate::runtime::Builder::seed).
#[derive(Clone, Debug, Default)]
pub struct Random {
    /// In no order. A task that is gone may stay in it for a while, and is skipped when drawn.
    ready: Vec<Id>,
    /// How many in `ready` are gone.
    gone: usize,
    quantum: Option<Nanos>,
    /// How many the last one was drawn from.
    of: usize,
}

impl Random {
    /// Nobody is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns).
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }
}

impl Policy for Random {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.ready.push(task.id());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        // Once the gone are half of it all they are swept, so that they do not pile up.
        if self.gone > self.ready.len() / 2 {
            self.ready.retain(|&id| tasks.get(id).is_some());
            self.gone = 0;
        }
        self.of = self.ready.len() - self.gone;
        while !self.ready.is_empty() {
            // The random number as a fraction of 2^64, of the length.
            let at = (u128::from(tasks.random()) * self.ready.len() as u128) >> 64;
            let id = self.ready.swap_remove(at as usize);
            if self.gone == 0 || tasks.get(id).is_some() {
                return Pick::Task(id);
            }
            self.gone -= 1;
        }
        Pick::Nobody
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
    }

    fn forget(&mut self, _: Id) {
        self.gone += 1;
    }

    fn explain(&self) -> String {
        format!("drawn from {}", self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;

    #[test]
    fn all_are_drawn_once_in_the_same_order_every_time() {
        let drawn = || {
            let mut bench = Bench::new(Random::new());
            let ids = bench.spawn([(); 20].map(|()| Default::default()));
            bench.abort(ids[3]);
            assert_eq!(bench.queue(9), []);
            let first = bench.pick();
            assert_eq!(bench.policy.explain(), "drawn from 19");
            first.into_iter().chain(bench.drain()).collect::<Vec<_>>()
        };
        let order = drawn();
        assert_eq!(order, drawn());
        assert!(!order.is_sorted());
        let serials: std::collections::BTreeSet<_> = order.iter().map(|id| id.serial()).collect();
        assert!(serials.into_iter().eq((1..=20).filter(|&serial| serial != 4)));
    }

    #[test]
    fn the_departed_do_not_pile_up() {
        let mut bench = Bench::new(Random::new());
        for _ in 0..1_000 {
            let [departed, next] = bench.spawn([(); 2].map(|()| Default::default()));
            bench.abort(departed);
            assert_eq!(bench.pick(), Some(next));
            bench.done(next);
        }
        assert!(bench.policy.ready.len() < 10);
    }
}
