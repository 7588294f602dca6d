//! A scene to walk through with a debugger: a kitchen in which everybody waits for something.
//!
//! ```text
//! cargo build --example debug_me
//! rust-gdb -iex 'add-auto-load-safe-path target' target/debug/examples/debug_me
//! (gdb) break debug_me::look_around
//! (gdb) run
//! (gdb) turno tasks
//! (gdb) turno bt all
//! (gdb) help turno
//! ```
//!
//! At the breakpoint the cook holds the stove while something simmers, the baker waits for the stove
//! (but not for ever), the waiter for one of two tables, the porter for a parcel in a box, and the
//! guests for each other. Each of these is another shape of future; `turno bt all` shows them all,
//! with the line of each await. Without a debugger it prints:
//!
//! ```text
//! all are waiting: look around
//! the soup is done
//! the bread is in
//! closed
//! ```

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use print::println;
use turno::runtime::Builder;
use turno::sync::Mutex;
use turno::task;
use turno::time::{Clock, sleep, timeout};

const MS: Duration = Duration::from_millis(1);

type Stove = Rc<Mutex<u32>>;
type Job = Pin<Box<dyn Future<Output = ()>>>;

async fn cook(stove: Stove) {
    let mut fire = stove.lock().await;
    simmer(3).await;
    *fire += 1;
    say("the soup is done");
}

async fn simmer(minutes: u32) {
    for _ in 0..minutes {
        sleep(MS).await;
    }
    sleep(2 * MS).await;
}

async fn bake(stove: Stove) {
    let mut fire = timeout(10 * MS, stove.lock()).await.expect("the soup takes 5 ms");
    sleep(MS).await;
    *fire += 1;
    say("the bread is in");
}

async fn serve() {
    turno::select! {
        bill = both() => assert_eq!(bill, 17),
        () = sleep(15 * MS) => {}
    }
}

async fn both() -> u32 {
    let (left, right) = turno::join!(table(8), table(9));
    left + right
}

async fn table(number: u32) -> u32 {
    sleep(number * MS).await;
    number
}

fn parcel(wrappings: u32) -> Job {
    Box::pin(async move {
        match wrappings {
            0 => sleep(12 * MS).await,
            _ => parcel(wrappings - 1).await,
        }
    })
}

async fn party() {
    let mut guests: FuturesUnordered<_> = (1..=3).map(|n| table(10 + n)).collect();
    while let Some(guest) = guests.next().await {
        assert!(guest > 10);
    }
}

/// Stop here: everybody waits now.
#[inline(never)]
fn look_around() {
    say("all are waiting: look around");
}

fn say(what: &str) {
    println!("{what}");
}

#[track_caller] // A task's spawn site is then where it is hired.
fn hire(name: &str, job: Job) -> task::JoinHandle<()> {
    task::Builder::new().name(name).spawn(job)
}

/// Everybody comes in, and one looks around when all the others wait.
async fn evening() {
    let stove = Rc::new(Mutex::new(0));
    let staff = [
        hire("cook", Box::pin(cook(stove.clone()))),
        hire("baker", Box::pin(bake(stove.clone()))),
        hire("waiter", Box::pin(serve())),
        hire("porter", parcel(2)),
        hire("guests", Box::pin(party())),
    ];
    task::spawn(async {
        sleep(2 * MS).await;
        look_around();
    });
    for person in staff {
        person.await.expect("nobody panics tonight");
    }
    say("closed");
}

fn main() -> std::io::Result<()> {
    let rt = Builder::new().clock(Clock::virtual_time()).build()?;
    rt.block_on(evening());
    Ok(())
}
