//! What came out of an experiment: rows for machines, and tables, plots and notes for people.

use std::fmt;
use std::ops::Index;

use anstyle::Style;
use comfy_table::{CellAlignment, Table as Grid, presets};
use serde_json::{Map, Value};

use crate::plot::{Axis, Plot, Series, Shape};

/// What came out of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was asked, in a line.
    pub title: String,
    /// Under what conditions: seed, jobs, quantum and the like.
    pub caption: String,
    /// One object per policy, or per policy and point.
    pub rows: Vec<Row>,
    /// For people.
    pub tables: Vec<Table>,
    /// For people.
    pub plots: Vec<Plot>,
    /// How to read it, and what to doubt.
    pub notes: Vec<String>,
}

impl Report {
    /// What is left of it for a comparison of all policies: one table, the best mean first, and one
    /// plot.
    pub fn compared(mut self) -> Self {
        self.tables.truncate(1);
        self.plots.truncate(1);
        let names: Vec<_> = self.rows.iter().map(|row| row.text("policy").to_string()).collect();
        let once =
            names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1);
        let comparable = self.rows.iter().all(|row| row.number("mean").is_some());
        if !once || !comparable {
            return self;
        }
        let mean = |row: &Row| row.number("mean").unwrap_or(f64::INFINITY);
        self.rows.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        let place = |name: &str| self.rows.iter().position(|row| row.text("policy") == name);
        for table in &mut self.tables {
            table.lines.sort_by_key(|line| line.first().and_then(|name| place(name)));
        }
        self.plots = vec![self.bars()];
        self
    }

    /// Mean and tail of all policies, side by side.
    fn bars(&self) -> Plot {
        let all = |key: &str| {
            let values: Vec<_> = self.rows.iter().map(|row| row.number(key)).collect();
            (0..).zip(values).filter_map(|(n, value)| Some((f64::from(n), value?)))
        };
        let names = self.rows.iter().map(|row| row.text("policy").to_string());
        Plot {
            title: format!("{}: mean and tail", self.title),
            caption: self.caption.clone(),
            x: Axis::names("", names),
            y: Axis::log("units"),
            series: vec![
                Series::new("mean", Shape::Bars, 0, all("mean")),
                Series::new("99th percentile", Shape::Bars, 5, all("p99")),
                Series::new("mean in theory", Shape::Dots, 1, all("theory_mean")),
            ],
        }
    }
}

/// One object: names and values, in the order in which they were set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(Map<String, Value>);

impl Row {
    /// A row that begins as every row does; the fields of all rows that are not set later are null.
    pub fn new(experiment: &str, policy: &str, seed: u64, jobs: u64) -> Self {
        let mut row = Self::default()
            .set("experiment", experiment)
            .set("policy", policy)
            .set("seed", seed)
            .set("jobs", jobs);
        for key in ["mean", "p50", "p99", "max", "theory_mean"] {
            row.0.insert(key.to_string(), Value::Null);
        }
        row
    }

    /// With one more value; what is not a finite number is null.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_string(), value.into());
        self
    }

    /// The number of that name.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    /// The text of that name.
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The names and values, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The row in one line, for machines.
    pub fn json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

impl Index<&str> for Row {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or(&Value::Null)
    }
}

/// A table for people.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names of the columns, with units.
    pub heads: Vec<String>,
    /// The cells, line by line.
    pub lines: Vec<Vec<String>>,
}

impl Table {
    /// Some fields of the rows: `columns` has their names and what stands above them. A column in
    /// which no row has a value is left out.
    pub fn of(title: &str, rows: &[Row], columns: &[(&str, &str)]) -> Self {
        let has = |key: &str| rows.iter().any(|row| !row[key].is_null());
        let columns: Vec<_> = columns.iter().filter(|(key, _)| has(key)).collect();
        let line = |row: &Row| columns.iter().map(|(key, _)| cell(&row[*key])).collect();
        Self {
            title: title.to_string(),
            heads: columns.iter().map(|(_, head)| head.to_string()).collect(),
            lines: rows.iter().map(line).collect(),
        }
    }
}

impl Table {
    /// The field `key` of the rows, a line for each `line` and a column for each value of the field
    /// `across`, both in the order of their first coming.
    pub fn across(
        title: &str,
        rows: &[Row],
        line: impl Fn(&Row) -> String,
        across: &str,
        key: &str,
    ) -> Self {
        let (mut heads, mut lines) = (vec![String::new()], Vec::<Vec<String>>::new());
        for row in rows {
            let (name, head) = (line(row), cell(&row[across]));
            let column = heads.iter().skip(1).position(|known| *known == head);
            let column = column.map_or(heads.len(), |column| column + 1);
            if column == heads.len() {
                heads.push(head);
            }
            let at = lines.iter().position(|line| line[0] == name).unwrap_or_else(|| {
                lines.push(vec![name]);
                lines.len() - 1
            });
            let width = heads.len().max(lines[at].len());
            lines[at].resize(width, String::new());
            lines[at][column] = cell(&row[key]);
        }
        heads[0] = across.replace('_', " ");
        let width = heads.len();
        lines.iter_mut().for_each(|line| line.resize(width, String::new()));
        Self { title: title.to_string(), heads, lines }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            (_, Some(number)) => short(number),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// A number with four digits that matter, or all of those before the point.
pub fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let before = number.abs().log10().floor() as i32 + 1;
    let digits = (4 - before).clamp(0, 6) as usize;
    format!("{number:.digits$}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
        writeln!(f, "{bold}{}{bold:#}", self.title)?;
        writeln!(f, "{dim}{}{dim:#}", self.caption)?;
        for table in &self.tables {
            writeln!(f, "\n{}", table.title)?;
            writeln!(f, "{table}")?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        grid.set_header(&self.heads);
        self.lines.iter().for_each(|line| {
            grid.add_row(line);
        });
        for column in grid.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        f.write_str(&grid.trim_fmt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_four_digits_that_matter() {
        let short = |number| super::short(number);
        assert_eq!(
            [short(5.0034), short(0.012345), short(12345.6), short(0.0)],
            ["5.003", "0.01235", "12346", "0"]
        );
    }

    #[test]
    fn what_nobody_has_is_no_column_and_what_is_no_number_is_null() {
        let row = Row::new("queue", "fifo", 7, 3).set("mean", 1.5).set("p99", f64::NAN);
        let table = Table::of(
            "",
            std::slice::from_ref(&row),
            &[("policy", "policy"), ("p99", "p99"), ("mean", "mean")],
        );
        assert_eq!(table.heads, ["policy", "mean"]);
        assert_eq!(
            row.json(),
            r#"{"experiment":"queue","policy":"fifo","seed":7,"jobs":3,"mean":1.5,"p50":null,"#
                .to_string()
                + r#""p99":null,"max":null,"theory_mean":null}"#
        );
    }
}
