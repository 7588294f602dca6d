//! A set of tasks that are awaited together (floor 4).

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use slab::Slab;

use super::current::{self, Belonging};
use super::finished::Finished;
use super::id::Id;
use super::join::{AbortHandle, JoinError, JoinHandle};
use crate::runtime::Handle;
use crate::time::Instant;
use crate::wait::Site;

/// Tasks and blocking jobs with results of one type, awaited together: results come in the order in
/// which they finish.
///
/// It is how to limit concurrency: spawn so many, then one more for each that
/// [`join_next`](Self::join_next) gives. When the set is dropped its tasks are aborted.
///
/// # Cost
/// A member costs what a task costs, and a few words. The end of a member, and each result, are
/// O(1) however large the set is.
///
/// ```
/// use turno::task::JoinSet;
///
/// # turno::block_on(async {
/// let mut set = JoinSet::new();
/// let mut urls = ["a", "bb", "ccc", "dddd"].into_iter();
/// let mut total = 0;
/// for url in urls.by_ref().take(2) {
///     set.spawn(async move { url.len() });
/// }
/// while let Some(length) = set.join_next().await {
///     total += length.unwrap();
///     if let Some(url) = urls.next() {
///         set.spawn(async move { url.len() }); // Never more than two at once.
///     }
/// }
/// assert_eq!(total, 10);
/// # });
/// ```
pub struct JoinSet<T> {
    members: Slab<Member<T>>,
    /// How many of them are on other threads.
    abroad: usize,
    /// The number of the next one.
    next: u64,
    finished: Rc<Finished>,
}

struct Member<T> {
    /// Counts those that came before: places in the slab are used again.
    number: u64,
    handle: JoinHandle<T>,
}

impl<T> JoinSet<T> {
    /// An empty set.
    #[track_caller]
    pub fn new() -> Self {
        Self { members: Slab::new(), abroad: 0, next: 0, finished: Finished::new() }
    }

    /// How many members there are, those that have finished and were not taken included.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Aborts all members, in the order in which they came. They stay in the set until their
    /// results are taken, most of which are errors that say so.
    pub fn abort_all(&mut self) {
        let mut members: Vec<_> = self.members.iter().map(|(_, member)| member).collect();
        members.sort_unstable_by_key(|member| member.number);
        for member in members {
            member.handle.abort();
        }
    }

    /// Lets all members go, and go on: the set is empty, and their results are lost.
    pub fn detach_all(&mut self) {
        self.abroad = 0;
        drop(std::mem::take(&mut self.members));
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task into the set: see [`spawn`](crate::spawn()).
    ///
    /// # Panics
    /// Outside of a runtime, and inside of a policy or an observer.
    #[track_caller]
    pub fn spawn(&mut self, future: impl Future<Output = T> + 'static) -> AbortHandle {
        self.insert(super::spawn(future))
    }

    /// The same as [`spawn`](Self::spawn): all tasks are local here.
    #[track_caller]
    pub fn spawn_local(&mut self, future: impl Future<Output = T> + 'static) -> AbortHandle {
        self.spawn(future)
    }

    /// Spawns a task onto the runtime of `handle`, which may be on another thread: see
    /// [`Handle::spawn`].
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(JoinHandle::of_job(handle.spawn(future)))
    }

    /// Runs `f` on a thread of the blocking pool: see
    /// [`spawn_blocking`](super::spawn_blocking).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking(&mut self, f: impl FnOnce() -> T + Send + 'static) -> AbortHandle
    where
        T: Send,
    {
        self.insert(super::spawn_blocking(f))
    }

    /// As [`spawn_blocking`](Self::spawn_blocking), in the pool of the runtime of `handle`.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(JoinHandle::of_job(handle.spawn_blocking(f)))
    }

    /// Says more of a task before it is spawned into the set.
    ///
    /// ```
    /// # turno::block_on(async {
    /// let mut set = turno::task::JoinSet::new();
    /// set.build_task().name("reader").priority(200).spawn(async { 7 });
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// # });
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder { set: self, task: super::Builder::new() }
    }

    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        self.abroad += usize::from(handle.is_abroad());
        let entry = self.members.vacant_entry();
        let key = entry.key() as u32; // Like the table of the tasks.
        let member = entry.insert(Member { number: self.next, handle });
        self.next += 1;
        if let Some(whom) = member.handle.join_into(&self.finished, key) {
            whom.wake();
        }
        abort
    }

    /// The result of who finished first, of those not yet taken.
    fn take_next(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        loop {
            let key = self.finished.next()? as usize;
            let Some(member) = self.members.get_mut(key) else { continue };
            let Some(result) = member.handle.take_result() else { continue };
            let Member { handle, .. } = self.members.remove(key);
            self.abroad -= usize::from(handle.is_abroad());
            return Some((handle.id(), result));
        }
    }

    /// Waits until a member has finished, and gives its result; `None` if the set is empty.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped: what has finished is there for the next call.
    #[track_caller]
    pub fn join_next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        let mut next = JoinNext { site: Location::caller(), set: self };
        poll_fn(move |cx| next.poll(cx).map(|found| found.map(|(_, result)| result)))
    }

    /// As [`join_next`](Self::join_next), with the member's id (an error tells it, too).
    ///
    /// # Cancel safety
    /// As that of [`join_next`](Self::join_next).
    #[track_caller]
    pub fn join_next_with_id(
        &mut self,
    ) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> {
        let mut next = JoinNext { site: Location::caller(), set: self };
        poll_fn(move |cx| next.poll(cx).map(with_id))
    }

    /// The result of a member that has finished, if there is one.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.take_next().map(|(_, result)| result)
    }

    /// As [`try_join_next`](Self::try_join_next), with the member's id.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        with_id(self.take_next())
    }

    /// [`join_next`](Self::join_next) for futures that are written by hand. Whoever polled last is
    /// woken.
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let found = self.poll_at(cx, Location::caller());
        found.map(|found| found.map(|(_, result)| result))
    }

    /// As [`poll_join_next`](Self::poll_join_next), with the member's id.
    #[track_caller]
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_at(cx, Location::caller()).map(with_id)
    }

    fn poll_at(
        &mut self,
        cx: &mut Context<'_>,
        site: Site,
    ) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        if self.is_empty() {
            self.finished.leave();
            return Poll::Ready(None);
        }
        ready!(current::poll_spend(cx));
        let found = self.take_next().or_else(|| {
            self.finished.wait(cx, site, self.abroad > 0);
            self.take_next()
        });
        if found.is_none() {
            current::unspend();
            return Poll::Pending;
        }
        self.finished.leave();
        Poll::Ready(found)
    }

    /// Waits for all members; the results in the order in which they finished.
    ///
    /// # Cancel safety
    /// Dropped half-way it aborts those that have not finished, and drops the others' results.
    ///
    /// # Panics
    /// With a member's panic, or if one was aborted; the others are aborted then.
    #[track_caller]
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> {
        let site = Location::caller();
        async move {
            let mut results = Vec::with_capacity(self.len());
            while let Some((_, result)) = (JoinNext { site, set: &mut self }).await {
                match result.map_err(JoinError::try_into_panic) {
                    Ok(result) => results.push(result),
                    Err(Ok(panic)) => resume_unwind(panic),
                    Err(Err(error)) => panic!("`JoinSet::join_all` lacks a result: {error}"),
                }
            }
            results
        }
    }

    /// Aborts all members, and waits until they are gone. Results are dropped.
    ///
    /// # Cancel safety
    /// They are aborted all the same; those not waited for stay in the set.
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = ()> {
        let site = Location::caller();
        async move {
            self.abort_all();
            while let Some((id, result)) = (JoinNext { site, set: &mut *self }).await {
                drop(Belonging::new(id, result));
            }
        }
    }
}

fn with_id<T>(found: Option<(Id, Result<T, JoinError>)>) -> Option<Result<(Id, T), JoinError>> {
    found.map(|(id, result)| result.map(|value| (id, value)))
}

/// Waits for a set's next result; who drops it waits no more.
struct JoinNext<'a, T> {
    site: Site,
    set: &'a mut JoinSet<T>,
}

impl<T: 'static> JoinNext<'_, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        self.set.poll_at(cx, self.site)
    }
}

impl<T: 'static> Future for JoinNext<'_, T> {
    type Output = Option<(Id, Result<T, JoinError>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        JoinNext::poll(&mut self, cx)
    }
}

impl<T> Drop for JoinNext<'_, T> {
    fn drop(&mut self) {
        self.set.finished.leave();
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.finished.leave();
        self.abort_all();
    }
}

impl<T> Default for JoinSet<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T: 'static, F: Future<Output = T> + 'static> FromIterator<F> for JoinSet<T> {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

impl<T: 'static, F: Future<Output = T> + 'static> Extend<F> for JoinSet<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// Says more of a task before it is spawned into a set: see [`JoinSet::build_task`].
#[derive(Debug)]
#[must_use]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    task: super::Builder,
}

impl<T: 'static> Builder<'_, T> {
    /// See [`Builder::name`](super::Builder::name).
    pub fn name(self, name: impl Into<Box<str>>) -> Self {
        Self { task: self.task.name(name), ..self }
    }

    /// See [`Builder::group`](super::Builder::group).
    pub fn group(self, group: u32) -> Self {
        Self { task: self.task.group(group), ..self }
    }

    /// See [`Builder::priority`](super::Builder::priority).
    pub fn priority(self, priority: u8) -> Self {
        Self { task: self.task.priority(priority), ..self }
    }

    /// See [`Builder::weight`](super::Builder::weight).
    pub fn weight(self, weight: u32) -> Self {
        Self { task: self.task.weight(weight), ..self }
    }

    /// See [`Builder::deadline`](super::Builder::deadline).
    pub fn deadline(self, deadline: Instant) -> Self {
        Self { task: self.task.deadline(deadline), ..self }
    }

    /// See [`Builder::expected_size`](super::Builder::expected_size).
    pub fn expected_size(self, size: Duration) -> Self {
        Self { task: self.task.expected_size(size), ..self }
    }

    /// Spawns the task into the set.
    ///
    /// # Panics
    /// As [`JoinSet::spawn`].
    #[track_caller]
    pub fn spawn(self, future: impl Future<Output = T> + 'static) -> AbortHandle {
        self.set.insert(self.task.spawn(future))
    }

    /// The same as [`spawn`](Self::spawn): all tasks are local here.
    #[track_caller]
    pub fn spawn_local(self, future: impl Future<Output = T> + 'static) -> AbortHandle {
        self.spawn(future)
    }
}
