//! Tasks that nobody waits for: what becomes of them, and who was still running at the end.
//!
//! Look at the report of `Runtime::shutdown_timeout`: each task that was dropped half-way, where it
//! was spawned, and what it waited for. The one that failed is not in it: nobody heard. The same
//! tasks in a `JoinSet` are heard, all of them. Time is virtual; expected output, in part:
//!
//! ```text
//! finished: log
//! had not finished:
//!   task 4 "mail" (spawned at examples/background.rs:...), waits for
//!     a timer due at 50ms at examples/background.rs:..., since 0ns
//!   a blocking job (spawned at examples/background.rs:...), still running
//! and nobody heard what became of: invoice
//! ```

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use print::println;
use turno::runtime::{Builder, Runtime, Unfinished};
use turno::task::{self, JoinSet};
use turno::time::sleep;

#[path = "slides/say.rs"]
mod say;

const MS: Duration = Duration::from_millis(1);

type Done = Rc<RefCell<Vec<&'static str>>>;

/// A job of that name, which takes so long.
async fn job(name: &'static str, takes: Duration, done: Done) -> Result<(), String> {
    sleep(takes).await;
    if name == "invoice" {
        return Err("the invoice has no address".into());
    }
    done.borrow_mut().push(name);
    Ok(())
}

const JOBS: [(&str, u32); 3] = [("log", 1), ("invoice", 2), ("mail", 50)];

fn runtime() -> io::Result<Runtime> {
    Builder::new().start_paused(true).build()
}

/// The answer goes out after 10 ms; the rest goes on "in the background".
pub fn left_alone() -> io::Result<(Done, Unfinished)> {
    let (rt, done) = (runtime()?, Done::default());
    rt.block_on(async {
        for (name, ms) in JOBS {
            // The handle is dropped, and with it the result.
            drop(task::Builder::new().name(name).spawn(job(name, ms * MS, done.clone())));
        }
        sleep(10 * MS).await;
    });
    // A job on the pool cannot be dropped half-way: it goes on until the process ends.
    let (begun, begins) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    drop(rt.spawn_blocking(move || (begun.send(()), ends.recv())));
    begins.recv().map_err(io::Error::other)?;
    let unfinished = rt.shutdown_timeout(Duration::ZERO);
    drop(end);
    Ok((done, unfinished))
}

/// The same jobs, waited for: whoever has not finished within `patience` is told to stop.
pub fn waited_for(patience: Duration) -> io::Result<(Done, Vec<String>)> {
    let (rt, done) = (runtime()?, Done::default());
    let failed = rt.block_on(async {
        let mut set = JoinSet::new();
        for (name, ms) in JOBS {
            set.build_task().name(name).spawn(job(name, ms * MS, done.clone()));
        }
        sleep(10 * MS).await; // The answer goes out here, too.
        let mut failed = Vec::new();
        let all = async {
            while let Some(result) = set.join_next().await {
                failed.extend(result.map_err(|error| error.to_string()).and_then(|r| r).err());
            }
        };
        let in_time = turno::time::timeout(patience, all).await.is_ok();
        if !in_time {
            set.abort_all();
            while let Some(result) = set.join_next().await {
                failed.extend(result.err().map(|error| error.to_string()));
            }
        }
        failed
    });
    Ok((done, failed))
}

fn main() -> io::Result<()> {
    say::slide("Tratar de correr cosas «en background»", "Running things in the background");
    let (done, unfinished) = left_alone()?;
    say::what(
        "Three jobs of 1, 2 and 50 ms and one on the blocking pool are spawned and left alone; the \
         program ends after 10 ms.",
    );
    println!("\n  finished: {}", done.borrow().join(", "));
    unfinished.to_string().lines().for_each(|line| println!("  {line}"));
    let told = |name: &str| unfinished.tasks.iter().any(|left| left.task.name() == Some(name));
    let mut silent = JOBS.map(|(name, _)| name).to_vec();
    silent.retain(|name| !done.borrow().contains(name) && !told(name));
    println!("  and nobody heard what became of: {}", silent.join(", "));
    for patience in [100, 20] {
        let (done, failed) = waited_for(patience * MS)?;
        println!("\n  The same in a JoinSet, with {patience} ms of patience at the end:");
        println!("  finished: {}", done.borrow().join(", "));
        failed.iter().for_each(|failed| println!("  failed:   {failed}"));
    }
    say::why(
        "A task whose handle is dropped runs on, but only while somebody drives the runtime, and \
         its result goes nowhere. \"In the background\" means: nobody said who waits for it.",
    );
    say::instead(
        "Keep what you spawn in a task::JoinSet; at the end wait for all of it, for so long, and \
         say what failed. Runtime::shutdown_timeout tells whom you forgot. A blocking job cannot \
         be stopped from outside: let it look at a flag.",
    );
    Ok(())
}
