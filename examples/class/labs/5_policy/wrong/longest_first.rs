//! The longest first: a heap gives its greatest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

#[derive(Default)]
pub struct Shortest {
    heap: BinaryHeap<(Nanos, Reverse<u64>, Id)>,
    came: u64,
}

impl Policy for Shortest {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.came += 1;
        self.heap.push((task.size().unwrap_or(0), Reverse(self.came), task.id()));
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        self.heap.pop().map(|(_, _, id)| id).into()
    }
}

pub fn policy() -> Shortest {
    Shortest::default()
}
