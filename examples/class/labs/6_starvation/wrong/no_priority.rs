//! First come, first served: nobody starves, and nobody is urgent.

use std::collections::VecDeque;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

#[derive(Default)]
pub struct Patient {
    ready: VecDeque<Id>,
}

impl Policy for Patient {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.ready.push_back(task.id());
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        self.ready.pop_front().into()
    }
}

pub fn policy() -> Patient {
    Patient::default()
}
