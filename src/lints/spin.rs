//! Tasks that wake themselves again and again, and nothing comes of it (floor 5).

use std::time::Duration;

use super::finding::{Finding, Lint};
use super::known::{Ended, Task, brief};
use super::machine::stands_still;
use super::report::Report;
use crate::task::{Cause, Left, Nanos};

/// They come that thick: a task whose host lets it run now and then does not spin.
const WITHIN: Duration = Duration::from_secs(1);

/// A switch that takes so long does something.
const SOMETHING: Nanos = 10_000;

/// A task that wakes itself so many times in a row.
pub(super) struct Spin {
    times: u32,
}

/// How often a task has woken itself by now, since when, and how long it ran in those switches.
#[derive(Clone, Copy, Default)]
pub(super) struct Row {
    times: u32,
    since: Nanos,
    ran: Nanos,
    n: u64,
}

impl Spin {
    pub(super) fn times(times: u32) -> Self {
        Self { times: times.max(1) }
    }

    /// Something came of it.
    pub(super) fn reset(&self, task: &mut Task) {
        task.row = Row::default();
    }

    pub(super) fn ended(&self, task: &mut Task, end: &Ended) {
        if end.left == Left::Yielded && end.operations == Some(0) {
            task.row.ran += end.ran;
            task.row.n = end.n;
        } else {
            self.reset(task);
        }
    }

    pub(super) fn woken(&self, task: &mut Task, cause: Cause, now: Nanos, report: &Report) {
        if cause != Cause::Yield {
            return self.reset(task);
        }
        let row = &mut task.row;
        if row.times == 0 {
            *row = Row { since: now, ran: 0, ..*row };
        }
        row.times += 1;
        if row.times > self.times {
            self.look(task, now, report);
            self.reset(task);
        }
    }

    #[cold]
    fn look(&self, task: &Task, now: Nanos, report: &Report) {
        let (Row { since, ran, n, .. }, times) = (task.row, self.times);
        let (lasted, mean) = (now - since, ran / u64::from(times));
        let is_thick = lasted <= WITHIN.as_nanos() as Nanos;
        let does_nothing = ran == 0 || (mean < SOMETHING && !stands_still());
        if !(is_thick && does_nothing) {
            return;
        }
        let when = match lasted {
            0 => "while time stood still".to_string(),
            _ => format!("within {}, ran for {} each time", brief(lasted), brief(mean)),
        };
        let what = format!(
            "woke itself {times} times in a row {when}, and nothing came of it (up to switch {n})"
        );
        report.tell(Finding {
            lint: Lint::SelfWakeSpin,
            who: task.who.clone(),
            n,
            at: now,
            lasted,
            after: Some(task.after),
            place: None,
            what,
        });
    }
}
