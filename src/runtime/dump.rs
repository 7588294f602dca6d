//! What everybody does just now (floor 3).

use std::fmt;
use std::time::Duration;

use super::board::Running;
use super::core::Shared;
use super::survey::Seek;
use super::waiting::{Cycle, Picture, Waiting};
use crate::task::info::{Cause, Nanos, State, TaskInfo};

/// All tasks that have not finished, and what each does or waits for: [`Runtime::dump`] and
/// [`Handle::dump`].
///
/// Printed it is a tree: below each task stand those whose end it awaits, by a handle or a set;
/// whom nobody awaits stands at the left. Of each it says the id, the name, where it was spawned,
/// its state, who woke it last, how many switches it has had, and its run time, where that
/// is measured; then what it waits for, where, since when, and who holds that. Cycles come first.
///
/// [`Runtime::dump`]: super::Runtime::dump
/// [`Handle::dump`]: super::Handle::dump
#[derive(Clone, Debug)]
pub struct Dump {
    picture: Picture,
    at: Nanos,
    timed: bool,
}

impl Dump {
    /// The tasks, in the order of spawning.
    pub fn tasks(&self) -> &[Waiting] {
        &self.picture.tasks
    }

    /// The tasks that wait for each other, as far as is known: see [`Cycle::is_certain`].
    pub fn cycles(&self) -> &[Cycle] {
        &self.picture.cycles
    }

    /// When that was, on the clock of the runtime.
    pub fn at(&self) -> Nanos {
        self.at
    }

    /// Those whose end the task at `n` awaits.
    fn awaited(&self, n: usize) -> impl Iterator<Item = usize> {
        let awaits = &self.picture.awaits;
        let first = awaits.partition_point(|(task, _)| *task < n);
        awaits[first..].iter().take_while(move |(task, _)| *task == n).map(|(_, whom)| *whom)
    }

    /// The tasks as a tree, from the top: how deep, and which.
    fn tree(&self) -> Vec<(usize, usize)> {
        let mut tops = vec![true; self.tasks().len()];
        self.picture.awaits.iter().for_each(|(_, whom)| tops[*whom] = false);
        // Those who await each other in a circle have no top: the first of them will do.
        let tops = (0..tops.len()).filter(|n| tops[*n]).chain(0..tops.len());
        let mut shown = vec![false; self.tasks().len()];
        let mut tree = Vec::new();
        for top in tops {
            let mut next = vec![(0, top)];
            while let Some((depth, n)) = next.pop() {
                if !std::mem::replace(&mut shown[n], true) {
                    tree.push((depth, n));
                    let below: Vec<_> = self.awaited(n).map(|whom| (depth + 1, whom)).collect();
                    next.extend(below.into_iter().rev());
                }
            }
        }
        tree
    }

    fn history(&self, task: &TaskInfo) -> String {
        let cause = match task.cause() {
            Cause::Task(by) => format!("woken by {}", self.picture.who(by)),
            Cause::Spawn { by: Some(by) } => format!("spawned by {}", self.picture.who(by)),
            cause => cause.to_string(),
        };
        let switches = match task.switches() {
            1 => "1 switch".to_string(),
            n => format!("{n} switches"),
        };
        match (task.total_run(), self.timed) {
            (0, false) => format!("{cause}; {switches}"),
            (ran, _) => format!("{cause}; {switches}, ran for {:?}", Duration::from_nanos(ran)),
        }
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |state| self.tasks().iter().filter(|w| w.task.state() == state).count();
        let (ready, waiting) = (count(State::Ready), count(State::Waiting));
        let at = Duration::from_nanos(self.at);
        let n = self.tasks().len();
        write!(f, "{n} task{} at {at:?}: ", if n == 1 { "" } else { "s" })?;
        write!(f, "{ready} ready, {waiting} waiting")?;
        f.write_str(if count(State::Running) > 0 { ", 1 running" } else { "" })?;
        for cycle in self.cycles() {
            write!(f, "\n{cycle}")?;
        }
        for (depth, n) in self.tree() {
            let waiting = &self.tasks()[n];
            let (line, history) = (format!("\n{:1$}", "", 2 * depth), self.history(&waiting.task));
            f.write_str(&line)?;
            waiting.tell(f, &history, &format!("{line}    "), &|id| self.picture.who(id))?;
        }
        Ok(())
    }
}

/// The loop did not answer [`Handle::dump`](super::Handle::dump).
#[derive(Clone, Debug)]
pub struct NoAnswer {
    waited: Duration,
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    Gone,
    /// Its host has the thread.
    Away,
    /// It was asked from within.
    Inside,
    /// So many switches were made meanwhile.
    Busy(Running, u64),
}

impl NoAnswer {
    pub(super) fn gone(waited: Duration) -> Self {
        Self { waited, why: Why::Gone }
    }

    pub(super) fn inside() -> Self {
        Self { waited: Duration::ZERO, why: Why::Inside }
    }

    /// What was going on before and after it was waited for.
    pub(super) fn of(waited: Duration, before: Option<Running>, after: Option<Running>) -> Self {
        let Some(mut now) = after else { return Self { waited, why: Why::Away } };
        let made = match before {
            Some(before) => now.switch.wrapping_sub(before.switch),
            None => 1,
        };
        if made == 0 {
            now.at_least = waited;
        }
        Self { waited, why: Why::Busy(now, made) }
    }

    /// How long it was waited for.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The task that has the thread, if the loop is in a switch, or in what followed it: in a
    /// policy, an observer or somebody's waker.
    pub fn running(&self) -> Option<&Running> {
        match &self.why {
            Why::Busy(running, _) => Some(running),
            Why::Gone | Why::Away | Why::Inside => None,
        }
    }

    /// Whether the runtime is gone.
    pub fn is_gone(&self) -> bool {
        matches!(self.why, Why::Gone)
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waited = Duration::from_millis(self.waited.as_millis() as u64);
        match &self.why {
            Why::Gone => f.write_str("the runtime has been shut down"),
            Why::Inside => f.write_str(
                "the loop was asked from inside a policy or an observer, or from a panic hook that \
                 one of them called by its panic: the tasks are in the middle of a change then",
            ),
            Why::Away => write!(
                f,
                "the loop has not answered for {waited:?}: nobody drives it, its host has the \
                 thread. It answers in `block_on`, `turn` and `step`"
            ),
            Why::Busy(running, made) => {
                write!(f, "the loop has not answered for {waited:?}: it is with {running}")?;
                match made {
                    0 => f.write_str(
                        ". What computes or blocks for long belongs into `task::spawn_blocking`",
                    ),
                    n => write!(f, ", and has made {n} switches meanwhile without an end of turn"),
                }
            }
        }
    }
}

impl std::error::Error for NoAnswer {}

impl Shared {
    /// What everybody does just now.
    pub(crate) fn dump(&self) -> Dump {
        let picture = self.picture(Seek::Likely);
        Dump { picture, at: self.clock.now(), timed: self.core.borrow().timed }
    }
}
