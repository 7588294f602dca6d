//! Tasks and jobs whose result is awaited on any thread (floor 3).

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::current::{self, Belonging, LoopKey};
use super::id::Id;
use super::inbox::{Inbox, Reach};
use super::info::Left;
use super::join::{self, AbortHandle, JoinError};
use super::run::{self, Run, Spawned};
use super::wake::TaskWaker;
use crate::runtime::{blocking, end, link};
use crate::wait::{self, Place, Site, reason::WaitReason, site};

/// The place where a result crosses from one thread to another.
pub(crate) struct Crossing<T> {
    state: Mutex<State<T>>,
    /// What is awaited, for messages.
    what: String,
    site: Site,
    pub(crate) abort: Arc<AbortFlag>,
}

struct State<T> {
    result: Option<Result<T, JoinError>>,
    waker: Option<Waker>,
    /// The result is in, or has been handed out.
    finished: bool,
}

impl<T> Crossing<T> {
    /// For the task or job `id`. `inbox` is where an abort is sent once the task has begun; `None`
    /// for a job in the pool.
    pub(crate) fn new(id: Id, what: String, site: Site, inbox: Option<Arc<Inbox>>) -> Arc<Self> {
        let progress = Mutex::new(Progress::default());
        let abort = Arc::new(AbortFlag { id, site, state: progress, inbox });
        let state = State { result: None, waker: None, finished: false };
        Arc::new(Self { state: Mutex::new(state), what, site, abort })
    }

    /// The result is in; the first one counts.
    pub(crate) fn finish(&self, result: Result<T, JoinError>) {
        let mut state = lock(&self.state);
        if state.finished {
            drop(state); // The result that came too late is dropped outside of the lock.
            return;
        }
        state.finished = true;
        lock(&self.abort.state).ended = true;
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The error that says it was cancelled, or that it panicked.
    pub(crate) fn error(&self, panic: Option<Box<dyn Any + Send>>) -> JoinError {
        JoinError::of_job(self.abort.id(), &self.what, self.site, panic)
    }
}

impl<T> Drop for Crossing<T> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It was not fetched.
        drop(state.result.take().map(|result| Belonging::new(self.abort.id, result)));
    }
}

/// An abort on its way to a task or job that may not have begun.
pub(crate) struct AbortFlag {
    id: Id,
    /// Where it was spawned.
    site: Site,
    state: Mutex<Progress>,
    inbox: Option<Arc<Inbox>>,
}

#[derive(Default)]
struct Progress {
    /// The task has begun: its id, with its place in the table.
    begun: Option<Id>,
    aborted: bool,
    /// The result is in.
    ended: bool,
}

impl AbortFlag {
    pub(crate) fn abort(&self) {
        let begun = {
            let mut state = lock(&self.state);
            state.aborted = true;
            state.begun
        };
        if let (Some(id), Some(inbox)) = (begun, &self.inbox) {
            join::abort(id, inbox);
        }
    }

    /// It begins now, a task with a place in the table; false if it was aborted before.
    pub(crate) fn begin(&self, task: Option<Id>) -> bool {
        let mut state = lock(&self.state);
        state.begun = task;
        !state.aborted
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// What a thread waits for that awaits its result, if that is not in: for reports.
    pub(crate) fn awaited(&self) -> Option<String> {
        let Self { id, site, inbox, .. } = self;
        let what = if inbox.is_some() { "task" } else { "blocking job" };
        (!lock(&self.state).ended).then(|| format!("the end of {what} {id} (spawned at {site})"))
    }
}

/// No user code runs under these locks, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever holds this owes a result: dropped without one, the result is that it was cancelled.
pub(crate) struct Owed<T>(pub(crate) Arc<Crossing<T>>);

impl<T> Drop for Owed<T> {
    fn drop(&mut self) {
        if !lock(&self.0.state).finished {
            self.0.finish(Err(self.0.error(None)));
        }
    }
}

/// Awaits, on any thread, the result of a task spawned through a
/// [`Handle`](crate::runtime::Handle). Dropping it detaches the task.
///
/// # Cancel safety
/// Awaiting `&mut handle` loses nothing if it is dropped half-way.
///
/// # Panics
/// When it is polled again after it gave the result.
pub struct RemoteJoinHandle<T> {
    crossing: Arc<Crossing<T>>,
    /// It can abort a task; `None` for a job in the pool, which counts as long as it is in flight.
    reach: Option<Reach>,
    /// Its entry among the waits of the loop in which it is awaited.
    entry: Option<Entry>,
}

impl<T> RemoteJoinHandle<T> {
    pub(crate) fn new(crossing: Arc<Crossing<T>>, reach: Option<Reach>) -> Self {
        Self { crossing, reach, entry: None }
    }

    /// The task's id, as [`task::id`](super::id) tells it inside.
    pub fn id(&self) -> Id {
        self.crossing.abort.id()
    }

    /// Aborts the task, as [`JoinHandle::abort`](super::JoinHandle::abort) does.
    pub fn abort(&self) {
        self.crossing.abort.abort();
    }

    /// A handle that only aborts.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::of_job(self.crossing.abort.clone(), self.reach.clone())
    }

    /// Whether there is a result, or there was one.
    pub fn is_finished(&self) -> bool {
        lock(&self.crossing.state).finished
    }
}

impl<T> RemoteJoinHandle<T> {
    pub(super) fn poll_at(
        &mut self,
        cx: &mut Context<'_>,
        site: Site,
    ) -> Poll<Result<T, JoinError>> {
        let waker = cx.waker().clone(); // User code, so not under the lock; as the old one's drop.
        let mut state = lock(&self.crossing.state);
        if let Some(result) = state.result.take() {
            drop(state);
            self.entry = None;
            blocking::note_await(&self.crossing.abort, false);
            return Poll::Ready(result);
        }
        assert!(!state.finished, "{} was polled after its result", self.crossing.what);
        let _old = state.waker.replace(waker);
        drop(state);
        let site = site::awaited_at(site, self.crossing.site);
        self.entry = Entry::renew(self.entry.take(), cx, site);
        blocking::note_await(&self.crossing.abort, true);
        Poll::Pending
    }
}

/// For a set of them: they are not polled then.
impl<T> RemoteJoinHandle<T> {
    /// Wakes `waker` when the result is in: at once, if it is.
    pub(super) fn on_end(&self, waker: Waker) {
        let mut state = lock(&self.crossing.state);
        if state.finished {
            drop(state);
            waker.wake();
        } else {
            state.waker = Some(waker);
        }
    }

    /// The result, if it is in; once.
    pub(super) fn take_result(&self) -> Option<Result<T, JoinError>> {
        lock(&self.crossing.state).result.take()
    }
}

impl<T> Future for RemoteJoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_at(cx, Location::caller())
    }
}

impl<T> Drop for RemoteJoinHandle<T> {
    fn drop(&mut self) {
        blocking::note_await(&self.crossing.abort, false);
    }
}

/// Tells that a task waits for what happens on another thread, which wakes it by its waker. It may
/// be dropped anywhere.
struct Entry {
    of: LoopKey,
    place: Place,
}

impl Entry {
    /// The same one, or another if somebody else waits now; none if that is no task of a loop.
    fn renew(old: Option<Self>, cx: &Context<'_>, site: Site) -> Option<Self> {
        if old.as_ref().is_some_and(|entry| wait::waits(entry.place, cx)) {
            return old;
        }
        drop(old);
        let of = current::key();
        (of != 0).then(|| Self { of, place: wait::enter(cx, WaitReason::Job, site) })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let place = self.place;
        link::change(self.of, move |_| wait::leave(place));
    }
}

impl<T> fmt::Debug for RemoteJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJoinHandle").field("of", &self.crossing.what).finish_non_exhaustive()
    }
}

pin_project! {
    /// A task whose result crosses to another thread.
    pub(crate) struct RemoteTask<F: Future> {
        waker: Option<Arc<TaskWaker>>,
        #[pin]
        future: Option<F>,
        owed: Owed<F::Output>,
    }
}

impl<F: Future> RemoteTask<F> {
    pub(crate) fn new(future: F, owed: Owed<F::Output>) -> Self {
        Self { waker: None, future: Some(future), owed }
    }
}

impl<F: Future> Run for RemoteTask<F> {
    fn run(self: Pin<&mut Self>, spare: &mut Arc<TaskWaker>) -> Left {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Left::Done };
        let waker = run::lend(this.waker, spare);
        let polled = future.poll(&mut Context::from_waker(&waker));
        run::keep(this.waker, spare);
        match polled {
            Poll::Ready(output) => {
                this.future.set(None);
                end::refuse_strays(this.owed.0.abort.id); // Before the result is out.
                this.owed.0.finish(Ok(output));
                Left::Done
            }
            Poll::Pending if current::is_woken() => Left::Yielded,
            Poll::Pending => Left::Waiting,
        }
    }

    fn waker(&self) -> Option<&Arc<TaskWaker>> {
        self.waker.as_ref()
    }
}

impl<F: Future + 'static> Spawned for RemoteTask<F> {
    fn fail(self: Pin<&mut Self>, error: JoinError) {
        let mut this = self.project();
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        match dropped {
            Err(panic) if !error.is_panic() => resume_unwind(panic),
            _ => this.owed.0.finish(Err(error)),
        }
    }

    fn take_result(self: Pin<&mut Self>, _: &mut dyn Any) {}
}
