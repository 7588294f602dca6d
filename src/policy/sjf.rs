//! Shortest job first (floor 1).
//!
//! Good for: the mean wait, where sizes are known: the short do not wait behind the long. Bad for:
//! a short task that comes while a long one computes: nothing is sliced ([`Srpt`](super::Srpt)
//! is for that). Starves: the long, for as long as shorter ones keep coming; those of unknown size
//! most of all. Cost: O(log n) in the number of tasks ready.

use std::time::Duration;

use super::keyed::Keyed;
use super::{Pick, Policy, Tasks};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// The smallest [size](TaskInfo::size) first, as it was declared, whatever has run of it; tasks of
/// unknown size come last, first ready among equals.
#[derive(Clone, Debug, Default)]
pub struct Sjf {
    keyed: Keyed,
    /// The size of the last one picked.
    last: Option<Nanos>,
}

impl Sjf {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Unknown is larger than any.
fn key(task: &TaskInfo) -> u64 {
    task.size().unwrap_or(Nanos::MAX)
}

impl Policy for Sjf {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.keyed.push(key(task), task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        let picked = self.keyed.pop();
        self.last = picked.map(|(size, _)| size);
        picked.map(|(_, id)| id).into()
    }

    fn forget(&mut self, id: Id) {
        self.keyed.remove(id);
    }

    fn changed(&mut self, task: &TaskInfo) {
        self.keyed.rekey(key(task), task.id());
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.keyed.first(most)
    }

    fn explain(&self) -> String {
        match self.last {
            None => String::new(),
            Some(Nanos::MAX) => "nobody ready has a size".to_owned(),
            Some(size) => format!("shortest: {:?}", Duration::from_nanos(size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;
    use crate::task::info::Attributes;

    fn sized(size: Option<Nanos>) -> Attributes {
        Attributes { size, ..Attributes::default() }
    }

    #[test]
    fn the_smallest_declared_size_first_whatever_has_run() {
        let mut bench = Bench::new(Sjf::new());
        let [a, b, c, d] = bench.spawn([None, Some(30), Some(20), Some(9)].map(sized));
        assert_eq!(bench.queue(9), [d, c, b, a]);
        bench.abort(d);
        assert_eq!(bench.pick(), Some(c));
        assert_eq!(bench.policy.explain(), "shortest: 20ns");
        bench.yielded(c, 19);
        bench.update(b, sized(Some(15)));
        assert_eq!(bench.drain(), [b, c, a]);
        assert_eq!(bench.pick(), None);
    }
}
