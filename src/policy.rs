//! Who runs next: the [`Policy`] trait and the policies that come with turno (floor 1).
//!
//! There is one place where it is decided who runs next: [`Policy::pick`]. A policy is told which
//! tasks became [ready](Policy::ready), is asked to [pick](Policy::pick) one, and hears how its
//! switch [ran](Policy::ran). It owns its queue and nothing else: it sees no clock, no waker and no
//! socket, only ids, what is known of each task, and the time it is handed.
//!
//! | policy | rule | starves |
//! | --- | --- | --- |
//! | [`Fifo`] | first ready, first run | none |
//! | [`Lifo`] | as soon as possible: last ready, first run | the early, while others keep coming |
//! | [`RoundRobin`] | groups take turns, a switch each | none |
//! | [`Drr`] | groups share the run time, a quantum at a time | none |
//! | [`Fair`] | run time in proportion to weight | none |
//! | [`Stride`] | switches in proportion to weight, in a fixed order | none |
//! | [`Lottery`] | switches in proportion to weight, by drawing tickets | none, in the long run |
//! | [`Random`] | any, each as likely as the others | none, in the long run |
//! | [`Priority`] | most urgent first; aging is optional | the less urgent, unless it ages |
//! | [`Edf`] | earliest deadline first | those without a deadline |
//! | [`Sjf`] | shortest job first, by its declared size | the long |
//! | [`Srpt`] | least left to do first: size less what has run | the long |
//! | [`Las`] | what has run least first | what has run long |
//! | [`Mlfq`] | what answers quickly first; what computes sinks | none, if it boosts |
//!
//! How long a task waits at most under one that starves none is said in the words of each.
//!
//! [`named`] makes any of them from text, as in `priority:aging=10ms`.
//!
//! Where work ought to be sliced, a policy has a `with_quantum`: [`time::work`](crate::time::work)
//! yields after so long, as code that computes for long should. Nobody is ever interrupted.
//!
//! A new one is about 30 lines (`examples/my_policy.rs`); [`check`](fn@check) holds it to the
//! contract:
//!
//! ```
//! use turno::policy::{self, Pick, Policy, Tasks};
//! use turno::task::{Id, Nanos, TaskInfo};
//!
//! /// The task with the fewest switches so far.
//! #[derive(Default)]
//! struct Fewest(std::collections::BTreeSet<(u64, Id)>);
//!
//! impl Policy for Fewest {
//!     fn ready(&mut self, task: &TaskInfo, _: Nanos) {
//!         self.0.insert((task.switches(), task.id()));
//!     }
//!     fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
//!         self.0.pop_first().map(|(_, id)| id).into()
//!     }
//! }
//!
//! policy::check(|| Box::new(Fewest::default()))?;
//! # Ok::<(), policy::Violation>(())
//! ```
//!
//! # The contract
//! What a policy must do:
//! - One `ready` licenses one `pick` of that task. A task is in a policy's hands at most once: two
//!   wakes before a switch are one `ready`.
//! - While tasks are in its hands it picks one of them, or says [until when](Pick::Until) nobody is
//!   to run: a time that is still to come.
//! - Its choice depends on what it was told and on [`Tasks::random`] alone.
//!
//! What the runtime does, so that policies stay short and cannot break it:
//! - A picked task that is gone by now is skipped, so [`forget`](Policy::forget) may be left out
//!   where a departed task leaves no trace in the order of the others.
//! - Nobody picked though tasks are queued, a task picked twice, a panic: each is reported as that
//!   policy's bug, by name.
//! - Inside one instant the order is fixed: what the switch woke, in the order of the wakes; then
//!   the timers due, by time and then by their making, and what they woke; then what other threads
//!   asked for meanwhile; then the task itself, if it yielded. On a real clock, under a policy that
//!   does not go by time, timers and threads come only when the loop looks outside.
//! - In a policy, wakes, drops and aborts are recorded as ever; spawning, stepping and swapping the
//!   policy panic and say so: a policy decides, it does not act.
//!
//! The verbs are those of Linux's sched_ext, cut down to one thread.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use crate::task::id::Id;
use crate::task::info::{Left, Nanos, TaskInfo};

mod by_serial;
mod divergence;
mod drr;
mod edf;
mod fair;
mod fifo;
mod keyed;
mod lanes;
mod las;
mod lifo;
mod lottery;
mod mlfq;
pub(crate) mod named;
mod priority;
mod random;
mod replay;
mod round_robin;
mod schedule;
mod shares;
mod sjf;
mod srpt;
mod stride;
mod weighed;

mod check;

pub use check::{Rule, Violation, check, check_seed};
pub use divergence::Divergence;
pub use drr::Drr;
pub use edf::Edf;
pub use fair::Fair;
pub use fifo::Fifo;
pub use las::Las;
pub use lifo::Lifo;
pub use lottery::Lottery;
pub use mlfq::Mlfq;
pub use named::{NAMES, Named, UnknownPolicy, named};
pub use priority::Priority;
pub use random::Random;
pub use replay::Replay;
pub use round_robin::RoundRobin;
pub use schedule::{Decision, Schedule, ScheduleError};
pub use sjf::Sjf;
pub use srpt::Srpt;
pub use stride::Stride;

/// Decides who runs next. See [the module](self) for the contract.
pub trait Policy {
    /// `task` became runnable: it is new, was woken, or yielded. [`TaskInfo::cause`] says which.
    fn ready(&mut self, task: &TaskInfo, now: Nanos);

    /// Who runs next. An `Option<Id>` converts into a [`Pick`].
    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick;

    /// The switch of `task` has ended: it took `ran` (0 unless somebody measures, see
    /// [`Policy::wants_time`]) and left the task like that. Comes before its next `ready`.
    fn ran(&mut self, task: &TaskInfo, ran: Nanos, left: Left, now: Nanos) {
        let _ = (task, ran, left, now);
    }

    /// How long `task` may compute in [`time::work`](crate::time::work) before it yields.
    /// `None`: to its end, so that [`Fifo`] stays first in, first out.
    fn quantum(&mut self, task: &TaskInfo) -> Option<Nanos> {
        let _ = task;
        None
    }

    /// The task is gone though it was queued. If this is left out, a later pick of it is skipped.
    fn forget(&mut self, id: Id) {
        let _ = id;
    }

    /// Attributes of a queued task were changed. If this is left out, they count from its next
    /// `ready`.
    fn changed(&mut self, task: &TaskInfo) {
        let _ = task;
    }

    /// After how many switches without a pause the loop looks at sockets, timers and other threads.
    /// At least 1.
    fn io_every(&self) -> u32 {
        61
    }

    /// Whether each switch is to be measured for this policy. On a real clock that is one more
    /// reading a switch, which costs as much as a switch.
    fn wants_time(&self) -> bool {
        false
    }

    /// The first `most` of the ready queue, in the order in which they would be picked if nothing
    /// else happened. For pages, prompts and debuggers; asked for only when somebody looks.
    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        let _ = (tasks, most);
        Vec::new()
    }

    /// Why the last pick was made, in a few words for a person. Asked for only when somebody looks.
    fn explain(&self) -> String {
        String::new()
    }

    /// The policy's name, for messages: its type's, unless told otherwise.
    fn name(&self) -> &'static str {
        let path = std::any::type_name::<Self>();
        let head = path.split('<').next().unwrap_or(path);
        head.rsplit("::").next().unwrap_or(head)
    }
}

impl<P: Policy + 'static> From<P> for Box<dyn Policy> {
    fn from(policy: P) -> Self {
        Box::new(policy)
    }
}

/// How long `time::work` may compute under a policy that was told this quantum.
fn slice(quantum: Duration) -> Nanos {
    u64::try_from(quantum.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// What [`Policy::pick`] decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// This task runs.
    Task(Id),
    /// Nobody: no task is queued.
    Nobody,
    /// Nobody until that time, or until somebody else becomes ready: for throttling and
    /// reservations.
    Until(Nanos),
}

impl From<Option<Id>> for Pick {
    fn from(id: Option<Id>) -> Self {
        id.map_or(Self::Nobody, Self::Task)
    }
}

/// Looks a task up. The task table does; so does whatever a test puts in its place.
pub trait Lookup {
    /// The task, unless it is gone: one that is done is, though its result may be waited for.
    fn get(&self, id: Id) -> Option<&TaskInfo>;
}

/// What a policy may ask while it picks: other tasks, and seeded randomness.
#[derive(Clone, Copy)]
pub struct Tasks<'a> {
    lookup: &'a dyn Lookup,
    rng: &'a Rng,
}

impl<'a> Tasks<'a> {
    /// A view of what `lookup` knows, with randomness from `rng`.
    pub fn new(lookup: &'a dyn Lookup, rng: &'a Rng) -> Self {
        Self { lookup, rng }
    }

    /// The task, unless it is gone.
    pub fn get(&self, id: Id) -> Option<&'a TaskInfo> {
        self.lookup.get(id)
    }

    /// A random number from the runtime's seed: same seed, same numbers.
    pub fn random(&self) -> u64 {
        self.rng.next()
    }
}

impl fmt::Debug for Tasks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

/// A small seeded generator (SplitMix64, by Steele, Lea and Flood, 2014): good enough to shuffle
/// tasks, no good for secrets.
#[derive(Debug)]
pub struct Rng(Cell<u64>);

impl Rng {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let z = self.0.get();
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
