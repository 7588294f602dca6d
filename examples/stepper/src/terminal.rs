//! The stepper in a terminal, which it leaves as it found it: also after a panic.

use std::panic;

use lab::Problem;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::App;
use crate::view::{self, Theme};

/// Draws, waits for a key, and so on until it is time to go.
///
/// # Errors
/// When the terminal cannot be drawn on, or gives no keys.
pub(crate) fn run(app: &mut App) -> Result<(), Problem> {
    let wrong = |error| Problem::new(format!("the terminal cannot be used: {error}"));
    let theme = Theme::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));
    // It also sees to it that a panic leaves the terminal as it was. One in a task does not end the
    // stepper: it ends that task, and is seen on the screen.
    let mut terminal = ratatui::try_init().map_err(wrong)?;
    let leave = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if turno::task::try_id().is_none() {
            leave(panic);
        }
    }));
    let done = loop {
        if let Err(error) = terminal.draw(|frame| view::draw(frame, app, theme)) {
            break Err(error);
        }
        match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                if is_interrupt(&key) {
                    break Ok(());
                }
                app.key(key.code);
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
        if app.has_quit() {
            break Ok(());
        }
    };
    done.and(ratatui::try_restore()).map_err(wrong)
}

/// In a terminal that hands keys on as they are, nobody else sees it.
fn is_interrupt(key: &KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c')
}
