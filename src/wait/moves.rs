//! Futures that have moved from one task to another, as far as that is seen (floor 2).
//!
//! A guard lies in a future, and a future may be given up by one task and go on in another. If it
//! waits meanwhile, its entry shows that: it was made by the one, and is polled by the other. Of
//! the locks that the first one took it is not known then which of them are still there.

use super::{LoopKey, Waits, Whom, with};
use crate::task::current;
use crate::task::id::Id;

impl Waits {
    /// A future that waited in `task` of the loop `of` is polled now: if by another task, it has
    /// moved there.
    #[inline]
    pub(super) fn note_move(&mut self, (of, task): (LoopKey, Option<Id>)) {
        if task != current::task() {
            self.note_mover(of, task);
        }
    }

    #[cold]
    fn note_mover(&mut self, of: LoopKey, task: Option<Id>) {
        let here = of != 0 && of == current::key();
        if let Some(task) = task.filter(|_| here) {
            self.movers.insert((of, task));
            current::note_errand();
        }
    }
}

/// The future that waited as `old` is polled now: if by another task, it has moved there.
pub(crate) fn note_move(old: &Whom) {
    with(|waits| waits.note_move((old.of, old.task)));
}

/// Whether a future that waited in `task` has gone on in another task.
pub(crate) fn has_moved(of: LoopKey, task: Id) -> bool {
    with(|waits| waits.movers.contains(&(of, task))).unwrap_or(false)
}

/// How many such tasks are known.
pub(crate) fn movers() -> usize {
    with(|waits| waits.movers.len()).unwrap_or_default()
}

/// Forgets those of the loop `of` that are not `alive`, which runs no user code.
pub(crate) fn retain_movers(of: LoopKey, alive: impl Fn(Id) -> bool) {
    with(|waits| waits.movers.retain(|&(key, task)| key != of || alive(task)));
}
