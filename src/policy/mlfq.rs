//! Multi-level feedback queue (floor 1).
//!
//! Good for: programs of which nobody knows the sizes: what answers quickly stays on top, what
//! computes sinks, and it finds out by itself. Bad for: tuning: there are four numbers, and no
//! theory of them. Starves no task for longer than a boost period and a switch of each that is
//! ready then, if time passes (on a virtual clock on which switches take none there is no boost);
//! without boosts, those on the bottom, for as long as those above keep the thread. Cost: O(1) in
//! the number of tasks ready, O(log n) in the number of levels in use; a boost costs nothing more.
//!
//! The rules are those of Arpaci-Dusseau, Operating Systems: Three Easy Pieces. The highest level
//! first; on a level, first ready, first run. A task starts on top. Once it has run for its
//! level's allotment, however often it gave way in between, it goes down one level, where quantum
//! and allotment are twice as long. After each boost period all are on top again.

use std::time::Duration;

use super::lanes::Lanes;
use super::{Pick, Policy, Tasks, slice};
use crate::task::id::Id;
use crate::task::info::{Left, Nanos, TaskInfo};

/// A task's tag: the low bits are what it has run since the boost that is in the others. Eight
/// levels of eight seconds and more fit in.
const USED_BITS: u32 = 40;
const MOST: Duration = Duration::from_secs(8);

/// What answers quickly first; what computes sinks, level by level.
#[derive(Clone, Debug)]
pub struct Mlfq {
    /// A lane for each level. A boost begins new ones after all there are: who is ready then comes
    /// first, from the top, and whoever becomes ready later comes after that.
    lanes: Lanes,
    /// The lane picked from last: older ones are empty.
    oldest: u32,
    bottom: u32,
    quantum: Nanos,
    allotment: Option<Nanos>,
    boost: Option<Nanos>,
    /// How many boosts there have been, and in which period the last one was.
    boosts: u64,
    period: u64,
    /// The level of the last one picked.
    last: Option<u32>,
}

impl Default for Mlfq {
    fn default() -> Self {
        let ms = slice(Duration::from_millis(1));
        Self {
            lanes: Lanes::default(),
            oldest: 0,
            bottom: 2,
            quantum: ms,
            allotment: None,
            boost: Some(100 * ms),
            boosts: 0,
            period: 0,
            last: None,
        }
    }
}

impl Mlfq {
    /// Three levels, a quantum of 1 ms on top, an allotment of a quantum, a boost each 100 ms.
    pub fn new() -> Self {
        Self::default()
    }

    /// That many levels, from 1 to 8.
    pub fn with_levels(self, levels: u8) -> Self {
        Self { bottom: u32::from(levels.clamp(1, 8)) - 1, ..self }
    }

    /// On top, [`time::work`](crate::time::work) yields after each `quantum`, from 1 ns to 8 s;
    /// twice as long on each level further down.
    pub fn with_quantum(self, quantum: Duration) -> Self {
        Self { quantum: slice(quantum.min(MOST)), ..self }
    }

    /// On top, a task runs for `allotment` (from 1 ns to 8 s) before it goes down; twice as long
    /// on each level further down. Unless told, it is the quantum.
    pub fn with_allotment(self, allotment: Duration) -> Self {
        Self { allotment: Some(slice(allotment.min(MOST))), ..self }
    }

    /// All are on top again each `period`; never, if it is zero.
    pub fn with_boost(self, period: Duration) -> Self {
        Self { boost: (!period.is_zero()).then(|| slice(period)), ..self }
    }

    fn allotment(&self) -> Nanos {
        self.allotment.unwrap_or(self.quantum)
    }

    fn look_for_boost(&mut self, now: Nanos) {
        let period = self.boost.map_or(0, |boost| now / boost);
        if period > self.period {
            self.period = period;
            self.boosts += 1;
        }
    }

    /// What the task has run since the last boost. (One that has slept through 2^24 boosts to the
    /// very one is where it was.)
    fn used(&self, task: &TaskInfo) -> Nanos {
        let since = (task.tag() ^ (self.boosts << USED_BITS)) >> USED_BITS == 0;
        if since { task.tag() & ((1 << USED_BITS) - 1) } else { 0 }
    }

    /// The level of a task that has run for `used`, from 0 on top.
    fn level(&self, used: Nanos) -> u32 {
        // Down to level n it takes 1 + 2 + 4 ... = 2^n - 1 allotments.
        (used / self.allotment() + 1).ilog2().min(self.bottom)
    }

    fn take(&mut self) -> Option<Id> {
        let lane = self.lanes.from(self.oldest).or_else(|| self.lanes.from(0))?;
        self.oldest = lane & !0xff;

        self.last = Some(lane & 0xff);
        self.lanes.pop(lane)
    }
}

impl Policy for Mlfq {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.look_for_boost(now);
        let level = self.level(self.used(task));
        self.lanes.push(((self.boosts as u32) << 8) | level, task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, now: Nanos) -> Pick {
        self.look_for_boost(now);
        self.take().into()
    }

    fn ran(&mut self, task: &TaskInfo, ran: Nanos, _: Left, now: Nanos) {
        self.look_for_boost(now);
        let used = self.used(task).saturating_add(ran.max(1)).min((1 << USED_BITS) - 1);
        task.set_tag((self.boosts << USED_BITS) | used);
    }

    fn quantum(&mut self, task: &TaskInfo) -> Option<Nanos> {
        let used = self.used(task);
        let level = self.level(used);
        let down = (self.allotment() << (level + 1)) - self.allotment();
        let left = if level < self.bottom { down - used } else { Nanos::MAX };
        Some(left.min(self.quantum << level))
    }

    fn forget(&mut self, id: Id) {
        self.lanes.remove(id);
    }

    fn wants_time(&self) -> bool {
        true
    }

    fn queue(&self, _: &Tasks<'_>, most: usize) -> Vec<Id> {
        // A copy plays it through: slow and exact, for those who look.
        let mut copy = self.clone();
        std::iter::from_fn(|| copy.take()).take(most).collect()
    }

    fn explain(&self) -> String {
        self.last.map_or_else(String::new, |level| {
            format!("highest level: {level} of 0 to {}", self.bottom)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Bench;
    use super::*;

    const NS: fn(u64) -> Duration = Duration::from_nanos;

    fn mlfq() -> Mlfq {
        Mlfq::new().with_quantum(NS(10)).with_allotment(NS(20)).with_boost(NS(1_000))
    }

    #[test]
    fn who_has_used_its_allotment_goes_down_however_often_it_gave_way() {
        let mut bench = Bench::new(mlfq());
        let [a, b] = bench.spawn([(); 2].map(|()| Default::default()));
        for _ in 0..2 {
            assert_eq!([bench.pick(), bench.pick()], [Some(a), Some(b)]);
            bench.waits(a, 10);
            bench.wake(a);
            bench.yielded(b, 9);
        }
        assert_eq!(bench.queue(2), [b, a]);
        assert_eq!(bench.pick(), Some(b));
        assert_eq!(bench.policy.explain(), "highest level: 0 of 0 to 2");
        bench.yielded(b, 2);
        // Both are one level down now, and have 40 there.
        assert_eq!(bench.pick(), Some(a));
        assert_eq!(bench.policy.explain(), "highest level: 1 of 0 to 2");
        bench.yielded(a, 40);
        assert_eq!(bench.drain(), [b, a]);
        assert_eq!(bench.policy.explain(), "highest level: 2 of 0 to 2");
    }

    #[test]
    fn a_boost_puts_all_on_top_those_who_were_there_first() {
        let mut bench = Bench::new(mlfq());
        let [a, b, c] = bench.spawn([(); 3].map(|()| Default::default()));
        for (id, ran) in [(a, 200), (b, 30), (c, 5)] {
            assert_eq!(bench.pick(), Some(id));
            bench.yielded(id, ran);
        }
        bench.pass(2_000);
        let [d] = bench.spawn([Default::default()]);
        assert_eq!(bench.queue(4), [c, b, a, d]);
        assert_eq!(bench.pick(), Some(c));
        // It starts anew on top, behind those who have waited.
        bench.yielded(c, 1);
        assert_eq!(bench.drain(), [b, a, d, c]);
    }

    #[test]
    fn work_is_sliced_at_the_quantum_and_at_the_end_of_the_allotment() {
        use crate::task::info::TaskInfo;

        let task = TaskInfo::new(Id::new(0, 1), None, Default::default(), 0);
        let mut policy = mlfq();
        let mut slices = Vec::new();
        for more in [0, 14, 6, 15, 20, 5, 1_000] {
            if more > 0 {
                policy.ran(&task, more, Left::Yielded, 1);
            }
            slices.push(policy.quantum(&task).unwrap());
        }
        assert_eq!(slices, [10, 6, 20, 20, 5, 40, 40]);
    }

    #[test]
    fn who_was_ready_before_a_boost_comes_first_though_the_lanes_begin_anew() {
        let mut bench = Bench::new(mlfq());
        bench.policy.boosts = (1 << 24) - 1;
        let ids = bench.spawn([(); 3].map(|()| Default::default()));
        assert_eq!(bench.pick(), Some(ids[0]));
        bench.pass(2_000);
        let [late] = bench.spawn([Default::default()]);
        assert_eq!(bench.drain(), [ids[1], ids[2], late]);
    }

    #[test]
    fn the_largest_numbers_fit() {
        for levels in [0, 1, 255] {
            let policy = Mlfq::new().with_levels(levels).with_quantum(Duration::MAX);
            let mut bench = Bench::new(policy.with_boost(Duration::MAX));
            let [a, b] = bench.spawn([(); 2].map(|()| Default::default()));
            assert_eq!(bench.pick(), Some(a));
            bench.yielded(a, 1 << 60);
            assert_eq!(bench.drain(), [b, a]);
            let bottom = u32::from(levels.clamp(1, 8)) - 1;
            assert_eq!(bench.policy.explain(), format!("highest level: {bottom} of 0 to {bottom}"));
        }
    }
}
