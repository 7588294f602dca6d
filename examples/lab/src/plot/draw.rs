//! Drawing plots with plotters: into a string, so nothing of the system's is needed.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Plot, Series, Shape};

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'c> = ChartContext<'c, SVGBackend<'a>, Cartesian2d<Span, Span>>;
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

/// An axis as it is drawn: its ends, and where its numbers stand.
pub(super) struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
}

impl Span {
    pub(super) fn has(&self, place: f64) -> bool {
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
        .label_style(style(if plot.x.names.len() > 10 { 10 } else { 12 }))
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
        let values: Vec<f64> = visible.map(|&(_, y)| y).collect();
        let least = values.iter().copied().filter(|&y| y > 0.0).fold(f64::INFINITY, f64::min);
        // Bars stand on something: on zero, or on the power of ten below the lowest.
        let floor = if self.y.log { 10_f64.powf(least.log10().floor()) } else { 0.0 };
        let y = self.y.span(values.into_iter().chain(bars.then_some(floor)), 7);
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
        Shape::Bound => bound(chart, plot, series)?,
        Shape::Span => {
            if let [(from, up), .., (to, _)] = places[..] {
                let bar = Rectangle::new([(from, up - 0.3), (to, up + 0.3)], ink.filled());
                chart.draw_series(std::iter::once(bar))?;
            }
        }
        Shape::Bars => bars(chart, plot, series, &places)?,
    }
    Ok(())
}

/// A line across the plot, with its name above.
fn bound<'a>(chart: &mut Chart<'a, '_>, plot: &Plot, series: &Series) -> Result<(), Failure<'a>> {
    let (x, y) = plot.spans();
    let text = ("sans-serif", 11).into_text_style(chart.plotting_area()).color(&PALE);
    let text = text.pos(Pos::new(HPos::Center, VPos::Bottom));
    let at = series.points.iter().filter_map(|&(at, _)| plot.x.place(at));
    for at in at.filter(|&at| x.has(at)) {
        let line = PathElement::new([(at, y.low), (at, y.high)], colour(series.colour).mix(0.6));
        chart.draw_series(std::iter::once(line))?;
        let label = Text::new(series.label.clone(), (at, y.high), text.clone());
        chart.draw_series(std::iter::once(label))?;
    }
    Ok(())
}

/// Bars, beside those of the other series.
fn bars<'a>(
    chart: &mut Chart<'a, '_>,
    plot: &Plot,
    series: &Series,
    places: &[(f64, f64)],
) -> Result<(), Failure<'a>> {
    let all = plot.series.iter().filter(|series| series.shape == Shape::Bars);
    let before = all.clone().take_while(|other| !std::ptr::eq(*other, series)).count();
    let width = 0.8 / all.count() as f64;
    let from = -0.4 + width * before as f64;
    let (_, y) = plot.spans();
    let floor = if plot.y.log { y.low } else { 0.0_f64.max(y.low) };
    chart.draw_series(places.iter().map(|&(x, y)| {
        let corners = [(x + from + 0.01, floor), (x + from + width - 0.01, y)];
        Rectangle::new(corners, colour(series.colour).mix(0.85).filled())
    }))?;
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
