//! First ready, first run (floor 1).
//!
//! Good for: almost everything, and for reasoning: a task waits for one switch of each task that
//! was ready before it, and for no other. So it starves no task. Bad for: an urgent task, which
//! waits behind a thousand that are not, and for short ones behind long ones. Cost: a push and a
//! pop at the two ends of a deque, however many are ready.

use std::collections::VecDeque;

use super::{Pick, Policy, Tasks};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};
use crate::task::room;

/// First ready, first run: what every mainstream runtime does, and turno's default.
#[derive(Clone, Debug, Default)]
pub struct Fifo {
    /// Oldest first. A task that is gone stays in it until its turn, and is skipped then.
    queue: VecDeque<Id>,
    /// How many in `queue` are gone: while it is 0, nobody need be looked up.
    gone: usize,
    /// How many were left when the last pick was made.
    left: usize,
}

impl Fifo {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    #[cold]
    fn skip_gone(&mut self, tasks: &Tasks<'_>) {
        while self.gone > 0 && self.queue.front().is_some_and(|&id| tasks.get(id).is_none()) {
            self.queue.pop_front();
            self.gone -= 1;
        }
    }
}

impl Policy for Fifo {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.queue.push_back(task.id());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        if self.gone > 0 {
            self.skip_gone(tasks);
        }
        let picked = self.queue.pop_front();
        if self.queue.is_empty() {
            room::shrink(&mut self.queue);
        }
        self.left = self.queue.len().saturating_sub(self.gone);
        picked.into()
    }

    fn forget(&mut self, _: Id) {
        self.gone += 1;
    }

    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.queue.iter().copied().filter(|&id| tasks.get(id).is_some()).take(most).collect()
    }

    fn explain(&self) -> String {
        format!("first of {} in the queue", self.left + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;

    #[test]
    fn first_ready_is_first_run() {
        let mut bench = Bench::new(Fifo::new());
        let [a, b, c, d] = bench.spawn([(); 4].map(|()| Default::default()));
        bench.abort(c);
        assert_eq!(bench.queue(2), [a, b]);
        assert_eq!(bench.pick(), Some(a));
        assert_eq!(bench.policy.explain(), "first of 3 in the queue");
        bench.yielded(a, 1);
        assert_eq!(bench.drain(), [b, d, a]);
    }
}
