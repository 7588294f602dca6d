//! The cost of a task's life: spawned, run once, awaited, gone. The task has nothing to do.
//!
//! Traps: the future of `block_on` is no task in most runtimes, and some look at the kernel each
//! time before they poll it, so it is a task that spawns one after another. With many live tasks
//! the allocator and the caches are measured too, as they would be in a program; and the first
//! round pays for pages that the later ones find mapped, which is one of the reasons for a median.

use super::{Scale, timed};
use crate::peer::{Floor, Peer};

/// All spawned, then all awaited.
pub fn live<P: Peer>(scale: Scale) -> f64 {
    let count = count(scale);
    P::block_on(timed(count, async {
        let tasks: Vec<_> = (0..count).map(|_| P::spawn(async {})).collect();
        for task in tasks {
            task.await;
        }
    }))
}

/// One after another, by a task.
pub fn sequential<P: Peer>(scale: Scale) -> f64 {
    let count = count(scale);
    P::block_on(async { timed(count, P::spawn(one_after_another::<P>(count))).await })
}

/// Tasks of the floor do not spawn: its root does.
pub fn sequential_floor(scale: Scale) -> f64 {
    let count = count(scale);
    Floor::block_on(timed(count, one_after_another::<Floor>(count)))
}

async fn one_after_another<P: Peer>(count: usize) {
    for _ in 0..count {
        P::spawn(async {}).await;
    }
}

fn count(scale: Scale) -> usize {
    scale.of(300_000)
}
