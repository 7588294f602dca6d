//! What a policy and an observer may know of a task (floor 1).

use std::cell::Cell;
use std::fmt;
use std::panic::Location;

use super::id::Id;

/// Nanoseconds since the runtime was made, on its own clock.
pub type Nanos = u64;

/// Why a task was made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// It is new. `by` is the task that spawned it, if one did.
    Spawn {
        /// The task that was running when this one was spawned.
        by: Option<Id>,
    },
    /// It asked for another turn itself, in its own switch.
    Yield,
    /// It had spent its budget of operations and gave way.
    Budget,
    /// Another task woke it.
    Task(Id),
    /// A timer fired. It was due at [`TaskInfo::woken_at`].
    Timer,
    /// A source (a registered socket) became ready.
    Source(u32),
    /// Another thread woke it, or this thread did outside of a turn.
    Outside,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn { by: Some(id) } => write!(f, "spawned by task {id}"),
            Self::Spawn { by: None } => f.write_str("spawned"),
            Self::Yield => f.write_str("yielded"),
            Self::Budget => f.write_str("spent its budget"),
            Self::Task(id) => write!(f, "woken by task {id}"),
            Self::Timer => f.write_str("woken by a timer"),
            Self::Source(source) => write!(f, "woken by source {source}"),
            Self::Outside => f.write_str("woken from outside the loop"),
        }
    }
}

/// How a task left the thread at the end of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Left {
    /// It is ready again: it woke itself during its switch.
    Yielded,
    /// It waits to be woken.
    Waiting,
    /// It has finished.
    Done,
    /// It panicked, and is gone.
    Panicked,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yielded => "yielded",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Panicked => "panicked",
        })
    }
}

/// The state of a task.
///
/// ```text
///            spawn                     switch_to
///   (new) ─────────▶ Ready ────────────────────────▶ Running
///                     ▲  ▲        yielded              │ │ │
///                     │  └─────────────────────────────┘ │ │
///                wake │                          waiting │ │ done, panicked
///                     │                                  ▼ ▼
///                     └────────────────────────── Waiting   Done
/// ```
///
/// An abort leads from `Ready` and `Waiting` to `Done`, and from `Running` at the end of the
/// switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// In the hands of the policy, which has yet to pick it.
    Ready,
    /// Being polled now.
    Running,
    /// Until something wakes it.
    Waiting,
    /// Finished; kept only until its [`JoinHandle`](super::JoinHandle) has had the result.
    Done,
}

/// What a program says of a task, at spawn or later. A child has its parent's group, priority and
/// weight unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// Tasks of one group share their turns under [`RoundRobin`](crate::policy::RoundRobin), and
    /// their time under [`Drr`](crate::policy::Drr). 0 unless told.
    pub group: u32,
    /// The higher the more urgent. [`Attributes::PRIORITY`] unless told.
    pub priority: u8,
    /// The share under [`Fair`](crate::policy::Fair), [`Stride`](crate::policy::Stride) and
    /// [`Lottery`](crate::policy::Lottery), at least 1. [`Attributes::WEIGHT`] unless told.
    pub weight: u32,
    /// When the task ought to have finished: what [`Edf`](crate::policy::Edf) goes by.
    pub deadline: Option<Nanos>,
    /// How much run time it is expected to need in all: what [`Sjf`](crate::policy::Sjf) and
    /// [`Srpt`](crate::policy::Srpt) go by.
    pub size: Option<Nanos>,
}

impl Attributes {
    /// The priority of a task that was told none: half-way.
    pub const PRIORITY: u8 = 128;
    /// The weight of a task that was told none.
    pub const WEIGHT: u32 = 100;
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            group: 0,
            priority: Self::PRIORITY,
            weight: Self::WEIGHT,
            deadline: None,
            size: None,
        }
    }
}

/// What is known of one task: who it is, what the program said of it, what the runtime measured.
///
/// A policy reads it, and has one cell of its own in it ([`TaskInfo::tag`]).
#[derive(Clone)]
pub struct TaskInfo {
    pub(crate) id: Id,
    pub(crate) site: &'static Location<'static>,
    pub(crate) cause: Cause,
    pub(crate) state: State,
    /// Nobody holds the task's `JoinHandle`.
    pub(crate) detached: bool,
    priority: u8,
    /// What it is lent by those who wait for what it holds; 0 if nothing is.
    pub(crate) inherited: u8,
    group: u32,
    weight: u32,
    spawned_at: Nanos,
    pub(crate) woken_at: Nanos,
    last_run: Nanos,
    total_run: Nanos,
    pub(crate) switches: u64,
    /// The number of what it polled last in its last switch: see `current::count_poll`.
    pub(crate) last_poll: u64,
    pub(crate) tag: Cell<u64>,
    /// What few tasks have must not weigh on every task.
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Default, PartialEq)]
struct Rare {
    name: Option<Box<str>>,
    deadline: Option<Nanos>,
    size: Option<Nanos>,
}

impl TaskInfo {
    /// A task spawned at `now` by the caller, with nothing measured yet.
    ///
    /// A runtime makes its own; this is for tests of a policy without a runtime.
    #[track_caller]
    pub fn new(id: Id, name: Option<&str>, attributes: Attributes, now: Nanos) -> Self {
        let name = name.map(Box::from);
        Self::at(std::panic::Location::caller(), id, name, attributes, now)
    }

    #[inline]
    pub(crate) fn at(
        site: &'static Location<'static>,
        id: Id,
        name: Option<Box<str>>,
        attributes: Attributes,
        now: Nanos,
    ) -> Self {
        let mut info = Self {
            id,
            site,
            cause: Cause::Spawn { by: None },
            state: State::Waiting,
            detached: false,
            priority: 0,
            inherited: 0,
            group: 0,
            weight: 0,
            spawned_at: now,
            woken_at: now,
            last_run: 0,
            total_run: 0,
            switches: 0,
            last_poll: 0,
            tag: Cell::new(0),
            rare: name.map(|name| Box::new(Rare { name: Some(name), ..Rare::default() })),
        };
        info.set_attributes(attributes);
        info
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The name it was given at spawn.
    pub fn name(&self) -> Option<&str> {
        self.rare.as_ref()?.name.as_deref()
    }

    /// Where in the program it was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.site
    }

    /// Its group.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// Its priority: the higher the more urgent. While it holds a
    /// [mutex that hands priority on](crate::sync::Mutex::with_priority_inheritance), that of the
    /// most urgent who waits for that, if it is higher than its own.
    pub fn priority(&self) -> u8 {
        self.priority.max(self.inherited)
    }

    /// Its weight, at least 1.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Its deadline, if it was told one.
    pub fn deadline(&self) -> Option<Nanos> {
        self.rare.as_ref()?.deadline
    }

    /// Its expected size, if it was told one.
    pub fn size(&self) -> Option<Nanos> {
        self.rare.as_ref()?.size
    }

    /// All that the program said of it: its own priority, whatever it has inherited.
    pub fn attributes(&self) -> Attributes {
        Attributes {
            group: self.group,
            priority: self.priority,
            weight: self.weight,
            deadline: self.deadline(),
            size: self.size(),
        }
    }

    /// Changes what the program says of it. In a runtime, use [`task::update`](super::update),
    /// which tells the policy.
    pub fn set_attributes(&mut self, attributes: Attributes) {
        self.group = attributes.group;
        self.priority = attributes.priority;
        self.weight = attributes.weight.max(1);
        if self.rare.is_some() || attributes.deadline.is_some() || attributes.size.is_some() {
            let rare = self.rare.get_or_insert_default();
            rare.deadline = attributes.deadline;
            rare.size = attributes.size;
        }
    }

    /// Notes that the task became ready at `at`. In a runtime, the runtime does; this is for
    /// tests of a policy without one, before they call [`ready`](crate::policy::Policy::ready).
    pub fn woken(&mut self, cause: Cause, at: Nanos) {
        self.state = State::Ready;
        self.cause = cause;
        self.woken_at = at;
    }

    /// Notes that a switch of the task took `ran` and left it like that. In a runtime, the runtime
    /// does; this is for tests of a policy without one, before they call
    /// [`ran`](crate::policy::Policy::ran).
    pub fn switched(&mut self, ran: Nanos, left: Left) {
        self.state = match left {
            Left::Yielded | Left::Waiting => State::Waiting,
            Left::Done | Left::Panicked => State::Done,
        };
        self.last_run = ran;
        self.total_run += ran;
        self.switches += 1;
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether its [`JoinHandle`](super::JoinHandle) was dropped, so that nobody will hear its
    /// result.
    pub fn is_detached(&self) -> bool {
        self.detached
    }

    /// When it was spawned.
    pub fn spawned_at(&self) -> Nanos {
        self.spawned_at
    }

    /// When it last became ready: for a timer the moment it was due, however late the loop came.
    pub fn woken_at(&self) -> Nanos {
        self.woken_at
    }

    /// Why it last became ready.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// How long its last switch took. Measured only where somebody asked: a policy that
    /// [wants time](crate::policy::Policy::wants_time), an observer, `step`, or a virtual clock.
    pub fn last_run(&self) -> Nanos {
        self.last_run
    }

    /// How long it has run in all. Measured under the same conditions as [`TaskInfo::last_run`].
    pub fn total_run(&self) -> Nanos {
        self.total_run
    }

    /// How many switches it has had.
    pub fn switches(&self) -> u64 {
        self.switches
    }

    /// The policy's own cell in the task: 0 at spawn and whenever the policy is swapped.
    pub fn tag(&self) -> u64 {
        self.tag.get()
    }

    /// Sets the policy's own cell. It is the policy's alone: nobody else reads it.
    pub fn set_tag(&self, tag: u64) {
        self.tag.set(tag);
    }
}

impl fmt::Display for TaskInfo {
    /// `task 7 "conn" (spawned at src/main.rs:3:5)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = self.name() {
            write!(f, " {name:?}")?;
        }
        write!(f, " (spawned at {})", self.site)
    }
}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskInfo")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("spawn_site", &format_args!("{}", self.site))
            .field("state", &self.state)
            .field("cause", &self.cause)
            .field("attributes", &self.attributes())
            .field("switches", &self.switches)
            .field("woken_at", &self.woken_at)
            .field("last_run", &self.last_run)
            .field("total_run", &self.total_run)
            .finish_non_exhaustive()
    }
}
