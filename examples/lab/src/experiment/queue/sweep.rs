//! The same for several loads, or several quanta.

use clap::Args;

use super::{Outcome, Setup, not_negative, share, show};
use crate::dist::Dist;
use crate::plot::{Axis, Plot, Series, Shape};
use crate::report::{Row, Table};
use crate::{Bench, Problem, Report};

/// The arguments, of which two may have several values.
#[derive(Args, Clone, Debug)]
pub struct Sweep {
    /// Which share of the time the server is busy; 1 or more needs a number of --jobs
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',', default_value = "0.8",
          value_parser = share)]
    load: Vec<f64>,
    /// After how much work a job gives way, under the policies that slice; 0: never. Unless told,
    /// 0.1 for those that live by it, and never for priority, edf and random
    #[arg(long, value_name = "UNITS,...", value_delimiter = ',', value_parser = not_negative)]
    quantum: Vec<f64>,
    #[command(flatten)]
    setup: Setup,
}

impl Sweep {
    /// The setup, where there is room for one.
    ///
    /// # Errors
    /// When there are several loads or quanta.
    pub fn only(&self) -> Result<Setup, Problem> {
        match &self.setups()[..] {
            [setup] => Ok(setup.clone()),
            _ => Err(Problem::new("--load and --quantum: one of each is allowed here")),
        }
    }

    /// One for each load and quantum.
    pub fn setups(&self) -> Vec<Setup> {
        let quanta = match &self.quantum[..] {
            [] => vec![None],
            quanta => quanta.iter().copied().map(Some).collect(),
        };
        let with = |load, quantum| Setup { load, quantum, ..self.setup.clone() };
        let all = self.load.iter().flat_map(|&load| quanta.iter().map(move |&q| with(load, q)));
        all.collect()
    }
}

/// What varies.
#[derive(Clone, Copy, PartialEq)]
enum Along {
    Load,
    Quantum,
}

impl Along {
    fn key(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Quantum => "quantum",
        }
    }
}

pub(super) fn report(bench: &Bench, points: &[(Setup, Vec<Outcome>)]) -> Report {
    let first = &points[0].0;
    let quanta = points.iter().any(|(setup, _)| setup.quantum != first.quantum);
    let along = if quanta { Along::Quantum } else { Along::Load };
    // A policy that cannot slice has no quantum, but its place in the sweep.
    let place = |setup: &Setup, row: Row| row.set("quantum", setup.quantum);
    let rows: Vec<Row> = points
        .iter()
        .flat_map(|(setup, outcomes)| outcomes.iter().map(move |outcome| (setup, outcome)))
        .map(|(setup, outcome)| place(setup, show::row(setup, bench, outcome)))
        .collect();
    let loads = points.iter().any(|(setup, _)| setup.load != first.load);
    let caption = first.caption(bench, loads, quanta);
    let both = loads && quanta;
    let name = |row: &Row| match both {
        true => format!("{}, load {}", row.text("policy"), row.number("load").unwrap_or(0.0)),
        false => row.text("policy").to_string(),
    };
    let table = |title, key| Table::across(title, &rows, name, along.key(), key);
    Report {
        title: format!("One server: response times, by {}", along.key()),
        plots: vec![
            plot("The mean", "mean", along, &rows, name, (first, &caption)),
            plot("The tail: 99th percentile", "p99", along, &rows, name, (first, &caption)),
        ],
        tables: [
            ("Mean response time, in units", "mean"),
            ("The same in theory", "theory_mean"),
            ("99th percentile", "p99"),
        ]
        .into_iter()
        .filter(|(_, key)| rows.iter().any(|row| row.number(key).is_some()))
        .map(|(title, key)| table(title, key))
        .collect(),
        notes: show::notes(first),
        caption,
        rows,
    }
}

fn plot(
    title: &str,
    key: &str,
    along: Along,
    rows: &[Row],
    name: impl Fn(&Row) -> String,
    (setup, caption): (&Setup, &str),
) -> Plot {
    let mut names: Vec<String> = Vec::new();
    rows.iter().map(&name).for_each(|name| {
        if !names.contains(&name) {
            names.push(name);
        }
    });
    let mut series = Vec::new();
    for (colour, policy) in names.into_iter().enumerate() {
        let points = |key: &str| {
            let of = rows.iter().filter(|row| name(row) == policy);
            let mut points: Vec<_> =
                of.filter_map(|row| Some((row.number(along.key())?, row.number(key)?))).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points
        };
        series.push(Series::new("", Shape::Theory, colour, points(&format!("theory_{key}"))));
        series.push(Series::new(policy.as_str(), Shape::Points, colour, points(key)));
    }
    if let (Along::Quantum, Some(least)) = (along, least_quantum(setup)) {
        let label = "too short to keep up";
        series.push(Series::new(label, Shape::Bound, 6, [(least, 1.0)]));
    }
    Plot {
        title: format!("{title}, by {} (dashed: theory)", along.key()),
        caption: caption.to_string(),
        x: match along {
            Along::Load => Axis::linear("load"),
            Along::Quantum => Axis::log("quantum [units]"),
        },
        y: Axis::log("response time [units]"),
        series,
    }
}

/// The quantum at which jobs and switches fill all of the time, where that is known.
fn least_quantum(setup: &Setup) -> Option<f64> {
    let atoms = setup.service.atoms();
    let switches = |quantum: f64| match setup.service {
        Dist::Exp => 1.0 / (1.0 - (-quantum).exp()),
        _ => atoms.iter().map(|&(size, share)| share * (size / quantum).ceil()).sum(),
    };
    let load =
        |quantum| setup.rate() * (setup.service.mean() + setup.switch_cost * switches(quantum));
    if setup.switch_cost == 0.0 || (setup.service != Dist::Exp && atoms.is_empty()) {
        return None;
    }
    let (mut short, mut long) = (1e-4, 1e4);
    if load(short) < 1.0 || load(long) > 1.0 {
        return None;
    }
    while long / short > 1.001 {
        let middle = (short * long).sqrt();
        if load(middle) < 1.0 { long = middle } else { short = middle }
    }
    Some(long)
}

#[cfg(test)]
mod tests {
    use super::super::super::Experiment;
    use super::*;
    use clap::FromArgMatches;

    #[test]
    fn a_quantum_is_too_short_when_switches_fill_what_jobs_leave() {
        let least = |line: &str| {
            let command = super::super::Queue.command().no_binary_name(true);
            let matches = command.try_get_matches_from(line.split(' ')).unwrap();
            least_quantum(&Sweep::from_arg_matches(&matches).unwrap().setups()[0])
        };
        // 0.7 (1 + 0.05 / (1 - e^-q)) = 1.
        let known = -(1.0 - 0.05 * 0.7 / 0.3_f64).ln();
        assert!((least("--load 0.7 --switch-cost 0.05").unwrap() / known - 1.0).abs() < 2e-3);
        assert_eq!(least("--load 0.7"), None);
        assert_eq!(least("--load 0.7 --switch-cost 0.05 --service uniform"), None);
        // Half of the jobs work 1 and take one switch, the others 3: with q from 1, no more than 3.
        let two = "--load 0.8 --switch-cost 0.2 --service bimodal:0.5,1,3";
        assert!((least(two).unwrap() - 1.0).abs() < 2e-3, "{:?}", least(two));
    }
}
