//! Telling what was found, once for each place (floor 5).

use std::collections::HashSet;
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::finding::{Finding, Lint};
use crate::hook::say;

type Site = &'static Location<'static>;
type Sink = Box<dyn FnMut(Finding) + Send>;

/// Tells each finding once: the watchdog's thread, and the loop's.
pub(super) struct Report(Mutex<State>);

struct State {
    sink: Sink,
    silent: Vec<Lint>,
    /// By lint, and where: by places of the program and not by tasks, so that it does not grow.
    told: HashSet<(Lint, Site, Option<Site>, Option<Site>)>,
}

impl Default for Report {
    fn default() -> Self {
        let sink: Sink = Box::new(|finding| say(&finding));
        Self(Mutex::new(State { sink, silent: Vec::new(), told: HashSet::new() }))
    }
}

impl Report {
    fn state(&self) -> MutexGuard<'_, State> {
        // A sink that panicked leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_sink(&self, sink: impl FnMut(Finding) + Send + 'static) {
        self.state().sink = Box::new(sink);
    }

    pub(super) fn silence(&self, lint: Lint) {
        self.state().silent.push(lint);
    }

    pub(super) fn tell(&self, finding: Finding) {
        let mut state = self.state();
        let key = (finding.lint, finding.who.site, finding.after(), finding.place);
        if !state.silent.contains(&finding.lint) && state.told.insert(key) {
            (state.sink)(finding);
        }
    }
}
