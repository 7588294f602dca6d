//! Tasks: spawning them, awaiting them, aborting them.
//!
//! A task is a future in a box with a place in the runtime's table. It runs when the policy picks
//! it, until it awaits something that is not there yet; its [`State`] says where it is.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use crate::runtime::context;
use crate::runtime::core::Shared;
use crate::time::Instant;
use crate::time::clock::nanos;

pub(crate) mod current;
pub(crate) mod finished;
pub(crate) mod id;
pub(crate) mod inbox;
pub(crate) mod info;
pub(crate) mod join;
pub(crate) mod park;
pub(crate) mod remote;
pub(crate) mod room;
pub(crate) mod run;
pub(crate) mod table;
pub(crate) mod wake;

mod budget;
pub(crate) mod inherit;
pub mod join_set;
mod local;
mod yield_now;

pub use crate::wait::reason::{Holder, Wait, WaitReason};
pub use budget::{Unconstrained, consume_budget, unconstrained};
pub use id::Id;
pub use info::{Attributes, Cause, Left, Nanos, State, TaskInfo};
pub use join::{AbortHandle, JoinError, JoinHandle};
pub use join_set::JoinSet;
pub use local::{AccessError, LocalKey};
pub use remote::RemoteJoinHandle;
pub use yield_now::{YieldNow, yield_now};

/// Futures of this module.
pub mod futures {
    pub use super::local::TaskLocalFuture;
}

/// Spawns a task onto the runtime that this thread is in. It is ready at once and runs when the
/// policy picks it; nothing of it runs before `spawn` returns.
///
/// A task keeps running if its handle is dropped. Costs two allocations.
///
/// # Panics
/// Outside of a runtime, and inside of a policy or an observer.
///
/// ```
/// # turno::block_on(async {
/// let (a, b) = (turno::spawn(async { 1 }), turno::spawn(async { 2 }));
/// assert_eq!(a.await.unwrap() + b.await.unwrap(), 3);
/// # });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    Builder::new().spawn(future)
}

/// The same as [`spawn`]: all tasks are local here.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    spawn(future)
}

/// Runs `f`, which may block, on a thread of the runtime's pool.
///
/// A panic in it comes back as a [`JoinError`]. An abort cancels it only while it is queued: what
/// has begun runs to its end. While a job is queued or running a virtual clock stands still.
///
/// # Panics
/// Outside of a runtime.
///
/// ```
/// # turno::block_on(async {
/// let sum = turno::task::spawn_blocking(|| (1..=1_000_u64).sum::<u64>()).await;
/// assert_eq!(sum.unwrap(), 500_500);
/// # });
/// ```
#[track_caller]
pub fn spawn_blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let shared = context::expect("`task::spawn_blocking`");
    JoinHandle::of_job(shared.blocking.spawn(Location::caller(), f))
}

/// The id of the running task, or of the [blocking job](spawn_blocking) that runs on this thread.
/// While a result is dropped that was not taken, it is that of the task whose result it is.
///
/// # Panics
/// Outside of a task.
#[track_caller]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!("`task::id` was called outside of a task"),
    }
}

/// As [`id`], if a task runs.
pub fn try_id() -> Option<Id> {
    current::name()
}

/// Changes what the program says of a task of this thread's runtime; false if the task is gone.
/// `change` is handed the present attributes. If the task is queued, its policy hears of it.
///
/// # Panics
/// Outside of a runtime, and inside of a policy or an observer.
///
/// ```
/// # turno::block_on(async {
/// let task = turno::spawn(async {});
/// assert!(turno::task::update(task.id(), |attributes| attributes.priority = 200));
/// # });
/// ```
#[track_caller]
pub fn update(id: Id, change: impl FnOnce(&mut Attributes)) -> bool {
    let shared = context::expect("`task::update`");
    let found = shared.core_for("`task::update`").tasks.get(id).map(|slot| slot.info.attributes());
    let Some(mut attributes) = found else { return false };
    change(&mut attributes);
    let found = shared.core_for("`task::update`").set_attributes(id, attributes);
    if !shared.contended.borrow().is_empty() {
        shared.bequeath(&[id]);
    }
    found
}

/// Says more of a task before it is spawned.
///
/// ```
/// # turno::block_on(async {
/// let task = turno::task::Builder::new().name("reader").group(2).priority(200).spawn(async { 7 });
/// assert_eq!(task.await.unwrap(), 7);
/// # });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    pub(crate) name: Option<Box<str>>,
    group: Option<u32>,
    priority: Option<u8>,
    weight: Option<u32>,
    deadline: Option<Instant>,
    size: Option<Duration>,
}

impl Builder {
    /// Nothing said yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name, for messages, traces and debuggers.
    pub fn name(self, name: impl Into<Box<str>>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The group it takes its turns with. The parent's unless told.
    pub fn group(self, group: u32) -> Self {
        Self { group: Some(group), ..self }
    }

    /// The higher the more urgent. The parent's unless told.
    pub fn priority(self, priority: u8) -> Self {
        Self { priority: Some(priority), ..self }
    }

    /// Its share under a weighted policy, at least 1. The parent's unless told.
    pub fn weight(self, weight: u32) -> Self {
        Self { weight: Some(weight), ..self }
    }

    /// When it ought to have finished.
    pub fn deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// How much run time it is expected to need in all.
    pub fn expected_size(self, size: Duration) -> Self {
        Self { size: Some(size), ..self }
    }

    /// Spawns the task: see [`spawn`].
    ///
    /// # Panics
    /// Outside of a runtime, and inside of a policy or an observer.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let shared = context::expect("`spawn`");
        let plan = Plan { said: self, ..Plan::new(Location::caller()) };
        if shared.closing.get() {
            let id = Id::unplaced(shared.link.inbox.next_serial());
            let info = TaskInfo::at(plan.site, id, plan.said.name, Attributes::default(), 0);
            return JoinHandle::never(JoinError::cancelled(&info));
        }
        let id = shared.insert(plan, inherit::endow(Box::pin(run::Task::new(future))));
        JoinHandle::of_task(id, shared)
    }
}

/// All that is known of a task that is about to be spawned.
pub(crate) struct Plan {
    pub(crate) site: &'static Location<'static>,
    pub(crate) said: Builder,
    pub(crate) detached: bool,
    /// Its serial number, if it was told already.
    pub(crate) serial: Option<u64>,
}

impl Plan {
    pub(crate) fn new(site: &'static Location<'static>) -> Self {
        Self { site, said: Builder::new(), detached: false, serial: None }
    }

    /// The plan of the task that a remote handle is out for.
    pub(crate) fn of_remote(site: &'static Location<'static>, id: Id) -> Self {
        Self { detached: true, serial: Some(id.serial()), ..Self::new(site) }
    }

    /// What was said, and for the rest what the parent has.
    pub(crate) fn attributes(&self, parent: Option<Attributes>, on: &Shared) -> Attributes {
        let parent = parent.unwrap_or_default();
        Attributes {
            group: self.said.group.unwrap_or(parent.group),
            priority: self.said.priority.unwrap_or(parent.priority),
            weight: self.said.weight.unwrap_or(parent.weight),
            deadline: self.said.deadline.map(|deadline| deadline.on(on)),
            size: self.said.size.map(nanos),
        }
    }
}
