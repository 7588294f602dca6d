//! Polls the dishes, but hands them a waker that wakes nobody.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub type Dish = Pin<Box<dyn Future<Output = ()>>>;

pub struct Both {
    left: Option<Dish>,
    right: Option<Dish>,
}

pub fn both(left: Dish, right: Dish) -> Both {
    Both { left: Some(left), right: Some(right) }
}

impl Future for Both {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let Both { left, right } = &mut *self;
        let mut cx = Context::from_waker(Waker::noop());
        for dish in [&mut *left, &mut *right] {
            if dish.as_mut().is_some_and(|future| future.as_mut().poll(&mut cx).is_ready()) {
                *dish = None;
            }
        }
        if left.is_none() && right.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }
}
