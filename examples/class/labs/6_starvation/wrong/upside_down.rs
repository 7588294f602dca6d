//! The least urgent first, so that nobody less urgent starves.

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

#[derive(Default)]
pub struct Patient {
    ready: Vec<(u8, Id)>,
}

impl Policy for Patient {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.ready.push((task.priority(), task.id()));
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        let first = self.ready.iter().enumerate().min_by_key(|(_, (priority, _))| *priority);
        first.map(|(at, _)| at).map(|at| self.ready.remove(at).1).into()
    }
}

pub fn policy() -> Patient {
    Patient::default()
}
