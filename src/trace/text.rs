//! A recording as text: a timeline for the terminal, and a log (floor 5).

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use super::recording::{Recording, Switch};
use crate::task::{Cause, Id, Left, Nanos};

mod chart;

use chart::{Chart, Column, LETTERS, Label, Stand, labels};

/// Draws recordings as text.
///
/// ```
/// use turno::runtime::Builder;
/// use turno::task;
/// use turno::trace::{Recorder, Text};
///
/// let recorder = Recorder::new();
/// let rt = Builder::new().start_paused(true).observe(recorder.clone()).build()?;
/// rt.block_on(async {
///     let greet = async || task::yield_now().await;
///     let (ann, ben) = (
///         task::Builder::new().name("ann").spawn(greet()),
///         task::Builder::new().name("ben").spawn(greet()),
///     );
///     ann.await.unwrap();
///     ben.await.unwrap();
/// });
/// let drawn = Text::new(80, false).timeline(&recorder.recording());
/// assert_eq!(
///     drawn,
///     "a block_on  █···░█
/// b ann        █░█
/// c ben        ░█░█
/// why         sssyyw
/// by           aa  b
/// "
/// );
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Text {
    width: usize,
    color: bool,
    most: usize,
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

impl Text {
    /// Lines of `width` columns, with colour or without.
    pub fn new(width: usize, color: bool) -> Self {
        Self { width, color, most: usize::MAX }
    }

    /// Shows the last `switches` only, and says how many it leaves out.
    pub fn most(self, switches: usize) -> Self {
        Self { most: switches, ..self }
    }

    /// What the marks and letters of a timeline mean.
    pub fn legend(&self) -> String {
        let (dim, plain) = (self.style(DIM), self.style(PLAIN));
        format!(
            "One column is one switch:  █ ran   ! panicked   ░ ready, but another ran   \
             · waiting for something\n\
             {dim}why{plain}  s spawned   y yielded   b spent its budget   w woken by a task   \
             t timer   i a source was ready   o from outside the loop\n\
             {dim}by{plain}   the letter of the task that woke or spawned it\n"
        )
    }

    /// A row for each task and a column for each switch, in as many panels as the width asks for.
    /// Tasks of one name are told apart by their numbers; more than 40 of them share a row. What is
    /// missing is said below.
    pub fn timeline(&self, recording: &Recording) -> String {
        let mut out = String::new();
        let chart = Chart::new(recording, self.most);
        let label = chart.label_width();
        let room = self.width.saturating_sub(label + 1).max(10);
        let panels = chart.columns.chunks(room);
        let several = panels.len() > 1;
        for panel in panels {
            if several {
                self.heading(&mut out, panel);
            }
            self.panel(&mut out, &chart, panel, label);
        }
        self.notes(&mut out, recording, chart.left_out);
        out
    }

    /// A line for each switch: when, who, why, for how long, how it ended, and whom it woke.
    pub fn log(&self, recording: &Recording) -> String {
        let mut out = String::new();
        let left_out = recording.switches().count().saturating_sub(self.most);
        let labels = labels(recording);
        let width = labels.values().map(Label::len).max().unwrap_or(0).min(24);
        for switch in recording.switches().skip(left_out) {
            self.log_line(&mut out, &labels, &switch, width);
        }
        self.notes(&mut out, recording, left_out);
        out
    }

    fn style(&self, style: &'static str) -> &'static str {
        if self.color { style } else { "" }
    }

    fn notes(&self, out: &mut String, recording: &Recording, left_out: usize) {
        let (dim, plain) = (self.style(DIM), self.style(PLAIN));
        let mut notes = recording.notes();
        if left_out > 0 {
            notes.push(format!("{left_out} earlier switches are not shown"));
        }
        for note in notes {
            line(out, format_args!("{dim}({note}){plain}"));
        }
    }

    /// Which switches the panel shows, and from when on.
    fn heading(&self, out: &mut String, panel: &[Column]) {
        let (dim, plain) = (self.style(DIM), self.style(PLAIN));
        if let [first, .., last] | [first @ last] = panel {
            let (from, to, at) = (first.n, last.n, time(first.at));
            line(out, format_args!("{dim}switches {from} to {to}, from {at} on{plain}"));
        }
    }

    fn panel(&self, out: &mut String, chart: &Chart, panel: &[Column], width: usize) {
        let (dim, plain) = (self.style(DIM), self.style(PLAIN));
        let shown = chart.rows_of(panel);
        let mut letters = vec!['+'; chart.rows.len()];
        for (&row, &letter) in shown.iter().zip(LETTERS) {
            letters[row] = char::from(letter);
        }
        for &row in &shown {
            let color = self.style(chart.color(row));
            let label = chart.rows[row].label.fit(width - 3);
            let mut text = format!("{color}{} {label:<1$}{plain}", letters[row], width - 2);
            for column in panel {
                if column.row == row {
                    let mark = if column.panicked { '!' } else { '█' };
                    let _ = write!(text, "{color}{mark}{plain}");
                    continue;
                }
                let _ = match column.others.get(row) {
                    Some(Stand::Ready) => write!(text, "{color}░{plain}"),
                    Some(Stand::Waiting) => write!(text, "{dim}·{plain}"),
                    Some(Stand::Absent) | None => write!(text, " "),
                };
            }
            line(out, format_args!("{}", text.trim_end()));
        }
        if shown.len() < chart.rows.len() {
            let rest = chart.rows.len() - shown.len();
            line(out, format_args!("{dim}+ {rest} more, which do not run here{plain}"));
        }
        let why: String = panel.iter().map(|column| column.cause.map_or('?', letter)).collect();
        line(out, format_args!("{dim}{:<width$}{why}{plain}", "why"));
        let by = panel.iter().map(|column| column.by.map_or(' ', |by| letters[by]));
        let by = by.collect::<String>();
        if !by.trim().is_empty() {
            line(out, format_args!("{dim}{:<width$}{}{plain}", "by", by.trim_end()));
        }
    }

    fn log_line(
        &self,
        out: &mut String,
        labels: &HashMap<Id, Label>,
        switch: &Switch<'_>,
        width: usize,
    ) {
        let (bold, dim, plain) = (self.style(BOLD), self.style(DIM), self.style(PLAIN));
        let fitted = |id: Id, width| {
            labels.get(&id).map_or_else(|| format!("task {id}"), |label| label.fit(width))
        };
        let name = |id: Id| fitted(id, usize::MAX);
        let why = match switch.cause {
            Some(Cause::Task(by)) => format!("woken by {}", name(by)),
            Some(Cause::Spawn { by: Some(by) }) => format!("spawned by {}", name(by)),
            Some(cause) => cause.to_string(),
            None => "ready".into(),
        };
        let (waited, ran) = (time(switch.waited), time(switch.ran));
        let mut text = format!(
            "{dim}{:>6} {:>10}{plain}  {bold}{:<width$}{plain}  {why}, waited {waited}, ran \
             {ran}: ",
            switch.n,
            time(switch.at),
            fitted(switch.task, width),
        );
        match (switch.left, switch.waits) {
            (Some(Left::Waiting), [_, ..]) => {
                let waits: Vec<String> = switch.waits.iter().map(ToString::to_string).collect();
                let _ = write!(text, "waits for {}", waits.join(" and "));
            }
            (Some(left), _) => text += &left.to_string(),
            (None, _) => text += "its end was not recorded",
        }
        if !switch.woke.is_empty() {
            let woke: Vec<String> = switch.woke.iter().map(|&id| name(id)).collect();
            let _ = write!(text, "; woke {}", woke.join(", "));
        }
        if !switch.reason.is_empty() {
            let _ = write!(text, " {dim}[{}]{plain}", switch.reason);
        }
        line(out, format_args!("{text}"));
    }
}

/// Why a task was ready, in a letter.
fn letter(cause: Cause) -> char {
    match cause {
        Cause::Spawn { .. } => 's',
        Cause::Yield => 'y',
        Cause::Budget => 'b',
        Cause::Task(_) => 'w',
        Cause::Timer => 't',
        Cause::Source(_) => 'i',
        Cause::Outside => 'o',
    }
}

/// A name cannot move the cursor.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// As much of `text` as `width` columns hold.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn time(nanos: Nanos) -> String {
    let time = format!("{:.3?}", Duration::from_nanos(nanos));
    let unit = time.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = time[..time.len() - unit.len()].trim_end_matches('0').trim_end_matches('.');
    format!("{}{unit}", if number.is_empty() { "0" } else { number })
}

/// Writing to a string does not fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}
