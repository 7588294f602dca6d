//! A point in time on the clock of the runtime that the thread is in (floor 3).

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use super::clock::{NEVER, at_epoch, since_epoch};
use crate::runtime::context;
use crate::runtime::core::Shared;
use crate::task::info::Nanos;

/// A point in time: on the runtime's clock, real or virtual, or on the machine's outside of one.
///
/// Two instants compare if they come from one clock. One that is more than 292 years from the
/// start of the program cannot be told. What is to happen later than that never happens: a
/// [`sleep`](super::sleep) waits for ever, an [`interval`](super::interval) has no next tick.
// Nanoseconds since the epoch of the process. No clock shows the last one: it stands for never.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Now.
    pub fn now() -> Self {
        let now = context::with(|shared| shared.clock.to_epoch(shared.clock.now()));
        Self(now.unwrap_or_else(|| since_epoch(std::time::Instant::now())))
    }

    /// The time since then; zero if it is yet to come.
    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.checked_duration_since(earlier).unwrap_or_default()
    }

    /// The time from `earlier` to this, or `None` if `earlier` is later.
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        let far = u64::try_from(i128::from(self.0) - i128::from(earlier.0)).ok()?;
        Some(Duration::from_nanos(far))
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }

    /// This and `duration` more, if that can be told.
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.0.checked_add_unsigned(u64::try_from(duration.as_nanos()).ok()?).map(Self)
    }

    /// This and `duration` less, if that can be told.
    pub fn checked_sub(&self, duration: Duration) -> Option<Self> {
        self.0.checked_sub_unsigned(u64::try_from(duration.as_nanos()).ok()?).map(Self)
    }

    /// From the standard library's.
    pub fn from_std(instant: std::time::Instant) -> Self {
        Self(since_epoch(instant))
    }

    /// To the standard library's. In virtual time it is not that clock's time.
    pub fn into_std(self) -> std::time::Instant {
        at_epoch(self.0)
    }

    /// What it is on the clock of `shared`.
    pub(crate) fn on(self, shared: &Shared) -> Nanos {
        if self == Self::NEVER { NEVER } else { shared.clock.nanos_at(self.0) }
    }

    /// `duration` from now, or never if that is too much to tell.
    pub(crate) fn after(duration: Duration) -> Self {
        Self::now().saturating_add(duration)
    }

    /// This and `duration` more, or never if that is too much to tell.
    pub(crate) fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::NEVER)
    }

    const NEVER: Self = Self(i64::MAX);
}

impl From<std::time::Instant> for Instant {
    fn from(instant: std::time::Instant) -> Self {
        Self::from_std(instant)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> Self {
        instant.into_std()
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[track_caller]
    fn add(self, duration: Duration) -> Self {
        match self.checked_add(duration) {
            Some(later) => later,
            None => panic!("an instant {duration:?} from there cannot be told"),
        }
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    #[track_caller]
    fn sub(self, duration: Duration) -> Self {
        match self.checked_sub(duration) {
            Some(earlier) => earlier,
            None => panic!("an instant {duration:?} before that cannot be told"),
        }
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.into_std().fmt(f)
    }
}
