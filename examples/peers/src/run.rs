//! Measuring: for each work, round after round, each runtime in its turn, all on one processor.
//!
//! What changes while it runs (the clock rate, a neighbour, the heap) so meets all of them, and the
//! median over the rounds leaves out those it met alone. Each round starts with another runtime, so
//! that nobody always comes after the same one.

use std::io;

use indicatif::{ProgressBar, ProgressStyle};

use crate::pin;
use crate::work::{Scale, Table, Unit, Work};

/// What was measured of one figure of one work.
pub struct Row {
    pub table: Table,
    /// `echo-64`, or with the figure's label `echo-64 cpu`.
    pub name: String,
    pub unit: Unit,
    pub cells: Vec<Cell>,
}

/// What was measured on one runtime.
pub struct Cell {
    pub column: &'static str,
    pub median: f64,
    pub least: f64,
    pub most: f64,
    /// How many times as much it costs as in the first column: below 1 it is cheaper. Not a number
    /// if there was none of it there.
    pub ratio: f64,
}

impl Cell {
    fn new(column: &'static str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (least, most) = (values[0], values[values.len() - 1]);
        let middle = [values[(values.len() - 1) / 2], values[values.len() / 2]];
        Self { column, median: (middle[0] + middle[1]) / 2.0, least, most, ratio: 1.0 }
    }
}

/// Measures all the works.
pub fn all(works: &[Work], rounds: usize, quick: bool) -> io::Result<Vec<Row>> {
    let (here, there) = pin::two()?;
    pin::stay_on(here)?;
    let scale = Scale { quick, here, there };
    let steps: usize = works.iter().map(|work| work.samples.len() * rounds).sum();
    let bar = ProgressBar::new(steps as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("the template is right"),
    );
    let rows: io::Result<Vec<_>> =
        works.iter().map(|work| measure(work, rounds, scale, &bar)).collect();
    bar.finish_and_clear();
    Ok(rows?.into_iter().flatten().collect())
}

fn measure(work: &Work, rounds: usize, scale: Scale, bar: &ProgressBar) -> io::Result<Vec<Row>> {
    // By figure, then by runtime.
    let mut values = vec![vec![Vec::new(); work.samples.len()]; work.figures.len()];
    for round in 0..rounds {
        for turn in 0..work.samples.len() {
            let index = (round + turn) % work.samples.len();
            let sample = &work.samples[index];
            bar.set_message(format!("{} on {}", work.name, sample.column));
            for (figure, value) in (sample.measure)(scale)?.into_iter().enumerate() {
                values[figure][index].push(value);
            }
            bar.inc(1);
        }
    }
    let figures = work.figures.iter().zip(values);
    Ok(figures.map(|(&(label, unit), values)| row(work, label, unit, values)).collect())
}

fn row(work: &Work, label: &str, unit: Unit, values: Vec<Vec<f64>>) -> Row {
    let cells = work.samples.iter().zip(values).map(|(sample, v)| Cell::new(sample.column, v));
    let mut cells: Vec<_> = cells.collect();
    let base = cells[0].median;
    for cell in &mut cells {
        cell.ratio = unit.ratio(cell.median, base);
    }
    Row {
        table: work.table,
        name: format!("{} {label}", work.name).trim_end().to_string(),
        unit,
        cells,
    }
}
