//! What is measured: a row for each work, with a sample for each runtime that can do it.

use std::io;
use std::time::{Duration, Instant};

use crate::peer::{Floor, Monoio, Peer, Pool, Smol, Tokio, TokioLocal, Turno};

mod spawn;
mod switch;

/// How much is done in a sample.
#[derive(Clone, Copy)]
pub struct Scale {
    /// A tenth of the work, for a machine that only has to see that it runs.
    pub quick: bool,
}

impl Scale {
    /// `n`, or less if it has to be quick.
    pub fn of(self, n: usize) -> usize {
        if self.quick { (n / 10).max(1) } else { n }
    }
}

/// What a figure counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds an operation.
    Nanos,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanos => "ns",
        }
    }
}

type Measure = Box<dyn Fn(Scale) -> io::Result<Vec<f64>>>;

/// One way to do a work: the column, and how to measure it.
pub struct Sample {
    pub column: &'static str,
    pub measure: Measure,
}

/// A work. Most have one figure; some have several, which one sample measures together.
pub struct Work {
    pub name: &'static str,
    /// For `--list` and `--help`: what is done, and why.
    pub about: &'static str,
    /// A label for each figure, and what it counts.
    pub figures: Vec<(&'static str, Unit)>,
    pub samples: Vec<Sample>,
}

/// A sample for each of the runtimes.
macro_rules! samples {
    ($module:ident::$work:ident: $($peer:ident)*) => {
        vec![$(Sample {
            column: $peer::NAME,
            measure: Box::new(|scale| Ok(vec![$module::$work::<$peer>(scale)])),
        }),*]
    };
}

/// Nanoseconds for each of `count` operations.
fn each(time: Duration, count: usize) -> f64 {
    time.as_nanos() as f64 / count as f64
}

/// How long `work` takes, for each of `count` operations.
async fn timed(count: usize, work: impl Future) -> f64 {
    let start = Instant::now();
    work.await;
    each(start.elapsed(), count)
}

fn nanos(name: &'static str, about: &'static str, samples: Vec<Sample>) -> Work {
    Work { name, about, figures: vec![("", Unit::Nanos)], samples }
}

/// All of them, in the order of the table.
pub fn all() -> Vec<Work> {
    vec![
        nanos(
            "switch",
            "1,000 tasks that do nothing but yield, with the runtime's own `yield_now`: a switch",
            samples!(switch::own: Turno Floor Tokio TokioLocal Smol Monoio Pool),
        ),
        nanos(
            "self-wake",
            "the same, but each task wakes itself, in the same way everywhere: a wake and a switch",
            samples!(switch::same: Turno Floor Tokio TokioLocal Smol Monoio Pool),
        ),
        nanos(
            "spawn-live",
            "300,000 tasks spawned, then all awaited: a task's whole life, among many",
            samples!(spawn::live: Turno Floor Tokio TokioLocal Smol Monoio Pool),
        ),
        nanos(
            "spawn-join",
            "a task spawned and awaited, one after another: a task's whole life, alone",
            samples!(spawn::sequential: Turno Floor Tokio TokioLocal Smol Monoio Pool),
        ),
    ]
}
