//! Plots, as SVG. What theory says is drawn first, so that the data lie on top of it.

mod draw;

use draw::Span;
pub use draw::svg;

/// One picture.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// Seed, jobs, quantum and what else it depends on.
    pub caption: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// Lines and bars.
    pub series: Vec<Series>,
}

/// An axis: what is on it, with its unit.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// What it measures, and the unit.
    pub label: String,
    /// Equal ratios are equally far apart.
    pub log: bool,
    /// Names in place of numbers, for the places 0, 1, 2 and so on.
    pub names: Vec<String>,
    /// What it shows at least, or at most where `clip` is set.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// An axis on which equal differences are equally far apart.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_string(), ..Self::default() }
    }

    /// An axis on which equal ratios are equally far apart. What is not above 0 is not shown.
    pub fn log(label: &str) -> Self {
        Self { log: true, ..Self::linear(label) }
    }

    /// An axis of names.
    pub fn names(label: &str, names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), ..Self::linear(label) }
    }

    /// Shows this part, whatever the data are.
    pub fn within(self, from: f64, to: f64) -> Self {
        Self { range: Some((from, to)), ..self }
    }

    fn place(&self, value: f64) -> Option<f64> {
        let place = if self.log { value.log10() } else { value };
        place.is_finite().then_some(place)
    }

    /// The ends of the axis, and where its numbers stand, in places.
    fn span(&self, values: impl Iterator<Item = f64>, most: usize) -> Span {
        if !self.names.is_empty() {
            let ticks = (0..self.names.len()).map(|n| n as f64).collect();
            return Span { low: -0.6, high: self.names.len() as f64 - 0.4, ticks };
        }
        let places = values.filter_map(|value| self.place(value));
        let (mut low, mut high) =
            places.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if let Some((from, to)) = self.range {
            low = self.place(from).unwrap_or(low);
            high = self.place(to).unwrap_or(high);
        }
        if !low.is_finite() || !high.is_finite() {
            (low, high) = (0.0, 1.0);
        }
        if !self.log && self.range.is_none() && low > 0.0 && low < 0.5 * high {
            low = 0.0;
        }
        if high - low < 1e-9 {
            (low, high) = (low - 0.5, high + 0.5);
        }
        let margin = if self.range.is_some() { 0.0 } else { 0.03 * (high - low) };
        let (low, high) = (if low == 0.0 { low } else { low - margin }, high + margin);
        let ticks = if self.log { decades(low, high) } else { steps(low, high, most) };
        Span { low, high, ticks }
    }

    fn tick(&self, place: f64) -> String {
        match self.names.get(place.round() as usize) {
            Some(name) => name.clone(),
            None if !self.names.is_empty() => String::new(),
            None if self.log => plain(10_f64.powf(place)),
            None => plain(place),
        }
    }
}

/// Round numbers from `low` to `high`.
fn steps(low: f64, high: f64, most: usize) -> Vec<f64> {
    let rough = (high - low) / most as f64;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * decade).into_iter().find(|&s| s >= rough);
    let step = step.unwrap_or(10.0 * decade);
    let first = (low / step).ceil() as i64;
    (first..).map(|n| n as f64 * step).take_while(|&at| at <= high + step * 1e-6).collect()
}

/// Powers of ten between two logarithms, and what lies between them if they are few.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let between: &[f64] = match high - low {
        width if width > 4.0 => &[1.0],
        width if width > 1.5 => &[1.0, 3.0],
        _ => &[1.0, 2.0, 3.0, 5.0, 7.0],
    };
    let powers = low.floor() as i32..=high.ceil() as i32;
    let all = powers.flat_map(|power| between.iter().map(move |n| n.log10() + f64::from(power)));
    let mut ticks: Vec<f64> = all.filter(|&at| low <= at && at <= high).collect();
    if ticks.len() > 9 {
        ticks.retain(|at| (at - at.round()).abs() < 1e-9);
    }
    ticks
}

/// A number as short as it can be told, without an exponent.
fn plain(number: f64) -> String {
    if number == 0.0 {
        return "0".to_string();
    }
    let digits = (3.0 - number.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Measured: a line.
    Line,
    /// Measured: a line with its points, where there are few.
    Points,
    /// Points that no line connects.
    Dots,
    /// What theory says: dashed, and below all else.
    Theory,
    /// A line across the plot at the x of its only point, with its name: a bound.
    Bound,
    /// Bars, one for each name on the x axis.
    Bars,
    /// A thick line from the first point to the last: from when to when.
    Span,
}

/// Something to draw.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend; what has none is not in it.
    pub label: String,
    /// Where it goes.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    pub shape: Shape,
    /// Series of one colour belong together: a measured one and its theory.
    pub colour: usize,
}

impl Series {
    /// A series of that name.
    pub fn new(
        label: impl Into<String>,
        shape: Shape,
        colour: usize,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        Self { label: label.into(), points: points.into_iter().collect(), shape, colour }
    }
}
