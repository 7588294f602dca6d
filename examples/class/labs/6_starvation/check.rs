//! Lab 6: starvation and aging. Strict priority starves; aging is judged by two numbers.

use turno::task::{self, Nanos, yield_now};
use turno::time::{Instant, work};

use crate::lab::{Exam, Finding, Lab, Scenario, drawn, programs};
use crate::labs::policy::{Make, breach, chance};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::starvation as solution;
use crate::stage::{End, MS, Pace, Run, Stage, ms, nanos};

#[path = "wrong/aged_for_good.rs"]
mod aged_for_good;
#[path = "wrong/ages_too_slowly.rs"]
mod ages_too_slowly;
#[path = "wrong/last_among_equals.rs"]
mod last_among_equals;
#[path = "wrong/no_priority.rs"]
mod no_priority;
#[path = "wrong/upside_down.rs"]
mod upside_down;

/// How to examine a module as a program of lab 6.
#[macro_export]
macro_rules! starvation {
    ($module:ident) => {
        || $crate::labs::starvation::examine(&|| $module::policy().into())
    };
}

/// Lab 6.
pub fn lab() -> Lab {
    let programs = programs![starvation;
        no_priority "no-priority" "labs/6_starvation/wrong/no_priority.rs",
        aged_for_good "aged-for-good" "labs/6_starvation/wrong/aged_for_good.rs",
        ages_too_slowly "ages-too-slowly" "labs/6_starvation/wrong/ages_too_slowly.rs",
        upside_down "upside-down" "labs/6_starvation/wrong/upside_down.rs",
        last_among_equals "last-among-equals" "labs/6_starvation/wrong/last_among_equals.rs",
        solution "solution" "solutions/6.rs",
    ];
    Lab {
        number: 6,
        folder: "6_starvation",
        readme: bilingual!("README"),
        says: bilingual!("says"),
        programs,
    }
}

/// A task that computes for a millisecond, gives way, and again: its name and its priority.
type Hog = (&'static str, u8);

/// So urgent or more.
const URGENT: u8 = 100;

const OFFICE: [Hog; 4] = [("alarm", 200), ("alarm-2", 200), ("report", 10), ("report-2", 10)];

const LEVELS: [Hog; 3] = [("alarm", 200), ("page", 150), ("report", 10)];

/// How long they go on.
const DAY: Nanos = 60_000_000;

/// Nobody may wait longer.
const LONGEST: Nanos = 15_000_000;

/// The least that the urgent are to have of the thread, in percent.
const SHARE: u64 = 75;

/// Runs the scenarios of lab 6.
pub fn examine(make: &Make) -> Exam {
    const SCENARIOS: [Scenario<Make>; 4] = [
        Scenario { name: "office", play: |make, pace| hogs(make, pace, &OFFICE) },
        Scenario { name: "three-levels", play: |make, pace| hogs(make, pace, &LEVELS) },
        Scenario {
            name: "drawn",
            play: |make, pace| {
                drawn(|dice| {
                    let urgent = URGENTS[..1 + dice.roll(3) as usize].iter();
                    let urgent = urgent.map(|&name| (name, 190 + dice.roll(2) as u8 * 20));
                    let mut drawn: Vec<Hog> = urgent.collect();
                    let others = OTHERS[..1 + dice.roll(2) as usize].iter();
                    drawn.extend(others.map(|&name| (name, 10 + dice.roll(2) as u8 * 5)));
                    drawn.sort_by_cached_key(|_| dice.roll(1_000));
                    hogs(make, pace, &drawn)
                })
            },
        },
        Scenario { name: "contract", play: |make, _| (Run::nothing(), breach(make)) },
    ];
    // A policy that goes by chance differs each time, and not by the clock.
    Exam::of(make, &SCENARIOS, ask).unless("real-clock", || chance(make))
}

const URGENTS: [&str; 3] = ["alarm", "alarm-2", "alarm-3"];

const OTHERS: [&str; 2] = ["report", "report-2"];

fn hogs(make: &Make, pace: Pace, hogs: &[Hog]) -> (Run, Option<Finding>) {
    let stage = Stage::with_policy(pace, make());
    let start = stage.inside(Instant::now);
    for &(name, priority) in hogs {
        let builder = task::Builder::new().name(name).priority(priority);
        drop(stage.task_as(builder, async move {
            while nanos(start.elapsed()) < DAY {
                work(MS).await;
                yield_now().await;
            }
        }));
    }
    let run = stage.play();
    let finding = judge(make, &run, hogs);
    (run, finding)
}

/// Whether an equal of that task had turn after turn while the task waited longest.
fn overtaken(run: &Run, hogs: &[Hog], who: &str) -> bool {
    let switches = run.switches_of(who);
    let Some(longest) = switches.iter().max_by_key(|switch| switch.waited) else { return false };
    let waits = longest.at - longest.waited..longest.at;
    let priority = |who| hogs.iter().find(|(name, _)| *name == who).map(|(_, priority)| priority);
    let equals = hogs.iter().filter(|(name, _)| *name != who && priority(*name) == priority(who));
    let turns = |name| run.switches_of(name).iter().filter(|s| waits.contains(&s.at)).count();
    equals.into_iter().any(|(name, _)| turns(name) > 2)
}

/// The longest wait for a turn of those who are urgent, or of those who are not; and whose it is.
fn longest(run: &Run, hogs: &[Hog], urgent: bool) -> (Nanos, &'static str) {
    let of = hogs.iter().filter(|(_, priority)| (*priority >= URGENT) == urgent);
    let waits = of.map(|&(name, _)| {
        let switches = run.switches_of(name);
        (switches.iter().map(|switch| switch.waited).max().unwrap_or(0), name)
    });
    waits.max_by_key(|&(wait, _)| wait).unwrap_or_default()
}

/// What the urgent had of the thread until then, in percent.
fn share(run: &Run, hogs: &[Hog], until: Nanos) -> u64 {
    let ran = |(name, _): &Hog| {
        let switches = run.switches_of(name);
        let early = switches.iter().filter(|switch| switch.at < until);
        early.map(|switch| switch.ran).sum::<Nanos>()
    };
    let all: Nanos = hogs.iter().map(ran).sum();
    let urgent: Nanos = hogs.iter().filter(|(_, priority)| *priority >= URGENT).map(ran).sum();
    100 * urgent / all.max(1)
}

fn judge(make: &Make, run: &Run, hogs: &[Hog]) -> Option<Finding> {
    if !matches!(run.end, End::Done) {
        // It does not even keep the contract: then that is what is wrong with it.
        let finding = breach(make).unwrap_or(Finding::new("contract").in_words(run.words()));
        return Some(finding);
    }
    let ((wait, who), (urgent_wait, urgent)) =
        (longest(run, hogs, false), longest(run, hogs, true));
    let urgents = share(run, hogs, Nanos::MAX);
    let finding = |name, who: &str, wait: Nanos| {
        let finding = Finding::new(name).fact("task", who).fact("wait", ms(wait));
        let finding = finding.fact("share", format!("{urgents} %")).fact("day", ms(DAY));
        Some(finding.fact("longest", ms(LONGEST)).fact("least", format!("{SHARE} %")))
    };
    let long = [(urgent, urgent_wait), (who, wait)].into_iter().filter(|(_, wait)| *wait > LONGEST);
    if let Some((who, wait)) = long.into_iter().find(|(who, _)| overtaken(run, hogs, who)) {
        return finding("last-among-equals", who, wait);
    }
    if urgent_wait > LONGEST {
        return finding("upside-down", urgent, urgent_wait);
    }
    if wait >= DAY {
        return finding("starved", who, wait);
    }
    if wait > LONGEST {
        return finding("ages-too-slowly", who, wait);
    }
    if urgents < SHARE {
        // In the morning nobody is old.
        let at_first = share(run, hogs, LONGEST / 2);
        let name = if at_first < SHARE { "no-priority" } else { "aged-for-good" };
        return finding(name, who, wait);
    }
    None
}

/// How many switches of others does `report` see go by before its first?
fn ask(run: &Run) -> Option<Question> {
    let first = run.switches_of("report").first()?.n;
    let all = run.recording.switches().count() as u64;
    let others =
        |name: &str| run.switches_of(name).iter().filter(|switch| switch.n < first).count() as u64;
    let number = |n| Answer::Numbers(vec![n]);
    Some(
        Question::new(&run.recording, number(first - 1))
            .mistake(number(first), "answer-not-its-own")
            .mistake(number(others("alarm")), "answer-not-all-others")
            .mistake(number(others("alarm-2")), "answer-not-all-others")
            .mistake(number(all), "answer-only-before")
            .mistake(number(all - 1), "answer-only-before"),
    )
}
