//! What a task may wait for (floor 1).

use std::fmt;
use std::panic::Location;

use crate::task::id::Id;
use crate::task::info::Nanos;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitReason {
    /// The end of another task.
    Join(Id),
    /// The end of a task of another runtime on this thread.
    JoinAbroad,
    /// The end of one of the tasks of a set.
    JoinSet,
    /// The result of a blocking job, or of a task that was spawned through a handle.
    Job,
    /// That it is so late; `Nanos::MAX` is never.
    Timer(Nanos),
    /// That a source (a registered socket) has something to read.
    Readable(u32),
    /// That a source (a registered socket) has room to write.
    Writable(u32),
    /// A `Mutex`.
    Mutex,
    /// A `RwLock`, to read.
    Read,
    /// A `RwLock`, to write.
    Write,
    /// Permits of a `Semaphore`.
    Semaphore,
    /// A `Notify`.
    Notify,
    /// The others at a `Barrier`.
    Barrier,
    /// That somebody fills a `OnceCell`.
    OnceCell,
    /// The value of a `oneshot` channel.
    Oneshot,
    /// A message of an `mpsc` channel.
    Receive,
    /// Room in an `mpsc` channel.
    Send,
    /// A message of a `broadcast` channel.
    Broadcast,
    /// A change of a `watch`ed value.
    Watch,
    /// That the other side of a channel goes away.
    Closed,
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Join(id) => return write!(f, "the end of task {id}"),
            Self::JoinAbroad => "the end of a task of another runtime",
            Self::JoinSet => "the end of a task of its set",
            Self::Job => "a job on another thread",
            Self::Timer(Nanos::MAX) => "a timer that is never due",
            Self::Timer(at) => {
                return write!(f, "a timer due at {:?}", std::time::Duration::from_nanos(*at));
            }
            Self::Readable(source) => return write!(f, "source {source} to become readable"),
            Self::Writable(source) => return write!(f, "source {source} to become writable"),
            Self::Mutex => "a mutex",
            Self::Read => "an rwlock, to read",
            Self::Write => "an rwlock, to write",
            Self::Semaphore => "permits of a semaphore",
            Self::Notify => "a notification",
            Self::Barrier => "the others at a barrier",
            Self::OnceCell => "the value of a once cell",
            Self::Oneshot => "the value of a oneshot channel",
            Self::Receive => "a message of an mpsc channel",
            Self::Send => "room in an mpsc channel",
            Self::Broadcast => "a message of a broadcast channel",
            Self::Watch => "a change of a watched value",
            Self::Closed => "the other side of a channel to go away",
        })
    }
}

/// The task that locked what another one waits for, and where.
///
/// In safe code nothing tells where a guard lies: the future that has it may have gone on in
/// another task since, unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The task. It may have ended, or given the guard to another one.
    pub task: Id,
    /// Where it locked.
    pub site: &'static Location<'static>,
}

/// One thing that a task waits for. A task may wait for several at once, as in `select!`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wait {
    /// What it waits for.
    pub reason: WaitReason,
    /// Where it waits.
    pub site: &'static Location<'static>,
    /// Since when, on the clock of its runtime.
    pub since: Nanos,
    /// Where what it waits for was made, if that is known: which of many locks it is.
    pub made: Option<&'static Location<'static>>,
    /// The task of the same runtime that locked it, if one did. The task whose end is waited for
    /// is told by the reason.
    pub holder: Option<Holder>,
    /// A future of that task has been seen to go on in another task: which of them has the guard is
    /// not known.
    pub moved: bool,
    /// Whether it is among what the task polled last in its last switch: that, or another branch
    /// of the same `select!`, `join!` or timeout. If not, the future may merely be kept: as a
    /// handle whose branch was overtaken by another one.
    pub awaited: bool,
    /// It has been locked with guards that own it. They can go from task to task, so the task that
    /// locked it may have given its guard away.
    pub owned: bool,
    /// Who waits in front of it to write, if it waits to read: it comes after that one.
    pub behind: Option<Id>,
    /// Who last used the other end of an `mpsc` channel, if one task of the same runtime did. That
    /// end may be with somebody else since.
    pub last: Option<Holder>,
    /// How many senders there are, if it waits for a message of an `mpsc` channel.
    pub senders: Option<usize>,
}

/// How well it is known that one task can end the wait of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// Nothing speaks against it: that task used the other end of a channel last, or locked with a
    /// guard that is made to be given away.
    Possible,
    /// It locked with a guard that borrows, or waits in front: so it is unless the future that
    /// has the guard, or that waits, has moved to another task unseen.
    Likely,
    /// That task's end is what is waited for.
    Certain,
}

const MOVED: &str =
    ", of which a future has gone on in another task since: which task has the guard is not known";

impl Wait {
    /// On which task it waits, as far as is known, and how well that is known.
    pub(crate) fn on(&self) -> Option<(Id, Known)> {
        match (self.reason, self.behind, self.holder.filter(|_| !self.moved)) {
            (WaitReason::Join(id), ..) => Some((id, Known::Certain)),
            (_, Some(writer), _) => Some((writer, Known::Likely)),
            (_, _, Some(holder)) if self.owned => Some((holder.task, Known::Possible)),
            (_, _, Some(holder)) => Some((holder.task, Known::Likely)),
            _ => self.last.map(|last| (last.task, Known::Possible)),
        }
    }

    /// What is waited for and where, with tasks named by `who`.
    pub(crate) fn what(&self, who: &dyn Fn(Id) -> String) -> String {
        let mut text = match self.reason {
            WaitReason::Join(id) => format!("the end of {}", who(id)),
            reason => reason.to_string(),
        };
        if let Some(made) = self.made {
            text += &format!(" (made at {made})");
        }
        text += &format!(" at {}", self.site);
        text + if self.awaited { "" } else { " (kept; it was not polled last)" }
    }

    /// What else is known: who holds it, who is in front, who is at the other end.
    pub(crate) fn more(&self, who: &dyn Fn(Id) -> String) -> Vec<String> {
        let did = if self.reason == WaitReason::OnceCell { "begun" } else { "locked" };
        let moved = if self.moved { MOVED } else { "" };
        let held = |Holder { task, site }| format!("{did} by {} (at {site}){moved}", who(task));
        let behind = |writer| format!("behind {}, which waits to write", who(writer));
        let senders = |n: usize| match n {
            1 => "1 sender is left".to_string(),
            n => format!("{n} senders are left"),
        };
        let did = if self.reason == WaitReason::Receive { "sent" } else { "received" };
        let last = |Holder { task, site }| format!("last {did} by {} (at {site})", who(task));
        let all = [
            self.holder.map(held),
            self.behind.map(behind),
            self.senders.map(senders),
            self.last.map(last),
        ];
        all.into_iter().flatten().collect()
    }
}

impl fmt::Display for Wait {
    /// `a mutex (made at src/a.rs:3:13) at src/a.rs:7:20, locked by task 2 (at src/a.rs:9:9)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |id| format!("task {id}");
        f.write_str(&self.what(&who))?;
        self.more(&who).iter().try_for_each(|more| write!(f, ", {more}"))
    }
}
