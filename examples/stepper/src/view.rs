//! How it is drawn: panes, and what lies over them.

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use crate::app::{App, KEYS, Over};
use crate::run::End;
use crate::sight::{Sight, time};

mod over;
mod panes;
mod strip;

const SCORE_KEYS: [(&str, &str); 5] =
    [("tab", "by task"), ("left", "back"), ("esc", "close"), ("up down", "scroll"), ("q", "quit")];

/// Nothing can be told on less.
const LEAST: (u16, u16) = (40, 10);

/// What is drawn with: colours, unless they are not wanted.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    is_coloured: bool,
}

/// Blue, orange, green, magenta, grey, violet, rose: those of the timelines, which can be read on white
/// and on black.
const COLORS: [Color; 7] = [
    Color::Indexed(31),
    ORANGE,
    GREEN,
    Color::Indexed(164),
    Color::Indexed(243),
    Color::Indexed(99),
    Color::Indexed(131),
];

const ORANGE: Color = Color::Indexed(130);
const GREEN: Color = Color::Indexed(28);

impl Theme {
    /// With colours, or with bold and dim alone.
    pub fn new(is_coloured: bool) -> Self {
        Self { is_coloured }
    }

    fn color(self, color: Color) -> Style {
        if self.is_coloured { Style::new().fg(color) } else { Style::new() }
    }

    fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Where the cursor is.
    fn cursor(self) -> Style {
        self.color(ORANGE).add_modifier(Modifier::BOLD)
    }

    /// The colour that a task has in the timelines.
    fn task(self, sight: &Sight, label: &str) -> Style {
        self.color(COLORS[sight.names.color(label) % COLORS.len()])
    }
}

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, app: &App, theme: Theme) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("{} x {} at least, please", LEAST.0, LEAST.1);
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
    }
    let rows = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)];
    let [title, body, bottom] = Layout::vertical(rows).areas(area);
    draw_title(frame, title, app, theme);
    match app.over() {
        Some(&Over::Score(by_task, above)) => over::score(frame, body, app, by_task, above, theme),
        over => {
            panes::draw(frame, body, app, theme);
            match over {
                Some(Over::Help) => over::help(frame, body, theme),
                Some(Over::Policies(typed, at)) => {
                    over::policies(frame, body, typed, *at, theme);
                }
                _ => {}
            }
        }
    }
    draw_bottom(frame, bottom, app, theme);
}

/// The screen as plain text, `width` by `height`.
pub fn print(app: &App, width: u16, height: u16) -> String {
    let mut terminal = match Terminal::new(TestBackend::new(width, height)) {
        Ok(terminal) => terminal,
        Err(never) => match never {},
    };
    let drawn = terminal.draw(|frame| draw(frame, app, Theme::new(false)));
    let Ok(drawn) = drawn;
    let lines = (0..height).map(|y| {
        let cells = (0..width).map(|x| drawn.buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_string() + "\n"
    });
    lines.collect()
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, app: &App, theme: Theme) {
    let sight = app.sight();
    let state = match sight.end {
        Some(End::Done) => "ended",
        Some(End::Stalled) => "stalled",
        None if app.is_by_hand() => "you are the scheduler",
        None => "",
    };
    let mut right = format!("switch {} at {}", sight.n, time(sight.now));
    if !state.is_empty() {
        right = format!("{state}  {right}");
    }
    let left = format!("{}  under {}", app.session().program().title(), sight.policy);
    let room = usize::from(area.width).saturating_sub(right.chars().count() + 3);
    let left = fit(&left, room);
    let text = format!(" {left:<room$} {right} ");
    frame.render_widget(Paragraph::new(text).style(theme.bar().add_modifier(Modifier::BOLD)), area);
}

fn draw_bottom(frame: &mut Frame<'_>, area: Rect, app: &App, theme: Theme) {
    let line = match app.over() {
        Some(Over::GoTo(typed)) => Line::from(vec![
            Span::raw(" go to switch "),
            Span::styled(format!("{typed}_"), theme.bold()),
            Span::styled("  enter, or esc", theme.dim()),
        ]),
        Some(Over::Score(..)) => keys(&SCORE_KEYS, area.width, theme),
        _ if !app.note().is_empty() => Line::styled(format!(" {}", app.note()), theme.cursor()),
        _ => {
            let named = KEYS.iter().filter(|(_, word, _)| !word.is_empty());
            let named: Vec<_> = named.map(|&(key, word, _)| (key, said(word, app))).collect();
            keys(&named, area.width, theme)
        }
    };
    frame.render_widget(Paragraph::new(line), area);
}

/// What a key does now.
fn said(word: &'static str, app: &App) -> &'static str {
    match word {
        "next" if app.is_by_hand() => "pick",
        "you schedule" if app.is_by_hand() => "it schedules",
        word => word,
    }
}

/// As many keys with their words as there is room for.
fn keys(keys: &[(&str, &str)], width: u16, theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    let mut room = usize::from(width);
    for (key, word) in keys {
        let length = key.chars().count() + word.chars().count() + 3;
        if length > room {
            break;
        }
        room -= length;
        spans.push(Span::styled(format!(" {key}"), theme.bold()));
        spans.push(Span::styled(format!(" {word} "), theme.dim()));
    }
    Line::from(spans)
}

/// A pane under its title.
fn pane(title: Vec<Span<'static>>, has_cursor: bool, theme: Theme) -> Block<'static> {
    let rule = if has_cursor { theme.color(ORANGE) } else { theme.dim() };
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title);
    spans.push(Span::raw(" "));
    Block::new().borders(Borders::TOP).border_style(rule).title(Line::from(spans))
}

/// As much of `text` as `width` columns hold.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
