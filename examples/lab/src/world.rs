//! The world outside of the loop: jobs that come when their time has come, whatever the loop is
//! about.
//!
//! An arrival is a timer, and what the timer wakes is not a task: a task would have to wait for its
//! turn like any other, and then the jobs would come late wherever the policy has other plans. The
//! timer's waker spawns the job itself, as an interrupt would. So a job becomes ready at the very
//! moment of its arrival, and no switch is spent on that.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use turno::sync::Notify;
use turno::task::{self, Nanos};
use turno::time::{self, Instant, Sleep};

/// A unit of time is a millisecond: what is printed in units is what a clock would show in ms.
pub const UNIT: Nanos = 1_000_000;

/// The most units of time that anything may be told to take; nothing runs longer than a thousand
/// times that, which the clock can still count.
pub const MOST: f64 = 1e9;

/// Units of time as nanoseconds.
pub fn nanos(units: f64) -> Nanos {
    (units * UNIT as f64).round() as Nanos
}

/// Nanoseconds in units of time.
pub fn units(nanos: Nanos) -> f64 {
    nanos as f64 / UNIT as f64
}

/// So many arrivals are set as timers ahead of time. More than that in one switch are still served
/// in order, and their times still count from their arrival; only policies that look at the moment
/// of waking see them come a little later than they did.
const AHEAD: usize = 4096;

/// Work that comes from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Job {
    /// Its number, from 0.
    pub n: u64,
    /// When it comes, after the start.
    pub at: Nanos,
    /// How much it has to compute.
    pub size: Nanos,
    /// What it says that it has to compute, if that is something else.
    pub told: Option<Nanos>,
    /// What kind of job it is, from 0: class 0 is the most urgent.
    pub class: u32,
    /// The group it takes its turns with.
    pub group: u32,
    /// How urgent it is; 0 for what a task is that was told nothing.
    pub priority: u8,
    /// When it ought to be done, after the start.
    pub deadline: Option<Nanos>,
}

impl Job {
    fn task(&self, start: Instant) -> task::Builder {
        let task = task::Builder::new().group(self.group);
        let task = task.expected_size(Duration::from_nanos(self.told.unwrap_or(self.size)));
        let task = if self.priority > 0 { task.priority(self.priority) } else { task };
        match self.deadline {
            Some(at) => task.deadline(start + Duration::from_nanos(at)),
            None => task,
        }
    }
}

/// What became of a job: all times count from the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Served {
    /// The job.
    pub job: Job,
    /// When it first ran.
    pub began: Nanos,
    /// When it was done.
    pub ended: Nanos,
    /// It did its work, and was not sent away.
    pub done: bool,
}

impl Served {
    /// From its arrival to its end.
    pub fn response(&self) -> Nanos {
        self.ended - self.job.at
    }
}

/// Has every job come in its time and computes it, each in a task of its own; returns when all have
/// ended. `jobs` come in the order of their arrival. `served` hears of each.
pub async fn serve(jobs: impl Iterator<Item = Job> + 'static, served: impl Fn(Served) + 'static) {
    serve_unless(jobs, |_, _| false, served).await;
}

/// As [`serve`], but a job that first runs at a time at which `refuses` it is sent away.
pub async fn serve_unless(
    jobs: impl Iterator<Item = Job> + 'static,
    refuses: impl Fn(&Job, Nanos) -> bool + 'static,
    served: impl Fn(Served) + 'static,
) {
    let start = Instant::now();
    let (open, served) = (Rc::new(Open::default()), Rc::new((served, refuses)));
    let here = open.clone();
    let spawn = move |job: Job| {
        here.jobs.set(here.jobs.get() + 1);
        let (here, served) = (here.clone(), served.clone());
        drop(job.task(start).spawn(async move {
            let since = || start.elapsed().as_nanos() as Nanos;
            let began = since();
            let done = !(served.1)(&job, began);
            if done {
                time::work(Duration::from_nanos(job.size)).await;
            }
            (served.0)(Served { job, began, ended: since(), done });
            here.one_less();
        }));
    };
    let source = Source::open(start, jobs, spawn);
    source.0.plan();
    source.0.last.notified().await;
    open.one_less();
    open.none.notified().await;
}

/// How many jobs are in the system, and one more until the last has come.
struct Open {
    jobs: Cell<u64>,
    none: Notify,
}

impl Default for Open {
    fn default() -> Self {
        Self { jobs: Cell::new(1), none: Notify::new() }
    }
}

impl Open {
    fn one_less(&self) {
        self.jobs.set(self.jobs.get() - 1);
        if self.jobs.get() == 0 {
            self.none.notify_one();
        }
    }
}

thread_local! {
    /// What the wakers of arrivals lead to: a waker may go anywhere, so it has only a number.
    static SOURCES: RefCell<Vec<Option<Rc<dyn Arrive>>>> = const { RefCell::new(Vec::new()) };
}

trait Arrive {
    /// The timer of the next job has gone off.
    fn arrive(&self);
}

/// The waker of all arrivals of one source.
struct Arrival(usize);

impl Wake for Arrival {
    fn wake(self: Arc<Self>) {
        let source = SOURCES.with(|sources| sources.borrow().get(self.0).cloned().flatten());
        if let Some(source) = source {
            source.arrive();
        }
    }
}

/// Where jobs come from.
struct Source<I, S> {
    start: Instant,
    jobs: RefCell<I>,
    spawn: S,
    /// The timers that are set, in order, with what comes then; none for what is due already.
    planned: RefCell<VecDeque<(Option<Sleep>, Job)>>,
    waker: RefCell<Waker>,
    /// The last job has come.
    last: Notify,
}

/// A source that is there as long as this is.
struct Opened<I, S>(Rc<Source<I, S>>, usize);

impl<I: Iterator<Item = Job> + 'static, S: Fn(Job) + 'static> Source<I, S> {
    fn open(start: Instant, jobs: I, spawn: S) -> Opened<I, S> {
        let source = Rc::new(Self {
            start,
            jobs: RefCell::new(jobs),
            spawn,
            planned: RefCell::default(),
            waker: RefCell::new(Waker::noop().clone()),
            last: Notify::new(),
        });
        let place = SOURCES.with(|sources| {
            let mut sources = sources.borrow_mut();
            sources.push(Some(source.clone()));
            sources.len() - 1
        });
        source.waker.replace(Arc::new(Arrival(place)).into());
        Opened(source, place)
    }

    /// Sets the timers of the next jobs, and spawns what is due already.
    fn plan(&self) {
        let (mut planned, mut jobs) = (self.planned.borrow_mut(), self.jobs.borrow_mut());
        let waker = self.waker.borrow();
        while planned.len() < AHEAD {
            let Some(job) = jobs.next() else { break };
            let mut sleep = time::sleep_until(self.start + Duration::from_nanos(job.at));
            let due = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_ready();
            planned.push_back(((!due).then_some(sleep), job));
            self.spawn_due(&mut planned);
        }
        if planned.is_empty() {
            self.last.notify_one();
        }
    }

    fn spawn_due(&self, planned: &mut VecDeque<(Option<Sleep>, Job)>) {
        while planned.front().is_some_and(|(timer, _)| timer.is_none()) {
            let Some((_, job)) = planned.pop_front() else { break };
            (self.spawn)(job);
        }
    }
}

impl<I: Iterator<Item = Job> + 'static, S: Fn(Job) + 'static> Arrive for Source<I, S> {
    fn arrive(&self) {
        let mut planned = self.planned.borrow_mut();
        if let Some((_, job)) = planned.pop_front() {
            (self.spawn)(job);
            self.spawn_due(&mut planned);
        }
        drop(planned);
        self.plan();
    }
}

impl<I, S> Drop for Opened<I, S> {
    fn drop(&mut self) {
        SOURCES.with(|sources| sources.borrow_mut()[self.1] = None);
    }
}
