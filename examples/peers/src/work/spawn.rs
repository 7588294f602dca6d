//! The cost of a task's life: spawned, run once, awaited, gone. The task has nothing to do.
//!
//! Traps: with many live tasks the allocator and the caches are measured too, as they would be in a
//! program; and the first round pays for pages that the later ones find mapped, which is one of the
//! reasons for a median.

use super::{Scale, timed};
use crate::peer::Peer;

/// All spawned, then all awaited.
pub fn live<P: Peer>(scale: Scale) -> f64 {
    let count = scale.of(300_000);
    P::block_on(timed(count, async {
        let tasks: Vec<_> = (0..count).map(|_| P::spawn(async {})).collect();
        for task in tasks {
            task.await;
        }
    }))
}

/// One after another.
pub fn sequential<P: Peer>(scale: Scale) -> f64 {
    let count = scale.of(300_000);
    P::block_on(timed(count, async {
        for _ in 0..count {
            P::spawn(async {}).await;
        }
    }))
}
