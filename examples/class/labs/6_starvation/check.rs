//! Lab 6: starvation and aging. Strict priority starves; aging is judged by two numbers.

use turno::task::{self, Nanos, yield_now};
use turno::time::{Instant, work};

use crate::lab::{Exam, Finding, Lab, Scenario, programs};
use crate::labs::policy::{Make, bind, breach};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::starvation as solution;
use crate::stage::{End, MS, Run, Stage, ms, nanos};

mod starter;

#[path = "wrong/aged_for_good.rs"]
mod aged_for_good;
#[path = "wrong/ages_too_slowly.rs"]
mod ages_too_slowly;
#[path = "wrong/no_priority.rs"]
mod no_priority;
#[path = "wrong/upside_down.rs"]
mod upside_down;

/// Lab 6.
pub fn lab() -> Lab {
    let programs = programs![examine, bind;
        starter "starter" "labs/6_starvation/starter.rs",
        no_priority "no-priority" "labs/6_starvation/wrong/no_priority.rs",
        aged_for_good "aged-for-good" "labs/6_starvation/wrong/aged_for_good.rs",
        ages_too_slowly "ages-too-slowly" "labs/6_starvation/wrong/ages_too_slowly.rs",
        upside_down "upside-down" "labs/6_starvation/wrong/upside_down.rs",
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

fn examine(make: &Make) -> Exam {
    const SCENARIOS: [Scenario<Make>; 3] = [
        Scenario { name: "office", play: |make| hogs(make, &OFFICE) },
        Scenario { name: "three-levels", play: |make| hogs(make, &LEVELS) },
        Scenario { name: "contract", play: |make| (Run::nothing(), breach(make)) },
    ];
    Exam::of(make, &SCENARIOS, ask)
}

fn hogs(make: &Make, hogs: &[Hog]) -> (Run, Option<Finding>) {
    let stage = Stage::with_policy(make());
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

/// The longest wait for a turn of those who are urgent, or of those who are not; and whose it is.
fn longest(run: &Run, hogs: &[Hog], urgent: bool) -> (Nanos, &'static str) {
    let of = hogs.iter().filter(|(_, priority)| (*priority >= URGENT) == urgent);
    let waits = of.map(|&(name, _)| {
        let switches = run.switches_of(name);
        (switches.iter().map(|switch| switch.waited).max().unwrap_or(0), name)
    });
    waits.max_by_key(|&(wait, _)| wait).unwrap_or_default()
}

/// What the urgent had of the thread, in percent.
fn share(run: &Run, hogs: &[Hog]) -> u64 {
    let ran =
        |(name, _): &Hog| run.switches_of(name).iter().map(|switch| switch.ran).sum::<Nanos>();
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
    let share = share(run, hogs);
    let finding = |name, who: &str, wait: Nanos| {
        let finding = Finding::new(name).fact("task", who).fact("wait", ms(wait));
        let finding = finding.fact("share", format!("{share} %")).fact("day", ms(DAY));
        Some(finding.fact("longest", ms(LONGEST)).fact("least", format!("{SHARE} %")))
    };
    if urgent_wait > LONGEST {
        return finding("upside-down", urgent, urgent_wait);
    }
    if wait >= DAY {
        return finding("starved", who, wait);
    }
    if wait > LONGEST {
        return finding("ages-too-slowly", who, wait);
    }
    if share < SHARE {
        let first = run.switches_of(who).first().map_or(0, |switch| switch.waited);
        let name = if first < LONGEST / 3 { "no-priority" } else { "aged-for-good" };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solutions::also::{aging, levels};

    #[test]
    fn other_right_programs_are_right() {
        let found = |exam: Exam| exam.finding().map(|finding| finding.name);
        assert_eq!(found(examine(&bind!(aging))), None, "aging");
        assert_eq!(found(examine(&bind!(levels))), None, "levels");
    }
}
