//! Draws a run as a timeline in the terminal.

use anstream::{print, println};
use anstyle::{AnsiColor, Color, Effects, Style};
use turno::task::Cause;

use crate::record::{Column, Record, Recording, Stand};

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const LABEL: usize = 12;

/// The colour of a group.
fn colour(group: u32) -> Style {
    const COLOURS: [AnsiColor; 5] = [
        AnsiColor::White,
        AnsiColor::Cyan,
        AnsiColor::Yellow,
        AnsiColor::Magenta,
        AnsiColor::Green,
    ];
    let colour = COLOURS[group as usize % COLOURS.len()];
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// The letter that stands for a row.
fn letter(row: usize) -> char {
    char::from(b'a' + row as u8 % 26)
}

/// Why a task was ready, in a letter.
fn why(cause: Cause) -> char {
    match cause {
        Cause::Spawn { .. } => 's',
        Cause::Yield => 'y',
        Cause::Budget => 'b',
        Cause::Task(_) => 'w',
        Cause::Timer => 't',
        _ => 'x',
    }
}

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
pub fn timeline(name: &str, what: &str, recording: &Recording) {
    let record = recording.read();
    println!("\n{BOLD}{name}{BOLD:#}: {what}");
    let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
    for strip in record.columns.chunks(width.saturating_sub(LABEL + 1).max(10)) {
        draw_strip(&record, strip);
    }
}

fn draw_strip(record: &Record, strip: &[Column]) {
    for (index, row) in record.rows.iter().enumerate() {
        let style = colour(row.group);
        print!("{style}{} {:<2$}{style:#}", letter(index), row.name, LABEL - 2);
        for column in strip {
            if column.row == index {
                print!("{style}█{style:#}");
                continue;
            }
            match column.others.get(index) {
                Some(Stand::Ready) => print!("{style}░{style:#}"),
                Some(Stand::Waiting) => print!("{DIM}·{DIM:#}"),
                Some(Stand::Absent) | None => print!(" "),
            }
        }
        println!();
    }
    let why: String = strip.iter().map(|column| why(column.cause)).collect();
    println!("{DIM}{:<LABEL$}{why}{DIM:#}", "why");
    let by: String = strip.iter().map(|column| column.by.map_or(' ', letter)).collect();
    println!("{DIM}{:<LABEL$}{by}{DIM:#}", "by");
}
