//! The knee: how many requests to let in at once, and what it costs not to ask.
//!
//! Look down the table: up to the knee a higher limit brings more; beyond it only longer answers,
//! and in the end fewer. 200 clients ask again as soon as they are answered; a `Semaphore` lets so
//! many in. Time is virtual; expected output, in part:
//!
//! ```text
//! limit                        requests/s  served in  with the queue
//! 5      ██████████                   500    10.0 ms        392.6 ms
//! 10     ████████████████████         999    10.0 ms        198.2 ms  <-- the knee
//! 16     ████████████████████         999    16.0 ms        198.2 ms
//! none   ██                            89  2169.4 ms       2169.4 ms
//! ```

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use turno::runtime::Builder;
use turno::sync::{Mutex, Semaphore};
use turno::task::JoinSet;
use turno::time::{Instant, sleep};

#[path = "slides/say.rs"]
mod say;

const MS: Duration = Duration::from_millis(1);
const CLIENTS: usize = 200;
const LIMITS: [usize; 11] = [1, 2, 5, 8, 10, 12, 16, 20, 32, 64, CLIENTS];
/// The requests whose data fit into the disk's cache together.
const CACHE: u32 = 16;

/// What all requests share.
#[derive(Default)]
struct Service {
    /// The requests that were let in.
    open: Cell<u32>,
    /// It serves one at a time.
    disk: Mutex<()>,
}

impl Service {
    /// A request waits 9 ms for the network and needs the disk for 1 ms: more if so many are open
    /// that they push each other's data out of the cache.
    async fn serve(&self) {
        self.open.update(|open| open + 1);
        sleep(9 * MS).await;
        let disk = self.disk.lock().await;
        sleep(MS * self.open.get().max(CACHE) / CACHE).await;
        drop(disk);
        self.open.update(|open| open - 1);
    }
}

#[derive(Clone, Copy, Default)]
pub struct Numbers {
    /// Requests answered a second.
    pub throughput: f64,
    /// From being let in to the answer, and from asking to the answer: means.
    pub served_in: Duration,
    pub answered_in: Duration,
}

impl Numbers {
    /// Kleinrock's power. The knee is where it is highest.
    pub fn power(&self) -> f64 {
        self.throughput / self.served_in.as_secs_f64()
    }
}

/// All clients ask for ten seconds, and at most `limit` are let in at once.
pub fn run(limit: usize) -> io::Result<Numbers> {
    let rt = Builder::new().start_paused(true).build()?;
    let (semaphore, service) = (Rc::new(Semaphore::new(limit)), Rc::new(Service::default()));
    let sums = Rc::new(Cell::new((0_u32, Duration::ZERO, Duration::ZERO)));
    Ok(rt.block_on(async {
        let start = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (semaphore, service, sums) = (semaphore.clone(), service.clone(), sums.clone());
            clients.spawn(async move {
                while start.elapsed() < Duration::from_secs(10) {
                    let asked = Instant::now();
                    let _permit = semaphore.acquire().await.expect("nobody closes it");
                    let let_in = Instant::now();
                    service.serve().await;
                    let (n, served, answered) = sums.get();
                    sums.set((n + 1, served + let_in.elapsed(), answered + asked.elapsed()));
                }
            });
        }
        clients.join_all().await;
        let (n, served, answered) = sums.get();
        Numbers {
            throughput: f64::from(n) / start.elapsed().as_secs_f64(),
            served_in: served / n,
            answered_in: answered / n,
        }
    }))
}

/// The limit with the highest power.
pub fn knee(runs: &[(usize, Numbers)]) -> usize {
    let best = runs.iter().max_by(|(_, a), (_, b)| a.power().total_cmp(&b.power()));
    best.map_or(0, |(limit, _)| *limit)
}

pub fn all() -> io::Result<Vec<(usize, Numbers)>> {
    LIMITS.into_iter().map(|limit| Ok((limit, run(limit)?))).collect()
}

fn main() -> io::Result<()> {
    say::slide(
        "Limitar la concurrencia si te importa la latencia",
        "Limit the concurrency, if you care for latency",
    );
    say::what(
        "200 clients; a request is 9 ms of network and 1 ms of the one disk, whose cache holds 16:",
    );
    let runs = all()?;
    let knee = knee(&runs);
    let most = runs.iter().map(|(_, run)| run.throughput).fold(0.0, f64::max);
    say::table(
        ["limit", "", "requests/s", "served in", "with the queue", ""],
        runs.iter().map(|(limit, run)| {
            [
                if *limit == CLIENTS { "none".into() } else { limit.to_string() },
                format!("{:<20}", say::bar(run.throughput / most, 20)),
                format!("{:.0}", run.throughput),
                say::ms(run.served_in),
                say::ms(run.answered_in),
                if *limit == knee { "<-- the knee".into() } else { String::new() },
            ]
        }),
    );
    say::why(
        "1 ms of the disk each is at most 1,000 a second, and 10 requests of 10 ms keep it busy: \
         one is served while 9 are on the network. More at once only wait for each other; too many \
         get into each other's way, and everybody waits longer, those in the queue too.",
    );
    say::instead(
        "Measure your knee, and put a sync::Semaphore with so many permits in front of what is \
         shared. The queue is then in front of it, where it can be seen, timed out (time::timeout) \
         and refused (try_acquire).",
    );
    Ok(())
}
