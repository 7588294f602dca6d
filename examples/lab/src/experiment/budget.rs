//! The dial between throughput and latency: how much a task may do before it gives way.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use rand_distr::{Distribution, Exp1};
use turno::sync::mpsc;
use turno::task;
use turno::time;

use super::Experiment;
use super::queue::{not_negative, positive, rng, share, whole};
use crate::plot::{Axis, Plot, Series, Shape};
use crate::policies::Choice;
use crate::report::{Row, Table};
use crate::tally::Tally;
use crate::world::{Job, nanos, serve, units};
use crate::{Bench, Problem, Report};

pub(super) struct Budget;

#[derive(Args)]
struct Setup {
    /// How many operations a task may do in one switch
    #[arg(long, value_name = "N,...", value_delimiter = ',',
          default_value = "1,2,5,10,20,50,100,200,500,1000",
          value_parser = whole::<u32>(1, 1_000_000_000))]
    budget: Vec<u32>,
    /// How long the reader computes for each message, of which there is always one more
    #[arg(long, value_name = "UNITS", default_value_t = 0.05, value_parser = share)]
    message: f64,
    /// How much of the time requests need, which come at random beside it
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = positive)]
    load: f64,
    /// How large a request is
    #[arg(long, value_name = "UNITS", default_value_t = 0.5, value_parser = positive)]
    request: f64,
    /// What each switch costs
    #[arg(long, value_name = "UNITS", default_value_t = 0.1, value_parser = not_negative)]
    switch_cost: f64,
    /// How many requests
    #[arg(long, value_name = "N", default_value_t = 20_000,
          value_parser = whole::<u64>(1, 1_000_000_000))]
    requests: u64,
}

impl Setup {
    /// The share of the time that requests take with their switches.
    fn busy(&self) -> f64 {
        self.load * (1.0 + self.switch_cost / self.request)
    }

    /// Messages per unit of time.
    fn throughput(&self, budget: u32) -> f64 {
        (1.0 - self.busy()) / (self.message + self.switch_cost / f64::from(budget))
    }

    /// The mean response of a request, first in, first out: the reader's turns are vacations of the
    /// server, taken whenever those who waited at its start are served (gated: Takagi, 1991).
    fn response(&self, budget: u32) -> f64 {
        let (size, rate) = (self.request + self.switch_cost, self.load / self.request);
        let (turn, busy) = (f64::from(budget) * self.message + self.switch_cost, self.busy());
        let wait =
            rate * size * size / (2.0 * (1.0 - busy)) + turn / 2.0 + busy * turn / (1.0 - busy);
        wait + size
    }
}

impl Experiment for Budget {
    fn command(&self) -> Command {
        let about = "How much may a task do before it gives way: throughput against latency";
        Setup::augment_args(Command::new("budget").about(about).long_about(format!(
            "{about}\n\nA reader always finds another message ready; requests come beside it. \
             Every time it gives way costs a switch; as long as it does not, requests wait. It is \
             the dial of the talk's Tornado inside one process: `Builder::budget`."
        )))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["fifo"]
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        if setup.busy() >= 1.0 {
            return Err(Problem::new(format!(
                "--load {}: with their switches requests would need {:.2} of the time; less than 1 \
                 is allowed",
                setup.load,
                setup.busy()
            )));
        }
        let bar = bench.bar("budgets", (setup.budget.len() * bench.policies.len()) as u64);
        let mut rows = Vec::new();
        for policy in &bench.policies {
            for &budget in &setup.budget {
                rows.push(point(&setup, bench, policy, budget)?);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(report(&setup, bench, rows))
    }
}

fn point(setup: &Setup, bench: &Bench, policy: &Choice, budget: u32) -> Result<Row, Problem> {
    let tally = Rc::new(RefCell::new(Tally::new()));
    let read = Rc::new(Cell::new(0_u64));
    let mut time = 0;
    for seed in bench.seeds() {
        let cost = Duration::from_nanos(nanos(setup.switch_cost));
        let rt = bench.builder(policy.make(), seed, cost).budget(budget).build()?;
        let (here, count, over) = (tally.clone(), read.clone(), Rc::new(Cell::new(false)));
        let (message, end) = (Duration::from_nanos(nanos(setup.message)), over.clone());
        let requests = requests(setup, seed);
        rt.block_on(async move {
            // What it reads comes back to it, so there is always one more.
            let (again, mut messages) = mpsc::unbounded_channel();
            let _ = again.send(());
            let reader = task::spawn(async move {
                while let (Some(()), false) = (messages.recv().await, end.get()) {
                    time::work(message).await;
                    count.set(count.get() + 1);
                    let _ = again.send(());
                }
            });
            serve(requests, move |served| here.borrow_mut().count(&served)).await;
            over.set(true);
            let _ = reader.await;
        });
        time += std::mem::take(&mut tally.borrow_mut().end);
        tally.borrow_mut().run_over();
    }
    let tally = tally.borrow();
    let first_in = policy.name() == "fifo";
    Ok(Row::new("budget", policy.spec(), bench.seed, tally.done)
        .set("mean", tally.mean())
        .set("mean_ci", tally.mean_ci())
        .set("p50", tally.quantile(0.5))
        .set("p99", tally.quantile(0.99))
        .set("max", tally.max())
        .set("theory_mean", first_in.then(|| setup.response(budget)))
        .set("budget", budget)
        .set("throughput", read.get() as f64 / units(time))
        .set("theory_throughput", first_in.then(|| setup.throughput(budget))))
}

fn requests(setup: &Setup, seed: u64) -> impl Iterator<Item = Job> + use<> {
    let (mut gaps, mut at) = (rng(seed, 0), 0.0);
    let (rate, size) = (setup.load / setup.request, nanos(setup.request));
    (0..setup.requests).map(move |n| {
        let gap: f64 = Exp1.sample(&mut gaps);
        at += gap / rate;
        Job { n, at: nanos(at), size, group: 1, priority: 200, ..Job::default() }
    })
}

fn report(setup: &Setup, bench: &Bench, rows: Vec<Row>) -> Report {
    let columns = [
        ("policy", "policy"),
        ("budget", "budget"),
        ("throughput", "messages per unit"),
        ("theory_throughput", "theory"),
        ("mean", "mean response"),
        ("mean_ci", "±"),
        ("theory_mean", "theory"),
        ("p50", "p50"),
        ("p99", "p99"),
        ("max", "max"),
    ];
    let caption = format!(
        "messages of {} units, {} requests of {} at load {}, switch cost {}, seed {}, runs {}",
        setup.message,
        setup.requests,
        setup.request,
        setup.load,
        setup.switch_cost,
        bench.seed,
        bench.runs
    );
    Report {
        title: "Budget: throughput against latency".to_string(),
        plots: plots(&rows, &caption),
        caption,
        tables: vec![Table::of(
            "The reader's messages, and the requests beside it",
            &rows,
            &columns,
        )],
        rows,
        notes: vec![
            "A budget above some hundred buys next to no throughput any more, and all of it is \
             paid for by the requests."
                .to_string(),
        ],
    }
}

fn plots(rows: &[Row], caption: &str) -> Vec<Plot> {
    let series = |keys: &[(&str, &str, Shape, usize)]| {
        let line = |&(key, name, shape, colour): &(&str, &str, Shape, usize)| {
            let points =
                rows.iter().filter_map(|row| Some((row.number("budget")?, row.number(key)?)));
            Series::new(name, shape, colour, points)
        };
        keys.iter().map(line).collect::<Vec<_>>()
    };
    let plot = |title: &str, y: Axis, series| Plot {
        title: title.to_string(),
        caption: caption.to_string(),
        x: Axis::log("budget [operations a switch]"),
        y,
        series,
    };
    vec![
        plot(
            "What the reader gets done",
            Axis::linear("messages per unit"),
            series(&[
                ("theory_throughput", "theory", Shape::Theory, 0),
                ("throughput", "throughput", Shape::Points, 0),
            ]),
        ),
        plot(
            "What the requests pay for it",
            Axis::log("response time [units]"),
            series(&[
                ("theory_mean", "mean in theory", Shape::Theory, 1),
                ("mean", "mean", Shape::Points, 1),
                ("p99", "99th percentile", Shape::Points, 2),
            ]),
        ),
    ]
}
