//! Priority that grows with waiting, steeper for the more urgent (Kleinrock, 1964).
//!
//! Good for: choosing what the wait of one class is worth in the wait of another; their sum,
//! weighted with load, stays the same. Starves nobody: who waits long enough overtakes anybody.
//! Cost: one comparison for each level in use. It is here, and not in turno, as a policy that shows
//! how one of your own goes into the lab.

use std::collections::{BTreeMap, VecDeque};

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

/// The default level: what is not above it has slope 1.
const LEVEL: u8 = 128;

/// Who has waited longest goes first, where the wait counts twice one level above the default,
/// three times two levels above, and so on.
#[derive(Clone, Debug, Default)]
pub struct Slopes(BTreeMap<u64, VecDeque<(Nanos, Id)>>);

impl Policy for Slopes {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        let slope = 1 + u64::from(task.priority().saturating_sub(LEVEL));
        self.0.entry(slope).or_default().push_back((task.woken_at(), task.id()));
    }

    fn pick(&mut self, _: &Tasks<'_>, now: Nanos) -> Pick {
        // Inside of a level the first one has waited longest.
        let heads = self.0.iter().filter_map(|(&slope, line)| Some((slope, line.front()?)));
        let most = heads.max_by_key(|&(slope, &(since, _))| slope * now.saturating_sub(since));
        let slope = most.map(|(slope, _)| slope);
        let line = slope.and_then(|slope| self.0.get_mut(&slope));
        line.and_then(VecDeque::pop_front).map(|(_, id)| id).into()
    }

    fn forget(&mut self, id: Id) {
        self.0.values_mut().for_each(|line| line.retain(|&(_, queued)| queued != id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turno::policy::{Lookup, Rng};
    use turno::task::{Attributes, Cause};

    #[test]
    fn a_level_counts_the_wait_once_more() {
        struct Nobody;
        impl Lookup for Nobody {
            fn get(&self, _: Id) -> Option<&TaskInfo> {
                None
            }
        }
        let picked = |now| {
            let mut policy = Slopes::default();
            for (n, priority, since) in [(1, LEVEL, 0), (2, LEVEL + 1, 50)] {
                let mut said = Attributes::default();
                said.priority = priority;
                let mut task = TaskInfo::new(Id::new(n as u32, n), None, said, since);
                task.woken(Cause::Timer, since);
                policy.ready(&task, since);
            }
            policy.pick(&Tasks::new(&Nobody, &Rng::new(0)), now)
        };
        // After 99 the one has waited 99, the other twice 49; after 101 it is 101 and twice 51.
        assert_eq!(picked(99), Pick::Task(Id::new(1, 1)));
        assert_eq!(picked(101), Pick::Task(Id::new(2, 2)));
    }

    #[test]
    fn it_keeps_the_contract() {
        turno::policy::check(|| Slopes::default().into()).unwrap();
    }
}
