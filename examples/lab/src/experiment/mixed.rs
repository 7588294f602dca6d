//! Tasks that answer, beside tasks that compute, on the real clock: how long until they are let in?

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use turno::task::{self, Nanos};
use turno::time::{self, Instant};

use super::Experiment;
use super::queue::{positive, whole};
use crate::bench::Time;
use crate::plot::{Axis, Plot, Series, Shape};
use crate::policies::Choice;
use crate::report::{Row, Table};
use crate::tally::Tally;
use crate::world::{Job, Served, nanos, units};
use crate::{Bench, Problem, Report};

pub(super) struct Mixed;

#[derive(Args, Clone)]
struct Setup {
    /// How many tasks answer: each is woken by a timer again and again
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = whole::<u32>(1, 1000))]
    interactive: u32,
    /// How often, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5.0, value_parser = positive)]
    period: f64,
    /// How long an answer takes
    #[arg(long, value_name = "MS", default_value_t = 0.1, value_parser = positive)]
    answer: f64,
    /// How many tasks do nothing but compute
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = whole::<u32>(0, 1000))]
    hogs: u32,
    /// How long such a task computes before it gives way by itself
    #[arg(long, value_name = "MS", default_value_t = 1.0, value_parser = positive)]
    chunk: f64,
    /// For how long, each policy
    #[arg(long = "for", value_name = "MS", default_value_t = 1000.0, value_parser = positive)]
    span: f64,
}

impl Experiment for Mixed {
    fn command(&self) -> Command {
        let about = "Tasks that answer beside tasks that compute: how long until they are let in?";
        Setup::augment_args(Command::new("mixed").about(about).long_about(format!(
            "{about}\n\nOn the real clock: what is measured is what a user would feel. An answer \
             that comes when four others compute waits for the one that runs now, and then, \
             unless the policy knows better, for the three others. No policy can avoid the first; \
             only shorter pieces of work can."
        )))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["fifo", "lifo", "round-robin", "priority", "fair", "drr", "edf", "las", "mlfq", "random"]
    }

    fn clock(&self) -> Time {
        Time::Real
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        let bar = bench.bar("policies", bench.policies.len() as u64 * u64::from(bench.runs));
        let mut rows = Vec::new();
        for policy in &bench.policies {
            let (mut tally, mut chunks) = (Tally::new(), 0);
            for seed in bench.seeds() {
                chunks += run(&setup, bench, policy, seed, &mut tally)?;
                tally.run_over();
                bar.inc(1);
            }
            rows.push(row(&setup, bench, policy, &tally, chunks));
        }
        bar.finish_and_clear();
        Ok(report(&setup, bench, rows))
    }
}

/// Returns how many pieces the hogs have computed.
fn run(
    setup: &Setup,
    bench: &Bench,
    policy: &Choice,
    seed: u64,
    tally: &mut Tally,
) -> Result<u64, Problem> {
    let rt = bench.runtime(policy.make(), seed, Duration::ZERO)?;
    let counted = Rc::new(RefCell::new(std::mem::take(tally)));
    let chunks = Rc::new(Cell::new(0_u64));
    let (end, chunk) = (nanos(setup.span), Duration::from_nanos(nanos(setup.chunk)));
    rt.block_on(async {
        let start = Instant::now();
        let since = move || start.elapsed().as_nanos() as Nanos;
        let mut tasks = task::JoinSet::new();
        for n in 0..setup.interactive {
            let first = nanos(setup.period) * u64::from(n) / u64::from(setup.interactive);
            let answers = answers(setup.clone(), start, first, counted.clone());
            tasks.spawn(task::Builder::new().group(0).priority(200).spawn(answers));
        }
        for n in 0..setup.hogs {
            let chunks = chunks.clone();
            tasks.spawn(task::Builder::new().group(1 + n).priority(100).spawn(async move {
                while since() < end {
                    time::work(chunk).await;
                    chunks.set(chunks.get() + 1);
                    task::yield_now().await;
                }
            }));
        }
        while tasks.join_next().await.is_some() {}
    });
    drop(rt);
    *tally = counted.take();
    Ok(chunks.get())
}

/// A task that answers: woken by a timer, on time for as long as the loop is.
async fn answers(setup: Setup, start: Instant, first: Nanos, counted: Rc<RefCell<Tally>>) {
    let (period, size, end) = (nanos(setup.period), nanos(setup.answer), nanos(setup.span));
    let mut due = first;
    while due < end {
        task::update(task::id(), |attributes| attributes.deadline = Some(due + period));
        time::sleep_until(start + Duration::from_nanos(due)).await;
        let began = start.elapsed().as_nanos() as Nanos;
        // What counts is the wait until it is let in: the response is over when it begins.
        let job = Job { at: due, size, ..Job::default() };
        counted.borrow_mut().count(&Served { job, began, ended: began, done: true });
        time::work(Duration::from_nanos(size)).await;
        due += period;
    }
}

fn row(setup: &Setup, bench: &Bench, policy: &Choice, tally: &Tally, chunks: u64) -> Row {
    Row::new("mixed", policy.spec(), bench.seed, tally.done)
        .set("mean", tally.mean())
        .set("mean_ci", tally.mean_ci())
        .set("p50", tally.quantile(0.5))
        .set("p99", tally.quantile(0.99))
        .set("max", tally.max())
        .set("clock", if bench.clock == Time::Real { "real" } else { "virtual" })
        .set("chunks", chunks)
        .set(
            "background_share",
            chunks as f64 * setup.chunk
                / (units(tally.end).max(setup.span) * f64::from(bench.runs)),
        )
}

fn report(setup: &Setup, bench: &Bench, rows: Vec<Row>) -> Report {
    let columns = [
        ("policy", "policy"),
        ("mean", "mean"),
        ("mean_ci", "±"),
        ("p50", "p50"),
        ("p99", "p99"),
        ("max", "max"),
        ("background_share", "share of the hogs"),
    ];
    let caption = format!(
        "{} tasks answer every {} ms for {} ms, {} hogs compute {} ms at a time, {} ms each, {} \
         clock, seed {}, runs {}",
        setup.interactive,
        setup.period,
        setup.answer,
        setup.hogs,
        setup.chunk,
        setup.span,
        if bench.clock == Time::Real { "real" } else { "virtual" },
        bench.seed,
        bench.runs
    );
    let all = |key: &str| {
        let values = rows.iter().map(|row| row.number(key)).collect::<Vec<_>>();
        (0..).zip(values).filter_map(|(n, value)| Some((f64::from(n), value?.max(1e-3))))
    };
    let plot = Plot {
        title: "How long an answer waits until it is let in".to_string(),
        caption: caption.clone(),
        x: Axis::names("", rows.iter().map(|row| row.text("policy").to_string())),
        y: Axis::log("queue delay [ms]"),
        series: vec![
            Series::new("median", Shape::Bars, 0, all("p50")),
            Series::new("99th percentile", Shape::Bars, 5, all("p99")),
            Series::new("longest", Shape::Dots, 1, all("max")),
        ],
    };
    Report {
        title: "Mixed: tasks that answer beside tasks that compute".to_string(),
        plots: vec![plot],
        caption,
        tables: vec![Table::of("Queue delay of those that answer, in ms", &rows, &columns)],
        rows,
        notes: vec![
            "Queue delay: from the moment the timer was due to the moment the task runs."
                .to_string(),
        ],
    }
}
