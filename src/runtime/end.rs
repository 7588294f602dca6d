//! How a task ends before its time, by an abort, a panic, or with the runtime; and what a turn
//! leaves behind (floor 3).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::thread;

use super::builder::OnPanic;
use super::context::{self, Stray};
use super::core::{Aborted, Core, Shared};
use super::turn::Drive;
use crate::observe::Waits;
use crate::reactor::Sources;
use crate::task::current::{self, Named, Outer};
use crate::task::id::Id;
use crate::task::inbox::Letter;
use crate::task::info::{Cause, Left, State};
use crate::task::join::JoinError;
use crate::task::run::{BoxedTask, Task};
use crate::time::timers::Timers;
use crate::wait;

type Panic = Box<dyn Any + Send>;

impl Shared {
    /// Aborts whom the last switch, or anybody else, asked to abort, and drops what belonged to
    /// handles that were dropped inside of a policy or an observer.
    pub(crate) fn attend(&self) {
        if !current::has_errands() {
            return;
        }
        self.heed_moves();
        let stray = context::strays();
        self.attend_all();
        if let Some(stray) = stray {
            panic!("{stray}"); // A policy's or an observer's: no task has left it.
        }
    }

    fn attend_all(&self) {
        loop {
            for id in self.detached.take() {
                let dropped = self.core.borrow_mut().detach(id);
                self.bury(dropped);
            }
            // The policy hears of an abort, and may drop handles then.
            let Some(id) = current::next_aborted() else { return };
            self.abort(id);
        }
    }

    fn abort(&self, id: Id) {
        let aborted = self.core.borrow_mut().abort(id, self.now.get());
        let Some(Aborted { task, info, panic }) = aborted else { return };
        self.fail(info.id, task, JoinError::cancelled(&info));
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Ends a task with an error: drops its future, inside the task's context, and delivers the
    /// error.
    fn fail(&self, id: Id, mut task: BoxedTask, error: JoinError) {
        current::begin_switch(id, self.budget, self.now.get());
        let first = !error.is_panic();
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            task.as_mut().fail(error);
            refuse_strays(id);
        }));
        let mut panic = dropped.err(); // The future is gone all the same.
        if first && self.on_panic == OnPanic::Isolate && panic.is_some() {
            let info = self.core.borrow().tasks.get(id).map(|slot| slot.info.clone());
            if let (Some(info), Some(panic)) = (info, panic.take()) {
                task.as_mut().fail(JoinError::panicked(&info, panic));
            }
        }
        self.deliver(id, task);
        current::end_switch();
        self.take_in(Cause::Task(id), self.now.get());
        match panic {
            Some(panic) if self.on_panic == OnPanic::Propagate => resume_unwind(panic),
            _ => {} // What the task panicked with before is the news; this one is in its wake.
        }
    }

    /// A turn ended in a panic: if it was a task's, that task alone ends; if not, it is given back.
    pub(crate) fn recover(&self, drive: &mut Drive<'_, '_>, panic: Panic) -> Result<u32, Panic> {
        let _turn = Turn::begin(self);
        let (id, left, task) = (drive.log.task, drive.left, drive.task.take());
        drive.left = Some(Left::Panicked);
        self.advanced.set(0);
        drive.spare.renew();
        if left.is_some() {
            let yielded = (left == Some(Left::Yielded)).then_some(id);
            let undelivered = self.core.borrow_mut().mend(yielded);
            for (id, task) in undelivered {
                self.deliver(id, task);
            }
            return Err(panic);
        }
        let told = catch_unwind(AssertUnwindSafe(|| {
            let (mut core, now) = (self.core.borrow_mut(), self.now.get());
            let waits = Waits { of: self.key(), task: id, waker: None };
            core.ended(id, None, (0, Left::Panicked), (waits, None), now);
            core.receive(now, now); // Whom it woke before it panicked.
        }));
        let info = self.core.borrow().tasks.get(id).map(|slot| slot.info.clone());
        let (Some(task), Some(info)) = (task, info) else {
            return Err(panic); // The root's panic is for the caller of `block_on`.
        };
        match self.on_panic {
            OnPanic::Isolate => self.fail(id, task, JoinError::panicked(&info, panic)),
            OnPanic::Propagate => {
                let fail = || self.fail(id, task, JoinError::cancelled(&info));
                drop(catch_unwind(AssertUnwindSafe(fail)));
                return Err(panic);
            }
        }
        told.map(|_| 1) // An error is a policy's or an observer's.
    }

    /// Ends every task that has not finished, each inside its context, and drops all that can run
    /// user code. Spawning is over. A panic on the way ends nothing but itself; the first one
    /// goes on at the end if panics are to propagate.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        let _turn = Turn::begin(self);
        let mut first = None;
        let mut survive = |f: &mut dyn FnMut()| {
            let panic = catch_unwind(AssertUnwindSafe(f)).err();
            first = first.take().or(panic);
        };
        // It decides nothing any more, so it need not hear of it either.
        let mut policy = Some(self.core.borrow_mut().retire_policy());
        survive(&mut || drop(policy.take()));
        loop {
            let core = self.core.borrow();
            let alive = core.tasks.iter().filter(|slot| slot.info.state != State::Done);
            let alive: Vec<Id> = alive.filter(|s| s.run.is_some()).map(|s| s.info.id).collect();
            drop(core);
            if alive.is_empty() {
                break;
            }
            for id in alive {
                survive(&mut || self.abort(id));
            }
        }
        survive(&mut || drop(self.link.inbox.close()));
        survive(&mut || drop(self.letters.take()));
        survive(&mut || {
            self.deferred.take().into_iter().for_each(|place| drop(wait::leave(place)))
        });
        survive(&mut || drop(self.wakes.take()));
        survive(&mut || drop(self.sources.replace(Sources::new())));
        survive(&mut || drop(self.timers.replace(Timers::new())));
        survive(&mut || drop(self.take_observers()));
        match first {
            Some(panic) if self.on_panic == OnPanic::Propagate && !thread::panicking() => {
                resume_unwind(panic)
            }
            _ => {}
        }
    }
}

/// The code of the task `id` has run.
///
/// # Panics
/// If it has left a guard of [`Runtime::enter`](super::Runtime::enter).
#[inline]
pub(crate) fn refuse_strays(id: Id) {
    if current::has_errands()
        && let Some(stray) = context::strays()
    {
        blame(id, &stray);
    }
}

/// # Panics
/// Always: the task `id` has left this guard.
#[cold]
pub(super) fn blame(id: Id, stray: &Stray) -> ! {
    let who = context::with(|shared| {
        shared.core.borrow().tasks.get(id).map(|slot| slot.info.to_string())
    });
    panic!(
        "{} is not done with a runtime that it has entered: {stray}",
        who.flatten().unwrap_or_default()
    )
}

/// The panic goes on. The root's future is dropped before: a second panic, in its drop, would end
/// the process if it met the first one on its way.
#[cold]
pub(super) fn give_up<F: Future>(id: Id, task: Pin<&mut Task<F>>, panic: Panic) -> ! {
    drop(catch_unwind(AssertUnwindSafe(|| clear(id, task))));
    resume_unwind(panic)
}

/// Drops the root's future in its name.
#[cold]
pub(super) fn clear<F: Future>(id: Id, task: Pin<&mut Task<F>>) {
    let _named = Named::begin(id);
    task.clear();
}

impl Core {
    /// A policy or an observer panicked: whoever hangs between two states since then is made ready
    /// again, `yielded` among them. Returns the tasks that have ended and were not delivered.
    pub(crate) fn mend(&mut self, yielded: Option<Id>) -> Vec<(Id, BoxedTask)> {
        let mut ended = Vec::new();
        for slot in self.tasks.iter_mut() {
            let id = slot.info.id;
            match slot.info.state {
                State::Running => {
                    slot.info.state = State::Waiting;
                    self.arrivals.push_back((id, slot.info.cause));
                }
                State::Waiting if yielded == Some(id) => {
                    self.arrivals.push_back((id, Cause::Yield));
                }
                State::Done if slot.info.detached || slot.joiner.is_some() => {
                    ended.extend(slot.run.take().map(|task| (id, task)));
                }
                _ => {}
            }
        }
        ended
    }
}

/// The loop is driven until this is dropped: between the turns of one call nobody needs to ring,
/// and a host is not called for what the call will see by itself.
pub(super) struct Desk<'a> {
    shared: &'a Shared,
    /// The task that drops a runtime, or shuts it down, from inside of it.
    inside: Option<Id>,
}

impl<'a> Desk<'a> {
    pub(super) fn attend(shared: &'a Shared) -> Self {
        shared.link.inbox.park.attend();
        Self { shared, inside: shared.link.board.task() }
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        self.shared.link.board.leave(self.inside);
        // The host of one that is gone is not called any more: nothing is left that it could turn.
        if !self.shared.closing.get() {
            self.shared.link.inbox.leave();
        }
    }
}

/// The loop is in a turn on this thread until this is dropped.
pub(super) struct Turn<'a> {
    shared: &'a Shared,
    outer: Option<Box<Outer>>,
}

impl<'a> Turn<'a> {
    pub(super) fn begin(shared: &'a Shared) -> Self {
        Self { shared, outer: current::begin_turn(shared.key()) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let inbox = &self.shared.link.inbox;
        // Only after a panic, or if a policy or an observer did it, is anybody left in the lists.
        if let Ok(mut core) = self.shared.core.try_borrow_mut() {
            let cause = current::task().map_or(Cause::Outside, Cause::Task);
            core.arrivals.extend(std::iter::from_fn(current::next_woken).map(|id| (id, cause)));
        }
        while let Some(id) = current::next_aborted() {
            inbox.send(Letter::Abort(id));
        }
        current::end_turn(self.outer.take());
    }
}
