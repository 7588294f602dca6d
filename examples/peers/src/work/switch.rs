//! The cost of a switch: 1,000 tasks that do nothing but give way.
//!
//! A trap: tokio's `yield_now` does not wake the task at once; it hands the waker to the scheduler,
//! which wakes after it has looked at its drivers. So it is measured both with the runtime's own
//! `yield_now`, as a program would, and with a plain wake of oneself, the same for all.

use std::future::Future;

use super::{Scale, timed};
use crate::peer::Peer;

const TASKS: usize = 1_000;

pub fn own<P: Peer>(scale: Scale) -> f64 {
    switches::<P, _>(scale, P::yield_now)
}

pub fn same<P: Peer>(scale: Scale) -> f64 {
    switches::<P, _>(scale, futures_lite::future::yield_now)
}

fn switches<P: Peer, Y>(scale: Scale, yield_now: impl Fn() -> Y + Copy + 'static) -> f64
where
    Y: Future<Output = ()>,
{
    let times = scale.of(2_000);
    P::block_on(async {
        let spawn = |_| {
            P::spawn(async move {
                for _ in 0..times {
                    yield_now().await;
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        timed(TASKS * times, async {
            for task in tasks {
                task.await;
            }
        })
        .await
    })
}
