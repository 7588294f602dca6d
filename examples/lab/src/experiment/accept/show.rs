//! How it is shown: the table, the makespan by what a process accepts, and who served how many.

use std::time::Duration;

use super::{First, Most, Outcome, Setup};
use crate::bench::Time;
use crate::plot::{Axis, Plot, Series, Shape};
use crate::report::{Row, Table, short};
use crate::tally::spread;
use crate::world::units;
use crate::{Bench, Report};

type Runs = (Most, Vec<Outcome>);

pub(super) fn report(setup: &Setup, bench: &Bench, runs: &[Runs]) -> Report {
    let rows: Vec<Row> = runs.iter().map(|(most, of)| row(setup, bench, *most, of)).collect();
    let caption = caption(setup, bench);
    let mut plots = plots(setup, &rows, &caption);
    plots.extend(runs.iter().filter_map(|(most, of)| shares(*most, of.last()?, &caption)));
    Report {
        title: "Accept: processes that share a listening socket".to_string(),
        tables: vec![table(&rows)],
        plots,
        notes: notes(setup, bench, &rows),
        caption,
        rows,
    }
}

fn caption(setup: &Setup, bench: &Bench) -> String {
    let real = bench.clock == Time::Real;
    let late = setup.late_request.map(|late| format!(", sent {late:?} late"));
    format!(
        "{} processes, {} requests{} of {:?}, {}{}{} clock{}, runs {}",
        setup.processes,
        setup.requests,
        late.unwrap_or_default(),
        setup.service,
        if setup.reuseport { "a socket for each, " } else { "one socket, " },
        if setup.spawn { "a task for each connection, " } else { "" },
        if real { "real" } else { "virtual" },
        match (real, setup.first) {
            (true, First::Clients) => ", clients first".to_string(),
            (true, First::Processes) => ", processes first".to_string(),
            _ => format!(", seed {}", bench.seed),
        },
        bench.runs
    )
}

fn row(setup: &Setup, bench: &Bench, most: Most, runs: &[Outcome]) -> Row {
    let over = |f: &dyn Fn(&Outcome) -> f64| {
        let values: Vec<f64> = runs.iter().map(f).collect();
        spread(&values)
    };
    let mut times: Vec<f64> =
        runs.iter().flat_map(|run| &run.answers).map(|&at| units(at)).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len() - 1));
    let end = |run: &Outcome| run.answers.iter().copied().max().map_or(0.0, units);
    let served = |run: &Outcome| run.served.iter().map(|&n| n as f64).collect::<Vec<_>>();
    let most_served = |run: &Outcome| served(run).into_iter().fold(0.0, f64::max);
    let least = |run: &Outcome| served(run).into_iter().fold(f64::INFINITY, f64::min);
    let busy = |run: &Outcome| run.served.iter().filter(|&&n| n > 0).count() as f64;
    let jain = |run: &Outcome| {
        let (sum, squares) = served(run).iter().fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        sum * sum / (run.served.len() as f64 * squares)
    };
    let cost = |f: &dyn Fn(&super::Costs) -> Option<f64>| {
        let values: Option<Vec<f64>> =
            runs.iter().map(|run| run.costs.as_ref().and_then(f)).collect();
        values.map(|values| spread(&values).0)
    };
    let late: Vec<f64> = runs.iter().filter_map(|run| run.late).map(units).collect();
    let each = runs.last().map(|run| run.served.clone()).unwrap_or_default();
    let jobs = times.len() as u64;
    Row::new("accept", &format!("accept {most}"), bench.seed, jobs)
        .set("mean", times.iter().sum::<f64>() / jobs as f64)
        .set("p50", at(0.5).copied())
        .set("p99", at(0.99).copied())
        .set("max", times.last().copied())
        .set("accept", most.to_string())
        .set("clock", if bench.clock == Time::Real { "real" } else { "virtual" })
        .set("processes", setup.processes)
        .set("service", millis(setup.service))
        .set("makespan", over(&end).0)
        .set("makespan_ci", over(&end).1)
        .set("theory_makespan", setup.makespan(most).map(millis))
        .set("most", runs.iter().map(most_served).fold(0.0, f64::max))
        .set("least", runs.iter().map(least).fold(f64::INFINITY, f64::min))
        .set("at_work", over(&busy).0)
        .set("jain", over(&jain).0)
        .set("visits", over(&|run| run.visits as f64).0)
        .set("wake_ups", cost(&|costs| Some(costs.wake_ups as f64)))
        .set("switches", cost(&|costs| Some(costs.switches as f64)))
        .set("kernel_switches", cost(&|costs| costs.kernel_switches.map(|n| n as f64)))
        .set("cpu", cost(&|costs| Some(units(costs.cpu))))
        .set("late_wait", (!late.is_empty()).then(|| spread(&late).0))
        .set("late_wait_max", late.iter().copied().reduce(f64::max))
        .set("served", each)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn table(rows: &[Row]) -> Table {
    let seconds = |key: &str, row: &Row| {
        row.number(key).map_or(String::new(), |ms| format!("{:.2} s", ms / 1e3))
    };
    let whole = |key: &str, row: &Row| row.number(key).map_or(String::new(), |n| format!("{n:.0}"));
    let few = |key: &str, row: &Row| row.number(key).map_or(String::new(), short);
    type Cell<'a> = &'a dyn Fn(&str, &Row) -> String;
    let columns: [(&str, &str, Cell); 14] = [
        ("accept", "accept", &|key, row| row.text(key).to_string()),
        ("makespan", "done in", &seconds),
        ("makespan_ci", "±", &seconds),
        ("theory_makespan", "theory", &seconds),
        ("mean", "mean", &seconds),
        ("most", "busiest", &whole),
        ("least", "idlest", &whole),
        ("at_work", "at work", &whole),
        ("visits", "visits", &whole),
        ("wake_ups", "wake-ups", &whole),
        ("switches", "switches", &whole),
        ("kernel_switches", "kernel's", &whole),
        ("cpu", "cpu, ms", &few),
        ("late_wait", "late client waits, ms", &few),
    ];
    let columns = columns.iter().filter(|(key, ..)| rows.iter().any(|row| !row[*key].is_null()));
    let line = |row: &Row| columns.clone().map(|(key, _, cell)| cell(key, row)).collect();
    Table {
        title: "Until all requests are answered, and who answered how many".to_string(),
        heads: columns.clone().map(|(_, head, _)| head.to_string()).collect(),
        lines: rows.iter().map(line).collect(),
    }
}

fn notes(setup: &Setup, bench: &Bench, rows: &[Row]) -> Vec<String> {
    let mut notes = vec![format!(
        "Theory: {} x (K x the full rounds of {} x K, and what is left, at most K); busiest and \
         idlest: how many requests one process served. Visits: how often a process looked at the \
         listening socket.",
        format_args!("{:?}", setup.service),
        setup.processes
    )];
    if bench.clock == Time::Real && setup.first == First::Processes {
        notes.push(
            "Processes first: each takes what is there when it wakes, so it is a race; theory is \
             for clients that are all there."
                .to_string(),
        );
    }
    if setup.reuseport {
        notes.push(
            "With a socket for each, the kernel gives out connections by a hash, whoever is idle: \
             no theory but that of balls in bins (500 in 80 bins: 13 in the fullest, on average)."
                .to_string(),
        );
    }
    if setup.spawn && setup.late_request.is_some() {
        notes.push(
            "One at a time bounds nothing if connections wait in tasks of their own: theory is \
             that of a process that holds all."
                .to_string(),
        );
    }
    if bench.clock == Time::Real && rows.iter().any(|row| row.number("cpu").is_some()) {
        notes.push(
            "Wake-ups: how often a socket woke a task; switches: the runtimes' own; both, and cpu, \
             of all processes together, without their start."
                .to_string(),
        );
    }
    notes
}

fn plots(setup: &Setup, rows: &[Row], caption: &str) -> Vec<Plot> {
    if rows.len() < 2 {
        return Vec::new();
    }
    let at = |row: &Row| {
        let accept = row.text("accept").parse().unwrap_or(f64::from(setup.requests));
        accept.min(f64::from(setup.requests))
    };
    let series = |name: &str, key: &str, shape, colour, scale: f64| {
        let mut points: Vec<_> =
            rows.iter().filter_map(|row| Some((at(row), row.number(key)? * scale))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series::new(name, shape, colour, points)
    };
    let plot = |title: &str, y: &str, mut series: Vec<Series>| {
        series.retain(|series| !series.points.is_empty());
        let x = Axis::log("connections that a process accepts before it serves them");
        let (title, caption) = (title.to_string(), caption.to_string());
        Plot { title, caption, x, y: Axis::log(y), series }
    };
    let done = vec![
        series("theory", "theory_makespan", Shape::Theory, 0, 1e-3),
        series("all answered", "makespan", Shape::Points, 0, 1e-3),
        series("mean", "mean", Shape::Points, 5, 1e-3),
        Series::new("the talk", Shape::Dots, 1, the_talk(setup)),
    ];
    let cost = vec![
        series("visits", "visits", Shape::Points, 0, 1.0),
        series("wake-ups", "wake_ups", Shape::Points, 1, 1.0),
        series("switches", "switches", Shape::Points, 2, 1.0),
        series("the kernel's switches", "kernel_switches", Shape::Points, 3, 1.0),
    ];
    vec![
        plot("What a process holds, nobody else can serve", "time [s]", done),
        plot("What coming more often costs", "in all processes", cost),
    ]
}

/// What the talk says of its case: 600 ms and 50 s.
fn the_talk(setup: &Setup) -> Vec<(f64, f64)> {
    let case = (setup.processes, setup.requests, setup.service.as_millis());
    if case == (80, 500, 100) { vec![(1.0, 0.6), (500.0, 50.0)] } else { Vec::new() }
}

/// Who served how many, the busiest first.
fn shares(most: Most, run: &Outcome, caption: &str) -> Option<Plot> {
    let mut served = run.served.clone();
    served.sort_unstable_by(|a, b| b.cmp(a));
    // Only some of the names fit.
    let step = served.len().div_ceil(10);
    let name = |n: usize| if n.is_multiple_of(step) { (n + 1).to_string() } else { String::new() };
    let busy = served.iter().filter(|&&n| n > 0).count();
    let points = (0..).zip(&served).map(|(n, &served)| (f64::from(n), served as f64));
    Some(Plot {
        title: format!("Accept {most}: {busy} of {} processes at work", served.len()),
        caption: caption.to_string(),
        x: Axis::names("processes, the busiest first", (0..served.len()).map(name)),
        y: Axis::linear("requests served"),
        series: vec![Series::new("", Shape::Bars, 0, points)],
    })
}
