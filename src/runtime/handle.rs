//! A runtime's handle for other threads (floor 3).

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::blocking::Pool;
use super::context;
use super::core::Shared;
use super::dump::{Dump, NoAnswer};
use super::link::Link;
use crate::task::current::{Belonging, Named};
use crate::task::id::Id;
use crate::task::inbox::{Letter, Reach};
use crate::task::remote::{Crossing, Owed, RemoteJoinHandle, RemoteTask};
use crate::task::{Plan, join};

/// Reaches a runtime from any thread.
///
/// It keeps no runtime alive: what is asked of one that is gone is cancelled.
pub struct Handle {
    link: Arc<Link>,
    blocking: Arc<Pool>,
    /// As long as it is out, anything may still happen.
    reach: Reach,
}

/// There is no runtime here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TryCurrentError;

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this thread is not inside a turno runtime")
    }
}

impl std::error::Error for TryCurrentError {}

/// How long [`Handle::dump`] waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Handle {
    /// The runtime that this thread is in.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn current() -> Self {
        Self::of(&context::expect("`Handle::current`"))
    }

    /// The runtime that this thread is in.
    ///
    /// # Errors
    /// Outside of a runtime.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        context::current().map(|shared| Self::of(&shared)).ok_or(TryCurrentError)
    }

    pub(super) fn of(shared: &Shared) -> Self {
        let reach = Reach::new(&shared.link.inbox);
        Self { link: shared.link.clone(), blocking: shared.blocking.clone(), reach }
    }

    /// Spawns a task on the runtime's thread, from any thread. It becomes ready when the loop next
    /// looks. If the runtime is gone, the result is that the task was cancelled.
    ///
    /// ```
    /// let rt = turno::runtime::Runtime::new()?;
    /// let handle = rt.handle().clone();
    /// let thread = std::thread::spawn(move || handle.spawn(async { 6 * 7 }));
    /// let answer = rt.block_on(thread.join().unwrap());
    /// assert_eq!(answer.unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> RemoteJoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.spawn_with(move || future)
    }

    /// Spawns a task whose future is made on the runtime's thread, so that it need not be `Send`;
    /// only what makes it, and the result, cross.
    #[track_caller]
    pub fn spawn_with<F>(
        &self,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> RemoteJoinHandle<F::Output>
    where
        F: Future<Output: Send> + 'static,
    {
        let (site, inbox) = (Location::caller(), self.link.inbox.clone());
        let id = Id::unplaced(inbox.next_serial());
        let crossing = Crossing::new(id, "remote task".to_string(), site, Some(inbox));
        // Undelivered or aborted it is dropped, and what it owes says that it was cancelled.
        let work = Belonging::new(id, (make, Owed(crossing.clone())));
        let job = move || {
            let (Some(shared), _named) = (context::current(), Named::begin(id)) else { return };
            let Some((make, owed)) = work.take() else { return };
            if !owed.0.abort.begin(None) {
                return;
            }
            let future = match catch_unwind(AssertUnwindSafe(make)) {
                Ok(future) => future,
                Err(panic) => return owed.0.finish(Err(owed.0.error(Some(panic)))),
            };
            let abort = owed.0.abort.clone();
            let task = Box::pin(RemoteTask::new(future, owed));
            let id = shared.insert(Plan::of_remote(site, id), task);
            if !abort.begin(Some(id)) {
                join::abort(id, &shared.link.inbox);
            }
        };
        self.link.inbox.send(Letter::Job(Box::new(job)));
        RemoteJoinHandle::new(crossing, Some(Reach::new(&self.link.inbox)))
    }

    /// Runs `f` on a thread of the runtime's blocking pool, from any thread.
    #[track_caller]
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> RemoteJoinHandle<T> {
        self.blocking.spawn(Location::caller(), f)
    }

    /// What everybody does just now, as [`Runtime::dump`](super::Runtime::dump) tells it: asked
    /// from any thread. The loop answers when it next looks for letters; it is waited for, for at
    /// most 1 s. On the loop's own thread, inside of its runtime, it is told at once.
    ///
    /// # Errors
    /// When the loop does not answer: the error says which task has the thread, and since when; or
    /// that nobody drives the loop; or that the runtime is gone; or that it was asked from inside a
    /// policy or an observer of the runtime. So a panic hook may call this wherever the panic is.
    ///
    /// ```
    /// let rt = turno::runtime::Runtime::new()?;
    /// let handle = rt.handle().clone();
    /// let thread = std::thread::spawn(move || handle.dump());
    /// rt.block_on(async {
    ///     while !thread.is_finished() {
    ///         turno::task::yield_now().await;
    ///     }
    /// });
    /// let dump = thread.join().unwrap().unwrap();
    /// assert_eq!(dump.tasks()[0].task.name(), Some("block_on"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn dump(&self) -> Result<Dump, NoAnswer> {
        if let Some(shared) = context::find(self.link.inbox.key()) {
            let free = shared.core.try_borrow_mut().is_ok();
            return if free { Ok(shared.dump()) } else { Err(NoAnswer::inside()) };
        }
        let before = self.link.board.read();
        let (answer, answered) = mpsc::channel();
        let job = move || {
            if let Some(shared) = context::current() {
                let _too_late = answer.send(shared.dump());
            }
        };
        let asked = Instant::now();
        self.link.inbox.send(Letter::Job(Box::new(job)));
        match answered.recv_timeout(PATIENCE) {
            Ok(dump) => Ok(dump),
            Err(RecvTimeoutError::Disconnected) => Err(NoAnswer::gone(asked.elapsed())),
            Err(RecvTimeoutError::Timeout) => {
                Err(NoAnswer::of(asked.elapsed(), before, self.link.board.read()))
            }
        }
    }

    /// Whether the runtime is gone.
    pub fn is_closed(&self) -> bool {
        self.link.inbox.is_closed()
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        let reach = self.reach.clone();
        Self { link: self.link.clone(), blocking: self.blocking.clone(), reach }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
