//! Keeps what happens, in a ring (floor 5).

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use super::recording::{Record, Recording, TaskRecord, What};
use crate::observe::{Event, Observer};
use crate::task::{Id, Left, Nanos, TaskInfo, Wait};

/// An observer that keeps what it is shown: give a clone to the runtime, and keep one.
///
/// # Cost
/// [`ring`](Self::ring): no allocation once the ring is full and no new tasks come; three records
/// of 56 bytes a switch, and one more for a wait. [`new`](Self::new) also copies the ready queue of
/// each switch.
#[derive(Clone)]
pub struct Recorder(Rc<RefCell<Ring>>);

struct Ring {
    records: VecDeque<Record>,
    /// What the tasks waited for whose switches ended waiting, by the number of the switch: apart,
    /// so that the other records stay small. With `full` they lie in the records.
    waits: VecDeque<(u64, Wait)>,
    most: usize,
    lost: u64,
    full: bool,
    /// By the index of their ids: those whose end was not seen yet.
    tasks: Vec<Option<TaskRecord>>,
    /// Those that have ended, until that is forgotten.
    ended: HashMap<Id, TaskRecord>,
    policy: &'static str,
}

impl Recorder {
    /// Keeps all that can be known, of the last quarter million switches or so.
    pub fn new() -> Self {
        Self::with(1 << 20, true)
    }

    /// A flight recorder: keeps the last `records` events (at least 1), without the ready queues
    /// and the policy's reasons.
    pub fn ring(records: usize) -> Self {
        Self::with(records.max(1), false)
    }

    fn with(most: usize, full: bool) -> Self {
        // The room is taken at once, so that recording never stops to grow, if it is not too much.
        let records = VecDeque::with_capacity(most.min(1 << 16));
        let waits = VecDeque::with_capacity(if full { 0 } else { records.capacity() / 3 });
        let (tasks, ended) = (Vec::new(), HashMap::new());
        let (lost, policy) = (0, "");
        let ring = Ring { records, waits, most, lost, full, tasks, ended, policy };
        Self(Rc::new(RefCell::new(ring)))
    }

    /// What is kept now.
    pub fn recording(&self) -> Recording {
        let ring = self.0.borrow();
        let mut tasks: Vec<_> = ring.tasks.iter().flatten().chain(ring.ended.values()).collect();
        tasks.sort_by_key(|task| task.id);
        Recording {
            tasks: tasks.into_iter().cloned().collect(),
            records: ring.records.iter().map(|record| ring.complete(record)).collect(),
            lost: ring.lost,
            is_full: ring.full,
        }
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.0.borrow();
        f.debug_struct("Recorder")
            .field("records", &ring.records.len())
            .field("lost", &ring.lost)
            .finish_non_exhaustive()
    }
}

impl Observer for Recorder {
    fn event(&mut self, now: Nanos, event: &Event<'_>) {
        self.0.borrow_mut().note(now, event);
    }
}

impl Ring {
    fn note(&mut self, now: Nanos, event: &Event<'_>) {
        match event {
            Event::Switched { task, ready, .. } => {
                self.know(task);
                if !std::ptr::eq(self.policy, ready.policy()) {
                    self.policy = ready.policy();
                    self.push(Record { at: now, what: What::Policy { name: self.policy } });
                }
            }
            Event::Spawned { task } | Event::Woken { task } | Event::Aborted { task } => {
                self.know(task);
            }
            _ => {}
        }
        if let (false, Event::Ended { n, left: Left::Waiting, waits, .. }) = (self.full, event) {
            if self.waits.len() > self.most / 3 {
                self.waits.pop_front();
            }
            self.waits.extend(waits.last().map(|wait| (*n, wait)));
        }
        let Some(what) = What::of(event, self.full) else { return };
        self.push(Record { at: now, what });
    }

    /// A record with what was kept apart.
    fn complete(&self, record: &Record) -> Record {
        let mut record = record.clone();
        if let What::Ended { n, waits, .. } = &mut record.what
            && let Ok(at) = self.waits.binary_search_by_key(n, |(n, _)| *n)
        {
            *waits = Box::new([self.waits[at].1]);
        }
        record
    }

    fn push(&mut self, record: Record) {
        if self.records.len() == self.most
            && let Some(oldest) = self.records.pop_front()
        {
            self.lost += 1;
            self.forget(&oldest.what);
        }
        self.end(&record.what);
        self.records.push_back(record);
    }

    fn know(&mut self, task: &TaskInfo) {
        let index = task.id().index();
        if self.tasks.len() <= index {
            self.tasks.resize(index + 1, None);
        }
        let known = &mut self.tasks[index];
        if known.as_ref().is_none_or(|known| known.id != task.id()) {
            *known = Some(TaskRecord::new(task));
        }
    }

    /// A task that has ended makes room for the next at its index.
    fn end(&mut self, what: &What) {
        let Some(id) = ended(what) else { return };
        let known = self.tasks.get_mut(id.index()).and_then(|known| known.take_if(|k| k.id == id));
        self.ended.extend(known.map(|known| (id, known)));
    }

    /// A task is forgotten with its end, which is the last that is said of it.
    fn forget(&mut self, what: &What) {
        if let Some(id) = ended(what) {
            self.ended.remove(&id);
        }
    }
}

/// Whose end it is.
fn ended(what: &What) -> Option<Id> {
    match what {
        What::Ended { task, left: Left::Done | Left::Panicked, .. } | What::Aborted { task } => {
            Some(*task)
        }
        _ => None,
    }
}
