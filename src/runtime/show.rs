//! Showing what happens to those who watch (floor 3).

use super::core::{Core, Shared};
use crate::observe::{Event, Observer, Ready};
use crate::policy::Tasks;
use crate::task::id::Id;
use crate::task::info::{Cause, Nanos, TaskInfo};

impl Core {
    /// Shows the switch about to be made, with the rest of the ready queue.
    #[cold]
    pub(super) fn show_switch(&mut self, id: Id, now: Nanos) {
        let Some(slot) = self.tasks.get(id) else { return };
        let event = Event::Switched {
            n: self.switches,
            task: &slot.info,
            waited: now.saturating_sub(slot.info.woken_at),
            ready: Ready {
                len: self.queued,
                policy: &*self.policy,
                name: self.policy_name,
                tasks: Tasks::new(&self.tasks, &self.rng),
            },
        };
        show(&mut self.observers, now, &event);
    }

    /// How long a task with so much `left` to compute may go on, as the policy says. If that is not
    /// to the end, it is shown.
    pub(crate) fn quantum(&mut self, id: Id, left: Nanos, now: Nanos) -> Option<Nanos> {
        let task = &self.tasks.get(id)?.info;
        let quantum = self.policy.quantum(task)?;
        if quantum < left && !self.observers.is_empty() {
            show(&mut self.observers, now, &Event::Quantum { task, quantum });
        }
        Some(quantum)
    }

    /// Shows that the loop goes to sleep.
    pub(crate) fn show_park(&mut self, until: Option<Nanos>, now: Nanos) {
        self.parks += 1;
        show(&mut self.observers, now, &Event::Parked { until });
    }
}

impl Shared {
    /// Shows that the loop looks outside, and takes in whom an observer woke or aborted then.
    pub(super) fn show_look(&self) {
        let (mut core, now) = (self.core.borrow_mut(), self.now.get());
        if !core.observers.is_empty() {
            show(&mut core.observers, now, &Event::Looked);
            drop(core);
            self.take_in(Cause::Outside, now);
            self.attend();
        }
    }
}

/// Shows that a task became ready, and before its first time, that there is such a task.
#[cold]
pub(super) fn show_woken(observers: &mut [Box<dyn Observer>], now: Nanos, task: &TaskInfo) {
    if task.switches == 0 && matches!(task.cause, Cause::Spawn { .. }) {
        show(observers, now, &Event::Spawned { task });
    }
    show(observers, now, &Event::Woken { task });
}

/// Off the path of a runtime that nobody watches.
#[cold]
#[inline(never)]
pub(super) fn show(observers: &mut [Box<dyn Observer>], now: Nanos, event: &Event<'_>) {
    for observer in observers {
        observer.event(now, event);
    }
}
