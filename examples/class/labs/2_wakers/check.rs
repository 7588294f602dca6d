//! Lab 2: wakers. The student writes a leaf future, and who wakes it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use turno::lints::Lint;
use turno::sync::oneshot;
use turno::task::{Cause, Nanos};
use turno::time::{Instant, sleep};

use crate::lab::{Exam, Finding, Lab, Scenario, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::wakers as solution;
use crate::stage::{End, MS, Run, Stage, ms, nanos};

mod starter;

#[path = "wrong/forgets_the_ring.rs"]
mod forgets_the_ring;
#[path = "wrong/never_woken.rs"]
mod never_woken;
#[path = "wrong/ready_too_early.rs"]
mod ready_too_early;
#[path = "wrong/self_wake_spin.rs"]
mod self_wake_spin;
#[path = "wrong/stale_waker.rs"]
mod stale_waker;
#[path = "wrong/woken_in_vain.rs"]
mod woken_in_vain;

type Waits = Pin<Box<dyn Future<Output = ()>>>;

/// A bell: to ring it, and to wait for it.
#[derive(Clone)]
struct Bell {
    ring: Rc<dyn Fn()>,
    rung: Rc<dyn Fn() -> Waits>,
}

macro_rules! bind {
    ($module:ident) => {
        || {
            let bell = Rc::new($module::Bell::default());
            let rung = bell.clone();
            Bell {
                ring: Rc::new(move || bell.ring()),
                rung: Rc::new(move || Box::pin($module::rung(rung.clone()))),
            }
        }
    };
}

/// Lab 2.
pub fn lab() -> Lab {
    let programs = programs![examine, bind;
        starter "starter" "labs/2_wakers/starter.rs",
        never_woken "never-woken" "labs/2_wakers/wrong/never_woken.rs",
        self_wake_spin "self-wake-spin" "labs/2_wakers/wrong/self_wake_spin.rs",
        stale_waker "stale-waker" "labs/2_wakers/wrong/stale_waker.rs",
        woken_in_vain "woken-in-vain" "labs/2_wakers/wrong/woken_in_vain.rs",
        forgets_the_ring "forgets-the-ring" "labs/2_wakers/wrong/forgets_the_ring.rs",
        ready_too_early "ready-too-early" "labs/2_wakers/wrong/ready_too_early.rs",
        solution "solution" "solutions/2.rs",
    ];
    Lab {
        number: 2,
        folder: "2_wakers",
        readme: bilingual!("README"),
        says: bilingual!("says"),
        programs,
    }
}

type Make = dyn Fn() -> Bell;

fn examine(make: &Make) -> Exam {
    const SCENARIOS: [Scenario<Make>; 4] = [
        Scenario { name: "waits-then-rung", play: waits_then_rung },
        Scenario { name: "rung-then-waits", play: rung_then_waits },
        Scenario { name: "polled-for-nothing", play: polled_for_nothing },
        Scenario { name: "moves-to-another-task", play: moves },
    ];
    Exam::of(make, &SCENARIOS, ask)
}

/// When the cook rings.
const RINGS: std::time::Duration = MS.saturating_mul(3);

fn cook(stage: &Stage, bell: &Bell) {
    let ring = bell.ring.clone();
    drop(stage.task("cook", async move {
        sleep(RINGS).await;
        ring();
    }));
}

fn waits_then_rung(make: &Make) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(), make());
    drop(stage.task("guest", (bell.rung)()));
    cook(&stage, &bell);
    let run = stage.play();
    let finding = judge(&run);
    (run, finding)
}

fn rung_then_waits(make: &Make) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(), make());
    cook(&stage, &bell);
    let rung = bell.rung.clone();
    drop(stage.task("guest", async move {
        sleep(2 * RINGS).await;
        rung().await;
    }));
    let run = stage.play();
    let finding = match run.done_at("guest") {
        Some(_) => None,
        None if run.end == End::Spins => judge(&run),
        None => Some(Finding::new("forgets-the-ring").in_words(run.words())),
    };
    (run, finding)
}

/// The guest also waits for something else, so it is polled before the bell rings.
fn polled_for_nothing(make: &Make) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(), make());
    let rung = (bell.rung)();
    let heard = Rc::new(Cell::new(None));
    let note = heard.clone();
    drop(stage.task("guest", async move {
        let start = Instant::now();
        let hears = async {
            rung.await;
            note.set(Some(nanos(start.elapsed())));
        };
        let reads = async {
            for _ in 0..4 {
                sleep(MS).await;
            }
        };
        turno::join!(hears, reads);
    }));
    cook(&stage, &bell);
    let run = stage.play();
    let finding = match heard.get() {
        Some(at) if at < nanos(RINGS) => Some(too_early(at)),
        _ => judge(&run),
    };
    (run, finding)
}

/// The wait begins in one task and ends in another: each has its own waker.
fn moves(make: &Make) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(), make());
    let (give, take) = oneshot::channel();
    let rung = (bell.rung)();
    let first = stage.task("waiter", async move {
        let mut rung = rung;
        let is_ready = poll_fn(|cx| Poll::Ready(rung.as_mut().poll(cx).is_ready())).await;
        drop(give.send((rung, is_ready)));
    });
    drop(first);
    drop(stage.task("guest", async move {
        if let Ok((rung, false)) = take.await {
            rung.await;
        }
    }));
    cook(&stage, &bell);
    let run = stage.play();
    let finding = match (&run.end, run.done_at("guest")) {
        (End::Stalled(words), None) => {
            Some(Finding::new("stale-waker").in_words(Some(words.clone())))
        }
        _ => judge(&run),
    };
    (run, finding)
}

fn too_early(at: Nanos) -> Finding {
    Finding::new("ready-too-early").fact("at", ms(at)).fact("rung", ms(RINGS))
}

/// The guest is to have heard the bell, and not before it rang.
fn judge(run: &Run) -> Option<Finding> {
    let switches = run.switches_of("guest").len();
    if run.end == End::Spins {
        let finding = Finding::new("self-wake-spin").fact("switches", switches);
        return Some(finding.in_words(run.words()));
    }
    if run.panicked("guest") || run.panicked("cook") {
        return Some(Finding::new("panicked"));
    }
    match run.done_at("guest") {
        Some(done) if done < nanos(RINGS) => Some(too_early(done)),
        Some(_) => None,
        None => {
            let lost = run.has(Lint::LostWaker, "guest");
            let name = match switches {
                _ if lost => "lost-waker",
                0 | 1 => "never-woken",
                _ => "woken-in-vain",
            };
            Some(Finding::new(name).in_words(run.words()))
        }
    }
}

/// Who woke `guest` after its first poll?
fn ask(run: &Run) -> Option<Question> {
    if run.end == End::Spins {
        return None;
    }
    let who = |cause: Cause| match cause {
        Cause::Task(id) => run.recording.label(id),
        Cause::Timer => "timer".into(),
        Cause::Source(_) => "socket".into(),
        _ => "itself".into(),
    };
    let polls = run.switches_of("guest");
    let woken = polls.get(1).and_then(|switch| switch.cause);
    let answer = woken.map_or("nobody".into(), who);
    let name = |name: &str| Answer::Name(name.into());
    Some(
        Question::new(&run.recording, name(&answer))
            .mistake(name("guest"), "answer-not-the-guest")
            .mistake(name("itself"), "answer-not-the-guest")
            .mistake(name("timer"), "answer-whose-timer")
            .mistake(name("nobody"), "answer-somebody")
            .mistake(name("cook"), "answer-not-woken"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solutions::also::{careful, notify};

    #[test]
    fn other_right_programs_are_right() {
        let found = |exam: Exam| exam.finding().map(|finding| finding.name);
        assert_eq!(found(examine(&bind!(notify))), None, "notify");
        assert_eq!(found(examine(&bind!(careful))), None, "careful");
    }
}
