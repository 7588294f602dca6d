//! Lab 3: a lost wake-up. Between looking and waiting lies an await.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use turno::task::{Cause, Left, Nanos, WaitReason};
use turno::time::{Instant, sleep};

use crate::lab::{Exam, Finding, Lab, Scenario, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::lost_wakeup as solution;
use crate::stage::{End, MS, Run, Stage, ms, nanos};

mod starter;

#[path = "wrong/naps.rs"]
mod naps;
#[path = "wrong/never_rung.rs"]
mod never_rung;
#[path = "wrong/no_diary.rs"]
mod no_diary;
#[path = "wrong/one_ring_for_two.rs"]
mod one_ring_for_two;
#[path = "wrong/self_wake_spin.rs"]
mod self_wake_spin;
#[path = "wrong/woken_for_nothing.rs"]
mod woken_for_nothing;

/// A diary: whoever waits writes so first.
#[derive(Debug, Default)]
pub struct Diary {
    lines: Cell<u32>,
}

impl Diary {
    /// Writes a line. It takes a millisecond, in which others run.
    pub async fn write(&self, line: &str) {
        let _ = line; // It is the time that matters here.
        self.lines.set(self.lines.get() + 1);
        sleep(MS).await;
    }
}

type Bun = Pin<Box<dyn Future<Output = u32>>>;

/// A basket: to put a bun into it, and to take one.
struct Basket {
    put: Box<dyn Fn(u32)>,
    take: Box<dyn Fn(Rc<Diary>) -> Bun>,
}

macro_rules! bind {
    ($module:ident) => {
        || {
            let basket = Rc::new($module::Basket::default());
            let from = basket.clone();
            Basket {
                put: Box::new(move |bun| basket.put(bun)),
                take: Box::new(move |diary| {
                    let from = from.clone();
                    Box::pin(async move { from.take(&diary).await })
                }),
            }
        }
    };
}

/// Lab 3.
pub fn lab() -> Lab {
    let programs = programs![examine, bind;
        starter "starter" "labs/3_lost_wakeup/starter.rs",
        one_ring_for_two "one-ring-for-two" "labs/3_lost_wakeup/wrong/one_ring_for_two.rs",
        woken_for_nothing "woken-for-nothing" "labs/3_lost_wakeup/wrong/woken_for_nothing.rs",
        self_wake_spin "self-wake-spin" "labs/3_lost_wakeup/wrong/self_wake_spin.rs",
        naps "naps" "labs/3_lost_wakeup/wrong/naps.rs",
        never_rung "never-rung" "labs/3_lost_wakeup/wrong/never_rung.rs",
        no_diary "no-diary" "labs/3_lost_wakeup/wrong/no_diary.rs",
        solution "solution" "solutions/3.rs",
    ];
    Lab {
        number: 3,
        folder: "3_lost_wakeup",
        readme: bilingual!("README"),
        says: bilingual!("says"),
        programs,
    }
}

type Make = dyn Fn() -> Basket;

/// Half a millisecond: in the middle of a line of the diary.
const HALF: Duration = Duration::from_micros(500);

fn examine(make: &Make) -> Exam {
    const SCENARIOS: [Scenario<Make>; 5] = [
        Scenario { name: "while-writing", play: |make| bakery(make, &["eater"], &[HALF]) },
        Scenario { name: "while-waiting", play: |make| bakery(make, &["eater"], &[5 * MS]) },
        Scenario { name: "before", play: |make| bakery(make, &["eater"], &[Duration::ZERO]) },
        Scenario { name: "two-at-once", play: |make| bakery(make, &TWO, &[HALF, HALF]) },
        Scenario {
            name: "two-wait-for-one",
            play: |make| bakery(make, &TWO, &[5 * MS, 9 * MS + HALF]),
        },
    ];
    Exam::of(make, &SCENARIOS, ask)
}

const TWO: [&str; 2] = ["eater", "eater-2"];

/// What an eater got, and when.
type Eaten = Rc<RefCell<Vec<(u32, Nanos)>>>;

/// As many eaters, who come at once; and a baker, who brings the first bun, 1, then the next.
fn bakery(make: &Make, eaters: &[&str], brings: &[Duration]) -> (Run, Option<Finding>) {
    let (stage, basket) = (Stage::new(), Rc::new(make()));
    let (diary, eaten) = (Rc::new(Diary::default()), Eaten::default());
    let start = stage.inside(Instant::now);
    let bakes = {
        let (basket, brings) = (basket.clone(), brings.to_vec());
        move || async move {
            for (bun, at) in (1..).zip(brings) {
                let left = at.saturating_sub(start.elapsed());
                if left > Duration::ZERO {
                    sleep(left).await;
                }
                (basket.put)(bun);
            }
        }
    };
    // Who brings the first at once is there before the eaters.
    let early = brings[0].is_zero().then(|| drop(stage.task("baker", bakes.clone()())));
    for name in eaters {
        let (take, eaten) = ((basket.take)(diary.clone()), eaten.clone());
        drop(stage.task(name, async move {
            let bun = take.await;
            eaten.borrow_mut().push((bun, nanos(start.elapsed())));
        }));
    }
    if early.is_none() {
        drop(stage.task("baker", bakes()));
    }
    let run = stage.play();
    let waited = !brings[0].is_zero();
    let finding = judge(&run, eaters, brings, &eaten.borrow(), waited, diary.lines.get());
    (run, finding)
}

fn judge(
    run: &Run,
    eaters: &[&str],
    brings: &[Duration],
    eaten: &[(u32, Nanos)],
    waited: bool,
    lines: u32,
) -> Option<Finding> {
    let who = |is: &dyn Fn(&str) -> bool| eaters.iter().copied().find(|name| is(name));
    if run.end == End::Spins {
        let switches = run.switches_of("eater").len();
        let finding = Finding::new("self-wake-spin").fact("switches", switches);
        return Some(finding.in_words(run.words()));
    }
    if let Some(eater) = who(&|name| run.panicked(name)) {
        // Alone, an eater finds what the bell rang for.
        let name = if eaters.len() > 1 { "woken-for-nothing" } else { "panicked" };
        return Some(Finding::new(name).fact("eater", eater));
    }
    if run.panicked("baker") {
        return Some(Finding::new("panicked"));
    }
    if let Some(eater) = who(&|name| run.done_at(name).is_none()) {
        return Some(hungry(run, eater, brings));
    }
    let mut buns: Vec<u32> = eaten.iter().map(|&(bun, _)| bun).collect();
    buns.sort_unstable();
    if buns != (1..=eaters.len() as u32).collect::<Vec<_>>() {
        return Some(Finding::new("wrong-bun").fact("buns", format!("{buns:?}")));
    }
    if waited && lines < eaters.len() as u32 {
        return Some(Finding::new("no-diary"));
    }
    // A bun that is there when the line is written is taken then, a later one when it comes: and
    // who is woken for nothing may write another line in between.
    let due =
        |bun: u32| nanos(brings[bun as usize - 1].max(if waited { MS } else { Duration::ZERO }));
    let late = |&&(bun, at): &&(u32, Nanos)| at > due(bun) + nanos(HALF);
    eaten.iter().find(late).map(|&(bun, at)| {
        Finding::new("naps").fact("at", ms(at)).fact("there", ms(due(bun))).fact("bun", bun)
    })
}

/// An eater waits for ever: for a ring that came too early, or for one that never comes?
fn hungry(run: &Run, eater: &str, brings: &[Duration]) -> Finding {
    let put = run.switches_of("baker").last().map_or(0, |switch| switch.at);
    let waits = run.left.iter().find(|waiting| waiting.task.name() == Some(eater));
    let since = waits.and_then(|waiting| waiting.waits.first()).map(|wait| wait.since);
    let name = match since {
        Some(since) if since <= put => "never-rung",
        Some(_) | None if brings.len() > 1 => "one-ring-for-two",
        Some(_) | None => "lost-wake-up",
    };
    Finding::new(name)
        .fact("eater", eater)
        .fact("put", ms(put))
        .fact("since", ms(since.unwrap_or_default()))
        .in_words(run.words())
}

/// What did `eater` wait for when `baker` put the first bun there?
fn ask(run: &Run) -> Option<Question> {
    if run.end == End::Spins {
        return None;
    }
    let eater = run.switches_of("eater");
    let baker = run.switches_of("baker");
    // The baker's first switch only begins to wait, unless it brings a bun at once.
    let put = baker.iter().find(|switch| switch.cause == Some(Cause::Timer)).or(baker.first())?;
    let before = eater.iter().rfind(|switch| switch.n < put.n);
    let waits = before.filter(|switch| switch.left == Some(Left::Waiting));
    let reason = waits.and_then(|switch| switch.waits.first()).map(|wait| wait.reason);
    let answer = match reason {
        Some(WaitReason::Timer(_)) => "timer",
        Some(WaitReason::Notify) => "bell",
        _ => "nobody",
    };
    let name = |name: &str| Answer::Name(name.into());
    Some(
        Question::new(&run.recording, name(answer))
            .mistake(name("bell"), "answer-later")
            .mistake(name("timer"), "answer-not-the-timer")
            .mistake(name("baker"), "answer-what-not-who")
            .mistake(name("nobody"), "answer-it-waited"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solutions::also::{looks_again, permits};

    #[test]
    fn other_right_programs_are_right() {
        let found = |exam: Exam| exam.finding().map(|finding| finding.name);
        assert_eq!(found(examine(&bind!(looks_again))), None, "looks_again");
        assert_eq!(found(examine(&bind!(permits))), None, "permits");
    }
}
