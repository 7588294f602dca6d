//! Does not remember which dish is done, and polls it again.

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
        let (Some(left), Some(right)) = (left, right) else { return Poll::Ready(()) };
        let done = [left.as_mut().poll(cx), right.as_mut().poll(cx)];
        if done.iter().all(Poll::is_ready) { Poll::Ready(()) } else { Poll::Pending }
    }
}
