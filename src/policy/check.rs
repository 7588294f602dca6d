//! Holds a policy to the contract, without a runtime (floor 1).
//!
//! Many short random scripts are run through new policies. [`run`] compares one run with a simple
//! model; here, runs are compared with each other.

use std::collections::VecDeque;
use std::fmt;

use super::{Policy, Rng};
use crate::task::id::Id;

mod event;
mod known;
mod run;
mod script;
mod world;

use event::{Event, Fault, Outcome};
use run::{How, Make, run};
use script::{Attribute, CROWDED, LATE, MANY, Op, SEEDS, Script, one_of};
#[cfg(test)]
pub(super) use world::Bench;

/// Runs the policies that `make` makes through many random scripts, and says which rule of
/// [the contract](super) they break, if one. It takes about half a second in a debug build, and
/// longer if a pick takes long among many tasks.
///
/// The scripts are always the same ones. In each, tasks are spawned, woken, picked, aborted and
/// changed, time passes, another such policy takes over, and places in the task table are used
/// again. Most are short; some rules can only be seen by comparing runs of these, see [`Rule`]. In
/// three that are long
/// - up to ten thousand tasks are ready at once,
/// - one policy makes more than a hundred thousand picks,
/// - the time is a year, and half of all that there is,
///
/// and attributes are as small or large as they can be.
///
/// # What it cannot find
/// What goes wrong among more tasks or after more picks than that; at one size, time, name, number
/// or attribute that happens not to come up; or only if several rare things meet. Whether a policy
/// keeps what it promises itself (an order, a share, that it starves no task): a task counts as
/// lost only if it is not picked when no other is left. What it does when it is called against the
/// contract: a `ready` without a `pick` in between, times that go backwards. And how long it takes.
///
/// # Errors
/// The first [`Violation`], with a short script that shows it, or with the end of a long one.
pub fn check(make: impl Fn() -> Box<dyn Policy>) -> Result<(), Violation> {
    (0..SEEDS).try_for_each(|seed| check_script(&make, seed))?;
    [CROWDED, LATE, MANY].into_iter().try_for_each(|seed| check_long(&make, seed))?;
    Attribute::ALL
        .into_iter()
        .try_for_each(|attribute| check_changes(&make, attribute, 0..CHANGES, ENOUGH))
}

/// Runs the scripts of one seed only: what [`check`] found with it can be found again, and stepped
/// through. To judge a policy, use [`check`]: one script may be too few for [`Rule::Changed`].
///
/// # Errors
/// The [`Violation`] that shows with this seed.
pub fn check_seed(seed: u64, make: impl Fn() -> Box<dyn Policy>) -> Result<(), Violation> {
    check_script(&make, seed)?;
    check_long(&make, seed)?;
    let seeds = seed..seed.saturating_add(1);
    Attribute::ALL
        .into_iter()
        .try_for_each(|attribute| check_changes(&make, attribute, seeds.clone(), 1))
}

/// A rule of [the contract](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A task that is queued is picked some day.
    Lost,
    /// A task is picked only if it has become ready since it was last picked.
    NotReady,
    /// While tasks are queued, one of them is picked, or nobody until a time that is to come, and
    /// does.
    Idle,
    /// A task that is gone is picked no more often than it had become ready.
    Stale,
    /// A policy does not panic.
    Panicked,
    /// A task that was aborted while queued leaves no trace in the order of the others. Seen by
    /// running a script with and without tasks that are spawned and aborted between two picks;
    /// not asked of a policy that draws random numbers, since each draw moves all later ones.
    Forget,
    /// Attributes changed while a task is queued count at the latest from its next `ready`. Seen by
    /// running scripts in which a change is made, or never, or holds from the spawn on: that last
    /// one matters to the policy again and again, and the change never does.
    Changed,
    /// The same calls and the same seed make the same picks: no other source of randomness than
    /// [`Tasks::random`](super::Tasks::random).
    Random,
    /// [`queue`](Policy::queue) is empty or says what is picked next, and looking changes nothing.
    Queue,
    /// [`io_every`](Policy::io_every) is at least 1.
    IoEvery,
    /// [`quantum`](Policy::quantum) is not 0 for any task.
    Quantum,
}

/// How a policy breaks the contract. It prints what happened, in short.
pub struct Violation {
    policy: &'static str,
    fault: Fault,
    seed: u64,
    events: VecDeque<Event>,
    forgotten: usize,
}

impl Violation {
    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        self.fault.rule
    }

    /// The task that it was broken with, if it was one.
    pub fn task(&self) -> Option<Id> {
        self.fault.task
    }

    /// The seed of the script that shows it, for [`check_seed`].
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, fault, seed, events, forgotten } = self;
        write!(f, "{policy} breaks the rule {:?}: {}", fault.rule, fault.message)?;
        match forgotten {
            0 => write!(f, "\nseed {seed}, cut down to:")?,
            _ => write!(f, "\nseed {seed}, after {forgotten} other events:")?,
        }
        events.iter().try_for_each(|event| write!(f, "\n  {event}"))
    }
}

impl fmt::Debug for Violation {
    // What `main` and `unwrap` print, so it had better be readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Violation {}

/// All rules that one script can show to be broken.
fn check_script(make: Make<'_>, seed: u64) -> Result<(), Violation> {
    let rules = [one_run, same_again, nobody_looking, nobody_passing];
    let script = Script::new(seed);
    rules.into_iter().try_for_each(|rule| judge(make, &script, &rule))
}

/// The rules that are only seen to be broken after many picks, among many tasks or at late times.
fn check_long(make: Make<'_>, seed: u64) -> Result<(), Violation> {
    let Some(script) = Script::long(seed) else { return Ok(()) };
    let all = [one_run, same_again, nobody_looking, nobody_passing];
    // The longer ones are too long to be run again and again.
    let rules = if seed == LATE { &all[..] } else { &all[..1] };
    rules.iter().try_for_each(|rule| judge(make, &script, rule))
}

/// A comparison of runs of one script. The outcome tells what happened, and holds the fault.
type Judge<'a> = &'a dyn Fn(Make<'_>, &Script) -> Outcome;

fn one_run(make: Make<'_>, script: &Script) -> Outcome {
    run(make, script, How::Watched)
}

fn same_again(make: Make<'_>, script: &Script) -> Outcome {
    let (first, second) = (run(make, script, How::Watched), run(make, script, How::Watched));
    let same = "the same script with the same seed made other picks the second time";
    first.compared(second, Rule::Random, same)
}

fn nobody_looking(make: Make<'_>, script: &Script) -> Outcome {
    let (watched, alone) = (run(make, script, How::Watched), run(make, script, How::Unwatched));
    watched.compared(alone, Rule::Queue, "the picks differ when nobody calls `queue` and `explain`")
}

fn nobody_passing(make: Make<'_>, script: &Script) -> Outcome {
    let with = run(make, script, How::Unwatched);
    if with.drew {
        return with;
    }
    let without = run(make, script, How::WithoutPassing);
    let trace = "without the tasks that were aborted before anybody was picked, the picks differ";
    with.compared(without, Rule::Forget, trace)
}

impl Outcome {
    /// Who ran, in order.
    fn ids(&self) -> Vec<u64> {
        self.picks.iter().map(|&(_, id)| id.serial()).collect()
    }

    /// The outcome, with a fault if it has none and the picks of the other differ.
    fn compared(mut self, mut other: Self, rule: Rule, message: &str) -> Self {
        self.fault = self.fault.or(other.fault.take());
        if self.fault.is_none() && self.picks != other.picks {
            let (here, there) = (self.ids(), other.ids());
            let at = here.iter().zip(&there).position(|(here, there)| here != there);
            let task = at.map(|at| self.picks[at].1);
            let from = at.unwrap_or(here.len().min(there.len())).saturating_sub(30);
            let shown = |ids: &[u64]| format!("{:?}", &ids[from..ids.len().min(from + 60)]);
            let picks = format!("{message}: {} and {}", shown(&here), shown(&there));
            self.fault = Some(Fault::new(rule, task, picks));
        }
        self
    }
}

/// The violation that `judge` finds in the script, if it does, with the script cut down.
fn judge(make: Make<'_>, script: &Script, judge: Judge<'_>) -> Result<(), Violation> {
    let mut outcome = judge(make, script);
    let Some(rule) = outcome.fault.as_ref().map(|fault| fault.rule) else { return Ok(()) };
    let mut script = script.clone();
    let shows = |outcome: &Outcome| outcome.fault.as_ref().is_some_and(|it| it.rule == rule);
    // One pass from the end. Each panic would be printed, so there what happened must do; and a
    // long script would take too long.
    let cut = rule != Rule::Panicked && !script.is_long();
    for at in (0..script.ops.len()).rev().filter(|_| cut) {
        let shorter = script.without(at);
        let retried = judge(make, &shorter);
        if shows(&retried) {
            (script, outcome) = (shorter, retried);
        }
    }
    match outcome.fault {
        Some(fault) => Err(Violation {
            policy: outcome.name,
            fault,
            seed: script.seed,
            events: outcome.events,
            forgotten: outcome.forgotten,
        }),
        None => Ok(()),
    }
}

/// How many scripts are tried with a change of each attribute.
const CHANGES: u64 = 128;

/// In how many of them a change must be ignored that would matter, and in none be heard.
const ENOUGH: u32 = 12;

/// Whether the policy ignores that the attribute was changed while a task was queued.
fn check_changes(
    make: Make<'_>,
    attribute: Attribute,
    seeds: std::ops::Range<u64>,
    enough: u32,
) -> Result<(), Violation> {
    let (mut ignored, mut first) = (0, None);
    for script in seeds.filter_map(|seed| changing_script(make, attribute, seed)) {
        let (outcome, moved) = with_change(make, &script);
        if moved {
            // Once is enough to know that it listens.
            return Ok(());
        }
        if outcome.fault.is_some() {
            ignored += 1;
            first = first.or(Some(script));
        }
    }
    match first {
        Some(script) if ignored >= enough => {
            judge(make, &script, &|make, script| with_change(make, script).0)
        }
        _ => Ok(()),
    }
}

/// A script with one change of that attribute, early on, of a task that is queued then.
fn changing_script(make: Make<'_>, attribute: Attribute, seed: u64) -> Option<Script> {
    let rng = Rng::new(seed);
    let mut script = Script::busy(seed);
    let at = 2 + one_of(&rng, 30);
    let task = (*run(make, &script, How::Unwatched).queued.get(at)?)?;
    let old = script.spawned_with(task)?;
    let attributes = attribute.redrawn(old, &rng);
    script.ops.insert(at + 1, Op::Change { task, attributes });
    (attributes != old).then_some(script)
}

/// Runs a script with a change in it, and says whether the change made a difference. With a fault
/// if not, though from the task's next `ready` on it would have, had it been made at the spawn.
fn with_change(make: Make<'_>, script: &Script) -> (Outcome, bool) {
    let mut changed = run(make, script, How::Unwatched);
    let never = run(make, &script.unchanged(false), How::Unwatched);
    let moved = changed.ids() != never.ids();
    let change = script.ops.iter().position(|op| matches!(op, Op::Change { .. }));
    let id = changed.events.iter().find_map(Event::changed);
    let (false, Some(change), Some(id)) = (moved, change, id) else { return (changed, moved) };
    let next_ready = never.readied.iter().find(|&&(op, ready)| ready == id && op >= change);
    let Some(&(next_ready, _)) = next_ready else { return (changed, moved) };
    let always = run(make, &script.unchanged(true), How::Unwatched);
    let after = |outcome: &Outcome| {
        outcome.picks.iter().filter(|(op, _)| *op > next_ready).copied().collect::<Vec<_>>()
    };
    if after(&never) != after(&always) {
        let message = format!(
            "the change of task {id} has no effect; had it been made at the spawn, it would have, \
             even after the task's next `ready`"
        );
        changed.fault = changed.fault.or(Some(Fault::new(Rule::Changed, Some(id), message)));
    }
    (changed, moved)
}
