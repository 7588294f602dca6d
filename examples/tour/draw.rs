//! Draws a run as a timeline in the terminal.

use anstyle::{Effects, Style};
use print::{print, println};
use turno::trace::{Recording, Text};

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);

pub fn intro() {
    println!("{BOLD}One thread, one program, and who runs next is a decision.{BOLD:#}");
    println!(
        "Three tasks compute in pieces of 4 ms and give way in between; `web` wakes every 10 ms"
    );
    println!("and has a child write its log; `pulse` wants 0.1 ms of the thread every 8 ms.\n");
    println!(
        "One column is one switch:  █ ran   ░ ready, but another ran   · waiting for something"
    );
    println!("{DIM}why{DIM:#}  s spawned   y yielded   t timer   w woken by a task");
    println!("{DIM}by{DIM:#}   the letter of the task that woke or spawned it");
}

/// Draws the run, in as many strips as the terminal's width asks for.
pub fn timeline(name: &str, what: &str, recording: &Recording, log: bool) {
    println!("\n{BOLD}{name}{BOLD:#}: {what}");
    let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
    // The colours go away by themselves where they are not wanted.
    let text = Text::new(width, true);
    print!("{}", text.timeline(recording));
    if log {
        print!("\n{}", text.log(recording));
    }
}
