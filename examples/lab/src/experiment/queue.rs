//! One server and its queue: does the order change the mean, and whom does it cost?

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::Experiment;
use crate::dist::Dist;
use crate::plot::{Axis, Plot, Series, Shape};
use crate::policies::Choice;
use crate::report::{Row, Table, short};
use crate::tally::{Tally, spread};
use crate::world::{Job, Served, nanos, serve, units};
use crate::{Bench, Problem, Report};

mod expect;
mod jobs;

use expect::{Expected, expected};
pub use jobs::{Arrivals, from_file, rng};

/// The experiment.
pub(super) struct Queue;

/// Its arguments.
#[derive(Args, Clone, Debug)]
pub struct Setup {
    /// How jobs come: one by one at random, one by one evenly, or N at once at random
    #[arg(long, value_name = "poisson|periodic|batch:N", default_value = "poisson")]
    pub arrivals: Arrivals,
    /// Which share of the time the server is busy; 1 or more needs --jobs
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = positive)]
    pub load: f64,
    /// How large they are: exp, fixed, uniform, hyperexp:CV2 (all of mean 1),
    /// pareto:ALPHA,LOW,HIGH, bimodal:P,SMALL,LARGE
    #[arg(long, value_name = "SIZES", default_value = "exp")]
    pub service: Dist,
    /// After how much work a job gives way, under the policies that slice; 0: never. Unless told,
    /// 0.1 for those that live by it, and never for priority, edf and random
    #[arg(long, value_name = "UNITS", value_parser = not_negative)]
    pub quantum: Option<f64>,
    /// What each switch costs
    #[arg(long, value_name = "UNITS", default_value_t = 0.0, value_parser = not_negative)]
    pub switch_cost: f64,
    /// So many classes of jobs, one as frequent as another, the first the most urgent
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub classes: u32,
    /// How many jobs [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub jobs: Option<u64>,
    /// Jobs of your own, one a line: when it comes, how much it works, and if you like its class
    /// from 0; instead of arrivals, load, service, classes and jobs
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["arrivals", "load", "service", "classes", "jobs"])]
    pub jobs_from: Option<PathBuf>,
    /// Writes the times of every job: arrival, size, class, first run, end
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
    number.ok_or_else(|| "a number above 0".to_string())
}

/// A number from 0.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
    number.ok_or_else(|| "a number from 0".to_string())
}

impl Setup {
    /// How many jobs come.
    pub fn jobs(&self) -> u64 {
        self.jobs.unwrap_or(100_000)
    }

    /// How many come per unit of time.
    pub fn rate(&self) -> f64 {
        self.load / self.service.mean()
    }

    /// The policy with the quantum that it is to have here.
    pub fn sliced(&self, policy: &Choice) -> Choice {
        let unasked = !["priority", "edf", "random"].contains(&policy.name());
        match self.quantum {
            Some(quantum) => policy.sliced(nanos(quantum)),
            None if unasked => policy.sliced(nanos(0.1)),
            None => policy.clone(),
        }
    }

    fn caption(&self, bench: &Bench) -> String {
        let seeds = match bench.runs {
            1 => format!("seed {}", bench.seed),
            runs => format!("seeds {} to {}", bench.seed, bench.seed + u64::from(runs) - 1),
        };
        let quantum = match self.quantum {
            Some(0.0) => "no quantum".to_string(),
            Some(quantum) => format!("quantum {quantum}"),
            None => "quantum 0.1 where sliced".to_string(),
        };
        let what = match &self.jobs_from {
            Some(path) => format!("jobs from {}", path.display()),
            None => format!(
                "{} arrivals, load {}, service {}, {} jobs",
                self.arrivals,
                self.load,
                self.service,
                self.jobs()
            ),
        };
        let classes =
            if self.classes > 1 { format!(", {} classes", self.classes) } else { String::new() };
        format!("{what}{classes}, {quantum}, switch cost {}, {seeds}", self.switch_cost)
    }
}

impl Experiment for Queue {
    fn command(&self) -> Command {
        let about = "One server: does the order change the mean response, and whom does it cost?";
        Setup::augment_args(Command::new("queue")).about(about).long_about(format!(
            "{about}\n\nJobs come to one server and wait for their turn. With exponential sizes \
             every order that does not look at sizes has the same mean; the tails are far apart. \
             What knows the sizes does better, and the large ones pay less for it than you think."
        ))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["fifo", "lifo", "random", "round-robin", "sjf", "srpt", "las"]
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        let given = setup.jobs_from.as_ref().map(|path| from_file(path)).transpose()?;
        if setup.load >= 1.0 && setup.jobs.is_none() && given.is_none() {
            return Err(Problem::new(format!(
                "--load {}: the queue grows without an end; say how many --jobs, or a load below 1",
                setup.load
            )));
        }
        let mut samples = setup.samples.as_ref().map(samples_file).transpose()?;
        let mut outcomes = Vec::new();
        for policy in &bench.policies {
            let policy = setup.sliced(policy);
            let jobs = given.as_ref().map_or(setup.jobs(), |jobs| jobs.len() as u64);
            let bar = bench.bar(policy.spec(), jobs * u64::from(bench.runs));
            let mut runs = Vec::new();
            for seed in bench.seeds() {
                let jobs: Box<dyn Iterator<Item = Job>> = match &given {
                    Some(jobs) => Box::new(jobs.clone().into_iter()),
                    None => Box::new(setup.draw(seed)),
                };
                let sample = samples.as_mut().map(|file| (file, policy.spec(), seed));
                runs.push(run(bench, &setup, &policy, seed, jobs, &bar, sample)?);
            }
            bar.finish_and_clear();
            let theory = match given {
                Some(_) => Expected::default(),
                None => expected(&setup, &policy),
            };
            outcomes.push(Outcome { policy, runs, theory });
        }
        Ok(report(&setup, bench, outcomes))
    }
}

type Sample<'a> = (&'a mut std::io::BufWriter<std::fs::File>, &'a str, u64);

fn samples_file(path: &PathBuf) -> Result<std::io::BufWriter<std::fs::File>, Problem> {
    let wrong = |error| Problem::new(format!("--samples {}: {error}", path.display()));
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(wrong)?);
    writeln!(file, "# policy seed arrival size class first_run end, in units").map_err(wrong)?;
    Ok(file)
}

/// All jobs of a run, and each class by itself.
pub struct Counted {
    /// All jobs.
    pub all: Tally,
    /// By class.
    pub classes: Vec<Tally>,
}

/// One policy, all its runs, and what theory says.
struct Outcome {
    policy: Choice,
    runs: Vec<Counted>,
    theory: Expected,
}

/// Serves the jobs under one policy.
fn run(
    bench: &Bench,
    setup: &Setup,
    policy: &Choice,
    seed: u64,
    jobs: Box<dyn Iterator<Item = Job>>,
    bar: &indicatif::ProgressBar,
    sample: Option<Sample<'_>>,
) -> Result<Counted, Problem> {
    let cost = Duration::from_nanos(nanos(setup.switch_cost));
    let rt = bench.runtime(policy.make(), seed, cost)?;
    let classes = (0..setup.classes).map(|_| Tally::new()).collect();
    let counted = Rc::new(RefCell::new(Counted { all: Tally::new(), classes }));
    let (here, all, progress) = (counted.clone(), Rc::new(RefCell::new(Vec::new())), bar.clone());
    let (ended, seen) = (Cell::new(0_u64), all.clone());
    let keep = sample.is_some();
    rt.block_on(serve(jobs, move |served: Served| {
        let mut counted = here.borrow_mut();
        counted.all.count(&served);
        if counted.classes.len() > 1 {
            counted.classes[served.job.class as usize].count(&served);
        }
        if keep {
            seen.borrow_mut().push(served);
        }
        ended.set(ended.get() + 1);
        if ended.get() % 4096 == 0 {
            progress.inc(4096);
        }
    }));
    drop(rt);
    if let Some((file, policy, seed)) = sample {
        for Served { job, began, ended, .. } in all.borrow().iter() {
            let [at, size, began, ended] = [job.at, job.size, *began, *ended].map(units);
            writeln!(file, "{policy} {seed} {at} {size} {} {began} {ended}", job.class)?;
        }
    }
    Ok(Rc::into_inner(counted).map(RefCell::into_inner).expect("all tasks have ended"))
}

fn report(setup: &Setup, bench: &Bench, outcomes: Vec<Outcome>) -> Report {
    let rows: Vec<Row> = outcomes.iter().map(|outcome| row(setup, bench, outcome)).collect();
    let columns = [
        ("policy", "policy"),
        ("mean", "mean"),
        ("mean_ci", "±"),
        ("theory_mean", "theory"),
        ("error_percent", "off by %"),
        ("p50", "p50"),
        ("p99", "p99"),
        ("theory_p99", "theory p99"),
        ("max", "max"),
        ("slowdown", "slowdown"),
        ("theory", "theory is"),
    ];
    let mut tables = vec![Table::of("Response time, in units", &rows, &columns)];
    if setup.classes > 1 {
        tables.push(class_table(setup, &outcomes));
    }
    let caption = setup.caption(bench);
    Report {
        title: "One server: response times under each policy".to_string(),
        plots: vec![tail_plot(&outcomes, &caption), size_plot(setup, &outcomes, &caption)],
        caption,
        rows,
        tables,
        notes: notes(setup),
    }
}

fn notes(setup: &Setup) -> Vec<String> {
    let mut notes = vec![
        "Response time: from the scheduled arrival to the end. Slowdown: response time over size, \
         its mean."
            .to_string(),
    ];
    if matches!(setup.service, Dist::Pareto { .. } | Dist::Bimodal { .. } | Dist::Hyper { .. }) {
        notes.push(
            "Such sizes converge slowly: under fifo the mean of a million jobs is still some \
             percent off. Use --runs to see how much."
                .to_string(),
        );
    }
    notes
}

fn row(setup: &Setup, bench: &Bench, outcome: &Outcome) -> Row {
    let over = |f: &dyn Fn(&Tally) -> f64| {
        let values: Vec<f64> = outcome.runs.iter().map(|run| f(&run.all)).collect();
        spread(&values)
    };
    let (mean, ci) = over(&Tally::mean);
    let jobs = outcome.runs.iter().map(|run| run.all.done).sum::<u64>();
    let theory = outcome.theory.mean;
    let mut row = Row::new("queue", outcome.policy.spec(), bench.seed, jobs)
        .set("mean", mean)
        .set("p50", over(&|tally| tally.quantile(0.5)).0)
        .set("p99", over(&|tally| tally.quantile(0.99)).0)
        .set("max", outcome.runs.iter().map(|run| run.all.max()).fold(0.0, f64::max))
        .set("theory_mean", theory)
        .set("theory", outcome.theory.is)
        .set("theory_p99", outcome.theory.p99)
        .set("error_percent", theory.map(|theory| 100.0 * (mean / theory - 1.0)))
        .set("runs", bench.runs)
        .set("mean_ci", ci)
        .set("p999", over(&|tally| tally.quantile(0.999)).0)
        .set("mean_square", over(&Tally::mean_square).0)
        .set("slowdown", over(&Tally::mean_slowdown).0)
        .set("makespan", over(&|tally| units(tally.end)).0)
        .set("load", setup.load)
        .set("quantum", outcome.policy.quantum().map(units))
        .set("switch_cost", setup.switch_cost);
    if setup.classes > 1 {
        for (class, (mean, theory)) in class_means(outcome).into_iter().enumerate() {
            row = row.set(&format!("mean_{class}"), mean).set(&format!("theory_{class}"), theory);
        }
    }
    row
}

fn class_means(outcome: &Outcome) -> Vec<(f64, Option<f64>)> {
    let classes = outcome.runs.first().map_or(0, |run| run.classes.len());
    let class = |n: usize| {
        let means: Vec<f64> = outcome.runs.iter().map(|run| run.classes[n].mean()).collect();
        (spread(&means).0, outcome.theory.classes.get(n).copied())
    };
    (0..classes).map(class).collect()
}

fn class_table(setup: &Setup, outcomes: &[Outcome]) -> Table {
    let heads = (0..setup.classes).flat_map(|n| [format!("class {n}"), "theory".to_string()]);
    let line = |outcome: &Outcome| {
        let cells = class_means(outcome).into_iter();
        let cells = cells.flat_map(|(m, theory)| [short(m), theory.map_or(String::new(), short)]);
        std::iter::once(outcome.policy.spec().to_string()).chain(cells).collect()
    };
    Table {
        title: "Mean response time by class, the most urgent first".to_string(),
        heads: std::iter::once("policy".to_string()).chain(heads).collect(),
        lines: outcomes.iter().map(line).collect(),
    }
}

fn tail_plot(outcomes: &[Outcome], caption: &str) -> Plot {
    let mut series = Vec::new();
    for (colour, outcome) in outcomes.iter().enumerate() {
        if let Some(rate) = outcome.theory.exponential {
            let points = (0..=200).map(|n| {
                let time = f64::from(n) / 200.0 * 14.0 / rate;
                (time, (-rate * time).exp())
            });
            let name = format!("{}: e^-(μ-λ)t", outcome.policy.spec());
            series.push(Series::new(name, Shape::Theory, colour, points));
        }
        let Some(run) = outcome.runs.first() else { continue };
        series.push(Series::new(outcome.policy.spec(), Shape::Line, colour, run.all.tail()));
    }
    Plot {
        title: "How many take longer".to_string(),
        caption: caption.to_string(),
        x: Axis::log("response time t [units]").within(0.1, longest(outcomes)),
        y: Axis::log("share of jobs that take longer than t").within(1e-4, 1.0),
        series,
    }
}

fn longest(outcomes: &[Outcome]) -> f64 {
    let times = outcomes.iter().flat_map(|outcome| outcome.runs.first());
    times.map(|run| run.all.quantile(0.9999)).fold(1.0, f64::max)
}

fn size_plot(setup: &Setup, outcomes: &[Outcome], caption: &str) -> Plot {
    let mut series = Vec::new();
    for (colour, outcome) in outcomes.iter().enumerate() {
        if let Some(curve) = &outcome.theory.curve {
            series.push(Series::new("", Shape::Theory, colour, curve.slowdown()));
        }
        let Some(run) = outcome.runs.first() else { continue };
        let seen = run.all.by_size().into_iter().filter(|&(_, _, jobs)| jobs >= 30);
        let points = seen.map(|(size, slowdown, _)| (size, slowdown));
        series.push(Series::new(outcome.policy.spec(), Shape::Points, colour, points));
    }
    let sizes = setup.service.atoms();
    let (low, high) = if sizes.is_empty() { setup.service.range() } else { (0.1, 1e3) };
    Plot {
        title: "Whom it costs: mean slowdown by size (dashed: theory)".to_string(),
        caption: caption.to_string(),
        x: Axis::log("size [units]").within(low.max(0.01), high.min(1e4)),
        y: Axis::log("response time / size"),
        series,
    }
}
