//! The scheduling homework of "Operating Systems: Three Easy Pieces" (Arpaci-Dusseau), on turno.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use turno::observe::Event;
use turno::task::Nanos;

use super::Experiment;
use crate::plot::{Axis, Plot, Series, Shape};
use crate::policies::Choice;
use crate::report::{Row, Table};
use crate::world::{Job, Served, nanos, serve, units};
use crate::{Bench, Problem, Report};

pub(super) struct Ostep;

#[derive(Args)]
struct Setup {
    /// The policy as the homework calls it, in place of --policy
    #[arg(short = 'p', value_name = "FIFO|SJF|RR", ignore_case = true,
          value_parser = ["FIFO", "SJF", "RR"], conflicts_with = "policy")]
    homework: Option<String>,
    /// After how long RR (and any policy that slices) lets the next one run
    #[arg(short = 'q', long, value_name = "UNITS", default_value_t = 1.0,
          value_parser = super::queue::positive)]
    quantum: f64,
    /// How long the jobs are; all come at time 0, in this order
    #[arg(short = 'l', long = "jlist", value_name = "UNITS,...", default_value = "5,10,15",
          value_delimiter = ',', value_parser = super::queue::not_negative)]
    jobs: Vec<f64>,
}

impl Experiment for Ostep {
    fn command(&self) -> Command {
        let about = "A list of jobs at time 0, as in OSTEP's homework: response, turnaround, wait";
        Setup::augment_args(Command::new("ostep").about(about).long_about(format!(
            "{about}\n\nThe numbers are those of the homework's scheduler.py, for any list of \
             jobs. Which policy has the best turnaround, which the best response, and what does a \
             shorter quantum change?\n\n  cargo lab ostep -p RR -q 1 -l 5,10,15\n  cargo lab ostep \
             --policy fifo,sjf,round-robin,mlfq -l 200,1,1"
        )))
    }

    fn policies(&self) -> &'static [&'static str] {
        &["fifo"]
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        let policies = match setup.homework.as_deref().map(str::to_uppercase).as_deref() {
            Some("FIFO") => vec![Choice::known("fifo")],
            Some("SJF") => vec![Choice::known("sjf")],
            Some(_) => vec![Choice::known("round-robin")],
            None => bench.policies.clone(),
        };
        let mut report = Report {
            title: "Jobs at time 0, as in OSTEP's homework".to_string(),
            caption: format!(
                "jobs {:?}, quantum {}, seed {}",
                setup.jobs, setup.quantum, bench.seed
            ),
            notes: vec![
                "Response: until it first runs. Turnaround: until it is done. Wait: what of that \
                 it did not run."
                    .to_string(),
            ],
            ..Report::default()
        };
        for policy in policies {
            let policy = policy.sliced(nanos(setup.quantum));
            let (served, slices) = run(bench, &policy, &setup.jobs)?;
            report.add(bench, &policy, &served, &slices);
        }
        report.tables.insert(0, averages(&report.rows));
        Ok(report)
    }
}

/// Who ran, from when to when.
type Slice = (u64, Nanos, Nanos);

fn run(
    bench: &Bench,
    policy: &Choice,
    sizes: &[f64],
) -> Result<(Vec<Served>, Vec<Slice>), Problem> {
    let job = |(n, &size): (u64, &f64)| Job { n, size: nanos(size), ..Job::default() };
    let jobs: Vec<_> = (0..).zip(sizes).map(job).collect();
    let rt = bench.runtime(policy.make(), bench.seed, Duration::ZERO)?;
    let (all, slices) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let (here, seen) = (all.clone(), slices.clone());
    rt.observe(move |now: Nanos, event: &Event<'_>| watch(&mut seen.borrow_mut(), now, event));
    rt.block_on(serve(jobs.into_iter(), move |served| here.borrow_mut().push(served)));
    drop(rt);
    let (mut all, mut slices) = (all.take(), slices.take());
    all.sort_by_key(|served: &Served| served.job.n);
    // Tasks are numbered as they were spawned, one after the other.
    let first = slices.iter().map(|slice: &Slice| slice.0).min().unwrap_or(0);
    slices.iter_mut().for_each(|slice| slice.0 -= first);
    Ok((all, slices))
}

/// Writes down which job ran when: jobs are the tasks that have a size.
fn watch(slices: &mut Vec<Slice>, now: Nanos, event: &Event<'_>) {
    let Event::Ended { task, ran, .. } = event else { return };
    if task.size().is_none() {
        return;
    }
    let (n, from) = (task.id().serial(), now - ran);
    match slices.last_mut() {
        Some((last, _, end)) if *last == n && *end == from => *end = now,
        _ => slices.push((n, from, now)),
    }
}

/// The mean over all jobs.
fn mean(served: &[Served], time: impl Fn(&Served) -> Nanos) -> f64 {
    served.iter().map(|served| units(time(served))).sum::<f64>() / served.len() as f64
}

fn response(served: &Served) -> Nanos {
    served.began - served.job.at
}

fn wait(served: &Served) -> Nanos {
    served.response() - served.job.size
}

impl Report {
    fn add(&mut self, bench: &Bench, policy: &Choice, served: &[Served], slices: &[Slice]) {
        let mut sorted: Vec<_> = served.iter().map(|served| units(served.response())).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |share: f64| sorted[((sorted.len() as f64 * share).ceil() as usize).max(1) - 1];
        let each = |time: &dyn Fn(&Served) -> Nanos| -> Vec<f64> {
            served.iter().map(|served| units(time(served))).collect()
        };
        self.rows.push(
            Row::new("ostep", policy.spec(), bench.seed, served.len() as u64)
                .set("mean", mean(served, Served::response))
                .set("p50", rank(0.5))
                .set("p99", rank(0.99))
                .set("max", rank(1.0))
                .set("response", mean(served, response))
                .set("turnaround", mean(served, Served::response))
                .set("wait", mean(served, wait))
                .set("responses", each(&response))
                .set("turnarounds", each(&Served::response))
                .set("waits", each(&wait))
                .set("quantum", policy.quantum().map(units)),
        );
        let line = |served: &Served| {
            let times = [response(served), served.response(), wait(served)];
            let times = times.iter().map(|&time| format!("{:.2}", units(time)));
            std::iter::once(format!("job {}", served.job.n)).chain(times).collect()
        };
        self.tables.push(Table {
            title: policy.spec().to_string(),
            heads: ["", "response", "turnaround", "wait"].map(String::from).to_vec(),
            lines: served.iter().map(line).collect(),
        });
        self.plots.push(gantt(&self.caption, policy, served.len(), slices));
    }
}

fn averages(rows: &[Row]) -> Table {
    let columns = [
        ("policy", "policy"),
        ("response", "response"),
        ("turnaround", "turnaround"),
        ("wait", "wait"),
    ];
    Table::of("On average, in units", rows, &columns)
}

/// Who ran when: a row for each job, the first one on top.
fn gantt(caption: &str, policy: &Choice, jobs: usize, slices: &[Slice]) -> Plot {
    let row = |n: u64| jobs as f64 - 1.0 - n as f64;
    let series = slices.iter().map(|&(n, from, to)| {
        let ends = [from, to].map(|at| (units(at), row(n)));
        Series::new("", Shape::Span, n as usize, ends)
    });
    Plot {
        title: format!("Who ran when: {}", policy.spec()),
        caption: caption.to_string(),
        x: Axis::linear("time [units]"),
        y: Axis::names("", (0..jobs).rev().map(|n| format!("job {n}"))),
        series: series.collect(),
    }
}
