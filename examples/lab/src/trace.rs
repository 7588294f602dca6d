//! `--trace`: one run, recorded switch by switch with turno's own recorder.

use std::cell::Cell;
use std::io::IsTerminal;

use turno::runtime::Builder;
use turno::trace::{Recorder, Text};

use crate::Problem;

/// So many switches are told on a terminal: the last.
const MOST: usize = 500;

/// Where the first run of an experiment is recorded.
pub struct Trace {
    /// A file, or `-` for the terminal.
    to: String,
    recorder: Recorder,
    /// The first run is over, or another process records it.
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Watching,
    /// A process of its own has it, with `TURNO_TRACE`.
    Given,
}

impl Trace {
    pub(crate) fn to(to: &str) -> Self {
        let (recorder, state) = (Recorder::new(), Cell::new(State::Waiting));
        Self { to: to.to_string(), recorder, state }
    }

    /// The first runtime that is built is recorded.
    pub(crate) fn watch(&self, builder: Builder) -> Builder {
        if self.state.get() != State::Waiting {
            return builder;
        }
        self.state.set(State::Watching);
        builder.observe(self.recorder.clone())
    }

    /// What `TURNO_TRACE` is to be for a process that records in place of this one, if none does.
    pub(crate) fn take(&self) -> Option<&str> {
        if self.state.get() != State::Waiting {
            return None;
        }
        self.state.set(State::Given);
        Some(&self.to)
    }

    /// Writes what was recorded.
    pub(crate) fn write(&self) -> Result<(), Problem> {
        if self.state.get() != State::Watching {
            return Ok(());
        }
        let recording = self.recorder.recording();
        if self.to == "-" {
            let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
            let color = std::io::stderr().is_terminal();
            let text = Text::new(columns.unwrap_or(100), color).most(MOST);
            print::eprintln!("{}\n{}", text.timeline(&recording), text.log(&recording));
            return Ok(());
        }
        recording.save(&self.to)?;
        let notes: String = recording.notes().iter().map(|note| format!("; {note}")).collect();
        print::eprintln!("recorded: {}{notes}", self.to);
        Ok(())
    }
}
