//! Slow polls, and turns that are slow by many (floor 5).

use std::time::Duration;

use super::finding::{Finding, Lint};
use super::known::{Ended, Task, Who, brief};
use super::machine::{Machine, stands_still};
use super::report::Report;
use crate::task::{Left, Nanos};
use crate::time::clock::nanos;

/// One switch that takes too long.
pub(super) struct Poll {
    threshold: Nanos,
}

impl Poll {
    pub(super) fn longer_than(threshold: Duration) -> Self {
        Self { threshold: nanos(threshold) }
    }

    /// Whether it was slow.
    pub(super) fn ended(
        &self,
        task: &Task,
        end: &Ended,
        machine: &Machine,
        report: &Report,
    ) -> bool {
        let slow = end.ran > self.threshold;
        if slow {
            self.judge(task, end, machine.without(end.ran), report);
        }
        slow
    }

    #[cold]
    fn judge(&self, task: &Task, end: &Ended, ran: Nanos, report: &Report) {
        if ran <= self.threshold {
            return;
        }
        let to = match end.left {
            Left::Waiting | Left::Yielded => end.before().to_string(),
            Left::Done => "its end".to_string(),
            Left::Panicked => "its panic".to_string(),
        };
        let (n, after, took) = (end.n, task.after, brief(ran));
        let what = format!("held the thread for {took}, from {after} to {to} (switch {n})");
        report.tell(Finding {
            lint: Lint::SlowPoll,
            who: task.who.clone(),
            n,
            at: end.at,
            lasted: ran,
            after: Some(after),
            place: end.wait.map(|wait| wait.site),
            what,
        });
    }
}

/// Many switches, none of them slow, between two looks outside.
pub(super) struct Turn {
    threshold: Nanos,
    /// How long they have taken since the last look, in how many; and the last of them.
    took: Nanos,
    switches: u64,
    last: u64,
    /// Those that make a difference.
    long: Vec<(Who, Nanos)>,
}

/// A switch that took less than such a part of the threshold makes none, unless there are more of
/// them than are kept.
const PART: Nanos = 1000;

impl Turn {
    pub(super) fn longer_than(threshold: Duration) -> Self {
        let threshold = nanos(threshold);
        Self { threshold, took: 0, switches: 0, last: 0, long: Vec::new() }
    }

    pub(super) fn ended(&mut self, task: &Task, end: &Ended) {
        (self.took, self.switches, self.last) = (self.took + end.ran, self.switches + 1, end.n);
        if end.ran > self.threshold / PART {
            self.note(&task.who, end.ran);
        }
    }

    #[cold]
    fn note(&mut self, who: &Who, ran: Nanos) {
        if let Some(known) = self.long.iter_mut().find(|(known, _)| known.id == who.id) {
            known.1 += ran;
        } else if self.long.len() < PART as usize {
            self.long.push((who.clone(), ran));
        }
    }

    pub(super) fn looked(&mut self, now: Nanos, machine: &Machine, report: &Report) {
        if self.took > self.threshold && !stands_still() {
            self.judge(now, machine.without(self.took), report);
        }
        (self.took, self.switches) = (0, 0);
        self.long.clear();
    }

    #[cold]
    fn judge(&mut self, now: Nanos, lasted: Nanos, report: &Report) {
        if lasted <= self.threshold {
            return;
        }
        let (n, took) = (self.last, brief(lasted));
        self.long.sort_by_key(|&(_, ran)| std::cmp::Reverse(ran));
        let Some((who, ran)) = self.long.first() else { return };
        let (ran, switches) = (brief(lasted.min(*ran)), self.switches);
        let mut what = format!(
            "ran for {ran} of {took} in which the loop did not look outside once ({switches} \
             switches, up to switch {n}, none of them slow)"
        );
        for (who, ran) in self.long.iter().skip(1).take(2) {
            what.push_str(&format!("; {} for {}", who.label(), brief(*ran)));
        }
        report.tell(Finding {
            lint: Lint::SlowTurn,
            who: who.clone(),
            n,
            at: now,
            lasted,
            after: None,
            place: None,
            what,
        });
    }
}
