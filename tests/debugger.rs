//! turno's commands work in gdb, on the tour, as README shows them. Where gdb is not installed
//! there is nothing to test, and it says so.

use std::path::{Path, PathBuf};
use std::process::Command;

fn tour() -> Option<PathBuf> {
    // `cargo test` builds the examples beside the tests.
    let test = std::env::current_exe().expect("a test has a path");
    let tour = test.parent()?.parent()?.join("examples/tour");
    tour.exists().then_some(tour)
}

/// What gdb prints when it is told all this; `None` if there is no gdb or no tour.
fn gdb(commands: &[&str]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/debugger/turno_gdb.py");
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set width 0"]);
    gdb.args(["-ex", &format!("source {}", script.display())]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let Ok(output) = gdb.arg(tour()?).output() else {
        eprintln!("skipped: gdb is not installed");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text + &String::from_utf8_lossy(&output.stderr))
}

const TO_20: [&str; 2] = ["break turno::switch_to if n == 20", "run --policy fifo > /dev/null"];

#[test]
fn a_switch_is_stopped_at_by_its_number_and_the_tasks_are_listed() {
    let Some(text) = gdb(&[TO_20[0], TO_20[1], "turno tasks", "turno ready"]) else { return };
    for wanted in [
        "n=20, task=Id(2)",
        "after 20 switches, under Fifo",
        "*    2  crunch-a  running",
        "1  block_on  waiting  the end of task 2 at examples/tour/main.rs:",
        "3 ready, as Fifo has them",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in:\n{text}");
    }
    let readme = include_str!("../README.md");
    let root = text.lines().find(|line| line.contains("  block_on  ")).expect("it is listed");
    assert!(readme.contains(root), "README shows another line than {root:?}");
}

#[test]
fn each_await_is_shown_with_its_line() {
    let Some(text) = gdb(&[TO_20[0], TO_20[1], "turno bt 6"]) else { return };
    let source = include_str!("../examples/tour/main.rs");
    let line = 1 + source.lines().position(|line| line.contains("sleep(8 * MS)")).expect("it is");
    for wanted in [&format!("examples/tour/main.rs:{line}\n")[..], "turno::time::sleep::Sleep"] {
        assert!(text.contains(wanted), "no {wanted:?} in:\n{text}");
    }
}

#[test]
fn until_runs_to_a_switch_and_bt_shows_the_users_frames() {
    let Some(text) = gdb(&[TO_20[0], TO_20[1], "turno until 30", "bt"]) else { return };
    assert!(text.contains("[switch 30: task 6 \"pulse\", woken by a timer]"), "{text}");
    let frames = text.lines().filter(|line| line.starts_with('#')).count();
    assert!(frames <= 8, "{frames} frames in:\n{text}");
}
