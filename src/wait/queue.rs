//! The one queue under all that tasks wait for in turn: first come, first served (floor 2).
//!
//! A [`Queue`] lies in the lock or channel and is two numbers while nobody waits. A
//! [`Waiter`](super::waiter::Waiter) lies in the future. What links them are entries in the
//! thread's table, so joining, leaving from the middle and being served are O(1), and nothing is
//! allocated for it but the table itself, which is used again.
//!
//! A waiter is *handed* something: a lock, so many permits, a notification. It is out of the queue
//! then, and whoever drops the future before it was polled again must pass on what it was handed:
//! [`Waiter::leave`](super::waiter::Waiter::leave) tells.

use std::cell::{Cell, OnceCell};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::ends::Ends;
use super::reason::{Holder, WaitReason};
use super::{NONE, Place, Site, Waits, Whom, with};
use crate::task::current::LoopKey;

/// A task that holds something, and its loop: ids are one loop's own, and a lock may be shared by
/// two of them.
pub(crate) type Hold = (Option<Holder>, LoopKey);

/// No task.
pub(crate) const NOBODY: Hold = (None, 0);

/// What is known of a queue, for reports.
pub(super) struct Record {
    /// Where what is waited for was made.
    pub(super) made: Site,
    pub(super) holder: Option<Holder>,
    /// The holder's loop.
    pub(super) of: LoopKey,
    /// It has been locked with guards that own it.
    pub(super) owned: bool,
    /// For a channel.
    pub(super) ends: Option<Rc<Ends>>,
}

/// Those who wait for one thing, in the order in which they came.
///
/// It is bound to its thread. Whoever waits must leave before the queue is dropped, or is left out
/// of it for good.
pub(crate) struct Queue {
    head: Cell<u32>,
    tail: Cell<u32>,
    /// Made when somebody first waits.
    record: Cell<u32>,
    reason: WaitReason,
    made: Site,
    /// One task at a time holds it.
    exclusive: bool,
    /// It has been locked with guards that own it.
    owned: Cell<bool>,
    ends: OnceCell<Rc<Ends>>,
    on_this_thread: PhantomData<*const ()>,
}

impl Queue {
    /// For something that the caller's caller makes.
    #[track_caller]
    pub(crate) const fn new(reason: WaitReason) -> Self {
        Self::with(reason, false)
    }

    /// For something that one task at a time holds: whoever is handed it is known as its holder.
    #[track_caller]
    pub(crate) const fn exclusive(reason: WaitReason) -> Self {
        Self::with(reason, true)
    }

    #[track_caller]
    const fn with(reason: WaitReason, exclusive: bool) -> Self {
        Self {
            head: Cell::new(NONE),
            tail: Cell::new(NONE),
            record: Cell::new(NONE),
            reason,
            made: Location::caller(),
            exclusive,
            owned: Cell::new(false),
            ends: OnceCell::new(),
            on_this_thread: PhantomData,
        }
    }

    /// What it is waited for.
    #[inline]
    pub(super) fn reason(&self) -> WaitReason {
        self.reason
    }

    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.get() == NONE
    }

    /// How much the first one wants.
    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        with(|waits| waits.entries.get(self.head.get() as usize).map(|entry| entry.amount))?
    }

    /// Where the first one waits.
    pub(crate) fn first_place(&self) -> Option<Place> {
        let index = self.head.get();
        let serial = |waits: &mut Waits| waits.entries.get(index as usize).map(|e| e.serial);
        Some(Place { serial: NonZeroU64::new(with(serial)??)?, index })
    }

    /// The first one wants `amount` from now on.
    pub(crate) fn set_first(&self, amount: u32) {
        with(|waits| {
            if let Some(entry) = waits.entries.get_mut(self.head.get() as usize) {
                entry.amount = amount;
            }
        });
    }

    /// Hands `amount` to the first one, who leaves the queue, and wakes it. False if nobody waits.
    ///
    /// Whom it wakes may be anybody, so the caller's own state must be in order before.
    #[inline]
    pub(crate) fn hand_first(&self, amount: u32) -> bool {
        !self.is_empty() && self.hand(self.head.get(), amount)
    }

    /// As [`hand_first`](Self::hand_first), for whoever came last.
    pub(crate) fn hand_last(&self, amount: u32) -> bool {
        !self.is_empty() && self.hand(self.tail.get(), amount)
    }

    #[inline]
    fn hand(&self, index: u32, amount: u32) -> bool {
        let take_out = |waits: &mut Waits| self.take_out(waits, index, Some(amount), true);
        let Some(handed) = with(take_out) else {
            return false;
        };
        if let Err(whom) = handed {
            whom.wake();
        }
        true
    }

    /// As [`hand_first`](Self::hand_first), for one of several: if it is a stranger whom it would
    /// wake, the caller wakes it when its own state is in order.
    #[inline]
    pub(crate) fn hand_next(&self, amount: u32, strangers: &mut Strangers) {
        if self.is_empty() {
            return;
        }
        let take_out =
            |waits: &mut Waits| self.take_out(waits, self.head.get(), Some(amount), true);
        let handed = with(take_out);
        strangers.0.extend(handed.and_then(Result::err));
    }

    /// Everybody who waits now leaves the queue, handed `amount` (`None`: what it wanted is left
    /// as it is), and is woken, in order. Who comes while they are woken is not among them.
    pub(crate) fn hand_all(&self, amount: Option<u32>) {
        let mut strangers = Strangers::default();
        self.hand_each(amount, &mut strangers);
        strangers.wake();
    }

    /// As [`hand_all`](Self::hand_all), for one of several queues: strangers are for the caller to
    /// wake, with its state in order.
    pub(crate) fn hand_each(&self, amount: Option<u32>, strangers: &mut Strangers) {
        with(|waits| {
            while !self.is_empty() {
                strangers.0.extend(self.take_out(waits, self.head.get(), amount, false).err());
            }
        });
    }

    /// Takes an entry out of the queue, and wakes its task if that is done without user code.
    #[inline]
    fn take_out(
        &self,
        waits: &mut Waits,
        index: u32,
        amount: Option<u32>,
        alone: bool,
    ) -> Result<(), Whom> {
        self.unlink(waits, index);
        let Some(entry) = waits.entries.get_mut(index as usize) else { return Ok(()) };
        entry.amount = amount.unwrap_or(entry.amount);
        (entry.handed, entry.alone) = (true, alone);
        if self.exclusive
            && let Some(record) = waits.records.get_mut(entry.record as usize)
        {
            let site = entry.site;
            record.holder = entry.whom.task.map(|task| Holder { task, site });
            record.of = entry.whom.of;
        }
        entry.whom.take().record()
    }

    /// Who holds it from now on, for reports.
    #[inline]
    pub(crate) fn set_holder(&self, hold: Hold) {
        self.note(|record| (record.holder, record.of) = hold);
    }

    /// It is locked with a guard that owns it, for reports: that can go from task to task.
    pub(crate) fn set_owned(&self) {
        if !self.owned.replace(true) {
            self.note(|record| record.owned = true);
        }
    }

    /// It is waited for at an end of this channel.
    pub(crate) fn set_ends(&self, ends: Rc<Ends>) {
        let _once = self.ends.set(ends);
    }

    /// Changes the record, if there is one.
    #[inline]
    fn note(&self, change: impl FnOnce(&mut Record)) {
        if self.record.get() != NONE {
            with(|waits| waits.records.get_mut(self.record.get() as usize).map(change));
        }
    }

    /// Who holds it, if somebody has waited for it and one task does.
    pub(crate) fn holder(&self) -> Hold {
        let of = |record: &Record| (record.holder, record.of);
        let known = || with(|waits| waits.records.get(self.record.get() as usize).map(of))?;
        if self.record.get() == NONE { NOBODY } else { known().unwrap_or(NOBODY) }
    }

    /// The queue's record; whoever is the first to need it makes it.
    #[inline]
    pub(super) fn record(&self, waits: &mut Waits, (holder, of): Hold) -> u32 {
        if self.record.get() == NONE {
            let (made, owned) = (self.made, self.owned.get());
            let ends = self.ends.get().cloned();
            let record = Record { made, holder, of, owned, ends };
            self.record.set(waits.records.insert(record) as u32);
        }
        self.record.get()
    }

    /// The queue's record, if one was made.
    pub(super) fn known_record(&self) -> u32 {
        self.record.get()
    }

    #[inline]
    pub(super) fn link_last(&self, waits: &mut Waits, index: u32) {
        let last = self.tail.replace(index);
        if let Some(entry) = waits.entries.get_mut(index as usize) {
            entry.prev = last;
        }
        match waits.entries.get_mut(last as usize) {
            Some(last) => last.next = index,
            None => self.head.set(index),
        }
    }

    #[inline]
    pub(super) fn unlink(&self, waits: &mut Waits, index: u32) {
        let Some(entry) = waits.entries.get_mut(index as usize) else { return };
        let (prev, next) = (entry.prev, entry.next);
        (entry.prev, entry.next) = (NONE, NONE);
        match waits.entries.get_mut(prev as usize) {
            Some(prev) => prev.next = next,
            None => self.head.set(next),
        }
        match waits.entries.get_mut(next as usize) {
            Some(next) => next.prev = prev,
            None => self.tail.set(prev),
        }
    }
}

/// Those whom to wake is user code: wakers that are not turno's.
#[derive(Default)]
#[must_use = "they wait to be woken"]
pub(crate) struct Strangers(Vec<Whom>);

impl Strangers {
    /// Wakes them. A panic in one must not take the wakes of the others with it.
    #[inline]
    pub(crate) fn wake(self) {
        if !self.0.is_empty() {
            self.wake_each();
        }
    }

    #[cold]
    fn wake_each(self) {
        let mut panic = None;
        for whom in self.0 {
            let woken = catch_unwind(AssertUnwindSafe(|| whom.wake()));
            panic = panic.or(woken.err());
        }
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if self.record.get() == NONE {
            return;
        }
        with(|waits| {
            // Left over only from futures that were forgotten and never dropped.
            while !self.is_empty() {
                let index = self.head.get();
                self.unlink(waits, index);
                if let Some(entry) = waits.entries.get_mut(index as usize) {
                    entry.record = NONE;
                }
            }
            waits.records.try_remove(self.record.get() as usize);
        });
    }
}
