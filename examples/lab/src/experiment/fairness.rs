//! Who gets how much: shares by weight, groups, sleepers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use turno::task::{self, Nanos};
use turno::time::{self, Instant};

use super::Experiment;
use super::queue::{positive, whole};
use crate::plot::{Axis, Plot, Series, Shape};
use crate::policies::Choice;
use crate::report::{Row, Table};
use crate::tally::spread;
use crate::world::{nanos, units};
use crate::{Bench, Problem, Report};

pub(super) struct Fairness;

#[derive(Args)]
struct Setup {
    /// What the tasks are worth that always want to run
    #[arg(long, value_name = "W,...", value_delimiter = ',', default_value = "3,2,1",
          value_parser = whole::<u32>(1, 1_000_000_000))]
    weights: Vec<u32>,
    /// How long a turn is
    #[arg(long, value_name = "UNITS", default_value_t = 1.0, value_parser = positive)]
    quantum: f64,
    /// How many turns there are in all
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = whole::<u64>(10, 1_000_000_000))]
    turns: u64,
    /// How long the sleeper computes at a time, between sleeps of a unit
    #[arg(long, value_name = "UNITS", default_value_t = 9.0, value_parser = positive)]
    sleeper: f64,
    /// How many tasks the large group has, beside a group of one
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = whole::<u32>(1, 1_000_000_000))]
    group: u32,
}

impl Experiment for Fairness {
    fn command(&self) -> Command {
        let about = "Shares by weight, groups and sleepers: who gets how much, and how soon?";
        Setup::augment_args(Command::new("fairness").about(about).long_about(format!(
            "{about}\n\nTasks that always want to run should share by weight. By lot, the error \
             grows as the square root of the number of turns; by stride it stays below a turn or \
             two. Then a task that computes 9 units and sleeps for one meets one that never \
             sleeps: half the time is its share, and no more if its debts are kept. Then a group \
             of one meets a group of a hundred: is the share the task's or the group's?\n\nThe \
             lot needs several seeds: --runs 20."
        )))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["fifo", "random", "lottery", "stride", "fair", "drr"]
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        let bar = bench.bar("turns", bench.policies.len() as u64 * u64::from(bench.runs));
        let mut outcomes = Vec::new();
        for policy in &bench.policies {
            let policy = policy.sliced(nanos(setup.quantum));
            let mut runs = Vec::new();
            for seed in bench.seeds() {
                runs.push(shares(&setup, bench, &policy, seed)?);
                bar.inc(1);
            }
            let sleeper = sleeper(&setup, bench, &policy)?;
            let group = group(&setup, bench, &policy)?;
            outcomes.push(Outcome { policy, runs, sleeper, group });
        }
        bar.finish_and_clear();
        Ok(report(&setup, bench, &outcomes))
    }
}

/// What one policy made of it.
struct Outcome {
    policy: Choice,
    runs: Vec<Shares>,
    sleeper: f64,
    group: f64,
}

/// Who got what while all wanted to run.
struct Shares {
    /// The turns of each task.
    turns: Vec<u64>,
    /// How far the first task was from its share, in turns: the square root of the mean of the
    /// squares since the last such moment.
    errors: Vec<f64>,
    /// The sum of the squares since the last moment, and how many they are.
    squares: (f64, f64),
    /// The furthest that any task ever was from its share.
    lag: f64,
    /// The longest that any task waited for its turn.
    wait: Nanos,
}

/// When to look: 1, 2, 5, 10, 20 and so on.
fn moments(turns: u64) -> Vec<u64> {
    let decades = (0..).map(|n| 10_u64.pow(n)).take_while(|&n| n <= turns);
    decades.flat_map(|n| [n, 2 * n, 5 * n]).filter(|&n| n <= turns).collect()
}

/// All tasks always want to run, until the turns are over.
fn shares(setup: &Setup, bench: &Bench, policy: &Choice, seed: u64) -> Result<Shares, Problem> {
    let rt = bench.runtime(policy.make(), seed, Duration::ZERO)?;
    let whole: f64 = setup.weights.iter().map(|&weight| f64::from(weight)).sum();
    let ideal: Rc<[f64]> = setup.weights.iter().map(|&w| f64::from(w) / whole).collect();
    let moments = moments(setup.turns);
    let counted = Rc::new(RefCell::new(Shares {
        turns: vec![0; ideal.len()],
        errors: Vec::new(),
        squares: (0.0, 0.0),
        lag: 0.0,
        wait: 0,
    }));
    let (made, quantum) = (Rc::new(Cell::new(0)), Duration::from_nanos(nanos(setup.quantum)));
    let here = counted.clone();
    let total = setup.turns;
    rt.block_on(async {
        let mut tasks = task::JoinSet::new();
        for (n, &weight) in setup.weights.iter().enumerate() {
            let (counted, made, ideal) = (here.clone(), made.clone(), ideal.clone());
            let moments = moments.clone();
            let member = task::Builder::new().weight(weight).group(n as u32).spawn(async move {
                let mut last = Instant::now();
                while made.get() < total {
                    counted.borrow_mut().waited(last.elapsed().as_nanos() as Nanos);
                    time::work(quantum).await;
                    made.set(made.get() + 1);
                    counted.borrow_mut().count(n, made.get(), &ideal, &moments);
                    last = Instant::now();
                    task::yield_now().await;
                }
            });
            tasks.spawn(member);
        }
        while tasks.join_next().await.is_some() {}
    });
    drop((rt, here));
    Ok(Rc::into_inner(counted).map(RefCell::into_inner).expect("all tasks have ended"))
}

impl Shares {
    fn waited(&mut self, wait: Nanos) {
        self.wait = self.wait.max(wait);
    }

    /// A turn of task `n` is over, the `made`th of all.
    fn count(&mut self, n: usize, made: u64, ideal: &[f64], moments: &[u64]) {
        self.turns[n] += 1;
        let error = |(&turns, share): (&u64, &f64)| (turns as f64 - made as f64 * share).abs();
        let furthest = self.turns.iter().zip(ideal).map(error).fold(0.0, f64::max);
        self.lag = self.lag.max(furthest);
        let first = error((&self.turns[0], &ideal[0]));
        self.squares = (self.squares.0 + first * first, self.squares.1 + 1.0);
        if moments.binary_search(&made).is_ok() {
            let (sum, number) = std::mem::take(&mut self.squares);
            self.errors.push((sum / number).sqrt());
        }
    }

    /// Jain's index of what each got for its weight: 1 if all got the same.
    fn jain(&self, weights: &[u32]) -> f64 {
        let got = self.turns.iter().zip(weights).map(|(&turns, &w)| turns as f64 / f64::from(w));
        let (sum, squares) = got.fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        sum * sum / (self.turns.len() as f64 * squares)
    }
}

/// The share of a task that computes and sleeps for a unit, beside one that never sleeps.
fn sleeper(setup: &Setup, bench: &Bench, policy: &Choice) -> Result<f64, Problem> {
    let rt = bench.runtime(policy.make(), bench.seed, Duration::ZERO)?;
    let (busy, nap) =
        (Duration::from_nanos(nanos(setup.sleeper)), Duration::from_nanos(nanos(1.0)));
    let end = nanos(setup.turns as f64 * setup.quantum / 10.0);
    let quantum = Duration::from_nanos(nanos(setup.quantum));
    let slept = rt.block_on(async {
        let start = Instant::now();
        let until = move || (start.elapsed().as_nanos() as Nanos) < end;
        let hog = task::Builder::new().group(0).spawn(async move {
            while until() {
                time::work(quantum).await;
                task::yield_now().await;
            }
        });
        let sleeper = task::Builder::new().group(1).spawn(async move {
            let mut got = Duration::ZERO;
            while until() {
                time::work(busy).await;
                got += busy;
                time::sleep(nap).await;
            }
            got
        });
        let got = sleeper.await;
        let _ = hog.await;
        got.unwrap_or_default()
    });
    Ok(slept.as_nanos() as f64 / end as f64)
}

/// The share of a task that is alone in its group, beside a large group.
fn group(setup: &Setup, bench: &Bench, policy: &Choice) -> Result<f64, Problem> {
    let rt = bench.runtime(policy.make(), bench.seed, Duration::ZERO)?;
    let (made, alone) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u64)));
    let quantum = Duration::from_nanos(nanos(setup.quantum));
    let total = setup.turns.min(20_000);
    rt.block_on(async {
        let mut tasks = task::JoinSet::new();
        for n in 0..=setup.group {
            let (made, alone) = (made.clone(), alone.clone());
            let member = task::Builder::new().group(u32::from(n > 0)).spawn(async move {
                while made.get() < total {
                    time::work(quantum).await;
                    made.set(made.get() + 1);
                    alone.set(alone.get() + u64::from(n == 0));
                    task::yield_now().await;
                }
            });
            tasks.spawn(member);
        }
        while tasks.join_next().await.is_some() {}
    });
    Ok(alone.get() as f64 / made.get() as f64)
}

fn row(setup: &Setup, bench: &Bench, outcome: &Outcome) -> Row {
    let runs = |f: &dyn Fn(&Shares) -> f64| {
        let values: Vec<f64> = outcome.runs.iter().map(f).collect();
        spread(&values)
    };
    let over = |f: &dyn Fn(&Shares) -> f64| runs(f).0;
    let whole: u32 = setup.weights.iter().sum();
    let share = |n: usize| move |shares: &Shares| shares.turns[n] as f64 / setup.turns as f64;
    let mut row = Row::new("fairness", outcome.policy.spec(), bench.seed, setup.turns)
        .set("jain", over(&|shares| shares.jain(&setup.weights)))
        .set("jain_ci", runs(&|shares| shares.jain(&setup.weights)).1)
        .set("lag", over(&|shares| shares.lag))
        .set("error", over(&|shares| shares.errors.last().copied().unwrap_or(0.0)))
        .set("error_ci", runs(&|shares| shares.errors.last().copied().unwrap_or(0.0)).1)
        .set("longest_wait", outcome.runs.iter().map(|s| units(s.wait)).fold(0.0, f64::max))
        .set("sleeper_share", outcome.sleeper)
        .set("alone_share", outcome.group)
        .set("runs", bench.runs);
    for (n, &weight) in setup.weights.iter().enumerate() {
        row = row
            .set(&format!("share_{n}"), over(&share(n)))
            .set(&format!("ideal_{n}"), f64::from(weight) / f64::from(whole));
    }
    row
}

fn report(setup: &Setup, bench: &Bench, outcomes: &[Outcome]) -> Report {
    let rows: Vec<Row> = outcomes.iter().map(|outcome| row(setup, bench, outcome)).collect();
    let names: Vec<_> = (0..setup.weights.len())
        .map(|n| (format!("share_{n}"), format!("share of weight {}", setup.weights[n])))
        .collect();
    let mut columns = vec![("policy", "policy")];
    columns.extend(names.iter().map(|(key, head)| (key.as_str(), head.as_str())));
    columns.extend([
        ("jain", "Jain's index"),
        ("error", "error, in turns"),
        ("error_ci", "±"),
        ("lag", "most ever"),
        ("longest_wait", "longest wait"),
        ("sleeper_share", "sleeper's share"),
        ("alone_share", "lone task's share"),
    ]);
    let caption = format!(
        "weights {:?}, turns of {} units, {} turns, sleeper {} on 1 off, groups of 1 and {}, seed \
         {}, runs {}",
        setup.weights,
        setup.quantum,
        setup.turns,
        setup.sleeper,
        setup.group,
        bench.seed,
        bench.runs
    );
    Report {
        title: "Fairness: who gets how much".to_string(),
        plots: vec![plot(setup, outcomes, &caption)],
        caption,
        tables: vec![Table::of("Shares", &rows, &columns)],
        rows,
        notes: vec![
            "Jain's index: 1 if all got what their weight is worth, 1/n if one got all. The error \
             is that of the first task in the second half of the run: the root of its mean square."
                .to_string(),
            format!(
                "The sleeper's fair share is 0.5, if its debts are kept; the lone task's is 0.5 by \
                 group and {:.4} by task.",
                1.0 / f64::from(setup.group + 1)
            ),
        ],
    }
}

fn plot(setup: &Setup, outcomes: &[Outcome], caption: &str) -> Plot {
    let whole: f64 = setup.weights.iter().map(|&weight| f64::from(weight)).sum();
    let p = f64::from(setup.weights[0]) / whole;
    // By lot, the squared error grows by p(1-p) a turn.
    let all = moments(setup.turns);
    let begin = |at: usize| if at == 0 { 0 } else { all[at - 1] };
    let by_lot = |at: usize| (p * (1.0 - p) * (begin(at) + all[at] + 1) as f64 / 2.0).sqrt();
    let mut series = Vec::new();
    for (colour, outcome) in outcomes.iter().enumerate() {
        if outcome.policy.name() == "lottery" {
            let points = (0..all.len()).map(|at| (all[at] as f64, by_lot(at)));
            series.push(Series::new("by lot: √(np(1-p))", Shape::Theory, colour, points));
        }
        let points = all.iter().enumerate().map(|(at, &n)| {
            let errors: Vec<f64> = outcome.runs.iter().map(|run| run.errors[at]).collect();
            (n as f64, spread(&errors).0)
        });
        series.push(Series::new(outcome.policy.spec(), Shape::Points, colour, points));
    }
    Plot {
        title: "How far the first task is from its share".to_string(),
        caption: caption.to_string(),
        x: Axis::log("turns of all tasks"),
        y: Axis::log("error, root mean square [turns]"),
        series,
    }
}
