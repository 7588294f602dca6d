//! What runs on this thread now: which loop, which task, and whom it woke (floor 2).
//!
//! A wake on the loop's own thread ends here, in a list without a lock. The loop empties the list
//! after every switch and knows the cause: whatever was running when the list grew.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem;

use super::id::Id;
use super::info::Cause;

/// Tells one runtime from another: the address of its inbox, which outlives every use of the key.
pub(crate) type LoopKey = usize;

struct Current {
    /// The loop that is in a turn on this thread; 0 for none.
    key: Cell<LoopKey>,
    /// The task in whose name user code runs now.
    task: Cell<Option<Id>>,
    /// Operations left to the running task before it must give way.
    budget: Cell<u32>,
    /// The running task gave way because its budget was spent.
    spent: Cell<bool>,
    /// Tasks woken or spawned since the loop last looked, in order.
    woken: RefCell<Vec<Id>>,
    /// Tasks to abort, in order.
    aborted: RefCell<Vec<Id>>,
}

thread_local! {
    static CURRENT: Current = const {
        Current {
            key: Cell::new(0),
            task: Cell::new(None),
            budget: Cell::new(u32::MAX),
            spent: Cell::new(false),
            woken: RefCell::new(Vec::new()),
            aborted: RefCell::new(Vec::new()),
        }
    };
}

/// Whether any loop is in a turn on this thread.
pub(crate) fn in_a_turn() -> bool {
    CURRENT.try_with(|c| c.key.get() != 0).unwrap_or(false)
}

/// Whether the loop `key` is in a turn on this thread.
pub(crate) fn in_turn_of(key: LoopKey) -> bool {
    CURRENT.try_with(|c| c.key.get() == key).unwrap_or(false)
}

/// The task in whose name user code runs now.
pub(crate) fn task() -> Option<Id> {
    CURRENT.try_with(|c| c.task.get()).unwrap_or(None)
}

/// Begins a turn of the loop `key`, or ends it with 0.
pub(crate) fn set_loop(key: LoopKey) {
    CURRENT.with(|c| {
        c.key.set(key);
        c.budget.set(u32::MAX);
    });
}

/// User code runs in the name of `task` from here on, and may spend `budget`.
pub(crate) fn set_task(task: Option<Id>, budget: u32) {
    CURRENT.with(|c| {
        c.task.set(task);
        c.budget.set(budget);
        c.spent.set(false);
    });
}

/// Records a wake of `id` by the thread's own loop. False if `key` is not in a turn here, so that
/// the wake must go to the inbox. The running task is not listed: its waker's flag says it all.
pub(crate) fn record_wake(key: LoopKey, id: Id) -> bool {
    CURRENT
        .try_with(|c| {
            let here = c.key.get() == key;
            if here && c.task.get() != Some(id) {
                c.woken.borrow_mut().push(id);
            }
            here
        })
        .unwrap_or(false)
}

/// Records an abort of `id`. False if `key` is not in a turn here.
pub(crate) fn record_abort(key: LoopKey, id: Id) -> bool {
    CURRENT
        .try_with(|c| {
            let here = c.key.get() == key;
            if here {
                c.aborted.borrow_mut().push(id);
            }
            here
        })
        .unwrap_or(false)
}

/// Moves the woken, in order, to the end of `arrivals`, each with the cause. True if there were any.
pub(crate) fn drain_woken(arrivals: &mut VecDeque<(Id, Cause)>, cause: Cause) -> bool {
    CURRENT.with(|c| {
        let mut woken = c.woken.borrow_mut();
        let any = !woken.is_empty();
        if any {
            arrivals.extend(woken.drain(..).map(|id| (id, cause)));
        }
        any
    })
}

/// What a switch left behind, besides a drained list of the woken.
pub(crate) struct Aftermath {
    /// Somebody was woken or spawned.
    pub(crate) woken: bool,
    /// Somebody is to be aborted.
    pub(crate) aborts: bool,
    /// The task gave way because its budget was spent.
    pub(crate) spent: bool,
}

/// The switch of `task` is over: nobody runs now.
pub(crate) fn end_switch(task: Id, arrivals: &mut VecDeque<(Id, Cause)>) -> Aftermath {
    let woken = drain_woken(arrivals, Cause::Task(task));
    CURRENT.with(|c| {
        c.task.set(None);
        c.budget.set(u32::MAX);
        Aftermath { woken, aborts: !c.aborted.borrow().is_empty(), spent: c.spent.get() }
    })
}

/// The tasks to abort.
pub(crate) fn take_aborted() -> Vec<Id> {
    CURRENT.with(|c| mem::take(&mut *c.aborted.borrow_mut()))
}

/// Spends one operation of the running task's budget; false if there is none left, which is
/// remembered as the cause of the task's next wake.
pub(crate) fn spend() -> bool {
    CURRENT
        .try_with(|c| match c.budget.get() {
            0 => {
                c.spent.set(true);
                false
            }
            // Outside of a switch nothing is counted.
            u32::MAX => true,
            left => {
                c.budget.set(left - 1);
                true
            }
        })
        .unwrap_or(true)
}

/// Gives back what [`spend`] took, for an operation that made no progress.
pub(crate) fn unspend() {
    let _ = CURRENT.try_with(|c| match c.budget.get() {
        u32::MAX => {}
        left => c.budget.set(left + 1),
    });
}
