//! What is measured: a row for each work, with a sample for each runtime that can do it.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::peer::{Floor, Monoio, Peer, Pool, Smol, Tokio, TokioLocal, Turno};

mod channel;
pub mod echo;
pub mod memory;
mod mixed;
mod policy;
mod spawn;
mod switch;
mod sync;
mod thread;
mod time;
mod watch;

/// How much is done in a sample, and where.
#[derive(Clone, Copy)]
pub struct Scale {
    /// A fifth of the work, for a machine that only has to see that it runs.
    pub quick: bool,
    /// The processor that all is measured on.
    pub here: usize,
    /// Another one, if there is one.
    pub there: usize,
}

impl Scale {
    /// `n`, or less if it has to be quick.
    pub fn of(self, n: usize) -> usize {
        if self.quick { (n / 5).max(1) } else { n }
    }
}

/// What a figure counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds of computing, an operation.
    Nanos,
    /// Milliseconds on the wall.
    Millis,
    /// Bytes a task.
    Bytes,
    /// Operations a second: the only one of which more is better.
    PerSecond,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanos => "ns",
            Self::Millis => "ms",
            Self::Bytes => "bytes",
            Self::PerSecond => "per_second",
        }
    }

    /// For the table.
    pub fn short(self) -> &'static str {
        match self {
            Self::Nanos => "ns",
            Self::Millis => "ms",
            Self::Bytes => "B",
            Self::PerSecond => "/s",
        }
    }

    /// How many times as much it costs to get `value` as to get `base`.
    pub fn ratio(self, value: f64, base: f64) -> f64 {
        match self {
            Self::Nanos | Self::Millis | Self::Bytes => value / base,
            Self::PerSecond if base == 0.0 => f64::NAN,
            Self::PerSecond => base / value,
        }
    }
}

/// What is compared in a table: the columns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Runtimes,
    Policies,
    /// Runtimes and policies, each with a background.
    Mixed,
    Watchers,
}

type Measure = Box<dyn Fn(Scale) -> io::Result<Vec<f64>>>;

/// One way to do a work: the column, and how to measure it.
pub struct Sample {
    pub column: &'static str,
    pub measure: Measure,
}

impl Sample {
    fn new(
        column: &'static str,
        measure: impl Fn(Scale) -> io::Result<Vec<f64>> + 'static,
    ) -> Self {
        Self { column, measure: Box::new(measure) }
    }
}

/// A work. Most have one figure; some have several, which one sample measures together.
pub struct Work {
    pub table: Table,
    pub name: String,
    /// For `--list` and `--help`: what is done, and why.
    pub about: &'static str,
    /// A label for each figure, and what it counts.
    pub figures: Vec<(&'static str, Unit)>,
    pub samples: Vec<Sample>,
    /// How many connections it needs.
    pub connections: usize,
}

/// A sample for each of the runtimes.
macro_rules! samples {
    ($module:ident::$work:ident: $($peer:ident)*) => {
        vec![$(
            Sample::new($peer::NAME, |scale| Ok(vec![$module::$work::<$peer>(scale)]))
        ),*]
    };
}

/// What this process, with all its threads, has computed so far. Unlike the clock on the wall it
/// stands still while another program has the processor.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The nanoseconds computed since `start` for each of `count` operations.
fn each(start: Duration, count: usize) -> f64 {
    (cpu_time() - start).as_nanos() as f64 / count as f64
}

/// How long `work` computes, for each of `count` operations.
async fn timed(count: usize, work: impl Future) -> f64 {
    let start = cpu_time();
    work.await;
    each(start, count)
}

fn nanos(name: &str, about: &'static str, samples: Vec<Sample>) -> Work {
    let figures = vec![("", Unit::Nanos)];
    let name = name.to_string();
    Work { table: Table::Runtimes, name, about, figures, samples, connections: 0 }
}

/// All of them, in the order of the tables.
pub fn all() -> Vec<Work> {
    [tasks(), waits(), syncs(), echoes(), mixed(), decisions(), watchers()]
        .into_iter()
        .flatten()
        .collect()
}

fn tasks() -> Vec<Work> {
    let floor = Sample::new(Floor::NAME, |scale| Ok(vec![spawn::sequential_floor(scale)]));
    let mut spawn_join = samples!(spawn::sequential: Turno Tokio TokioLocal Smol Monoio Pool);
    spawn_join.insert(1, floor);
    vec![
        nanos(
            "switch",
            "1,000 tasks do nothing but yield, with the runtime's own `yield_now`: a switch",
            samples!(switch::own: Turno Floor Tokio TokioLocal Smol Monoio Pool),
        ),
        nanos(
            "self-wake",
            "the same, but each task wakes itself, alike everywhere: a wake and a switch",
            samples!(switch::same: Turno Floor Tokio TokioLocal Smol Monoio Pool),
        ),
        nanos(
            "spawn-live",
            "300,000 tasks are spawned, then all awaited: a task's whole life, among many",
            samples!(spawn::live: Turno Floor Tokio TokioLocal Smol Monoio Pool),
        ),
        nanos(
            "spawn-join",
            "a task is spawned and awaited, again and again: a task's whole life, alone",
            spawn_join,
        ),
        Work {
            table: Table::Runtimes,
            name: "memory".to_string(),
            about: "100,000 tasks wait: what one weighs beside its future, as the kernel sees it",
            figures: vec![("", Unit::Bytes)],
            samples: memory::columns()
                .map(|column| Sample::new(column, move |_| Ok(vec![memory::measure(column)?])))
                .collect(),
            connections: 0,
        },
    ]
}

fn waits() -> Vec<Work> {
    let floor = Sample::new(Floor::NAME, |scale| Ok(vec![thread::floor(scale)]));
    let mut thread = samples!(thread::round_trip: Turno Tokio TokioLocal Smol Monoio Pool);
    thread.insert(1, floor);
    vec![
        nanos(
            "timeout",
            "a timer of 30 s is set and cancelled, as timeouts are: what caution costs",
            samples!(time::cancelled: Turno Tokio TokioLocal Smol Monoio),
        ),
        nanos(
            "sleepers",
            "300,000 tasks sleep up to 1 s each, in random order: the CPU time of one",
            samples!(time::fired: Turno Tokio TokioLocal Smol Monoio),
        ),
        nanos(
            "thread",
            "a message to another thread and one back: what leaving the thread costs",
            thread,
        ),
    ]
}

fn syncs() -> Vec<Work> {
    vec![
        nanos(
            "channel",
            "a message there and back, over channels with room for one: two wakes, two switches",
            samples!(channel::round_trip: Turno Tokio TokioLocal Smol Pool),
        ),
        nanos(
            "mutex-free",
            "a mutex that nobody else wants is locked and unlocked",
            samples!(sync::uncontended: Turno Tokio TokioLocal Smol),
        ),
        nanos(
            "mutex",
            "1,000 tasks want one mutex, and yield while they hold it: a lock in a queue",
            samples!(sync::mutex: Turno Tokio TokioLocal Smol),
        ),
        nanos(
            "semaphore",
            "the same with a semaphore of one permit",
            samples!(sync::semaphore: Turno Tokio TokioLocal Smol),
        ),
        nanos(
            "broadcast",
            "messages to 1,000 receivers: a delivery",
            samples!(sync::broadcast: Turno Tokio TokioLocal Smol),
        ),
        nanos(
            "select",
            "`select!` of 8 futures, of which the last is ready",
            samples!(sync::select: Turno Tokio TokioLocal Smol Pool),
        ),
        nanos(
            "join",
            "`join!` of 100 futures that yield: a poll of one of them",
            samples!(sync::join: Turno Tokio TokioLocal Smol Pool),
        ),
    ]
}

fn echoes() -> Vec<Work> {
    let echo = |connections| Work {
        table: Table::Runtimes,
        name: format!("echo-{connections}"),
        about: "64 bytes over TCP and back, on so many connections; and the server's CPU time for them",
        figures: vec![("", Unit::PerSecond), ("cpu", Unit::Nanos)],
        samples: echo::columns()
            .map(|column| {
                Sample::new(column, move |scale| echo::measure(column, connections, scale))
            })
            .collect(),
        connections,
    };
    [1, 64, 1_000, 10_000].map(echo).into()
}

fn mixed() -> Vec<Work> {
    vec![Work {
        table: Table::Mixed,
        name: "mixed".to_string(),
        about: "1,000 tasks a second that somebody waits for, beside 8 that compute: the wait",
        figures: vec![
            ("p50", Unit::Millis),
            ("p99", Unit::Millis),
            ("max", Unit::Millis),
            ("end p99", Unit::Millis),
            ("background", Unit::PerSecond),
        ],
        samples: mixed::samples(),
        connections: 0,
    }]
}

fn decisions() -> Vec<Work> {
    let decision = |ready| Work {
        table: Table::Policies,
        name: format!("decide-{ready}"),
        about: "a policy's `pick`, `ran` and `ready` while so many tasks are ready, no runtime",
        figures: vec![("", Unit::Nanos)],
        samples: policy::ALL
            .map(|column| {
                let measure = move |scale| Ok(vec![policy::decision(column, ready, scale)]);
                Sample::new(column.name, measure)
            })
            .into(),
        connections: 0,
    };
    [10, 1_000, 1_000_000].map(decision).into()
}

fn watchers() -> Vec<Work> {
    let watched = |name: &str, about, measure: fn(watch::Watcher, Scale) -> f64| Work {
        table: Table::Watchers,
        name: name.to_string(),
        about,
        figures: vec![("", Unit::Nanos)],
        samples: watch::ALL
            .map(|column| Sample::new(column.name, move |scale| Ok(vec![measure(column, scale)])))
            .into(),
        connections: 0,
    };
    vec![
        watched(
            "watched-switch",
            "10 tasks of turno do nothing but yield: a switch, and what it costs to watch it",
            watch::switches,
        ),
        watched(
            "watched-wait",
            "a channel with room for one: a wake, a wait and a switch, and what it costs to watch them",
            watch::waits,
        ),
    ]
}
