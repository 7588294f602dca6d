//! The timeline of the last switches: turno's own, as many columns and rows as there is room for.

use std::collections::HashSet;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use turno::task::Id;
use turno::trace::{Recording, Text, What};

use super::{Theme, pane};
use crate::sight::Sight;

/// The lines below the rows: why, and by whom.
const BELOW: u16 = 2;

const MARKS: &str = ", █ ran  ░ ready  · waiting";
const WITH_WHY: &str =
    ", █ ran  ░ ready  · waiting;  s spawned  y yielded  t timer  w woken, by whom";

/// How many lines it wants, of `most`: a title, and a row for each name; if there is room, why and
/// by.
pub(super) fn height(sight: &Sight, most: u16) -> u16 {
    let rows = sight.names.iter().len().min(500) as u16 + 1;
    if rows + BELOW <= most { rows + BELOW } else { rows.min(most) }
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, sight: &Sight, theme: Theme) {
    let all = sight.names.iter().len();
    let room = usize::from(area.height.saturating_sub(1));
    let below = if all + usize::from(BELOW) <= room { usize::from(BELOW) } else { 0 };
    let rows = (room - below).max(1);
    let (recording, kept, columns) = excerpt(sight, usize::from(area.width), rows);
    let text = Text::new(usize::from(area.width), theme.is_coloured).most(columns.max(1));
    let drawn = text.timeline(&recording);
    let drawn = drawn.lines().take(kept + below);
    let lines: Vec<Line<'_>> = match sight.n {
        0 => vec![Line::styled("a column for each switch", theme.dim())],
        _ => drawn.map(styled).collect(),
    };
    let has_legend = below > 0 && area.width >= 96;
    let head = vec![
        Span::styled("timeline", theme.bold()),
        Span::styled(if has_legend { WITH_WHY } else { MARKS }, theme.dim()),
    ];
    frame.render_widget(Paragraph::new(lines).block(pane(head, false, theme)), area);
}

/// What is drawn of the recording, with so many names, so many columns wide: those who ran last,
/// as far back as nobody else ran, `rows` names at most; then others, while there is room.
fn excerpt(sight: &Sight, width: usize, rows: usize) -> (Recording, usize, usize) {
    let recording = &sight.recording;
    let mut kept: Vec<String> = Vec::new();
    let room = |kept: &[String]| {
        let longest = kept.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        width.saturating_sub(longest.clamp(8, 24) + 5).max(10)
    };
    let (mut columns, mut first) = (0, recording.records.len());
    for (at, record) in recording.records.iter().enumerate().rev() {
        let What::Switched { task, .. } = record.what else { continue };
        let label = recording.label(task);
        if !kept.contains(&label) {
            if kept.len() == rows {
                break;
            }
            kept.push(label);
        }
        if columns >= room(&kept) {
            break;
        }
        (columns, first) = (columns + 1, at);
    }
    let others = sight.names.iter().filter(|name| !kept.iter().any(|label| label == name));
    let others: Vec<String> = others.take(rows - kept.len()).map(str::to_string).collect();
    kept.extend(others);
    let columns = columns.min(room(&kept));
    (part(recording, &kept, first), kept.len(), columns)
}

/// The tasks of these names, and the records from `first` on; of those before it only the last of
/// each task, which says how it stood.
fn part(recording: &Recording, kept: &[String], first: usize) -> Recording {
    let mut part = Recording::default();
    let tasks = recording.tasks.iter().filter(|task| kept.contains(&task.label()));
    part.tasks.extend(tasks.cloned());
    let mut unsaid: HashSet<Id> = part.tasks.iter().map(|task| task.id).collect();
    let before = recording.records[..first].iter().rev().filter(|record| {
        let stands = !matches!(record.what, What::Switched { .. } | What::Quantum { .. });
        stands && record.what.task().is_some_and(|task| unsaid.remove(&task))
    });
    part.records.extend(before.copied());
    part.records.reverse();
    part.records.extend(recording.records[first..].iter().copied());
    part
}

/// A line with the styles of its escape sequences: those that a timeline has.
fn styled(line: &str) -> Line<'static> {
    let mut spans = Vec::new();
    let mut style = Style::new();
    let mut parts = line.split("\x1b[");
    spans.extend(parts.next().map(|text| Span::raw(text.to_string())));
    for part in parts {
        let (code, text) = part.split_once('m').unwrap_or(("0", part));
        let color = code.strip_prefix("38;5;").and_then(|color| color.parse().ok());
        style = match (code, color) {
            ("1", _) => style.add_modifier(Modifier::BOLD),
            ("2", _) => style.add_modifier(Modifier::DIM),
            (_, Some(color)) => style.fg(Color::Indexed(color)),
            _ => Style::new(),
        };
        spans.push(Span::styled(text.to_string(), style));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::program::Tour;
    use crate::session::Session;
    use crate::sight::Sources;

    #[test]
    fn it_is_the_end_of_the_whole_timeline() {
        let mut session = Session::new(Rc::new(Tour), "fifo", 1).unwrap();
        while session.forward() {
            let sight = Sight::of(&session, &Sources::default());
            let whole = Text::new(500, false).timeline(&sight.recording);
            let (recording, kept, columns) = excerpt(&sight, 40, 12); // All tasks have room.
            let drawn = Text::new(40, false).most(columns).timeline(&recording);
            let longest = sight.names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
            let room = 40 - (longest.max(8) + 5);
            assert_eq!((kept, columns), (sight.names.iter().len(), (sight.n as usize).min(room)));
            let cells = |line: &str, from: usize| -> String {
                line.chars()
                    .skip(longest.max(8) + 4 + from)
                    .collect::<String>()
                    .trim_end()
                    .to_string()
            };
            for (whole, drawn) in whole.lines().zip(drawn.lines()).take(kept + 2) {
                assert_eq!(
                    cells(drawn, 0),
                    cells(whole, sight.n as usize - columns),
                    "{}",
                    sight.n
                );
            }
        }
        assert_eq!(session.at(), 43);
    }
}
