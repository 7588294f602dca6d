//! Lab 2: wakers. Edit this file, then `cargo class 2`.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A bell that is rung once, and stays rung.
#[derive(Default)]
pub struct Bell {
    rung: Cell<bool>,
    /// How to wake the one who waits, if somebody does.
    waker: RefCell<Option<Waker>>,
}

impl Bell {
    /// Another task calls this.
    pub fn ring(&self) {
        self.rung.set(true);
        let _ = &self.waker; // Who tells the one who waits?
    }
}

/// Waits until the bell has been rung. At most one task waits, but not always the same one.
pub struct Rung(Rc<Bell>);

pub fn rung(bell: Rc<Bell>) -> Rung {
    Rung(bell)
}

impl Future for Rung {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.rung.get() {
            return Poll::Ready(());
        }
        let _ = cx.waker(); // Who will call this again, and how does it know?
        Poll::Pending
    }
}
