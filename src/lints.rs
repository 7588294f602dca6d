//! Lints: being told, while the program runs, what goes wrong in it (floor 5).
//!
//! ```
//! use std::time::Duration;
//! use turno::lints::Lints;
//!
//! let lints = Lints::new().slow_poll(Duration::from_millis(20)).watchdog(Duration::from_secs(1));
//! let rt = turno::runtime::Builder::new().observe(lints).build()?;
//! rt.block_on(async { /* your program */ });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Or, with not a word of it in the program: `TURNO_LINTS=1 your-program`.
//!
//! # What there is
//! | lint | fires when | unless told |
//! | --- | --- | --- |
//! | `slow-poll` | one switch held the thread for longer than the threshold | 100 ms |
//! | `slow-turn` | the loop did not look outside for longer, though no single switch was slow | 100 ms |
//! | `endless-poll` | a switch has not ended after so long: a thread of its own sees it | off |
//! | `lost-waker` | a task went to wait, and nobody keeps anything that could wake it | on |
//! | `self-wake-spin` | a task woke itself so many times in a row, and nothing came of it | 10,000 |
//! | `futurelock` | a future was handed what others wait for, and its task does not poll it | 1 s |
//!
//! Each says what happened, to which task, at which `await`, how long, and what to do; once for
//! each place in the program: tasks that one line spawns are one code.
//!
//! # When exactly
//! **`slow-poll`** goes by the runtime's clock. On a virtual one that is the
//! [`time::work`](crate::time::work) that was done. On a real one it is what has passed, less what
//! the thread was kept waiting for a processor meanwhile, as far as the system tells (Linux does):
//! a machine that is busy with something else makes no poll slow.
//!
//! **`slow-turn`** adds up the switches from one [look](crate::observe::Event::Looked) to the next
//! that were not slow by themselves, in the same way. On a virtual clock it is silent: there timers
//! are looked at after every switch.
//!
//! **`endless-poll`** goes by the real clock, and does not count the time in which the whole
//! process stood still, as in a debugger.
//!
//! **`lost-waker`**: the task left the thread pending and was not woken meanwhile; it has no wait
//! entry, and there is no clone of its waker. So nothing can wake it any more, and only an abort
//! can end it; if none has when the loop next looks outside, it is told. A task that is to wait for
//! ever (`std::future::pending`) looks the same; let it wait for something that can be named. That
//! a waker was kept and is dropped later cannot be seen from here; a
//! [stall](crate::runtime::Stalled) is reported if nothing else goes on.
//!
//! **`self-wake-spin`**: that many switches in a row ended with a wake by the task itself, within a
//! second; it woke and spawned nobody in them, did no operation of its
//! [budget](crate::runtime::Builder::budget), and they took less than 10 µs each (on a virtual
//! clock, which stands still for a spin, no time at all). So a loop that computes and gives way is
//! none, nor is giving way because the budget was spent, nor a task whose host lets it run now
//! and then. What it does with futures that are not turno's, or [without a
//! budget](crate::task::unconstrained), is not seen.
//!
//! **`futurelock`**: a future waited and was handed something that others go without meanwhile (a
//! lock, a permit, room in a channel, the word of a [`Notify`](crate::sync::Notify) to one). Since
//! then its task had a switch and waits again, without having polled that future: it lies beside
//! a `select!` that another branch has left, in a stream's buffer, in a variable. The lint fires
//! when somebody waits for that same thing, and
//! - that is the task itself, and it waits for nothing but what it holds: so for ever; or
//! - it lasts for longer than the threshold; or
//! - the loop goes to sleep, no timer is set, and nobody waits for a socket, a job on another
//!   thread or a future that is not turno's.
//!
//! A future that was woken and was handed nothing is none; what it may have locked before, and
//! keeps from others while it is left aside, is not seen.
//!
//! # Cost
//! Lints are an observer: each switch is measured and shown, which costs some 40 ns. What they do
//! themselves adds 20 ns, 40 if the task goes to wait, and the watchdog 40 more.

use std::sync::Arc;
use std::time::Duration;

use crate::observe::{Event, Observer};
use crate::task::{Cause, Left, Nanos, TaskInfo};

mod finding;
mod futurelock;
mod known;
mod lost;
mod machine;
mod report;
mod settings;
mod slow;
mod spin;
mod watchdog;

pub(crate) mod hook;

pub use finding::{Finding, Lint};

use known::{Ended, Known};
use machine::Machine;
use report::Report;

/// An observer that says what goes wrong: see [the module](self).
///
/// It prints to standard error, or tells whom [`to`](Self::to) names:
///
/// ```
/// use std::sync::mpsc;
/// use turno::lints::{Lint, Lints};
///
/// let (findings, found) = mpsc::channel();
/// let rt = turno::runtime::Builder::new()
///     .start_paused(true)
///     .observe(Lints::new().to(move |finding| drop(findings.send(finding))))
///     .build()?;
/// rt.block_on(turno::time::work(std::time::Duration::from_secs(2)));
/// let finding = found.try_recv().unwrap();
/// assert_eq!((finding.lint(), finding.name()), (Lint::SlowPoll, Some("block_on")));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "lints see nothing until a runtime is given them: `Builder::observe`"]
pub struct Lints {
    known: Known,
    machine: Machine,
    slow_poll: slow::Poll,
    slow_turn: slow::Turn,
    lost: lost::Lost,
    spin: spin::Spin,
    futurelock: futurelock::Futurelock,
    watchdog: watchdog::Watchdog,
    report: Arc<Report>,
}

impl Lints {
    /// All lints with their usual thresholds; the watchdog is off. Findings go to standard error.
    pub fn new() -> Self {
        Self {
            known: Known::default(),
            machine: Machine::new(),
            slow_poll: slow::Poll::longer_than(Duration::from_millis(100)),
            slow_turn: slow::Turn::longer_than(Duration::from_millis(100)),
            lost: lost::Lost::default(),
            spin: spin::Spin::times(10_000),
            futurelock: futurelock::Futurelock::longer_than(Duration::from_secs(1)),
            watchdog: watchdog::Watchdog::default(),
            report: Arc::default(),
        }
    }

    /// A switch that takes longer is slow. 100 ms unless told.
    pub fn slow_poll(self, threshold: Duration) -> Self {
        Self { slow_poll: slow::Poll::longer_than(threshold), ..self }
    }

    /// A turn is slow in which switches that are not slow themselves take longer together. 100 ms
    /// unless told.
    pub fn slow_turn(self, threshold: Duration) -> Self {
        Self { slow_turn: slow::Turn::longer_than(threshold), ..self }
    }

    /// Starts a thread that sees a switch that has not ended after so long: it may never end. The
    /// thread looks eight times in that time, and ends with the observer. At least 1 ms.
    pub fn watchdog(self, threshold: Duration) -> Self {
        Self { watchdog: watchdog::Watchdog::every(threshold), ..self }
    }

    /// So many wakes of a task by itself in a row, with nothing coming of them, are a spin. 10,000
    /// unless told.
    pub fn self_wakes(self, times: u32) -> Self {
        Self { spin: spin::Spin::times(times), ..self }
    }

    /// How long a future may leave others waiting for what it was handed, if it is not certain at
    /// once that they wait in vain. 1 s unless told.
    pub fn futurelock(self, threshold: Duration) -> Self {
        Self { futurelock: futurelock::Futurelock::longer_than(threshold), ..self }
    }

    /// Does not tell of that.
    pub fn without(self, lint: Lint) -> Self {
        self.report.silence(lint);
        self
    }

    /// Tells `sink` instead of standard error: on the loop's thread, except for
    /// [`Lint::EndlessPoll`], which is told on the watchdog's. It is called inside of an observer,
    /// and so may wake, but not spawn.
    pub fn to(self, sink: impl FnMut(Finding) + Send + 'static) -> Self {
        self.report.set_sink(sink);
        self
    }
}

impl Default for Lints {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Lints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lints").finish_non_exhaustive()
    }
}

impl Lints {
    fn ended(&mut self, task: &TaskInfo, end: Ended) {
        let known = self.known.task(task);
        if !self.slow_poll.ended(known, &end, &self.machine, &self.report) {
            self.slow_turn.ended(known, &end);
        }
        self.spin.ended(known, &end);
        if end.left == Left::Waiting {
            self.lost.went_to_wait(known, &end);
        }
        self.futurelock.ended(known, &end);
        known.left(&end);
        self.futurelock.check(end.at, &self.report);
        if matches!(end.left, Left::Done | Left::Panicked) {
            self.known.forget(task.id());
        }
    }

    /// What a task has done for another is more than waking itself.
    fn woke(&mut self, task: &TaskInfo) {
        if let Cause::Task(by) | Cause::Spawn { by: Some(by) } = task.cause()
            && let Some(by) = self.known.get(by)
        {
            self.spin.reset(by);
        }
    }
}

impl Observer for Lints {
    fn event(&mut self, now: Nanos, event: &Event<'_>) {
        match event {
            Event::Switched { n, task, .. } if self.watchdog.is_on() => {
                self.watchdog.runs(*n, now, self.known.task(task), &self.report);
            }
            &Event::Ended { n, task, left, ran, waits, operations, .. } => {
                self.watchdog.rests();
                let wait = if left == Left::Waiting { waits.last() } else { None };
                self.ended(task, Ended { n, at: now, left, ran, wait, waits, operations });
            }
            Event::Woken { task } => {
                self.woke(task);
                let known = self.known.task(task);
                self.spin.woken(known, task.cause(), now, &self.report);
            }
            Event::Aborted { task } => {
                self.lost.aborted(task.id());
                self.known.forget(task.id());
            }
            Event::Looked => {
                self.slow_turn.looked(now, &self.machine, &self.report);
                self.lost.looked(&self.report);
                self.machine.looked();
            }
            Event::Parked { until: None } => {
                self.futurelock.sleeps(now, &self.known, &self.report);
            }
            _ => {}
        }
    }
}
