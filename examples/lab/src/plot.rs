//! Plots, as SVG. What theory says is drawn first, so that the data lie on top of it.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'c> = ChartContext<'c, SVGBackend<'a>, Cartesian2d<Span, Span>>;
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

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

/// An axis as it is drawn: its ends, and where its numbers stand.
struct Span {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Span {
    fn has(&self, place: f64) -> bool {
        (self.low..=self.high).contains(&place)
    }
}

impl Ranged for Span {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (from, to): (i32, i32)) -> i32 {
        from + ((place - self.low) / (self.high - self.low) * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
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

/// Colours that most people can tell from each other (after Okabe and Ito), darkened for white.
const COLOURS: [RGBColor; 12] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 140, 100),
    RGBColor(190, 90, 150),
    RGBColor(205, 150, 0),
    RGBColor(60, 165, 215),
    RGBColor(70, 70, 70),
    RGBColor(135, 90, 200),
    RGBColor(150, 75, 30),
    RGBColor(120, 150, 20),
    RGBColor(220, 50, 80),
    RGBColor(0, 85, 85),
];
const INK: RGBColor = RGBColor(40, 40, 40);
const PALE: RGBColor = RGBColor(115, 115, 115);
const FAINT: RGBColor = RGBColor(228, 228, 228);
const WIDTH: u32 = 900;
const HEIGHT: u32 = 480;
const LEGEND: i32 = 210;

fn colour(n: usize) -> RGBColor {
    COLOURS[n % COLOURS.len()]
}

/// All plots below each other, in one SVG. `asked` is the command that made them.
pub fn svg(plots: &[Plot], asked: &str) -> String {
    let mut text = String::new();
    let height = HEIGHT * plots.len().max(1) as u32 + 24;
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        // Writing to a string fails only if the program is out of memory.
        let _ = draw_all(&root, plots, asked);
        let _ = root.present();
    }
    text
}

fn draw_all<'a>(root: &Area<'a>, plots: &[Plot], asked: &str) -> Result<(), Failure<'a>> {
    root.fill(&WHITE)?;
    let (body, foot) = root.split_vertically(HEIGHT * plots.len().max(1) as u32);
    for (plot, area) in plots.iter().zip(body.split_evenly((plots.len().max(1), 1))) {
        draw(&area, plot)?;
    }
    foot.draw_text(asked, &("monospace", 11).into_text_style(&foot).color(&PALE), (20, 4))
}

fn draw<'a>(area: &Area<'a>, plot: &Plot) -> Result<(), Failure<'a>> {
    let style = |size: i32| ("sans-serif", size).into_text_style(area).color(&INK);
    area.draw_text(&plot.title, &style(18), (20, 12))?;
    area.draw_text(&plot.caption, &style(12).color(&PALE), (20, 36))?;
    let legend = plot.series.iter().any(|s| !s.label.is_empty() && s.shape != Shape::Bound);
    let inner = area.margin(58, 8, 12, if legend { LEGEND } else { 20 });
    let (x, y) = plot.spans();
    let mut chart = ChartBuilder::on(&inner)
        .x_label_area_size(if plot.x.names.is_empty() { 44 } else { 56 })
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK.mix(0.5))
        .x_desc(&plot.x.label)
        .y_desc(&plot.y.label)
        .label_style(style(12))
        .axis_desc_style(style(14))
        .x_label_formatter(&|&place| plot.x.tick(place))
        .y_label_formatter(&|&place| plot.y.tick(place))
        .draw()?;
    for series in plot.series.iter().filter(|series| series.shape == Shape::Theory) {
        draw_series(&mut chart, plot, series)?;
    }
    for series in plot.series.iter().filter(|series| series.shape != Shape::Theory) {
        draw_series(&mut chart, plot, series)?;
    }
    draw_legend(area, plot)
}

impl Plot {
    /// Both axes, as long as what is on them. What lies outside of x does not count for y.
    fn spans(&self) -> (Span, Span) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = self.x.span(points().map(|&(x, _)| x), 9);
        let inside = |&&(at, _): &&(f64, f64)| self.x.place(at).is_some_and(|at| x.has(at));
        let bars = self.series.iter().any(|series| series.shape == Shape::Bars);
        let bounds = self.series.iter().filter(|series| series.shape != Shape::Bound);
        let visible = bounds.flat_map(|series| &series.points).filter(inside);
        let y = self.y.span(visible.map(|&(_, y)| y).chain(bars.then_some(0.0)), 7);
        (x, y)
    }
}

fn draw_series<'a>(
    chart: &mut Chart<'a, '_>,
    plot: &Plot,
    series: &Series,
) -> Result<(), Failure<'a>> {
    let (x, y) = plot.spans();
    let ink = colour(series.colour);
    let place = |&(across, up): &(f64, f64)| {
        let place = (plot.x.place(across)?, plot.y.place(up)?);
        (x.has(place.0) && y.has(place.1)).then_some(place)
    };
    let places: Vec<_> = series.points.iter().filter_map(place).collect();
    // Who is drawn first is drawn larger, so that he shows below who comes to lie on top of him.
    let last = plot.series.len() - 1;
    let rank = plot.series.iter().position(|other| std::ptr::eq(other, series)).unwrap_or(last);
    let more = if last < 4 { 0 } else { 4 * (last - rank) / last };
    let dot = |&place: &(f64, f64)| Circle::new(place, 3 + more as i32, ink.filled());
    match series.shape {
        Shape::Theory => {
            let dash = DashedPathElement::new(places, 7, 5, ink.mix(0.75).stroke_width(2));
            chart.draw_series(std::iter::once(dash))?;
        }
        Shape::Line => {
            chart.draw_series(LineSeries::new(places, ink.stroke_width(2)))?;
        }
        Shape::Points => {
            let line = ink.stroke_width(1 + more as u32);
            chart.draw_series(LineSeries::new(places.clone(), line))?;
            chart.draw_series(places.iter().map(dot))?;
        }
        Shape::Dots => {
            chart.draw_series(places.iter().map(dot))?;
        }
        Shape::Bound => {
            let text = ("sans-serif", 11).into_text_style(chart.plotting_area()).color(&PALE);
            let text = text.pos(Pos::new(HPos::Center, VPos::Bottom));
            let at = series.points.iter().filter_map(|&(at, _)| plot.x.place(at));
            for at in at.filter(|&at| x.has(at)) {
                let line = PathElement::new([(at, y.low), (at, y.high)], ink.mix(0.6));
                chart.draw_series(std::iter::once(line))?;
                let label = Text::new(series.label.clone(), (at, y.high), text.clone());
                chart.draw_series(std::iter::once(label))?;
            }
        }
        Shape::Span => {
            if let [(from, up), .., (to, _)] = places[..] {
                let bar = Rectangle::new([(from, up - 0.3), (to, up + 0.3)], ink.filled());
                chart.draw_series(std::iter::once(bar))?;
            }
        }
        Shape::Bars => {
            let all = plot.series.iter().filter(|series| series.shape == Shape::Bars);
            let before = all.clone().take_while(|other| !std::ptr::eq(*other, series)).count();
            let width = 0.8 / all.count() as f64;
            let from = -0.4 + width * before as f64;
            let floor = if plot.y.log { y.low } else { 0.0_f64.max(y.low) };
            chart.draw_series(places.iter().map(|&(x, y)| {
                let corners = [(x + from + 0.01, floor), (x + from + width - 0.01, y)];
                Rectangle::new(corners, ink.mix(0.85).filled())
            }))?;
        }
    }
    Ok(())
}

/// The names, right of the plot, so that they hide nothing.
fn draw_legend<'a>(area: &Area<'a>, plot: &Plot) -> Result<(), Failure<'a>> {
    let text = ("sans-serif", 13).into_text_style(area).color(&INK);
    let text = text.pos(Pos::new(HPos::Left, VPos::Center));
    let x = WIDTH as i32 - LEGEND + 16;
    let named = plot.series.iter().filter(|s| !s.label.is_empty() && s.shape != Shape::Bound);
    for (n, series) in named.enumerate() {
        let y = 74 + 20 * n as i32;
        let ink = colour(series.colour);
        match series.shape {
            Shape::Theory => area.draw(&DashedPathElement::new(
                [(x, y), (x + 24, y)],
                6,
                4,
                ink.mix(0.75).stroke_width(2),
            ))?,
            Shape::Bars => area
                .draw(&Rectangle::new([(x + 6, y - 6), (x + 18, y + 6)], ink.mix(0.85).filled()))?,
            Shape::Dots => area.draw(&Circle::new((x + 12, y), 4, ink.filled()))?,
            _ => {
                area.draw(&PathElement::new([(x, y), (x + 24, y)], ink.stroke_width(2)))?;
                if series.shape == Shape::Points {
                    area.draw(&Circle::new((x + 12, y), 4, ink.filled()))?;
                }
            }
        }
        area.draw_text(&series.label, &text, (x + 32, y))?;
    }
    Ok(())
}
