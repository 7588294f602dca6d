//! Lab 1: who calls poll? The student polls two futures by hand.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use turno::task::Cause;
use turno::time::{Sleep, sleep};

use crate::lab::{Exam, Finding, Lab, Scenario, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::who_polls as solution;
use crate::stage::{End, MS, Run, Stage, ms, nanos};

mod starter;

#[path = "wrong/deaf_waker.rs"]
mod deaf_waker;
#[path = "wrong/done_too_early.rs"]
mod done_too_early;
#[path = "wrong/never_gives_way.rs"]
mod never_gives_way;
#[path = "wrong/one_after_another.rs"]
mod one_after_another;
#[path = "wrong/polled_after_end.rs"]
mod polled_after_end;
#[path = "wrong/polled_once.rs"]
mod polled_once;
#[path = "wrong/self_wake_spin.rs"]
mod self_wake_spin;

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// Makes one future of two.
type Both = dyn Fn(Boxed, Boxed) -> Boxed;

macro_rules! bind {
    ($module:ident) => {
        |left: Boxed, right: Boxed| -> Boxed { Box::pin($module::both(left, right)) }
    };
}

/// Lab 1.
pub fn lab() -> Lab {
    let programs = programs![examine, bind;
        starter "starter" "labs/1_who_polls/starter.rs",
        one_after_another "one-after-another" "labs/1_who_polls/wrong/one_after_another.rs",
        polled_after_end "polled-after-end" "labs/1_who_polls/wrong/polled_after_end.rs",
        done_too_early "done-too-early" "labs/1_who_polls/wrong/done_too_early.rs",
        self_wake_spin "self-wake-spin" "labs/1_who_polls/wrong/self_wake_spin.rs",
        never_gives_way "never-gives-way" "labs/1_who_polls/wrong/never_gives_way.rs",
        polled_once "polled-once" "labs/1_who_polls/wrong/polled_once.rs",
        deaf_waker "deaf-waker" "labs/1_who_polls/wrong/deaf_waker.rs",
        solution "solution" "solutions/1.rs",
    ];
    Lab {
        number: 1,
        folder: "1_who_polls",
        readme: bilingual!("README"),
        says: bilingual!("says"),
        programs,
    }
}

fn examine(both: &Both) -> Exam {
    const SCENARIOS: [Scenario<Both>; 3] = [
        Scenario { name: "toast-first", play: |both| kitchen(both, 3 * MS, 5 * MS) },
        Scenario { name: "tea-first", play: |both| kitchen(both, 7 * MS, 2 * MS) },
        Scenario { name: "ready-at-once", play: |both| kitchen(both, Duration::ZERO, 4 * MS) },
    ];
    Exam::of(both, &SCENARIOS, ask)
}

/// What was seen of a dish.
#[derive(Default)]
struct Seen {
    polls: Cell<u32>,
    in_a_row: Cell<u32>,
    is_done: Cell<bool>,
    again: Cell<bool>,
    deaf: Cell<bool>,
}

/// A future that notes who polls it how.
struct Dish {
    time: Duration,
    /// From the first poll on: nothing cooks before.
    sleep: Option<Pin<Box<Sleep>>>,
    seen: Rc<Seen>,
}

/// No program that returns from its poll gets there: the stage stops it before.
const IN_A_ROW: u32 = 10 * crate::stage::MOST;

impl Future for Dish {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let seen = &self.seen;
        seen.polls.set(seen.polls.get() + 1);
        seen.in_a_row.set(seen.in_a_row.get() + 1);
        seen.deaf.set(cx.waker().will_wake(Waker::noop()));
        seen.again.set(seen.again.get() || seen.is_done.get());
        assert!(!seen.again.get(), "a dish was polled after its end");
        assert!(seen.in_a_row.get() < IN_A_ROW, "a dish was polled {IN_A_ROW} times in one switch");
        let time = self.time;
        let polled = self.sleep.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx);
        self.seen.is_done.set(polled.is_ready());
        polled
    }
}

fn kitchen(both: &Both, toast: Duration, tea: Duration) -> (Run, Option<Finding>) {
    let stage = Stage::new();
    let seen: [Rc<Seen>; 2] = Default::default();
    let [left, right] = [(0, toast), (1, tea)].map(|(n, time)| -> Boxed {
        let seen = seen[n].clone();
        Box::pin(Dish { time, sleep: None, seen })
    });
    let cook = stage.task("cook", both(left, right));
    let run = stage.play();
    drop(cook);
    let finding = judge(&run, &seen, toast, tea);
    (run, finding)
}

fn judge(run: &Run, seen: &[Rc<Seen>; 2], toast: Duration, tea: Duration) -> Option<Finding> {
    let dishes = || ["toast", "tea"].into_iter().zip(seen);
    let find = |is: fn(&Seen) -> bool| dishes().find(|(_, seen)| is(seen)).map(|(dish, _)| dish);
    let polls: u32 = seen.iter().map(|seen| seen.polls.get()).sum();
    if let Some(dish) = find(|seen| seen.again.get()) {
        return Some(Finding::new("polled-after-end").fact("dish", dish));
    }
    if let Some(dish) = find(|seen| seen.in_a_row.get() >= IN_A_ROW) {
        return Some(Finding::new("never-gives-way").fact("dish", dish).fact("polls", IN_A_ROW));
    }
    if run.end == End::Spins {
        let switches = run.switches_of("cook").len();
        let finding = Finding::new("self-wake-spin").fact("switches", switches);
        return Some(finding.fact("polls", polls).in_words(run.words()));
    }
    let unfinished = find(|seen| !seen.is_done.get());
    match (run.done_at("cook"), unfinished) {
        (Some(at), Some(dish)) => {
            Some(Finding::new("done-too-early").fact("dish", dish).fact("at", ms(at)))
        }
        (Some(at), None) => (at > nanos(toast.max(tea))).then(|| {
            let (best, sum) = (ms(toast.max(tea)), ms(at));
            Finding::new("one-after-another").fact("at", sum).fact("best", best)
        }),
        (None, _) if run.panicked("cook") => Some(Finding::new("panicked")),
        (None, _) => Some(stuck(run, &dishes().collect::<Vec<_>>())),
    }
}

/// Nothing goes on: why?
fn stuck(run: &Run, dishes: &[(&str, &Rc<Seen>)]) -> Finding {
    let find = |is: fn(&Seen) -> bool| dishes.iter().find(|(_, seen)| is(seen));
    let finding = if let Some((dish, _)) = find(|seen| seen.polls.get() == 0) {
        Finding::new("never-polled").fact("dish", dish)
    } else if let Some((dish, _)) = find(|seen| seen.deaf.get()) {
        Finding::new("deaf-waker").fact("dish", dish)
    } else if let Some((dish, _)) = find(|seen| !seen.is_done.get()) {
        Finding::new("polled-once").fact("dish", dish)
    } else {
        Finding::new("never-ready")
    };
    finding.in_words(run.words())
}

/// How often was `cook` polled, and how often because of a timer?
fn ask(run: &Run) -> Option<Question> {
    if run.end == End::Spins {
        return None;
    }
    let polls = run.switches_of("cook");
    let timers = polls.iter().filter(|switch| switch.cause == Some(Cause::Timer)).count() as u64;
    let polls = polls.len() as u64;
    let numbers = |polls, timers| Answer::Numbers(vec![polls, timers]);
    let question = Question::new(&run.recording, numbers(polls, timers));
    Some(
        question
            .mistake(numbers(timers, timers), "answer-the-first-poll")
            .mistake(numbers(timers, polls), "answer-turned-round")
            .mistake(numbers(polls, polls), "answer-not-all-timers"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solutions::also::{join, tasks};

    #[test]
    fn other_right_programs_are_right() {
        let found = |exam: Exam| exam.finding().map(|finding| finding.name);
        assert_eq!(found(examine(&bind!(join))), None, "join");
        assert_eq!(found(examine(&bind!(tasks))), None, "tasks");
    }
}
