//! The heart's state: what a runtime shares with its handles, and the table, policy and observers
//! that change together (floor 3).

use std::any::Any;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::blocking::Pool;
use super::board::Noted;
use super::builder::OnPanic;
use super::inherit::Contended;
use super::link::Link;
use super::show::{show, show_woken};
use super::stall::Witness;
use super::watch::Watch;
use crate::observe::{Event, Observer, Waits};
use crate::policy::{Pick, Policy, Rng, Tasks};
use crate::reactor::{Reactor, Sources};
use crate::task::Plan;
use crate::task::current::{self, Belonging, LoopKey};
use crate::task::finished::Joiner;
use crate::task::id::Id;
use crate::task::inbox::Letter;
use crate::task::info::{Attributes, Cause, Left, Nanos, State, TaskInfo};
use crate::task::run::BoxedTask;
use crate::task::table::Table;
use crate::task::wake::TaskWaker;
use crate::time::clock::Clock;
use crate::time::timers::Timers;
use crate::wait::{Place, Whom};

/// What a runtime, its join handles and the context of its thread share. Each cell is borrowed for
/// one phase at a time; none while user code can run, with the one exception named at [`Core`].
pub(crate) struct Shared {
    pub(crate) core: RefCell<Core>,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) sources: RefCell<Sources>,
    pub(crate) reactor: RefCell<Reactor>,
    /// What sockets and other threads hold.
    pub(crate) link: Arc<Link>,
    pub(crate) blocking: Arc<Pool>,
    pub(crate) clock: Clock,
    /// The time as the loop last read it.
    pub(crate) now: Cell<Nanos>,
    /// Where a virtual clock's jumps end, while `run_until` runs.
    pub(crate) horizon: Cell<Option<Nanos>>,
    /// Whom to wake at the next look: those who have had their share of this turn.
    pub(crate) deferred: RefCell<Vec<Place>>,
    /// Whom timers, sources and the like have to wake, in order: they stay if one of the wakes ends
    /// in a panic.
    pub(crate) wakes: RefCell<VecDeque<Wake>>,
    /// Letters yet to be read: they stay if the reading of one ends in a panic.
    pub(crate) letters: RefCell<VecDeque<Letter>>,
    /// Tasks whose handle was dropped inside of a policy or an observer.
    pub(crate) detached: RefCell<Vec<Id>>,
    /// The waker that is lent to tasks that have none of their own; `None` while it is.
    pub(crate) spare: Cell<Option<Arc<TaskWaker>>>,
    /// The root task of the `block_on` that runs, and its own waker, if it has one: its future is
    /// not in the table.
    pub(crate) root: RefCell<Option<(Id, Weak<TaskWaker>)>>,
    /// Of deadlocks.
    pub(crate) watch: Watch,
    /// Where tasks have been spawned.
    pub(crate) noted: Noted,
    /// After how long with nothing armed it says that it looks stalled; and whether it has.
    pub(crate) quiet_after: Option<Duration>,
    pub(crate) suspected: Cell<bool>,
    /// Why nothing was proved when the loop last slept with nothing armed.
    pub(super) witness: Cell<Option<Witness>>,
    /// How long it looks again and again before it sleeps.
    pub(crate) poll_before_park: Duration,
    /// The locks that hand priority on and that somebody waits for.
    pub(crate) contended: RefCell<Contended>,
    /// When more moves of futures are known than this, those of tasks that are gone are forgotten.
    pub(super) movers: Cell<usize>,
    /// Switches since the loop last looked outside.
    pub(crate) since_look: Cell<u32>,
    /// By how much the running task has moved the clock by hand: that is not run time.
    pub(crate) advanced: Cell<Nanos>,
    /// What a switch costs on a virtual clock.
    pub(crate) switch_cost: Nanos,
    /// Memory for what a socket reads in passing; taken out while it is used.
    #[cfg(feature = "tokio-io")]
    pub(crate) scratch: Cell<Vec<u8>>,
    /// Operations a task may do in one switch.
    pub(crate) budget: u32,
    pub(crate) on_panic: OnPanic,
    /// The runtime is being dropped: no task starts any more.
    pub(crate) closing: Cell<bool>,
}

/// The task table, the policy, and who watches.
///
/// A policy and an observer are shown tasks where they lie, so this is borrowed while they run:
/// the one exception to the rule that no borrow is held across user code. What they may do (wake,
/// drop, abort) does not need it; what they may not (spawn, step, swap the policy) finds it taken,
/// and says so.
pub(crate) struct Core {
    pub(crate) tasks: Table<BoxedTask>,
    pub(crate) policy: Box<dyn Policy>,
    /// Its name, which is made from that of its type and so not made at each switch.
    pub(crate) policy_name: &'static str,
    pub(crate) observers: Vec<Box<dyn Observer>>,
    /// For the policy alone: so the program's draws are the same under any policy.
    pub(crate) rng: Rng,
    /// For the program's `select!`s.
    pub(crate) coins: Rng,
    /// Tasks that became ready outside of a switch, for the next receipt.
    pub(crate) arrivals: VecDeque<(Id, Cause)>,
    /// Tasks in the policy's hands.
    pub(crate) queued: usize,
    /// Tasks that went while in the policy's hands: so many stale picks are forgiven.
    pub(super) forgotten: usize,
    /// The policy wants nobody to run until then.
    pub(crate) held_until: Option<Nanos>,
    /// Each switch is measured.
    pub(crate) timed: bool,
    /// Switches made.
    pub(crate) switches: u64,
    pub(crate) turns: u64,
    pub(crate) parks: u64,
}

/// Somebody to be woken, and why; and since when it could run.
pub(crate) struct Wake {
    pub(crate) cause: Cause,
    pub(crate) at: Nanos,
    pub(crate) whom: Whom,
}

/// The result of a task, in its box.
type Untaken = Belonging<BoxedTask>;

/// A task taken from where it was.
pub(crate) struct Aborted {
    pub(crate) task: BoxedTask,
    pub(crate) info: TaskInfo,
    pub(crate) panic: Option<Box<dyn Any + Send>>,
}

/// The switch about to be made.
pub(crate) struct Next {
    pub(crate) n: u64,
    pub(crate) id: Id,
    /// `None` for the root task.
    pub(crate) task: Option<BoxedTask>,
}

impl Shared {
    pub(crate) fn key(&self) -> LoopKey {
        self.link.inbox.key()
    }

    /// The table, to change it at the request of user code.
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub(crate) fn core_for(&self, what: &str) -> RefMut<'_, Core> {
        let Ok(core) = self.core.try_borrow_mut() else {
            panic!(
                "{what} was called from inside a policy or an observer: a policy decides and an \
                 observer watches; neither acts. Send the request to a task instead"
            )
        };
        core
    }

    /// Drops what may run user code. A panic in there is nobody's result any more: the panic hook
    /// has reported it, and it goes no further unless panics are to be propagated.
    pub(crate) fn bury<T>(&self, dead: T) {
        match self.on_panic {
            OnPanic::Propagate => drop(dead),
            OnPanic::Isolate => drop(catch_unwind(AssertUnwindSafe(|| drop(dead)))),
        }
    }

    /// Hands on to the policy whom a timer, a source or the like has woken.
    pub(crate) fn take_in(&self, cause: Cause, at: Nanos) {
        let mut core = self.core.borrow_mut();
        while let Some(id) = current::next_woken() {
            core.ready(id, cause, at, self.now.get());
        }
    }

    /// Wakes somebody, who may be anybody. A panic in there must not take the wakes of others with
    /// it, so it is treated like one in [`bury`](Self::bury).
    pub(crate) fn wake(&self, whom: Whom) {
        let Err(whom) = whom.record() else { return };
        match self.on_panic {
            OnPanic::Propagate => whom.wake(),
            OnPanic::Isolate => drop(catch_unwind(AssertUnwindSafe(|| whom.wake()))),
        }
    }

    /// The observers, for the caller to drop.
    pub(crate) fn take_observers(&self) -> Vec<Box<dyn Observer>> {
        std::mem::take(&mut self.core.borrow_mut().observers)
    }

    /// Puts a new task into the table.
    #[track_caller]
    pub(crate) fn insert(&self, plan: Plan, task: BoxedTask) -> Id {
        let (inbox, in_turn) = (&self.link.inbox, current::in_turn_of(self.key()));
        let by = in_turn.then(current::task).flatten();
        let mut core = self.core_for("`spawn`");
        let parent = by.and_then(|by| core.tasks.get(by)).map(|slot| slot.info.attributes());
        let attributes = plan.attributes(parent, self);
        let site = self.noted.note(plan.site);
        let name = plan.said.name.clone();
        let serial = plan.serial.unwrap_or_else(|| inbox.next_serial());
        let id = core.tasks.insert(serial, |id| {
            let now = self.now.get();
            let mut info = TaskInfo::at(plan.site, id, plan.said.name, attributes, now);
            info.cause = Cause::Spawn { by };
            info.detached = plan.detached;
            (info, Some(task))
        });
        self.link.board.note_site(id, site);
        if let Some(name) = name {
            self.link.board.note_name(id, name);
        }
        if in_turn {
            current::list_woken(id);
        } else {
            core.arrivals.push_back((id, Cause::Spawn { by }));
            drop(core);
            inbox.ring();
        }
        id
    }

    /// Switches are measured if anybody wants to know; on a virtual clock that costs nothing.
    pub(crate) fn remeasure(&self) {
        let mut core = self.core.borrow_mut();
        core.timed =
            self.clock.is_virtual() || core.policy.wants_time() || !core.observers.is_empty();
        drop(core);
        self.link.board.set_clock(&self.clock);
        self.watch.reset();
    }
}

impl Core {
    pub(crate) fn new(
        policy: Box<dyn Policy>,
        observers: Vec<Box<dyn Observer>>,
        seed: u64,
    ) -> Self {
        Self {
            tasks: Table::new(),
            policy_name: policy.name(),
            policy,
            observers,
            rng: Rng::new(seed),
            coins: Rng::new(Rng::new(seed).next()),
            arrivals: VecDeque::new(),
            queued: 0,
            forgotten: 0,
            held_until: None,
            timed: true,
            switches: 0,
            turns: 0,
            parks: 0,
        }
    }

    /// Whether a switch can be made now.
    pub(crate) fn is_ready(&self, now: Nanos) -> bool {
        self.queued > 0 && self.held_until.is_none_or(|until| until <= now)
    }

    /// Hands all arrivals to the policy. They became ready at `at`.
    pub(crate) fn receive(&mut self, at: Nanos, now: Nanos) {
        while let Some((id, cause)) = self.arrivals.pop_front() {
            self.ready(id, cause, at, now);
        }
    }

    /// The task is ready: the policy and the observers hear of it. A stale id, and a task that is
    /// ready already, change nothing.
    pub(crate) fn ready(&mut self, id: Id, cause: Cause, at: Nanos, now: Nanos) {
        self.ready_for(id, || cause, at, now);
    }

    /// As [`ready`](Self::ready). The cause is made where it is to lie: it is written in parts, and
    /// to copy it in one piece right after that would make the processor wait.
    #[inline]
    fn ready_for(&mut self, id: Id, cause: impl FnOnce() -> Cause, at: Nanos, now: Nanos) {
        let Some(slot) = self.tasks.get_mut(id) else { return };
        if slot.info.state != State::Waiting {
            return;
        }
        self.queued += 1;
        self.held_until = None;
        (slot.info.state, slot.info.woken_at) = (State::Ready, at);
        // Before its first switch a task keeps the cause of its spawn.
        if slot.info.switches > 0 {
            slot.info.cause = cause();
        }
        self.policy.ready(&slot.info, now);
        if !self.observers.is_empty() {
            show_woken(&mut self.observers, now, &slot.info);
        }
    }

    /// The task is ready since the task `by` woke it.
    #[inline(never)]
    pub(crate) fn ready_by(&mut self, id: Id, by: Id, now: Nanos) {
        self.ready_for(id, || Cause::Task(by), now, now);
    }

    /// Reads a little of each task and of what makes it run. What has left the processor's cache
    /// comes back for all of them at once that way, and not for one after the other as each is
    /// woken and run: with many thousand sleepers that is a third of the time.
    pub(crate) fn touch(&self, tasks: impl Iterator<Item = Id>) {
        let slots = tasks.filter_map(|id| self.tasks.get(id));
        let runs = slots.filter_map(|slot| slot.run.as_ref());
        std::hint::black_box(runs.filter(|run| run.waker().is_some()).count());
    }

    /// Hands on to the policy whom the task `by` has woken.
    #[inline]
    pub(crate) fn woken_by(&mut self, by: Id, now: Nanos) {
        while let Some(woken) = current::next_woken() {
            self.ready_by(woken, by, now);
        }
    }

    /// Whether somebody may still want the task's result.
    #[inline]
    pub(crate) fn is_awaited(&self, id: Id) -> bool {
        self.tasks.get(id).is_some_and(|slot| !slot.info.detached)
    }

    /// Who awaits the task.
    #[inline]
    pub(crate) fn take_joiner(&mut self, id: Id) -> Option<Whom> {
        self.tasks.get_mut(id)?.joiner.take().and_then(Joiner::tell)
    }

    /// Asks the policy who is next, and takes that task out of its slot.
    ///
    /// # Panics
    /// If the policy breaks its contract.
    #[inline]
    pub(crate) fn pick(&mut self, now: Nanos) -> Option<Next> {
        while self.queued > 0 {
            let picked = self.policy.pick(&Tasks::new(&self.tasks, &self.rng), now);
            let id = match picked {
                Pick::Task(id) => id,
                Pick::Until(until) if until > now => {
                    self.held_until = Some(until);
                    return None;
                }
                Pick::Until(_) | Pick::Nobody => {
                    self.blame("picks nobody", "while tasks are queued")
                }
            };
            let slot = self.tasks.get_mut(id);
            let Some(slot) = slot.filter(|slot| slot.info.state != State::Done) else {
                if self.forgotten == 0 {
                    self.blame("picks a task that is gone", &format!("more than once: task {id}"));
                }
                self.forgotten -= 1;
                continue;
            };
            if slot.info.state != State::Ready {
                let what = format!("{}: one `ready` licenses one `pick`", slot.info);
                self.blame("picks a task that is not ready", &what);
            }
            let id = slot.info.id; // A policy may have made its own.
            slot.info.state = State::Running;
            self.queued -= 1;
            self.switches += 1;
            let task = if self.observers.is_empty() {
                slot.run.take()
            } else {
                // Taken only afterwards, so that it stays in its place if an observer panics.
                self.show_switch(id, now);
                self.tasks.get_mut(id).and_then(|slot| slot.run.take())
            };
            return Some(Next { n: self.switches, id, task });
        }
        None
    }

    /// A switch is over: the task's record, the policy and the observers hear of it. What makes the
    /// task run goes back to its slot, or is returned if the task has ended.
    pub(crate) fn ended(
        &mut self,
        id: Id,
        task: Option<BoxedTask>,
        (ran, left): (Nanos, Left),
        (waits, operations): (Waits, Option<u32>),
        now: Nanos,
    ) -> Option<BoxedTask> {
        let Some(slot) = self.tasks.get_mut(id) else { return task };
        slot.info.switched(ran, left);
        slot.info.last_poll = current::last_poll();
        slot.run = task; // Before anybody hears of it, so that it stays if they panic.
        self.policy.ran(&slot.info, ran, left, now);
        if !self.observers.is_empty() {
            let (n, task) = (self.switches, &slot.info);
            let event = Event::Ended { n, task, left, ran, waits, operations };
            show(&mut self.observers, now, &event);
        }
        if slot.info.state == State::Done { slot.run.take() } else { None }
    }

    /// What [`ended`](Self::ended) does, for a task that waits, or whose result is waited for,
    /// while nobody watches and nothing is measured. This and [`yielded`](Self::yielded) are
    /// nearly every switch of a busy loop, so they are written out.
    #[inline]
    pub(crate) fn went(&mut self, id: Id, task: Option<BoxedTask>, left: Left, now: Nanos) {
        let Some(slot) = self.tasks.get_mut(id) else { return };
        slot.info.switched(0, left);
        slot.info.last_poll = current::last_poll();
        slot.run = task;
        self.policy.ran(&slot.info, 0, left, now);
    }

    /// What [`ended`](Self::ended) and [`ready`](Self::ready) do, for a task that yielded, under
    /// the same conditions.
    #[inline]
    pub(crate) fn yielded(&mut self, id: Id, task: Option<BoxedTask>, cause: Cause, now: Nanos) {
        let Some(slot) = self.tasks.get_mut(id) else { return };
        slot.info.switched(0, Left::Yielded);
        slot.run = task;
        self.policy.ran(&slot.info, 0, Left::Yielded, now);
        self.queued += 1;
        self.held_until = None;
        slot.info.woken(cause, now);
        self.policy.ready(&slot.info, now);
    }

    /// An abort takes the task from wherever it is. `None` if it is too late or it is the root.
    /// With it comes the panic of a policy or an observer that heard of it.
    pub(crate) fn abort(&mut self, id: Id, now: Nanos) -> Option<Aborted> {
        let slot = self.tasks.get_mut(id)?;
        if slot.info.state == State::Done || slot.run.is_none() {
            return None;
        }
        let was = std::mem::replace(&mut slot.info.state, State::Done);
        let info = slot.info.clone();
        if was == State::Ready {
            self.queued -= 1;
            self.forgotten += 1;
        }
        let told = catch_unwind(AssertUnwindSafe(|| {
            if was == State::Ready {
                self.policy.forget(info.id);
            }
            if !self.observers.is_empty() {
                show(&mut self.observers, now, &Event::Aborted { task: &info });
            }
        }));
        slot.run.take().map(|task| Aborted { task, info, panic: told.err() })
    }

    /// The task's handle is gone. What is returned is for the caller to bury.
    pub(crate) fn detach(&mut self, id: Id) -> Option<(Option<Whom>, Option<Untaken>)> {
        let slot = self.tasks.get_mut(id)?;
        slot.info.detached = true;
        let joiner = slot.joiner.take().and_then(Joiner::discharge);
        if slot.info.state != State::Done || slot.run.is_none() {
            return Some((joiner, None));
        }
        let task = self.tasks.remove(id).and_then(|slot| slot.run);
        Some((joiner, task.map(|task| Belonging::new(id, task))))
    }

    /// The root task leaves, done or not.
    pub(crate) fn leave(&mut self, id: Id) {
        let Some(slot) = self.tasks.remove(id) else { return };
        if slot.info.state == State::Ready {
            self.queued -= 1;
            self.forgotten += 1;
            self.policy.forget(id);
        }
    }

    /// Changes a task's attributes; the policy hears of it if the task is in its hands.
    pub(crate) fn set_attributes(&mut self, id: Id, attributes: Attributes) -> bool {
        let Some(slot) = self.tasks.get_mut(id) else { return false };
        slot.info.set_attributes(attributes);
        if slot.info.state == State::Ready {
            self.policy.changed(&slot.info);
        }
        true
    }

    /// A task inherits this priority from those who wait for it; the policy hears of it as of
    /// other changes.
    pub(crate) fn set_inherited(&mut self, id: Id, priority: u8) {
        let Some(slot) = self.tasks.get_mut(id) else { return };
        let was = slot.info.priority();
        slot.info.inherited = priority;
        if slot.info.priority() != was && slot.info.state == State::Ready {
            self.policy.changed(&slot.info);
        }
    }

    /// # Panics
    /// Always: a policy's bug, named as such.
    #[cold]
    fn blame(&self, does: &str, what: &str) -> ! {
        panic!(
            "the policy `{}` {does} {what}. This is a bug of that policy: `turno::policy::check` \
             finds such bugs",
            self.policy.name()
        )
    }
}
