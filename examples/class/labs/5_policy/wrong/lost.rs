//! A map from size to task: of two tasks of one size it keeps one.

use std::collections::BTreeMap;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

#[derive(Default)]
pub struct Shortest {
    ready: BTreeMap<Nanos, Id>,
}

impl Policy for Shortest {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.ready.insert(task.size().unwrap_or(Nanos::MAX), task.id());
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        self.ready.pop_first().map(|(_, id)| id).into()
    }
}

pub fn policy() -> Shortest {
    Shortest::default()
}
