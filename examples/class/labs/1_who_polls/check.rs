//! Lab 1: who calls poll? The student polls two futures by hand.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use turno::task::{self, Cause, Id, Nanos};
use turno::time::{Instant, Sleep, sleep};

use crate::lab::{Exam, Finding, Lab, Scenario, drawn, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::who_polls as solution;
use crate::stage::{End, MS, Pace, Run, Stage, ms, nanos};

#[path = "wrong/deaf_waker.rs"]
mod deaf_waker;
#[path = "wrong/done_too_early.rs"]
mod done_too_early;
#[path = "wrong/dropped.rs"]
mod dropped;
#[path = "wrong/naps.rs"]
mod naps;
#[path = "wrong/never_gives_way.rs"]
mod never_gives_way;
#[path = "wrong/not_awaited.rs"]
mod not_awaited;
#[path = "wrong/one_after_another.rs"]
mod one_after_another;
#[path = "wrong/polled_after_end.rs"]
mod polled_after_end;
#[path = "wrong/polled_once.rs"]
mod polled_once;
#[path = "wrong/self_wake_spin.rs"]
mod self_wake_spin;

/// A dish, or both together.
pub type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// Makes one future of two.
pub type Both = dyn Fn(Boxed, Boxed) -> Boxed;

/// How to examine a module as a program of lab 1.
#[macro_export]
macro_rules! who_polls {
    ($module:ident) => {
        || {
            $crate::labs::who_polls::examine(&|left, right| {
                Box::pin(async move { $module::both(left, right).await })
            })
        }
    };
}

/// Lab 1.
pub fn lab() -> Lab {
    let programs = programs![who_polls;
        one_after_another "one-after-another" "labs/1_who_polls/wrong/one_after_another.rs",
        polled_after_end "polled-after-end" "labs/1_who_polls/wrong/polled_after_end.rs",
        done_too_early "done-too-early" "labs/1_who_polls/wrong/done_too_early.rs",
        self_wake_spin "self-wake-spin" "labs/1_who_polls/wrong/self_wake_spin.rs",
        never_gives_way "never-gives-way" "labs/1_who_polls/wrong/never_gives_way.rs",
        polled_once "polled-once" "labs/1_who_polls/wrong/polled_once.rs",
        deaf_waker "deaf-waker" "labs/1_who_polls/wrong/deaf_waker.rs",
        not_awaited "not-awaited" "labs/1_who_polls/wrong/not_awaited.rs",
        dropped "dropped" "labs/1_who_polls/wrong/dropped.rs",
        naps "naps" "labs/1_who_polls/wrong/naps.rs",
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

/// Runs the scenarios of lab 1.
pub fn examine(both: &Both) -> Exam {
    const SCENARIOS: [Scenario<Both>; 5] = [
        Scenario {
            name: "toast-first",
            play: |both, pace| kitchen(both, pace, [&[3 * MS], &[5 * MS]], false),
        },
        Scenario {
            name: "tea-first",
            play: |both, pace| kitchen(both, pace, [&[7 * MS], &[2 * MS]], false),
        },
        Scenario {
            name: "ready-at-once",
            play: |both, pace| kitchen(both, pace, [&[], &[4 * MS]], false),
        },
        Scenario {
            name: "polled-for-nothing",
            play: |both, pace| kitchen(both, pace, [&[3 * MS, 4 * MS], &[5 * MS]], true),
        },
        Scenario {
            name: "drawn",
            play: |both, pace| {
                drawn(|dice| {
                    let mut dish = || {
                        let steps = 0..dice.roll(4);
                        steps.map(|_| (1 + dice.roll(40)) * MS / 4).collect::<Vec<_>>()
                    };
                    let [toast, tea] = [dish(), dish()];
                    kitchen(both, pace, [&toast, &tea], false)
                })
            },
        },
    ];
    Exam::of(both, &SCENARIOS, ask)
}

/// What was seen of a dish.
#[derive(Default)]
struct Seen {
    polls: Cell<u32>,
    in_a_row: Cell<u32>,
    is_done: Cell<bool>,
    /// What it was when `cook` said that both are done.
    was_done: Cell<bool>,
    again: Cell<bool>,
    /// When its timer wakes whoever polled it last.
    due: Cell<Nanos>,
    /// Who polled it last.
    by: Cell<Option<Id>>,
    /// When it was dropped by a task before it was done.
    dropped: Cell<Option<Nanos>>,
}

/// A future that notes who polls it how.
struct Dish {
    /// It takes so long, one after the other, and is polled in between.
    steps: Vec<Duration>,
    /// From the first poll on: nothing cooks before.
    sleep: Option<Pin<Box<Sleep>>>,
    start: Instant,
    plays: Rc<Cell<bool>>,
    seen: Rc<Seen>,
}

/// No program that returns from its poll gets there: the stage stops it before.
const IN_A_ROW: u32 = 10 * crate::stage::MOST;

impl Future for Dish {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let seen = self.seen.clone();
        seen.polls.set(seen.polls.get() + 1);
        seen.in_a_row.set(seen.in_a_row.get() + 1);
        seen.by.set(task::try_id());
        seen.again.set(seen.again.get() || seen.is_done.get());
        assert!(!seen.again.get(), "a dish was polled after its end");
        assert!(seen.in_a_row.get() < IN_A_ROW, "a dish was polled {IN_A_ROW} times in one switch");
        while let Some(&time) = self.steps.first() {
            let start = self.start;
            let sleeps = self.sleep.get_or_insert_with(|| Box::pin(sleep(time)));
            if sleeps.as_mut().poll(cx).is_pending() {
                seen.due.set(nanos(sleeps.deadline().duration_since(start)));
                return Poll::Pending;
            }
            self.sleep = None;
            self.steps.remove(0);
        }
        seen.is_done.set(true);
        Poll::Ready(())
    }
}

impl Drop for Dish {
    fn drop(&mut self) {
        if self.plays.get() && !self.seen.is_done.get() {
            self.seen.dropped.set(Some(nanos(self.start.elapsed())));
        }
    }
}

/// The dishes, each by its steps; with `others`, `cook` also waits for something else meanwhile.
fn kitchen(
    both: &Both,
    pace: Pace,
    steps: [&[Duration]; 2],
    others: bool,
) -> (Run, Option<Finding>) {
    let stage = Stage::new(pace);
    let seen: [Rc<Seen>; 2] = Default::default();
    let start = stage.inside(Instant::now);
    let [left, right] = [0, 1].map(|n| -> Boxed {
        let (plays, seen) = (stage.plays(), seen[n].clone());
        Box::pin(Dish { steps: steps[n].to_vec(), sleep: None, start, plays, seen })
    });
    let (both, note) = (both(left, right), seen.clone());
    let ready = Rc::new(Cell::new(None));
    let is_ready = ready.clone();
    let both = async move {
        both.await;
        is_ready.set(Some(nanos(start.elapsed())));
        note.iter().for_each(|seen| seen.was_done.set(seen.is_done.get()));
    };
    drop(stage.task("cook", async move {
        let reads = async {
            for _ in 0..if others { 8 } else { 0 } {
                sleep(MS).await;
            }
        };
        turno::join!(both, reads);
    }));
    let run = stage.play();
    let finding = judge(&run, &seen, &steps, ready.get(), others);
    (run, finding)
}

fn judge(
    run: &Run,
    seen: &[Rc<Seen>; 2],
    steps: &[&[Duration]; 2],
    ready: Option<Nanos>,
    others: bool,
) -> Option<Finding> {
    let dishes = || ["toast", "tea"].into_iter().zip(seen);
    let find = |is: &dyn Fn(&Seen) -> bool| dishes().find(|(_, seen)| is(seen));
    let polls: u32 = seen.iter().map(|seen| seen.polls.get()).sum();
    if let Some((dish, _)) = find(&|seen| seen.again.get()) {
        return Some(Finding::new("polled-after-end").fact("dish", dish));
    }
    if let Some((dish, _)) = find(&|seen| seen.in_a_row.get() >= IN_A_ROW) {
        return Some(Finding::new("never-gives-way").fact("dish", dish).fact("polls", IN_A_ROW));
    }
    let switches = run.switches_of("cook");
    let woken = |by: Cause| switches.iter().filter(|switch| switch.cause == Some(by)).count();
    if run.panicked("cook") {
        return Some(Finding::new("panicked"));
    }
    if run.end == End::Spins || woken(Cause::Yield) > 3 {
        let finding = Finding::new("self-wake-spin").fact("switches", switches.len());
        return Some(finding.fact("polls", polls).in_words(run.words()));
    }
    // Whose time has come is polled: nothing else has to wake `cook`.
    let times = steps.map(|steps| nanos(steps.iter().sum()));
    let due = steps.iter().map(|steps| steps.len()).sum::<usize>();
    let timers = woken(Cause::Timer);
    if !others && timers > due + 1 {
        let finding = Finding::new("naps").fact("timers", timers).fact("due", due);
        return Some(finding);
    }
    let best = times[0].max(times[1]);
    let cook = run.id("cook");
    let earlier = |at: Nanos| ready.is_none_or(|ready| at < ready);
    let gone = |seen: &Seen| seen.dropped.get().is_some_and(earlier);
    if let Some((dish, seen)) = find(&gone) {
        let at = ms(seen.dropped.get().unwrap_or_default());
        let finding = Finding::new("dropped").fact("dish", dish).fact("at", at);
        return Some(finding.fact("polls", seen.polls.get()));
    }
    match (ready, find(&|seen| !seen.was_done.get())) {
        (Some(at), Some((dish, seen))) => {
            let other = seen.by.get().is_some_and(|by| Some(by) != cook);
            let finding = Finding::new(if other { "not-awaited" } else { "done-too-early" });
            let finding = finding.fact("dish", dish).fact("at", ms(at));
            Some(finding.fact("polls", seen.polls.get()))
        }
        (Some(at), None) => (at > best).then(|| {
            let name = if at == times.iter().sum() { "one-after-another" } else { "done-too-late" };
            Finding::new(name).fact("at", ms(at)).fact("best", ms(best))
        }),
        (None, _) => Some(stuck(run, &dishes().collect::<Vec<_>>())),
    }
}

/// Nothing goes on: why?
fn stuck(run: &Run, dishes: &[(&str, &Rc<Seen>)]) -> Finding {
    let find = |is: &dyn Fn(&Seen) -> bool| dishes.iter().find(|(_, seen)| is(seen));
    let last = run.recording.switches().map(|switch| switch.at).max().unwrap_or(0);
    let finding = if let Some((dish, _)) = find(&|seen| seen.polls.get() == 0) {
        Finding::new("never-polled").fact("dish", dish)
    } else if let Some((dish, _)) = find(&|seen| seen.due.get() > last) {
        Finding::new("deaf-waker").fact("dish", dish)
    } else if let Some((dish, seen)) = find(&|seen| !seen.is_done.get()) {
        let name = if seen.polls.get() == 1 { "polled-once" } else { "not-polled-again" };
        Finding::new(name).fact("dish", dish).fact("polls", seen.polls.get())
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
