//! One server and its queue: does the order change the mean, and whom does it cost?

use std::cell::{Cell, RefCell};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use turno::trace::Output;

use super::Experiment;
use crate::dist::Dist;
use crate::policies::Choice;
use crate::tally::Tally;
use crate::world::{Job, MOST, Served, nanos, serve, units};
use crate::{Bench, Problem, Report};

mod expect;
mod jobs;
mod show;
mod sweep;

use expect::{Expected, expected};
pub use jobs::{Arrivals, from_file, rng};
pub use sweep::Sweep;

/// The experiment.
pub(super) struct Queue;

/// What is served: the arguments, with one load and one quantum of a [`Sweep`].
#[derive(Args, Clone, Debug)]
pub struct Setup {
    /// How jobs come: one by one at random, one by one evenly, or N at once at random
    #[arg(long, value_name = "poisson|periodic|batch:N", default_value = "poisson")]
    pub arrivals: Arrivals,
    /// Which share of the time the server is busy.
    #[arg(skip)]
    pub load: f64,
    /// How large they are: exp, fixed, uniform, hyperexp:CV2 (all of mean 1),
    /// pareto:ALPHA,LOW,HIGH, bimodal:P,SMALL,LARGE
    #[arg(long, value_name = "SIZES", default_value = "exp")]
    pub service: Dist,
    /// After how much work a job gives way, under the policies that slice.
    #[arg(skip)]
    pub quantum: Option<f64>,
    /// What each switch costs
    #[arg(long, value_name = "UNITS", default_value_t = 0.0, value_parser = not_negative)]
    pub switch_cost: f64,
    /// So many classes of jobs, one as frequent as another, the first the most urgent
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = whole::<u32>(1, 100))]
    pub classes: u32,
    /// How wrong the sizes are that jobs tell of themselves, which sjf and srpt go by: by a factor of
    /// e^x, where x is normal with this standard deviation
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0, value_parser = not_negative)]
    pub size_error: f64,
    /// How many jobs [default: 100000]
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1, 1_000_000_000))]
    pub jobs: Option<u64>,
    /// Jobs of your own, one a line: when it comes, how much it works, and if you like its class
    /// from 0; instead of arrivals, load, service, classes and jobs
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["arrivals", "load", "service", "size_error", "classes", "jobs"])]
    pub jobs_from: Option<PathBuf>,
    /// Writes the times of every job: arrival, size, class, first run, end
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| *n > 0.0 && *n <= MOST);
    number.ok_or_else(|| format!("a number above 0, at most {MOST}"))
}

/// A number from 0.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n| (0.0..=MOST).contains(n));
    number.ok_or_else(|| format!("a number from 0, at most {MOST}"))
}

/// A share of the time.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n| (1e-6..=MOST).contains(n));
    number.ok_or_else(|| format!("a number above 0, from 0.000001 to {MOST}"))
}

/// A whole number between these, both of them allowed.
pub(crate) fn whole<T: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |text| {
        let number = text.parse().ok().filter(|n| (least..=most).contains(n));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("a whole number from {least} to {most}"))
    }
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

    /// Which share of the time it needs at least, with the switches of that policy.
    fn busy(&self, policy: &Choice) -> f64 {
        let size = self.service.mean();
        let slice = policy.quantum().map_or(size, |quantum| units(quantum).min(size));
        self.load * (1.0 + self.switch_cost / slice)
    }

    /// It comes to an end, and before the clock does.
    fn check(&self, bench: &Bench) -> Result<(), Problem> {
        if self.jobs_from.is_some() {
            return Ok(());
        }
        let endless = self.jobs.is_none();
        if endless && self.load >= 1.0 {
            return Err(Problem::new(format!(
                "--load {}: the queue grows without an end; say how many --jobs, or a load below 1",
                self.load
            )));
        }
        for policy in &bench.policies {
            let busy = self.busy(&self.sliced(policy));
            if endless && busy >= 1.0 {
                return Err(Problem::new(format!(
                    "--switch-cost {}: with its switches {} needs {busy:.2} of the time, and the \
                     queue grows without an end; say how many --jobs, or less of --load or of \
                     --switch-cost, or a longer --quantum",
                    self.switch_cost,
                    policy.spec()
                )));
            }
            let jobs = self.jobs().max(self.arrivals.at_once());
            let (span, most) = (jobs as f64 / self.rate() * busy.max(1.0), 1e3 * MOST);
            if span > most {
                return Err(Problem::new(format!(
                    "--load {}: {jobs} jobs would take {span:.1e} units; at most {most:e} are \
                     allowed, with fewer --jobs, or a larger load of smaller ones",
                    self.load
                )));
            }
        }
        Ok(())
    }

    /// Under what conditions, but for what varies.
    fn caption(&self, bench: &Bench, loads: bool, quanta: bool) -> String {
        let seeds = match bench.runs {
            1 => format!("seed {}", bench.seed),
            runs => format!("seeds {} to {}", bench.seed, bench.seed + u64::from(runs) - 1),
        };
        let quantum = match self.quantum {
            _ if quanta => "quanta as told".to_string(),
            Some(0.0) => "no quantum".to_string(),
            Some(quantum) => format!("quantum {quantum}"),
            None => "quantum 0.1 where sliced".to_string(),
        };
        let what = match &self.jobs_from {
            Some(path) => format!("jobs from {}", path.display()),
            None => format!(
                "{} arrivals, {}, service {}, {} jobs",
                self.arrivals,
                if loads { "loads as told".to_string() } else { format!("load {}", self.load) },
                self.service,
                self.jobs()
            ),
        };
        let classes =
            if self.classes > 1 { format!(", {} classes", self.classes) } else { String::new() };
        let error = match self.size_error {
            0.0 => String::new(),
            sigma => format!(", sizes told wrong by e^{sigma}"),
        };
        format!("{what}{error}{classes}, {quantum}, switch cost {}, {seeds}", self.switch_cost)
    }
}

impl Experiment for Queue {
    fn command(&self) -> Command {
        let about = "One server: does the order change the mean response, and whom does it cost?";
        Sweep::augment_args(Command::new("queue")).about(about).long_about(format!(
            "{about}\n\nJobs come to one server and wait for their turn. With exponential sizes \
             every order that does not look at sizes has the same mean; the tails are far apart. \
             What knows the sizes does better, and the large ones pay less for it than you think.\n\n\
             Several loads or quanta make a sweep:\n  cargo lab queue --load 0.5,0.6,0.7,0.8,0.9,0.95 \
             --plot load.svg\n  cargo lab queue --policy round-robin --switch-cost 0.05 \
             --service bimodal:0.995,0.5,500 --load 0.7 --quantum 0.2,0.5,1,2,5,10,50,200,500\n  cargo lab queue --policy fifo,srpt \
             --service pareto:1.5,1,1000 --size-error 1"
        ))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["fifo", "lifo", "random", "round-robin", "sjf", "srpt", "las"]
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setups = Sweep::from_arg_matches(args)?.setups();
        setups.iter().try_for_each(|setup| setup.check(bench))?;
        if let [setup] = &setups[..] {
            return Ok(show::report(setup, bench, &outcomes(setup, bench)?));
        }
        if setups.iter().any(|setup| setup.samples.is_some()) {
            return Err(Problem::new("--samples: one load and one quantum are allowed with it"));
        }
        let mut points = Vec::new();
        for setup in setups {
            let outcomes = outcomes(&setup, bench)?;
            points.push((setup, outcomes));
        }
        Ok(sweep::report(bench, &points))
    }
}

/// Runs it under every policy.
fn outcomes(setup: &Setup, bench: &Bench) -> Result<Vec<Outcome>, Problem> {
    let given = setup.jobs_from.as_ref().map(|path| from_file(path)).transpose()?;
    let mut samples = setup.samples.as_ref().map(Samples::create).transpose()?;
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
            let keeps = samples.is_some();
            let (counted, jobs) = run(bench, setup, &policy, seed, jobs, &bar, keeps)?;
            if let Some(samples) = &mut samples {
                samples.add(policy.spec(), seed, &jobs)?;
            }
            runs.push(counted);
        }
        bar.finish_and_clear();
        let theory = match given {
            Some(_) => Expected::default(),
            None => expected(setup, &policy),
        };
        outcomes.push(Outcome { policy, runs, theory });
    }
    samples.map_or(Ok(()), Samples::finish)?;
    Ok(outcomes)
}

/// The file of `--samples`: a line for each job.
struct Samples<'a> {
    path: &'a Path,
    file: BufWriter<Output>,
}

impl<'a> Samples<'a> {
    fn create(path: &'a PathBuf) -> Result<Self, Problem> {
        let file = Output::create(path).map_err(|error| wrong(path, &error))?;
        let mut samples = Self { path, file: BufWriter::new(file) };
        let head = "# policy seed arrival size class first_run end, in units";
        samples.tell(|file| writeln!(file, "{head}"))?;
        Ok(samples)
    }

    fn add(&mut self, policy: &str, seed: u64, jobs: &[Served]) -> Result<(), Problem> {
        self.tell(|file| {
            jobs.iter().try_for_each(|Served { job, began, ended, .. }| {
                let [at, size, began, ended] = [job.at, job.size, *began, *ended].map(units);
                writeln!(file, "{policy} {seed} {at} {size} {} {began} {ended}", job.class)
            })
        })
    }

    fn finish(self) -> Result<(), Problem> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(Output::finish).map_err(|error| wrong(self.path, &error))
    }

    fn tell(
        &mut self,
        tell: impl FnOnce(&mut BufWriter<Output>) -> io::Result<()>,
    ) -> Result<(), Problem> {
        tell(&mut self.file).map_err(|error| wrong(self.path, &error))
    }
}

fn wrong(path: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("--samples {}: {error}", path.display()))
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

/// Serves the jobs under one policy; returns them too, if they are to be kept.
fn run(
    bench: &Bench,
    setup: &Setup,
    policy: &Choice,
    seed: u64,
    jobs: Box<dyn Iterator<Item = Job>>,
    bar: &indicatif::ProgressBar,
    keeps: bool,
) -> Result<(Counted, Vec<Served>), Problem> {
    let cost = Duration::from_nanos(nanos(setup.switch_cost));
    let rt = bench.runtime(policy.make(), seed, cost)?;
    let classes = (0..setup.classes).map(|_| Tally::new()).collect();
    let counted = Rc::new(RefCell::new(Counted { all: Tally::new(), classes }));
    let (here, all, progress) = (counted.clone(), Rc::new(RefCell::new(Vec::new())), bar.clone());
    let (ended, seen) = (Cell::new(0_u64), all.clone());
    rt.block_on(serve(jobs, move |served: Served| {
        let mut counted = here.borrow_mut();
        counted.all.count(&served);
        if counted.classes.len() > 1 {
            counted.classes[served.job.class as usize].count(&served);
        }
        if keeps {
            seen.borrow_mut().push(served);
        }
        ended.set(ended.get() + 1);
        if ended.get() % 4096 == 0 {
            progress.inc(4096);
        }
    }));
    drop(rt);
    let counted = Rc::into_inner(counted).map(RefCell::into_inner).expect("all tasks have ended");
    Ok((counted, all.take()))
}
