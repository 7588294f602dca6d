//! The policy that picks at random.

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

/// Picks at random, as the runtime's seed says: any schedule may come about.
#[derive(Default)]
pub struct AtRandom(Vec<Id>);

impl Policy for AtRandom {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.push(task.id());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        self.0.retain(|&id| tasks.get(id).is_some());
        let len = self.0.len() as u64;
        let picked = (len > 0).then(|| self.0.swap_remove((tasks.random() % len) as usize));
        picked.into()
    }
}
