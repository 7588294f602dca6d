//! Keeps what happens, in a ring (floor 5).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use super::recording::{Choice, Record, Recording, TaskRecord, What};
use crate::observe::{Event, Observer};
use crate::task::{Id, Left, Nanos, TaskInfo, Wait};

/// An observer that keeps what it is shown: give a clone to the runtime, and keep one.
///
/// # Cost
/// [`ring`](Self::ring): no allocation once the ring is full and no new tasks come; three records
/// of 40 bytes a switch, and 88 bytes for a wait. [`new`](Self::new) also copies the ready queue of
/// each switch.
#[derive(Clone)]
pub struct Recorder(Rc<RefCell<Ring>>);

struct Ring {
    records: VecDeque<Record>,
    /// What belongs to some of the records only, by the number of their switch: apart, so that all
    /// others are small, and nothing has to be dropped when they are overwritten.
    choices: VecDeque<(u64, Choice)>,
    waits: VecDeque<(u64, Wait)>,
    most: usize,
    lost: u64,
    full: bool,
    /// By the index of their ids: those whose end was not seen yet.
    tasks: Vec<Option<TaskRecord>>,
    /// Those that have ended, until that is forgotten.
    ended: HashMap<Id, TaskRecord>,
    policy: &'static str,
    /// Under which policy the first of the records was made, if that is not among them.
    before: Option<Record>,
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
        let waits = VecDeque::with_capacity(records.capacity() / 3);
        let ring = Ring {
            records,
            choices: VecDeque::new(),
            waits,
            most,
            lost: 0,
            full,
            tasks: Vec::new(),
            ended: HashMap::new(),
            policy: "",
            before: None,
        };
        Self(Rc::new(RefCell::new(ring)))
    }

    /// What is kept now.
    pub fn recording(&self) -> Recording {
        let ring = self.0.borrow();
        let mut tasks: Vec<_> = ring.tasks.iter().flatten().chain(ring.ended.values()).collect();
        tasks.sort_by_key(|task| task.id);
        let mut waits = BTreeMap::<u64, Vec<Wait>>::new();
        for (n, wait) in &ring.waits {
            waits.entry(*n).or_default().push(*wait);
        }
        Recording {
            tasks: tasks.into_iter().cloned().collect(),
            records: ring.before.iter().chain(&ring.records).copied().collect(),
            choices: ring.choices.iter().cloned().collect(),
            waits,
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
    fn note(&mut self, at: Nanos, event: &Event<'_>) {
        match event {
            Event::Spawned { task } | Event::Woken { task } | Event::Aborted { task } => {
                self.know(task);
            }
            Event::Switched { n, task, ready, .. } => {
                self.know(task);
                if !std::ptr::eq(self.policy, ready.policy()) {
                    self.policy = ready.policy();
                    self.push(Record { at, what: What::Policy { name: self.policy } });
                }
                if self.full {
                    let choice = Choice { queue: ready.queue(), reason: ready.reason() };
                    self.choices.push_back((*n, choice));
                }
            }
            Event::Ended { n, left: Left::Waiting, waits, .. } if self.full => {
                self.waits.extend(waits.list().into_iter().map(|wait| (*n, wait)));
            }
            Event::Ended { n, left: Left::Waiting, waits, .. } => {
                if let Some(wait) = waits.last() {
                    self.waits.push_back((*n, wait));
                }
            }
            _ => {}
        }
        if let Some(what) = What::of(event) {
            self.push(Record { at, what });
        }
    }

    /// Inlined always: a record is then written where it is to lie.
    #[inline(always)]
    fn push(&mut self, record: Record) {
        if self.records.len() == self.most {
            self.forget_oldest();
        }
        if let Some(id) = ended(&record.what) {
            self.end(id);
        }
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
    #[cold]
    fn end(&mut self, id: Id) {
        let known = self.tasks.get_mut(id.index()).and_then(|known| known.take_if(|k| k.id == id));
        self.ended.extend(known.map(|known| (id, known)));
    }

    /// What belongs to a record is forgotten with it; a task with its end, which is the last that
    /// is said of it.
    #[inline(never)]
    fn forget_oldest(&mut self) {
        let Some(record) = self.records.front() else { return };
        match record.what {
            What::Policy { .. } => self.before = Some(*record),
            What::Switched { n, .. } => forget(&mut self.choices, n),
            What::Ended { n, left: Left::Waiting, .. } => forget(&mut self.waits, n),
            _ => {}
        }
        if let Some(id) = ended(&record.what) {
            self.ended.remove(&id);
        }
        self.lost += 1;
        self.records.pop_front();
    }
}

fn forget<T>(kept: &mut VecDeque<(u64, T)>, until: u64) {
    while kept.front().is_some_and(|(n, _)| *n <= until) {
        kept.pop_front();
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
