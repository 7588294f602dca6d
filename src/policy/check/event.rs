//! What became of a run: what the policy picked, what it broke, and the story told to a person
//! (floor 1).

use std::collections::VecDeque;
use std::fmt;

use super::Rule;
use crate::task::id::Id;
use crate::task::info::{Attributes, Cause, Left, Nanos};

/// A rule that was broken, and by which task.
pub(super) struct Fault {
    pub(super) rule: Rule,
    pub(super) task: Option<Id>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(rule: Rule, task: Option<Id>, message: impl Into<String>) -> Self {
        Self { rule, task, message: message.into() }
    }
}

/// What became of a run.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    /// Who ran, in order, each with the number of the operation that asked.
    pub(super) picks: Vec<(usize, Id)>,
    /// What happened, for a person; of a long script the last of it.
    pub(super) events: VecDeque<Event>,
    /// How much more happened before.
    pub(super) forgotten: usize,
    /// Who became ready, in order, each with the number of the operation.
    pub(super) readied: Vec<(usize, Id)>,
    /// Some task that was queued after each operation, by the order of spawning.
    pub(super) queued: Vec<Option<usize>>,
    /// Whether the policy drew random numbers.
    pub(super) drew: bool,
    pub(super) fault: Option<Fault>,
}

/// What happened in a run.
#[derive(Clone, Copy)]
pub(super) enum Event {
    Spawned(Id, Attributes),
    Woken(Id, Cause),
    Changed(Id, Attributes),
    Aborted(Id),
    Switched(Id, Nanos, Left),
    Picked(Id),
    Skipped(Id),
    Nobody,
    Until(Nanos),
    Passed(Nanos),
    Swapped,
    Drained,
}

impl Event {
    /// Whose attributes were changed.
    pub(super) fn changed(&self) -> Option<Id> {
        match *self {
            Self::Changed(id, _) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Spawned(id, attributes) => write!(f, "spawn task {id}: {}", Told(attributes)),
            Self::Woken(id, cause) => write!(f, "task {id} is {cause}"),
            Self::Changed(id, attributes) => write!(f, "change task {id}: {}", Told(attributes)),
            Self::Aborted(id) => write!(f, "abort task {id}"),
            Self::Switched(id, ran, left) => write!(f, "pick: task {id}, runs {ran} ns, {left}"),
            Self::Picked(id) => write!(f, "pick: task {id}"),
            Self::Skipped(id) => write!(f, "pick: task {id}, which is gone and skipped"),
            Self::Nobody => f.write_str("pick: nobody"),
            Self::Until(then) => write!(f, "pick: nobody until {then} ns"),
            Self::Passed(nanos) => write!(f, "{nanos} ns pass"),
            Self::Swapped => f.write_str("another such policy takes its place"),
            Self::Drained => f.write_str("and now all that are left:"),
        }
    }
}

/// Attributes that are not the default ones.
struct Told(Attributes);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attributes { group, priority, weight, deadline, size } = self.0;
        write!(f, "group {group}, priority {priority}, weight {weight}")?;
        deadline.map_or(Ok(()), |deadline| write!(f, ", deadline {deadline} ns"))?;
        size.map_or(Ok(()), |size| write!(f, ", size {size} ns"))
    }
}
