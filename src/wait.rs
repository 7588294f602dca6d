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
use std::collections::BTreeSet;
use std::mem;
use std::num::NonZeroU64;
use std::panic::Location;
use std::ptr;
use std::task::{Context, Waker};

use slab::Slab;

use crate::task::current::{self, LoopKey};
use crate::task::id::Id;
use crate::task::inbox;
use crate::task::info::Nanos;

pub(crate) mod ends;
pub(crate) mod moves;
pub(crate) mod queue;
pub(crate) mod reason;
pub(crate) mod seat;
mod serial;
mod shrink;
pub(crate) mod site;
pub(crate) mod tell;
pub(crate) mod waiter;

use self::queue::Record;
use self::reason::WaitReason;
use self::serial::Serials;
pub(crate) use self::shrink::{is_large, shrink};

thread_local! {
    static WAITS: RefCell<Waits> = const {
        RefCell::new(Waits {
            entries: Vec::new(),
            free: NONE,
            used: 0,
            limit: NONE,
            indexed: false,
            newest: Vec::new(),
            records: Slab::new(),
            movers: BTreeSet::new(),
            serials: Serials::new(),
        })
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
    /// How many are used.
    used: usize,
    /// Free ones from here on are not linked: while the table is to shrink, nobody new is to wait
    /// there. `NONE` mostly.
    limit: u32,
    /// Somebody has asked for the entries of one task: from then on they are linked.
    indexed: bool,
    /// By the index of a task's id: the entry that it made last, of those linked by `older`. Loops
    /// that share the thread share the lists.
    newest: Vec<u32>,
    /// What is known of each queue that somebody has waited in.
    records: Slab<Record>,
    /// Tasks, with their loops, of which a future that waited has gone on in another task. A guard
    /// that such a task took may be in that future.
    movers: BTreeSet<(LoopKey, Id)>,
    serials: Serials,
}

struct Entry {
    whom: Whom,
    /// 0 for a free one.
    serial: u64,
    reason: WaitReason,
    site: Site,
    since: Nanos,
    /// The number of its last poll.
    polled: u64,
    /// For an entry in a queue: its neighbours, the queue's record, how much it wants or was
    /// handed, and which of both.
    prev: u32,
    next: u32,
    record: u32,
    amount: u32,
    handed: bool,
    /// It was handed it alone, and others have to do without meanwhile: not news for everybody.
    alone: bool,
    /// Its neighbours among the entries of its task.
    older: u32,
    newer: u32,
}

impl Entry {
    /// Whether it is who polls with `cx` that waits here; if so, that is noted.
    #[inline]
    fn is_polled(&mut self, cx: &Context<'_>) -> bool {
        let same = self.whom.is(cx);
        if same {
            self.polled = current::count_poll();
        }
        same
    }

    /// Whether it is polled with another waker than its task's own: then it need not be polled in
    /// each switch of the task.
    fn is_foreign(&self) -> bool {
        self.whom.waker.is_some()
    }
}

const NONE: u32 = u32::MAX;

/// An entry in the table of one thread. It has one owner. A stale one finds nothing, nor does one
/// that was moved to another thread: no two entries of the process have the same serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// First, so that places compare in the order of their making.
    serial: NonZeroU64,
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

    /// The running task, to be woken by its id, whatever it is polled with.
    #[inline]
    fn runs() -> Self {
        Self { waker: None, task: current::task(), of: current::key() }
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
#[inline(always)]
fn with<R>(f: impl FnOnce(&mut Waits) -> R) -> Option<R> {
    WAITS.try_with(|waits| f(&mut waits.borrow_mut())).ok()
}

/// As [`with`], where the entries of each task are linked.
fn with_index<R>(f: impl FnOnce(&Waits) -> R) -> Option<R> {
    with(|waits| {
        if !waits.indexed {
            waits.index();
        }
        f(waits)
    })
}

impl Waits {
    /// Inlined always: `whom` is then written where it is to lie, and not copied right after it was
    /// written in parts, which would make the processor wait.
    #[inline(always)]
    fn insert(
        &mut self,
        whom: Whom,
        reason: WaitReason,
        site: Site,
        amount: u32,
        record: u32,
    ) -> Place {
        let serial = self.serials.next();
        let index = if self.free == NONE { self.grow(site) } else { self.free };
        let entry = &mut self.entries[index as usize];
        (self.free, self.used) = (entry.next, self.used + 1);
        (entry.whom.task, entry.whom.of) = (whom.task, whom.of);
        match whom.waker {
            None => entry.whom.waker = None,
            waker => entry.whom.waker = waker,
        }
        (entry.serial, entry.reason, entry.site) = (serial.get(), reason, site);
        (entry.since, entry.polled) = (current::now(), current::count_poll());
        (entry.prev, entry.next) = (NONE, NONE);
        (entry.record, entry.amount, entry.handed) = (record, amount, false);
        if self.indexed {
            self.link(index);
        }
        Place { serial, index }
    }

    /// Another entry, free.
    #[cold]
    fn grow(&mut self, site: Site) -> u32 {
        if self.limit != NONE {
            self.limit_to(NONE);
            if self.free != NONE {
                return self.free;
            }
        }
        let index = self.entries.len() as u32; // 2^32 of them would not fit into memory.
        self.entries.push(Entry {
            whom: Whom { waker: None, task: None, of: 0 },
            serial: 0,
            reason: WaitReason::Notify,
            site,
            since: 0,
            polled: 0,
            prev: NONE,
            next: NONE,
            record: NONE,
            amount: 0,
            handed: false,
            alone: false,
            older: NONE,
            newer: NONE,
        });
        index
    }

    /// The entries of each task are linked from now on. That is not free, so it is not done before
    /// somebody watches.
    #[cold]
    fn index(&mut self) {
        self.indexed = true;
        for index in 0..self.entries.len() {
            if self.entries[index].serial != 0 {
                self.link(index as u32);
            }
        }
    }

    /// Somebody else waits there from now on. Returns who did before.
    fn set_whom(&mut self, place: Place, whom: Whom) -> Option<Whom> {
        let before = self.get(place).map(|entry| (entry.whom.of, entry.whom.task))?;
        self.note_move(before);
        if self.indexed {
            self.unlink(place.index);
        }
        let old = self.get_mut(place).map(|entry| {
            entry.polled = current::count_poll();
            mem::replace(&mut entry.whom, whom)
        });
        if self.indexed {
            self.link(place.index);
        }
        old
    }

    /// The entry joins those of its task.
    fn link(&mut self, index: u32) {
        let Some(entry) = self.entries.get_mut(index as usize) else { return };
        entry.newer = NONE;
        let Some(task) = entry.whom.task else { return };
        if self.newest.len() <= task.index() {
            self.newest.resize(task.index() + 1, NONE);
        }
        let older = mem::replace(&mut self.newest[task.index()], index);
        entry.older = older;
        if let Some(older) = self.entries.get_mut(older as usize) {
            older.newer = index;
        }
    }

    /// The entry leaves those of its task.
    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.entries.get(index as usize) else { return };
        let Some(task) = entry.whom.task else { return };
        let (older, newer) = (entry.older, entry.newer);
        if let Some(older) = self.entries.get_mut(older as usize) {
            older.newer = newer;
        }
        match self.entries.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest[task.index()] = older,
        }
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
        if self.indexed && self.get(place).is_some() {
            self.unlink(place.index);
        }
        let entry = self.get_mut(place)?;
        entry.serial = 0;
        entry.next = free;
        let whom = entry.whom.take();
        self.used -= 1;
        if place.index < self.limit {
            self.free = place.index;
        }
        Some(whom)
    }
}

/// Who polls with `cx` waits, in no queue.
#[inline(always)]
pub(crate) fn enter(cx: &Context<'_>, reason: WaitReason, site: Site) -> Place {
    enter_as(Whom::polls(cx), reason, site)
}

/// Somebody waits, in no queue.
#[inline(always)]
pub(crate) fn enter_as(whom: Whom, reason: WaitReason, site: Site) -> Place {
    with(|waits| waits.insert(whom, reason, site, 0, NONE)).unwrap_or(NOWHERE)
}

/// Somebody waits for a timer. A function of its own, with one caller: what several share is not
/// inlined there.
#[inline(always)]
pub(crate) fn enter_timer(whom: Whom, deadline: Nanos, site: Site) -> Place {
    with(|waits| waits.insert(whom, WaitReason::Timer(deadline), site, 0, NONE)).unwrap_or(NOWHERE)
}

/// Makes the entry of a timer one of another deadline, if the timer is still waited for.
pub(crate) fn put_off(place: Place, deadline: Nanos) -> Option<Place> {
    with(|waits| {
        let (site, polled) = waits.get(place).map(|entry| (entry.site, entry.polled))?;
        let whom = waits.remove(place)?;
        let new = waits.insert(whom, WaitReason::Timer(deadline), site, 0, NONE);
        waits.get_mut(new)?.polled = polled;
        Some(new)
    })?
}

/// While the thread ends nobody can be woken any more, and a place that is stale will do.
const NOWHERE: Place = Place { serial: NonZeroU64::MAX, index: NONE };

/// Whether `place` is still waited at.
pub(crate) fn is_waiting(place: Place) -> bool {
    with(|waits| waits.get(place).is_some()).unwrap_or(false)
}

/// Whether it is who polls with `cx` that waits at `place`: if so, that has been polled now.
#[inline]
pub(crate) fn waits(place: Place, cx: &Context<'_>) -> bool {
    with(|waits| waits.get_mut(place).is_some_and(|entry| entry.is_polled(cx))).unwrap_or(false)
}

/// The task of the loop `of` that waits at `place`, if it and nothing else is woken there.
pub(crate) fn woken_at(place: Place, of: LoopKey) -> Option<Id> {
    with(|waits| waits.get(place)?.whom.task_itself(of)).flatten()
}

/// As [`waits`], and at `site`.
#[inline]
fn waits_at(place: Place, cx: &Context<'_>, site: Site) -> bool {
    let same = |entry: &mut Entry| ptr::eq(entry.site, site) && entry.is_polled(cx);
    with(|waits| waits.get_mut(place).is_some_and(same)).unwrap_or(false)
}

/// Reads a little of each place. Those that have left the processor's cache come back all at once
/// that way, and not one after the other when each is left.
pub(crate) fn touch(places: impl Iterator<Item = Place>) {
    let waiting = |waits: &mut Waits| places.filter(|&place| waits.get(place).is_some()).count();
    std::hint::black_box(with(waiting));
}

/// The wait is over. Returns who waited, for the caller to wake or to drop.
#[inline]
pub(crate) fn leave(place: Place) -> Option<Whom> {
    with(|waits| waits.remove(place)).flatten()
}
