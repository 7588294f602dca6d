//! Tasks that wait, and that nobody can wake (floor 5).

use super::finding::{Finding, Lint};
use super::known::{Ended, Task};
use super::report::Report;

/// The task has left the thread, was not woken meanwhile, and waits.
pub(super) fn went_to_wait(task: &Task, end: &Ended, report: &Report) {
    if end.wait.is_none() && end.waits.wakers() == 0 {
        tell(task, end, report);
    }
}

#[cold]
fn tell(task: &Task, end: &Ended, report: &Report) {
    let (n, after) = (end.n, task.after);
    let what = format!(
        "waits since switch {n}, after {after}, and nobody keeps a waker of it: nothing can wake \
         it any more"
    );
    report.tell(Finding {
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
