//! Polls in a loop until the dish is done, and never returns meanwhile.

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
        for dish in [left, right] {
            while let Some(future) = dish {
                if future.as_mut().poll(cx).is_ready() {
                    *dish = None;
                }
            }
        }
        Poll::Ready(())
    }
}
