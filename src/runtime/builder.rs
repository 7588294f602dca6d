//! Setting a runtime up (floor 3).

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Runtime;
use super::blocking::Pool;
use super::board::{Board, Noted};
use super::core::{Core, Shared};
use super::link::Link;
use super::waiting::Cycle;
use super::watch::{OnDeadlock, Watch};
use crate::observe::Observer;
use crate::policy::{Fifo, Policy};
use crate::reactor::{BELL, Reactor, Sources};
use crate::task::inbox::Inbox;
use crate::task::wake::TaskWaker;
use crate::time::Clock;
use crate::time::clock::nanos;
use crate::time::timers::Timers;

/// What becomes of a panic in a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPanic {
    /// It ends that task alone, and comes out of its `JoinHandle` as a
    /// [`JoinError`](crate::task::JoinError).
    #[default]
    Isolate,
    /// It ends the task and goes on out of `block_on` (or `turn`, or `step`).
    Propagate,
}

/// Sets a [`Runtime`] up.
///
/// ```
/// use turno::policy::Priority;
/// use turno::runtime::Builder;
/// use turno::time::Clock;
///
/// let clock = Clock::virtual_time();
/// let rt = Builder::new().policy(Priority::strict()).clock(clock).seed(7).build()?;
/// rt.block_on(async { turno::time::sleep(std::time::Duration::from_secs(3600)).await });
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub struct Builder {
    policy: Box<dyn Policy>,
    clock: Clock,
    seed: u64,
    budget: u32,
    on_panic: OnPanic,
    observers: Vec<Box<dyn Observer>>,
    on_wake: Option<Box<dyn Fn() + Send + Sync>>,
    max_blocking_threads: usize,
    thread_keep_alive: Duration,
    quiet_after: Option<Duration>,
    on_deadlock: OnDeadlock,
    poll_before_park: Duration,
    switch_cost: Duration,
}

impl Builder {
    /// First in, first out; real time; seed 0; a budget of 128; panics isolated; up to 512 threads
    /// for blocking jobs.
    pub fn new() -> Self {
        Self {
            policy: Box::new(Fifo::new()),
            clock: Clock::real(),
            seed: 0,
            budget: 128,
            on_panic: OnPanic::Isolate,
            observers: Vec::new(),
            on_wake: None,
            max_blocking_threads: 512,
            thread_keep_alive: Duration::from_secs(10),
            quiet_after: None,
            on_deadlock: Rc::new(Watch::print),
            poll_before_park: Duration::ZERO,
            switch_cost: Duration::ZERO,
        }
    }

    /// Who runs next. It can be swapped later: [`Runtime::set_policy`].
    pub fn policy(self, policy: impl Into<Box<dyn Policy>>) -> Self {
        Self { policy: policy.into(), ..self }
    }

    /// Real or virtual time.
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// With true, time is virtual from the start: the same as a
    /// [virtual clock](Clock::virtual_time).
    pub fn start_paused(self, paused: bool) -> Self {
        let clock = if paused { Clock::virtual_time() } else { Clock::real() };
        self.clock(clock)
    }

    /// The seed of everything random. Same seed, same program, virtual clock: same run.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How many operations on sockets, timers and handles a task may do in one switch before it
    /// gives way, however ready they are: the dial between throughput and latency.
    ///
    /// # Panics
    /// If it is 0: no task could ever do anything.
    #[track_caller]
    pub fn budget(self, operations: u32) -> Self {
        assert!(
            operations > 0,
            "`Builder::budget` of 0: a task needs at least 1 operation a switch"
        );
        Self { budget: operations, ..self }
    }

    /// What becomes of a panic in a task.
    pub fn on_panic(self, on_panic: OnPanic) -> Self {
        Self { on_panic, ..self }
    }

    /// Shows every event to `observer`. May be called more than once.
    pub fn observe(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Called, on whatever thread, when the runtime is wanted though nobody drives it: a host whose
    /// loop knows no descriptors posts itself a message that calls [`Runtime::turn`]. It is called
    /// once until the next turn, and must not call into the runtime itself; a thread that is
    /// preempted on its way to call may come to it after that turn, and then the host makes one for
    /// nothing. It is not called for timers, and not for tasks that a turn left ready: see
    /// [`Runtime::park_timeout`].
    pub fn on_wake(self, on_wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_wake: Some(Box::new(on_wake)), ..self }
    }

    /// The most threads for [`spawn_blocking`](crate::task::spawn_blocking) jobs; further jobs
    /// queue.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn max_blocking_threads(self, threads: usize) -> Self {
        assert!(
            threads > 0,
            "`Builder::max_blocking_threads` of 0: no blocking job could ever run"
        );
        Self { max_blocking_threads: threads, ..self }
    }

    /// How long a thread of the blocking pool waits for another job before it leaves. 10 s unless
    /// told.
    pub fn thread_keep_alive(self, keep_alive: Duration) -> Self {
        Self { thread_keep_alive: keep_alive, ..self }
    }

    /// Turns on a suspicion: when no task has run in `block_on` for this long, in real time, and
    /// no socket is waited for, and yet it cannot be proved [stalled](super::Stalled), since a
    /// waker or a handle is out that another thread might use, or a blocking job has not ended, or
    /// the policy holds all tasks back, it prints once, to standard error, what each task waits
    /// for; and goes on waiting.
    ///
    /// Off (`None`) by default: a program that waits for the outside (a child process, its standard
    /// input, a channel that a thread feeds) does nothing wrong. One case is always said, after a
    /// second: each blocking job was last seen to await a task of a [`Handle`] or another job, so
    /// that the loop waits for the jobs and they, most likely, for the loop. It cannot be proved,
    /// since nothing tells what else a thread waits for.
    ///
    /// [`Handle`]: super::Handle
    pub fn quiet_after(self, quiet: impl Into<Option<Duration>>) -> Self {
        Self { quiet_after: quiet.into(), ..self }
    }

    /// What is done when tasks have come to wait for each other while others run, so that the
    /// program goes on without them: by default the cycle is printed to standard error.
    /// `on_deadlock` is called once for each, from the loop and not from a task, and may do what is
    /// done anywhere: abort one of the tasks, count, panic. `|_| {}` keeps it quiet.
    ///
    /// A cycle of tasks that await the ends of each other is [certain](Cycle::is_certain). One
    /// through a lock is likely: it is told which task locked, but nothing tells whether the future
    /// that has the guard has gone on in another task. Where that is seen, no cycle is told. It is
    /// seen when the other task polls what the future waits for; so a likely cycle is told only if
    /// it is still there when all tasks that were ready have run. Guards that own their lock, and
    /// the ends of channels, are made to go from task to task: no cycle is made of them while
    /// others run.
    ///
    /// The loop looks for deadlocks now and then, so that it costs a hundredth of its time at most:
    /// in a program of ten tasks that is some 10,000 times a second, with a million tasks every few
    /// seconds; on a virtual clock after 64 switches a task.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    /// use turno::runtime::{Builder, Cycle};
    /// use turno::sync::Mutex;
    /// use turno::task::{self, yield_now};
    ///
    /// let seen = Rc::new(RefCell::new(Vec::new()));
    /// let notes = seen.clone();
    /// let note = move |cycle: &Cycle| notes.borrow_mut().push(cycle.to_string());
    /// let rt = Builder::new().start_paused(true).on_deadlock(note).build()?;
    /// rt.block_on(async {
    ///     task::Builder::new().name("stuck").spawn(async {
    ///         let mutex = Mutex::new(());
    ///         let _guard = mutex.lock().await;
    ///         drop(mutex.lock().await);
    ///     });
    ///     for _ in 0..10_000 {
    ///         yield_now().await; // All else is well.
    ///     }
    /// });
    /// assert!(seen.borrow()[0].starts_with("a task waits for itself, as far as is known:"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_deadlock(self, on_deadlock: impl Fn(&Cycle) + 'static) -> Self {
        Self { on_deadlock: Rc::new(on_deadlock), ..self }
    }

    /// When nothing is ready, the loop looks at sockets, timers and other threads again and again
    /// for so long before it sleeps. What comes meanwhile is met sooner, since nobody has to wake
    /// the thread, and meanwhile the thread burns its processor: for a program that has one to
    /// itself. Zero unless told. It means nothing to a virtual clock.
    pub fn poll_before_park(self, most: Duration) -> Self {
        Self { poll_before_park: most, ..self }
    }

    /// What a switch costs in virtual time: the clock is moved on by so much before the task that
    /// was picked runs, so that a policy that switches often pays for it. It is not counted as the
    /// task's run time. Zero unless told. A real clock needs no such thing: there a switch costs
    /// what it costs.
    ///
    /// ```
    /// use turno::task::yield_now;
    /// use turno::time::{Clock, Duration, Instant};
    ///
    /// let rt = turno::runtime::Builder::new()
    ///     .clock(Clock::virtual_time())
    ///     .switch_cost(Duration::from_micros(5))
    ///     .build()?;
    /// rt.block_on(async {
    ///     let start = Instant::now();
    ///     yield_now().await; // Nobody else is ready, but it is a switch.
    ///     assert_eq!(start.elapsed(), Duration::from_micros(5));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn switch_cost(self, cost: Duration) -> Self {
        Self { switch_cost: cost, ..self }
    }

    /// Makes the runtime.
    ///
    /// # Errors
    /// When the operating system has no descriptors left for the reactor.
    pub fn build(mut self) -> io::Result<Runtime> {
        self.observers.extend(crate::hook::from_environment());
        let reactor = Reactor::new()?;
        // All that may fail comes first: the inbox is known to the whole process from its making
        // on, and with it would stay the descriptor of its bell.
        let registry = reactor.registry().try_clone()?;
        let waker = mio::Waker::new(&registry, BELL)?;
        // It fails only if the kernel is out of memory; the loop then finds the letter later.
        let bell = Box::new(move || drop(waker.wake()));
        let inbox = Inbox::new(bell, self.on_wake);
        let link = Arc::new(Link { inbox, registry, board: Board::new() });
        let blocking = Pool::new(self.max_blocking_threads, self.thread_keep_alive, &link.inbox);
        let core = Core::new(self.policy, self.observers, self.seed);
        let shared = Rc::new(Shared {
            core: RefCell::new(core),
            timers: RefCell::new(Timers::new()),
            sources: RefCell::new(Sources::new()),
            reactor: RefCell::new(reactor),
            now: Cell::new(self.clock.now()),
            clock: self.clock,
            horizon: Cell::new(None),
            deferred: RefCell::default(),
            wakes: RefCell::default(),
            letters: RefCell::default(),
            detached: RefCell::default(),
            quiet_after: self.quiet_after,
            poll_before_park: self.poll_before_park,
            suspected: Cell::new(false),
            witness: Cell::new(None),
            advanced: Cell::new(0),
            switch_cost: nanos(self.switch_cost),
            contended: RefCell::default(),
            movers: Cell::new(64),
            since_look: Cell::new(0),
            root: RefCell::default(),
            noted: Noted::new(),
            watch: Watch::new(self.on_deadlock),
            spare: Cell::new(Some(TaskWaker::spare(&link.inbox))),
            #[cfg(feature = "tokio-io")]
            scratch: Cell::default(),
            budget: self.budget,
            on_panic: self.on_panic,
            closing: Cell::new(false),
            link,
            blocking,
        });
        shared.remeasure();
        Ok(Runtime::assemble(shared))
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("policy", &self.policy.name())
            .field("clock", &self.clock)
            .field("seed", &self.seed)
            .field("budget", &self.budget)
            .field("on_panic", &self.on_panic)
            .finish_non_exhaustive()
    }
}
