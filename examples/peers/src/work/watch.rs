//! What it costs to be watched: turno's own switches, with nobody watching and with each of its
//! observers.
//!
//! An observer of any kind makes the loop read the clock at each switch; `observer` does nothing
//! else, so its column is the price of the events alone.

use turno::lints::Lints;
use turno::observe::Event;
use turno::runtime::{Builder, Runtime};
use turno::sync::mpsc;
use turno::task;
use turno::trace::Recorder;

use super::{Scale, timed};

/// Who watches.
#[derive(Clone, Copy)]
pub struct Watcher {
    pub name: &'static str,
    attach: fn(Builder) -> Builder,
}

/// A flight recorder's ring of so many records stays in the processor's cache.
const RING: usize = 1 << 14;

pub const ALL: [Watcher; 5] = [
    Watcher { name: "nobody", attach: |builder| builder },
    Watcher { name: "observer", attach: |builder| builder.observe(|_: u64, _: &Event<'_>| {}) },
    Watcher { name: "Recorder::ring", attach: |builder| builder.observe(Recorder::ring(RING)) },
    Watcher { name: "Lints", attach: |builder| builder.observe(Lints::new().to(drop)) },
    Watcher { name: "Recorder::new", attach: |builder| builder.observe(Recorder::new()) },
];

impl Watcher {
    fn runtime(self) -> Runtime {
        (self.attach)(Builder::new()).build().expect("a runtime can be made")
    }
}

/// 10 tasks give way: a switch.
pub fn switches(watcher: Watcher, scale: Scale) -> f64 {
    let times = scale.of(20_000);
    watcher.runtime().block_on(async {
        let spawn = |_| {
            task::spawn(async move {
                for _ in 0..times {
                    task::yield_now().await;
                }
            })
        };
        let tasks: Vec<_> = (0..10).map(spawn).collect();
        timed(10 * times, async {
            for task in tasks {
                task.await.expect("it only gives way");
            }
        })
        .await
    })
}

/// Two tasks, and a channel with room for one: a wake, a wait and a switch, two of which a message
/// takes.
pub fn waits(watcher: Watcher, scale: Scale) -> f64 {
    let count = scale.of(200_000);
    watcher.runtime().block_on(async {
        let (tell, mut told) = mpsc::channel(1);
        let teller = task::spawn(async move {
            for n in 0..count {
                tell.send(n).await.expect("the other side listens");
            }
        });
        timed(2 * count, async {
            while told.recv().await.is_some() {}
            teller.await.expect("it only sends");
        })
        .await
    })
}
