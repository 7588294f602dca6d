//! How one server is shown: the table, the tails, whom it costs.

use super::{Arrivals, Outcome, Setup};
use crate::dist::Dist;
use crate::plot::{Axis, Plot, Series, Shape};
use crate::report::{Row, Table, short};
use crate::tally::{Tally, spread};
use crate::theory::{Stream, cobham};
use crate::world::units;
use crate::{Bench, Report};

pub(super) fn report(setup: &Setup, bench: &Bench, outcomes: &[Outcome]) -> Report {
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
        tables.push(class_table(setup, outcomes));
    }
    let caption = setup.caption(bench, false, false);
    let mut plots = vec![tail_plot(outcomes, &caption), size_plot(setup, outcomes, &caption)];
    plots.extend(class_plot(setup, outcomes, &caption));
    Report {
        title: "One server: response times under each policy".to_string(),
        plots,
        caption,
        rows,
        tables,
        notes: notes(setup),
    }
}

pub(super) fn notes(setup: &Setup) -> Vec<String> {
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

pub(super) fn row(setup: &Setup, bench: &Bench, outcome: &Outcome) -> Row {
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

/// What the urgent gain against what the others pay: every order that does not look at sizes lies on
/// one line (Kleinrock's conservation law).
fn class_plot(setup: &Setup, outcomes: &[Outcome], caption: &str) -> Option<Plot> {
    if setup.classes != 2 {
        return None;
    }
    let mut series = Vec::new();
    if setup.arrivals == Arrivals::Poisson && setup.switch_cost == 0.0 && setup.load < 1.0 {
        let class = Stream { dist: setup.service, rate: setup.rate() / 2.0 };
        let [urgent, other] = [0, 1].map(|n| cobham(&[class; 2])[n] + setup.service.mean());
        let line = [(urgent, other), (other, urgent)];
        series.push(Series::new("conserved", Shape::Theory, 0, line));
    }
    for (colour, outcome) in outcomes.iter().enumerate() {
        let means = class_means(outcome);
        let point = [(means[0].0, means[1].0)];
        series.push(Series::new(outcome.policy.spec(), Shape::Dots, colour + 1, point));
    }
    Some(Plot {
        title: "What the urgent gain, the others pay".to_string(),
        caption: caption.to_string(),
        x: Axis::linear("mean response time of class 0 [units]"),
        y: Axis::linear("of class 1 [units]"),
        series,
    })
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
