//! What each of turno's policies costs for a decision: `pick`, `ran` and `ready`, without a
//! runtime, while so many tasks are ready.
//!
//! Each task that is picked yields. Priorities are spread over all levels, groups over a hundred. A
//! million tasks do not fit into any cache: then it is memory that is measured, the tasks' as well
//! as the policy's own. That is what a runtime would meet as well.

use std::time::Duration;

use turno::policy::{Fifo, Lifo, Lookup, Pick, Policy, Priority, Rng, RoundRobin, Tasks};
use turno::task::{Attributes, Cause, Id, Left, TaskInfo};

use super::{Scale, cpu_time, each};

type Make = fn() -> Box<dyn Policy>;

pub const ALL: [(&str, Make); 5] = [
    ("Fifo", || Box::new(Fifo::new())),
    ("Lifo", || Box::new(Lifo::new())),
    ("RoundRobin", || Box::new(RoundRobin::new())),
    ("Priority strict", || Box::new(Priority::strict())),
    ("Priority aging", || Box::new(Priority::with_aging(Duration::from_micros(1)))),
];

/// All the tasks there are, found by their index.
struct Table(Vec<TaskInfo>);

impl Lookup for Table {
    fn get(&self, id: Id) -> Option<&TaskInfo> {
        self.0.get(id.index())
    }
}

impl Table {
    fn new(count: usize) -> Self {
        let random = Rng::new(1);
        let task = |index: usize| {
            let mut attributes = Attributes::default();
            attributes.priority = random.next() as u8;
            attributes.group = (random.next() % 100) as u32;
            let id = Id::new(index as u32, index as u32 + 1);
            TaskInfo::new(id, None, attributes, 0)
        };
        Self((0..count).map(task).collect())
    }
}

/// The cost of one decision while `ready` tasks are ready.
pub fn decision(make: Make, ready: usize, scale: Scale) -> f64 {
    let count = scale.of(500_000);
    let random = Rng::new(2);
    let (mut table, mut policy) = (Table::new(ready), make());
    for task in &mut table.0 {
        task.woken(Cause::Yield, 0);
        policy.ready(task, 0);
    }
    let start = cpu_time();
    let mut now = 0;
    for _ in 0..count {
        now += 100;
        let Pick::Task(id) = policy.pick(&Tasks::new(&table, &random), now) else {
            unreachable!("all are ready");
        };
        let task = &mut table.0[id.index()];
        task.switched(0, Left::Yielded);
        policy.ran(task, 0, Left::Yielded, now);
        task.woken(Cause::Yield, now);
        policy.ready(task, now);
    }
    each(start, count)
}
