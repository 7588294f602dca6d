//! The stall: tasks are left and nothing can ever wake them (floor 3).

use std::fmt;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use super::core::{Core, Shared};
use super::survey::Seek;
use super::waiting::{Cycle, Picture, Shown, Waiting};
use crate::task::current;
use crate::task::id::Id;
use crate::task::info::State;
use crate::wait::{self, tell};

/// `block_on` can never end: no task can run, no timer, socket or blocking job is waited for, no
/// [`Handle`](super::Handle), [`AbortHandle`](crate::task::AbortHandle) or
/// [`RemoteJoinHandle`](crate::task::RemoteJoinHandle) is out, and every waker of a task that is
/// kept lies where only this loop's own thread can wake it.
///
/// Printed it tells what each task waits for: first the [cycles](Stalled::cycles), if there are
/// any, then what is locked by a task that has finished, then the other tasks. Each comes with what
/// it waits for, where, since when, and which task locked that. Of long lists the first ones are
/// printed, and how many more there are; the data has all.
#[derive(Debug, Clone)]
pub struct Stalled {
    /// Boxed, since a large error weighs on every `Ok`.
    picture: Box<Picture>,
    policy: Option<&'static str>,
}

impl Stalled {
    /// The tasks that wait for ever, in the order of spawning.
    pub fn tasks(&self) -> &[Waiting] {
        &self.picture.tasks
    }

    /// The policy, if it holds tasks back that are ready, and said that it will for ever:
    /// [`Pick::Until`](crate::policy::Pick::Until) the last moment there is.
    pub fn policy(&self) -> Option<&'static str> {
        self.policy
    }

    /// The tasks that wait for each other: those that are [certain](Cycle::is_certain) first. A
    /// stall need not have any: a task may wait for what no task is going to do.
    ///
    /// ```
    /// use turno::sync::Mutex;
    ///
    /// let rt = turno::runtime::Builder::new().start_paused(true).build()?;
    /// let stalled = rt.try_block_on(async {
    ///     let mutex = Mutex::new(());
    ///     let _guard = mutex.lock().await;
    ///     drop(mutex.lock().await);
    /// });
    /// let stalled = stalled.unwrap_err();
    /// let [cycle] = stalled.cycles() else { panic!("{stalled}") };
    /// assert!(cycle.to_string().starts_with("a task waits for itself"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cycles(&self) -> &[Cycle] {
        &self.picture.cycles
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.policy {
            None => f.write_str("stalled: nothing is ready, and ")?,
            Some(policy) => write!(
                f,
                "stalled: the policy `{policy}` holds back all tasks that are ready for ever, and "
            )?,
        }
        writeln!(f, "nothing can ever wake the tasks that are left:")?;
        write!(f, "{}", self.picture)?;
        f.write_str(match (self.policy, self.cycles()) {
            (Some(_), _) => "a policy that holds tasks back must name the time when it goes on",
            (None, []) => "wake one of them, or do not wait for what no task will do",
            (None, _) => {
                "break the cycle: lock in the same order everywhere, and give back what others \
                 need before waiting for them"
            }
        })
    }
}

impl std::error::Error for Stalled {}

/// Who had not finished when a runtime was shut down:
/// [`Runtime::shutdown_timeout`](super::Runtime::shutdown_timeout).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unfinished {
    /// The tasks that were dropped, in the order of spawning, and what they waited for.
    pub tasks: Vec<Waiting>,
    /// Where the blocking jobs were spawned that still run.
    pub jobs: Vec<&'static Location<'static>>,
}

impl Unfinished {
    /// Whether everybody had finished.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.jobs.is_empty()
    }
}

impl fmt::Display for Unfinished {
    /// A line for each of the first, and one for each thing that a task waited for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("all had finished");
        }
        f.write_str("had not finished:")?;
        let (tasks, jobs) = (Shown::first(self.tasks.len()), Shown::first(self.jobs.len()));
        for task in &self.tasks[..tasks.first] {
            write!(f, "\n  {task}")?;
        }
        tasks.left_out(f, "\n  ", "task")?;
        for site in &self.jobs[..jobs.first] {
            write!(f, "\n  a blocking job (spawned at {site}), still running")?;
        }
        jobs.left_out(f, "\n  ", "blocking job")
    }
}

/// So many tasks are seen at a glance.
const GLANCE: usize = 64;

/// The proof looks for news each time it has seen this many tasks.
const STRIDE: usize = 256;

/// What the loop finds when it is about to sleep for ever.
pub(crate) enum Prospect {
    /// There is news: it need not sleep at all.
    News,
    /// Nothing is armed, but something is out that could still wake a task. If `knocks`, the loop
    /// is rung for when that goes away.
    Open { knocks: bool },
    /// Proved: it would never end.
    Hopeless(Stalled),
}

/// A task of which a waker is out, and how many clones are accounted for; and the switch after
/// which that was found out. As long as no other switch is made, none but that waker need be looked
/// at.
#[derive(Clone, Copy)]
pub(crate) struct Witness {
    task: Id,
    accounted: usize,
    switches: u64,
}

impl Shared {
    /// Whether a source or a blocking job is waited for.
    pub(crate) fn is_armed(&self) -> bool {
        self.awaits_a_source() || self.blocking.in_flight() > 0
    }

    /// Whether a source is waited for: by a task that has not finished, or through a waker that may
    /// wake anything.
    pub(super) fn awaits_a_source(&self) -> bool {
        let lives = |place| match wait::woken_at(place, self.key()) {
            Some(task) => {
                let core = self.core.borrow();
                core.tasks.get(task).is_some_and(|slot| slot.info.state != State::Done)
            }
            None => true,
        };
        self.sources.borrow_mut().is_armed(lives)
    }

    /// Whether there is anything to do that the loop has heard of, or that lies in the inbox.
    pub(crate) fn has_news(&self) -> bool {
        self.can_switch()
            || self.link.inbox.is_full()
            || !self.core.borrow().arrivals.is_empty()
            || !self.letters.borrow().is_empty()
            || !self.deferred.borrow().is_empty()
            || !self.wakes.borrow().is_empty()
            || (current::in_turn_of(self.key()) && current::has_news())
    }

    /// At a glance: whether something out there may wake a task, or there are too many to look at.
    pub(super) fn is_doubtful(&self) -> bool {
        let core = self.core.borrow();
        let runs = core.tasks.iter().filter_map(|slot| slot.run.as_ref());
        let counts = runs.filter_map(|run| run.waker()).map(Arc::strong_count);
        let root = self.root.borrow().as_ref().map(|(_, waker)| waker.strong_count());
        self.is_reachable()
            || core.tasks.len() > GLANCE
            || counts.chain(root).any(|count| count > 1)
    }

    /// Whether a blocking job, or a thread that has a handle, may wake a task. When the last of
    /// them goes, the loop is rung for.
    fn is_reachable(&self) -> bool {
        self.blocking.in_flight() > 0 || self.link.inbox.is_reachable()
    }

    /// What is to be expected if no task is ready, no source is waited for, and no timer is set or
    /// virtual time stands still.
    ///
    /// Whatever can end that is counted: handles, jobs, and the wakers of waiting tasks. A waker
    /// that lies in an entry of this thread's table can be woken by this thread alone, which is
    /// here; any other one is taken to be out. Only if nothing is left can nothing happen.
    pub(super) fn prospect(&self) -> Prospect {
        let knocks = self.is_reachable();
        let out = knocks || self.is_a_waker_out();
        // What another thread has done before it let go of its handle or waker lies in the inbox,
        // so that is looked at last. `Arc` counts with relaxed loads.
        fence(Ordering::Acquire);
        if self.has_news() || self.jumps(self.next_timer()) {
            return Prospect::News; // Virtual time moves on, now that the last job has ended.
        }
        if out {
            return Prospect::Open { knocks };
        }
        let policy = (self.core.borrow().queued > 0).then(|| self.core.borrow().policy_name);
        let picture = Box::new(self.picture(Seek::Possible));
        Prospect::Hopeless(Stalled { picture, policy })
    }

    /// Whether a waker of a task is kept elsewhere than in this thread's table. It also says so if
    /// there is news meanwhile: then the answer does not matter.
    fn is_a_waker_out(&self) -> bool {
        let core = self.core.borrow();
        let out = |id| self.clones_out(&core, id);
        if let Some(witness) = self.witness.get().filter(|w| w.switches == core.switches)
            && out(witness.task).is_some_and(|(_, out)| out > witness.accounted)
        {
            return true;
        }
        let kept = tell::kept();
        let root = self.root.borrow().as_ref().map(|(id, _)| *id);
        let tasks = core.tasks.iter().map(|slot| slot.info.id).chain(root);
        for (n, task) in tasks.enumerate() {
            if n % STRIDE == STRIDE - 1 && self.link.inbox.is_full() {
                return true;
            }
            let Some((data, out)) = out(task) else { continue };
            let accounted = kept.get(&data).copied().unwrap_or_default();
            if out > accounted {
                let switches = core.switches;
                self.witness.set(Some(Witness { task, accounted, switches }));
                return true;
            }
        }
        false
    }

    /// What stands behind the waker of a task, if it has one of its own, and how many clones of it
    /// there are besides the task's.
    fn clones_out(&self, core: &Core, id: Id) -> Option<(*const (), usize)> {
        let root = self.root.borrow();
        if let Some((_, own)) = root.as_ref().filter(|(root, _)| *root == id) {
            return Some((own.as_ptr().cast(), own.strong_count().checked_sub(1)?));
        }
        let own = core.tasks.get(id)?.run.as_ref()?.waker()?;
        Some((Arc::as_ptr(own).cast(), Arc::strong_count(own) - 1))
    }

    /// No task has run for `quiet`, and nothing is armed: says once that it looks stalled, if that
    /// is wanted; and in any case if each blocking job was last seen to wait for this runtime.
    #[cold]
    pub(super) fn suspect(&self, quiet: Duration) {
        let (jobs, waits) = self.blocking.told();
        let wanted = self.quiet_after.is_some_and(|least| quiet >= least);
        if !(wanted || waits) || self.suspected.replace(true) {
            return;
        }
        let quiet = Duration::from_millis(quiet.as_millis() as u64);
        let mut text = format!(
            "turno: it looks as if nothing goes on any more: for {quiet:?} no task has run, and no \
             socket is waited for.\n"
        );
        if let Some(policy) = self.holds() {
            let _ = writeln!(text, "  The policy `{policy}` holds back all tasks that are ready.");
        }
        let shown = Shown::first(jobs.len());
        for job in &jobs[..shown.first] {
            let _ = writeln!(text, "  {job}");
        }
        if shown.first < shown.last {
            let _ = writeln!(text, "  ... and {} more jobs", shown.last - shown.first);
        }
        if self.clock.is_virtual() && self.next_timer().is_some() {
            text.push_str("  virtual time stands still as long as blocking jobs run\n");
        }
        if self.link.inbox.is_reachable() {
            text.push_str("  a handle to the runtime is out, and may still be used\n");
        }
        let _ = write!(text, "These wait:\n{}", self.picture(Seek::Possible));
        // Standard error may be gone: that is no reason to panic.
        let _ = writeln!(io::stderr(), "{text}(Said once; see `Builder::quiet_after`.)");
    }

    /// The policy, if it holds back tasks that are ready.
    pub(super) fn holds(&self) -> Option<&'static str> {
        let core = self.core.borrow();
        core.held_until.filter(|_| core.queued > 0).map(|_| core.policy_name)
    }
}
