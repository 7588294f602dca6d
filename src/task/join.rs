//! Waiting for a task's result, and aborting it (floor 3).

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use super::current;
use super::finished::{Finished, Joiner};
use super::id::Id;
use super::inbox::{Inbox, Letter, Reach};
use super::info::{State, TaskInfo};
use super::remote::{AbortFlag, RemoteJoinHandle};
use super::run::BoxedTask;
use super::table::Slot;
use crate::runtime::core::Shared;
use crate::wait::reason::WaitReason;
use crate::wait::{self, Site, Whom, moves, site};

/// Why a task ended without a result: it was aborted, or it panicked.
///
/// It names the task and the place where it was spawned.
pub struct JoinError {
    inner: Box<Inner>,
}

struct Inner {
    id: Id,
    task: String,
    /// The payload of the panic; `None` if cancelled. The lock makes the error `Sync`.
    panic: Option<Mutex<Box<dyn Any + Send>>>,
}

impl JoinError {
    pub(crate) fn cancelled(info: &TaskInfo) -> Self {
        Self { inner: Box::new(Inner { id: info.id, task: info.to_string(), panic: None }) }
    }

    pub(crate) fn panicked(info: &TaskInfo, payload: Box<dyn Any + Send>) -> Self {
        let panic = Some(Mutex::new(payload));
        Self { inner: Box::new(Inner { id: info.id, task: info.to_string(), panic }) }
    }

    /// The error of something that never got a slot in the table.
    pub(crate) fn of_job(
        id: Id,
        what: &str,
        site: &Location<'_>,
        panic: Option<Box<dyn Any + Send>>,
    ) -> Self {
        let task = format!("{what} (spawned at {site})");
        Self { inner: Box::new(Inner { id, task, panic: panic.map(Mutex::new) }) }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.inner.id
    }

    /// Whether the task was aborted, or its runtime was dropped.
    pub fn is_cancelled(&self) -> bool {
        self.inner.panic.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.inner.panic.is_some()
    }

    /// The payload of the panic, for `std::panic::resume_unwind`.
    ///
    /// # Panics
    /// If the task was cancelled.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`JoinError::into_panic` on a task without a panic: {error}"),
        }
    }

    /// The payload of the panic.
    ///
    /// # Errors
    /// Gives itself back if the task was cancelled.
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send>, Self> {
        match self.inner.panic.take() {
            Some(payload) => Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner)),
            None => Err(self),
        }
    }

    /// The message of the panic, if it was a text as nearly all are.
    fn message(&self) -> Option<String> {
        let payload = self.inner.panic.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_string());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_panic(), self.message()) {
            (false, _) => write!(f, "{} was cancelled", self.inner.task),
            (true, Some(text)) => write!(f, "{} panicked: {text}", self.inner.task),
            (true, None) => write!(f, "{} panicked", self.inner.task),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        Self::other(error)
    }
}

/// Awaits the result of a task. Dropping it detaches the task, which goes on.
///
/// The result is an error if the task panicked or was aborted.
///
/// # Cancel safety
/// Awaiting `&mut handle` loses nothing if it is dropped half-way.
///
/// # Panics
/// When it is polled again after it gave the result.
///
/// ```
/// # turno::block_on(async {
/// let answer = turno::spawn(async { 6 * 7 });
/// assert_eq!(answer.await?, 42);
/// # Ok::<_, turno::task::JoinError>(()) }).unwrap();
/// ```
pub struct JoinHandle<T> {
    of: Of<T>,
}

enum Of<T> {
    /// A task in the table of this thread's runtime.
    Task { id: Id, shared: Rc<Shared>, output: PhantomData<T> },
    /// A job on another thread.
    Job(RemoteJoinHandle<T>),
    /// The runtime was being dropped when the task was spawned.
    Never { id: Id, error: Option<JoinError> },
    /// The result has been handed out.
    Taken { id: Id },
}

// It holds no future and no `T`: what it waits for is elsewhere.
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(crate) fn of_task(id: Id, shared: Rc<Shared>) -> Self {
        Self { of: Of::Task { id, shared, output: PhantomData } }
    }

    pub(crate) fn of_job(job: RemoteJoinHandle<T>) -> Self {
        Self { of: Of::Job(job) }
    }

    pub(crate) fn never(error: JoinError) -> Self {
        Self { of: Of::Never { id: error.id(), error: Some(error) } }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        match &self.of {
            Of::Task { id, .. } | Of::Never { id, .. } | Of::Taken { id } => *id,
            Of::Job(job) => job.id(),
        }
    }

    /// Aborts the task: its future is dropped as soon as the loop gets to it (after the current
    /// switch), and the result is a [`JoinError`] that is cancelled. A task that has finished by
    /// then keeps its result. A job of [`spawn_blocking`](super::spawn_blocking) that has begun
    /// cannot be aborted.
    pub fn abort(&self) {
        match &self.of {
            Of::Task { id, shared, .. } => abort(*id, &shared.link.inbox),
            Of::Job(job) => job.abort(),
            Of::Never { .. } | Of::Taken { .. } => {}
        }
    }

    /// A handle that only aborts, for any thread.
    pub fn abort_handle(&self) -> AbortHandle {
        let inbox = match &self.of {
            Of::Task { shared, .. } => Some(Reach::new(&shared.link.inbox)),
            Of::Job(job) => return job.abort_handle(),
            Of::Never { .. } | Of::Taken { .. } => None,
        };
        AbortHandle { id: self.id(), target: Target::Task(inbox) }
    }

    /// Whether the task has ended, with a result, a panic or an abort.
    pub fn is_finished(&self) -> bool {
        match &self.of {
            Of::Task { id, shared, .. } => {
                let core = shared.core.try_borrow();
                core.is_ok_and(|core| {
                    core.tasks.get(*id).is_none_or(|slot| slot.info.state == State::Done)
                })
            }
            Of::Job(job) => job.is_finished(),
            Of::Never { .. } | Of::Taken { .. } => true,
        }
    }
}

/// For a set of them: they are not polled then, the set's list says who has finished.
impl<T: 'static> JoinHandle<T> {
    /// Whether its result comes from another thread.
    pub(super) fn is_abroad(&self) -> bool {
        matches!(self.of, Of::Job(_))
    }

    /// From now on `finished` is told of the end, by this key. Returns whom to wake if it is there.
    pub(super) fn join_into(&self, finished: &Rc<Finished>, key: u32) -> Option<Whom> {
        match &self.of {
            Of::Task { id, shared, .. } => {
                let mut core = shared.core_for("`JoinSet`");
                core.tasks.get_mut(*id)?.joiner = Some(Joiner::Set(finished.clone(), key));
                None
            }
            Of::Job(job) => {
                job.on_end(finished.waker_for(key));
                None
            }
            Of::Never { .. } | Of::Taken { .. } => finished.push(key),
        }
    }

    /// The result, if it is there; once.
    pub(super) fn take_result(&mut self) -> Option<Result<T, JoinError>> {
        let id = self.id();
        let result = match &mut self.of {
            Of::Task { shared, .. } => {
                let mut core = shared.core_for("`JoinSet`");
                let slot = core.tasks.get_mut(id)?;
                let task = slot.run.take_if(|_| slot.info.state == State::Done)?;
                core.tasks.remove(id);
                drop(core);
                result_of(id, task)
            }
            Of::Job(job) => job.take_result()?,
            Of::Never { error, .. } => Err(error.take()?),
            Of::Taken { .. } => return None,
        };
        Some(result)
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let site = Location::caller();
        let result = match &mut self.of {
            Of::Task { id, shared, .. } => poll_task(*id, shared, cx, site),
            Of::Job(job) => job.poll_at(cx, site),
            Of::Never { error, .. } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
            Of::Taken { id } => panic!("the `JoinHandle` of task {id} was polled after its result"),
        };
        if result.is_ready() {
            let id = self.id();
            // Dropped when the new value is in place: the drop of a handle looks at the table.
            let _taken = std::mem::replace(&mut self.of, Of::Taken { id });
        }
        result
    }
}

fn poll_task<T: 'static>(
    id: Id,
    shared: &Rc<Shared>,
    cx: &mut Context<'_>,
    site: Site,
) -> Poll<Result<T, JoinError>> {
    ready!(current::poll_spend(cx));
    let mut core = shared.core_for("`JoinHandle::poll`");
    let Some(slot) = core.tasks.get_mut(id) else {
        panic!("the `JoinHandle` of task {id} lost its task: this is a bug of turno");
    };
    if let Some(task) = slot.run.take_if(|_| slot.info.state == State::Done) {
        core.tasks.remove(id);
        drop(core);
        return Poll::Ready(result_of(id, task));
    }
    current::unspend();
    if let Some(Joiner::Handle(place)) = slot.joiner
        && wait::waits(place, cx)
    {
        return Poll::Pending;
    }
    let site = site::awaited_at(site, slot.info.site);
    drop(core); // Cloning and dropping a waker is user code.
    let whom = Whom::polls(cx);
    let mut core = shared.core_for("`JoinHandle::poll`");
    let running = |slot: &&mut Slot<_>| slot.run.is_none() || slot.info.state != State::Done;
    let Some(slot) = core.tasks.get_mut(id).filter(running) else {
        // While the waker was cloned the task has ended.
        drop(core);
        drop(whom);
        return poll_task(id, shared, cx, site);
    };
    let here = current::key() == shared.key();
    let reason = if here { WaitReason::Join(id) } else { WaitReason::JoinAbroad };
    let old = slot.joiner.replace(Joiner::Handle(wait::enter_as(whom, reason, site)));
    drop(core);
    let old = old.and_then(Joiner::discharge);
    old.iter().for_each(moves::note_move);
    drop(old);
    Poll::Pending
}

/// The result of a task that is done, and has left the table.
fn result_of<T: 'static>(id: Id, mut task: BoxedTask) -> Result<T, JoinError> {
    let mut result: Option<Result<T, JoinError>> = None;
    task.as_mut().take_result(&mut result);
    let Some(result) = result else {
        panic!("task {id} is done but has no result: this is a bug of turno");
    };
    result
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let Of::Task { id, shared, .. } = &self.of else { return };
        let Ok(mut core) = shared.core.try_borrow_mut() else {
            // Inside of a policy or an observer: recorded, like everything that is dropped there.
            shared.detached.borrow_mut().push(*id);
            current::note_errand();
            return;
        };
        let dropped = core.detach(*id);
        drop(core);
        shared.bury(dropped);
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Aborts a task from any thread. It does not keep the task or its result.
#[derive(Clone)]
pub struct AbortHandle {
    id: Id,
    target: Target,
}

#[derive(Clone)]
enum Target {
    Task(Option<Reach>),
    Job { flag: Arc<AbortFlag>, _reach: Option<Reach> },
}

impl AbortHandle {
    pub(crate) fn of_job(flag: Arc<AbortFlag>, reach: Option<Reach>) -> Self {
        Self { id: flag.id(), target: Target::Job { flag, _reach: reach } }
    }

    /// Aborts the task, as [`JoinHandle::abort`] does.
    pub fn abort(&self) {
        match &self.target {
            Target::Task(Some(inbox)) => abort(self.id, inbox),
            Target::Task(None) => {}
            Target::Job { flag, .. } => flag.abort(),
        }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An abort only records, as a wake does.
pub(crate) fn abort(id: Id, inbox: &Inbox) {
    if !current::record_abort(inbox.key(), id) {
        inbox.send(Letter::Abort(id));
    }
}
