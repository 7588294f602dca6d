//! More work than there is time for: what is still served in time?

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use rand_distr::{Distribution, Exp1};
use turno::task::{self, Nanos};
use turno::time::{self, Instant};

use super::Experiment;
use super::queue::{positive, rng, share, whole};
use crate::plot::{Axis, Plot, Series, Shape};
use crate::policies::Choice;
use crate::report::{Row, Table};
use crate::tally::Tally;
use crate::world::{Job, Served, nanos, serve_unless, units};
use crate::{Bench, Problem, Report};

pub(super) struct Overload;

#[derive(Args)]
struct Setup {
    /// How much work is offered, as a share of what the server can do
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',', value_parser = share,
          default_value = "0.9,1.0,1.1,1.2,1.3,1.4,1.5")]
    load: Vec<f64>,
    /// How long a job is of use after it came
    #[arg(long, value_name = "UNITS", default_value_t = 10.0, value_parser = positive)]
    deadline: f64,
    /// How many jobs at each load
    #[arg(long, value_name = "N", default_value_t = 50_000,
          value_parser = whole::<u64>(1, 1_000_000_000))]
    jobs: u64,
    /// Adds clients of another kind: each sends its next job only some time after it had the answer
    /// to the last
    #[arg(long)]
    closed: bool,
    /// How long such a client thinks between answer and next job, on average
    #[arg(long, value_name = "UNITS", default_value_t = 100.0, value_parser = positive)]
    think: f64,
}

/// Who sends the jobs, and what becomes of those that have expired.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Open,
    /// What has expired is sent away when its turn comes.
    Dropping,
    Closed,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Dropping => "open, dropping",
            Self::Closed => "closed",
        }
    }
}

impl Experiment for Overload {
    fn command(&self) -> Command {
        let about = "More work than time: what is still served before it is of no use?";
        Setup::augment_args(Command::new("overload").about(about).long_about(format!(
            "{about}\n\nJobs are of use for a while only. Under overload fifo serves every job, \
             and every one too late; the newest first serves those that still count; so does \
             fifo, if what has expired is sent away (dropping). With --closed, clients that wait \
             for their answers hide the overload: they send less, and R = N/X - Z always holds."
        )))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["fifo", "lifo", "edf"]
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        let mut kinds = vec![Kind::Open, Kind::Dropping];
        kinds.extend(setup.closed.then_some(Kind::Closed));
        let total = setup.load.len() * kinds.len() * bench.policies.len();
        let bar = bench.bar("loads", total as u64);
        let mut rows = Vec::new();
        for policy in &bench.policies {
            for &kind in &kinds {
                for &load in &setup.load {
                    rows.push(point(&setup, bench, policy, kind, load)?);
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        Ok(report(&setup, bench, rows))
    }
}

fn point(
    setup: &Setup,
    bench: &Bench,
    policy: &Choice,
    kind: Kind,
    load: f64,
) -> Result<Row, Problem> {
    let tally = Rc::new(RefCell::new(Tally::new()));
    let mut cycle = 0;
    for seed in bench.seeds() {
        let rt = bench.runtime(policy.make(), seed, Duration::ZERO)?;
        let here = tally.clone();
        let count = move |served| here.borrow_mut().count(&served);
        if kind == Kind::Closed {
            cycle += rt.block_on(clients(setup, load, seed, count));
        } else {
            let refuses = move |job: &Job, now| {
                kind == Kind::Dropping && job.deadline.is_some_and(|at| now > at)
            };
            rt.block_on(serve_unless(open(setup, load, seed), refuses, count));
        }
        tally.borrow_mut().run_over();
    }
    let tally = tally.borrow();
    let sent = tally.done + tally.refused;
    let time = units(tally.end) * f64::from(bench.runs);
    let number = number_of_clients(setup, load);
    let closed = kind == Kind::Closed;
    Ok(Row::new("overload", policy.spec(), bench.seed, sent)
        .set("mean", tally.mean())
        .set("mean_ci", tally.mean_ci())
        .set("p50", tally.quantile(0.5))
        .set("p99", tally.quantile(0.99))
        .set("max", tally.max())
        .set(
            "theory_mean",
            match kind {
                Kind::Open => in_any_order(policy, load),
                Kind::Dropping => None,
                Kind::Closed => Some(machine_repair(number, setup.think)),
            },
        )
        .set("clients", kind.name())
        .set("load", load)
        .set("in_time", tally.in_time)
        .set("refused", tally.refused)
        .set("in_time_share", tally.in_time as f64 / sent as f64)
        .set("goodput", tally.in_time as f64 / time)
        .set("throughput", sent as f64 / time)
        .set("identity_mean", closed.then(|| units(cycle) / sent as f64)))
}

/// Jobs that come at random, whatever becomes of those before them.
fn open(setup: &Setup, load: f64, seed: u64) -> impl Iterator<Item = Job> + use<> {
    let [mut gaps, mut sizes] = [0, 1].map(|purpose| rng(seed, purpose));
    let (deadline, mut at) = (nanos(setup.deadline), 0.0);
    (0..setup.jobs).map(move |n| {
        let (gap, size): (f64, f64) = (Exp1.sample(&mut gaps), Exp1.sample(&mut sizes));
        at += gap / load;
        let at = nanos(at);
        Job { n, at, size: nanos(size), deadline: Some(at + deadline), ..Job::default() }
    })
}

/// So many clients offer that load if nobody has to wait.
fn number_of_clients(setup: &Setup, load: f64) -> u32 {
    (load * (setup.think + 1.0)).round().max(1.0) as u32
}

/// Clients that wait for their answers: each is a task that thinks, which is a timer, and then
/// computes its job itself. Its job came when the timer was due. Returns what R = N/X - Z makes of
/// all jobs together: the time of all clients less what they thought.
async fn clients(
    setup: &Setup,
    load: f64,
    seed: u64,
    count: impl Fn(Served) + Clone + 'static,
) -> Nanos {
    let left = Rc::new(Cell::new(setup.jobs));
    let start = Instant::now();
    let mut clients = task::JoinSet::new();
    for n in 0..number_of_clients(setup, load) {
        let (left, count) = (left.clone(), count.clone());
        let (think, deadline) = (setup.think, nanos(setup.deadline));
        let mut rng = rng(seed.wrapping_add(u64::from(n) << 32), 4);
        clients.spawn(async move {
            let since = || start.elapsed().as_nanos() as Nanos;
            let (mut at, mut thought) = (since(), 0);
            let began = at;
            while left.get() > 0 {
                left.set(left.get() - 1);
                let (pause, size): (f64, f64) = (Exp1.sample(&mut rng), Exp1.sample(&mut rng));
                let pause = nanos(think * pause);
                (at, thought) = (at + pause, thought + pause);
                let size = nanos(size);
                task::update(task::id(), |attributes| {
                    attributes.deadline = Some(at + deadline);
                    attributes.size = Some(size);
                });
                time::sleep_until(start + Duration::from_nanos(at)).await;
                let began = since();
                time::work(Duration::from_nanos(size)).await;
                let job = Job { at, size, deadline: Some(at + deadline), ..Job::default() };
                at = since();
                count(Served { job, began, ended: at, done: true });
            }
            at - began - thought
        });
    }
    let mut cycle = 0;
    while let Some(client) = clients.join_next().await {
        cycle += client.unwrap_or_default();
    }
    cycle
}

/// The mean response time of all jobs, under the policies that look at no size; without an end from
/// a load of 1.
fn in_any_order(policy: &Choice, load: f64) -> Option<f64> {
    let blind = ["fifo", "lifo", "random", "edf"].contains(&policy.name());
    (blind && load < 1.0).then(|| 1.0 / (1.0 - load))
}

/// The mean response time with so many clients, by mean value analysis: exponential sizes of mean
/// 1, first in, first out or any order that does not look at them.
fn machine_repair(clients: u32, think: f64) -> f64 {
    let (mut response, mut queue) = (1.0, 0.0);
    for n in 1..=clients {
        response = 1.0 + queue;
        queue = f64::from(n) * response / (think + response);
    }
    response
}

fn name(row: &Row) -> String {
    format!("{}, {}", row.text("policy"), row.text("clients"))
}

fn report(setup: &Setup, bench: &Bench, rows: Vec<Row>) -> Report {
    let think = if setup.closed { format!(", think {}", setup.think) } else { String::new() };
    let caption = format!(
        "poisson arrivals, service exp, deadline {}, {} jobs{think}, seed {}, runs {}",
        setup.deadline, setup.jobs, bench.seed, bench.runs
    );
    let table = |title, key| Table::across(title, &rows, name, "load", key);
    let known: Vec<Row> =
        rows.iter().filter(|row| row.number("theory_mean").is_some()).cloned().collect();
    let mut tables = vec![
        table("The share of the jobs that was served in time", "in_time_share"),
        table("Mean response of what was served, in units", "mean"),
    ];
    if !known.is_empty() {
        let title = match setup.closed {
            true => "The same in theory (for clients that wait: mean value analysis)",
            false => "The same in theory",
        };
        tables.push(Table::across(title, &known, name, "load", "theory_mean"));
    }
    Report {
        title: "Overload: what is served in time".to_string(),
        plots: vec![plot(&rows, &caption)],
        caption,
        tables,
        rows,
        notes: vec![
            "A run ends when the last job has had its turn, so that nothing is left out; what is \
             served after the last arrival counts too."
                .to_string(),
            "All jobs have the same time, so edf is fifo here, to the job.".to_string(),
        ],
    }
}

fn plot(rows: &[Row], caption: &str) -> Plot {
    let mut series: Vec<Series> = Vec::new();
    for row in rows {
        let (Some(x), Some(y)) = (row.number("load"), row.number("in_time_share")) else {
            continue;
        };
        let name = name(row);
        match series.iter_mut().find(|series| series.label == name) {
            Some(series) => series.points.push((x, y)),
            None => series.push(Series::new(name, Shape::Points, series.len(), [(x, y)])),
        }
    }
    Plot {
        title: "What is served in time, as the load grows".to_string(),
        caption: caption.to_string(),
        x: Axis::linear("offered load"),
        y: Axis::linear("share of the jobs served in time").within(0.0, 1.02),
        series,
    }
}
