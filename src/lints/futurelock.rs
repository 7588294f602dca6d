//! Futures that were handed what others wait for, and that are not polled any more (floor 5).

use std::time::Duration;

use super::finding::{Finding, Lint};
use super::known::{After, Ended, Known, Task, Who, brief};
use super::report::Report;
use crate::observe::{Handed, Waits};
use crate::task::{Id, Left, Nanos, Wait, WaitReason};
use crate::time::clock::nanos;

/// A future that leaves others waiting for so long.
pub(super) struct Futurelock {
    threshold: Nanos,
    suspects: Vec<Suspect>,
    /// When to look at the suspects again.
    next: Nanos,
}

/// A future that was handed something; its task had a switch since then and did not poll it.
struct Suspect {
    who: Who,
    handed: Handed,
    /// When that was, and in which switch.
    since: Nanos,
    n: u64,
    /// What its task does instead, and waits for.
    instead: After,
    waits: Waits,
}

impl Futurelock {
    pub(super) fn longer_than(threshold: Duration) -> Self {
        Self { threshold: nanos(threshold), suspects: Vec::new(), next: 0 }
    }

    pub(super) fn ended(&mut self, task: &Task, end: &Ended) {
        for suspect in self.suspects.iter_mut().filter(|suspect| suspect.who.id == task.who.id) {
            (suspect.instead, suspect.waits) = (end.before(), end.waits);
        }
        // If the task waits it was not woken in its switch. So what its futures were handed they
        // were handed before: to be handed something is to be woken.
        let handed = if end.left == Left::Waiting { end.waits.handed() } else { Vec::new() };
        for handed in handed {
            if self.suspects.iter().all(|suspect| suspect.handed != handed) {
                let (who, since, n, waits) = (task.who.clone(), end.at, end.n, end.waits);
                let instead = end.before();
                self.suspects.push(Suspect { who, handed, since, n, instead, waits });
                self.next = end.at;
            }
        }
    }

    pub(super) fn check(&mut self, now: Nanos, report: &Report) {
        if !self.suspects.is_empty() && now >= self.next {
            self.next = now.saturating_add((self.threshold / 8).max(1));
            let threshold = self.threshold;
            self.judge(now, report, |suspect| now - suspect.since > threshold);
        }
    }

    /// The loop goes to sleep, and no timer is set.
    pub(super) fn sleeps(&mut self, now: Nanos, known: &Known, report: &Report) {
        if !self.suspects.is_empty() && !known.all().filter_map(|task| task.waits).any(is_outside) {
            self.judge(now, report, |_| true);
        }
    }

    /// Tells of those that leave others waiting in vain, and of those that do for `too_long`.
    #[cold]
    fn judge(&mut self, now: Nanos, report: &Report, too_long: impl Fn(&Suspect) -> bool) {
        self.suspects.retain(|suspect| {
            let wanted = suspect.handed.wanted_by();
            let in_vain = || wanted.contains(&suspect.who.id) && suspect.waits_for_itself();
            let guilty = !wanted.is_empty() && (in_vain() || too_long(suspect));
            if guilty {
                report.tell(suspect.finding(now, &wanted));
            }
            !guilty && !suspect.handed.is_taken()
        });
    }
}

impl Suspect {
    /// Whether its task waits for nothing but what it holds itself.
    fn waits_for_itself(&self) -> bool {
        let itself = |wait: &Wait| wait.holder.is_some_and(|holder| holder.task == self.who.id);
        self.waits.wakers() == 0 && self.waits.list().iter().all(itself)
    }

    fn finding(&self, now: Nanos, wanted: &[Id]) -> Finding {
        let Self { who, handed, since, n, instead, .. } = self;
        let (wait, lasted) = (handed.wait(), now - since);
        let (reason, site) = (wait.reason, wait.site);
        let made = wait.made.map_or(String::new(), |made| format!(" (made at {made})"));
        let wants = match wanted {
            _ if wanted.contains(&who.id) => "and waits for the same itself".to_string(),
            [one] => format!("while task {one} waits for the same"),
            [one, others @ ..] => {
                format!("while task {one} and {} more wait for the same", others.len())
            }
            [] => String::new(),
        };
        let what = format!(
            "was handed {reason}{made} at {site}, but went on without polling the future there \
             (switch {n}, {} ago): it is at {instead}, {wants}",
            brief(lasted)
        );
        Finding {
            lint: Lint::Futurelock,
            who: who.clone(),
            n: *n,
            at: now,
            lasted,
            after: None,
            place: Some(site),
            what,
        }
    }
}

/// Whether something outside of the program's tasks can wake that one.
fn is_outside(waits: Waits) -> bool {
    let outside = |reason| {
        use WaitReason::{Job, Readable, Writable};
        matches!(reason, Readable(_) | Writable(_) | Job)
    };
    waits.wakers() > 0 || waits.list().iter().any(|wait| outside(wait.reason))
}
