//! How the examples of the talk's slides speak: the slide, what happened, why, what to do instead.

#![allow(dead_code)] // Not every example says everything.

use std::time::Duration;

use anstyle::{Ansi256Color, Color, Effects, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use print::println;

const WIDTH: usize = 96;

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);

/// One that can be read on white and on black, as few of the 16 can.
const fn colour(colour: u8) -> Style {
    BOLD.fg_color(Some(Color::Ansi256(Ansi256Color(colour))))
}

/// The slide in its own words, and in English.
pub fn slide(spanish: &str, english: &str) {
    println!("{BOLD}{english}{BOLD:#}");
    println!("{DIM}the slide: «{spanish}»{DIM:#}");
}

/// What happened; a table may follow.
pub fn what(text: &str) {
    section(colour(31), "what", text);
}

pub fn why(text: &str) {
    section(colour(130), "why", text);
}

pub fn instead(text: &str) {
    section(colour(28), "instead", text);
}

fn section(style: Style, head: &str, text: &str) {
    println!("\n{style}{head}{style:#}");
    let mut line = String::new();
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            println!(" {line}");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    println!(" {line}");
}

/// A table: words to the left in the first column, numbers to the right in the others.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!();
    table.to_string().lines().for_each(|line| println!("  {}", line.trim_end()));
}

pub fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// `12,345`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A bar of up to `width` blocks for a part of a whole.
pub fn bar(part: f64, width: usize) -> String {
    "█".repeat((part.clamp(0.0, 1.0) * width as f64).round() as usize)
}
