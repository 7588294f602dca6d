//! Looking outside: at the clock, the sockets and other threads, and sleeping (floor 3).

use std::time::{Duration, Instant};

use super::core::{Shared, Wake};
use super::stall::{Prospect, Stalled};
use super::turn::Drive;
use crate::task::current;
use crate::task::inbox::Letter;
use crate::task::info::{Cause, Nanos};
use crate::task::room;
use crate::time::clock::nanos;
use crate::wait;

/// A pause that is longer is worth asking whether it can ever end. Much shorter timeouts are dear:
/// the kernel has to set its alarm clock anew for each.
const PAUSE: Duration = Duration::from_millis(100);

/// So late, at most, a stall is found after the last waker that was out has been dropped.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Shared {
    /// Looks outside. If there is nothing to do it sleeps until there is, at most for `wait`.
    #[inline(never)]
    pub(super) fn look(&self, drive: &mut Drive<'_, '_>, wait: Option<Duration>) {
        self.since_look.set(0);
        self.wake_deferred();
        self.read_clock();
        if self.can_switch() || self.link.inbox.is_full() {
            self.watch(false);
            self.ask_reactor(Some(Duration::ZERO));
            self.open_letters();
            return self.attend();
        }
        if self.core.borrow().tasks.is_large() || wait::is_large() {
            self.shrink();
        }
        let next = self.next_timer().into_iter().chain(self.horizon.get()).min();
        let jumps = self.jumps(next);
        let nap = self.nap(next, jumps);
        if self.polls_before_parking(nap.into_iter().chain(wait).min()) {
            return;
        }
        if nap.is_some() || self.is_armed() {
            self.watch(true);
        }
        self.core.borrow_mut().show_park(next, self.now.get());
        self.take_in(Cause::Outside, self.now.get()); // An observer may have woken somebody,
        self.attend(); // or aborted.
        let nap = if self.can_switch() { Some(Duration::ZERO) } else { nap };
        let armed = self.awaits_a_source();
        let forever = nap.is_none() && wait.is_none() && !armed;
        match &drive.root {
            Some(_) if forever => drive.stalled = self.sleep_on(),
            _ => self.sleep(nap.into_iter().chain(wait).min()),
        }
        if jumps && !self.can_switch() {
            self.clock.jump(next.unwrap_or(0));
        }
        self.read_clock();
    }

    /// There is nothing to do: a good moment to give back the memory of a burst that is over.
    #[cold]
    fn shrink(&self) {
        let mut core = self.core.borrow_mut();
        if let Some(places) = core.tasks.shrink() {
            self.link.board.shrink_names(places);
        }
        room::shrink(&mut core.arrivals);
        room::shrink(&mut self.wakes.borrow_mut());
        room::shrink(&mut self.letters.borrow_mut());
        self.timers.borrow_mut().shrink();
        current::shrink();
        wait::shrink();
    }

    fn sleep(&self, nap: Option<Duration>) {
        self.ask_reactor(nap);
        self.open_letters();
        self.attend(); // Aborts may have been among them.
    }

    /// Sleeps though nothing is armed, so that only another thread can end it; unless it is proved
    /// that none can: then it says so.
    ///
    /// A waker that is dropped rings no bell. So as long as only wakers keep it from the proof, it
    /// looks again now and then whether they are still out.
    #[cold]
    fn sleep_on(&self) -> Option<Stalled> {
        // The proof looks at every task, so it is not made at each pause that another thread ends.
        if self.is_doubtful() {
            self.sleep(Some(PAUSE));
        }
        let (asleep, mut nap, mut first) = (Instant::now(), PAUSE, true);
        loop {
            let knocks = match self.prospect() {
                Prospect::News => return None,
                Prospect::Hopeless(stalled) => return Some(stalled),
                Prospect::Open { knocks } => knocks,
            };
            if std::mem::take(&mut first) {
                self.seek_deadlocks();
                if self.has_news() {
                    return None; // What was told of one has been answered.
                }
            }
            let quiet = self.quiet().filter(|_| !self.suspected.get());
            let left = quiet.map(|quiet| match quiet.saturating_sub(asleep.elapsed()) {
                Duration::ZERO => LONGEST_PAUSE, // It was not said, and may be later.
                left => left,
            });
            self.sleep((!knocks).then_some(nap).into_iter().chain(left).min());
            if self.has_news() {
                return None;
            }
            if quiet.is_some_and(|quiet| asleep.elapsed() >= quiet) {
                self.suspect(asleep.elapsed());
            }
            nap = (2 * nap).min(LONGEST_PAUSE);
        }
    }

    /// After how long without a switch it is time to say that it looks stalled.
    fn quiet(&self) -> Option<Duration> {
        let jobs = (self.blocking.in_flight() > 0).then_some(LONGEST_PAUSE);
        self.quiet_after.into_iter().chain(jobs).min()
    }

    /// Looks again and again for a while instead of sleeping, if the builder was told so. True if
    /// something came of it.
    fn polls_before_parking(&self, nap: Option<Duration>) -> bool {
        let most = nap.map_or(self.poll_before_park, |nap| nap.min(self.poll_before_park));
        if most.is_zero() || self.clock.is_virtual() {
            return false;
        }
        let end = self.now.get().saturating_add(nanos(most));
        while self.now.get() < end {
            std::hint::spin_loop();
            self.ask_reactor(Some(Duration::ZERO));
            self.open_letters();
            self.read_clock();
            if self.can_switch() {
                return true;
            }
        }
        false
    }

    /// Whether time is virtual and can move on: not as long as blocking jobs run.
    pub(super) fn jumps(&self, next: Option<Nanos>) -> bool {
        self.clock.is_virtual() && self.blocking.in_flight() == 0 && next.is_some()
    }

    /// How long it may sleep until `next`; `None` for as long as it takes.
    fn nap(&self, next: Option<Nanos>, jumps: bool) -> Option<Duration> {
        if jumps {
            Some(self.clock.grace())
        } else if self.clock.is_virtual() {
            None
        } else {
            next.map(|at| Duration::from_nanos(at.saturating_sub(self.now.get())))
        }
    }

    /// Whether a switch can be made now.
    pub(crate) fn can_switch(&self) -> bool {
        self.core.borrow().is_ready(self.now.get())
    }

    /// When the next timer is due, or the policy wants to be asked again.
    pub(crate) fn next_timer(&self) -> Option<Nanos> {
        // If those whom the policy holds back are gone, nobody is held back.
        let core = self.core.borrow();
        let held = core.held_until.filter(|&until| core.queued > 0 && until < Nanos::MAX);
        // A virtual clock does not get beyond its end.
        let held = held.filter(|&until| !self.clock.is_virtual() || until <= self.clock.end());
        self.timers.borrow_mut().next_at().into_iter().chain(held).min()
    }

    fn read_clock(&self) {
        self.now.set(self.clock.now());
        self.link.board.set_time(self.now.get());
        self.fire_timers();
    }

    /// Wakes whom the timers that are due have to wake.
    pub(super) fn fire_timers(&self) {
        while self.timers.borrow().len() > 0 {
            let mut wakes = self.wakes.borrow_mut();
            let fire = |at, whom| wakes.push_back(Wake { cause: Cause::Timer, at, whom });
            if self.timers.borrow_mut().fire_due(self.now.get(), fire) == 0 {
                return;
            }
            drop(wakes);
            self.wake_due();
        }
    }

    /// Wakes those who had had their share of the last turn.
    fn wake_deferred(&self) {
        if self.deferred.borrow().is_empty() {
            return;
        }
        let (cause, at) = (Cause::Budget, self.now.get());
        let deferred = self.deferred.take().into_iter().filter_map(wait::leave);
        self.wakes.borrow_mut().extend(deferred.map(|whom| Wake { cause, at, whom }));
        self.wake_due();
    }

    /// Lets the reactor sleep for `nap`, and wakes whom its news concerns.
    fn ask_reactor(&self, mut nap: Option<Duration>) {
        let inbox = &self.link.inbox;
        // A bell that was not heard would keep the descriptor readable, and a host awake.
        let sleeps = nap != Some(Duration::ZERO);
        if !sleeps && self.sources.borrow().len() == 0 && inbox.park.is_quiet() {
            return;
        }
        if sleeps && inbox.fall_asleep() {
            nap = Some(Duration::ZERO);
        }
        let written = inbox.park.written();
        let mut sources = self.sources.borrow_mut();
        let waited = self.reactor.borrow_mut().wait(nap, |index, ready| {
            let (cause, at) = (Cause::Source(index as u32), self.now.get());
            sources.event(index, ready, |whom| {
                self.wakes.borrow_mut().push_back(Wake { cause, at, whom });
            });
        });
        drop(sources);
        if sleeps {
            inbox.park.attend();
        }
        match waited {
            Ok(heard) => inbox.park.hear(written, heard),
            Err(error) => panic!("turno's reactor cannot wait for the operating system: {error}"),
        }
        self.wake_due();
    }

    /// Wakes whom a timer, a source or the like has to wake, in order. Whom a panic in one of the
    /// wakes leaves is woken by the next turn.
    pub(super) fn wake_due(&self) {
        let wakes = self.wakes.borrow();
        match wakes.len() {
            0 => return,
            1 => {}
            _ => self.core.borrow().touch(wakes.iter().filter_map(|wake| wake.whom.task())),
        }
        drop(wakes);
        loop {
            let Some(Wake { cause, at, whom }) = self.wakes.borrow_mut().pop_front() else {
                return;
            };
            match whom.task_itself(self.key()) {
                Some(id) => self.core.borrow_mut().ready(id, cause, at, self.now.get()),
                None => {
                    self.wake(whom);
                    self.take_in(cause, at);
                }
            }
        }
    }

    pub(super) fn open_letters(&self) {
        if self.link.inbox.is_full() {
            self.letters.borrow_mut().extend(self.link.inbox.open());
        }
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
