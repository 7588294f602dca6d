//! Tasks that wake themselves again and again, and nothing comes of it (floor 5).

use std::time::Duration;

use super::finding::{Finding, Lint};
use super::known::{Ended, Task};
use super::report::Report;
use crate::task::{Cause, Left, Nanos};
use crate::time::Instant;

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
        let Row { since, ran, n, .. } = task.row;
        let lasted = now - since;
        let (mean, thick) = (ran / u64::from(self.times), lasted <= WITHIN.as_nanos() as Nanos);
        let nothing = ran == 0 || (mean < SOMETHING && !stands_still());
        if !(thick && nothing) {
            return;
        }
        let (times, all) = (self.times, Duration::from_nanos(lasted));
        let mean = Duration::from_nanos(mean);
        let what = format!(
            "woke itself {times} times in a row within {all:?}, ran for {mean:?} each time, and \
             nothing came of it (up to switch {n})"
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

/// Whether the runtime's clock is a virtual one: it does not go on by itself.
pub(super) fn stands_still() -> bool {
    let (now, real) = (Instant::now(), std::time::Instant::now());
    while std::time::Instant::now() == real {
        std::hint::spin_loop();
    }
    Instant::now() == now
}
