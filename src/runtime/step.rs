//! One switch, told in full (floor 3).

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::core::Shared;
use crate::observe::{Event, Observer};
use crate::task::id::Id;
use crate::task::info::{Cause, Left, Nanos, TaskInfo};
use crate::wait::reason::Wait;

/// What happened in one switch: [`Runtime::step`](super::Runtime::step).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// The number of the switch, from 1.
    pub n: u64,
    /// When it began, on the runtime's clock.
    pub at: Nanos,
    /// The task that ran, as it was when the switch began.
    pub task: TaskInfo,
    /// Why it was ready.
    pub cause: Cause,
    /// How long it had waited for its turn.
    pub waited: Duration,
    /// How long it ran.
    pub ran: Duration,
    /// How it left the thread.
    pub left: Left,
    /// Whom it woke or spawned, in order.
    pub woke: Vec<Id>,
    /// Who was ready when it was picked, in the policy's order as far as the policy tells (at most
    /// [`QUEUE_SHOWN`](crate::observe::QUEUE_SHOWN)).
    pub queue: Vec<Id>,
    /// Why the policy picked it, as far as it tells.
    pub reason: String,
    /// What it waits for now.
    pub waits: Vec<Wait>,
}

impl fmt::Display for Step {
    /// `switch 3: task 2 "conn", woken by task 1: waiting; woke task 4`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "switch {}: task {}", self.n, self.task.id())?;
        if let Some(name) = self.task.name() {
            write!(f, " {name:?}")?;
        }
        write!(f, ", {}: {}", self.cause, self.left)?;
        for (i, id) in self.woke.iter().enumerate() {
            f.write_str(if i == 0 { "; woke task " } else { ", " })?;
            write!(f, "{id}")?;
        }
        Ok(())
    }
}

/// An observer for the length of one step.
pub(super) struct Recorder<'a> {
    shared: &'a Shared,
    place: usize,
    seen: Rc<RefCell<Option<Step>>>,
}

struct Eye(Rc<RefCell<Option<Step>>>);

impl<'a> Recorder<'a> {
    #[track_caller]
    pub(super) fn attach(shared: &'a Shared) -> Self {
        let seen = Rc::default();
        let mut core = shared.core_for("`Runtime::step`");
        let place = core.observers.len();
        core.observers.push(Box::new(Eye(Rc::clone(&seen))));
        drop(core);
        shared.remeasure();
        Self { shared, place, seen }
    }

    pub(super) fn is_done(&self) -> bool {
        self.seen.borrow().is_some()
    }

    pub(super) fn step(&self) -> Option<Step> {
        self.seen.borrow_mut().take()
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        if let Ok(mut core) = self.shared.core.try_borrow_mut() {
            drop(core.observers.remove(self.place));
        }
        self.shared.remeasure();
    }
}

impl Observer for Eye {
    fn event(&mut self, now: Nanos, event: &Event<'_>) {
        let mut seen = self.0.borrow_mut();
        match (event, &mut *seen) {
            (Event::Switched { n, task, waited, ready, .. }, seen) => {
                *seen = Some(Step {
                    n: *n,
                    at: now,
                    task: (*task).clone(),
                    cause: task.cause(),
                    waited: Duration::from_nanos(*waited),
                    ran: Duration::ZERO,
                    left: Left::Waiting,
                    woke: Vec::new(),
                    queue: ready.queue(),
                    reason: ready.reason(),
                    waits: Vec::new(),
                });
            }
            (Event::Ended { left, ran, waits, .. }, Some(step)) => {
                step.left = *left;
                step.waits = waits.list();
                step.ran = Duration::from_nanos(*ran);
            }
            (Event::Woken { task }, Some(step)) => match task.cause() {
                Cause::Task(by) | Cause::Spawn { by: Some(by) } if by == step.task.id() => {
                    step.woke.push(task.id());
                }
                _ => {}
            },
            _ => {}
        }
    }
}
