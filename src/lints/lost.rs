//! Tasks that wait, and that nobody can wake (floor 5).

use super::finding::{Finding, Lint};
use super::known::{Ended, Task};
use super::report::Report;
use crate::task::Id;

/// Those whose wakers are lost since the loop last looked outside.
#[derive(Default)]
pub(super) struct Lost(Vec<Finding>);

impl Lost {
    /// The task has left the thread, was not woken meanwhile, and waits.
    pub(super) fn went_to_wait(&mut self, task: &Task, end: &Ended) {
        if end.wait.is_none() && end.waits.wakers() == 0 {
            self.note(task, end);
        }
    }

    #[cold]
    fn note(&mut self, task: &Task, end: &Ended) {
        let (n, after) = (end.n, task.after);
        let what = format!(
            "waits since switch {n}, after {after}, and nobody keeps a waker of it: nothing can \
             wake it any more"
        );
        self.0.push(Finding {
            lint: Lint::LostWaker,
            who: task.who.clone(),
            n,
            at: end.at,
            lasted: 0,
            after: Some(after),
            place: None,
            what,
        });
    }

    /// An abort is the only way out, and may well be meant.
    pub(super) fn aborted(&mut self, id: Id) {
        self.0.retain(|finding| finding.who.id != id);
    }

    pub(super) fn looked(&mut self, report: &Report) {
        self.0.drain(..).for_each(|finding| report.tell(finding));
    }
}
