//! Lab 5: write a policy. It is held to the contract, and then to numbers.

use std::time::Duration;

use turno::policy::{self, Policy, Rule};
use turno::task;
use turno::time::work;
use turno::trace::Switch;

use crate::lab::{Exam, Finding, Lab, Scenario, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::policy as solution;
use crate::stage::{End, MS, Run, Stage, nanos};

mod starter;

#[path = "wrong/first_come.rs"]
mod first_come;
#[path = "wrong/last_among_equals.rs"]
mod last_among_equals;
#[path = "wrong/longest_first.rs"]
mod longest_first;
#[path = "wrong/lost.rs"]
mod lost;
#[path = "wrong/no_size_first.rs"]
mod no_size_first;
#[path = "wrong/not_ready.rs"]
mod not_ready;

/// Makes a policy.
pub(super) type Make = dyn Fn() -> Box<dyn Policy>;

macro_rules! bind {
    ($module:ident) => {
        || -> Box<dyn turno::policy::Policy> { $module::policy().into() }
    };
}
pub(super) use bind;

/// Lab 5.
pub fn lab() -> Lab {
    let programs = programs![examine, bind;
        starter "starter" "labs/5_policy/starter.rs",
        not_ready "not-ready" "labs/5_policy/wrong/not_ready.rs",
        lost "lost" "labs/5_policy/wrong/lost.rs",
        first_come "first-come" "labs/5_policy/wrong/first_come.rs",
        longest_first "longest-first" "labs/5_policy/wrong/longest_first.rs",
        last_among_equals "last-among-equals" "labs/5_policy/wrong/last_among_equals.rs",
        no_size_first "no-size-first" "labs/5_policy/wrong/no_size_first.rs",
        solution "solution" "solutions/5.rs",
    ];
    Lab {
        number: 5,
        folder: "5_policy",
        readme: bilingual!("README"),
        says: bilingual!("says"),
        programs,
    }
}

fn examine(make: &Make) -> Exam {
    const SCENARIOS: [Scenario<Make>; 4] = [
        Scenario { name: "contract", play: contract },
        Scenario { name: "four-jobs", play: |make| jobs(make, &FOUR) },
        Scenario { name: "equals", play: |make| jobs(make, &EQUALS) },
        Scenario { name: "no-size", play: |make| jobs(make, &NO_SIZE) },
    ];
    Exam::of(make, &SCENARIOS, ask)
}

/// Whether the policy keeps turno's contract; if so, how four jobs go.
fn contract(make: &Make) -> (Run, Option<Finding>) {
    match breach(make) {
        None => (play(make, &FOUR), None),
        found => (Run::nothing(), found),
    }
}

/// What `policy::check` finds, by the name of the rule.
pub(super) fn breach(make: &Make) -> Option<Finding> {
    let violation = policy::check(make).err()?;
    let name = match violation.rule() {
        Rule::Idle => "idle",
        Rule::Lost => "lost",
        Rule::NotReady | Rule::Stale => "not-ready",
        Rule::Panicked => "panicked",
        _ => "contract",
    };
    Some(Finding::new(name).in_words(Some(violation.to_string())))
}

/// A job: its name, what it told of its size in ms, and how much it computes. All come at once.
type Job = (&'static str, Option<u32>, u32);

/// The four of a well-known textbook: 7 ms of waiting on the average at best.
const FOUR: [Job; 4] =
    [("ann", Some(6), 6), ("bob", Some(8), 8), ("cid", Some(7), 7), ("dan", Some(3), 3)];

const EQUALS: [Job; 5] = [
    ("ann", Some(4), 4),
    ("bob", Some(2), 2),
    ("cid", Some(4), 4),
    ("dan", Some(2), 2),
    ("eve", Some(4), 4),
];

const NO_SIZE: [Job; 3] = [("ann", None, 5), ("bob", Some(3), 3), ("cid", None, 1)];

fn play(make: &Make, jobs: &[Job]) -> Run {
    let stage = Stage::with_policy(make());
    for &(name, size, time) in jobs {
        let mut builder = task::Builder::new().name(name);
        if let Some(size) = size {
            builder = builder.expected_size(size * MS);
        }
        drop(stage.task_as(builder, work(time * MS)));
    }
    stage.play()
}

/// The jobs in the order in which they are to run.
fn best(jobs: &[Job]) -> Vec<Job> {
    let mut best = jobs.to_vec();
    best.sort_by_key(|&(_, size, _)| size.unwrap_or(u32::MAX));
    best
}

/// The mean of the waits, if the jobs run in that order.
fn mean_wait(jobs: &[Job]) -> f64 {
    let starts = jobs.iter().scan(0, |now, &(_, _, time)| {
        let start = *now;
        *now += time;
        Some(start)
    });
    f64::from(starts.sum::<u32>()) / jobs.len() as f64
}

fn jobs(make: &Make, jobs: &[Job]) -> (Run, Option<Finding>) {
    let run = play(make, jobs);
    let finding = judge(&run, jobs);
    (run, finding)
}

fn judge(run: &Run, jobs: &[Job]) -> Option<Finding> {
    if !matches!(run.end, End::Done) {
        return Some(Finding::new("contract").in_words(run.words()));
    }
    let best = best(jobs);
    let order: Vec<String> =
        run.recording.switches().map(|switch| run.recording.label(switch.task)).collect();
    let names = |jobs: &[Job]| jobs.iter().map(|&(name, ..)| name).collect::<Vec<_>>();
    if order == names(&best) {
        return None;
    }
    let ran: Vec<Job> =
        order.iter().filter_map(|name| jobs.iter().find(|(is, ..)| is == name).copied()).collect();
    let size = |job: &Job| job.1.unwrap_or(u32::MAX);
    let name = if order == names(jobs) {
        "first-come"
    } else if ran.is_sorted_by_key(size) {
        "last-among-equals"
    } else if jobs.iter().any(|(_, size, _)| size.is_none()) {
        "no-size-first"
    } else if ran.is_sorted_by_key(|job| std::cmp::Reverse(size(job))) {
        "longest-first"
    } else {
        "other-order"
    };
    let finding = Finding::new(name).fact("order", order.join(" "));
    Some(
        finding
            .fact("mean", format!("{:.2} ms", mean_wait(&ran)))
            .fact("best", format!("{:.2} ms", mean_wait(&best)))
            .fact("job", first_wrong(&ran, &best)),
    )
}

/// Who ran in somebody else's place first.
fn first_wrong(ran: &[Job], best: &[Job]) -> &'static str {
    ran.iter().zip(best).find(|(ran, best)| ran.0 != best.0).map_or("", |(ran, _)| ran.0)
}

/// Who waited longest for its turn, and how many milliseconds?
fn ask(run: &Run) -> Option<Question> {
    let switches: Vec<Switch<'_>> = run.recording.switches().collect();
    let longest = switches.iter().max_by_key(|switch| switch.waited)?;
    let last = switches.iter().max_by_key(|switch| switch.ran)?;
    let waited = longest.waited / nanos(MS);
    let name = |switch: &Switch<'_>| run.recording.label(switch.task);
    let answer = Answer::Both(name(longest), waited);
    let all = Duration::from_nanos(longest.at + longest.ran).as_millis() as u64;
    let question = Question::new(&run.recording, answer)
        .mistake(Answer::Both(name(longest), all), "answer-not-the-end")
        .mistake(Answer::Both(name(last), last.ran / nanos(MS)), "answer-not-the-work");
    let others = switches.iter().filter(|switch| switch.task != longest.task);
    Some(others.fold(question, |question, switch| {
        let waited = switch.waited / nanos(MS);
        question.mistake(Answer::Both(name(switch), waited), "answer-somebody-longer")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solutions::also::{sjf, tree};

    #[test]
    fn other_right_programs_are_right() {
        let found = |exam: Exam| exam.finding().map(|finding| finding.name);
        assert_eq!(found(examine(&bind!(sjf))), None, "sjf");
        assert_eq!(found(examine(&bind!(tree))), None, "tree");
    }
}
