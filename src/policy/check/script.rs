//! What happens to a policy under check, drawn from a seed and written so that it makes sense
//! whatever the policy picks (floor 1).

use super::super::Rng;
use crate::task::info::{Attributes, Left, Nanos};

/// One thing that happens. Tasks go by the order of their spawning in the whole script; what cannot
/// happen (a wake of a task that is not waiting) does not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Spawns a task, ready.
    Spawn { task: usize, attributes: Attributes },
    /// Spawns a task, ready, that is aborted before anybody is picked.
    Passing { task: usize, attributes: Attributes },
    /// Wakes a waiting task, for the `cause`-th reason there is.
    Wake { task: usize, cause: u64 },
    /// Has the policy pick a task, which runs so long and leaves like that.
    Switch { ran: Nanos, left: Left },
    /// Aborts a task.
    Abort { task: usize },
    /// Changes what the program says of a task.
    Change { task: usize, attributes: Attributes },
    /// Time passes.
    Pass { nanos: Nanos },
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) ops: Vec<Op>,
}

/// A range of seeds whose scripts go from short to long.
pub(super) const SEEDS: u64 = 256;

impl Script {
    /// The script of that seed: everything may happen in it.
    pub(super) fn new(seed: u64) -> Self {
        let rng = Rng::new(seed);
        let length = 4 + (seed % SEEDS / 4) as usize;
        let mut tasks = 0;
        let ops = (0..length).map(|_| op(&rng, &mut tasks)).collect();
        Self { seed, ops }
    }

    /// A long script of that seed in which tasks come back again and again, and are not changed.
    pub(super) fn busy(seed: u64) -> Self {
        let rng = Rng::new(!seed);
        let mut tasks = 0;
        let mut ops = Vec::new();
        for _ in 0..2 + one_of(&rng, 5) {
            ops.push(Op::Spawn { task: tasks, attributes: attributes(&rng) });
            tasks += 1;
        }
        for _ in 0..50 {
            let left = if one_of(&rng, 3) == 0 { Left::Waiting } else { Left::Yielded };
            let task = one_of(&rng, tasks);
            ops.push(Op::Switch { ran: some_nanos(&rng), left });
            ops.push(Op::Wake { task, cause: rng.next() });
        }
        Self { seed, ops }
    }

    /// The script without the operation at that place.
    pub(super) fn without(&self, at: usize) -> Self {
        let mut script = self.clone();
        script.ops.remove(at);
        script
    }

    /// The script without its changes of attributes, which nobody makes or (`all_along`) which hold
    /// from the spawn on.
    pub(super) fn unchanged(&self, all_along: bool) -> Self {
        let changes = self.ops.iter().filter_map(|op| match *op {
            Op::Change { task, attributes } => Some((task, attributes)),
            _ => None,
        });
        let change_of = |spawned| changes.clone().find(|&(task, _)| task == spawned && all_along);
        let ops = self.ops.iter().filter(|op| !matches!(op, Op::Change { .. }));
        let ops = ops.map(|&op| match op {
            Op::Spawn { task, attributes } => {
                let attributes = change_of(task).map_or(attributes, |(_, changed)| changed);
                Op::Spawn { task, attributes }
            }
            other => other,
        });
        Self { seed: self.seed, ops: ops.collect() }
    }

    /// What `task` was spawned with.
    pub(super) fn spawned_with(&self, task: usize) -> Option<Attributes> {
        self.ops.iter().find_map(|op| match *op {
            Op::Spawn { task: spawned, attributes } if spawned == task => Some(attributes),
            _ => None,
        })
    }
}

fn op(rng: &Rng, tasks: &mut usize) -> Op {
    let task = one_of(rng, *tasks);
    match one_of(rng, 100) {
        0..14 => {
            *tasks += 1;
            Op::Spawn { task: *tasks - 1, attributes: attributes(rng) }
        }
        14..20 => {
            *tasks += 1;
            Op::Passing { task: *tasks - 1, attributes: attributes(rng) }
        }
        20..45 => Op::Wake { task, cause: rng.next() },
        45..82 => {
            let lefts = [Left::Yielded, Left::Yielded, Left::Waiting, Left::Waiting, Left::Done];
            let left = if one_of(rng, 25) == 0 { Left::Panicked } else { lefts[one_of(rng, 5)] };
            Op::Switch { ran: some_nanos(rng), left }
        }
        82..88 => Op::Abort { task },
        88..95 => Op::Change { task, attributes: attributes(rng) },
        _ => Op::Pass { nanos: some_nanos(rng) },
    }
}

/// A number below `count`, or 0.
pub(super) fn one_of(rng: &Rng, count: usize) -> usize {
    (rng.next() % count.max(1) as u64) as usize
}

fn some_nanos(rng: &Rng) -> Nanos {
    [0, 1, 7, 300, 5_000, 1_000_000][one_of(rng, 6)]
}

/// Few values, so that tasks often share them.
fn attributes(rng: &Rng) -> Attributes {
    let soon = |rng| [None, Some(10), Some(4_000), Some(1_000_000_000)][one_of(rng, 4)];
    Attributes {
        group: one_of(rng, 4) as u32,
        priority: [0, 100, Attributes::PRIORITY, 255][one_of(rng, 4)],
        weight: [1, Attributes::WEIGHT, 300, 10_000][one_of(rng, 4)],
        deadline: soon(rng),
        size: soon(rng),
    }
}

/// One thing that a program says of a task.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attribute {
    Group,
    Priority,
    Weight,
    Deadline,
    Size,
}

impl Attribute {
    pub(super) const ALL: [Self; 5] =
        [Self::Group, Self::Priority, Self::Weight, Self::Deadline, Self::Size];

    /// `old` with this one drawn anew.
    pub(super) fn redrawn(self, old: Attributes, rng: &Rng) -> Attributes {
        let new = attributes(rng);
        match self {
            Self::Group => Attributes { group: new.group, ..old },
            Self::Priority => Attributes { priority: new.priority, ..old },
            Self::Weight => Attributes { weight: new.weight, ..old },
            Self::Deadline => Attributes { deadline: new.deadline, ..old },
            Self::Size => Attributes { size: new.size, ..old },
        }
    }
}
