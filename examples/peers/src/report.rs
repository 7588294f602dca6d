//! The table, and the same as JSON.

use anstream::println;
use comfy_table::CellAlignment;
use comfy_table::presets::NOTHING;

use crate::run::{Cell, Row};
use crate::work::Table;

/// The rows that are compared by the same columns, one table.
pub fn tables(rows: &[Row]) {
    for which in [Table::Runtimes, Table::Policies] {
        let rows: Vec<_> = rows.iter().filter(|row| row.table == which).collect();
        if !rows.is_empty() {
            table(&rows);
        }
    }
}

fn table(rows: &[&Row]) {
    let mut columns: Vec<&str> = Vec::new();
    for cell in rows.iter().flat_map(|row| &row.cells) {
        if !columns.contains(&cell.column) {
            columns.push(cell.column);
        }
    }
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING);
    table.set_header(["", ""].into_iter().chain(columns.iter().copied()));
    for row in rows {
        let shown = columns.iter().map(|column| {
            let cell = row.cells.iter().find(|cell| cell.column == *column);
            cell.map_or_else(|| "-".to_string(), show)
        });
        table.add_row([row.name.clone(), row.unit.name().to_string()].into_iter().chain(shown));
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}

fn show(cell: &Cell) -> String {
    format!("{} {:>5.2}x", number(cell.median), cell.ratio)
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// An object a line for each figure on each runtime.
pub fn json(rows: &[Row]) {
    for row in rows {
        for Cell { column, median, least, most, ratio } in &row.cells {
            println!(
                "{{\"work\":\"{}\",\"runtime\":\"{column}\",\"{}\":{median:.3},\
                 \"least\":{least:.3},\"most\":{most:.3},\"ratio\":{ratio:.4}}}",
                row.name,
                row.unit.name(),
            );
        }
    }
}
