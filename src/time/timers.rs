//! The timers: a hierarchical wheel, exact to the nanosecond (floor 2).
//!
//! Setting and cancelling are O(1); a timer is moved at most once per level on its way down. Level
//! `l` has 64 slots of 64^l nanoseconds. A timer lies at the level of the highest base-64 digit in
//! which its deadline differs from the time that has passed, so all timers of a lower level are due
//! before any of a higher one. Lists keep the order of insertion, and moving down keeps it too:
//! timers fire by deadline, then in the order of their making.
//!
//! Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 6 and 7;
//! tokio uses the same shape with milliseconds.

use std::mem;
use std::task::Waker;

use slab::Slab;

use crate::task::info::Nanos;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Eleven digits of six bits hold any 64-bit time, so the wheel has no end to fall off.
const LEVELS: usize = 11;
/// An exact answer to "when next" is worth looking at so many timers.
const PEEK: usize = 64;
const NONE: u32 = u32::MAX;

/// A key into the wheel: index and serial number, so that a stale key finds nothing.
pub(crate) type TimerKey = u64;

pub(crate) struct Timers {
    entries: Slab<Entry>,
    levels: Box<[Level; LEVELS]>,
    /// All deadlines up to here have fired, or lie in the list of this very nanosecond.
    elapsed: Nanos,
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
            elapsed: 0,
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
        (u64::from(serial) << 32) | u64::from(index)
    }

    /// Cancels a timer and returns its waker, which the caller drops where user code may run.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<Waker> {
        self.find(key)?;
        let index = key as u32;
        self.unlink(index);
        Some(self.entries.remove(index as usize).waker)
    }

    /// Whether the timer is set, and would wake what `waker` wakes.
    pub(crate) fn holds(&mut self, key: TimerKey, waker: &Waker) -> bool {
        self.find(key).is_some_and(|entry| entry.waker.will_wake(waker))
    }

    /// The timer due first, if it is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, Waker)> {
        while let Some((level, slot, start)) = self.first() {
            if start > now {
                break;
            }
            self.elapsed = self.elapsed.max(start);
            let list = self.levels[level].slots[slot];
            if level == 0 {
                self.unlink(list.head);
                let entry = self.entries.remove(list.head as usize);
                return Some((entry.deadline, entry.waker));
            }
            self.levels[level].slots[slot] = List { head: NONE, tail: NONE };
            self.levels[level].occupied &= !(1 << slot);
            let mut index = list.head;
            while index != NONE {
                let next = self.entries[index as usize].next;
                self.place(index);
                index = next;
            }
        }
        self.elapsed = self.elapsed.max(now);
        None
    }

    /// When the next timer is due; where many timers lie close together, a moment before that.
    pub(crate) fn next_at(&self) -> Option<Nanos> {
        let (level, slot, start) = self.first()?;
        if level == 0 {
            return Some(start);
        }
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
        Some(start)
    }

    /// The first slot that is not empty, and the time at which it begins.
    fn first(&self) -> Option<(usize, usize, Nanos)> {
        let (level, slots) = self.levels.iter().enumerate().find(|(_, l)| l.occupied != 0)?;
        let slot = slots.occupied.trailing_zeros();
        let shift = BITS * level as u32;
        let above = self.elapsed.checked_shr(shift + BITS).unwrap_or(0);
        let start = above.checked_shl(shift + BITS).unwrap_or(0) | (u64::from(slot) << shift);
        Some((level, slot as usize, start))
    }

    /// Links an entry into the list where it belongs now.
    fn place(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let due = entry.deadline.max(self.elapsed);
        let level = (63 - ((due ^ self.elapsed) | 1).leading_zeros()) / BITS;
        let slot = (due >> (BITS * level)) as usize % SLOTS;
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

    fn unlink(&mut self, index: u32) {
        let entry = &self.entries[index as usize];
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

    fn find(&mut self, key: TimerKey) -> Option<&mut Entry> {
        let serial = (key >> 32) as u32;
        self.entries.get_mut(key as u32 as usize).filter(|entry| entry.serial == serial)
    }
}
