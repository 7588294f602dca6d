//! Real and virtual time as one value (floor 2).

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::task::info::Nanos;

/// Where a runtime takes its time from; given to
/// [`Builder::clock`](crate::runtime::Builder::clock).
///
/// A real clock goes on by itself. A virtual clock stands still while tasks run, jumps to the next
/// timer when nothing is ready, and is moved by [`time::work`](crate::time::work): an hour of
/// sleeps takes no time, and the same program has the same times in every run. It does not jump
/// while a [`spawn_blocking`](crate::task::spawn_blocking) job runs or while a socket has news.
#[derive(Debug)]
pub struct Clock {
    /// What is 0 on this clock, since the epoch.
    start: i64,
    /// The time on this clock when `running` was set, or now if it stands still.
    shown: Cell<Nanos>,
    /// Since when it goes on by itself; `None` for a virtual clock.
    running: Cell<Option<Instant>>,
    /// How long, in real time, sockets are waited for before a virtual clock jumps.
    io_grace: Duration,
}

impl Clock {
    /// The machine's monotonic clock.
    pub fn real() -> Self {
        let start = Instant::now();
        Self {
            start: since_epoch(start),
            shown: Cell::new(0),
            running: Cell::new(Some(start)),
            io_grace: Duration::ZERO,
        }
    }

    /// A clock that moves only when there is nothing to do.
    pub fn virtual_time() -> Self {
        let clock = Self::real();
        clock.shown.set(0);
        clock.running.set(None);
        clock
    }

    /// A virtual clock waits this long, in real time, for a socket or another thread before it
    /// jumps: for programs in virtual time that talk to the world outside. Zero unless told.
    pub fn io_grace(self, grace: Duration) -> Self {
        Self { io_grace: grace, ..self }
    }

    pub(crate) fn grace(&self) -> Duration {
        self.io_grace
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.running.get().is_none()
    }

    /// The time since the clock's start. A real clock is read, which costs some 20 ns.
    pub(crate) fn now(&self) -> Nanos {
        let since = self.running.get().map_or(0, |since| nanos(since.elapsed()));
        self.shown.get().saturating_add(since)
    }

    /// Moves a virtual clock forward to `to`, never back, and not beyond its end.
    pub(crate) fn jump(&self, to: Nanos) {
        debug_assert!(self.is_virtual(), "only a virtual clock jumps");
        self.shown.set(self.shown.get().max(to.min(self.end())));
    }

    /// The last moment that it shows: after that instants cannot be told, but for the one that
    /// stands for never.
    pub(crate) fn end(&self) -> Nanos {
        self.nanos_at(i64::MAX - 1)
    }

    pub(crate) fn pause(&self) {
        self.shown.set(self.now());
        self.running.set(None);
    }

    pub(crate) fn resume(&self) {
        self.running.set(Some(Instant::now()));
    }

    /// What is 0 on this clock, since the epoch; `None` while it stands still.
    pub(crate) fn zero(&self) -> Option<i64> {
        let since = self.running.get()?;
        Some(since_epoch(since).saturating_sub_unsigned(self.shown.get()))
    }

    /// What `at` on this clock is since the epoch.
    pub(crate) fn to_epoch(&self, at: Nanos) -> i64 {
        self.start.saturating_add_unsigned(at)
    }

    /// The time on this clock at `at` since the epoch: 0 for all that was before its start.
    pub(crate) fn nanos_at(&self, at: i64) -> Nanos {
        u64::try_from(at.saturating_sub(self.start)).unwrap_or(0)
    }
}

/// The deadline of what is never due. No clock shows it: an instant that can be told is earlier.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// When this process first asked for the time. From here on time is counted in whole nanoseconds,
/// 292 years to either side: adding and comparing them is cheaper than with the standard library's
/// instants, which count in two units.
static EPOCH: OnceLock<Instant> = OnceLock::new();

pub(crate) fn since_epoch(instant: Instant) -> i64 {
    let epoch = *EPOCH.get_or_init(Instant::now);
    let count = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match instant.checked_duration_since(epoch) {
        Some(after) => count(after),
        None => -count(epoch.duration_since(instant)),
    }
}

/// The standard library's instant so many nanoseconds from the epoch.
pub(crate) fn at_epoch(at: i64) -> Instant {
    let (epoch, far) = (*EPOCH.get_or_init(Instant::now), Duration::from_nanos(at.unsigned_abs()));
    let there = if at < 0 { epoch.checked_sub(far) } else { epoch.checked_add(far) };
    there.unwrap_or(epoch) // Before the machine was started there is no instant.
}

/// A duration in nanoseconds; 584 years for anything longer.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
