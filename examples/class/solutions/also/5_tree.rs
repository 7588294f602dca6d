//! Lab 5 in the logarithm of the number of those who are ready.

use std::collections::BTreeMap;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

#[derive(Default)]
pub struct Shortest {
    ready: BTreeMap<(Nanos, u64), Id>,
    came: u64,
}

impl Policy for Shortest {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.came += 1;
        self.ready.insert((task.size().unwrap_or(Nanos::MAX), self.came), task.id());
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        self.ready.pop_first().map(|(_, id)| id).into()
    }
}

pub fn policy() -> Shortest {
    Shortest::default()
}
