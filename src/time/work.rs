//! Computing for a while (floor 4).

use std::time::Duration;

use super::clock::nanos;
use crate::runtime::context;
use crate::task::{current, yield_now};

/// Stands for `duration` of computation: it burns that much on a real clock, and moves a virtual
/// one forward. It yields after each quantum that the [policy](crate::policy::Policy::quantum)
/// allows, and otherwise computes to its end: under [`Fifo`](crate::policy::Fifo) nobody else
/// runs meanwhile.
///
/// # Cancel safety
/// Dropped half-way, the rest is not computed.
///
/// # Panics
/// Outside of a runtime.
pub async fn work(duration: Duration) {
    let shared = context::expect("`time::work`");
    let mut left = nanos(duration);
    while left > 0 {
        let quantum = current::task()
            .and_then(|id| shared.core_for("`time::work`").quantum(id, left, shared.now.get()));
        let now = left.min(quantum.unwrap_or(left).max(1));
        let end = shared.clock.now().saturating_add(now);
        if shared.clock.is_virtual() {
            shared.clock.jump(end);
        } else {
            while shared.clock.now() < end {
                std::hint::spin_loop();
            }
            // Much may have happened outside meanwhile: the loop looks after this switch.
            shared.since_look.set(u32::MAX);
        }
        left -= now;
        if left > 0 {
            yield_now().await;
        }
    }
}
