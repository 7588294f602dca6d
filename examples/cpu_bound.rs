//! Gathering computations does not make them faster: one thread is one thread.
//!
//! Look at the column "at once": however they are gathered, tasks compute one at a time, since a
//! computation has no await at which it could give way. Threads do help, as many as there are
//! cores. Expected output, on two cores:
//!
//! ```text
//!                                  took  speed-up  at once
//! one after another, no async  109.2 ms      1.00        1
//! join! in one task            108.5 ms      1.01        1
//! a task each                  108.5 ms      1.01        1
//! spawn_blocking                54.5 ms      2.00        4
//! a thread each                 54.7 ms      2.00        4
//! ```

use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use turno::runtime::Runtime;
use turno::task::{JoinSet, spawn_blocking};

#[path = "slides/say.rs"]
mod say;

/// How many compute just now, and the most that ever did.
static NOW: AtomicU32 = AtomicU32::new(0);
static MOST: AtomicU32 = AtomicU32::new(0);

/// The number below `below` with the longest Collatz sequence.
pub fn do_a_lot_of_math(below: u64) -> u64 {
    MOST.fetch_max(NOW.fetch_add(1, SeqCst) + 1, SeqCst);
    let length = |mut n: u64| {
        let mut steps = 0_u32;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    };
    let longest = (1..below).max_by_key(|n| length(*n));
    NOW.fetch_sub(1, SeqCst);
    black_box(longest.unwrap_or(0))
}

/// The talk's `process`: async in name.
async fn process(size: u64) -> u64 {
    do_a_lot_of_math(size)
}

pub struct Run {
    pub way: &'static str,
    pub results: Vec<u64>,
    pub took: Duration,
    pub at_once: u32,
}

fn measure(way: &'static str, run: impl FnOnce() -> Vec<u64>) -> Run {
    MOST.store(0, SeqCst);
    let start = Instant::now();
    let results = run();
    Run { way, results, took: start.elapsed(), at_once: MOST.load(SeqCst) }
}

/// Four computations of that size, in five ways.
pub fn compare(size: u64) -> io::Result<[Run; 5]> {
    let rt = Runtime::new()?;
    let one_by_one = || (0..4).map(|_| do_a_lot_of_math(size)).collect();
    let join = || {
        rt.block_on(async {
            let (a, b, c, d) =
                turno::join!(process(size), process(size), process(size), process(size));
            vec![a, b, c, d]
        })
    };
    let tasks = || {
        rt.block_on(async {
            (0..4).map(|_| process(size)).collect::<JoinSet<_>>().join_all().await
        })
    };
    let pool = || {
        rt.block_on(async {
            let jobs = (0..4).map(|_| spawn_blocking(move || do_a_lot_of_math(size)));
            let mut results = Vec::new();
            for job in jobs.collect::<Vec<_>>() {
                results.push(job.await.expect("the job does not panic"));
            }
            results
        })
    };
    let threads = || {
        thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| do_a_lot_of_math(size)));
            threads.map(|thread| thread.join().expect("it does not panic")).into()
        })
    };
    Ok([
        measure("one after another, no async", one_by_one),
        measure("join! in one task", join),
        measure("a task each", tasks),
        measure("spawn_blocking", pool),
        measure("a thread each", threads),
    ])
}

fn main() -> io::Result<()> {
    say::slide("Usar async para tareas sincrónicas", "Async for what computes?");
    let mut runs = compare(300_000)?;
    for _ in 1..3 {
        for (run, again) in runs.iter_mut().zip(compare(300_000)?) {
            run.took = run.took.min(again.took);
            run.at_once = run.at_once.max(again.at_once);
        }
    }
    say::what("The same four computations, in five ways, each at its best of three:");
    let first = runs[0].took.as_secs_f64();
    say::table(
        ["", "took", "speed-up", "at once"],
        runs.iter().map(|run| {
            let speed_up = format!("{:.2}", first / run.took.as_secs_f64());
            [run.way.into(), say::ms(run.took), speed_up, run.at_once.to_string()]
        }),
    );
    let cores = thread::available_parallelism()?;
    say::why(&format!(
        "A task gives way only where it awaits, and a computation awaits nothing: it runs to its \
         end, then the next one does. Async overlaps waiting, not computing. This machine has \
         {cores} cores, and only threads use more than one.",
    ));
    say::instead(
        "Hand computations to task::spawn_blocking, or to a thread pool (rayon), and await the \
         result. If one must stay on the loop, let it give way now and then: \
         task::consume_budget().await.",
    );
    Ok(())
}
