//! The loop (floor 3). Start reading at [`Shared::turn`].

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::core::Shared;
use super::end::Turn;
use super::stall::{Prospect, Stalled};
use crate::SwitchLog;
use crate::task::current::{self, Aftermath};
use crate::task::id::Id;
use crate::task::inbox::Letter;
use crate::task::info::{Cause, Left, Nanos};
use crate::task::run::{BoxedTask, Run};
use crate::task::wake::TaskWaker;
use crate::wait;

/// What a call of `block_on`, `turn` or `step` keeps on its stack while it drives the loop. It lies
/// outside of the `catch_unwind` around the turns, so a panic in a task finds here who it was.
pub(crate) struct Drive<'a, 'h> {
    pub(super) log: SwitchLog,
    /// The root task's future, which may borrow and so cannot lie in the table.
    root: Option<Pin<&'a mut (dyn Run + 'a)>>,
    /// What makes the running task run; `None` for the root.
    pub(super) task: Option<BoxedTask>,
    /// How it left the thread; `None` while it runs.
    pub(super) left: Option<Left>,
    started: Nanos,
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
            spare: Spare { waker: spare, home },
            root_done: false,
            stalled: None,
        }
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
        let looks_every = self.receive();
        if self.since_look.get() >= looks_every || !self.can_switch() {
            self.look(drive, wait);
        }
        let mut made = 0;
        while made < most && self.since_look.get() < looks_every && !drive.root_done {
            let Some(next) = self.core.borrow_mut().pick(self.now.get()) else { break };
            made += 1;
            self.since_look.set(self.since_look.get() + 1);
            current::begin_switch(next.id, self.budget, self.now.get());
            drive.spare.waker.lend(next.id);
            (drive.task, drive.left, drive.started) = (next.task, None, self.now.get());
            let future: Pin<&mut dyn Run> = match (&mut drive.task, &mut drive.root) {
                (Some(task), _) => task.as_mut(),
                (None, Some(root)) => root.as_mut(),
                (None, None) => unreachable!("only `block_on` makes a root task, and it drives it"),
            };
            let Drive { log, spare, .. } = drive;
            let spare = &mut spare.waker;
            let left = crate::switch_to(log, next.n, next.id, future, spare);
            self.settle(drive, next.id, left);
        }
        made
    }

    /// A switch is over: the task goes back to its slot. If it yielded and nothing else happened,
    /// nobody goes before it; that is nearly always so.
    #[inline]
    fn settle(&self, drive: &mut Drive<'_, '_>, id: Id, left: Left) {
        drive.left = Some(left);
        let after = current::end_switch();
        let mut core = self.core.borrow_mut();
        if left == Left::Yielded && !after.news && !core.timed {
            core.yielded(id, drive.task.take(), again(&after), self.now.get());
        } else {
            drop(core);
            self.settle_all(drive, id, left, &after);
        }
    }

    /// A switch is over: the task goes back or ends, and whoever became ready is handed to the
    /// policy, in the order of the contract.
    #[inline(never)]
    fn settle_all(&self, drive: &mut Drive<'_, '_>, id: Id, left: Left, after: &Aftermath) {
        let mut core = self.core.borrow_mut();
        let timed = core.timed;
        if timed {
            self.now.set(self.clock.now());
        }
        let now = self.now.get();
        let ended = core.ended(id, drive.task.take(), now - drive.started, left, now);
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
            self.fire_timers(now);
        }
        if left == Left::Yielded {
            self.core.borrow_mut().ready(id, again(after), now, now);
        }
        if after.news {
            self.attend();
        }
    }

    /// A task has ended: its result waits for whoever holds its handle, or is dropped.
    pub(super) fn deliver(&self, id: Id, task: BoxedTask) {
        let mut core = self.core.borrow_mut();
        match core.tasks.get_mut(id) {
            Some(slot) if !slot.info.detached => {
                slot.run = Some(task);
                let joiner = slot.joiner.take().and_then(wait::leave);
                drop(core);
                if let Some(joiner) = joiner {
                    self.wake(joiner);
                }
            }
            _ => {
                let slot = core.tasks.remove(id);
                drop(core);
                self.bury((task, slot));
            }
        }
    }

    /// Takes in what happened since the last turn; returns after how many switches to look outside.
    #[inline(never)]
    fn receive(&self) -> u32 {
        self.open_letters();
        self.attend();
        let mut core = self.core.borrow_mut();
        core.turns += 1;
        core.receive(self.now.get(), self.now.get());
        core.policy.io_every().max(1)
    }

    /// Looks outside: at the clock, the sockets and other threads. If there is nothing to do it
    /// sleeps until there is, at most for `wait`.
    #[inline(never)]
    fn look(&self, drive: &mut Drive<'_, '_>, wait: Option<Duration>) {
        self.since_look.set(0);
        for whom in self.deferred.take().into_iter().filter_map(wait::leave) {
            self.wake(whom);
        }
        self.take_in(Cause::Budget, self.now.get());
        self.read_clock();
        if self.can_switch() || self.link.inbox.is_full() {
            self.ask_reactor(Some(Duration::ZERO));
            return self.open_letters();
        }
        let next = self.next_timer().into_iter().chain(self.horizon.get()).min();
        let jumps = self.clock.is_virtual() && self.blocking.in_flight() == 0 && next.is_some();
        let nap = if jumps {
            Some(self.clock.grace())
        } else if self.clock.is_virtual() {
            None
        } else {
            next.map(|at| Duration::from_nanos(at.saturating_sub(self.now.get())))
        };
        let mut quiet = None;
        if let (None, None, Some(root)) = (nap, wait, &drive.root) {
            match self.prospect(root.waker()) {
                Prospect::Open => {}
                Prospect::Doubtful => quiet = self.quiet_after.filter(|_| !self.suspected.get()),
                Prospect::Hopeless(stalled) => {
                    drive.stalled = Some(stalled);
                    return;
                }
            }
        }
        self.core.borrow_mut().show_park(next, self.now.get());
        self.take_in(Cause::Outside, self.now.get()); // An observer may have woken somebody,
        self.attend(); // or aborted.
        let nap = if self.can_switch() { Some(Duration::ZERO) } else { nap };
        let asleep = quiet.map(|_| std::time::Instant::now());
        self.ask_reactor(nap.into_iter().chain(wait).chain(quiet).min());
        self.open_letters();
        if let (Some(quiet), Some(asleep), Some(root)) = (quiet, asleep, &drive.root)
            && !self.can_switch()
            && asleep.elapsed() >= quiet
        {
            self.suspect(root.waker(), quiet);
        }
        if jumps && !self.can_switch() {
            self.clock.jump(next.unwrap_or(0));
        }
        self.read_clock();
    }

    /// Whether a switch can be made now.
    pub(crate) fn can_switch(&self) -> bool {
        self.core.borrow().is_ready(self.now.get())
    }

    /// When the next timer is due, or the policy wants to be asked again.
    pub(crate) fn next_timer(&self) -> Option<Nanos> {
        let held = self.core.borrow().held_until;
        self.timers.borrow_mut().next_at().into_iter().chain(held).min()
    }

    fn read_clock(&self) {
        self.now.set(self.clock.now());
        self.fire_timers(self.now.get());
    }

    fn fire_timers(&self, now: Nanos) {
        loop {
            let due = self.timers.borrow_mut().pop_due(now);
            let Some((at, whom)) = due else { return };
            self.wake(whom);
            self.take_in(Cause::Timer, at);
        }
    }

    /// Lets the reactor sleep for `nap`, and wakes whom its news concerns.
    fn ask_reactor(&self, mut nap: Option<Duration>) {
        // A bell that was not heard would keep the descriptor readable, and a host awake.
        if nap == Some(Duration::ZERO) && self.sources.borrow().len() == 0 && !self.rung.get() {
            return;
        }
        let slept = nap != Some(Duration::ZERO);
        if slept && self.link.inbox.fall_asleep() {
            nap = Some(Duration::ZERO);
        }
        let mut news = Vec::new();
        let waited = self.reactor.borrow_mut().wait(nap, &mut news);
        let rang = slept && self.link.inbox.attend();
        match waited {
            Ok(heard) => self.rung.set((rang || self.rung.get()) && !heard),
            Err(error) => panic!("turno's reactor cannot wait for the operating system: {error}"),
        }
        let mut woken = Vec::new();
        for (source, ready) in news {
            self.sources.borrow_mut().event(source, ready, &mut woken);
            for whom in woken.drain(..).filter_map(wait::leave) {
                self.wake(whom);
            }
            self.take_in(Cause::Source(source as u32), self.now.get());
        }
    }

    fn open_letters(&self) {
        self.letters.borrow_mut().extend(self.link.inbox.open());
        loop {
            let Some(letter) = self.letters.borrow_mut().pop_front() else { return };
            match letter {
                Letter::Wake(waker) => {
                    if waker.open() {
                        current::list_woken(waker.id());
                    }
                }
                Letter::WakeTask(id) => current::list_woken(id),
                Letter::Abort(id) => {
                    current::record_abort(self.key(), id);
                }
                Letter::Job(job) => job(),
            }
            self.take_in(Cause::Outside, self.now.get());
        }
    }
}

/// Why a task that woke itself is ready again.
fn again(after: &Aftermath) -> Cause {
    if after.spent { Cause::Budget } else { Cause::Yield }
}
