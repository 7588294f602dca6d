//! What lies over the panes.

use std::collections::HashSet;

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::style::{Color, Style};
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
        .border_style(theme.color(Color::Yellow))
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

/// The score: your run first, then each policy; the best of each column is marked.
pub(super) fn score(frame: &mut Frame<'_>, body: Rect, app: &App, by_task: bool, theme: Theme) {
    let mut all = vec![yours(app.session())];
    all.extend(app.policies().unwrap_or_default().iter().cloned());
    let foot = foot(app, by_task);
    let rows = [Constraint::Fill(1), Constraint::Length(foot.len() as u16)];
    let [top, low] = Layout::vertical(rows).areas(body);
    let block = pane(vec![Span::styled("score", theme.bold())], false, theme);
    let table =
        if by_task { tasks(&all, top.width, theme) } else { measures(&all, top.width, theme) };
    frame.render_widget(table.block(block), top);
    frame.render_widget(Paragraph::new(foot).style(theme.dim()), low);
}

fn foot(app: &App, by_task: bool) -> Vec<Line<'static>> {
    let mut foot = vec![Line::raw(if by_task {
        "When the last task of each name ended, and in brackets its mean wait for a turn. In ms."
    } else {
        "* the best. Times in ms; response: from spawn to end, in the mean; fairness: 1 is best."
    })];
    let unended = how_far(app.session());
    foot.extend(unended.map(|far| Line::raw(format!("Your run has not ended: {far}."))));
    foot
}

fn row_style(at: usize, theme: Theme) -> Style {
    if at == 0 { theme.cursor() } else { Style::new() }
}

fn label(at: usize, score: &Score) -> Cell<'static> {
    let mark = if at == 0 { "▶" } else { " " };
    Cell::from(format!("{mark} {}", if at == 0 { your_name(score) } else { score.name.clone() }))
}

fn your_name(score: &Score) -> String {
    if score.name == "you" { score.name.clone() } else { format!("this: {}", score.name) }
}

fn measures(all: &[Score], width: u16, theme: Theme) -> Table<'static> {
    let heads = MEASURES.iter().map(|measure| right(measure.head.to_string(), Style::new()));
    let head = Row::new(std::iter::once(Cell::from("")).chain(heads)).style(theme.dim());
    let rows = all.iter().enumerate().map(|(at, score)| {
        let cells = MEASURES.iter().map(|measure| {
            let is_best = measure.is_best(score, all);
            let mark = if is_best { "*" } else { " " };
            let best = theme.color(Color::Green).patch(theme.bold());
            right(measure.show(score) + mark, if is_best { best } else { Style::new() })
        });
        Row::new(std::iter::once(label(at, score)).chain(cells)).style(row_style(at, theme))
    });
    let name = all.iter().map(|score| your_name(score).chars().count()).max().unwrap_or(0);
    let head_width = |measure: &Measure| (measure.head.chars().count().max(8) + 1) as u16;
    let room = width.saturating_sub(MEASURES.iter().map(|m| head_width(m) + 1).sum());
    let mut widths = vec![Constraint::Length((name as u16 + 2).clamp(13, room.max(13)))];
    widths.extend(MEASURES.iter().map(|measure| Constraint::Length(head_width(measure))));
    Table::new(rows.collect::<Vec<_>>(), widths).header(head)
}

fn right(text: String, style: Style) -> Cell<'static> {
    Cell::from(Line::from(text).right_aligned()).style(style)
}

/// A column for each name, as many as there is room for.
fn tasks(all: &[Score], width: u16, theme: Theme) -> Table<'static> {
    let mut names: Vec<String> = Vec::new();
    let named = all.iter().flat_map(|score| &score.tasks).map(|part| &part.name);
    let mut known = HashSet::new();
    // More than that have no room on any screen.
    for name in named.filter(|name| known.insert(*name)).take(100) {
        names.push(name.clone());
    }
    let wanted = |name: &String| {
        let cells = all.iter().map(|score| finish(score, name).chars().count());
        cells.max().unwrap_or(0).max(name.chars().count()) as u16
    };
    let first = all.iter().map(|score| your_name(score).chars().count()).max().unwrap_or(0);
    let first = first.clamp(11, 24) as u16 + 2;
    let mut room = width.saturating_sub(first);
    names.retain(|name| {
        let fits = wanted(name) < room;
        room = if fits { room - wanted(name) - 1 } else { 0 };
        fits
    });
    let heads = names.iter().map(|name| right(name.clone(), Style::new()));
    let head = Row::new(std::iter::once(Cell::from("")).chain(heads)).style(theme.dim());
    let rows = all.iter().enumerate().map(|(at, score)| {
        let cells = names.iter().map(|name| right(finish(score, name), Style::new()));
        Row::new(std::iter::once(label(at, score)).chain(cells)).style(row_style(at, theme))
    });
    let mut widths = vec![Constraint::Length(first)];
    widths.extend(names.iter().map(|name| Constraint::Length(wanted(name))));
    Table::new(rows.collect::<Vec<_>>(), widths).header(head)
}
