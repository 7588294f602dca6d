//! The timers: a hierarchical wheel, exact to the nanosecond (floor 2).
//!
//! Setting and cancelling are O(1). Time is cut into ticks of 2^16 ns; level `l` of the wheel has
//! 64 slots of 64^l ticks. A timer lies at the level of the highest base-64 digit in which its
//! tick differs from the present one, so all timers of a lower level are due before any of a
//! higher one, and a timer moves down at most once a level. Those of the present tick wait in a
//! small heap, by deadline and then in the order of their making: so they fire in that order, to
//! the nanosecond.
//!
//! Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), schemes 6 and 7;
//! tokio's wheel has the same shape, with ticks of a millisecond.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::task::Waker;

use slab::Slab;

use crate::task::info::Nanos;

/// A tick is 2^16 ns.
const TICK: u32 = 16;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Eight digits of six bits hold any tick of 64-bit time, so the wheel has no end to fall off.
const LEVELS: usize = 8;
/// An exact answer to "when next" is worth looking at so many timers.
const PEEK: usize = 64;
const NONE: u32 = u32::MAX;
/// The level of a timer that is in the heap.
const NEAR: u8 = u8::MAX;

/// A key into the wheel: index and serial number, so that a stale key finds nothing.
pub(crate) type TimerKey = u64;

pub(crate) struct Timers {
    entries: Slab<Entry>,
    levels: Box<[Level; LEVELS]>,
    /// The timers of the present tick and of earlier ones: deadline, key. A cancelled one stays
    /// until it comes to the top.
    near: BinaryHeap<Reverse<(Nanos, TimerKey)>>,
    /// The present tick: all timers of later ones lie in the wheel.
    tick: u64,
    /// Grows with every timer, so that keys compare in the order of their making.
    serial: u32,
}

struct Entry {
    deadline: Nanos,
    waker: Waker,
    serial: u32,
    next: u32,
    prev: u32,
    level: u8,
    slot: u8,
}

#[derive(Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
}

struct Level {
    /// One bit for each slot that is not empty.
    occupied: u64,
    slots: [List; SLOTS],
}

impl Timers {
    pub(crate) fn new() -> Self {
        let empty = || Level { occupied: 0, slots: [List { head: NONE, tail: NONE }; SLOTS] };
        Self {
            entries: Slab::new(),
            levels: Box::new(std::array::from_fn(|_| empty())),
            near: BinaryHeap::new(),
            tick: 0,
            serial: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sets a timer.
    pub(crate) fn insert(&mut self, deadline: Nanos, waker: Waker) -> TimerKey {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let entry = Entry { deadline, waker, serial, next: NONE, prev: NONE, level: 0, slot: 0 };
        let index = self.entries.insert(entry) as u32;
        self.place(index);
        key(serial, index)
    }

    /// Cancels a timer and returns its waker, which the caller drops where user code may run.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<Waker> {
        self.find(key)?;
        let index = key as u32;
        self.unlink(index);
        Some(self.entries.remove(index as usize).waker)
    }

    /// Whether the timer is set, and would wake what `waker` wakes.
    pub(crate) fn holds(&self, key: TimerKey, waker: &Waker) -> bool {
        self.find(key).is_some_and(|entry| entry.waker.will_wake(waker))
    }

    /// The timer due first, if it is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, Waker)> {
        loop {
            if let Some((deadline, key)) = self.nearest() {
                if deadline > now {
                    return None;
                }
                self.near.pop();
                return Some((deadline, self.entries.remove(key as u32 as usize).waker));
            }
            let Some((level, slot, tick)) = self.first() else { break };
            if tick > now >> TICK {
                break;
            }
            self.tick = tick;
            self.levels[level].occupied &= !(1 << slot);
            let nobody = List { head: NONE, tail: NONE };
            let mut index = mem::replace(&mut self.levels[level].slots[slot], nobody).head;
            while index != NONE {
                let next = self.entries[index as usize].next;
                self.place(index);
                index = next;
            }
        }
        self.tick = self.tick.max(now >> TICK);
        None
    }

    /// When the next timer is due; where many timers lie close together, a moment before that.
    pub(crate) fn next_at(&mut self) -> Option<Nanos> {
        if let Some((deadline, _)) = self.nearest() {
            return Some(deadline);
        }
        let (level, slot, tick) = self.first()?;
        let mut index = self.levels[level].slots[slot].head;
        let mut soonest = Nanos::MAX;
        for _ in 0..PEEK {
            let entry = &self.entries[index as usize];
            soonest = soonest.min(entry.deadline);
            index = entry.next;
            if index == NONE {
                return Some(soonest);
            }
        }
        Some(tick << TICK)
    }

    /// The timer at the top of the heap, once the cancelled ones above it are gone.
    fn nearest(&mut self) -> Option<(Nanos, TimerKey)> {
        while let Some(&Reverse((deadline, key))) = self.near.peek() {
            if self.find(key).is_some() {
                return Some((deadline, key));
            }
            self.near.pop();
        }
        None
    }

    /// The first slot that is not empty, and the tick at which it begins.
    fn first(&self) -> Option<(usize, usize, u64)> {
        let (level, slots) = self.levels.iter().enumerate().find(|(_, l)| l.occupied != 0)?;
        let slot = slots.occupied.trailing_zeros();
        let shift = BITS * level as u32;
        let above = self.tick >> (shift + BITS) << (shift + BITS);
        Some((level, slot as usize, above | u64::from(slot) << shift))
    }

    /// Puts an entry where it belongs now.
    fn place(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let tick = entry.deadline >> TICK;
        if tick <= self.tick {
            entry.level = NEAR;
            let item = (entry.deadline, key(entry.serial, index));
            self.near.push(Reverse(item));
            return;
        }
        let level = (63 - (tick ^ self.tick).leading_zeros()) / BITS;
        let slot = (tick >> (BITS * level)) as usize % SLOTS;
        let home = &mut self.levels[level as usize];
        let list = &mut home.slots[slot];
        (entry.level, entry.slot) = (level as u8, slot as u8);
        (entry.prev, entry.next) = (list.tail, NONE);
        let last = mem::replace(&mut list.tail, index);
        home.occupied |= 1 << slot;
        match last {
            NONE => list.head = index,
            last => self.entries[last as usize].next = index,
        }
    }

    /// Takes an entry out of its list. From the heap it is not taken: there it is stale from now
    /// on.
    fn unlink(&mut self, index: u32) {
        let entry = &self.entries[index as usize];
        if entry.level == NEAR {
            // Swept out when the stale are more than half, so that they take no more than their
            // room.
            if self.near.len() > 2 * self.entries.len() + PEEK {
                let entries = &self.entries;
                self.near.retain(|Reverse((_, key))| find(entries, *key).is_some());
            }
            return;
        }
        let (prev, next, slot) = (entry.prev, entry.next, entry.slot as usize);
        let home = &mut self.levels[entry.level as usize];
        let list = &mut home.slots[slot];
        match prev {
            NONE => list.head = next,
            prev => self.entries[prev as usize].next = next,
        }
        match next {
            NONE => list.tail = prev,
            next => self.entries[next as usize].prev = prev,
        }
        if list.head == NONE {
            home.occupied &= !(1 << slot);
        }
    }

    fn find(&self, key: TimerKey) -> Option<&Entry> {
        find(&self.entries, key)
    }
}

fn find(entries: &Slab<Entry>, key: TimerKey) -> Option<&Entry> {
    let serial = (key >> 32) as u32;
    entries.get(key as u32 as usize).filter(|entry| entry.serial == serial)
}

fn key(serial: u32, index: u32) -> TimerKey {
    u64::from(serial) << 32 | u64::from(index)
}
