//! `TURNO_TRACE`: records any program that is built with turno (floor 5).
//!
//! [`hook`](crate::hook) asks here once for each runtime. The recorder is an observer like any
//! other; it goes with its runtime, in a panic too, and writes then.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::recorder::Recorder;
use super::recording::Recording;
use super::save;
use super::schedule::breakpoint;
use super::text::Text;
use crate::hook::say;
use crate::observe::{Event, Observer};
use crate::task::Nanos;

const VARIABLE: &str = "TURNO_TRACE";

/// So many switches are told on a terminal: the last.
const MOST: usize = 500;

/// How many runtimes of this process were recorded.
static RUNTIMES: AtomicUsize = AtomicUsize::new(0);
static COMPLAINED: AtomicBool = AtomicBool::new(false);

/// Records a runtime, and writes when it is dropped.
struct Hook {
    /// Which of the process's runtimes it is, from 1.
    n: usize,
    recorder: Recorder,
    /// `None` is standard error, as text.
    path: Option<PathBuf>,
}

/// The observer that the environment asks for. If it asks for what cannot be had, that is said now
/// and not when the work is done, and nothing is recorded.
pub(crate) fn from_environment() -> Option<Box<dyn Observer>> {
    let wanted = env::var_os(VARIABLE).filter(|wanted| !wanted.is_empty())?;
    let path = (wanted != "-").then(|| PathBuf::from(wanted));
    if let Some(Err(error)) = path.as_deref().map(save::check) {
        if !COMPLAINED.swap(true, Relaxed) {
            say(&format!(
                "{VARIABLE}: {error}. Nothing is recorded (`-` would be a timeline in the terminal)"
            ));
        }
        return None;
    }
    let n = RUNTIMES.fetch_add(1, Relaxed) + 1;
    let path = path.map(|path| numbered(&path, n));
    Some(Box::new(Hook { n, recorder: Recorder::new(), path }))
}

/// `run.pftrace`, `run-2.pftrace`, ...
fn numbered(path: &Path, n: usize) -> PathBuf {
    let (Some(stem), Some(extension)) = (path.file_stem(), path.extension()) else {
        return path.to_path_buf();
    };
    if n == 1 {
        return path.to_path_buf();
    }
    let mut name = stem.to_os_string();
    name.push(format!("-{n}."));
    name.push(extension);
    path.with_file_name(name)
}

impl Observer for Hook {
    fn event(&mut self, now: Nanos, event: &Event<'_>) {
        self.recorder.event(now, event);
    }
}

impl Hook {
    /// On the terminal.
    fn show(&self, recording: &Recording) {
        let is = |name, value: &str| env::var_os(name).is_some_and(|is| is == value);
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = io::stderr().is_terminal() && !plain && !is("TERM", "dumb");
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let text = Text::new(columns.unwrap_or(80), color).most(MOST);
        let last = recording.switches().last().map_or(1, |switch| switch.n);
        let _ = write!(
            io::stderr(),
            "turno: runtime {} of this program\n{}\n{}turno: to stop a debugger at one of these \
             switches, as the last: {}\n",
            self.n,
            text.timeline(recording),
            text.log(recording),
            breakpoint(last),
        );
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        let recording = self.recorder.recording();
        let Some(path) = &self.path else {
            return self.show(&recording);
        };
        let notes = recording.notes();
        match recording.save(path) {
            Ok(()) if notes.is_empty() => say(&format!("recorded in {}", path.display())),
            Ok(()) => say(&format!("recorded in {}; {}", path.display(), notes.join("; "))),
            Err(error) => say(&format!("the recording is lost: {error}")),
        }
    }
}
