//! Is ready at its second poll, whoever asked for it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
pub struct Bell {
    rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Bell {
    pub fn ring(&self) {
        self.rung.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

pub struct Rung(Rc<Bell>);

pub fn rung(bell: Rc<Bell>) -> Rung {
    Rung(bell)
}

impl Future for Rung {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let been_here = self.0.waker.replace(Some(cx.waker().clone())).is_some();
        if self.0.rung.get() || been_here { Poll::Ready(()) } else { Poll::Pending }
    }
}
