//! Polls each dish once, and believes that this has started it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub type Dish = Pin<Box<dyn Future<Output = ()>>>;

pub struct Both {
    dishes: [Dish; 2],
    started: bool,
}

pub fn both(left: Dish, right: Dish) -> Both {
    Both { dishes: [left, right], started: false }
}

impl Future for Both {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.started {
            self.started = true;
            for dish in &mut self.dishes {
                let _ = dish.as_mut().poll(cx);
            }
        }
        Poll::Pending
    }
}
