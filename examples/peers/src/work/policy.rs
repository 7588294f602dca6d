//! What each of turno's policies costs for a decision: `pick`, `ran` and `ready`, without a
//! runtime, while so many tasks are ready.
//!
//! Each task that is picked yields. Priorities are spread over all levels, groups over a hundred,
//! weights over four hundred; a switch takes from 50 to 150 ns, as the policy is told. A million tasks do not fit into any cache: then it is memory that is measured, the tasks' as well
//! as the policy's own. That is what a runtime would meet as well.

use turno::policy::{Lookup, Pick, Rng, Tasks, named};
use turno::task::{Attributes, Cause, Id, Left, TaskInfo};

use super::{Scale, cpu_time, each};

/// A policy to measure.
#[derive(Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    /// The policy, as it is called in text.
    policy: &'static str,
    /// Whether each switch begins a new job, with a new deadline and a new size. Under a policy that
    /// goes by these, the same task would else come first for ever.
    jobs: bool,
}

const fn column(name: &'static str, policy: &'static str) -> Column {
    Column { name, policy, jobs: false }
}

const fn jobs(name: &'static str, policy: &'static str) -> Column {
    Column { name, policy, jobs: true }
}

pub const ALL: [Column; 15] = [
    column("Fifo", "fifo"),
    column("Lifo", "lifo"),
    column("RoundRobin", "round-robin"),
    column("Drr", "drr"),
    column("Fair", "fair"),
    column("Stride", "stride"),
    column("Lottery", "lottery"),
    column("Random", "random"),
    column("Priority", "priority"),
    column("Priority aging", "priority:aging=1us"),
    jobs("Edf", "edf"),
    jobs("Sjf", "sjf"),
    jobs("Srpt", "srpt"),
    column("Las", "las"),
    column("Mlfq", "mlfq"),
];

/// All the tasks there are, found by their index.
struct Table(Vec<TaskInfo>);

impl Lookup for Table {
    fn get(&self, id: Id) -> Option<&TaskInfo> {
        self.0.get(id.index())
    }
}

impl Table {
    fn new(count: usize, jobs: bool) -> Self {
        let random = Rng::new(1);
        let task = |index: usize| {
            let mut attributes = Attributes::default();
            attributes.priority = random.next() as u8;
            attributes.group = (random.next() % 100) as u32;
            attributes.weight = 1 + (random.next() % 400) as u32;
            if jobs {
                (attributes.deadline, attributes.size) = job(random.next(), 0);
            }
            let id = Id::new(index as u32, index as u64 + 1);
            TaskInfo::new(id, None, attributes, 0)
        };
        Self((0..count).map(task).collect())
    }
}

/// A deadline and a size, within a millisecond of now.
fn job(random: u64, now: u64) -> (Option<u64>, Option<u64>) {
    let more = now + random % 1_000_000;
    (Some(more), Some(more))
}

/// The cost of one decision while `ready` tasks are ready.
pub fn decision(column: Column, ready: usize, scale: Scale) -> f64 {
    let count = scale.of(500_000);
    let random = Rng::new(2);
    let mut table = Table::new(ready, column.jobs);
    let mut policy = named(column.policy).expect("it comes with turno");
    for task in &mut table.0 {
        task.woken(Cause::Yield, 0);
        policy.ready(task, 0);
    }
    let start = cpu_time();
    let mut now = 0;
    for _ in 0..count {
        let Pick::Task(id) = policy.pick(&Tasks::new(&table, &random), now) else {
            unreachable!("all are ready");
        };
        let ran = 50 + now % 101;
        now += ran;
        let task = &mut table.0[id.index()];
        task.switched(ran, Left::Yielded);
        policy.ran(task, ran, Left::Yielded, now);
        if column.jobs {
            let mut attributes = task.attributes();
            (attributes.deadline, attributes.size) = job(random.next(), now);
            task.set_attributes(attributes);
        }
        task.woken(Cause::Yield, now);
        policy.ready(task, now);
    }
    each(start, count)
}
