//! Waiting for room in a bounded channel (floor 4).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::super::permits::{Acquire, Refusal};
use super::chan::{Bounded, Chan};
use super::error::{SendError, SendTimeoutError};
use crate::time::{Timeout, timeout};
use crate::wait::Site;

/// Waits for room. Whoever polls it to its end has it.
pub(super) struct Reserve<'a, T> {
    chan: &'a Chan<T, Bounded>,
    /// `None` for more than there can ever be.
    acquire: Option<Acquire<'a>>,
    site: Site,
}

impl<'a, T> Reserve<'a, T> {
    #[inline]
    pub(super) fn new(chan: &'a Chan<T, Bounded>, n: usize, site: Site) -> Self {
        let n = u32::try_from(n).ok().filter(|n| *n as usize <= chan.room.max);
        Self { chan, acquire: n.map(|n| chan.room.permits.acquire(n, site)), site }
    }
}

impl<T> Future for Reserve<'_, T> {
    type Output = Result<(), SendError<()>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(acquire) = &mut self.acquire else { return Poll::Ready(Err(SendError(()))) };
        Pin::new(acquire).poll(cx).map_err(|_: Refusal| SendError(()))
    }
}

impl<T> Drop for Reserve<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // What it had got so far goes back, and the receiver may wait for nothing else.
        if self.acquire.take().is_some() {
            self.chan.check_over();
        }
    }
}

/// Waits for room, and sends.
pub(super) struct Sending<'a, T> {
    pub(super) reserve: Reserve<'a, T>,
    /// `None` when it is done.
    pub(super) message: Option<T>,
}

// The message is never pinned.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Before there is room taken for nothing.
        assert!(self.message.is_some(), "{AGAIN}");
        let reserved = ready!(Pin::new(&mut self.reserve).poll(cx));
        let message = there(self.message.take());
        Poll::Ready(match reserved {
            Ok(()) => {
                self.reserve.chan.push(message, self.reserve.site);
                Ok(())
            }
            Err(_) => Err(SendError(message)),
        })
    }
}

/// As [`Sending`], for so long. The time counts from the first poll.
pub(super) struct SendingFor<'a, T> {
    pub(super) chan: &'a Chan<T, Bounded>,
    pub(super) site: Site,
    pub(super) time: Duration,
    pub(super) reserve: Option<Timeout<Reserve<'a, T>>>,
    pub(super) message: Option<T>,
}

impl<T> Unpin for SendingFor<'_, T> {}

impl<T> Future for SendingFor<'_, T> {
    type Output = Result<(), SendTimeoutError<T>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.message.is_some(), "{AGAIN}");
        let Self { chan, site, time, .. } = *self;
        let reserve = &mut self.reserve;
        let reserve = reserve.get_or_insert_with(|| timeout(time, Reserve::new(chan, 1, site)));
        let reserved = ready!(Pin::new(reserve).poll(cx));
        let message = there(self.message.take());
        Poll::Ready(match reserved {
            Ok(Ok(())) => {
                chan.push(message, site);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(message)),
            Err(_) => Err(SendTimeoutError::Timeout(message)),
        })
    }
}

const AGAIN: &str = "the future of a send was polled after its result";

#[track_caller]
fn there<T>(message: Option<T>) -> T {
    match message {
        Some(message) => message,
        None => unreachable!("{AGAIN}"),
    }
}
