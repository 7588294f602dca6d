//! Wait entries: who waits, for what, where; and how they are woken (floor 2).
//!
//! Whatever a task can wait for keeps its waiters here, in one table for the thread: a join handle,
//! a timer, a socket, and under [`queue`] every lock and channel. An entry is made when a future
//! first has to wait, and is gone when it need not any more or is dropped. So it is known at any
//! time what every task waits for, and nothing but turno's own code has to keep count.
//!
//! An entry that a task's own poll makes keeps no waker: the task is woken by its id, which saves
//! the counting of references. Only when a future is polled through somebody else's waker, as
//! inside of `FuturesUnordered`, that waker is cloned and kept.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::panic::Location;
use std::ptr;
use std::task::{Context, Waker};

use slab::Slab;

use crate::task::current::{self, LoopKey};
use crate::task::id::Id;
use crate::task::inbox;
use crate::task::info::Nanos;

pub(crate) mod queue;
pub(crate) mod reason;
pub(crate) mod seat;

use self::queue::Record;
use self::reason::{Wait, WaitReason};

thread_local! {
    static WAITS: RefCell<Waits> = const {
        RefCell::new(Waits { entries: Vec::new(), free: NONE, records: Slab::new(), serial: 0 })
    };
}

/// A place in the user's program.
pub(crate) type Site = &'static Location<'static>;

/// All that is waited for on this thread.
struct Waits {
    /// Used and free ones. Not a slab: that would make each entry elsewhere and copy it in, which
    /// costs more than all else.
    entries: Vec<Entry>,
    /// The first of the free ones, which are linked by `next`.
    free: u32,
    /// What is known of each queue that somebody has waited in.
    records: Slab<Record>,
    /// The serial number of the entry made last.
    serial: u32,
}

struct Entry {
    whom: Whom,
    /// 0 for a free one.
    serial: u32,
    reason: WaitReason,
    site: Site,
    since: Nanos,
    /// For an entry in a queue: its neighbours, the queue's record, how much it wants or was
    /// handed, and which of both.
    prev: u32,
    next: u32,
    record: u32,
    amount: u32,
    handed: bool,
}

const NONE: u32 = u32::MAX;

/// An entry in the table. It has one owner; a stale one finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// First, so that places compare in the order of their making.
    serial: NonZeroU32,
    index: u32,
}

/// Whom to wake: to be used or dropped where user code may run.
pub(crate) struct Whom {
    /// `None` for the task itself: it is woken by its id.
    waker: Option<Waker>,
    /// The task that waits, and its loop.
    task: Option<Id>,
    of: LoopKey,
}

impl Whom {
    /// Who polls with `cx`. Clones its waker, which is user code, unless it is a task's own.
    #[inline]
    pub(crate) fn polls(cx: &Context<'_>) -> Self {
        let waker = if current::is_own(cx.waker()) { None } else { Some(cx.waker().clone()) };
        Self { waker, task: current::task(), of: current::key() }
    }

    /// Somebody who is no task.
    pub(crate) fn stranger(waker: Waker) -> Self {
        Self { waker: Some(waker), task: None, of: 0 }
    }

    /// Nobody: to wake it does nothing.
    fn nobody() -> Self {
        Self { waker: None, task: None, of: 0 }
    }

    /// Whether that is who polls with `cx`.
    fn is(&self, cx: &Context<'_>) -> bool {
        match &self.waker {
            Some(waker) => waker.will_wake(cx.waker()),
            None => {
                current::is_own(cx.waker())
                    && self.task == current::task()
                    && self.of == current::key()
            }
        }
    }

    /// Takes the waker; who it is stays known.
    #[inline]
    fn take(&mut self) -> Self {
        Self { waker: self.waker.take(), task: self.task, of: self.of }
    }

    /// Whether waking, cloning and dropping it is user code.
    #[inline]
    fn is_foreign(&self) -> bool {
        self.waker.is_some()
    }

    /// The task that waits, if one does.
    pub(crate) fn task(&self) -> Option<Id> {
        self.task
    }

    /// The task of the loop `of`, if it is to be woken by its id.
    pub(crate) fn task_itself(&self, of: LoopKey) -> Option<Id> {
        if self.waker.is_none() && self.of == of { self.task } else { None }
    }

    /// Wakes a task by its id, where that is done without user code: in a turn of its own loop.
    #[inline]
    pub(crate) fn record(self) -> Result<(), Self> {
        match (&self.waker, self.task) {
            (None, Some(task)) if current::record(self.of, task) => Ok(()),
            _ => Err(self),
        }
    }

    /// Wakes, whoever it is.
    #[inline]
    pub(crate) fn wake(self) {
        let Err(whom) = self.record() else { return };
        match (whom.waker, whom.task) {
            (Some(waker), _) => waker.wake(),
            (None, Some(task)) => inbox::wake_in(whom.of, task),
            (None, None) => {}
        }
    }
}

/// Lends the table, unless the thread is about to end. `f` runs no user code.
#[inline]
fn with<R>(f: impl FnOnce(&mut Waits) -> R) -> Option<R> {
    WAITS.try_with(|waits| f(&mut waits.borrow_mut())).ok()
}

impl Waits {
    #[inline]
    fn insert(
        &mut self,
        whom: Whom,
        reason: WaitReason,
        site: Site,
        amount: u32,
        record: u32,
    ) -> Place {
        self.serial = self.serial.checked_add(1).unwrap_or(1);
        let serial = self.serial;
        let index = if self.free == NONE { self.grow(site) } else { self.free };
        let entry = &mut self.entries[index as usize];
        self.free = entry.next;
        entry.whom = whom;
        (entry.serial, entry.reason, entry.site) = (serial, reason, site);
        entry.since = current::now();
        (entry.prev, entry.next) = (NONE, NONE);
        (entry.record, entry.amount, entry.handed) = (record, amount, false);
        Place { serial: NonZeroU32::new(serial).unwrap_or(NonZeroU32::MIN), index }
    }

    /// Another entry, free.
    #[cold]
    fn grow(&mut self, site: Site) -> u32 {
        let index = self.entries.len() as u32; // 2^32 of them would not fit into memory.
        self.entries.push(Entry {
            whom: Whom { waker: None, task: None, of: 0 },
            serial: 0,
            reason: WaitReason::Notify,
            site,
            since: 0,
            prev: NONE,
            next: NONE,
            record: NONE,
            amount: 0,
            handed: false,
        });
        index
    }

    #[inline]
    fn get(&self, place: Place) -> Option<&Entry> {
        self.entries.get(place.index as usize).filter(|entry| entry.serial == place.serial.get())
    }

    #[inline]
    fn get_mut(&mut self, place: Place) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(place.index as usize);
        entry.filter(|entry| entry.serial == place.serial.get())
    }

    /// Frees an entry. Who waited is for the caller to wake or to drop.
    #[inline]
    fn remove(&mut self, place: Place) -> Option<Whom> {
        let free = self.free;
        let entry = self.get_mut(place)?;
        entry.serial = 0;
        entry.next = free;
        let whom = entry.whom.take();
        self.free = place.index;
        Some(whom)
    }
}

/// Who polls with `cx` waits, in no queue.
#[inline]
pub(crate) fn enter(cx: &Context<'_>, reason: WaitReason, site: Site) -> Place {
    enter_as(Whom::polls(cx), reason, site)
}

/// Somebody waits, in no queue.
#[inline]
pub(crate) fn enter_as(whom: Whom, reason: WaitReason, site: Site) -> Place {
    // While the thread ends nobody can be woken any more, and a place that is stale will do.
    let nowhere = Place { serial: NonZeroU32::MAX, index: NONE };
    with(|waits| waits.insert(whom, reason, site, 0, NONE)).unwrap_or(nowhere)
}

/// Whether `place` is still waited at.
pub(crate) fn is_waiting(place: Place) -> bool {
    with(|waits| waits.get(place).is_some()).unwrap_or(false)
}

/// Whether it is who polls with `cx` that waits at `place`.
#[inline]
pub(crate) fn waits(place: Place, cx: &Context<'_>) -> bool {
    with(|waits| waits.get(place).is_some_and(|entry| entry.whom.is(cx))).unwrap_or(false)
}

/// As [`waits`], and at `site`.
#[inline]
fn waits_at(place: Place, cx: &Context<'_>, site: Site) -> bool {
    let same = |entry: &Entry| ptr::eq(entry.site, site) && entry.whom.is(cx);
    with(|waits| waits.get(place).is_some_and(same)).unwrap_or(false)
}

/// The wait is over. Returns who waited, for the caller to wake or to drop.
#[inline]
pub(crate) fn leave(place: Place) -> Option<Whom> {
    with(|waits| waits.remove(place)).flatten()
}

/// What the tasks of the loop `of` wait for, and how many clones of a task's own waker, known by
/// `data`, are kept here.
pub(crate) fn survey(of: LoopKey, mut see: impl FnMut(Option<Id>, Option<*const ()>, Wait)) {
    with(|waits| {
        let used = waits.entries.iter().filter(|entry| entry.serial != 0);
        for entry in used.filter(|entry| !entry.handed && entry.whom.of == of) {
            let record = waits.records.get(entry.record as usize);
            let wait = Wait {
                reason: entry.reason,
                site: entry.site,
                since: entry.since,
                made: record.map(|record| record.made),
                holder: record.and_then(|record| record.holder),
            };
            see(entry.whom.task, entry.whom.waker.as_ref().map(Waker::data), wait);
        }
    });
}
