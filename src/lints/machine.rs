//! What the machine does meanwhile: that is nobody's slow poll (floor 5).

use std::fs;
use std::time::{Duration, Instant};

use crate::task::Nanos;

/// The system is asked this often, since an answer costs some microseconds.
const OFTEN: Duration = Duration::from_millis(50);

/// How long this thread was ready and had no processor, since the system was last asked.
pub(super) struct Machine {
    asked: Instant,
    delay: Nanos,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self { asked: Instant::now(), delay: delay() }
    }

    /// Asks again, if it is time: what comes from here on counts.
    pub(super) fn looked(&mut self) {
        if self.asked.elapsed() >= OFTEN {
            *self = Self::new();
        }
    }

    /// What is left of `time` without that. On a virtual clock all is.
    pub(super) fn without(&self, time: Nanos) -> Nanos {
        if stands_still() { time } else { time.saturating_sub(delay().saturating_sub(self.delay)) }
    }
}

/// How long this thread was ready and had no processor in all, as far as the system tells: Linux
/// does.
fn delay() -> Nanos {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').nth(1).and_then(|delay| delay.parse().ok()).unwrap_or(0)
}

/// Whether the runtime's clock is a virtual one: it does not go on by itself.
pub(super) fn stands_still() -> bool {
    let (now, real) = (crate::time::Instant::now(), Instant::now());
    while Instant::now() == real {
        std::hint::spin_loop();
    }
    crate::time::Instant::now() == now
}
