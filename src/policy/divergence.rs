//! Where a replayed run parts from the recorded one (floor 1).

use std::fmt;

use crate::task::id::Id;

/// A run went another way than the recorded one: the program, its input or its seed is another, or
/// something outside was faster or slower.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// The number of the switch, from 1.
    pub step: usize,
    /// The serial number of the task that was picked then.
    pub task: u64,
    /// Who is ready instead.
    pub ready: Vec<Id>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, task, ready } = self;
        let ready: Vec<_> = ready.iter().map(ToString::to_string).collect();
        let ready = ready.join(", ");
        write!(
            f,
            "the run parts from the recorded one at switch {step}: there task {task} was picked, \
             but it is not ready now (ready: {ready}). Is it the same program, with the same seed \
             and input?"
        )
    }
}
