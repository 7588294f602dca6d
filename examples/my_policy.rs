//! A policy of your own: the task that has had the fewest switches goes first.
//!
//! Look at the ten lines of `impl Policy`. The contract check runs it through thousands of scripts;
//! then a newcomer overtakes two tasks that have had many turns. Expected output:
//!
//! ```text
//! Fewest keeps the contract
//! old-1 old-2 old-1 old-2 old-1 old-2 new new new old-1 old-2 new old-1 old-2 new
//! ```

use std::collections::BTreeSet;

use print::{print, println};
use turno::policy::{self, Pick, Policy, Tasks};
use turno::runtime::Builder;
use turno::task::{Id, Nanos, TaskInfo, yield_now};

#[derive(Default)]
struct Fewest {
    ready: BTreeSet<(u64, Id)>,
}

impl Policy for Fewest {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.ready.insert((task.switches(), task.id()));
    }

    fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        self.ready.pop_first().map(|(_, id)| id).into()
    }
}

async fn say(name: &'static str) {
    for _ in 0..5 {
        print!("{name} ");
        yield_now().await;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    policy::check(|| Box::new(Fewest::default()))?;
    println!("Fewest keeps the contract");

    let rt = Builder::new().policy(Fewest::default()).build()?;
    for name in ["old-1", "old-2"] {
        rt.spawn(say(name));
    }
    for _ in 0..6 {
        rt.step();
    }
    rt.spawn(say("new"));
    while rt.step().is_some() {}
    println!();
    Ok(())
}
