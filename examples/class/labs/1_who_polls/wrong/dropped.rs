//! Takes each dish out to poll it, and does not put it back.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

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

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Both { left, right } = &mut *self;
        for dish in [left.take(), right.take()] {
            if dish.is_some_and(|mut dish| dish.as_mut().poll(cx).is_pending()) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}
