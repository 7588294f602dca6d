//! First come, first served: it does not look at the size.

use std::collections::VecDeque;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

#[derive(Default)]
pub struct Shortest {
    queue: VecDeque<Id>,
}

impl Policy for Shortest {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.queue.push_back(task.id());
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        self.queue.pop_front().into()
    }
}

pub fn policy() -> Shortest {
    Shortest::default()
}
