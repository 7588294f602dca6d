//! Lab 1: who calls poll? Edit this file, then `cargo class 1`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Something to wait for: it takes a while.
pub type Dish = Pin<Box<dyn Future<Output = ()>>>;

/// Two dishes at the same time. `None` is a dish that is done.
pub struct Both {
    left: Option<Dish>,
    right: Option<Dish>,
}

pub fn both(left: Dish, right: Dish) -> Both {
    Both { left: Some(left), right: Some(right) }
}

impl Future for Both {
    type Output = ();

    /// turno calls this. It is to be ready when both dishes are.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Both { left, right } = &mut *self;
        // Who calls the poll of `left` and of `right`? `dish.as_mut().poll(cx)` would.
        let _ = (left, right, cx);
        Poll::Pending
    }
}
