//! The one that came last goes first, whatever its size.

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

#[derive(Default)]
pub struct Shortest {
    ready: Vec<(Nanos, Id)>,
}

impl Policy for Shortest {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.ready.push((task.size().unwrap_or(Nanos::MAX), task.id()));
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        self.ready.pop().map(|(_, id)| id).into()
    }
}

pub fn policy() -> Shortest {
    Shortest::default()
}
