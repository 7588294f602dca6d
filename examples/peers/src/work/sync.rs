//! Locks, broadcast, `select!` and `join!`: what tasks on one thread still need of one another.
//!
//! Traps. On one thread a lock is contended only if a task keeps it over an `await`: these yield
//! while they hold it, all in the same way. Broadcast counts deliveries, and the next message goes
//! out only when all have had the last, so that nobody is ever told that he missed some.

use std::cell::Cell;
use std::rc::Rc;

use futures_lite::future::yield_now;

use super::{Scale, timed};
use crate::peer::{Broadcasts, Locks, Macros};

const TASKS: usize = 1_000;

/// Locked and unlocked again, by one task.
pub fn uncontended<P: Locks>(scale: Scale) -> f64 {
    let count = scale.of(1_000_000);
    P::block_on(timed(count, async {
        let mutex = P::mutex();
        for _ in 0..count {
            drop(P::lock(&mutex).await);
        }
    }))
}

/// A mutex that 1,000 tasks want.
pub fn mutex<P: Locks>(scale: Scale) -> f64 {
    let times = scale.of(100);
    P::block_on(async {
        let mutex = Rc::new(P::mutex());
        let spawn = |_| {
            let mutex = mutex.clone();
            P::spawn(async move {
                for _ in 0..times {
                    let _guard = P::lock(&mutex).await;
                    yield_now().await;
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        timed(TASKS * times, all(tasks)).await
    })
}

/// A semaphore with one permit that 1,000 tasks want.
pub fn semaphore<P: Locks>(scale: Scale) -> f64 {
    let times = scale.of(100);
    P::block_on(async {
        let semaphore = Rc::new(P::semaphore());
        let spawn = |_| {
            let semaphore = semaphore.clone();
            P::spawn(async move {
                for _ in 0..times {
                    let _permit = P::acquire(&semaphore).await;
                    yield_now().await;
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        timed(TASKS * times, all(tasks)).await
    })
}

/// Messages to 1,000 receivers: the cost of a delivery.
pub fn broadcast<P: Broadcasts>(scale: Scale) -> f64 {
    let messages = scale.of(300);
    P::block_on(async {
        let publisher = P::broadcast();
        let delivered = Rc::new(Cell::new(0));
        let spawn = |_| {
            let (mut subscriber, delivered) = (P::subscribe(&publisher), delivered.clone());
            P::spawn(async move {
                while P::next(&mut subscriber).await.is_some() {
                    delivered.set(delivered.get() + 1);
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        timed(TASKS * messages, async {
            for n in 1..=messages {
                P::publish(&publisher, n as u64);
                while delivered.get() < n * TASKS {
                    yield_now().await;
                }
            }
            drop(publisher);
            all(tasks).await;
        })
        .await
    })
}

/// One of 8 futures is ready, the others never.
pub fn select<P: Macros>(scale: Scale) -> f64 {
    let count = scale.of(500_000);
    P::block_on(timed(count, async {
        for _ in 0..count {
            assert_eq!(P::select().await, 8);
        }
    }))
}

/// 100 futures in one task, each of which yields 6,000 times: the cost of one of these polls.
pub fn join<P: Macros>(scale: Scale) -> f64 {
    let yields = scale.of(6_000);
    P::block_on(timed(100 * yields, P::join(yields)))
}

async fn all(tasks: Vec<impl Future>) {
    for task in tasks {
        task.await;
    }
}
