//! Priority inversion: the urgent waits for a lock, and those in between keep its holder off the
//! thread.
//!
//! Look at the two timelines, one column a millisecond. `low` locks, `high` wants the lock, and
//! `medium` needs no lock at all, but a lot of time. Then the mutex hands priority on. Time is
//! virtual; expected output, in part:
//!
//! ```text
//! Mutex::new: high waits 12 ms for the lock
//!   high     ············██
//!   medium    ████████
//!   low     ██▒▒▒▒▒▒▒▒███░░█
//!
//! Mutex::with_priority_inheritance: high waits 4 ms for the lock
//!   high     ····██
//!   medium         ████████
//!   low     █████░░░░░░░░░░█
//! ```

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use print::println;
use turno::policy::Priority;
use turno::runtime::Builder;
use turno::sync::Mutex;
use turno::task::{self, JoinHandle, yield_now};
use turno::time::{Instant, sleep, work};

#[path = "slides/say.rs"]
mod say;

const MS: Duration = Duration::from_millis(1);

/// A row of the timeline: what the task does in each millisecond.
#[derive(Clone)]
pub struct Row(Rc<RefCell<String>>, Instant);

impl Row {
    /// The task has done `what` since the last time that it said so.
    fn until_now(&self, what: char) {
        let now = (self.1.elapsed().as_micros() / 1000) as usize;
        let mut row = self.0.borrow_mut();
        while row.chars().count() < now {
            row.push(what);
        }
    }

    /// Computes for so many milliseconds, and gives way after each. `off` is what it does while
    /// others run.
    async fn compute(&self, pieces: u32, on: char, off: char) {
        for _ in 0..pieces {
            self.until_now(off);
            work(MS).await;
            self.until_now(on);
            yield_now().await;
        }
    }
}

pub struct Story {
    /// The timelines of high, medium and low.
    pub rows: [String; 3],
    /// How long high waited for the lock.
    pub waited: Duration,
}

/// Low computes 4 ms under the lock; high wants it after 1 ms, medium comes after 2.
pub fn run(lock: Mutex<()>, medium: u32) -> io::Result<Story> {
    let rt = Builder::new().start_paused(true).policy(Priority::strict()).build()?;
    let lock = Rc::new(lock);
    Ok(rt.block_on(async {
        let start = Instant::now();
        let rows = [(); 3].map(|()| Row(Rc::default(), start));
        let [high, middle, low] = rows.clone();
        let (highs, lows) = (lock.clone(), lock);
        let high = spawn("high", 200, async move {
            sleep(MS).await;
            high.until_now(' ');
            let wanted = Instant::now();
            let _guard = highs.lock().await;
            high.until_now('·');
            let waited = wanted.elapsed();
            high.compute(2, '█', '·').await;
            waited
        });
        let middle = spawn("medium", 100, async move {
            sleep(2 * MS).await;
            middle.until_now(' ');
            middle.compute(medium, '█', '░').await;
        });
        let low = spawn("low", 1, async move {
            let guard = lows.lock().await;
            low.compute(4, '█', '▒').await;
            drop(guard);
            low.compute(2, '█', '░').await;
        });
        let waited = high.await.expect("high does not panic");
        middle.await.expect("medium does not panic");
        low.await.expect("low does not panic");
        Story { rows: rows.map(|row| row.0.take()), waited }
    }))
}

fn spawn<T: 'static>(
    name: &str,
    priority: u8,
    task: impl Future<Output = T> + 'static,
) -> JoinHandle<T> {
    task::Builder::new().name(name).priority(priority).spawn(task)
}

fn main() -> io::Result<()> {
    say::slide(
        "Elegir una política de scheduling",
        "Choose a scheduling policy, and know what it does",
    );
    say::what("Policy: the most urgent first, always. One column is 1 ms:");
    println!("  █ runs   · waits for the lock   ▒ holds the lock, but another runs   ░ ready");
    let (plain, inherits) = (|| Mutex::new(()), || Mutex::with_priority_inheritance(()));
    for (name, lock) in [("Mutex::new", plain()), ("Mutex::with_priority_inheritance", inherits())]
    {
        let Story { rows, waited } = run(lock, 8)?;
        println!("\n  {name}: high waits {} ms for the lock", waited.as_millis());
        for (name, row) in ["high", "medium", "low"].iter().zip(rows) {
            println!("    {name:<8}{row}");
        }
    }
    println!("\n  How long high waits, if medium needs ...");
    let mut rows = Vec::new();
    for medium in [0, 8, 80, 800] {
        let waited = [run(plain(), medium)?.waited, run(inherits(), medium)?.waited];
        let [plain, inherits] = waited.map(|waited| format!("{} ms", waited.as_millis()));
        rows.push([format!("{medium} ms"), plain, inherits]);
    }
    say::table(["", "Mutex::new", "with_priority_inheritance"], rows);
    say::why(
        "High waits for low, which is fair enough; but low is not urgent, so medium goes first, \
         and high waits for medium, which it has nothing to do with, for as long as medium likes.",
    );
    say::instead(
        "Mutex::with_priority_inheritance: who holds the lock is as urgent as the most urgent who \
         waits for it. Or no lock between tasks of different priority; or a policy that lets \
         nobody starve (Priority::with_aging, RoundRobin).",
    );
    Ok(())
}
