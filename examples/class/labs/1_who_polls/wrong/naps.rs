//! Sleeps a little and then looks at its dishes, again and again.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use turno::time::sleep;

pub async fn both(
    left: Pin<Box<dyn Future<Output = ()>>>,
    right: Pin<Box<dyn Future<Output = ()>>>,
) {
    let mut dishes = vec![left, right];
    while !dishes.is_empty() {
        poll_fn(|cx| {
            dishes.retain_mut(|dish| dish.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        sleep(std::time::Duration::from_millis(1)).await;
    }
}
