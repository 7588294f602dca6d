//! The runtime: an executor with a reactor, and the loop that drives both.
//!
//! A [`Runtime`] runs tasks on the thread that calls [`Runtime::block_on`], one switch at a time,
//! in the order that its [policy](crate::policy) decides. It can also be driven from another
//! loop: [`Runtime::turn`] makes one pass, [`Runtime::step`] one switch.
//!
//! ```text
//!   one turn
//!   ┌──────────────────────────────────────────────────────────────────────────┐
//!   │ letters from other threads ─┐                                            │
//!   │ timers that are due ────────┼─▶ Policy::ready ─▶ Policy::pick ─▶ switch_to ─▶ your task
//!   │ sockets with news ──────────┘        ▲                                │  │
//!   │        ▲                             └──── whom the task woke ◀───────┘  │
//!   │        └── park, if nothing is ready                                     │
//!   └──────────────────────────────────────────────────────────────────────────┘
//! ```

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Weak;
use std::time::Duration;

use crate::observe::Observer;
use crate::policy::{Policy, Tasks};
use crate::task::current;
use crate::task::id::Id;
use crate::task::info::{Attributes, Cause, Nanos, TaskInfo};
use crate::task::join::JoinHandle;
use crate::task::run::Task;
use crate::time::Instant;

mod turn;

mod builder;
mod dump;
mod graph;
mod handle;
mod look;
mod show;
mod stall;
mod step;
mod survey;
mod swap;
mod waiting;
mod watch;

pub(crate) mod blocking;
pub(crate) mod board;
pub(crate) mod context;
pub(crate) mod core;
pub(crate) mod end;
pub(crate) mod gone;
pub(crate) mod inherit;
pub(crate) mod link;

pub use self::board::Running;
pub use self::builder::{Builder, OnPanic};
pub use self::context::EnterGuard;
pub use self::dump::{Dump, NoAnswer};
pub use self::gone::is_rt_shutdown_err;
pub use self::handle::{Handle, TryCurrentError};
pub use self::stall::{Stalled, Unfinished};
pub use self::step::Step;
pub use self::waiting::{Cycle, Waiting};

use self::core::Shared;
use self::end::Desk;
use self::turn::Drive;

/// A single-threaded runtime.
///
/// Dropping it drops every task, inside the runtime's context, and waits for the blocking jobs that
/// have begun.
///
/// ```
/// let rt = turno::runtime::Runtime::new()?;
/// let greeting = rt.block_on(async {
///     let name = turno::spawn(async { "turno" });
///     format!("hello, {}", name.await.unwrap())
/// });
/// assert_eq!(greeting, "hello, turno");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    shared: Rc<Shared>,
}

impl Runtime {
    /// A runtime with first-in-first-out scheduling in real time; see [`Builder`] for others.
    ///
    /// # Errors
    /// When the operating system has no descriptors left for the reactor.
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    fn assemble(shared: Rc<Shared>) -> Self {
        Self { shared }
    }

    /// Runs `future` and the tasks it spawns until `future` is done. Tasks that are left stay as
    /// they are, for the next call. The future may borrow; it is a task like any other and is
    /// picked by the policy.
    ///
    /// # Panics
    /// When `future` panics; when called from inside a task; when the policy breaks its contract;
    /// and when the runtime is [stalled](Stalled): then with the list of the tasks that wait for
    /// ever.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let site = Location::caller();
        let _context = context::inside(&self.shared);
        let root = Root::new(&self.shared, site, "block_on");
        let _desk = Desk::attend(&self.shared);
        let mut task = pin!(Task::new(future));
        let mut drive = Drive::new(&self.shared, Some(task.as_mut()));
        while !drive.root_done {
            let turn =
                catch_unwind(AssertUnwindSafe(|| self.shared.turn(&mut drive, None, u32::MAX)));
            if let Err(panic) = turn.or_else(|panic| self.shared.recover(&mut drive, panic)) {
                end::give_up(root.id, task.as_mut(), panic);
            }
            if let Some(stalled) = drive.stalled.take() {
                end::clear(root.id, task.as_mut()); // Not while the panic is on its way.
                panic!("`block_on` at {site} can never end. {stalled}");
            }
        }
        drop(drive);
        finished(task.result())
    }

    /// As [`block_on`](Self::block_on), but a stall is returned.
    ///
    /// # Errors
    /// When nothing can ever wake the tasks that are left. The future is dropped then.
    ///
    /// # Panics
    /// As `block_on`, but for the stall.
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, Stalled> {
        // Written out as in `block_on`: a function between would be one more frame for a debugger.
        let _context = context::inside(&self.shared);
        let root = Root::new(&self.shared, Location::caller(), "try_block_on");
        let _desk = Desk::attend(&self.shared);
        let mut task = pin!(Task::new(future));
        let mut drive = Drive::new(&self.shared, Some(task.as_mut()));
        while !drive.root_done {
            let turn =
                catch_unwind(AssertUnwindSafe(|| self.shared.turn(&mut drive, None, u32::MAX)));
            if let Err(panic) = turn.or_else(|panic| self.shared.recover(&mut drive, panic)) {
                end::give_up(root.id, task.as_mut(), panic);
            }
            if let Some(stalled) = drive.stalled.take() {
                end::clear(root.id, task.as_mut());
                return Err(stalled);
            }
        }
        drop(drive);
        Ok(finished(task.result()))
    }

    /// Spawns a task. It first runs when the runtime is driven.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let _context = context::inside(&self.shared);
        crate::task::Builder::new().spawn(future)
    }

    /// The same as [`spawn`](Self::spawn): all tasks are local here.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        self.spawn(future)
    }

    /// Runs `f` on a thread of the blocking pool: see
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        JoinHandle::of_job(self.shared.blocking.spawn(Location::caller(), f))
    }

    /// A handle that other threads may have.
    ///
    /// As long as there is one the runtime is not taken to be [stalled](Stalled). So it is a handle
    /// of its own, and not a reference to one that lives as long as the runtime, as tokio's is.
    pub fn handle(&self) -> Handle {
        Handle::of(&self.shared)
    }

    /// Makes this the runtime that `spawn`, `sleep` and sockets find on this thread, until the
    /// guard is dropped.
    ///
    /// In a task that is before its next await: other tasks run then. One that still has its guard
    /// at the end of a switch ends with a panic, which names the task and the place of this call.
    #[track_caller]
    pub fn enter(&self) -> EnterGuard<'_> {
        context::enter(&self.shared)
    }

    /// One pass of the loop, for a host that has a loop of its own: takes in what happened outside,
    /// sleeps if there is nothing to do, at most for `max_wait` (`None`: as long as it takes), then
    /// runs ready tasks, at most [`Policy::io_every`] switches.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let rt = turno::runtime::Runtime::new()?;
    /// let task = rt.spawn(async { turno::task::yield_now().await });
    /// while !task.is_finished() {
    ///     rt.turn(Some(Duration::ZERO)); // Then whatever else the host has to do.
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// When called from inside a task, a policy or an observer; when the policy breaks its
    /// contract; with a task's panic if panics are to [propagate](OnPanic::Propagate).
    #[track_caller]
    pub fn turn(&self, max_wait: Option<Duration>) -> Turn {
        refuse_nesting(&self.shared, "`Runtime::turn`");
        let desk = Desk::attend(&self.shared);
        self.shared.since_look.set(u32::MAX);
        let switches = self.drive(max_wait, u32::MAX);
        drop(desk);
        Turn { switches, idle: self.park_timeout() }
    }

    /// Turns, without ever sleeping, until nothing is ready or `deadline` has passed: for a host
    /// that has so much time left in its frame. The clock is read after each switch. A virtual
    /// clock is moved on to `deadline`, timer by timer.
    ///
    /// # Panics
    /// As [`turn`](Self::turn).
    #[track_caller]
    pub fn run_until(&self, deadline: Instant) -> Turn {
        refuse_nesting(&self.shared, "`Runtime::run_until`");
        let _context = context::inside(&self.shared);
        let shared = &self.shared;
        let desk = Desk::attend(shared);
        shared.since_look.set(u32::MAX);
        let horizon = Horizon::set(shared, deadline.on(shared));
        let mut switches = 0;
        loop {
            let made = self.drive(Some(Duration::ZERO), 1);
            switches += made;
            if made == 0 || Instant::now() >= deadline {
                break;
            }
        }
        drop((horizon, desk));
        Turn { switches, idle: self.park_timeout() }
    }

    /// Makes one switch, and tells what happened in it. If nothing is ready it first waits for a
    /// timer, a source or a blocking job, like `block_on`. `None` if there is nothing to wait for.
    ///
    /// ```
    /// use turno::runtime::Runtime;
    ///
    /// let rt = Runtime::new()?;
    /// rt.spawn(async { turno::spawn(async {}).await });
    /// let step = rt.step().unwrap();
    /// assert_eq!(step.to_string(), "switch 1: task 1, spawned: waiting; woke task 2");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`turn`](Self::turn).
    #[track_caller]
    pub fn step(&self) -> Option<Step> {
        refuse_nesting(&self.shared, "`Runtime::step`");
        let recorder = step::Recorder::attach(&self.shared);
        let _desk = Desk::attend(&self.shared);
        while !recorder.is_done() {
            if self.drive(Some(Duration::ZERO), 1) > 0 {
                break;
            }
            if !self.is_armed() {
                return None;
            }
            self.drive(Some(self.patience()), 1);
        }
        recorder.step()
    }

    /// All of [`step`](Self::step) but the switch: if nothing is ready it waits until somebody is,
    /// so that one can look at who is, and decide. False if there is nothing to wait for.
    ///
    /// ```
    /// use std::time::Duration;
    /// use turno::runtime::Builder;
    ///
    /// let rt = Builder::new().start_paused(true).build()?;
    /// let task = rt.spawn(turno::time::sleep(Duration::from_secs(1))).id();
    /// assert!(rt.wait_ready() && rt.ready_queue(10) == [task]);
    /// rt.step();
    /// assert!(rt.wait_ready()); // A second has passed.
    /// rt.step();
    /// assert!(!rt.wait_ready());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`turn`](Self::turn).
    #[track_caller]
    pub fn wait_ready(&self) -> bool {
        refuse_nesting(&self.shared, "`Runtime::wait_ready`");
        let _desk = Desk::attend(&self.shared);
        self.drive(Some(Duration::ZERO), 0);
        while !self.shared.can_switch() {
            if !self.is_armed() {
                return false;
            }
            self.drive(Some(self.patience()), 0);
        }
        true
    }

    /// How long a host may sleep before the next [`turn`](Self::turn), unless the runtime's
    /// descriptor becomes readable or [`on_wake`](Builder::on_wake) is called: zero if a task is
    /// ready, `None` if no timer is set.
    pub fn park_timeout(&self) -> Option<Duration> {
        let shared = &self.shared;
        if shared.has_news() {
            return Some(Duration::ZERO);
        }
        let next = shared.next_timer()?;
        if shared.clock.is_virtual() && shared.blocking.in_flight() == 0 {
            return Some(Duration::ZERO);
        }
        Some(Duration::from_nanos(next.saturating_sub(shared.clock.now())))
    }

    /// Swaps the policy, at any time but from inside a policy or an observer: also from the root
    /// future while it runs. The old one is drained by its own picks, and the new one is told of
    /// the tasks in that order.
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub fn set_policy(&self, policy: impl Into<Box<dyn Policy>>) {
        let now = self.shared.now.get();
        let old = self.shared.core_for("`Runtime::set_policy`").swap_policy(policy.into(), now);
        drop(old);
        self.shared.remeasure();
    }

    /// Shows every event from now on to `observer`.
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub fn observe(&self, observer: impl Observer + 'static) {
        self.shared.core_for("`Runtime::observe`").observers.push(Box::new(observer));
        self.shared.remeasure();
    }

    /// Changes what the program says of a task; false if the task is gone. `change` is handed the
    /// present attributes.
    pub fn update(&self, id: Id, change: impl FnOnce(&mut Attributes)) -> bool {
        let _context = context::inside(&self.shared);
        crate::task::update(id, change)
    }

    /// All tasks, finished ones whose result is awaited included, by id.
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub fn tasks(&self) -> Vec<TaskInfo> {
        let core = self.shared.core_for("`Runtime::tasks`");
        let mut tasks: Vec<_> = core.tasks.iter().map(|slot| slot.info.clone()).collect();
        tasks.sort_by_key(TaskInfo::id);
        tasks
    }

    /// All tasks that have not finished, by id, and what each waits for.
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub fn waiting(&self) -> Vec<Waiting> {
        drop(self.shared.core_for("`Runtime::waiting`"));
        self.shared.waiting()
    }

    /// What everybody does just now: printed it is the tree of all tasks, with what each waits for.
    /// From another thread: [`Handle::dump`].
    ///
    /// It changes nothing and polls nobody. It costs some hundred nanoseconds a task.
    ///
    /// ```
    /// use turno::sync::Mutex;
    ///
    /// let rt = turno::runtime::Runtime::new()?;
    /// rt.block_on(async {
    ///     let mutex = std::rc::Rc::new(Mutex::new(0));
    ///     let (_guard, shared) = (mutex.lock().await, mutex.clone());
    ///     turno::spawn(async move { *shared.lock().await += 1 });
    ///     turno::task::yield_now().await;
    ///     let dump = rt.dump();
    ///     assert_eq!(dump.tasks().len(), 2);
    ///     assert!(dump.to_string().contains("locked by task 1 \"block_on\" (at "));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub fn dump(&self) -> Dump {
        drop(self.shared.core_for("`Runtime::dump`"));
        self.shared.dump()
    }

    /// The first `most` of the ready queue, in the policy's order as far as it
    /// [tells](Policy::queue).
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub fn ready_queue(&self, most: usize) -> Vec<Id> {
        let core = self.shared.core_for("`Runtime::ready_queue`");
        core.policy.queue(&Tasks::new(&core.tasks, &core.rng), most)
    }

    /// What has been counted so far.
    ///
    /// # Panics
    /// Inside of a policy or an observer.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let core = self.shared.core_for("`Runtime::metrics`");
        Metrics {
            tasks: core.tasks.len(),
            ready: core.queued,
            switches: core.switches,
            turns: core.turns,
            parks: core.parks,
            timers: self.shared.timers.borrow().len(),
            sources: self.shared.sources.borrow().len(),
            blocking_jobs: self.shared.blocking.in_flight(),
            blocking_threads: self.shared.blocking.threads(),
        }
    }

    /// Drops every task, then waits for blocking jobs that have begun, at most for `patience`.
    /// Returns who had not finished: the tasks, with what they waited for, and the jobs that still
    /// run.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let rt = turno::runtime::Runtime::new()?;
    /// let (_tell, told) = turno::sync::oneshot::channel::<()>();
    /// drop(rt.spawn(async move { told.await }));
    /// rt.block_on(turno::task::yield_now());
    /// let unfinished = rt.shutdown_timeout(Duration::from_secs(1));
    /// assert!(unfinished.to_string().contains("waits for\n    the value of a oneshot channel"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown_timeout(self, patience: Duration) -> Unfinished {
        let tasks = self.shared.waiting();
        Unfinished { tasks, jobs: self.close(Some(patience)) }
    }

    /// Drops every task and waits for nothing.
    pub fn shutdown_background(self) {
        self.close(Some(Duration::ZERO));
    }

    fn close(&self, patience: Option<Duration>) -> Vec<&'static Location<'static>> {
        let _context = context::inside(&self.shared);
        let _desk = Desk::attend(&self.shared);
        // First, so that no job begins any more while the tasks end.
        self.shared.blocking.stop();
        self.shared.close();
        context::evict(&self.shared);
        self.shared.blocking.wait(patience)
    }

    /// A turn without a root.
    fn drive(&self, max_wait: Option<Duration>, most: u32) -> u32 {
        let _context = context::inside(&self.shared);
        let mut drive = Drive::new(&self.shared, None);
        let before = self.shared.core.borrow().switches;
        let turn = AssertUnwindSafe(|| self.shared.turn(&mut drive, max_wait, most));
        match catch_unwind(turn) {
            Ok(switches) => switches,
            Err(panic) => {
                if let Err(panic) = self.shared.recover(&mut drive, panic) {
                    resume_unwind(panic);
                }
                (self.shared.core.borrow().switches - before) as u32
            }
        }
    }

    /// How long `step` sleeps at most before it asks again whether it is armed: what arms it may go
    /// away when it has just been asked.
    fn patience(&self) -> Duration {
        if self.shared.has_news() { Duration::ZERO } else { Duration::from_millis(100) }
    }

    /// Whether anything is to be expected without somebody from outside.
    fn is_armed(&self) -> bool {
        self.park_timeout().is_some() || self.shared.is_armed()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.shared.closing.get() {
            self.close(None);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shared.core.try_borrow() {
            Ok(core) => f
                .debug_struct("Runtime")
                .field("policy", &core.policy.name())
                .field("tasks", &core.tasks.len())
                .finish_non_exhaustive(),
            Err(_) => f.debug_struct("Runtime").finish_non_exhaustive(),
        }
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Runtime {
    /// Readable when a source or another thread has news: for a host's own poll, which must be
    /// level-triggered. Timers do not show here: see [`Runtime::park_timeout`].
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.shared.link.registry.as_fd()
    }
}

/// What [`Runtime::turn`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// How many switches were made.
    pub switches: u32,
    /// How long nothing will happen by itself, as [`Runtime::park_timeout`] says.
    pub idle: Option<Duration>,
}

/// What a runtime has counted: [`Runtime::metrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks in the table, finished ones whose result is awaited included.
    pub tasks: usize,
    /// Tasks that are ready.
    pub ready: usize,
    /// Switches made.
    pub switches: u64,
    /// Turns made.
    pub turns: u64,
    /// Turns in which nothing was ready, so that the loop went to sleep or a virtual clock jumped.
    pub parks: u64,
    /// Timers that are set.
    pub timers: usize,
    /// Registered sockets.
    pub sources: usize,
    /// Blocking jobs queued or running.
    pub blocking_jobs: usize,
    /// Threads of the blocking pool.
    pub blocking_threads: usize,
}

/// The root task's place in the table, until it is dropped.
struct Root<'a> {
    shared: &'a Shared,
    id: Id,
}

impl<'a> Root<'a> {
    #[track_caller]
    fn new(shared: &'a Shared, site: &'static Location<'static>, what: &str) -> Self {
        refuse_nesting(shared, &format!("`{what}`"));
        let mut core = shared.core.borrow_mut();
        let id = core.tasks.insert(shared.link.inbox.next_serial(), |id| {
            let name = Some(what.into());
            let mut info = TaskInfo::at(site, id, name, Attributes::default(), shared.now.get());
            info.detached = true; // Its result is the caller's.
            (info, None)
        });
        core.arrivals.push_back((id, Cause::Spawn { by: None }));
        drop(core);
        shared.root.replace(Some((id, Weak::new())));
        shared.link.board.note_site(id, shared.noted.note(site));
        shared.link.board.note_name(id, what.into());
        Self { shared, id }
    }
}

impl Drop for Root<'_> {
    fn drop(&mut self) {
        // The policy hears of it, and a panic in it must not meet the one that may be on its way.
        self.shared.root.take();
        let leave = || self.shared.core.borrow_mut().leave(self.id);
        drop(catch_unwind(AssertUnwindSafe(leave)));
    }
}

/// A virtual clock jumps no further than to here until this is dropped.
struct Horizon<'a>(&'a Shared);

impl<'a> Horizon<'a> {
    fn set(shared: &'a Shared, to: Nanos) -> Self {
        shared.horizon.set(shared.clock.is_virtual().then_some(to));
        Self(shared)
    }
}

impl Drop for Horizon<'_> {
    fn drop(&mut self) {
        self.0.horizon.set(None);
    }
}

/// # Panics
/// Inside of a policy or an observer; and if a loop is in a turn on this thread: it could not go on
/// until the inner one ends.
#[track_caller]
fn refuse_nesting(shared: &Shared, what: &str) {
    drop(shared.core_for(what));
    assert!(
        !current::in_a_turn(),
        "{what} was called from inside a task{}: the loop cannot wait for itself. Await the \
         future instead, or give the work to `task::spawn_blocking`",
        current::task().map(|id| format!(" (task {id})")).unwrap_or_default(),
    );
}

fn finished<T>(result: Option<Result<T, crate::task::JoinError>>) -> T {
    match result {
        Some(Ok(output)) => output,
        _ => unreachable!("the root task is done, and a panic in it is not kept"),
    }
}
