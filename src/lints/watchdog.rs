//! Polls that do not end, as another thread sees them (floor 5).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::finding::{Finding, Lint};
use super::known::{After, Task, Who};
use super::report::Report;
use crate::hook::say;
use crate::task::Nanos;
use crate::time::clock::nanos;

/// So often it looks before it tells. It counts looks and not time, so that a process that stood
/// still meanwhile is not blamed.
const LOOKS: u32 = 8;

/// Sees from outside that a switch does not end.
#[derive(Default)]
pub(super) struct Watchdog {
    threshold: Option<Duration>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    end: Condvar,
}

#[derive(Default)]
struct State {
    runs: Option<Running>,
    ends: bool,
}

/// Who runs now.
struct Running {
    n: u64,
    who: Who,
    after: After,
    at: Nanos,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    pub(super) fn every(threshold: Duration) -> Self {
        let threshold = Some(threshold.max(Duration::from_millis(1)));
        Self { threshold, shared: Arc::default(), thread: None }
    }

    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.threshold.is_some()
    }

    /// A switch begins.
    #[inline]
    pub(super) fn runs(&mut self, n: u64, at: Nanos, task: &Task, report: &Arc<Report>) {
        let Some(threshold) = self.threshold else { return };
        if self.thread.is_none() {
            self.start(threshold, report);
        }
        let runs = Running { n, who: task.who.clone(), after: task.after, at };
        self.shared.state().runs = Some(runs);
    }

    /// It has ended.
    #[inline]
    pub(super) fn rests(&self) {
        if self.is_on() {
            self.shared.state().runs = None;
        }
    }

    #[cold]
    fn start(&mut self, threshold: Duration, report: &Arc<Report>) {
        let (shared, report) = (self.shared.clone(), report.clone());
        let thread = thread::Builder::new().name("turno-watchdog".to_string());
        match thread.spawn(move || watch(&shared, threshold, &report)) {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => {
                say(&format!("no thread could be had for `Lints::watchdog`: {error}"));
                self.threshold = None;
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.state().ends = true;
        self.shared.end.notify_one();
        // If its sink panicked, the panic hook has told so.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Looks again and again whether the same switch still runs.
fn watch(shared: &Shared, threshold: Duration, report: &Report) {
    let (mut seen, mut looks) = (0, 0);
    let mut state = shared.state();
    while !state.ends {
        let waited = shared.end.wait_timeout_while(state, threshold / LOOKS, |state| !state.ends);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let n = state.runs.as_ref().map_or(0, |runs| runs.n);
        (seen, looks) = if n == seen { (n, looks + 1) } else { (n, 0) };
        let Some(runs) = state.runs.as_ref().filter(|_| looks == LOOKS) else { continue };
        let finding = runs.finding(threshold);
        drop(state);
        report.tell(finding);
        state = shared.state();
    }
}

impl Running {
    fn finding(&self, lasted: Duration) -> Finding {
        let Self { n, after, .. } = self;
        let what =
            format!("has held the thread for more than {lasted:?} after {after}, in switch {n}");
        Finding {
            lint: Lint::EndlessPoll,
            who: self.who.clone(),
            n: *n,
            at: self.at,
            lasted: nanos(lasted),
            after: Some(*after),
            place: None,
            what,
        }
    }
}
