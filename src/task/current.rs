//! What runs on this thread now: which loop, which task, and whom it woke (floor 2).
//!
//! A wake on the loop's own thread ends here, in a list without a lock. The loop empties the list
//! after every switch and knows the cause: whatever was running when the list grew.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use super::id::Id;
use super::info::Nanos;
use super::room;
use crate::wait::Site;
use crate::wait::reason::Holder;

pub(crate) use super::id::LoopKey;

/// Read or written at every switch and wake. Nothing in it needs a destructor, so that reaching it
/// is one instruction, and works while a thread ends.
struct Current {
    /// The loop that is in a turn on this thread; 0 for none.
    key: Cell<LoopKey>,
    /// The task in whose name user code runs now.
    task: Cell<Option<Id>>,
    /// The task or job whose code runs now, where that is not the running task: a result is
    /// dropped, or it is a job on a thread of its own. Only the program is told; wakes and locks go
    /// by `task`.
    named: Cell<Option<Id>>,
    /// What stands behind the waker that it is polled with.
    waker: Cell<*const ()>,
    /// It was woken, by itself or by what it ran.
    woken: Cell<bool>,
    /// When its switch began, as far as the loop has looked at the clock.
    now: Cell<Nanos>,
    /// Counts the polls of turno's futures on this thread, and the switches: so each poll comes
    /// with a number of its own, but for those that belong together.
    polls: Cell<u64>,
    /// By how much it counts on: 0 in a [`Group`].
    step: Cell<u64>,
    /// Where the innermost [`Group`] is awaited.
    group: Cell<Option<Site>>,
    /// Operations left to the running task before it must give way.
    budget: Cell<u32>,
    /// The running task gave way because its budget was spent.
    spent: Cell<bool>,
    /// Who was woken or spawned first since the loop last looked; mostly nobody else is.
    first: Cell<Option<Id>>,
    /// There are more of them, in the list.
    more: Cell<bool>,
    /// There are aborts, or other things to attend to.
    errands: Cell<bool>,
}

struct Lists {
    /// Tasks woken or spawned since the loop last looked, after the first, in order.
    woken: RefCell<VecDeque<Id>>,
    /// Tasks to abort, in order.
    aborted: RefCell<VecDeque<Id>>,
}

/// Outside of a switch nothing is counted.
const UNLIMITED: u32 = u32::MAX;

thread_local! {
    static CURRENT: Current = const {
        Current {
            key: Cell::new(0),
            task: Cell::new(None),
            named: Cell::new(None),
            waker: Cell::new(ptr::null()),
            woken: Cell::new(false),
            now: Cell::new(0),
            polls: Cell::new(0),
            step: Cell::new(1),
            group: Cell::new(None),
            budget: Cell::new(UNLIMITED),
            spent: Cell::new(false),
            first: Cell::new(None),
            more: Cell::new(false),
            errands: Cell::new(false),
        }
    };
    static LISTS: Lists = const {
        Lists { woken: RefCell::new(VecDeque::new()), aborted: RefCell::new(VecDeque::new()) }
    };
}

/// Whether any loop is in a turn on this thread.
pub(crate) fn in_a_turn() -> bool {
    CURRENT.with(|c| c.key.get() != 0)
}

/// Whether the loop `key` is in a turn on this thread.
#[inline]
pub(crate) fn in_turn_of(key: LoopKey) -> bool {
    CURRENT.with(|c| c.key.get() == key)
}

/// The task in whose name user code runs now.
#[inline]
pub(crate) fn task() -> Option<Id> {
    CURRENT.with(|c| c.task.get())
}

/// The task or job whose code runs now, as the program is told.
pub(crate) fn name() -> Option<Id> {
    CURRENT.with(|c| c.named.get().or(c.task.get()))
}

/// Until it is dropped, the program is told that this task's code runs.
pub(crate) struct Named(Option<Id>);

impl Named {
    pub(crate) fn begin(id: Id) -> Self {
        Self(CURRENT.with(|c| c.named.replace(Some(id))))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        CURRENT.with(|c| c.named.set(self.0));
    }
}

/// What belongs to a task, and is dropped in its name wherever it lies then.
pub(crate) struct Belonging<T> {
    of: Id,
    what: Option<T>,
}

impl<T> Belonging<T> {
    pub(crate) fn new(of: Id, what: T) -> Self {
        Self { of, what: Some(what) }
    }

    pub(crate) fn take(mut self) -> Option<T> {
        self.what.take()
    }
}

impl<T> Drop for Belonging<T> {
    fn drop(&mut self) {
        if let what @ Some(_) = self.what.take() {
            let _named = Named::begin(self.of);
            drop(what);
        }
    }
}

/// The loop that is in a turn on this thread; 0 for none.
#[inline]
pub(crate) fn key() -> LoopKey {
    CURRENT.with(|c| c.key.get())
}

/// The running task, as who takes hold of something at `site`.
#[inline]
pub(crate) fn holder(site: Site) -> Option<Holder> {
    CURRENT.with(|c| c.task.get().map(|task| Holder { task, site }))
}

/// When the present switch began, as far as the loop has looked at the clock.
#[inline]
pub(crate) fn now() -> Nanos {
    CURRENT.with(|c| c.now.get())
}

/// A future of turno's is polled. Returns the number of the poll: what a task awaits at the end of
/// a switch is what it polled last, and the other branches of the same `select!`, `join!` or
/// timeout, which have the same number. What it polled before that is at most kept.
#[inline]
pub(crate) fn count_poll() -> u64 {
    CURRENT.with(|c| {
        c.polls.set(c.polls.get() + c.step.get());
        c.polls.get()
    })
}

/// The number of the last poll.
#[inline]
pub(crate) fn last_poll() -> u64 {
    CURRENT.with(|c| c.polls.get())
}

/// The branches of a `select!`, a `join!` or a timeout are polled until this is dropped.
#[doc(hidden)]
#[derive(Debug)]
pub struct Group {
    outer: Option<Site>,
    step: u64,
}

impl Group {
    /// The caller awaits them.
    #[inline]
    #[track_caller]
    pub fn here() -> Self {
        Self::at(Location::caller())
    }

    #[inline]
    pub(crate) fn at(site: Site) -> Self {
        CURRENT.with(|c| {
            let (outer, step) = (c.group.replace(Some(site)), c.step.take());
            c.polls.set(c.polls.get() + step);
            Self { outer, step }
        })
    }

    /// One branch is done before the others, which are not awaited any more.
    #[inline]
    pub fn overtake(&self) {
        CURRENT.with(|c| c.polls.set(c.polls.get() + 1));
    }
}

impl Drop for Group {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|c| {
            c.group.set(self.outer);
            c.step.set(self.step);
        });
    }
}

/// Where the innermost [`Group`] is awaited.
#[inline]
pub(crate) fn group() -> Option<Site> {
    CURRENT.with(|c| c.group.get())
}

/// Whether `waker` is the one that the running task is polled with.
#[inline]
pub(crate) fn is_own(waker: &Waker) -> bool {
    // Outside of a poll nobody's is, nor that of a foreign executor with nothing behind it.
    CURRENT.with(|c| !c.waker.get().is_null() && ptr::eq(c.waker.get(), waker.data()))
}

/// Wakes whoever polls with `cx`, without a detour where that is the running task.
#[inline]
pub(crate) fn wake_own(cx: &Context<'_>) {
    if is_own(cx.waker()) {
        CURRENT.with(|c| c.woken.set(true));
    } else {
        cx.waker().wake_by_ref();
    }
}

/// What the thread was about when a turn began inside of another loop's: a runtime that is dropped
/// in a task of another one ends its tasks in a turn of its own. Or inside of a blocking job.
pub(crate) struct Outer {
    key: LoopKey,
    task: Option<Id>,
    named: Option<Id>,
    waker: *const (),
    self_woken: bool,
    now: Nanos,
    step: u64,
    group: Option<Site>,
    budget: u32,
    spent: bool,
    errands: bool,
    first: Option<Id>,
    more: bool,
    woken: VecDeque<Id>,
    aborted: VecDeque<Id>,
}

/// Begins a turn of the loop `key`. What it interrupts is for [`end_turn`] to put back.
pub(crate) fn begin_turn(key: LoopKey) -> Option<Box<Outer>> {
    CURRENT.with(|c| match c.key.replace(key) {
        0 if c.named.get().is_none() => None,
        outer => Some(Box::new(Outer {
            key: outer,
            task: c.task.take(),
            named: c.named.take(),
            waker: c.waker.replace(ptr::null()),
            self_woken: c.woken.take(),
            now: c.now.take(),
            step: c.step.replace(1),
            group: c.group.take(),
            budget: c.budget.replace(UNLIMITED),
            spent: c.spent.replace(false),
            errands: c.errands.take(),
            first: c.first.take(),
            more: c.more.take(),
            woken: LISTS.try_with(|l| l.woken.take()).unwrap_or_default(),
            aborted: LISTS.try_with(|l| l.aborted.take()).unwrap_or_default(),
        })),
    })
}

/// Ends a turn. Its lists are empty by now.
pub(crate) fn end_turn(outer: Option<Box<Outer>>) {
    end_switch();
    CURRENT.with(|c| match outer {
        None => c.key.set(0),
        Some(outer) => {
            c.key.set(outer.key);
            c.task.set(outer.task);
            c.named.set(outer.named);
            c.waker.set(outer.waker);
            c.woken.set(outer.self_woken);
            c.now.set(outer.now);
            c.step.set(outer.step);
            c.group.set(outer.group);
            c.budget.set(outer.budget);
            c.spent.set(outer.spent);
            c.errands.set(outer.errands);
            c.first.set(outer.first);
            c.more.set(outer.more);
            let _ = LISTS
                .try_with(|l| (l.woken.replace(outer.woken), l.aborted.replace(outer.aborted)));
        }
    });
}

/// User code runs in the name of `task` from here on, and may spend `budget`.
#[inline]
pub(crate) fn begin_switch(task: Id, budget: u32, now: Nanos) {
    CURRENT.with(|c| {
        c.task.set(Some(task));
        c.woken.set(false);
        c.now.set(now);
        c.polls.set(c.polls.get() + 1);
        c.budget.set(budget);
        c.spent.set(false);
    });
}

/// The task is polled with this waker.
#[inline]
pub(crate) fn polled_with(waker: *const ()) {
    CURRENT.with(|c| c.waker.set(waker));
}

/// Whether the running task has been woken since its switch began.
#[inline]
pub(crate) fn is_woken() -> bool {
    CURRENT.with(|c| c.woken.get())
}

/// What a switch left behind.
pub(crate) struct Aftermath {
    /// Somebody was woken or spawned.
    pub(crate) woke: bool,
    /// There are aborts, or other things to attend to.
    pub(crate) errands: bool,
    /// The task gave way because its budget was spent.
    pub(crate) spent: bool,
}

/// The switch is over: nobody runs now.
#[inline]
pub(crate) fn end_switch() -> Aftermath {
    CURRENT.with(|c| {
        c.task.set(None);
        c.waker.set(ptr::null());
        c.budget.set(UNLIMITED);
        Aftermath { woke: c.first.get().is_some(), errands: c.errands.get(), spent: c.spent.get() }
    })
}

/// Records a wake of `id`. False if `key` is not in a turn here, so that the wake must go to the
/// inbox. The running task is not listed: it is noted that it was woken.
#[inline]
pub(crate) fn record(key: LoopKey, id: Id) -> bool {
    CURRENT.with(|c| {
        if c.key.get() != key {
            return false;
        }
        if c.task.get() == Some(id) {
            c.woken.set(true);
        } else {
            list_woken(id);
        }
        true
    })
}

/// As [`record`], once: `woken` says whether it was listed before.
#[inline]
pub(crate) fn record_once(key: LoopKey, id: Id, woken: &AtomicBool) -> bool {
    CURRENT.with(|c| {
        if c.key.get() != key {
            return false;
        }
        if c.task.get() == Some(id) {
            c.woken.set(true);
        } else if !woken.load(Ordering::Relaxed) {
            woken.store(true, Ordering::Relaxed);
            list_woken(id);
        }
        true
    })
}

/// Puts `id` at the end of those who were woken. In a turn only.
#[inline]
pub(crate) fn list_woken(id: Id) {
    CURRENT.with(|c| {
        if c.first.get().is_none() && !c.more.get() {
            c.first.set(Some(id));
        } else {
            c.more.set(true);
            // The lists may be gone while a thread ends; so is the loop then, whose turn it was.
            let _ = LISTS.try_with(|l| l.woken.borrow_mut().push_back(id));
        }
    });
}

/// Who was woken, of those not yet handed on.
pub(crate) fn woken() -> Vec<Id> {
    let more = LISTS.try_with(|l| Vec::from_iter(l.woken.borrow().iter().copied()));
    CURRENT.with(|c| c.first.get().into_iter().chain(more.unwrap_or_default()).collect())
}

/// There is something else to attend to after the switch.
pub(crate) fn note_errand() {
    CURRENT.with(|c| c.errands.set(true));
}

/// Whether there is.
#[inline]
pub(crate) fn has_errands() -> bool {
    CURRENT.with(|c| c.errands.get())
}

/// Whether a task was woken or spawned, or there is something to attend to, that the loop has not
/// heard of.
pub(crate) fn has_news() -> bool {
    CURRENT.with(|c| c.first.get().is_some() || c.more.get() || c.errands.get())
}

/// Records an abort of `id`. False if `key` is not in a turn here.
pub(crate) fn record_abort(key: LoopKey, id: Id) -> bool {
    let here = in_turn_of(key);
    if here {
        note_errand();
        let _ = LISTS.try_with(|l| l.aborted.borrow_mut().push_back(id));
    }
    here
}

/// Gives back the memory of a burst.
pub(crate) fn shrink() {
    let _ = LISTS.try_with(|l| {
        room::shrink(&mut l.woken.borrow_mut());
        room::shrink(&mut l.aborted.borrow_mut());
    });
}

/// Who was woken first, of those not yet handed on.
#[inline]
pub(crate) fn next_woken() -> Option<Id> {
    CURRENT.with(|c| {
        if let first @ Some(_) = c.first.take() {
            return first;
        }
        let next = match c.more.get() {
            true => LISTS.try_with(|l| l.woken.borrow_mut().pop_front()).ok().flatten(),
            false => None,
        };
        c.more.set(next.is_some());
        next
    })
}

/// The next task to abort. One at a time, so that a panic on the way leaves the others.
pub(crate) fn next_aborted() -> Option<Id> {
    let next = LISTS.try_with(|l| l.aborted.borrow_mut().pop_front()).ok().flatten();
    if next.is_none() {
        CURRENT.with(|c| c.errands.set(false));
    }
    next
}

/// Spends one operation of the running task's budget. If there is none left the task is woken, so
/// that it goes on after it has given way, and that is remembered as the cause of this wake.
#[inline]
pub(crate) fn poll_spend(cx: &Context<'_>) -> Poll<()> {
    if try_spend() {
        return Poll::Ready(());
    }
    give_way(cx);
    Poll::Pending
}

/// Spends one operation of the running task's budget, if one is left.
#[inline]
pub(crate) fn try_spend() -> bool {
    CURRENT.with(|c| match c.budget.get() {
        0 => false,
        UNLIMITED => true,
        left => {
            c.budget.set(left - 1);
            true
        }
    })
}

/// Wakes the waker of `cx`, and notes that the running task gives way because its budget is spent.
pub(crate) fn give_way(cx: &Context<'_>) {
    CURRENT.with(|c| c.spent.set(true));
    wake_own(cx);
}

/// What is left of the running task's budget; `None` if it has none.
#[inline]
pub(crate) fn budget() -> Option<u32> {
    let left = CURRENT.with(|c| c.budget.get());
    (left != UNLIMITED).then_some(left)
}

/// Gives back what [`poll_spend`] took, for an operation that made no progress.
#[inline]
pub(crate) fn unspend() {
    CURRENT.with(|c| match c.budget.get() {
        UNLIMITED => {}
        left => c.budget.set(left + 1),
    });
}

/// Puts another budget in the place of the present one; `None` is no limit. Returns the old one.
pub(crate) fn swap_budget(budget: Option<u32>) -> Option<u32> {
    let old = CURRENT.with(|c| c.budget.replace(budget.unwrap_or(UNLIMITED)));
    (old != UNLIMITED).then_some(old)
}
