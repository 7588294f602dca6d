//! The blocking pool: threads for what would block the loop (floor 3).
//!
//! A job is queued; an idle thread takes it, or a new one is started while there are fewer than the
//! most allowed. A thread that finds no job for a while leaves.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::task::current::{Belonging, Named};
use crate::task::id::Id;
use crate::task::inbox::Inbox;
use crate::task::remote::{AbortFlag, Crossing, Owed, RemoteJoinHandle};
use crate::wait::Site;

/// What is to be run, and where it was spawned.
struct Job {
    site: Site,
    run: Box<dyn FnOnce() + Send>,
}

/// A job that runs, and what its thread was last seen to await: nothing tells whether it does
/// something else, too.
struct Running {
    site: Site,
    awaits: Mutex<Option<Arc<AbortFlag>>>,
}

thread_local! {
    /// The job that runs on this thread.
    static JOB: RefCell<Option<Arc<Running>>> = const { RefCell::new(None) };
}

/// This thread awaits the end of a remote task or of a job, or if not `begins`, does not any more.
/// If it is a job's thread, that is noted.
pub(crate) fn note_await(what: &Arc<AbortFlag>, begins: bool) {
    let Some(job) = JOB.try_with(|job| job.borrow().clone()).ok().flatten() else { return };
    let mut awaits = job.awaits.lock().unwrap_or_else(PoisonError::into_inner);
    if begins {
        *awaits = Some(what.clone());
    } else {
        awaits.take_if(|known| Arc::ptr_eq(known, what));
    }
}

pub(crate) struct Pool {
    state: Mutex<State>,
    /// A job came, a thread left, or the end.
    news: Condvar,
    most: usize,
    keep_alive: Duration,
    /// Jobs queued or running: while there are any, a virtual clock waits for them.
    in_flight: Arc<AtomicUsize>,
    /// Of the loop, which is told when a job has landed.
    inbox: Arc<Inbox>,
}

struct State {
    jobs: VecDeque<Job>,
    /// The jobs that run now.
    running: Vec<Arc<Running>>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(most: usize, keep_alive: Duration, inbox: &Arc<Inbox>) -> Arc<Self> {
        let state = State {
            jobs: VecDeque::new(),
            running: Vec::new(),
            threads: 0,
            idle: 0,
            closed: false,
        };
        let in_flight = Arc::default();
        Arc::new(Self {
            state: Mutex::new(state),
            news: Condvar::new(),
            most,
            keep_alive,
            in_flight,
            inbox: inbox.clone(),
        })
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// A line for each job that runs or is queued, and whether each that runs was last seen to
    /// await a remote task or another job, while no thread is free for those that are queued.
    pub(crate) fn told(&self) -> (Vec<String>, bool) {
        let state = self.lock();
        let awaited = |job: &Running| {
            let awaits = job.awaits.lock().unwrap_or_else(PoisonError::into_inner);
            awaits.as_ref()?.awaited()
        };
        let mut all = !state.running.is_empty() && state.threads == state.running.len();
        all &= state.jobs.is_empty() || state.threads == self.most;
        let runs = state.running.iter().map(|job| {
            let what = awaited(job);
            all &= what.is_some();
            let what = what.map(|what| format!(", and waits for {what}")).unwrap_or_default();
            format!("a blocking job (spawned at {}) runs{what}", job.site)
        });
        let mut lines = Vec::from_iter(runs);
        lines.extend(state.jobs.iter().map(|job| {
            let (site, most) = (job.site, self.most);
            format!("a blocking job (spawned at {site}) is queued: the pool has {most} threads")
        }));
        (lines, all)
    }

    pub(crate) fn threads(&self) -> usize {
        self.lock().threads
    }

    /// Runs `f` on a thread of the pool. What it panics with comes back in the result.
    pub(crate) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        site: Site,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> RemoteJoinHandle<T> {
        let id = Id::unplaced(self.inbox.next_serial());
        let crossing = Crossing::new(id, "blocking job".to_string(), site, None);
        let work = Belonging::new(id, (f, Owed(crossing.clone())));
        let flight = Flight::begin(&self.in_flight, &self.inbox);
        let job = move || {
            // Dropped last: the result must be in before the job counts as landed.
            let _flight = flight;
            let _named = Named::begin(id);
            let Some((f, owed)) = work.take() else { return };
            if !owed.0.abort.begin(None) {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(f));
            owed.0.finish(result.map_err(|panic| owed.0.error(Some(panic))));
        };
        self.submit(Job { site, run: Box::new(job) });
        RemoteJoinHandle::new(crossing, None)
    }

    fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            drop(job); // The result says that it was cancelled. User code, so not under the lock.
            return;
        }
        state.jobs.push_back(job);
        if state.jobs.len() <= state.idle || state.threads == self.most {
            self.news.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        if let Err(error) = self.start_thread() {
            self.could_not_start(&error);
        }
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let pool = self.clone();
        let name = "turno-blocking".to_string();
        thread::Builder::new().name(name).spawn(move || pool.work()).map(drop)
    }

    /// No thread was to be had. If others run they will come to the job; if none does, nobody will,
    /// and the job is cancelled rather than left hanging.
    #[cold]
    fn could_not_start(&self, error: &io::Error) {
        let mut state = self.lock();
        state.threads -= 1;
        let stranded =
            if state.threads == 0 { std::mem::take(&mut state.jobs) } else { VecDeque::new() };
        drop(state);
        if !stranded.is_empty() {
            // Standard error may be gone: that is no reason to panic.
            let _ = writeln!(
                io::stderr(),
                "turno: no thread could be started for a blocking job: {error}"
            );
        }
    }

    /// The life of a thread.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                let runs = Arc::new(Running { site: job.site, awaits: Mutex::default() });
                state.running.push(runs.clone());
                drop(state);
                let _ = JOB.try_with(|job| job.replace(Some(runs.clone())));
                // What escapes is a panic in the drop of what nobody wants: it must not end the
                // thread.
                drop(catch_unwind(AssertUnwindSafe(job.run)));
                state = self.lock();
                state.running.retain(|job| !Arc::ptr_eq(job, &runs));
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (guard, wait) = self
                .news
                .wait_timeout(state, self.keep_alive)
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            if wait.timed_out() && state.jobs.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        self.news.notify_all();
    }

    /// Takes no more jobs, and cancels those that have not begun.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.closed = true;
        let cancelled = std::mem::take(&mut state.jobs);
        self.news.notify_all();
        drop(state);
        for job in cancelled {
            // User code, so not under the lock; and one at a time, since one may panic.
            drop(catch_unwind(AssertUnwindSafe(|| drop(job))));
        }
    }

    /// After [`stop`](Self::stop): waits for the jobs that have begun, for ever if `patience` is
    /// `None`. Returns where the jobs that still run were spawned.
    pub(crate) fn wait(&self, patience: Option<Duration>) -> Vec<Site> {
        let end = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut state = self.lock();
        while state.threads > 0 {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            // A day at a time stands for ever.
            let nap = left.unwrap_or(Duration::from_secs(86_400));
            state = self.news.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.running.iter().map(|job| job.site).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Jobs run outside of the lock, so a poisoned one is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a job from its submission to its end, however it ends.
struct Flight(Arc<AtomicUsize>, Arc<Inbox>);

impl Flight {
    fn begin(count: &Arc<AtomicUsize>, inbox: &Arc<Inbox>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone(), inbox.clone())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        // A virtual clock waits for this, though nobody may await the job.
        self.1.knock();
    }
}
