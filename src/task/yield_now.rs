//! Giving way (floor 4).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::current;

/// Gives way: the task becomes ready again at once, and the policy decides who runs next (under
/// [`Fifo`](crate::policy::Fifo) everybody who is ready has a turn first).
///
/// # Cancel safety
/// Nothing is lost if it is dropped.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        current::wake_own(cx);
        Poll::Pending
    }
}
