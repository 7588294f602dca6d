//! The most urgent first (floor 1).
//!
//! Good for: a few urgent tasks among many that can wait. Bad for: a thread that is often busy.
//! Starves: strict, the less urgent, for as long as more urgent ones keep coming. With aging no
//! task, if time passes: one level of priority is worth a step of waiting, so a task is overtaken
//! only by those that became ready within `step` times their lead in levels after it. It waits for
//! 255 steps and a switch of each that is ready then, at most. On a virtual clock on which switches
//! take no time, no task ages.
//! Cost: strict O(1) in the number of tasks ready, with aging O(log n).
//!
//! Neither helps against a task that keeps the thread: who runs is asked only between switches.

use std::time::Duration;

use super::keyed::Keyed;
use super::lanes::Lanes;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Nanos, TaskInfo};

/// The highest [priority](TaskInfo::priority) first, first ready among equals; aging is optional.
#[derive(Clone, Debug, Default)]
pub struct Priority {
    order: Order,
    /// What the last pick saw: its priority and how long it had waited.
    last: Option<(u8, Nanos)>,
    quantum: Option<Nanos>,
}

#[derive(Clone, Debug)]
enum Order {
    /// A lane for each level, the most urgent lowest.
    Strict(Lanes),
    /// By when a task would have become ready, had it the highest priority. Waiting adds the same
    /// to all, so the order of two tasks never changes while both wait, and the key is fixed.
    Aging { step: Nanos, keyed: Keyed },
}

impl Default for Order {
    fn default() -> Self {
        Self::Strict(Lanes::default())
    }
}

impl Priority {
    /// Same as [`Priority::strict`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest priority first, however long the others wait.
    pub fn strict() -> Self {
        Self::default()
    }

    /// One level of priority is worth `step` of waiting (at most a year). Zero is first in, first
    /// out.
    pub fn with_aging(step: Duration) -> Self {
        let year = Duration::from_secs(365 * 24 * 3600);
        // 255 of such steps and a clock that has run for three centuries still fit.
        let step = step.min(year).as_nanos() as Nanos;
        Self { order: Order::Aging { step, keyed: Keyed::default() }, ..Self::default() }
    }

    /// [`time::work`](crate::time::work) yields after each `quantum` (at least 1 ns), so that a
    /// more urgent task waits for no longer than that.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: Some(slice(quantum)), ..self }
    }
}

/// The lane of a task, or how many steps it is behind the most urgent.
fn level(task: &TaskInfo) -> u32 {
    u32::from(u8::MAX - task.priority())
}

fn key(task: &TaskInfo, step: Nanos) -> u64 {
    task.woken_at().saturating_add(u64::from(level(task)) * step)
}

impl Policy for Priority {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        match &mut self.order {
            Order::Strict(lanes) => lanes.push(level(task), task.id()),
            Order::Aging { step, keyed } => keyed.push(key(task, *step), task.id()),
        }
    }

    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        let picked = self.order.pop();
        let task = picked.and_then(|id| tasks.get(id));
        self.last = task.map(|task| (task.priority(), now.saturating_sub(task.woken_at())));
        picked.into()
    }

    fn quantum(&mut self, _: &TaskInfo) -> Option<Nanos> {
        self.quantum
    }

    fn forget(&mut self, id: Id) {
        match &mut self.order {
            Order::Strict(lanes) => lanes.remove(id),
            Order::Aging { keyed, .. } => keyed.remove(id),
        }
    }

    fn changed(&mut self, task: &TaskInfo) {
        match &mut self.order {
            // A task that changes levels joins the end of the new one.
            Order::Strict(lanes) => {
                if lanes.lane_of(task.id()).is_some_and(|lane| lane != level(task)) {
                    lanes.push(level(task), task.id());
                }
            }
            Order::Aging { step, keyed } => keyed.rekey(key(task, *step), task.id()),
        }
    }

    /// An urgent task that something outside wakes waits for at most eight switches of others.
    fn io_every(&self) -> u32 {
        8
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        // A copy plays it through: slow and exact, for those who look.
        let mut copy = self.order.clone();
        std::iter::from_fn(|| copy.pop()).take(most).collect()
    }

    fn explain(&self) -> String {
        self.last.map_or_else(String::new, |(priority, waited)| {
            format!("priority {priority}, waited {:?}", Duration::from_nanos(waited))
        })
    }
}

impl Order {
    fn pop(&mut self) -> Option<Id> {
        match self {
            Self::Strict(lanes) => lanes.from(0).and_then(|level| lanes.pop(level)),
            Self::Aging { keyed, .. } => keyed.pop().map(|(_, id)| id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;
    use crate::task::info::Attributes;

    fn at(priority: u8) -> Attributes {
        Attributes { priority, ..Attributes::default() }
    }

    #[test]
    fn strict_is_the_most_urgent_first_and_first_come_among_equals() {
        let mut bench = Bench::new(Priority::strict());
        let [a, b, c, d] = bench.spawn([5, 200, 5, 9].map(at));
        bench.update(a, at(9));
        bench.update(b, Attributes { weight: 7, ..at(200) });
        assert_eq!(bench.queue(3), [b, d, a]);
        bench.pass(30);
        assert_eq!(bench.pick(), Some(b));
        assert_eq!(bench.policy.explain(), "priority 200, waited 30ns");
        assert_eq!(bench.drain(), [d, a, c]);
    }

    #[test]
    fn with_aging_a_level_is_worth_a_step_of_waiting() {
        let mut bench = Bench::new(Priority::with_aging(Duration::from_nanos(10)));
        let [low] = bench.spawn([at(1)]);
        bench.pass(19);
        let [high] = bench.spawn([at(3)]);
        bench.pass(1);
        let [tie] = bench.spawn([at(3)]);
        bench.pass(1);
        let [late] = bench.spawn([at(3)]);
        assert_eq!(bench.drain(), [high, low, tie, late]);
    }

    #[test]
    fn the_longest_step_is_strict() {
        let mut bench = Bench::new(Priority::with_aging(Duration::MAX));
        let [low] = bench.spawn([at(0)]);
        bench.pass(1 << 50);
        let [high] = bench.spawn([at(1)]);
        assert_eq!(bench.drain(), [high, low]);
    }
}
