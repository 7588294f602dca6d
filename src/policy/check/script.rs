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
    /// As a switch, in the course of which another such policy takes the place of this one.
    Swap { ran: Nanos, left: Left },
    /// All that are ready run, once each, and are not ready afterwards.
    Drain,
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) ops: Vec<Op>,
    /// When it begins.
    pub(super) start: Nanos,
}

/// A range of seeds whose scripts go from short to long.
pub(super) const SEEDS: u64 = 256;

/// The seeds after those are of the scripts that are long: many tasks at once; many picks; and for
/// long, at times after which there is as much time again.
pub(super) const CROWDED: u64 = SEEDS;
pub(super) const MANY: u64 = SEEDS + 1;
pub(super) const LATE: u64 = SEEDS + 2;

/// How many tasks are ready at once in the first of them, at most.
const CROWD: usize = 10_001;
/// How many things happen in the other two. More than half of them are picks.
const OPS: usize = 250_000;
const FEWER: usize = 12_000;
const YEAR: Nanos = 365 * 24 * 3600 * 1_000_000_000;

impl Script {
    /// The script of that seed: everything may happen in it.
    pub(super) fn new(seed: u64) -> Self {
        let rng = Rng::new(seed);
        let length = 4 + (seed % SEEDS / 4) as usize;
        let mut tasks = 0;
        let ops = (0..length).map(|_| op(&rng, &mut tasks)).collect();
        let start = [0, 0, 0, YEAR, 0, 0, 0, Nanos::MAX / 2 - 1_000][(seed % 8) as usize];
        Self { seed, ops, start }
    }

    /// The long script of that seed, if it has one.
    pub(super) fn long(seed: u64) -> Option<Self> {
        let rng = Rng::new(seed);
        let (ops, start) = match seed {
            CROWDED => (crowd(&rng), YEAR),
            MANY => (few_at_once(&rng, OPS, false), 0),
            LATE => (few_at_once(&rng, FEWER, true), Nanos::MAX / 2 - YEAR / 100),
            _ => return None,
        };
        Some(Self { seed, ops, start })
    }

    /// Whether it is too long to be told as a whole, or to be run again and again.
    pub(super) fn is_long(&self) -> bool {
        self.ops.len() > 1_000
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
        Self { seed, ops, start: 0 }
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
        Self { ops: ops.collect(), ..*self }
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
        45..82 => Op::Switch { ran: some_nanos(rng), left: some_left(rng) },
        82..88 => Op::Abort { task },
        88..95 => Op::Change { task, attributes: attributes(rng) },
        _ => Op::Pass { nanos: some_nanos(rng) },
    }
}

fn some_left(rng: &Rng) -> Left {
    let lefts = [Left::Yielded, Left::Yielded, Left::Waiting, Left::Waiting, Left::Done];
    if one_of(rng, 25) == 0 { Left::Panicked } else { lefts[one_of(rng, 5)] }
}

/// More and more tasks are ready, first with switches in between; then fewer and fewer, twice.
fn crowd(rng: &Rng) -> Vec<Op> {
    let mut ops = Vec::new();
    for task in 0..CROWD {
        ops.push(Op::Spawn { task, attributes: any_attributes(rng) });
        if task < CROWD / 2 {
            ops.push(Op::Switch { ran: some_nanos(rng), left: Left::Yielded });
        }
    }
    ops.push(Op::Drain);
    for task in 0..CROWD {
        ops.push(Op::Wake { task, cause: rng.next() });
        if task % 3 == 0 {
            ops.push(Op::Change { task, attributes: any_attributes(rng) });
        }
        if task % 4 == 0 {
            ops.push(Op::Abort { task: one_of(rng, CROWD) });
        }
    }
    ops
}

/// Tasks come and go for long, few at a time, and all are run now and then. Without `swaps` it is
/// one policy that lasts through it all.
fn few_at_once(rng: &Rng, length: usize, swaps: bool) -> Vec<Op> {
    const AT_ONCE: usize = 60;
    let (mut ops, mut tasks) = (Vec::new(), 0_usize);
    while ops.len() < length {
        let task = tasks.saturating_sub(1 + one_of(rng, AT_ONCE));
        match one_of(rng, 1_000) {
            0..60 => {
                ops.push(Op::Spawn { task: tasks, attributes: any_attributes(rng) });
                tasks += 1;
                if let Some(old) = tasks.checked_sub(AT_ONCE) {
                    ops.push(Op::Abort { task: old });
                }
            }
            60..80 => {
                ops.push(Op::Passing { task: tasks, attributes: any_attributes(rng) });
                tasks += 1;
            }
            80..320 => ops.push(Op::Wake { task, cause: rng.next() }),
            320..920 => {
                let left = [Left::Yielded, Left::Waiting, some_left(rng)][one_of(rng, 3)];
                ops.push(Op::Switch { ran: some_nanos(rng), left });
            }
            920..925 => ops.push(Op::Abort { task }),
            925..965 => ops.push(Op::Change { task, attributes: any_attributes(rng) }),
            965..995 => ops.push(Op::Pass { nanos: 1 << one_of(rng, 44) }),
            995..998 if swaps => ops.push(Op::Swap { ran: some_nanos(rng), left: some_left(rng) }),
            _ => ops.push(Op::Drain),
        }
    }
    ops
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

/// Those, and now and then one that is as small or large as it can be.
fn any_attributes(rng: &Rng) -> Attributes {
    let mut attributes = attributes(rng);
    match one_of(rng, 24) {
        0 => attributes.group = u32::MAX,
        1 => attributes.group = rng.next() as u32,
        2 => attributes.priority = rng.next() as u8,
        3 => attributes.weight = u32::MAX,
        4 => attributes.weight = 0,
        5 => attributes.weight = rng.next() as u32,
        6 => attributes.deadline = Some(Nanos::MAX),
        7 => attributes.deadline = Some(rng.next()),
        8 => attributes.deadline = Some(0),
        9 => attributes.size = Some(Nanos::MAX),
        10 => attributes.size = Some(rng.next()),
        11 => attributes.size = Some(0),
        _ => {}
    }
    attributes
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
