//! Having no budget, and spending it where no operation does (floor 4).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::current;

/// Spends one unit of the task's [budget](crate::runtime::Builder::budget), and gives way if none
/// is left: for a loop that computes, and awaits nothing that spends. Unlike
/// [`yield_now`](super::yield_now) it costs a switch only every so many times.
///
/// Outside of a task, and inside of [`unconstrained`], it is done at once.
///
/// # Cancel safety
/// Nothing is lost if it is dropped.
///
/// ```
/// # turno::block_on(async {
/// let mut sum = 0_u64;
/// for n in 0..10_000 {
///     sum += n;
///     turno::task::consume_budget().await;
/// }
/// assert_eq!(sum, 49_995_000);
/// # });
/// ```
pub async fn consume_budget() {
    poll_fn(|cx| current::poll_spend(cx)).await;
}

/// Runs `future` without a budget: nothing in it gives way before it has to wait.
///
/// Others wait that long; and a future that is always ready, as a socket under load may be, keeps
/// its thread for good. What is polled after it in the same switch has the budget that was left.
///
/// # Cancel safety
/// As that of `future`.
///
/// ```
/// # turno::block_on(async {
/// let sum = turno::task::unconstrained(async {
///     let mut sum = 0_u64;
///     for n in 0..10_000 {
///         sum += n;
///         turno::task::consume_budget().await; // Never gives way here.
///     }
///     sum
/// });
/// assert_eq!(sum.await, 49_995_000);
/// # });
/// ```
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// The future of [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    #[inline]
    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _outer = Outer(current::swap_budget(None));
        self.project().future.poll(cx)
    }
}

/// What was left before; put back also if the future panics.
struct Outer(Option<u32>);

impl Drop for Outer {
    fn drop(&mut self) {
        current::swap_budget(self.0);
    }
}
