//! What was recorded: plain data, for whoever shows it (floor 5).

use std::collections::BTreeMap;
use std::panic::Location;

use crate::observe::Event;
use crate::task::{Cause, Id, Left, Nanos, TaskInfo, Wait};

/// A run, or the last part of one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// The tasks that the records speak of, in the order of spawning.
    pub tasks: Vec<TaskRecord>,
    /// What happened, in order.
    pub records: Vec<Record>,
    /// By the number of a switch: what the policy chose from. A flight recorder keeps none.
    pub choices: BTreeMap<u64, Choice>,
    /// By the number of a switch that ended waiting: what the task waits for since then. What it
    /// began to wait for last is first, and all that a flight recorder keeps.
    pub waits: BTreeMap<u64, Vec<Wait>>,
    /// How many records there was no room for any more: the oldest.
    pub lost: u64,
    /// Whether the ready queues and the policy's reasons were recorded.
    pub is_full: bool,
}

/// What stays the same of a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskRecord {
    /// Its id.
    pub id: Id,
    /// The name it was given; `block_on` for a root.
    pub name: Option<String>,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// Who spawned it, if a task did.
    pub by: Option<Id>,
    /// When it was spawned.
    pub spawned_at: Nanos,
    /// Its group when it was first seen.
    pub group: u32,
    /// Its priority when it was first seen.
    pub priority: u8,
    /// Its weight when it was first seen.
    pub weight: u32,
}

impl TaskRecord {
    pub(super) fn new(task: &TaskInfo) -> Self {
        let by = match task.cause() {
            Cause::Spawn { by } => by,
            _ => None,
        };
        Self {
            id: task.id(),
            name: task.name().map(str::to_string),
            site: task.spawn_site(),
            by,
            spawned_at: task.spawned_at(),
            group: task.group(),
            priority: task.priority(),
            weight: task.weight(),
        }
    }

    /// Its name, or `task 7`.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("task {}", self.id))
    }
}

/// Something that happened, and when.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Record {
    /// When, on the clock of the runtime.
    pub at: Nanos,
    /// What.
    pub what: What,
}

/// Something that happened: what is kept of an [`Event`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "they are those of `Event`")]
pub enum What {
    /// From here on this policy decides.
    Policy { name: &'static str },
    /// A new task.
    Spawned { task: Id },
    /// A task became ready, at `since`, which for a timer is the moment it was due.
    Woken { task: Id, cause: Cause, since: Nanos },
    /// Control passed to a task, when `ready` others were ready.
    Switched { n: u64, task: Id, waited: Nanos, ready: u32 },
    /// The policy made the task give way after so much of its work.
    Quantum { task: Id, quantum: Nanos },
    /// The switch was over.
    Ended { n: u64, task: Id, left: Left, ran: Nanos },
    /// A task was aborted.
    Aborted { task: Id },
    /// The loop went to sleep.
    Parked { until: Option<Nanos> },
}

/// What a policy chose from, and why it chose as it did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Choice {
    /// The first of the ready queue, in the policy's order, without the one that was picked.
    pub queue: Vec<Id>,
    /// Why it picked that one, as far as it tells.
    pub reason: String,
}

impl What {
    /// What is kept of an event, if anything.
    #[inline(always)]
    pub(super) fn of(event: &Event<'_>) -> Option<Self> {
        Some(match event {
            Event::Spawned { task } => Self::Spawned { task: task.id() },
            Event::Woken { task } => {
                Self::Woken { task: task.id(), cause: task.cause(), since: task.woken_at() }
            }
            Event::Switched { n, task, waited, ready } => {
                let ready = u32::try_from(ready.len()).unwrap_or(u32::MAX);
                Self::Switched { n: *n, task: task.id(), waited: *waited, ready }
            }
            Event::Quantum { task, quantum } => {
                Self::Quantum { task: task.id(), quantum: *quantum }
            }
            Event::Ended { n, task, left, ran, .. } => {
                Self::Ended { n: *n, task: task.id(), left: *left, ran: *ran }
            }
            Event::Aborted { task } => Self::Aborted { task: task.id() },
            Event::Looked => return None,
            Event::Parked { until } => Self::Parked { until: *until },
        })
    }

    /// Whom it is about.
    pub fn task(&self) -> Option<Id> {
        match self {
            Self::Spawned { task }
            | Self::Woken { task, .. }
            | Self::Switched { task, .. }
            | Self::Quantum { task, .. }
            | Self::Ended { task, .. }
            | Self::Aborted { task } => Some(*task),
            Self::Policy { .. } | Self::Parked { .. } => None,
        }
    }
}

/// One switch of a recording, put together: the column of a timeline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Switch<'a> {
    /// Its number, from 1.
    pub n: u64,
    /// Who ran.
    pub task: Id,
    /// From when.
    pub at: Nanos,
    /// For how long; 0 if its end was not recorded.
    pub ran: Nanos,
    /// How long it had been ready.
    pub waited: Nanos,
    /// Why it was ready; `None` if that was not recorded.
    pub cause: Option<Cause>,
    /// How many others were ready.
    pub ready: usize,
    /// The first of them, in the policy's order.
    pub queue: &'a [Id],
    /// Why the policy picked it.
    pub reason: &'a str,
    /// How it left; `None` if that was not recorded.
    pub left: Option<Left>,
    /// What it waits for since then.
    pub waits: &'a [Wait],
    /// Whom it woke or spawned, in order.
    pub woke: Vec<Id>,
}

impl Recording {
    /// The task, if it is known.
    pub fn task(&self, id: Id) -> Option<&TaskRecord> {
        let at = self.tasks.binary_search_by_key(&id, |task| task.id).ok()?;
        self.tasks.get(at)
    }

    /// Its name, or `task 7`.
    pub fn label(&self, id: Id) -> String {
        self.task(id).map_or_else(|| format!("task {id}"), TaskRecord::label)
    }

    /// What is missing in it, as whoever shows it ought to say.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.switches().next().is_none() {
            notes.push("no switch was recorded".to_string());
        }
        if self.lost > 0 {
            notes.push(format!("{} earlier records are missing: the ring was full", self.lost));
        }
        notes
    }

    /// What the task waits for since its switch `n`.
    pub fn waits_since(&self, n: u64) -> &[Wait] {
        self.waits.get(&n).map_or(&[], Vec::as_slice)
    }

    /// The switches, in order.
    pub fn switches(&self) -> impl Iterator<Item = Switch<'_>> {
        let mut causes = std::collections::HashMap::new();
        self.records.iter().enumerate().filter_map(move |(i, record)| {
            if let What::Woken { task, cause, .. } = record.what {
                causes.insert(task, cause);
            }
            let What::Switched { n, task, waited, ready } = record.what else {
                return None;
            };
            let (queue, reason) = match self.choices.get(&n) {
                Some(choice) => (&choice.queue[..], &choice.reason[..]),
                None => (&[][..], ""),
            };
            let cause = causes.remove(&task);
            let mut switch = Switch {
                n,
                task,
                at: record.at,
                ran: 0,
                waited,
                cause,
                ready: ready as usize,
                queue,
                reason,
                left: None,
                waits: &[],
                woke: Vec::new(),
            };
            switch.complete(self, &self.records[i + 1..]);
            Some(switch)
        })
    }
}

impl<'a> Switch<'a> {
    /// Reads its end, and whom it woke, from what came `after` its beginning.
    fn complete(&mut self, recording: &'a Recording, after: &[Record]) {
        for record in after {
            match record.what {
                What::Switched { .. } => return,
                What::Ended { n, left, ran, .. } => {
                    (self.left, self.ran) = (Some(left), ran);
                    self.waits = recording.waits_since(n);
                }
                What::Woken { task, cause, .. } => match cause {
                    Cause::Task(by) | Cause::Spawn { by: Some(by) } if by == self.task => {
                        self.woke.push(task);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
}
