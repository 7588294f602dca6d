//! Fills the gap with the last one, so the order of arrival is lost.

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
        // Of several smallest, `min_by_key` finds the first.
        let first = self.ready.iter().enumerate().min_by_key(|(_, (size, _))| *size);
        first.map(|(at, _)| at).map(|at| self.ready.swap_remove(at).1).into()
    }
}

pub fn policy() -> Shortest {
    Shortest::default()
}
