//! Six deadlocks, and what the runtime says of each: who waits for whom, for what, where, since
//! when.
//!
//! Nothing is ready, nothing is armed, and nobody outside can wake anybody: so each of these is
//! proved to be stalled, and `try_block_on` returns the report at once. Look for the cycle: each of
//! its tasks waits for the next, and the last for the first. The sixth has none. Time is virtual;
//! expected output, in part:
//!
//! ```text
//! 1. Two locks, taken in opposite order
//!   stalled: nothing is ready, and nothing can ever wake the tasks that are left:
//!   2 tasks wait for each other, in a cycle, as far as is known:
//!     task 2 "ann" (spawned at ...), waits for
//!       a mutex (made at ...) at ..., since 1ms
//!         locked by task 3 "ben" (at ...)
//!     task 3 "ben" (spawned at ...), waits for
//!       a mutex (made at ...) at ..., since 1ms
//!         locked by task 2 "ann" (at ...)
//!   other tasks:
//!     task 1 "try_block_on" (spawned at ...), waits for
//!       the end of task 2 "ann" at ..., since 0ns
//! ```
//!
//! Then two deadlock while a third goes on, a healthy program tells what everybody is doing, and
//! one that is stuck says with whom: that takes a second.
#![allow(clippy::arc_with_non_send_sync)] // An owned guard wants an `Arc`.

use std::cell::RefCell;
use std::fmt::Display;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use print::println;
use turno::runtime::{Builder, Cycle, Dump, NoAnswer, Runtime, Stalled};
use turno::sync::{Mutex, mpsc};
use turno::task::{self, JoinHandle, JoinSet};
use turno::time::sleep;

const MS: Duration = Duration::from_millis(1);

/// Runs what cannot end.
fn stalled<F: Future>(root: F) -> io::Result<Stalled> {
    let rt = Builder::new().start_paused(true).build()?;
    match rt.try_block_on(root) {
        Ok(_) => Err(io::Error::other("it was to stall")),
        Err(stalled) => Ok(stalled),
    }
}

#[track_caller]
fn spawn<F: Future<Output: 'static> + 'static>(name: &str, task: F) -> JoinHandle<F::Output> {
    task::Builder::new().name(name).spawn(task)
}

type Lock = Rc<Mutex<u32>>;

async fn lock_both(first: Lock, then: Lock) {
    let _first = first.lock().await;
    sleep(MS).await; // Long enough for others to lock theirs.
    let _then = then.lock().await;
}

/// Ann locks one and wants the other; Ben does the reverse.
pub fn two_locks() -> io::Result<Stalled> {
    stalled(async {
        let one = Rc::new(Mutex::new(0)); // The one.
        let other = Rc::new(Mutex::new(0)); // The other.
        let ann = spawn("ann", lock_both(one.clone(), other.clone()));
        let ben = spawn("ben", lock_both(other, one));
        let _ = (ann.await, ben.await);
    })
}

/// It holds a lock and waits for the end of a task that needs it.
pub fn lock_and_join() -> io::Result<Stalled> {
    stalled(async {
        let log = Rc::new(Mutex::new(Vec::new()));
        let mut lines = log.lock().await;
        let shared = log.clone();
        let writer = spawn("writer", async move { shared.lock().await.push("hello") });
        lines.push("waiting for the writer");
        let _ = writer.await; // `lines` is still locked.
    })
}

/// The server answers when it has been asked; the client asks when the server has said hello.
pub fn channel() -> io::Result<Stalled> {
    stalled(async {
        let (ask, mut asked) = mpsc::channel(1); // Questions.
        let (answer, mut answered) = mpsc::channel(1); // Answers.
        let server = spawn("server", async move {
            while let Some(question) = asked.recv().await {
                let _ = answer.send(question).await;
            }
        });
        let client = spawn("client", async move {
            let _ = ask.send("my name is Ann").await;
            let _welcome = answered.recv().await;
            let _hello = answered.recv().await; // The server says nothing unasked.
            let _ = ask.send("how are you?").await;
        });
        let _ = (server.await, client.await);
    })
}

/// The lock that it wants it holds itself.
pub fn itself() -> io::Result<Stalled> {
    async fn total(account: &Mutex<i32>) -> i32 {
        *account.lock().await
    }
    stalled(async {
        let auditor = spawn("auditor", async {
            let account = Mutex::new(100);
            let mut balance = account.lock().await;
            *balance -= total(&account).await; // `balance` is still locked.
        });
        let _ = auditor.await;
    })
}

/// Each philosopher takes the fork to the left, and waits for the one to the right.
pub fn three_in_a_ring() -> io::Result<Stalled> {
    stalled(async {
        let forks = [Rc::new(Mutex::new(0)), Rc::new(Mutex::new(1)), Rc::new(Mutex::new(2))];
        let names = ["Aristotle", "Bacon", "Confucius"];
        let philosophers = [0, 1, 2]
            .map(|n| spawn(names[n], lock_both(forks[n].clone(), forks[(n + 1) % 3].clone())));
        for philosopher in philosophers {
            let _ = philosopher.await;
        }
    })
}

/// A task gives its guard away, ends, and the guard is never dropped.
pub fn held_by_a_finished_task() -> io::Result<Stalled> {
    stalled(async {
        let config = Arc::new(Mutex::new("slow"));
        let kept = Rc::new(RefCell::new(None));
        let (locks, keeps) = (config.clone(), kept.clone());
        let loader = spawn("loader", async move {
            *keeps.borrow_mut() = Some(locks.lock_owned().await);
        });
        sleep(MS).await;
        println!("  (The loader has finished: {}.)", loader.is_finished());
        let _reader = config.lock().await;
    })
}

/// Two tasks wait for each other while a third goes on. Returns what was told of them, and after
/// how many ticks of the third.
pub fn while_others_run() -> io::Result<(Cycle, u32)> {
    let told = Rc::new(RefCell::new(None));
    let tells = told.clone();
    let note = move |cycle: &Cycle| *tells.borrow_mut() = Some(cycle.clone());
    let rt = Builder::new().start_paused(true).on_deadlock(note).build()?;
    Ok(rt.block_on(async {
        let (one, other) = (Rc::new(Mutex::new(0)), Rc::new(Mutex::new(0)));
        spawn("ann", lock_both(one.clone(), other.clone()));
        spawn("ben", lock_both(other, one));
        for ticks in 1.. {
            sleep(MS).await;
            if let Some(cycle) = told.take() {
                return (cycle, ticks);
            }
        }
        unreachable!("it ticks until it is told")
    }))
}

/// What everybody does in a program in which all is well.
pub fn healthy() -> io::Result<Dump> {
    let rt = Builder::new().start_paused(true).build()?;
    Ok(rt.block_on(async {
        let total = Rc::new(Mutex::new(0));
        let download = spawn("download", async move {
            let mut parts = JoinSet::new();
            for n in 1..=3 {
                let total = total.clone();
                parts.build_task().name(format!("part {n}")).spawn(async move {
                    let mut total = total.lock().await;
                    sleep(n * MS).await; // It comes.
                    *total += 1;
                });
            }
            while parts.join_next().await.is_some() {}
        });
        sleep(2 * MS).await;
        let dump = rt.dump();
        download.await.expect("it does not panic");
        dump
    }))
}

/// A task keeps the thread. Another thread asks who it is.
pub fn stuck() -> io::Result<NoAnswer> {
    let rt = Runtime::new()?;
    let handle = rt.handle().clone();
    let (begin, begun) = std::sync::mpsc::channel();
    let asks = std::thread::spawn(move || {
        let _ = begun.recv();
        handle.dump().map(drop).expect_err("the loop is stuck")
    });
    let hash = spawn_on(&rt, "hash", async move {
        let _ = begin.send(());
        asks.join().expect("it does not panic") // It blocks, and does not await.
    });
    Ok(rt.block_on(async { hash.await.expect("it does not panic") }))
}

#[track_caller]
fn spawn_on<F>(rt: &Runtime, name: &str, task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    let _inside = rt.enter();
    spawn(name, task)
}

type Planted = fn() -> io::Result<Stalled>;

fn say(text: impl Display) {
    text.to_string().lines().for_each(|line| println!("  {line}"));
    println!();
}

fn main() -> io::Result<()> {
    let planted: [(&str, Planted); 6] = [
        ("Two locks, taken in opposite order", two_locks),
        ("A lock is held while a task is awaited that needs it", lock_and_join),
        ("Two ends of two channels", channel),
        ("A task waits for itself", itself),
        ("Three in a ring", three_in_a_ring),
        ("A lock is held by a task that has finished", held_by_a_finished_task),
    ];
    for (n, (title, run)) in planted.into_iter().enumerate() {
        println!("{}. {title}", n + 1);
        say(run()?);
    }
    let (cycle, ticks) = while_others_run()?;
    println!("While others run it is told too: here after {ticks} ticks of a third task");
    say(cycle);
    println!("A program in which all is well: Runtime::dump");
    say(healthy()?);
    println!("A task keeps the thread, and another thread asks: Handle::dump");
    say(stuck()?);
    Ok(())
}
