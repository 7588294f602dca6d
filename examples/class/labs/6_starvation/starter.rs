//! Lab 6: starvation and aging. Edit this file, then `cargo class 6`.

use std::cmp::Reverse;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

/// Who has waited so long goes first, whatever its priority: 10 ms.
pub const PATIENCE: Nanos = 10_000_000;

/// The most urgent first; among equals the one that became ready first.
#[derive(Default)]
pub struct Patient {
    /// Who is ready, of which priority, and since when: in the order of arrival.
    ready: Vec<(u8, Nanos, Id)>,
}

impl Policy for Patient {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.ready.push((task.priority(), now, task.id()));
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, now: Nanos) -> Pick {
        let _ = (now, PATIENCE); // Nobody grows older yet.
        let ready = self.ready.iter().enumerate();
        let first = ready.min_by_key(|(_, (priority, ..))| Reverse(*priority));
        first.map(|(at, _)| at).map(|at| self.ready.remove(at).2).into()
    }
}

pub fn policy() -> Patient {
    Patient::default()
}
