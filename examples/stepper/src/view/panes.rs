//! The panes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};
use turno::task::Left;
use turno::trace::{Record, Switch, What};

use super::{Theme, pane, strip};
use crate::app::{App, Focus};
use crate::program::Place;
use crate::run::End;
use crate::sight::{Sight, time, why};

/// From here on there are two columns.
const WIDE: u16 = 70;

pub(super) fn draw(frame: &mut Frame<'_>, body: Rect, app: &App, theme: Theme) {
    let sight = app.sight();
    // In one column who waits needs the room more.
    let least = if body.width < WIDE { 24 } else { 18 };
    let strip_height = if body.height < least { 0 } else { strip::height(sight, body.height / 3) };
    let rest = body.height - strip_height;
    let low_height = if rest < 10 { 0 } else { (rest * 2 / 5).max(4) };
    let rows = [
        Constraint::Length(rest - low_height),
        Constraint::Length(low_height),
        Constraint::Length(strip_height),
    ];
    let [top, low, bottom] = Layout::vertical(rows).areas(body);
    if body.width < WIDE {
        let mut rows = vec![Constraint::Length(4), Constraint::Fill(1), Constraint::Fill(1)];
        rows.truncate(if top.height < 9 { 2 } else { 3 });
        let areas = Layout::vertical(rows).split(top);
        switch(frame, areas[0], sight, theme);
        ready(frame, areas[1], app, theme);
        if let Some(&area) = areas.get(2) {
            waiting(frame, area, app, theme);
        }
        log(frame, low, sight, theme);
    } else {
        // What is waited for needs the room more than who is ready.
        let share = if body.width < 100 { [3, 4] } else { [1, 1] };
        let [left, right] = share.map(Constraint::Fill);
        let columns = [left, Constraint::Length(1), right];
        let [left, _, right] = Layout::horizontal(columns).areas(top);
        let [ran, queue] =
            Layout::vertical([Constraint::Length(4), Constraint::Fill(1)]).areas(left);
        switch(frame, ran, sight, theme);
        ready(frame, queue, app, theme);
        let timers_height = if right.height < 9 { 2 } else { 3 };
        let [who, when] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(timers_height)]).areas(right);
        waiting(frame, who, app, theme);
        timers(frame, when, sight, theme);
        let [left, _, right] = Layout::horizontal(columns).areas(low);
        source(frame, left, app, theme);
        log(frame, right, sight, theme);
    }
    if strip_height > 0 {
        strip::draw(frame, bottom, sight, theme);
    }
}

fn title(text: impl Into<String>, theme: Theme) -> Span<'static> {
    Span::styled(text.into(), theme.bold())
}

fn name(sight: &Sight, label: &str, theme: Theme) -> Span<'static> {
    let style = theme.task(sight, label).patch(theme.bold());
    Span::styled(label.to_string(), style)
}

/// The last switch: who ran, why, and what came of it.
fn switch(frame: &mut Frame<'_>, area: Rect, sight: &Sight, theme: Theme) {
    let last = sight.recording.switches().last();
    let lines = match &last {
        None => vec![
            Line::raw("nobody has run yet"),
            Line::styled("space: the first switch", theme.dim()),
        ],
        Some(switch) => {
            let label = sight.recording.label(switch.task);
            let mut first = vec![
                name(sight, &label, theme),
                Span::raw(format!(" ran {}, then {}", time(switch.ran), left(switch))),
            ];
            if !switch.woke.is_empty() {
                first.push(Span::raw("; woke "));
            }
            for (i, &woken) in switch.woke.iter().enumerate() {
                first.extend((i > 0).then(|| Span::raw(", ")));
                first.push(name(sight, &sight.recording.label(woken), theme));
            }
            let cause = switch.cause.map_or_else(String::new, |cause| why(&sight.recording, cause));
            let reason = match switch.reason {
                "" => "its policy does not say why it was picked".to_string(),
                reason => format!("picked: {reason}"),
            };
            vec![
                Line::from(first),
                Line::raw(format!("ready: {cause}, waited {}", time(switch.waited))),
                Line::raw(reason),
            ]
        }
    };
    let number = last.map_or_else(|| "before switch 1".to_string(), |s| format!("switch {}", s.n));
    let block = pane(vec![title(number, theme)], false, theme);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn left(switch: &Switch<'_>) -> String {
    switch.left.map_or_else(
        || "went on".to_string(),
        |left| match left {
            Left::Waiting => "waited".to_string(),
            Left::Done => "was done".to_string(),
            left => left.to_string(),
        },
    )
}

/// The first row to show, so that the cursor is in sight.
fn first_row(at: usize, rows: u16) -> usize {
    (at + 1).saturating_sub(usize::from(rows).max(1))
}

fn longest(labels: impl Iterator<Item = usize>) -> u16 {
    labels.max().unwrap_or(0) as u16
}

/// Who is ready, in the policy's order.
fn ready(frame: &mut Frame<'_>, area: Rect, app: &App, theme: Theme) {
    let sight = app.sight();
    let (at, _) = app.cursors();
    let has_cursor = app.focus() == Focus::Ready;
    let mut head = vec![title(format!("ready {}", sight.ready.len()), theme)];
    head.push(Span::styled(order(app), theme.dim()));
    let block = pane(head, has_cursor || app.is_by_hand(), theme);
    if sight.ready.is_empty() {
        let text = match sight.end {
            Some(End::Done) => "nobody: the program has ended",
            _ => "nobody, and nothing can ever wake those who wait",
        };
        let text = Paragraph::new(text).style(theme.dim()).wrap(Wrap { trim: true });
        return frame.render_widget(text.block(block), area);
    }
    let rows = sight.ready.iter().enumerate().skip(first_row(at, area.height.saturating_sub(1)));
    let rows = rows.map(|(i, task)| {
        let style = if i == at { theme.cursor() } else { Style::new() };
        let (mark, wide) = (if i == at { "▶" } else { " " }, area.width > 44);
        let waited = if wide { format!("for {}", time(task.waited)) } else { time(task.waited) };
        Row::new([
            Cell::from(mark),
            Cell::from(name(sight, &task.label, theme)),
            Cell::from(task.key.clone()),
            Cell::from(waited),
            Cell::from(task.why.clone()).style(theme.dim()),
        ])
        .style(style)
    });
    let widths = [
        Constraint::Length(1),
        Constraint::Length(longest(sight.ready.iter().map(|t| t.label.chars().count())).min(16)),
        Constraint::Length(longest(sight.ready.iter().map(|t| t.key.chars().count())).min(24)),
        Constraint::Length(if area.width > 44 { 11 } else { 7 }),
        Constraint::Fill(1),
    ];
    frame.render_widget(Table::new(rows, widths).block(block), area);
}

/// In which order they stand, and who decides.
fn order(app: &App) -> String {
    let sight = app.sight();
    let policy = sight.policy.split(':').next().unwrap_or_default();
    let order = match (sight.is_ordered, sight.is_picked) {
        (_, true) => "you picked here before".to_string(),
        (true, _) => format!("as {policy} has them"),
        (false, _) => format!("{policy} tells no order"),
    };
    if app.is_by_hand() { format!(", your pick; {order}") } else { format!(", {order}") }
}

/// Who waits, what for, and where.
fn waiting(frame: &mut Frame<'_>, area: Rect, app: &App, theme: Theme) {
    let sight = app.sight();
    let (_, at) = app.cursors();
    let (has_cursor, has_room) = (app.focus() == Focus::Waiting, area.width >= 48);
    let head = vec![
        title(format!("waiting {}", sight.waiting.len()), theme),
        Span::styled(
            if has_room { ", what for, how long, where" } else { ", what for, where" },
            theme.dim(),
        ),
    ];
    let block = pane(head, has_cursor, theme);
    let place = |place: &Option<Place>| place.as_ref().map_or_else(String::new, Place::short);
    let skipped = if has_cursor { first_row(at, area.height.saturating_sub(1)) } else { 0 };
    let rows = sight.waiting.iter().enumerate().skip(skipped).map(|(i, task)| {
        let is_here = has_cursor && i == at;
        let since = task.since.map(|since| time(sight.now.saturating_sub(since)));
        Row::new([
            Cell::from(if is_here { "▶" } else { " " }),
            Cell::from(name(sight, &task.label, theme)),
            Cell::from(task.what.clone()),
            Cell::from(since.unwrap_or_default()),
            Cell::from(place(&task.place)).style(theme.dim()),
        ])
        .style(if is_here { theme.cursor() } else { Style::new() })
    });
    let places = sight.waiting.iter().map(|task| place(&task.place).chars().count());
    let labels = sight.waiting.iter().map(|task| task.label.chars().count());
    let widths = [
        Constraint::Length(1),
        Constraint::Length(longest(labels).min(16)),
        Constraint::Fill(1),
        Constraint::Length(if has_room { 7 } else { 0 }),
        Constraint::Length(longest(places).min(if area.width > 44 { 20 } else { 12 })),
    ];
    frame.render_widget(Table::new(rows, widths).block(block), area);
}

/// When time goes on, and what sockets are waited for.
fn timers(frame: &mut Frame<'_>, area: Rect, sight: &Sight, theme: Theme) {
    let (mut spans, mut last) = (Vec::new(), None);
    for (at, label) in &sight.timers {
        if last.is_some_and(|last| last != label) {
            spans.push(Span::raw("  "));
        }
        if last != Some(label) {
            spans.push(name(sight, label, theme));
        }
        last = Some(label);
        spans.push(Span::styled(format!(" {}", time(*at)), theme.dim()));
    }
    for (what, label) in &sight.sources {
        spans.push(Span::raw("  "));
        spans.push(name(sight, label, theme));
        spans.push(Span::raw(format!(" {what}")));
    }
    let head = vec![
        title(format!("timers {}", sight.timers.len()), theme),
        Span::styled(format!(", sources {}", sight.registered), theme.dim()),
    ];
    let text = Paragraph::new(Line::from(spans)).wrap(Wrap { trim: true });
    frame.render_widget(text.block(pane(head, false, theme)), area);
}

/// The source text where the task is that the cursor is on.
fn source(frame: &mut Frame<'_>, area: Rect, app: &App, theme: Theme) {
    let sight = app.sight();
    let (ready_at, waiting_at) = app.cursors();
    let ready = sight.ready.get(ready_at).map(|task| (&task.label, &task.place));
    let waiting = sight.waiting.get(waiting_at).map(|task| (&task.label, &task.place));
    let task = match app.focus() {
        Focus::Ready => ready.or(waiting),
        Focus::Waiting => waiting.or(ready),
    };
    let Some((label, Some(place))) = task else {
        return frame.render_widget(pane(vec![title("source", theme)], false, theme), area);
    };
    // If there is no room for the path, its end tells more than its beginning.
    let path = format!("{}:{}", place.file, place.line);
    let has_room = path.chars().count() + label.chars().count() + 6 <= usize::from(area.width);
    let at = if has_room { path } else { place.short() };
    let head = vec![name(sight, label, theme), Span::styled(format!(" at {at}"), theme.dim())];
    let Some(text) = &place.text else {
        let text = Paragraph::new("its file was not found under this folder, nor above it");
        return frame.render_widget(text.style(theme.dim()).block(pane(head, false, theme)), area);
    };
    let rows = usize::from(area.height.saturating_sub(1));
    let first = place.line.saturating_sub(rows / 2 + 1);
    let shown: Vec<_> = text.lines().enumerate().skip(first).take(rows).collect();
    // What all of them are indented by says nothing.
    let written = shown.iter().filter(|(_, line)| !line.trim().is_empty());
    let indents = written.map(|(_, line)| line.len() - line.trim_start_matches(' ').len());
    let indent = indents.min().unwrap_or(0);
    let lines = shown.into_iter().map(|(i, line)| {
        let is_here = i + 1 == place.line;
        let mark = if is_here { "▶" } else { " " };
        let style = if is_here { theme.cursor() } else { theme.dim() };
        let line = line.get(indent..).unwrap_or_default().replace('\t', "    ");
        Line::styled(format!("{mark}{:>4} {line}", i + 1), style)
    });
    let text = Paragraph::new(lines.collect::<Vec<_>>());
    frame.render_widget(text.block(pane(head, false, theme)), area);
}

/// What happened, with causes; the last line is the latest.
fn log(frame: &mut Frame<'_>, area: Rect, sight: &Sight, theme: Theme) {
    let rows = usize::from(area.height.saturating_sub(1)).max(1);
    let records = &sight.recording.records;
    let is_told = |record: &Record| {
        use What::{Parked, Policy, Switched};
        matches!(record.what, Switched { .. } | Policy { .. } | Parked { until: Some(_) })
    };
    let told_ones = records.iter().enumerate().rev().filter(|(_, record)| is_told(record));
    let first = told_ones.take(rows).last().map_or(0, |(at, _)| at);
    let is_switch = |record: &&Record| matches!(record.what, What::Switched { .. });
    let earlier = records[..first].iter().filter(is_switch).count();
    let mut switches = sight.recording.switches().skip(earlier);
    let line = |record: &Record| match &record.what {
        What::Switched { .. } => switches.next().map(|switch| told(sight, &switch, theme)),
        What::Policy { name } => {
            Some(Line::styled(format!("     {name} decides"), theme.color(super::ORANGE)))
        }
        What::Parked { until: Some(until) } => {
            let text = format!("     nobody is ready: on to {}", time(*until));
            Some(Line::styled(text, theme.dim()))
        }
        _ => None,
    };
    let lines: Vec<Line<'_>> = records[first..].iter().filter_map(line).collect();
    let block = pane(vec![title("log", theme)], false, theme);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// A switch in a line.
fn told(sight: &Sight, switch: &Switch<'_>, theme: Theme) -> Line<'static> {
    let label = sight.recording.label(switch.task);
    let cause = switch.cause.map_or_else(String::new, |cause| why(&sight.recording, cause));
    let mut text = format!(" {cause} → ran {}, {}", time(switch.ran), left(switch));
    if !switch.woke.is_empty() {
        let woke: Vec<_> = switch.woke.iter().map(|&id| sight.recording.label(id)).collect();
        text = format!("{text}; woke {}", woke.join(", "));
    }
    Line::from(vec![
        Span::styled(format!("{:>4} {:>7} ", switch.n, time(switch.at)), theme.dim()),
        name(sight, &label, theme),
        Span::raw(text),
    ])
}
