//! Locks everywhere are contention everywhere, and now and then a deadlock.
//!
//! Look along a row of the table: more tasks bring more, until the lock is always taken; the longer
//! it is held across an await, the earlier that is. Then two transfers lock two accounts in
//! opposite order, and the runtime names both tasks and both locks instead of hanging. Time is
//! virtual; expected output, in part:
//!
//! ```text
//!                               1    4     16     64     256  1024 tasks
//! 0 ms of it under the lock   100  400  1,600  6,400  25,600     102,400
//! 1 ms of it under the lock   100  400  1,000  1,000   1,000       1,000
//! 10 ms of it under the lock  100  100    100    100     100         100
//!
//! stalled: nothing is ready, and nothing can ever wake the tasks that are left:
//! 2 tasks wait for each other, in a cycle, as far as is known:
//!   task 2 "ann pays ben" (spawned at ...), waits for
//!     a mutex (made at ...) at ..., since 1ms
//!       locked by task 3 "ben pays ann" (at ...)
//!   task 3 "ben pays ann" (spawned at ...), waits for
//!     a mutex (made at ...) at ..., since 1ms
//!       locked by task 2 "ann pays ben" (at ...)
//! ```

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use print::println;
use turno::runtime::{Builder, Stalled};
use turno::sync::Mutex;
use turno::task::{self, JoinSet};
use turno::time::sleep;

#[path = "slides/say.rs"]
mod say;

const MS: Duration = Duration::from_millis(1);
const REQUEST: Duration = Duration::from_millis(10);

/// So many tasks serve one request after another. Each takes 10 ms of waiting, and for `locked` of
/// these it holds the lock that all share. Returns the requests served in a second.
pub fn throughput(tasks: usize, locked: Duration) -> io::Result<u32> {
    let rt = Builder::new().start_paused(true).build()?;
    let (lock, served) = (Rc::new(Mutex::new(())), Rc::new(Cell::new(0)));
    Ok(rt.block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..tasks {
            let (lock, served) = (lock.clone(), served.clone());
            set.spawn(async move {
                loop {
                    sleep(REQUEST - locked).await;
                    if !locked.is_zero() {
                        let _guard = lock.lock().await;
                        sleep(locked).await;
                    }
                    served.update(|served| served + 1);
                }
            });
        }
        sleep(10 * REQUEST + MS / 2).await; // By then they have spread out.
        let before = served.get();
        sleep(Duration::from_secs(1)).await;
        served.get() - before
    }))
}

type Account = Rc<Mutex<i32>>;

/// Locks `a`, then `b`.
async fn transfer(a: Account, b: Account, amount: i32) {
    let mut a = a.lock().await;
    sleep(MS).await; // The bank is asked.
    let mut b = b.lock().await;
    *a -= amount;
    *b += amount;
}

/// Ann pays Ben, Ben pays Ann. Each locks its own account first; or both lock Ann's first.
pub fn transfers(own_first: bool) -> io::Result<Result<(i32, i32), Stalled>> {
    let rt = Builder::new().start_paused(true).build()?;
    let result = rt.try_block_on(async {
        let ann: Account = Rc::new(Mutex::new(100));
        let ben: Account = Rc::new(Mutex::new(100));
        let second = match own_first {
            true => transfer(ben.clone(), ann.clone(), 10),
            false => transfer(ann.clone(), ben.clone(), -10),
        };
        let first = transfer(ann.clone(), ben.clone(), 30);
        let tasks = [
            task::Builder::new().name("ann pays ben").spawn(first),
            task::Builder::new().name("ben pays ann").spawn(second),
        ];
        for task in tasks {
            task.await.expect("a transfer does not panic");
        }
        (*ann.lock().await, *ben.lock().await)
    });
    Ok(result)
}

fn main() -> io::Result<()> {
    say::slide(
        "Locks por todos lados: es contención por todos lados, capaz hasta deadlocks",
        "Locks everywhere: contention everywhere, perhaps even deadlocks",
    );
    say::what("Requests served a second, by so many tasks, a request being 10 ms of waiting:");
    const TASKS: [usize; 6] = [1, 4, 16, 64, 256, 1024];
    let mut rows = Vec::new();
    for locked in [0, 1, 2, 5, 10] {
        let mut row = [const { String::new() }; 7];
        row[0] = format!("{locked} ms of it under the lock");
        for (cell, tasks) in row[1..].iter_mut().zip(TASKS) {
            *cell = say::grouped(throughput(tasks, locked * MS)?.into());
        }
        rows.push(row);
    }
    say::table(["", "1", "4", "16", "64", "256", "1024 tasks"], rows);

    println!("\n  Ann pays Ben 30 and Ben pays Ann 10, each locking its own account first:\n");
    match transfers(true)? {
        Ok(balances) => println!("  done: {balances:?}"),
        Err(stalled) => stalled.to_string().lines().for_each(|line| println!("  {line}")),
    }
    println!("\n  ... and both locking Ann's first:\n");
    match transfers(false)? {
        Ok((ann, ben)) => println!("  done: Ann has {ann}, Ben has {ben}"),
        Err(stalled) => println!("  {stalled}"),
    }
    say::why(
        "A lock that is held for t lets 1/t through, however many tasks there are: 1 ms, 1,000 a \
         second. Two that wait for what the other holds wait for ever.",
    );
    say::instead(
        "No lock where there is no await in between. Hold one for the shortest await, not for the \
         whole request. Lock in one order everywhere; or let one task own the state, and send it \
         messages (sync::mpsc). In tests, try_block_on returns the report that you see above.",
    );
    Ok(())
}
