//! Giving up after a while (floor 4).

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::instant::Instant;
use super::sleep::{Sleep, sleep, sleep_until};
use crate::task::current::Group;
use crate::wait::Site;

/// Errors of this module.
pub mod error {
    pub use super::Elapsed;
}

/// The time was up before the future was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// Waits for `future`, at most for `duration`. The future is polled first, so one that is ready is
/// never too late; when the time is up it is left for the caller to drop with the [`Timeout`]. One
/// of `Duration::MAX` is never up, as a [`sleep`] so long never ends.
///
/// # Errors
/// [`Elapsed`], when the time is up.
///
/// # Cancel safety
/// As that of `future`.
///
/// # Panics
/// When it is first polled outside of a runtime.
///
/// ```
/// # turno::block_on(async {
/// use turno::time::{Duration, timeout};
///
/// let never = std::future::pending::<()>();
/// assert!(timeout(Duration::from_millis(1), never).await.is_err());
/// # });
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let site = Location::caller();
    Timeout { future: future.into_future(), sleep: sleep(duration), site }
}

/// Waits for `future`, at most until `deadline`: see [`timeout`].
///
/// # Errors
/// [`Elapsed`], when the time is up.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let site = Location::caller();
    Timeout { future: future.into_future(), sleep: sleep_until(deadline), site }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
        site: Site,
    }
}

impl<F> Timeout<F> {
    /// The future inside.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future inside, without its timeout.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let group = Group::at(this.site);
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Not through the budget: a future that spends all of it must not keep its timeout from
        // firing.
        this.sleep.poll_unbudgeted(cx).map(|()| {
            group.overtake(); // The future may be kept.
            Err(Elapsed(()))
        })
    }
}
