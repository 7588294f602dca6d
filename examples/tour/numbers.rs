//! The numbers of the runs, side by side.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use print::println;
use turno::task::{Cause, Left, Nanos};
use turno::trace::{Recording, Switch};

type Run = (&'static str, &'static str, Recording);

pub fn ms(time: Nanos) -> String {
    format!("{:.1}", time as f64 / 1e6)
}

pub fn longest_wait(recording: &Recording) -> Nanos {
    recording.switches().map(|switch| switch.waited).max().unwrap_or(0)
}

/// The switches of the tasks of one name.
fn of<'a>(recording: &'a Recording, name: &str) -> impl Iterator<Item = Switch<'a>> {
    recording.switches().filter(move |switch| recording.label(switch.task) == name)
}

/// Of the time for which a group's tasks were ready or ran, the part in which they ran; and Jain's
/// index of these parts over the groups: 1 if all got the same part of what they wanted, 1/n if one
/// of n got all. (Jain, Chiu, Hawe 1984.)
pub fn fairness(recording: &Recording) -> f64 {
    let mut ran_and_waited: BTreeMap<u32, (Nanos, Nanos)> = BTreeMap::new();
    for switch in recording.switches() {
        let group = recording.task(switch.task).map_or(0, |task| task.group);
        let (ran, waited) = ran_and_waited.entry(group).or_default();
        *ran += switch.ran;
        *waited += switch.waited;
    }
    // `main` only waits for the others: a group that never runs wants nothing.
    let parts = ran_and_waited.values().filter(|(ran, _)| *ran > 0);
    let parts: Vec<f64> = parts.map(|&(ran, waited)| ran as f64 / (ran + waited) as f64).collect();
    let sum: f64 = parts.iter().sum();
    let squares: f64 = parts.iter().map(|part| part * part).sum();
    sum * sum / (parts.len() as f64 * squares)
}

/// The mean time that the tasks of one name were ready before they ran.
fn mean_wait(recording: &Recording, name: &str) -> Nanos {
    let waits = of(recording, name).map(|switch| switch.waited);
    let (count, sum) = waits.fold((0, 0), |(count, sum), wait| (count + 1, sum + wait));
    sum / count.max(1)
}

/// When the last of them finished.
fn finished_at(recording: &Recording, name: &str) -> Option<Nanos> {
    let ends = of(recording, name).filter(|switch| switch.left == Some(Left::Done));
    ends.map(|switch| switch.at + switch.ran).last()
}

pub fn table(runs: &[Run]) {
    println!("\nThe same work, side by side. Times in ms; in brackets the mean wait for a turn.\n");
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(std::iter::once("").chain(runs.iter().map(|(name, ..)| *name)));
    let mut row = |label: String, value: &dyn Fn(&Recording) -> String| {
        let values = runs.iter().map(|(.., recording)| value(recording));
        table.add_row(std::iter::once(label).chain(values));
    };
    row("switches".into(), &|recording| recording.switches().count().to_string());
    row("longest wait".into(), &|recording| ms(longest_wait(recording)));
    row("fairness (1 is best)".into(), &|recording| format!("{:.2}", fairness(recording)));
    let tasks = runs.first().map(|(.., recording)| &recording.tasks[..]).unwrap_or_default();
    let mut names: Vec<String> = tasks.iter().map(|task| task.label()).collect();
    names.dedup(); // Those of one name were spawned one after the other.
    for name in names {
        row(format!("{name} finished"), &|recording| {
            finished_at(recording, &name).map_or_else(String::new, |at| {
                format!("{} ({})", ms(at), ms(mean_wait(recording, &name)))
            })
        });
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    println!(
        "\nNo policy is the best one: low waits for `web` and `pulse` are paid for by the others."
    );
    println!("Write your own in 30 lines: cargo run --example my_policy");
}

/// All runs as JSON: one object each, with its switches.
pub fn json(runs: &[Run]) -> String {
    let mut out = String::from("[");
    for (i, (name, _, recording)) in runs.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let (wait, fair) = (longest_wait(recording), fairness(recording));
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "{comma}\n{{\"policy\":\"{name}\",\"switches\":{},\"longest_wait_ns\":{wait},\
             \"fairness\":{fair:.4},\"columns\":[",
            recording.switches().count()
        );
        for (j, switch) in recording.switches().enumerate() {
            let comma = if j == 0 { "" } else { "," };
            let by = match switch.cause {
                Some(Cause::Task(id) | Cause::Spawn { by: Some(id) }) => {
                    format!("\"{}\"", recording.label(id))
                }
                _ => "null".to_string(),
            };
            let _ = write!(
                out,
                "{comma}\n  {{\"task\":\"{}\",\"cause\":\"{}\",\"by\":{by},\"at_ns\":{},\
                 \"waited_ns\":{},\"ran_ns\":{},\"reason\":\"{}\"}}",
                recording.label(switch.task),
                switch.cause.map(|cause| cause.to_string()).unwrap_or_default(),
                switch.at,
                switch.waited,
                switch.ran,
                switch.reason
            );
        }
        out.push_str("\n]}");
    }
    out.push_str("\n]");
    out
}
