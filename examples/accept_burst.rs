//! The talk's real case: 80 processes, 500 requests, 100 ms each, and a server that accepts all it
//! can get.
//!
//! Look at "done in" and "the busiest": what one process has accepted, no other can serve, however
//! idle it is. Here processes are tasks that serve one request after another, and the listening
//! socket is a queue; `cargo lab accept` has the same with real ones. Time is virtual; expected
//! output, in part:
//!
//! ```text
//! accepted at once  done in     mean  the busiest  at work  visits
//! 1                   0.7 s   0.36 s            7       80     580
//! 128                12.8 s   6.31 s          128        4      84
//! all there are      50.0 s  25.05 s          500        1      81
//! ```

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use turno::runtime::Builder;
use turno::task::{JoinSet, yield_now};
use turno::time::{Instant, sleep};

#[path = "slides/say.rs"]
mod say;

const PROCESSES: usize = 80;
const REQUESTS: usize = 500;
const SERVE: Duration = Duration::from_millis(100);

/// The connections that nobody has accepted, and how often somebody came to look.
struct Listener {
    backlog: RefCell<VecDeque<usize>>,
    visits: Cell<usize>,
}

impl Listener {
    fn accept(&self, most: usize) -> Vec<usize> {
        self.visits.update(|visits| visits + 1);
        let mut backlog = self.backlog.borrow_mut();
        let most = most.min(backlog.len());
        backlog.drain(..most).collect()
    }
}

pub struct Numbers {
    /// Until the last request was answered, and in the mean.
    pub done_in: Duration,
    pub mean: Duration,
    /// How many requests the busiest process served, and how many processes served any.
    pub busiest: usize,
    pub at_work: usize,
    /// How often a process looked at the listening socket.
    pub visits: usize,
}

/// A server of so many processes, each of which accepts up to `burst` connections before it serves
/// them.
pub fn run(burst: usize) -> io::Result<Numbers> {
    let rt = Builder::new().start_paused(true).build()?;
    let backlog = RefCell::new((0..REQUESTS).collect());
    let listener = Rc::new(Listener { backlog, visits: Cell::new(0) });
    Ok(rt.block_on(async {
        let start = Instant::now();
        let mut processes = JoinSet::new();
        for _ in 0..PROCESSES {
            let listener = listener.clone();
            processes.spawn(async move {
                let mut answered = Vec::new();
                loop {
                    let accepted = listener.accept(burst);
                    if accepted.is_empty() {
                        return answered;
                    }
                    yield_now().await; // The others, on their cores, accept too.
                    for _connection in accepted {
                        sleep(SERVE).await; // This process does nothing else meanwhile.
                        answered.push(start.elapsed());
                    }
                }
            });
        }
        let processes = processes.join_all().await;
        let sum: Duration = processes.iter().flatten().sum();
        Numbers {
            done_in: start.elapsed(),
            mean: sum / REQUESTS as u32,
            busiest: processes.iter().map(Vec::len).max().unwrap_or(0),
            at_work: processes.iter().filter(|answered| !answered.is_empty()).count(),
            visits: listener.visits.get(),
        }
    }))
}

fn main() -> io::Result<()> {
    say::slide(
        "Un proceso agarra 500 requests, termina en 50s",
        "One process grabs 500 requests, and is done in 50 s",
    );
    say::what("80 processes, 500 requests at once, 100 ms each:");
    let mut rows = Vec::new();
    for (name, burst) in [("1", 1), ("7", 7), ("16", 16), ("128", 128), ("all there are", REQUESTS)]
    {
        let run = run(burst)?;
        rows.push([
            name.to_string(),
            format!("{:.1} s", run.done_in.as_secs_f64()),
            format!("{:.2} s", run.mean.as_secs_f64()),
            run.busiest.to_string(),
            run.at_work.to_string(),
            run.visits.to_string(),
        ]);
    }
    let header = ["accepted at once", "done in", "mean", "the busiest", "at work", "visits"];
    say::table(header, rows);
    say::why(
        "To accept all that is there saves visits to the listening socket, which is good for \
         throughput if nobody else could have served them. With idle processes beside, it is a \
         queue that they cannot help with. ceil(500 / 80) = 7 rounds of 100 ms are the best \
         possible.",
    );
    say::instead(
        "Accept one when you are ready to serve one; a few visits more are what that costs. In \
         turno: TcpListener::set_accept_burst, and a sync::Semaphore around what is accepted and \
         not served.",
    );
    Ok(())
}
