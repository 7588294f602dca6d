//! A policy of your own in all experiments of the lab: what it takes is one line in `main`.
//!
//! ```text
//! cargo run --release -p lab --example my_policy -- queue --policy largest,fifo,sjf
//! cargo run --release -p lab --example my_policy -- compare queue --service uniform
//! ```

use std::collections::BTreeSet;
use std::process::ExitCode;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

/// The largest job first: whom does that help?
#[derive(Default)]
struct Largest(BTreeSet<(u64, Id)>);

impl Policy for Largest {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.insert((task.size().unwrap_or(0), task.id()));
    }

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        self.0.pop_last().map(|(_, id)| id).into()
    }
}

fn main() -> ExitCode {
    lab::Lab::new()
        .with_policy("largest", "the largest job first", || Largest::default().into())
        .main()
}
