//! Sleeping (floor 4).

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::instant::Instant;
use crate::runtime::context;
use crate::runtime::core::Shared;
use crate::runtime::link;
use crate::task::current::{self, LoopKey};
use crate::task::info::Nanos;
use crate::wait::{self, Place, Site, Whom};

/// Waits until `duration` has passed, from the moment it is made on the clock of the runtime that
/// the thread is in then: make it inside of the task, or of the guard of `Runtime::enter`.
///
/// One that would end later than an [`Instant`] can be told, 292 years from the start of the
/// program, never ends: as [`pending`](std::future::pending), also in virtual time. So a
/// `block_on` in which nothing else is left to wait for has stalled, and says so.
///
/// # Cancel safety
/// Dropping it cancels the timer.
///
/// # Panics
/// When it is first polled outside of a runtime.
///
/// ```
/// use turno::time::{Clock, Duration, Instant, sleep};
///
/// let rt = turno::runtime::Builder::new().clock(Clock::virtual_time()).build()?;
/// rt.block_on(async {
///     let start = Instant::now();
///     sleep(Duration::from_secs(3600)).await;
///     assert_eq!(start.elapsed(), Duration::from_secs(3600)); // At once, in virtual time.
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(Instant::after(duration))
}

/// Waits until `deadline`. As [`sleep`] in all else.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It is `Send` and `Sync`, as libraries demand; it must be polled on one runtime's thread, and
/// says so if it is not. Setting and cancelling a timer are O(1).
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sleep {
    deadline: Instant,
    /// Set at the first poll that has to wait.
    timer: Option<Timer>,
}

struct Timer {
    place: Place,
    at: Nanos,
    of: LoopKey,
    /// It has gone off, so there is nothing to cancel.
    fired: bool,
}

impl Sleep {
    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether its time has come.
    pub fn is_elapsed(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Gives it another deadline, also after it has ended. It must be polled again to take notice.
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
        self.timer = None; // Cancels it.
    }

    /// Polls it without spending the task's budget.
    #[track_caller]
    pub(super) fn poll_unbudgeted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_at(cx, Location::caller())
    }

    /// The same, where it is waited for at `site`.
    pub(crate) fn poll_at(mut self: Pin<&mut Self>, cx: &mut Context<'_>, site: Site) -> Poll<()> {
        let waits = self.waits(cx);
        // A waker's clone and drop are user code, so nothing is borrowed then.
        let whom = if waits { None } else { Some(Whom::polls(cx)) };
        let polled = context::with(|shared| self.poll_on(shared, whom, site));
        match polled {
            Some((polled, old)) => {
                old.iter().for_each(wait::note_move);
                polled
            }
            None => context::refuse("`Sleep::poll`"),
        }
    }

    /// Whether it is set, to wake who polls with `cx`.
    #[inline]
    fn waits(&self, cx: &Context<'_>) -> bool {
        self.timer.as_ref().is_some_and(|timer| wait::waits(timer.place, cx))
    }

    /// Sets it for `whom`, or leaves it as it is for `None`. Returns whom it was set for before.
    #[inline]
    fn poll_on(&mut self, on: &Shared, whom: Option<Whom>, site: Site) -> (Poll<()>, Option<Whom>) {
        let at = self.deadline.on(on);
        if at <= on.now.get() {
            if let Some(timer) = &mut self.timer {
                timer.fired = true; // The loop fires all timers up to `now` before anybody runs.
            }
            return (Poll::Ready(()), whom);
        }
        let Some(whom) = whom else { return (Poll::Pending, None) };
        let mut timers = on.timers.borrow_mut();
        let old = self.timer.as_mut().and_then(|timer| {
            assert!(
                timer.of == on.key(),
                "a sleep was polled in two runtimes: it can be moved only before its first poll"
            );
            timer.fired = true;
            timers.cancel(timer.place, timer.at)
        });
        let place = timers.insert(at, whom, site);
        self.timer = Some(Timer { place, at, of: on.key(), fired: false });
        (Poll::Pending, old)
    }
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(current::poll_spend(cx));
        let polled = self.poll_unbudgeted(cx);
        if polled.is_pending() {
            current::unspend();
        }
        polled
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.fired {
            return;
        }
        let (place, at) = (self.place, self.at);
        link::change(self.of, move |shared| shared.timers.borrow_mut().cancel(place, at));
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
