//! Lab 2 for any number of tasks that wait, each woken by its last waker.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Default)]
pub struct Bell {
    rung: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

impl Bell {
    pub fn ring(&self) {
        self.rung.set(true);
        self.wakers.take().into_iter().for_each(Waker::wake);
    }
}

pub async fn rung(bell: Rc<Bell>) {
    poll_fn(|cx| {
        if bell.rung.get() {
            return Poll::Ready(());
        }
        let mut wakers = bell.wakers.borrow_mut();
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    })
    .await;
}
