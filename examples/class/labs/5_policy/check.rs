//! Lab 5: write a policy. It is held to the contract, and then to numbers.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;
use std::time::Duration;

use turno::policy::{self, Policy, Rule};
use turno::sync::Notify;
use turno::task;
use turno::time::{sleep, work};
use turno::trace::Switch;

use crate::lab::{Exam, Finding, Lab, Scenario, drawn, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::policy as solution;
use crate::stage::{End, MS, Pace, Run, Stage, nanos};

#[path = "wrong/first_come.rs"]
mod first_come;
#[path = "wrong/last_among_equals.rs"]
mod last_among_equals;
#[path = "wrong/last_come.rs"]
mod last_come;
#[path = "wrong/longest_first.rs"]
mod longest_first;
#[path = "wrong/lost.rs"]
mod lost;
#[path = "wrong/no_size_first.rs"]
mod no_size_first;
#[path = "wrong/not_ready.rs"]
mod not_ready;
#[path = "wrong/order_disturbed.rs"]
mod order_disturbed;
#[path = "wrong/ties_by_id.rs"]
mod ties_by_id;

/// Makes a policy.
pub type Make = dyn Fn() -> Box<dyn Policy>;

/// How to examine a module as a program of lab 5.
#[macro_export]
macro_rules! policy {
    ($module:ident) => {
        || $crate::labs::policy::examine(&|| $module::policy().into())
    };
}

/// Lab 5.
pub fn lab() -> Lab {
    let programs = programs![policy;
        not_ready "not-ready" "labs/5_policy/wrong/not_ready.rs",
        lost "lost" "labs/5_policy/wrong/lost.rs",
        first_come "first-come" "labs/5_policy/wrong/first_come.rs",
        longest_first "longest-first" "labs/5_policy/wrong/longest_first.rs",
        last_among_equals "last-among-equals" "labs/5_policy/wrong/last_among_equals.rs",
        no_size_first "no-size-first" "labs/5_policy/wrong/no_size_first.rs",
        ties_by_id "ties-by-id" "labs/5_policy/wrong/ties_by_id.rs",
        order_disturbed "order-disturbed" "labs/5_policy/wrong/order_disturbed.rs",
        last_come "last-come" "labs/5_policy/wrong/last_come.rs",
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

/// Runs the scenarios of lab 5.
pub fn examine(make: &Make) -> Exam {
    const SCENARIOS: [Scenario<Make>; 5] = [
        Scenario { name: "four-jobs", play: |make, pace| jobs(make, pace, &FOUR, None) },
        Scenario { name: "contract", play: |make, _| (Run::nothing(), breach(make)) },
        Scenario {
            name: "equals",
            play: |make, pace| jobs(make, pace, &EQUALS, Some(&[2, 3, 4, 1, 0])),
        },
        Scenario { name: "no-size", play: |make, pace| jobs(make, pace, &NO_SIZE, None) },
        Scenario {
            name: "drawn",
            play: |make, pace| {
                drawn(|dice| {
                    let drawn = NAMES[..2 + dice.roll(5) as usize].iter().map(|&name| {
                        let size = 1 + dice.roll(4);
                        (name, (dice.roll(5) > 0).then_some(size), size)
                    });
                    let drawn: Vec<Job> = drawn.collect();
                    let mut come: Vec<usize> = (0..drawn.len()).collect();
                    come.sort_by_cached_key(|_| dice.roll(1_000));
                    jobs(make, pace, &drawn, Some(&come))
                })
            },
        },
    ];
    // A policy that goes by chance differs each time, and not by the clock.
    Exam::of(make, &SCENARIOS, ask).unless("real-clock", || chance(make))
}

/// What `policy::check` finds, by the name of the rule.
pub(super) fn breach(make: &Make) -> Option<Finding> {
    let violation = policy::check(make).err()?;
    let same = (0..3).all(|_| {
        policy::check(make).is_err_and(|again| again.to_string() == violation.to_string())
    });
    let name = match violation.rule() {
        _ if !same => "never-the-same",
        Rule::Idle => "idle",
        Rule::Lost => "lost",
        Rule::NotReady | Rule::Stale => "not-ready",
        Rule::Panicked => "panicked",
        Rule::Forget => "order-disturbed",
        Rule::Changed => "asked-once",
        Rule::Random => "never-the-same",
        _ => "contract",
    };
    Some(Finding::new(name).in_words(Some(violation.to_string())))
}

/// Whether it goes by chance: then a few short scripts are enough, each time. In so short a time
/// the real clock makes no difference.
pub(super) fn chance(make: &Make) -> Option<Finding> {
    let breaks = || (0..64).any(|seed| policy::check_seed(seed, make).is_err());
    (0..3).all(|_| breaks()).then(|| Finding::new("never-the-same"))
}

/// A job: its name, what it told of its size in ms, and how much it computes.
type Job = (&'static str, Option<u32>, u32);

const NAMES: [&str; 6] = ["ann", "bob", "cid", "dan", "eve", "fay"];

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

/// What `dan` says of its size is an hour, and wrong.
const NO_SIZE: [Job; 4] =
    [("ann", None, 5), ("bob", Some(3), 3), ("cid", None, 1), ("dan", Some(3_600_000), 2)];

/// The jobs come at once; or they wait, and the task `boss` wakes them in the order of `come`.
fn jobs(make: &Make, pace: Pace, jobs: &[Job], come: Option<&[usize]>) -> (Run, Option<Finding>) {
    let stage = Stage::with_policy(pace, make());
    let ran = Rc::<RefCell<Vec<Job>>>::default();
    let calls: Vec<Rc<Notify>> = jobs.iter().map(|_| Rc::new(Notify::new())).collect();
    for (&job, call) in jobs.iter().zip(&calls) {
        let (name, size, time) = job;
        let mut builder = task::Builder::new().name(name);
        if let Some(size) = size {
            builder = builder.expected_size(size * MS);
        }
        let (note, call) = (ran.clone(), come.is_some().then(|| call.clone()));
        drop(stage.task_as(builder, async move {
            if let Some(call) = call {
                call.notified().await;
            }
            note.borrow_mut().push(job);
            work(time * MS).await;
        }));
    }
    let came: Vec<Job> = match come {
        Some(come) => come.iter().map(|&n| jobs[n]).collect(),
        None => jobs.to_vec(),
    };
    if let Some(come) = come {
        let calls: Vec<_> = come.iter().map(|&n| calls[n].clone()).collect();
        drop(stage.task("boss", async move {
            sleep(MS).await;
            calls.iter().for_each(|call| call.notify_one());
        }));
    }
    let run = stage.play();
    let finding = judge(make, &run, &came, &ran.borrow());
    (run, finding)
}

/// The jobs in the order in which they are to run: the shortest first, equals as they came.
fn best(came: &[Job]) -> Vec<Job> {
    let mut best = came.to_vec();
    best.sort_by_key(|&(_, size, _)| size.unwrap_or(u32::MAX));
    best
}

/// The wrong orders that have a name. What explains the order in which they ran is what is wrong.
fn wrong_orders(came: &[Job]) -> Vec<(&'static str, Vec<Job>)> {
    let size = |job: &Job| job.1.unwrap_or(u32::MAX);
    let id = |job: &Job| job.0; // They are spawned by the alphabet.
    let last: Vec<Job> = came.iter().rev().copied().collect();
    let mut orders = vec![("first-come", came.to_vec()), ("last-come", last.clone())];
    let mut order = |name, mut jobs: Vec<Job>, sort: &dyn Fn(&mut [Job])| {
        sort(&mut jobs);
        orders.push((name, jobs));
    };
    order("first-come", came.to_vec(), &|jobs| jobs.sort_by_key(id));
    order("last-among-equals", last.clone(), &|jobs| jobs.sort_by_key(size));
    order("ties-by-id", came.to_vec(), &|jobs| jobs.sort_by_key(|job| (size(job), id(job))));
    order("ties-by-id", came.to_vec(), &|jobs| {
        jobs.sort_by_key(|job| (size(job), Reverse(id(job))));
    });
    for jobs in [came.to_vec(), last] {
        order("longest-first", jobs.clone(), &|jobs| jobs.sort_by_key(|job| Reverse(size(job))));
        order("longest-first", jobs, &|jobs| jobs.sort_by_key(|job| Reverse(job.1)));
    }
    orders
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

fn judge(make: &Make, run: &Run, came: &[Job], ran: &[Job]) -> Option<Finding> {
    if !matches!(run.end, End::Done) {
        // It does not keep the contract: then that is what is wrong with it.
        return breach(make).or(Some(Finding::new("contract").in_words(run.words())));
    }
    let best = best(came);
    if ran == best {
        return None;
    }
    let known = wrong_orders(came).into_iter().find(|(_, order)| ran == order);
    let sized = |&&(_, size, _): &&Job| size.is_some();
    let name = if let Some((name, _)) = known {
        name
    } else if ran.iter().filter(sized).eq(best.iter().filter(sized)) {
        "no-size-first"
    } else {
        "other-order"
    };
    let names: Vec<&str> = ran.iter().map(|&(name, ..)| name).collect();
    Some(
        Finding::new(name)
            .fact("order", names.join(" "))
            .fact("mean", format!("{:.2} ms", mean_wait(ran)))
            .fact("best", format!("{:.2} ms", mean_wait(&best)))
            .fact("job", first_wrong(ran, &best)),
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
