//! As soon as possible: last ready, first run (floor 1).
//!
//! Good for: what was just woken runs while its data is still in the cache, so a chain of tasks
//! that wake each other answers quickly, and the mean wait of short bursts is short. Bad for:
//! fairness. Starves: those who became ready early, for as long as newer ones keep coming. A task
//! that only yields cannot do that to the others: it goes to the bottom, behind all that are
//! ready. That is why work is not sliced here: a slice ends in a yield, which would send the
//! newest task to the bottom. Cost: a push and a pop at the ends of a deque, however many are
//! ready.

use std::collections::VecDeque;

use super::{Pick, Policy, Tasks};
use crate::task::id::Id;
use crate::task::info::{Cause, Nanos, TaskInfo};
use crate::task::room;

/// As soon as possible: last ready, first run; who gives way goes to the bottom.
#[derive(Clone, Debug, Default)]
pub struct Lifo {
    /// Newest last. A task that is gone may stay in it for a while, and is skipped then.
    stack: VecDeque<Id>,
    /// How many in `stack` are gone.
    gone: usize,
    /// How many were left when the last pick was made.
    left: usize,
}

impl Lifo {
    /// An empty stack.
    pub fn new() -> Self {
        Self::default()
    }

    #[cold]
    fn skip_gone(&mut self, tasks: &Tasks<'_>) {
        // At the bottom they might stay for ever, so once they are half of it all, all are swept.
        if self.gone > self.stack.len() / 2 {
            self.stack.retain(|&id| tasks.get(id).is_some());
            self.gone = 0;
        }
        while self.gone > 0 && self.stack.back().is_some_and(|&id| tasks.get(id).is_none()) {
            self.stack.pop_back();
            self.gone -= 1;
        }
    }
}

impl Policy for Lifo {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        match task.cause() {
            Cause::Yield | Cause::Budget => self.stack.push_front(task.id()),
            _ => self.stack.push_back(task.id()),
        }
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        if self.gone > 0 {
            self.skip_gone(tasks);
        }
        let picked = self.stack.pop_back();
        if self.stack.is_empty() {
            room::shrink(&mut self.stack);
        }
        self.left = self.stack.len().saturating_sub(self.gone);
        picked.into()
    }

    fn forget(&mut self, _: Id) {
        self.gone += 1;
    }

    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.stack.iter().rev().copied().filter(|&id| tasks.get(id).is_some()).take(most).collect()
    }

    fn explain(&self) -> String {
        format!("newest of {} on the stack", self.left + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;

    #[test]
    fn last_ready_is_first_run_and_who_yields_goes_to_the_bottom() {
        let mut bench = Bench::new(Lifo::new());
        let [a, b, c] = bench.spawn([(); 3].map(|()| Default::default()));
        assert_eq!(bench.queue(2), [c, b]);
        assert_eq!(bench.pick(), Some(c));
        assert_eq!(bench.policy.explain(), "newest of 3 on the stack");
        bench.yielded(c, 1);
        bench.abort(b);
        assert_eq!(bench.drain(), [a, c]);
    }

    #[test]
    fn the_departed_do_not_pile_up_at_the_bottom() {
        let mut bench = Bench::new(Lifo::new());
        for _ in 0..1_000 {
            let [departed, next] = bench.spawn([(); 2].map(|()| Default::default()));
            bench.abort(departed);
            assert_eq!(bench.pick(), Some(next));
            bench.done(next);
        }
        assert!(bench.policy.stack.len() < 10);
    }
}
