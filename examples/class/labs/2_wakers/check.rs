//! Lab 2: wakers. The student writes a leaf future, and who wakes it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use turno::lints::Lint;
use turno::sync::oneshot;
use turno::task::{Cause, Nanos};
use turno::time::{Instant, sleep, timeout};

use crate::lab::{Exam, Finding, Lab, Scenario, drawn, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::wakers as solution;
use crate::stage::{End, MS, Pace, Run, Stage, ms, nanos};

#[path = "wrong/forgets_the_ring.rs"]
mod forgets_the_ring;
#[path = "wrong/naps.rs"]
mod naps;
#[path = "wrong/never_woken.rs"]
mod never_woken;
#[path = "wrong/ready_too_early.rs"]
mod ready_too_early;
#[path = "wrong/rings_for_nobody.rs"]
mod rings_for_nobody;
#[path = "wrong/self_wake_spin.rs"]
mod self_wake_spin;
#[path = "wrong/stale_waker.rs"]
mod stale_waker;
#[path = "wrong/woken_in_vain.rs"]
mod woken_in_vain;

/// A wait for the bell.
pub type Waits = Pin<Box<dyn Future<Output = ()>>>;

/// A bell: to ring it, and to wait for it.
#[derive(Clone)]
pub struct Bell {
    /// Rings it.
    pub ring: Rc<dyn Fn()>,
    /// Waits for it.
    pub rung: Rc<dyn Fn() -> Waits>,
}

/// How to examine a module as a program of lab 2.
#[macro_export]
macro_rules! wakers {
    ($module:ident) => {
        || {
            $crate::labs::wakers::examine(&|| {
                let bell = std::rc::Rc::new($module::Bell::default());
                let rung = bell.clone();
                $crate::labs::wakers::Bell {
                    ring: std::rc::Rc::new(move || bell.ring()),
                    rung: std::rc::Rc::new(move || Box::pin($module::rung(rung.clone()))),
                }
            })
        }
    };
}

/// Lab 2.
pub fn lab() -> Lab {
    let programs = programs![wakers;
        never_woken "never-woken" "labs/2_wakers/wrong/never_woken.rs",
        self_wake_spin "self-wake-spin" "labs/2_wakers/wrong/self_wake_spin.rs",
        stale_waker "stale-waker" "labs/2_wakers/wrong/stale_waker.rs",
        woken_in_vain "woken-in-vain" "labs/2_wakers/wrong/woken_in_vain.rs",
        forgets_the_ring "forgets-the-ring" "labs/2_wakers/wrong/forgets_the_ring.rs",
        ready_too_early "ready-too-early" "labs/2_wakers/wrong/ready_too_early.rs",
        naps "naps" "labs/2_wakers/wrong/naps.rs",
        rings_for_nobody "rings-for-nobody" "labs/2_wakers/wrong/rings_for_nobody.rs",
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

/// Makes a bell.
pub type Make = dyn Fn() -> Bell;

/// Runs the scenarios of lab 2.
pub fn examine(make: &Make) -> Exam {
    const SCENARIOS: [Scenario<Make>; 6] = [
        Scenario {
            name: "waits-then-rung",
            play: |make, pace| waits_then_rung(make, pace, 3 * MS),
        },
        Scenario {
            name: "rung-then-waits",
            play: |make, pace| rung_then_waits(make, pace, 3 * MS, 6 * MS),
        },
        Scenario { name: "polled-for-nothing", play: polled_for_nothing },
        Scenario { name: "moves-to-another-task", play: moves },
        Scenario { name: "gives-up", play: gives_up },
        Scenario {
            name: "drawn",
            play: |make, pace| {
                drawn(|dice| {
                    let rings = (1 + dice.roll(80)) * MS / 4;
                    match dice.roll(2) {
                        0 => waits_then_rung(make, pace, rings),
                        _ => rung_then_waits(make, pace, rings, rings + dice.roll(40) * MS / 4),
                    }
                })
            },
        },
    ];
    Exam::of(make, &SCENARIOS, ask)
}

/// When the cook rings.
const RINGS: Duration = MS.saturating_mul(3);

fn cook(stage: &Stage, bell: &Bell, rings: Duration) {
    let ring = bell.ring.clone();
    drop(stage.task("cook", async move {
        sleep(rings).await;
        ring();
    }));
}

fn waits_then_rung(make: &Make, pace: Pace, rings: Duration) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(pace), make());
    drop(stage.task("guest", (bell.rung)()));
    cook(&stage, &bell, rings);
    let run = stage.play();
    let finding = looks(&run).or_else(|| judge(&run, run.done_at("guest"), rings));
    (run, finding)
}

/// Whether the guest was woken by something else than the bell: it has no timer and no friends.
fn looks(run: &Run) -> Option<Finding> {
    let switches = run.switches_of("guest");
    let by = |is: fn(Cause) -> bool| {
        switches.iter().filter(|switch| switch.cause.is_some_and(is)).count()
    };
    let (timers, spins) = (by(|cause| cause == Cause::Timer), by(|cause| cause == Cause::Yield));
    let told = by(|cause| matches!(cause, Cause::Task(_)));
    let finding = |name| Finding::new(name).fact("switches", switches.len());
    if spins > 2 {
        return Some(finding("self-wake-spin").in_words(run.words()));
    }
    (timers > told).then(|| finding("naps").fact("timers", timers))
}

fn rung_then_waits(
    make: &Make,
    pace: Pace,
    rings: Duration,
    comes: Duration,
) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(pace), make());
    cook(&stage, &bell, rings);
    let rung = bell.rung.clone();
    drop(stage.task("guest", async move {
        sleep(comes).await;
        rung().await;
    }));
    let run = stage.play();
    let finding = match run.done_at("guest") {
        _ if run.panicked("cook") => Some(Finding::new("rings-for-nobody")),
        None if matches!(run.end, End::Stalled(_)) && !run.panicked("guest") => {
            let finding = Finding::new("forgets-the-ring").in_words(run.words());
            Some(finding.fact("rung", ms(rings)).fact("comes", ms(comes)))
        }
        done => judge(&run, done, comes),
    };
    (run, finding)
}

/// The guest also waits for something else, so it is polled before the bell rings.
fn polled_for_nothing(make: &Make, pace: Pace) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(pace), make());
    let rung = bell.rung.clone();
    let heard = Rc::new(Cell::new(None));
    let note = heard.clone();
    drop(stage.task("guest", async move {
        let start = Instant::now();
        let hears = async {
            rung().await;
            note.set(Some(nanos(start.elapsed())));
        };
        let reads = async {
            for _ in 0..4 {
                sleep(MS).await;
            }
        };
        turno::join!(hears, reads);
    }));
    cook(&stage, &bell, RINGS);
    let run = stage.play();
    let finding = judge(&run, heard.get(), RINGS);
    (run, finding)
}

/// The wait begins in one task and ends in another: each has its own waker.
fn moves(make: &Make, pace: Pace) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(pace), make());
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
    cook(&stage, &bell, RINGS);
    let run = stage.play();
    let finding = stale(&run).or_else(|| judge(&run, run.done_at("guest"), RINGS));
    (run, finding)
}

/// One waits and gives up before the bell rings; then another comes, and waits on.
fn gives_up(make: &Make, pace: Pace) -> (Run, Option<Finding>) {
    let (stage, bell) = (Stage::new(pace), make());
    let [first, second] = [bell.rung.clone(), bell.rung.clone()];
    drop(stage.task("waiter", async move {
        let _ = timeout(MS, first()).await;
    }));
    drop(stage.task("guest", async move {
        sleep(2 * MS).await;
        second().await;
    }));
    cook(&stage, &bell, RINGS);
    let run = stage.play();
    let finding = stale(&run).or_else(|| judge(&run, run.done_at("guest"), RINGS));
    (run, finding)
}

/// The bell is rung, and the one who waits now is not told.
fn stale(run: &Run) -> Option<Finding> {
    let left = matches!(run.end, End::Stalled(_)) && run.done_at("guest").is_none();
    let panicked = run.panicked("guest") || run.panicked("cook");
    (left && !panicked).then(|| Finding::new("stale-waker").in_words(run.words()))
}

/// The guest is to have heard the bell, and not before it rang, or it came; nor later.
fn judge(run: &Run, heard: Option<Nanos>, due: Duration) -> Option<Finding> {
    let switches = run.switches_of("guest").len();
    if run.end == End::Spins {
        let finding = Finding::new("self-wake-spin").fact("switches", switches);
        return Some(finding.in_words(run.words()));
    }
    if run.panicked("guest") || run.panicked("cook") {
        return Some(Finding::new("panicked"));
    }
    let due = nanos(due);
    match heard {
        Some(at) if at != due => {
            let name = if at < due { "ready-too-early" } else { "ready-too-late" };
            Some(Finding::new(name).fact("at", ms(at)).fact("due", ms(due)))
        }
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
