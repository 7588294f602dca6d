//! The timers: a hierarchical wheel, exact to the nanosecond (floor 2).
//!
//! Setting and cancelling are O(1). Time is cut into ticks of 2^16 ns; level `l` of the wheel has
//! 64 slots of 64^l ticks. A timer lies at the level of the highest base-64 digit in which its
//! tick differs from the present one, so all timers of a lower level are due before any of a
//! higher one, and a timer moves down at most once a level. Those of the present tick wait in a
//! small heap, by deadline and then in the order of their making: so they fire in that order, to
//! the nanosecond.
//!
//! Who waits for a timer is a wait entry like any other; here lie only deadlines and the places of
//! those entries, side by side, so that moving them down touches nothing else. A timer is cancelled
//! by taking its entry away: what it leaves here finds nobody when its time comes, or is swept out
//! when there is more of that than of the living.
//!
//! Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), schemes 6 and 7;
//! tokio's wheel has the same shape, with ticks of a millisecond.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

use super::clock::NEVER;
use crate::task::info::Nanos;
use crate::task::room;
use crate::wait::{self, Place, Site, Whom};

/// A tick is 2^16 ns.
const TICK: u32 = 16;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Eight digits of six bits hold any tick of 64-bit time, so the wheel has no end to fall off.
const LEVELS: usize = 8;
/// An exact answer to "when next" is worth looking at so many timers; and so many stale ones are
/// not worth sweeping out.
const PEEK: usize = 64;

/// So many timers are fired at once.
const BATCH: usize = 64;

/// An empty slot keeps room for so many.
const ROOM: usize = 1024;

/// A deadline, and the entry of who waits for it. In the order in which they fire.
type Timer = (Nanos, Place);

pub(crate) struct Timers {
    levels: Box<[Level; LEVELS]>,
    /// The timers of the present tick and of earlier ones.
    near: BinaryHeap<Reverse<Timer>>,
    /// Those that are being fired; empty otherwise.
    due: Vec<Timer>,
    /// The present tick: all timers of later ones lie in the wheel.
    tick: u64,
    /// Timers that are set, and will be due.
    set: usize,
    /// Those that were cancelled, and still lie here.
    stale: usize,
}

struct Level {
    /// One bit for each slot that is not empty.
    occupied: u64,
    slots: [Vec<Timer>; SLOTS],
}

impl Timers {
    pub(crate) fn new() -> Self {
        let empty = || Level { occupied: 0, slots: [const { Vec::new() }; SLOTS] };
        Self {
            levels: Box::new(std::array::from_fn(|_| empty())),
            near: BinaryHeap::new(),
            due: Vec::with_capacity(BATCH),
            tick: 0,
            set: 0,
            stale: 0,
        }
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.set
    }

    /// Sets a timer. One that is [`NEVER`] due lies here as all do, but nobody need wait for it: it
    /// counts for nothing.
    pub(crate) fn insert(&mut self, deadline: Nanos, whom: Whom, site: Site) -> Place {
        let place = wait::enter_timer(whom, deadline, site);
        self.set += usize::from(deadline != NEVER);
        self.put((deadline, place));
        place
    }

    /// Cancels a timer. Returns who waited for it, for the caller to drop where user code may run.
    pub(crate) fn cancel(&mut self, place: Place, deadline: Nanos) -> Option<Whom> {
        let whom = wait::leave(place)?;
        self.set -= usize::from(deadline != NEVER);
        self.outdated();
        Some(whom)
    }

    /// Gives a timer that was due at `before` another deadline, unless it has fired. Returns the
    /// place of its entry then.
    pub(crate) fn reset(&mut self, place: Place, before: Nanos, deadline: Nanos) -> Place {
        let Some(new) = wait::put_off(place, deadline) else { return place };
        self.set -= usize::from(before != NEVER);
        self.set += usize::from(deadline != NEVER);
        self.put((deadline, new));
        self.outdated();
        new
    }

    /// One more that lies here is stale.
    fn outdated(&mut self) {
        self.stale += 1;
        if self.stale > self.set + PEEK {
            self.sweep();
        }
    }

    /// The timers due first of those due by `now`, so many at once. Each is told to `fire`, which
    /// runs no user code. Returns how many were looked at.
    pub(crate) fn fire_due(&mut self, now: Nanos, mut fire: impl FnMut(Nanos, Whom)) -> usize {
        let mut due = mem::take(&mut self.due);
        while due.len() < BATCH
            && let Some(timer) = self.pop_due(now)
        {
            due.push(timer);
        }
        let count = due.len();
        if count > 1 {
            wait::touch(due.iter().map(|&(_, place)| place));
        }
        for (deadline, place) in due.drain(..) {
            match wait::leave(place) {
                Some(whom) => {
                    self.set -= 1;
                    fire(deadline, whom);
                }
                None => self.stale -= 1,
            }
        }
        self.due = due;
        count
    }

    /// Gives back the memory of a burst. The slots of the wheel do that by themselves.
    pub(crate) fn shrink(&mut self) {
        if room::is_ample(self.near.len(), self.near.capacity()) {
            self.near.shrink_to(2 * self.near.len());
        }
    }

    /// The timer due first, if it is due by `now`; it may be stale.
    fn pop_due(&mut self, now: Nanos) -> Option<Timer> {
        loop {
            if let Some(&Reverse(timer)) = self.near.peek() {
                if timer.0 > now {
                    return None;
                }
                self.near.pop();
                return Some(timer);
            }
            let Some((level, slot, tick)) = self.first() else { break };
            if tick > now >> TICK {
                break;
            }
            self.tick = tick;
            self.levels[level].occupied &= !(1 << slot);
            let mut timers = mem::take(&mut self.levels[level].slots[slot]);
            for timer in timers.drain(..) {
                self.put(timer);
            }
            timers.shrink_to(ROOM);
            self.levels[level].slots[slot] = timers; // All that were in it went to lower levels.
        }
        self.tick = self.tick.max(now >> TICK);
        None
    }

    /// When the next timer is due; where many timers lie close together, a moment before that.
    pub(crate) fn next_at(&mut self) -> Option<Nanos> {
        while let Some(&Reverse((deadline, place))) = self.near.peek() {
            if wait::is_waiting(place) {
                return Some(deadline);
            }
            self.near.pop();
            self.stale -= 1;
        }
        if self.set == 0 {
            return None;
        }
        loop {
            let (level, slot, tick) = self.first()?;
            let timers = &mut self.levels[level].slots[slot];
            if timers.len() > PEEK {
                return Some(tick << TICK);
            }
            let before = timers.len();
            timers.retain(|&(_, place)| wait::is_waiting(place));
            self.stale -= before - timers.len();
            if let Some(&(soonest, _)) = timers.iter().min() {
                return Some(soonest);
            }
            self.levels[level].occupied &= !(1 << slot);
        }
    }

    /// The first slot that is not empty, and the tick at which it begins.
    fn first(&self) -> Option<(usize, usize, u64)> {
        let (level, slots) = self.levels.iter().enumerate().find(|(_, l)| l.occupied != 0)?;
        let slot = slots.occupied.trailing_zeros();
        let shift = BITS * level as u32;
        let above = self.tick >> (shift + BITS) << (shift + BITS);
        Some((level, slot as usize, above | u64::from(slot) << shift))
    }

    /// Puts a timer where it belongs now.
    #[inline]
    fn put(&mut self, timer: Timer) {
        let tick = timer.0 >> TICK;
        if tick <= self.tick {
            self.near.push(Reverse(timer));
            return;
        }
        let level = (63 - (tick ^ self.tick).leading_zeros()) / BITS;
        let slot = (tick >> (BITS * level)) as usize % SLOTS;
        let home = &mut self.levels[level as usize];
        home.slots[slot].push(timer);
        home.occupied |= 1 << slot;
    }

    /// Takes out all that was cancelled. It is done when that is more than half of what lies here,
    /// so it costs each cancelled timer no more than a look.
    #[cold]
    fn sweep(&mut self) {
        self.near.retain(|&Reverse((_, place))| wait::is_waiting(place));
        for level in self.levels.iter_mut() {
            let mut occupied = level.occupied;
            while occupied != 0 {
                let slot = occupied.trailing_zeros();
                occupied &= occupied - 1;
                let timers = &mut level.slots[slot as usize];
                timers.retain(|&(_, place)| wait::is_waiting(place));
                timers.shrink_to(ROOM);
                level.occupied &= !(u64::from(timers.is_empty()) << slot);
            }
        }
        self.stale = 0;
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        // Their runtime is gone: whom they would wake is dropped.
        let far = self.levels.iter_mut().flat_map(|level| &mut level.slots);
        let far = far.flat_map(|timers| timers.drain(..));
        for (_, place) in far.chain(self.near.drain().map(|Reverse(timer)| timer)) {
            drop(wait::leave(place));
        }
    }
}
