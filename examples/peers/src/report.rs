//! The tables, and the same as JSON.

use anstyle::{Ansi256Color, AnsiColor, Style};
use comfy_table::CellAlignment;
use comfy_table::presets::NOTHING;
use print::println;

use crate::run::{Cell, Row};
use crate::work::Table;

const CHEAPER: Style = AnsiColor::Red.on_default();
// Of the 16, green cannot be read on white.
const DEARER: Style = Ansi256Color(28).on_default();
const BASE: Style = Style::new().bold();
const PLAIN: Style = Style::new();

/// The rows that are compared by the same columns, one table.
pub fn tables(rows: &[Row]) {
    for which in [Table::Runtimes, Table::Mixed, Table::Policies, Table::Watchers] {
        let rows: Vec<_> = rows.iter().filter(|row| row.table == which).collect();
        if !rows.is_empty() {
            println!("{}\n", if which == Table::Runtimes { table(&rows) } else { turned(&rows) });
        }
    }
    println!(
        "The ratio is to the first of a row or column. {DEARER}Dearer{DEARER:#} and \
         {CHEAPER}cheaper{CHEAPER:#} have a colour where all samples\nof the two lie apart; \
         elsewhere it may be chance."
    );
}

fn table(rows: &[&Row]) -> comfy_table::Table {
    let columns = columns(rows);
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING);
    table.set_header(["", ""].into_iter().chain(columns.iter().copied()));
    for row in rows {
        let shown = columns.iter().map(|column| show(row, column));
        table.add_row([row.name.clone(), row.unit.short().to_string()].into_iter().chain(shown));
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The same with a line for each column, for there are too many of them for the width of a screen.
fn turned(rows: &[&Row]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING);
    let title = |row: &&Row| format!("{} {}", row.name, row.unit.short());
    table.set_header([String::new()].into_iter().chain(rows.iter().map(title)));
    for column in columns(rows) {
        let shown = rows.iter().map(|row| show(row, column));
        table.add_row([column.to_string()].into_iter().chain(shown));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What is compared in these rows, in the order in which it first comes.
fn columns<'a>(rows: &[&'a Row]) -> Vec<&'a str> {
    let mut columns = Vec::new();
    for cell in rows.iter().flat_map(|row| &row.cells) {
        if !columns.contains(&cell.column) {
            columns.push(cell.column);
        }
    }
    columns
}

fn show(row: &Row, column: &str) -> String {
    let base = &row.cells[0];
    let Some(cell) = row.cells.iter().find(|cell| cell.column == column) else {
        return "-".to_string();
    };
    if cell.ratio.is_nan() {
        return format!("{}       ", number(cell.median));
    }
    let apart = cell.most < base.least || cell.least > base.most;
    let style = match (apart, cell.ratio > 1.0) {
        _ if cell.column == base.column => BASE,
        (false, _) => PLAIN,
        (true, true) => DEARER,
        (true, false) => CHEAPER,
    };
    format!("{} {style}{:>5.2}x{style:#}", number(cell.median), cell.ratio)
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v if v < 10_000.0 => format!("{v:.0}"),
        v if v < 100_000.0 => format!("{:.1}k", v / 1e3),
        v => format!("{:.0}k", v / 1e3),
    }
}

/// An object a line for each figure in each column.
pub fn json(rows: &[Row]) {
    for row in rows {
        let compared = match row.table {
            Table::Runtimes | Table::Mixed => "runtime",
            Table::Policies => "policy",
            Table::Watchers => "watcher",
        };
        for Cell { column, median, least, most, ratio } in &row.cells {
            let ratio = if ratio.is_nan() { "null".to_string() } else { format!("{ratio:.4}") };
            println!(
                "{{\"work\":\"{}\",\"{compared}\":\"{column}\",\"{}\":{median:.3},\
                 \"least\":{least:.3},\"most\":{most:.3},\"ratio\":{ratio}}}",
                row.name,
                row.unit.name(),
            );
        }
    }
}
