//! A call that may switch without saying so, and the same program with visible awaits.
//!
//! Look at the two programs as they are printed, and at what marks the place where others may run.
//! The green threads are made like eventlet's: `charge` looks like any call, but when it waits it
//! lets another one run. Here each is an OS thread, and one holds the turn. Expected output:
//!
//! ```text
//! green threads; charge() is a plain call                     1
//! green threads; charge() goes over the network now           3
//! tasks; the same program with its await                      3
//! tasks; the seat is taken before the await                   1
//!
//! pub async fn buy(left: &Cell<i32>) {
//!     if left.get() > 0 {
//!         charge().await;  <-- others may run here
//!         left.update(|left| left - 1);
//! ```

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use print::println;
use turno::runtime::Builder;
use turno::task::{JoinSet, yield_now};

mod hub;
#[path = "../slides/say.rs"]
mod say;

use hub::Hub;

mod green {
    use super::*;

    pub fn charge_at_once() {}

    pub fn charge_over_the_network() {
        Hub::switch();
    }

    pub fn buy(left: &AtomicI32, charge: fn()) {
        if left.load(Relaxed) > 0 {
            charge();
            left.fetch_sub(1, Relaxed);
        }
    }
}

mod awaited {
    use super::*;

    async fn charge() {
        yield_now().await;
    }

    pub async fn buy(left: &Cell<i32>) {
        if left.get() > 0 {
            charge().await;
            left.update(|left| left - 1);
        }
    }

    pub async fn buy_well(left: &Cell<i32>) {
        if left.get() > 0 {
            left.update(|left| left - 1);
            charge().await; // And if that fails, the seat is given back.
        }
    }
}

const CUSTOMERS: usize = 3;

/// Three customers, one seat: how many seats were sold.
pub fn sold_by_green_threads(over_the_network: bool) -> i32 {
    let charge =
        if over_the_network { green::charge_over_the_network } else { green::charge_at_once };
    let left = AtomicI32::new(1);
    Hub::run(CUSTOMERS, || green::buy(&left, charge));
    1 - left.into_inner()
}

pub fn sold_by_tasks(well: bool) -> io::Result<i32> {
    let left = Rc::new(Cell::new(1));
    Builder::new().start_paused(true).build()?.block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..CUSTOMERS {
            let left = left.clone();
            set.spawn(async move {
                if well { awaited::buy_well(&left).await } else { awaited::buy(&left).await }
            });
        }
        set.join_all().await;
    });
    Ok(1 - left.get())
}

/// The lines of a function of this file, each with a mark if it says that others may run there.
pub fn marked(head: &str) -> Vec<(&'static str, bool)> {
    let lines = include_str!("main.rs").lines();
    let body = lines.skip_while(|line| !line.trim_start().starts_with(head));
    let whole = body.scan(false, |ended, line| {
        let last = std::mem::replace(ended, *ended || line == "    }");
        (!last).then_some(line)
    });
    whole.map(|line| (line, line.contains(".await"))).collect()
}

fn print(title: &str, head: &str) {
    println!("\n  {title}");
    for (line, switches) in marked(head) {
        let mark = if switches { "  <-- others may run here" } else { "" };
        println!("  {line}{mark}");
    }
}

fn main() -> io::Result<()> {
    say::slide(
        "eventlet es llamar al desastre: agregar concurrencia nunca es transparente",
        "Hidden switches: adding concurrency is never transparent",
    );
    say::what("Three customers want the one seat that is left.");
    say::table(
        ["", "seats sold"],
        [
            ("green threads; charge() is a plain call", sold_by_green_threads(false)),
            ("green threads; charge() goes over the network now", sold_by_green_threads(true)),
            ("tasks; the same program with its await", sold_by_tasks(false)?),
            ("tasks; the seat is taken before the await", sold_by_tasks(true)?),
        ]
        .map(|(name, sold)| [name.to_string(), sold.to_string()]),
    );
    print("The green threads' program, before and after:", "pub fn buy(");
    print("The tasks' program:", "pub async fn buy(");
    print("... and its remedy:", "pub async fn buy_well(");
    say::why(
        "`buy` of the green threads was right, and became wrong when somebody else changed what it \
         calls: not a line of it differs. A function that may switch has to be async here, and all \
         its callers with it, so the hole between check and act can be seen, and searched for.",
    );
    say::instead(
        "Read each .await as \"anything may have changed\". Check and act on one side of it; or \
         hold a turno::sync::Mutex across it, and pay for that: cargo run --release --example \
         locks.",
    );
    Ok(())
}
