//! Time: sleeping, timing out, ticking, and computing for a while.

pub(crate) mod clock;
pub(crate) mod timers;

mod instant;
mod interval;
mod pause;
mod sleep;
mod timeout;
mod work;

pub use std::time::Duration;

pub use clock::Clock;
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, error, timeout, timeout_at};
pub use work::work;
