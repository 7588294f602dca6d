//! What lies over the panes.

use std::collections::HashSet;

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table};

use super::{Theme, pane};
use crate::app::{App, KEYS, found};
use crate::score::{MEASURES, Measure, Score, finish, how_far, yours};

/// A box in the middle.
fn popup(frame: &mut Frame<'_>, body: Rect, lines: Vec<Line<'_>>, head: &str, theme: Theme) {
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4;
    let height = lines.len() as u16 + 2;
    let [area] = Layout::horizontal([Constraint::Length(width)]).flex(Flex::Center).areas(body);
    let [area] = Layout::vertical([Constraint::Length(height)]).flex(Flex::Center).areas(area);
    let block = Block::bordered()
        .border_style(theme.color(super::ORANGE))
        .title(Span::styled(format!(" {head} "), theme.bold()));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

pub(super) fn help(frame: &mut Frame<'_>, body: Rect, theme: Theme) {
    let line = |&(key, _, what): &(&str, &str, &str)| {
        Line::from(vec![
            Span::styled(format!(" {key:<13}"), theme.bold()),
            Span::raw(what.to_string()),
        ])
    };
    popup(frame, body, KEYS.iter().map(line).collect(), "keys", theme);
}

pub(super) fn policies(frame: &mut Frame<'_>, body: Rect, typed: &str, at: usize, theme: Theme) {
    let found = found(typed);
    let mut lines = vec![Line::from(vec![
        Span::raw(" "),
        Span::styled(format!("{typed}_"), theme.bold()),
        Span::styled("  type, or move; enter, or esc", theme.dim()),
    ])];
    if found.is_empty() {
        lines.push(Line::styled(" no policy's name begins so", theme.dim()));
    }
    // On a small screen those about the cursor are shown.
    let rows = usize::from(body.height.saturating_sub(3)).max(1);
    let first = (at + 1).saturating_sub(rows);
    for (i, policy) in found.iter().enumerate().skip(first).take(rows) {
        let is_here = i == at && !typed.contains(':');
        let style = if is_here { theme.cursor() } else { Style::new() };
        let keys: Vec<_> = policy.parameters.iter().map(|&(key, _)| key).collect();
        let keys = if keys.is_empty() { String::new() } else { format!(" [{}]", keys.join(", ")) };
        let mark = if is_here { "▶" } else { " " };
        lines.push(Line::from(vec![
            Span::styled(format!("{mark} {:<12}", policy.name), style),
            Span::styled(policy.about.to_string(), style),
            Span::styled(keys, theme.dim()),
        ]));
    }
    popup(frame, body, lines, "who decides from here on?", theme);
}

/// The score: your run first, then each policy but those `above`; the best of each column is marked.
pub(super) fn score(
    frame: &mut Frame<'_>,
    body: Rect,
    app: &App,
    by_task: bool,
    above: usize,
    theme: Theme,
) {
    let mut all = vec![yours(app.session())];
    all.extend(app.policies().unwrap_or_default().iter().cloned());
    let foot = foot(app, by_task);
    let rows = [Constraint::Fill(1), Constraint::Length(foot.len() as u16)];
    let [top, low] = Layout::vertical(rows).areas(body);
    let columns = if by_task { by_name(&all) } else { by_measure(&all, theme) };
    let shown: Vec<usize> = std::iter::once(0).chain(1 + above..all.len()).collect();
    let table = table(&all, &shown, columns, top.width, theme);
    let block = pane(vec![Span::styled("score", theme.bold())], false, theme);
    frame.render_widget(table.block(block), top);
    frame.render_widget(Paragraph::new(foot).style(theme.dim()), low);
}

fn foot(app: &App, by_task: bool) -> Vec<Line<'static>> {
    let mut foot = vec![Line::raw(if by_task {
        "When the last of each name ended; in brackets its mean wait for a turn. In ms."
    } else {
        "* the best. In ms; response: from spawn to end, in the mean; fairness: 1 is best"
    })];
    let unended = how_far(app.session());
    foot.extend(unended.map(|far| Line::raw(format!("Your run has not ended: {far}."))));
    foot
}

/// A head, and a cell for each run.
type Column = (String, Vec<(String, Style)>);

fn by_measure(all: &[Score], theme: Theme) -> Vec<Column> {
    let best = theme.color(super::GREEN).patch(theme.bold());
    let column = |measure: &Measure| {
        let cell = |score: &Score| match measure.is_best(score, all) {
            true => (measure.show(score) + "*", best),
            false => (measure.show(score) + " ", Style::new()),
        };
        // Below a head's end stands a figure's, not its star.
        (format!("{} ", measure.head), all.iter().map(cell).collect())
    };
    MEASURES.iter().map(column).collect()
}

fn by_name(all: &[Score]) -> Vec<Column> {
    let named = all.iter().flat_map(|score| &score.tasks).map(|part| &part.name[..]);
    let mut known = HashSet::new();
    // More than that have no room on any screen.
    let names = named.filter(|name| known.insert(*name)).take(100);
    let cell = |score: &Score, name: &str| (finish(score, name), Style::new());
    let cells = |name: &str| all.iter().map(|score| cell(score, name)).collect();
    names.map(|name| (name.to_string(), cells(name))).collect()
}

fn name(at: usize, score: &Score) -> String {
    match (at, &score.name[..]) {
        (0, "you") => "▶ you".to_string(),
        (0, name) => format!("▶ this: {name}"),
        (_, name) => format!("  {name}"),
    }
}

/// As many columns as there is room for.
fn table(
    all: &[Score],
    shown: &[usize],
    mut columns: Vec<Column>,
    width: u16,
    theme: Theme,
) -> Table<'static> {
    let names: Vec<String> = all.iter().enumerate().map(|(at, score)| name(at, score)).collect();
    let first = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(26) as u16;
    let mut room = width.saturating_sub(first);
    let mut widths = vec![Constraint::Length(first)];
    let wanted = |(head, cells): &Column| {
        let cells = cells.iter().map(|(cell, _)| cell.chars().count());
        cells.max().unwrap_or(0).max(head.chars().count()) as u16
    };
    columns.retain(|column| {
        // Once one has no room, none of the later ones has.
        let fits = wanted(column) < room;
        room = if fits { room - wanted(column) - 1 } else { 0 };
        widths.extend(fits.then(|| Constraint::Length(wanted(column))));
        fits
    });
    let right =
        |text: &str, style| Cell::from(Line::from(text.to_string()).right_aligned()).style(style);
    let heads = columns.iter().map(|(head, _)| right(head, Style::new()));
    let head = Row::new(std::iter::once(Cell::from("")).chain(heads)).style(theme.dim());
    let rows = shown.iter().map(|&at| {
        let cells = columns.iter().map(|(_, cells)| right(&cells[at].0, cells[at].1));
        let style = if at == 0 { theme.cursor() } else { Style::new() };
        Row::new(std::iter::once(Cell::from(names[at].clone())).chain(cells)).style(style)
    });
    Table::new(rows.collect::<Vec<_>>(), widths).header(head).column_spacing(1)
}
