//! Making time stand still, and moving it by hand (floor 4).

use std::time::Duration;

use super::clock::nanos;
use crate::runtime::context;
use crate::task::{current, yield_now};

/// Stops the runtime's clock: from here on time is virtual, as with
/// [`Clock::virtual_time`](super::Clock::virtual_time).
///
/// # Panics
/// If it stands still already, and outside of a runtime.
#[track_caller]
pub fn pause() {
    let shared = context::expect("`time::pause`");
    assert!(!shared.clock.is_virtual(), "`time::pause`: time stands still already");
    shared.clock.pause();
    shared.remeasure();
}

/// Lets the runtime's clock go on by itself, from where it stands.
///
/// # Panics
/// If it does so already, and outside of a runtime.
#[track_caller]
pub fn resume() {
    let shared = context::expect("`time::resume`");
    assert!(shared.clock.is_virtual(), "`time::resume`: time does not stand still");
    shared.clock.resume();
    shared.remeasure();
}

/// Moves a clock that stands still, to the nanosecond, and gives way once, so that whoever was
/// woken by a timer can run. It is not counted as anybody's run time.
///
/// # Panics
/// If the clock does not stand still, and outside of a runtime.
#[track_caller]
pub fn advance(duration: Duration) -> impl Future<Output = ()> {
    let shared = context::expect("`time::advance`");
    assert!(shared.clock.is_virtual(), "`time::advance`: time does not stand still");
    async move {
        let now = shared.clock.now();
        shared.clock.jump(now.saturating_add(nanos(duration)));
        if current::in_turn_of(shared.key()) {
            shared.advanced.set(shared.advanced.get() + (shared.clock.now() - now));
        }
        yield_now().await;
    }
}
