//! A waker whose clone is user code that does something.

use std::cell::{Cell, RefCell};
use std::task::{RawWaker, RawWakerVTable, Waker};

thread_local! {
    static ACT: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    static WAKES: Cell<usize> = const { Cell::new(0) };
}

/// A waker with nothing behind it, which does `act` when it is cloned for the first time.
pub fn on_clone(act: impl FnOnce() + 'static) -> Waker {
    ACT.with(|slot| *slot.borrow_mut() = Some(Box::new(act)));
    WAKES.set(0);
    // SAFETY: it holds nothing, and what it does is in thread-locals.
    unsafe { Waker::from_raw(RAW) }
}

/// How often its clones have been woken.
pub fn wakes_of_clones() -> usize {
    WAKES.get()
}

const RAW: RawWaker = RawWaker::new(std::ptr::null(), &TABLE);

static TABLE: RawWakerVTable = RawWakerVTable::new(
    |_| {
        if let Some(act) = ACT.with(|act| act.borrow_mut().take()) {
            act();
        }
        RAW
    },
    |_| WAKES.set(WAKES.get() + 1),
    |_| WAKES.set(WAKES.get() + 1),
    |_| {},
);
