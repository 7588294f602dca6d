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
use crate::task::inbox::{self, Letter};
use crate::task::info::Nanos;
use crate::wait::{self, Place, Site, Whom, moves, site};

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
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(Instant::after(duration))
}

/// Waits until `deadline`. As [`sleep`] in all else.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None, made: Location::caller() }
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
    made: Site,
}

struct Timer {
    place: Place,
    at: Nanos,
    of: LoopKey,
    /// It has gone off, so there is nothing to cancel.
    fired: bool,
    /// It was given another deadline, so it may be due and not have gone off yet.
    was_reset: bool,
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

    /// Gives it another deadline, also after it has ended. A task that waits for it is woken at the
    /// new deadline; one that has seen its end has to poll it again.
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
        let timer = self.timer.take().filter(|timer| !timer.fired);
        self.timer = timer.and_then(|timer| timer.reset(deadline));
    }

    /// Polls it without spending the task's budget.
    #[track_caller]
    pub(super) fn poll_unbudgeted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let site = site::awaited_at(Location::caller(), self.made);
        self.poll_at(cx, site)
    }

    /// The same, where it is waited for at `site`.
    pub(crate) fn poll_at(mut self: Pin<&mut Self>, cx: &mut Context<'_>, site: Site) -> Poll<()> {
        let waits = self.waits(cx);
        // A waker's clone and drop are user code, so nothing is borrowed then.
        let mut whom = if waits { None } else { Some(Whom::polls(cx)) };
        let polled = context::with(|shared| self.poll_on(shared, &mut whom, site));
        match polled {
            Some(polled) => {
                whom.iter().for_each(moves::note_move);
                if polled.is_ready() {
                    self.timer.take_if(|timer| timer.was_reset); // Cancels it.
                }
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

    /// Sets it to wake `whom`, or leaves it as it is for `None`. Leaves in `whom` what is to drop.
    #[inline]
    fn poll_on(&mut self, on: &Shared, whom: &mut Option<Whom>, site: Site) -> Poll<()> {
        assert!(
            self.timer.as_ref().is_none_or(|timer| timer.fired || timer.of == on.key()),
            "a sleep was polled in two runtimes: it can be moved only before its first poll"
        );
        let at = self.deadline.on(on);
        if at <= on.now.get() {
            if let Some(timer) = &mut self.timer {
                // The loop fires all timers that are due before it lets a task run.
                timer.fired |= !timer.was_reset;
            }
            return Poll::Ready(());
        }
        let Some(new) = whom.take() else { return Poll::Pending };
        let mut timers = on.timers.borrow_mut();
        *whom = self.timer.as_mut().and_then(|timer| {
            timer.fired = true;
            timers.cancel(timer.place, timer.at)
        });
        let place = timers.insert(at, new, site);
        self.timer = Some(Timer { place, at, of: on.key(), fired: false, was_reset: false });
        Poll::Pending
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

impl Timer {
    /// Gives it another deadline. Outside of its runtime it is cancelled, and the task that waits
    /// is woken, to set it again.
    fn reset(mut self, deadline: Instant) -> Option<Self> {
        let Self { place, at: before, of, .. } = self;
        let reset = |shared: &Shared| {
            let at = (shared.key() == of).then(|| deadline.on(shared))?;
            Some((shared.timers.borrow_mut().reset(place, before, at), at))
        };
        if let Some((place, at)) = context::with(reset).flatten() {
            (self.place, self.at, self.was_reset) = (place, at, true);
            return Some(self);
        }
        self.fired = true; // There is nothing left to cancel.
        let cancel = move || {
            let Some(shared) = context::current().filter(|shared| shared.key() == of) else {
                return;
            };
            let whom = shared.timers.borrow_mut().cancel(place, before);
            if let Some(whom) = whom {
                shared.wake(whom);
            }
        };
        if let Some(inbox) = inbox::find(of) {
            inbox.send(Letter::Job(Box::new(cancel)));
        }
        None
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
