//! Periodic tasks with deadlines: will it be on time, and how long may a poll be?

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::Experiment;
use super::queue::{not_negative, positive, share, whole};
use crate::plot::{Axis, Plot, Series, Shape};
use crate::policies::Choice;
use crate::report::{Row, Table};
use crate::tally::Tally;
use crate::world::{Job, nanos, serve, units};
use crate::{Bench, Problem, Report};

mod sets;

pub use sets::{Set, random_set};

pub(super) struct Deadline;

#[derive(Args)]
struct Setup {
    /// One set of tasks, each as work/period; instead of random ones
    #[arg(long, value_name = "C/T,...")]
    set: Option<Set>,
    /// How many tasks a random set has
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = whole::<u32>(1, 100))]
    tasks: u32,
    /// How many random sets for each utilisation
    #[arg(long, value_name = "N", default_value_t = 40,
          value_parser = whole::<u32>(1, 1_000_000_000))]
    sets: u32,
    /// The utilisations of the random sets: which share of the time they need
    #[arg(long, value_name = "U,...", value_delimiter = ',', value_parser = share,
          default_value = "0.4,0.5,0.6,0.65,0.7,0.75,0.8,0.85,0.9,0.95,1.0,1.05")]
    utilisation: Vec<f64>,
    /// How long a task computes before it can be interrupted, under the policies that slice; 0:
    /// until it is done
    #[arg(long, value_name = "UNITS,...", value_delimiter = ',', value_parser = not_negative,
          default_value = "0.1,3,0")]
    poll: Vec<f64>,
    /// For how long tasks are released
    #[arg(long = "for", value_name = "UNITS", default_value_t = 1000.0, value_parser = positive)]
    span: f64,
}

impl Experiment for Deadline {
    fn command(&self) -> Command {
        let about = "Periodic tasks: will it be on time, and how long may a poll be?";
        Setup::augment_args(Command::new("deadline").about(about).long_about(format!(
            "{about}\n\nEach task has work C to do in every period T, by the end of it. Earliest \
             deadline first (edf) is on time whenever the utilisation is at most 1, if it can \
             interrupt at any moment; rate-monotonic priorities (priority) surely are up to \
             n(2^(1/n)-1). A task that does not give way while it computes breaks both: Jeffay's \
             test says which sets are safe all the same.\n\n  cargo lab deadline --set 2/5,4/7 \
             --poll 1"
        )))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["edf", "priority", "fifo"]
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        let points = match &setup.set {
            Some(set) => vec![set.utilisation()],
            None => setup.utilisation.clone(),
        };
        let total = bench.policies.len() * setup.poll.len() * points.len();
        let bar = bench.bar("task sets", total as u64);
        let mut rows = Vec::new();
        for policy in &bench.policies {
            for &poll in &setup.poll {
                let sliced = policy.sliced(nanos(poll));
                if sliced.quantum().is_none() && rows.iter().any(|row| to_the_end(row, policy)) {
                    continue; // It is that one again, whatever the poll.
                }
                for &u in &points {
                    rows.push(point(&setup, bench, &sliced, poll, u)?);
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        Ok(report(&setup, bench, rows))
    }
}

fn to_the_end(row: &Row, policy: &Choice) -> bool {
    row.text("policy") == policy.spec() && row["poll"].is_null()
}

/// What a line of the tables and a curve of the plot is called.
fn name(row: &Row) -> String {
    match row.number("poll") {
        Some(poll) => format!("{}, poll {poll}", row.text("policy")),
        None => format!("{}, to the end", row.text("policy")),
    }
}

/// One policy at one utilisation: all sets.
fn point(setup: &Setup, bench: &Bench, policy: &Choice, poll: f64, u: f64) -> Result<Row, Problem> {
    let mut all = Tally::new();
    let (mut sets, mut late, mut safe, mut safe_late) = (0, 0, 0, 0);
    let poll = policy.quantum().map(|_| nanos(poll));
    for seed in bench.seeds() {
        let drawn: Vec<Set> = match &setup.set {
            Some(set) => vec![set.clone()],
            None => (0..setup.sets).map(|n| random_set(seed, n, setup.tasks, u)).collect(),
        };
        for set in drawn {
            let before = all.done - all.in_time;
            run(bench, policy, &set, setup.span, seed, &mut all)?;
            let (missed, is_safe) = (all.done - all.in_time > before, set.is_safe(poll));
            sets += 1;
            late += u64::from(missed);
            safe += u64::from(is_safe);
            safe_late += u64::from(missed && is_safe);
        }
        all.run_over();
    }
    let missed = all.done - all.in_time;
    // The test is one of edf: of others it says nothing.
    let of_edf = policy.name() == "edf";
    Ok(Row::new("deadline", policy.spec(), bench.seed, all.done)
        .set("mean", all.mean())
        .set("mean_ci", all.mean_ci())
        .set("p50", all.quantile(0.5))
        .set("p99", all.quantile(0.99))
        .set("max", all.max())
        .set("utilisation", u)
        .set("poll", poll.map(units))
        .set("missed", missed)
        .set("missed_percent", 100.0 * missed as f64 / all.done as f64)
        .set("sets", sets)
        .set("sets_late", late)
        .set("sets_late_percent", 100.0 * late as f64 / sets as f64)
        .set("jeffay_safe", of_edf.then_some(safe))
        .set("jeffay_safe_late", of_edf.then_some(safe_late)))
}

/// Releases every task of the set at 0 and then once a period, as long as its deadline lies within
/// the span.
fn run(
    bench: &Bench,
    policy: &Choice,
    set: &Set,
    span: f64,
    seed: u64,
    all: &mut Tally,
) -> Result<(), Problem> {
    let mut jobs = Vec::new();
    for (rank, &(work, period)) in set.tasks().iter().enumerate() {
        let releases = (0..).map(|n| n * period).take_while(|at| at + period <= nanos(span));
        jobs.extend(releases.map(|at| Job {
            at,
            size: work,
            class: rank as u32,
            group: rank as u32,
            priority: 250 - rank as u8,
            deadline: Some(at + period),
            ..Job::default()
        }));
    }
    jobs.sort_by_key(|job: &Job| job.at);
    let rt = bench.runtime(policy.make(), seed, Duration::ZERO)?;
    let counted = Rc::new(RefCell::new(std::mem::take(all)));
    let here = counted.clone();
    rt.block_on(serve(jobs.into_iter(), move |served| here.borrow_mut().count(&served)));
    drop(rt);
    *all = counted.take();
    Ok(())
}

fn report(setup: &Setup, bench: &Bench, rows: Vec<Row>) -> Report {
    let sets = match &setup.set {
        Some(set) => format!("tasks {set}"),
        None => format!("{} random sets of {} tasks each", setup.sets, setup.tasks),
    };
    let caption = format!(
        "{sets}, released for {} units, seed {}, runs {}",
        setup.span, bench.seed, bench.runs
    );
    let table = |title, key| Table::across(title, &rows, name, "utilisation", key);
    let edf: Vec<Row> = rows.iter().filter(|row| !row["jeffay_safe"].is_null()).cloned().collect();
    let mut tables = vec![
        table("Sets of tasks in which a deadline was missed, in percent", "sets_late_percent"),
        table("Deadlines that were missed, in percent", "missed_percent"),
    ];
    let mut notes = Vec::new();
    if !edf.is_empty() {
        let title = "Sets that Jeffay's test calls safe under edf";
        tables.push(Table::across(title, &edf, name, "utilisation", "jeffay_safe"));
        notes.push(
            "Jeffay: the set is safe under edf if U <= 1 and for every task i, and every time L \
             between the shortest period and its own, the longest poll of i and what the tasks of \
             shorter periods bring until L fit into L."
                .to_string(),
        );
    }
    Report {
        title: "Periodic tasks with deadlines".to_string(),
        plots: if setup.set.is_some() { Vec::new() } else { vec![plot(setup, &rows, &caption)] },
        caption,
        tables,
        rows,
        notes,
    }
}

fn plot(setup: &Setup, rows: &[Row], caption: &str) -> Plot {
    let n = f64::from(setup.tasks);
    let (least, most) = setup
        .utilisation
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), &u| (least.min(u), most.max(u)));
    let bound = n * (2_f64.powf(1.0 / n) - 1.0);
    let mut series = vec![
        Series::new(format!("rate-monotonic: {bound:.3}"), Shape::Bound, 6, [(bound, 0.0)]),
        Series::new("edf: 1", Shape::Bound, 6, [(1.0, 0.0)]),
    ];
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        let name = name(row);
        let point = (row.number("utilisation"), row.number("sets_late_percent"));
        let (Some(x), Some(y)) = point else { continue };
        match names.iter().position(|known| *known == name) {
            Some(at) => series[at + 2].points.push((x, y)),
            None => {
                series.push(Series::new(name.clone(), Shape::Points, names.len(), [(x, y)]));
                names.push(name);
            }
        }
    }
    Plot {
        title: "Sets of tasks that miss a deadline".to_string(),
        caption: caption.to_string(),
        x: Axis::linear("utilisation").within(least - 0.02, most + 0.02),
        y: Axis::linear("sets with a miss [%]").within(0.0, 102.0),
        series,
    }
}
