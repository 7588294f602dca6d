//! From a recording to what its policy decided, and to a debugger (floor 5).

use std::collections::HashMap;
use std::fmt;

use super::recording::{Recording, What};
use crate::policy::{Decision, Schedule};

impl Recording {
    /// What the policy decided, switch by switch, for [`Replay`](crate::policy::Replay) to follow.
    ///
    /// ```
    /// use turno::policy::{Fifo, Lifo, Replay};
    /// use turno::runtime::Builder;
    /// use turno::trace::Recorder;
    ///
    /// async fn program() {
    ///     let tasks = [1, 2, 3].map(|n| turno::spawn(async move { n }));
    ///     for task in tasks {
    ///         task.await.unwrap();
    ///     }
    /// }
    ///
    /// let first = Recorder::new();
    /// let rt = Builder::new().policy(Lifo::new()).observe(first.clone()).build()?;
    /// rt.block_on(program());
    /// let schedule = first.recording().schedule()?;
    ///
    /// let again = Recorder::new();
    /// let replay = Replay::new(schedule.clone(), Fifo::new());
    /// Builder::new().policy(replay).observe(again.clone()).build()?.block_on(program());
    /// assert_eq!(again.recording().schedule()?, schedule);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NoBeginning`] if the recording does not begin with the first switch.
    pub fn schedule(&self) -> Result<Schedule, NoBeginning> {
        let mut decisions: Vec<Decision> = Vec::new();
        // Since which record each task is ready, and when the loop went to sleep last.
        let (mut ready, mut parked) = (HashMap::new(), 0);
        for (at, record) in self.records.iter().enumerate() {
            match &record.what {
                What::Woken { task, .. } => drop(ready.insert(*task, at)),
                What::Parked { .. } => parked = at,
                What::Switched { n, task, .. } => {
                    if *n != decisions.len() as u64 + 1 {
                        return Err(NoBeginning { first: *n, lost: self.lost });
                    }
                    // It was ready, and still the loop slept: the policy let nobody run.
                    let held = ready.remove(task).is_some_and(|since| since < parked);
                    let not_before = if held { record.at } else { 0 };
                    decisions.push(Decision { task: task.serial(), quantum: None, not_before });
                }
                What::Quantum { quantum, .. } => {
                    if let Some(decision) = decisions.last_mut() {
                        decision.quantum = Some(*quantum);
                    }
                }
                _ => {}
            }
        }
        Ok(Schedule { decisions })
    }
}

/// A recording that does not begin with the first switch tells no schedule: a task's number is
/// counted from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoBeginning {
    /// The first switch that is recorded.
    pub first: u64,
    /// How many records there was no room for.
    pub lost: u64,
}

impl fmt::Display for NoBeginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, lost } = self;
        write!(f, "the recording begins with switch {first}, and a schedule with the first one: ")?;
        match lost {
            0 => f.write_str("record from the beginning"),
            _ => write!(f, "it has no room for {lost} records; record into a larger ring"),
        }
    }
}

impl std::error::Error for NoBeginning {}

/// What to type in gdb to stop where control passes to the task of switch `n`, for pages and
/// prompts to show; lldb takes the condition of it. The program needs debug information, and has to
/// run the same again: on a virtual clock, or under a [`Replay`](crate::policy::Replay).
///
/// ```
/// assert_eq!(turno::trace::breakpoint(60), "break turno::switch_to if n == 60");
/// ```
pub fn breakpoint(n: u64) -> String {
    format!("break turno::switch_to if n == {n}")
}
