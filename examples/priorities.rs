//! Latency or throughput: the same workload, and three dials.
//!
//! Look down the columns: whatever makes "items/s" rise makes the alarm later, and a policy that
//! knows who is urgent gives back most of it. Eight workers have small things to do without end; an
//! alarm wants the thread every millisecond, for next to nothing. Expected output, roughly:
//!
//! ```text
//! policy    budget  batch     items/s  items/switch  alarm late     worst
//! Fifo           1      1  23,491,718             1    0.002 ms  0.003 ms
//! Fifo         128      1  39,653,164           128    0.112 ms  0.218 ms
//! Fifo        2048      1  39,967,454          2009    2.060 ms  3.439 ms
//! Priority    2048      1  39,913,467          1941    0.194 ms  0.395 ms
//! ```

use std::cell::Cell;
use std::hint::black_box;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use turno::policy::{Fifo, Policy, Priority};
use turno::runtime::Builder;
use turno::task::{self, consume_budget};
use turno::time::{Instant, interval};

#[path = "slides/say.rs"]
mod say;

/// Something small to do: some 100 ns.
fn item(seed: u64) -> u64 {
    (0..40).fold(seed, |x, n| (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb + n))
}

#[derive(Clone, Copy)]
pub struct Dials {
    pub policy: fn() -> Box<dyn Policy>,
    /// `Builder::budget`: after so many operations a task gives way.
    pub budget: u32,
    /// Items handled in one operation.
    pub batch: u64,
}

pub struct Numbers {
    pub items_per_second: u64,
    /// How many items were handled between two switches.
    pub items_per_switch: f64,
    /// How late the alarm was: the median, and the worst.
    pub late: Duration,
    pub latest: Duration,
}

/// The best of three runs: others use the machine, too.
pub fn best(dials: Dials) -> io::Result<Numbers> {
    let runs = [run(dials, 50)?, run(dials, 50)?, run(dials, 50)?];
    let best = runs.into_iter().max_by_key(|numbers| numbers.items_per_second);
    best.ok_or_else(|| io::Error::other("three runs have a best one"))
}

/// The workload, until the alarm has gone off so many times.
pub fn run(dials: Dials, alarms: usize) -> io::Result<Numbers> {
    let rt = Builder::new().policy((dials.policy)()).budget(dials.budget).build()?;
    let (items, over) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let (took, mut late) = rt.block_on(async {
        let start = Instant::now();
        for _ in 0..8 {
            let (items, over) = (items.clone(), over.clone());
            let worker = task::Builder::new().name("worker").priority(50);
            drop(worker.spawn(async move {
                while !over.get() {
                    let done = items.get();
                    for n in 0..dials.batch {
                        black_box(item(done + n));
                    }
                    items.set(done + dials.batch);
                    consume_budget().await;
                }
            }));
        }
        let alarm = task::Builder::new().name("alarm").priority(200).spawn(async move {
            let mut clock = interval(Duration::from_millis(1));
            let mut late = Vec::new();
            for _ in 0..alarms {
                late.push(clock.tick().await.elapsed());
            }
            late
        });
        let late = alarm.await.expect("the alarm does not panic");
        over.set(true);
        (start.elapsed(), late)
    });
    late.sort_unstable();
    Ok(Numbers {
        items_per_second: (items.get() as f64 / took.as_secs_f64()) as u64,
        items_per_switch: items.get() as f64 / rt.metrics().switches as f64,
        late: late[late.len() / 2],
        latest: late[late.len() - 1],
    })
}

fn main() -> io::Result<()> {
    say::slide(
        "Elegí 2: baja latencia, alto throughput, legibilidad",
        "Low latency, high throughput, legibility: pick two",
    );
    say::what("Eight workers, and an alarm every millisecond; each row is the best of three runs:");
    let fifo: fn() -> Box<dyn Policy> = || Box::new(Fifo::new());
    let urgent: fn() -> Box<dyn Policy> = || Box::new(Priority::strict());
    let mut rows = Vec::new();
    for (name, policy) in [("Fifo", fifo), ("Priority", urgent)] {
        for (budget, batch) in [(1, 1), (16, 1), (128, 1), (2048, 1), (128, 16)] {
            let numbers = best(Dials { policy, budget, batch })?;
            rows.push([
                name.to_string(),
                budget.to_string(),
                batch.to_string(),
                say::grouped(numbers.items_per_second),
                format!("{:.0}", numbers.items_per_switch),
                format!("{:.3} ms", numbers.late.as_secs_f64() * 1e3),
                format!("{:.3} ms", numbers.latest.as_secs_f64() * 1e3),
            ]);
        }
    }
    say::table(
        ["policy", "budget", "batch", "items/s", "items/switch", "alarm late", "worst"],
        rows,
    );
    say::why(
        "A switch costs time in which nothing gets done, so few of them are good for throughput; \
         but between two switches nobody else runs. The budget and the batch decide how long that \
         is, the policy who comes then: behind eight workers, or before them. (Priority looks for \
         timers every 8 switches and Fifo every 61: that, too, is a price of latency.)",
    );
    say::instead(
        "Decide which of the two you need, then turn one dial: Builder::budget without touching \
         the program; batches where an operation is dear, at the price of legibility; \
         Builder::policy if some tasks are urgent and the others can wait.",
    );
    Ok(())
}
