//! The less urgent grow old, but of equals the one that came last goes first.

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

const PATIENCE: Nanos = 10_000_000;

#[derive(Default)]
pub struct Patient {
    ready: Vec<(u8, Nanos, Id)>,
}

impl Policy for Patient {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.ready.push((task.priority(), now, task.id()));
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, now: Nanos) -> Pick {
        let old = |since: Nanos| now.saturating_sub(since) >= PATIENCE;
        let ready = self.ready.iter().enumerate().rev();
        let first = ready.min_by_key(|&(_, &(priority, since, _))| {
            // The impatient first, by age; then by priority.
            if priority < 100 && old(since) { (0, 0) } else { (1, u64::from(u8::MAX - priority)) }
        });
        first.map(|(at, _)| at).map(|at| self.ready.remove(at).2).into()
    }
}

pub fn policy() -> Patient {
    Patient::default()
}
