//! Ticking (floor 4).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::instant::Instant;
use super::sleep::{Sleep, sleep_until};

/// Ticks every `period`, the first time at once. A tick that is due later than an [`Instant`] can
/// be told never comes.
///
/// # Panics
/// If `period` is zero.
///
/// ```
/// # let rt = turno::runtime::Builder::new().start_paused(true).build()?;
/// # rt.block_on(async {
/// use turno::time::{Duration, Instant, interval};
///
/// let start = Instant::now();
/// let mut clock = interval(Duration::from_secs(1));
/// for _ in 0..4 {
///     clock.tick().await;
/// }
/// assert_eq!(start.elapsed(), Duration::from_secs(3));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
/// If `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period longer than zero");
    Interval { next: Box::pin(sleep_until(start)), period, missed: MissedTickBehavior::Burst }
}

/// What an [`Interval`] does after it was not looked at in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks as fast as it is asked until it has caught up.
    #[default]
    Burst,
    /// Ticks now, and then every period from now.
    Delay,
    /// Ticks now, and leaves out what was missed: the ticks stay at multiples of the period.
    Skip,
}

impl MissedTickBehavior {
    /// When to tick after the tick that was due at `due` and came at `now`.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            Self::Burst => due.saturating_add(period),
            Self::Delay => now.saturating_add(period),
            Self::Skip => {
                let late = now.duration_since(due).as_nanos() % period.as_nanos();
                // A remainder is less than the period, so it fits wherever the period does.
                now.saturating_add(period - Duration::from_nanos(late as u64))
            }
        }
    }
}

/// Made by [`interval`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval {
    next: Pin<Box<Sleep>>,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and returns when it was due.
    ///
    /// # Cancel safety
    /// No tick is lost if it is dropped.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// As [`tick`](Self::tick), for a hand-written future.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.next.as_mut().poll(cx));
        let due = self.next.deadline();
        let now = Instant::now();
        // A tick that comes within 5 ms is on time, as tokio has it.
        let next = if now.duration_since(due) > Duration::from_millis(5) {
            self.missed.next(due, now, self.period)
        } else {
            due.saturating_add(self.period)
        };
        self.next.as_mut().reset(next);
        Poll::Ready(due)
    }

    /// The next tick is a period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick is at once.
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// The next tick is `after` from now.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(Instant::after(after));
    }

    /// The next tick is at `deadline`.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.next.as_mut().reset(deadline);
    }

    /// What it does after it was not looked at in time.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what it does after it was not looked at in time.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// The period.
    pub fn period(&self) -> Duration {
        self.period
    }
}
