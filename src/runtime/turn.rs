//! The loop (floor 3). Start reading at [`Shared::turn`].

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::context;
use super::core::Shared;
use super::end::{self, Turn};
use super::stall::Stalled;
use crate::SwitchLog;
use crate::observe::Waits;
use crate::task::current::{self, Aftermath, Belonging};
use crate::task::id::Id;
use crate::task::info::{Cause, Left, Nanos};
use crate::task::run::{BoxedTask, Run};
use crate::task::wake::TaskWaker;
use crate::wait::Whom;

/// What a call of `block_on`, `turn` or `step` keeps on its stack while it drives the loop. It lies
/// outside of the `catch_unwind` around the turns, so a panic in a task finds here who it was.
pub(crate) struct Drive<'a, 'h> {
    pub(super) log: SwitchLog,
    /// The root task's future, which may borrow and so cannot lie in the table.
    pub(super) root: Option<Pin<&'a mut (dyn Run + 'a)>>,
    /// What makes the running task run; `None` for the root.
    pub(super) task: Option<BoxedTask>,
    /// How it left the thread; `None` while it runs.
    pub(super) left: Option<Left>,
    started: Nanos,
    /// How many operations the last switch did, if that is measured.
    operations: Option<u32>,
    /// Somebody else had the thread before the first turn.
    was_away: bool,
    pub(super) spare: Spare<'h>,
    pub(crate) root_done: bool,
    /// Proved: nothing can ever wake the tasks that are left.
    pub(crate) stalled: Option<Stalled>,
}

impl<'a, 'h> Drive<'a, 'h> {
    pub(crate) fn new(home: &'h Shared, root: Option<Pin<&'a mut (dyn Run + 'a)>>) -> Self {
        let spare = home.spare.take().unwrap_or_else(|| TaskWaker::spare(&home.link.inbox));
        Self {
            log: SwitchLog::default(),
            root,
            task: None,
            left: Some(Left::Waiting),
            started: 0,
            operations: None,
            was_away: true,
            spare: Spare { waker: spare, home },
            root_done: false,
            stalled: None,
        }
    }

    /// What the task waits for that has just run.
    fn waits(&self, shared: &Shared, task: Id) -> Waits {
        let waker = match (&self.task, &self.root) {
            (Some(task), _) => task.waker(),
            (None, root) => root.as_ref().and_then(|root| root.waker()),
        };
        let waker = waker.map(|waker| (Arc::as_ptr(waker).cast(), Arc::strong_count(waker) - 1));
        Waits { of: shared.key(), task, waker }
    }
}

/// The loop's spare waker, while it is lent out.
pub(super) struct Spare<'h> {
    waker: Arc<TaskWaker>,
    home: &'h Shared,
}

impl Spare<'_> {
    /// After a panic a clone of it may be out, in the name of the task that has ended.
    pub(super) fn renew(&mut self) {
        if self.waker.is_kept() {
            self.waker = self.waker.another();
        }
    }
}

impl Drop for Spare<'_> {
    fn drop(&mut self) {
        self.renew();
        self.home.spare.set(Some(self.waker.clone()));
    }
}

impl Shared {
    /// One pass of the loop: take in what happened outside, park if there is nothing to do, then
    /// let the ready tasks run in the policy's order, until it is time to look outside again.
    /// Returns how many switches were made.
    pub(crate) fn turn(&self, drive: &mut Drive<'_, '_>, wait: Option<Duration>, most: u32) -> u32 {
        let _turn = Turn::begin(self);
        if std::mem::take(&mut drive.was_away) {
            self.come_back();
        }
        let looks_every = self.receive();
        if self.since_look.get() >= looks_every || !self.can_switch() {
            self.show_look();
            self.look(drive, wait);
        }
        let mut made = 0;
        while made < most && self.since_look.get() < looks_every && !drive.root_done {
            let Some(next) = self.core.borrow_mut().pick(self.now.get()) else { break };
            made += 1;
            self.since_look.set(self.since_look.get() + 1);
            if self.switch_cost > 0 {
                self.charge_switch();
            }
            current::begin_switch(next.id, self.budget, self.now.get());
            drive.spare.waker.lend(next.id);
            (drive.task, drive.left, drive.started) = (next.task, None, self.now.get());
            let future: Pin<&mut dyn Run> = match (&mut drive.task, &mut drive.root) {
                (Some(task), _) => task.as_mut(),
                (None, Some(root)) => root.as_mut(),
                (None, None) => unreachable!("only `block_on` makes a root task, and it drives it"),
            };
            self.link.board.begin(next.n, next.id);
            let Drive { log, spare, .. } = drive;
            let spare = &mut spare.waker;
            let left = crate::switch_to(log, next.n, next.id, future, spare);
            self.settle(drive, next.id, left);
        }
        made
    }

    /// Whoever had the thread has used it for a while: if switches are measured, that is not for
    /// the first task to answer for.
    fn come_back(&self) {
        if self.core.borrow().timed {
            self.now.set(self.clock.now());
            self.fire_timers();
        }
    }

    /// The switch about to be made takes time, if time is virtual.
    #[cold]
    fn charge_switch(&self) {
        if self.clock.is_virtual() {
            self.clock.jump(self.clock.now().saturating_add(self.switch_cost));
            self.now.set(self.clock.now());
        }
    }

    /// A switch is over: the task goes back to its slot, and whom it woke is handed to the policy.
    /// Nearly always nothing else has happened.
    #[inline]
    fn settle(&self, drive: &mut Drive<'_, '_>, id: Id, left: Left) {
        drive.left = Some(left);
        let (mut core, now) = (self.core.borrow_mut(), self.now.get());
        if core.timed {
            drive.operations = current::budget().map(|left| self.budget - left);
        }
        let after = current::end_switch();
        if core.timed || after.errands {
            drop(core);
            return self.settle_all(drive, id, left, &after);
        }
        match left {
            Left::Yielded if !after.woke => {
                core.yielded(id, drive.task.take(), again(&after), now);
            }
            Left::Waiting => {
                core.went(id, drive.task.take(), left, now);
                core.woken_by(id, now);
            }
            Left::Done if core.is_awaited(id) => {
                core.went(id, drive.task.take(), left, now);
                core.woken_by(id, now);
                let joiner = core.take_joiner(id);
                if let Some(task) = joiner.as_ref().and_then(|whom| whom.task_itself(self.key())) {
                    core.ready_by(task, id, now);
                } else if let Some(joiner) = joiner {
                    drop(core);
                    self.wake_in_the_name_of(id, joiner, now);
                }
            }
            _ => {
                drop(core);
                self.settle_all(drive, id, left, &after);
            }
        }
    }

    /// A switch is over: the task goes back or ends, and whoever became ready is handed to the
    /// policy, in the order of the contract.
    #[inline(never)]
    fn settle_all(&self, drive: &mut Drive<'_, '_>, id: Id, left: Left, after: &Aftermath) {
        let stray = if after.errands { context::strays() } else { None };
        let stray = match stray {
            Some(stray) if stray.by == Some(id) => {
                drive.left = None; // It ends as if its poll had panicked.
                end::blame(id, &stray)
            }
            other => other,
        };
        let mut core = self.core.borrow_mut();
        let timed = core.timed;
        if timed {
            self.now.set(self.clock.now());
            self.link.board.set_time(self.now.get());
        }
        let now = self.now.get();
        let waits = drive.waits(self, id);
        let ran = (now - drive.started).saturating_sub(self.advanced.take());
        let (task, told) = (drive.task.take(), (waits, drive.operations.take()));
        let ended = core.ended(id, task, (ran, left), told, now);
        drop(core);
        if let Some(task) = ended {
            current::begin_switch(id, self.budget, now); // Its result may be dropped in its name.
            self.deliver(id, task);
            current::end_switch();
        } else if left == Left::Done {
            drive.root_done = true;
        }
        self.take_in(Cause::Task(id), now);
        if timed {
            self.fire_timers();
            self.open_letters(); // Whom a thread wakes waits no longer than whom a timer wakes.
        }
        if left == Left::Yielded {
            self.core.borrow_mut().ready(id, again(after), now, now);
        }
        self.attend(); // To what the switch has left, or a letter has asked for.
        if let Some(stray) = stray {
            panic!("{stray}");
        }
    }

    #[cold]
    fn wake_in_the_name_of(&self, id: Id, whom: Whom, now: Nanos) {
        current::begin_switch(id, self.budget, now);
        self.wake(whom);
        current::end_switch();
        self.take_in(Cause::Task(id), now);
    }

    /// A task has ended: its result waits for whoever holds its handle, or is dropped.
    pub(super) fn deliver(&self, id: Id, task: BoxedTask) {
        let mut core = self.core.borrow_mut();
        match core.tasks.get_mut(id) {
            Some(slot) if !slot.info.detached => {
                slot.run = Some(task);
                let joiner = core.take_joiner(id);
                drop(core);
                if let Some(joiner) = joiner {
                    self.wake(joiner);
                }
            }
            _ => {
                let slot = core.tasks.remove(id);
                drop(core);
                self.bury(Belonging::new(id, (task, slot)));
            }
        }
    }

    /// Takes in what happened since the last turn; returns after how many switches to look outside.
    #[inline(never)]
    fn receive(&self) -> u32 {
        self.wake_due(); // Left only by a panic in a wake.
        self.open_letters();
        self.attend();
        let mut core = self.core.borrow_mut();
        core.turns += 1;
        core.receive(self.now.get(), self.now.get());
        core.policy.io_every().max(1)
    }
}

/// Why a task that woke itself is ready again.
fn again(after: &Aftermath) -> Cause {
    if after.spent { Cause::Budget } else { Cause::Yield }
}
