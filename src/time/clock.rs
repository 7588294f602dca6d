//! Real and virtual time as one value (floor 2).

use std::cell::Cell;
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
    /// The instant that is 0 on this clock.
    start: Instant,
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
            start,
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

    /// Moves a virtual clock forward to `to`, never back.
    pub(crate) fn jump(&self, to: Nanos) {
        debug_assert!(self.is_virtual(), "only a virtual clock jumps");
        self.shown.set(self.shown.get().max(to));
    }

    pub(crate) fn pause(&self) {
        self.shown.set(self.now());
        self.running.set(None);
    }

    pub(crate) fn resume(&self) {
        self.running.set(Some(Instant::now()));
    }

    /// The instant at `at` on this clock.
    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        self.start + Duration::from_nanos(at)
    }

    /// The time on this clock at `instant`: 0 for all that was before its start.
    pub(crate) fn nanos_at(&self, instant: Instant) -> Nanos {
        nanos(instant.saturating_duration_since(self.start))
    }
}

/// A duration in nanoseconds; 584 years for anything longer.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
