//! The cost of timers: of those that never fire, as timeouts, and of those that do, as sleeps.
//!
//! Traps. tokio and turno count timers among the operations after which a task must give way: a
//! task that polled sleep after sleep would soon be told "pending" without a timer being set, so it
//! yields after each hundred. tokio and monoio round deadlines up to milliseconds and so fire many
//! timers together; turno and async-io are exact. And sleepers take wall time whatever they cost:
//! as everywhere it is the CPU time of the process that counts, async-io's helper thread included.

use std::time::Duration;

use futures_lite::future::{poll_once, yield_now};
use turno::policy::Rng;

use super::{Scale, cpu_time, each, timed};
use crate::peer::Timers;

/// Sleeps of 30 s, polled once and dropped.
pub fn cancelled<P: Timers>(scale: Scale) -> f64 {
    const BATCH: usize = 100;
    let batches = scale.of(2_000);
    P::block_on_timers(timed(batches * BATCH, async {
        for _ in 0..batches {
            for _ in 0..BATCH {
                let outcome = poll_once(P::sleep(Duration::from_secs(30))).await;
                assert!(outcome.is_none(), "30 s have not passed");
            }
            yield_now().await;
        }
    }))
}

/// 300,000 tasks that sleep for up to a second, in random order, awaited.
pub fn fired<P: Timers>(scale: Scale) -> f64 {
    let count = scale.of(300_000);
    let second = Duration::from_secs(1) / if scale.quick { 5 } else { 1 };
    let random = Rng::new(1);
    let start = cpu_time();
    P::block_on_timers(async {
        let sleep = |_| {
            let time = second.mul_f64(random.next() as f64 / u64::MAX as f64);
            P::spawn(async move { drop(P::sleep(time).await) })
        };
        let tasks: Vec<_> = (0..count).map(sleep).collect();
        for task in tasks {
            task.await;
        }
    });
    each(start, count)
}
