//! The timeline of the last switches: turno's own, as many columns and rows as there is room for.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use turno::trace::{Recording, Text};

use super::{Theme, pane};
use crate::sight::Sight;

/// The lines below the rows: why, and by whom.
const BELOW: u16 = 2;

/// How many lines it wants, of `most`: a title, and a row for each name; if there is room, why and
/// by.
pub(super) fn height(sight: &Sight, most: u16) -> u16 {
    let rows = names(&sight.recording).min(500) as u16 + 1;
    if rows + BELOW <= most { rows + BELOW } else { rows.min(most) }
}

/// How many names the tasks have.
fn names(recording: &Recording) -> usize {
    let mut labels: Vec<_> = recording.tasks.iter().map(|task| task.label()).collect();
    labels.sort();
    labels.dedup();
    labels.len()
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, sight: &Sight, theme: Theme) {
    let all = names(&sight.recording);
    let room = usize::from(area.height.saturating_sub(1));
    let below = if all + usize::from(BELOW) <= room { usize::from(BELOW) } else { 0 };
    let rows = (room - below).max(1);
    let (recording, columns) = excerpt(&sight.recording, usize::from(area.width), rows);
    let text = Text::new(usize::from(area.width), theme.is_coloured).most(columns.max(1));
    let drawn = text.timeline(&recording);
    let drawn = drawn.lines().take(names(&recording) + below);
    let lines: Vec<Line<'_>> = match sight.n {
        0 => vec![Line::styled("a column for each switch", theme.dim())],
        _ => drawn.map(styled).collect(),
    };
    let head = vec![
        Span::styled("timeline", theme.bold()),
        Span::styled(", █ ran  ░ ready  · waiting", theme.dim()),
    ];
    frame.render_widget(Paragraph::new(lines).block(pane(head, false, theme)), area);
}

/// The recording with `rows` names at most: those who ran last, and how many switches back nobody
/// else ran; then others, while there is room.
fn excerpt(recording: &Recording, width: usize, rows: usize) -> (Recording, usize) {
    let mut kept: Vec<String> = Vec::new();
    let mut columns = 0;
    let room = |kept: &[String]| {
        let longest = kept.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        width.saturating_sub(longest.clamp(8, 24) + 5).max(10)
    };
    let ran: Vec<String> = recording.switches().map(|s| recording.label(s.task)).collect();
    for label in ran.into_iter().rev() {
        if !kept.contains(&label) {
            if kept.len() == rows {
                break;
            }
            kept.push(label);
        }
        if columns >= room(&kept) {
            break;
        }
        columns += 1;
    }
    for task in &recording.tasks {
        if kept.len() < rows && !kept.contains(&task.label()) {
            kept.push(task.label());
        }
    }
    let mut part = recording.clone();
    part.tasks.retain(|task| kept.contains(&task.label()));
    (part, columns.min(room(&kept)))
}

/// A line with the styles of its escape sequences: those that a timeline has.
fn styled(line: &str) -> Line<'static> {
    let mut spans = Vec::new();
    let mut style = Style::new();
    let mut parts = line.split("\x1b[");
    spans.extend(parts.next().map(|text| Span::raw(text.to_string())));
    for part in parts {
        let (code, text) = part.split_once('m').unwrap_or(("0", part));
        style = match code.parse::<u8>() {
            Ok(1) => style.add_modifier(Modifier::BOLD),
            Ok(2) => style.add_modifier(Modifier::DIM),
            Ok(code @ 31..=37) => style.fg(COLORS[usize::from(code - 31)]),
            _ => Style::new(),
        };
        spans.push(Span::styled(text.to_string(), style));
    }
    Line::from(spans)
}

/// From code 31 on.
const COLORS: [Color; 7] = [
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
];
