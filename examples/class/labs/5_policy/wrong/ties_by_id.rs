//! Sorts by size and id: who came first is forgotten.

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
        self.ready.sort();
        let first = (!self.ready.is_empty()).then(|| self.ready.remove(0));
        first.map(|(_, id)| id).into()
    }
}

pub fn policy() -> Shortest {
    Shortest::default()
}
