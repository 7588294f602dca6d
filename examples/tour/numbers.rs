//! The numbers of the runs, side by side.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstream::println;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use turno::task::Nanos;

use crate::record::{Record, Recording};

type Run = (&'static str, &'static str, Recording);

fn ms(time: Nanos) -> String {
    format!("{:.1}", time as f64 / 1e6)
}

fn longest_wait(record: &Record) -> Nanos {
    record.columns.iter().map(|column| column.waited).max().unwrap_or(0)
}

/// Of the time for which a group's tasks were ready or ran, the part in which they ran; and Jain's
/// index of these parts over the groups: 1 if all got the same part of what they wanted, 1/n if one
/// of n got all. (Jain, Chiu, Hawe 1984.)
fn fairness(record: &Record) -> f64 {
    let mut ran_and_waited: BTreeMap<u32, (Nanos, Nanos)> = BTreeMap::new();
    for column in &record.columns {
        let (ran, waited) = ran_and_waited.entry(record.rows[column.row].group).or_default();
        *ran += column.ran;
        *waited += column.waited;
    }
    // `main` only waits for the others: a group that never runs wants nothing.
    let parts = ran_and_waited.values().filter(|(ran, _)| *ran > 0);
    let parts: Vec<f64> = parts.map(|&(ran, waited)| ran as f64 / (ran + waited) as f64).collect();
    let sum: f64 = parts.iter().sum();
    let squares: f64 = parts.iter().map(|part| part * part).sum();
    sum * sum / (parts.len() as f64 * squares)
}

/// The mean time that the tasks of a row were ready before they ran.
fn mean_wait(record: &Record, row: usize) -> Nanos {
    let waits = record.columns.iter().filter(|column| column.row == row).map(|c| c.waited);
    let (count, sum) = waits.fold((0, 0), |(count, sum), wait| (count + 1, sum + wait));
    sum / count.max(1)
}

pub fn table(runs: &[Run]) {
    println!("\nThe same work, side by side. Times in ms; in brackets the mean wait for a turn.\n");
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(std::iter::once("").chain(runs.iter().map(|(name, ..)| *name)));
    let mut row = |label: String, value: &dyn Fn(&Record) -> String| {
        let values = runs.iter().map(|(.., recording)| value(&recording.read()));
        table.add_row(std::iter::once(label).chain(values));
    };
    row("switches".into(), &|record| record.columns.len().to_string());
    row("longest wait".into(), &|record| ms(longest_wait(record)));
    row("fairness (1 is best)".into(), &|record| format!("{:.2}", fairness(record)));
    let rows = runs.first().map_or(0, |(.., recording)| recording.read().rows.len());
    for index in 0..rows {
        let name = |recording: &Recording| recording.read().rows[index].name.clone();
        let name = runs.first().map(|(.., recording)| name(recording)).unwrap_or_default();
        row(format!("{name} finished"), &|record| {
            let at = record.rows.iter().position(|row| row.name == name);
            at.map_or_else(String::new, |at| {
                format!("{} ({})", ms(record.rows[at].finished_at), ms(mean_wait(record, at)))
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
        let record = recording.read();
        let comma = if i == 0 { "" } else { "," };
        let (wait, fair) = (longest_wait(&record), fairness(&record));
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "{comma}\n{{\"policy\":\"{name}\",\"switches\":{},\"longest_wait_ns\":{wait},\
             \"fairness\":{fair:.4},\"columns\":[",
            record.columns.len()
        );
        for (j, column) in record.columns.iter().enumerate() {
            let comma = if j == 0 { "" } else { "," };
            let by = column.by.map_or("null".into(), |by| format!("\"{}\"", record.rows[by].name));
            let _ = write!(
                out,
                "{comma}\n  {{\"task\":\"{}\",\"cause\":\"{}\",\"by\":{by},\"at_ns\":{},\
                 \"waited_ns\":{},\"ran_ns\":{},\"reason\":\"{}\"}}",
                record.rows[column.row].name,
                column.cause,
                column.at,
                column.waited,
                column.ran,
                column.reason
            );
        }
        out.push_str("\n]}");
    }
    out.push_str("\n]");
    out
}
