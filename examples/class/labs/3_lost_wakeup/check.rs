//! Lab 3: a lost wake-up. Between looking and waiting lies an await.

use std::cell::RefCell;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use turno::lints::Lint;
use turno::task::{self, Cause, Id, Left, Nanos, WaitReason};
use turno::time::{Instant, sleep};
use turno::trace::Switch;

use crate::lab::{Exam, Finding, Lab, Scenario, drawn, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::lost_wakeup as solution;
use crate::stage::{End, MS, Pace, Run, Stage, ms, nanos};

#[path = "wrong/diary_late.rs"]
mod diary_late;
#[path = "wrong/naps.rs"]
mod naps;
#[path = "wrong/needless_line.rs"]
mod needless_line;
#[path = "wrong/never_rung.rs"]
mod never_rung;
#[path = "wrong/newest_first.rs"]
mod newest_first;
#[path = "wrong/no_diary.rs"]
mod no_diary;
#[path = "wrong/one_ring_for_two.rs"]
mod one_ring_for_two;
#[path = "wrong/polled_after_end.rs"]
mod polled_after_end;
#[path = "wrong/self_wake_spin.rs"]
mod self_wake_spin;
#[path = "wrong/woken_for_nothing.rs"]
mod woken_for_nothing;

/// A diary: whoever waits writes so first.
#[derive(Debug, Default)]
pub struct Diary {
    lines: RefCell<Vec<Line>>,
}

/// A line of the diary: it has no end if it was not written to its end.
#[derive(Clone, Copy, Debug)]
struct Line {
    by: Option<Id>,
    from: Instant,
    to: Option<Instant>,
}

impl Diary {
    /// Writes a line. It takes a millisecond, in which others run.
    pub async fn write(&self, line: &str) {
        let _ = line; // It is the time that matters here.
        let n = self.lines.borrow().len();
        let (by, from) = (task::try_id(), Instant::now());
        self.lines.borrow_mut().push(Line { by, from, to: None });
        sleep(MS).await;
        self.lines.borrow_mut()[n].to = Some(Instant::now());
    }
}

/// A bun that is taken.
pub type Bun = Pin<Box<dyn Future<Output = u32>>>;

/// A basket.
pub struct Basket {
    /// Puts a bun into it.
    pub put: Box<dyn Fn(u32)>,
    /// Takes one.
    pub take: Box<dyn Fn(Rc<Diary>) -> Bun>,
}

/// How to examine a module as a program of lab 3.
#[macro_export]
macro_rules! lost_wakeup {
    ($module:ident) => {
        || {
            $crate::labs::lost_wakeup::examine(&|| {
                let basket = std::rc::Rc::new($module::Basket::default());
                let from = basket.clone();
                $crate::labs::lost_wakeup::Basket {
                    put: Box::new(move |bun| basket.put(bun)),
                    take: Box::new(move |diary| {
                        let from = from.clone();
                        Box::pin(async move { from.take(&diary).await })
                    }),
                }
            })
        }
    };
}

/// Lab 3.
pub fn lab() -> Lab {
    let programs = programs![lost_wakeup;
        one_ring_for_two "one-ring-for-two" "labs/3_lost_wakeup/wrong/one_ring_for_two.rs",
        woken_for_nothing "woken-for-nothing" "labs/3_lost_wakeup/wrong/woken_for_nothing.rs",
        self_wake_spin "self-wake-spin" "labs/3_lost_wakeup/wrong/self_wake_spin.rs",
        naps "naps" "labs/3_lost_wakeup/wrong/naps.rs",
        never_rung "never-rung" "labs/3_lost_wakeup/wrong/never_rung.rs",
        no_diary "no-diary" "labs/3_lost_wakeup/wrong/no_diary.rs",
        diary_late "diary-late" "labs/3_lost_wakeup/wrong/diary_late.rs",
        newest_first "newest-first" "labs/3_lost_wakeup/wrong/newest_first.rs",
        needless_line "needless-line" "labs/3_lost_wakeup/wrong/needless_line.rs",
        polled_after_end "polled-after-end" "labs/3_lost_wakeup/wrong/polled_after_end.rs",
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

/// Makes a basket.
pub type Make = dyn Fn() -> Basket;

/// Half a millisecond: in the middle of a line of the diary.
const HALF: Duration = Duration::from_micros(500);

/// Runs the scenarios of lab 3.
pub fn examine(make: &Make) -> Exam {
    const NOW: Duration = Duration::ZERO;
    const ONE: &[Eater] = &[Eater { comes: NOW, takes: 1 }];
    const TWO: &[Eater] = &[Eater { comes: NOW, takes: 1 }; 2];
    const HUNGRY: &[Eater] = &[Eater { comes: NOW, takes: 2 }];
    const SCENARIOS: [Scenario<Make>; 8] = [
        Scenario { name: "while-writing", play: |make, pace| bakery(make, pace, ONE, &[HALF]) },
        Scenario { name: "while-waiting", play: |make, pace| bakery(make, pace, ONE, &[5 * MS]) },
        Scenario { name: "before", play: |make, pace| bakery(make, pace, ONE, &[NOW]) },
        Scenario { name: "two-before", play: |make, pace| bakery(make, pace, TWO, &[NOW, NOW]) },
        Scenario { name: "two-at-once", play: |make, pace| bakery(make, pace, TWO, &[HALF, HALF]) },
        Scenario {
            name: "two-wait-for-one",
            play: |make, pace| bakery(make, pace, TWO, &[5 * MS, 9 * MS + HALF]),
        },
        Scenario {
            name: "eats-twice",
            play: |make, pace| bakery(make, pace, HUNGRY, &[NOW, 5 * MS + HALF]),
        },
        Scenario {
            name: "drawn",
            play: |make, pace| {
                drawn(|dice| {
                    let eaters = 0..2 + dice.roll(3);
                    let eaters = eaters.map(|_| Eater {
                        comes: dice.roll(2) * dice.roll(20) * MS / 4,
                        takes: 1 + dice.roll(2),
                    });
                    let eaters: Vec<_> = eaters.collect();
                    let buns = eaters.iter().map(|eater| eater.takes).sum();
                    let mut now = Duration::ZERO;
                    let brings = (0..buns).map(|_| {
                        now += dice.roll(4) * MS + MS / 8;
                        now
                    });
                    bakery(make, pace, &eaters, &brings.collect::<Vec<_>>())
                })
            },
        },
    ];
    Exam::of(make, &SCENARIOS, ask)
}

/// Comes so late, and takes so many buns, one after the other.
#[derive(Clone, Copy)]
struct Eater {
    comes: Duration,
    takes: u32,
}

const NAMES: [&str; 4] = ["eater", "eater-2", "eater-3", "eater-4"];

/// A bun that was taken: which, by whom, from when on it was asked for, and when it was had; and
/// which lines were written meanwhile.
#[derive(Clone)]
struct Eaten {
    bun: u32,
    by: &'static str,
    from: Nanos,
    at: Nanos,
    lines: Range<usize>,
}

/// What happened in the bakery.
struct Day<'a> {
    run: &'a Run,
    eaters: &'a [Eater],
    /// When each bun was put there: the first is 1.
    brings: &'a [Duration],
    eaten: &'a [Eaten],
    /// By whom, from when, and to when.
    lines: &'a [(&'static str, Nanos, Option<Nanos>)],
}

/// Eaters; and a baker, who brings the first bun, 1, then the next.
fn bakery(
    make: &Make,
    pace: Pace,
    eaters: &[Eater],
    brings: &[Duration],
) -> (Run, Option<Finding>) {
    let (stage, basket) = (Stage::new(pace), Rc::new(make()));
    let (diary, eaten) = (Rc::new(Diary::default()), Rc::<RefCell<Vec<Eaten>>>::default());
    let start = stage.inside(Instant::now);
    let since = move || nanos(start.elapsed());
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
    for (&by, &Eater { comes, takes }) in NAMES.iter().zip(eaters) {
        let (basket, diary, eaten) = (basket.clone(), diary.clone(), eaten.clone());
        drop(stage.task(by, async move {
            if !comes.is_zero() {
                sleep(comes).await;
            }
            for _ in 0..takes {
                let (from, first) = (since(), diary.lines.borrow().len());
                let bun = (basket.take)(diary.clone()).await;
                let (at, lines) = (since(), first..diary.lines.borrow().len());
                eaten.borrow_mut().push(Eaten { bun, by, from, at, lines });
            }
        }));
    }
    if early.is_none() {
        drop(stage.task("baker", bakes()));
    }
    let run = stage.play();
    let name = |id| NAMES.into_iter().find(|name| run.id(name) == id).unwrap_or_default();
    let line = |line: &Line| {
        let since = |at: Instant| nanos(at.duration_since(start));
        (name(line.by), since(line.from), line.to.map(since))
    };
    let lines: Vec<_> = diary.lines.borrow().iter().map(line).collect();
    let eaten = eaten.borrow().clone();
    let day = Day { run: &run, eaters, brings, eaten: &eaten, lines: &lines };
    let finding = judge(&day);
    (run, finding)
}

fn judge(day: &Day<'_>) -> Option<Finding> {
    let &Day { run, eaters, brings, eaten, .. } = day;
    let names = || NAMES.into_iter().take(eaters.len());
    if let Some(spins) = names().find_map(|name| day.spins(name)) {
        return Some(spins);
    }
    if let Some(eater) = names().find(|name| run.panicked(name)) {
        // The first bun of a lonely eater is what the bell rang for.
        let name = if brings.len() > 1 { "woken-for-nothing" } else { "panicked" };
        return Some(Finding::new(name).fact("eater", eater));
    }
    if run.panicked("baker") {
        return Some(Finding::new("panicked"));
    }
    if let Some(looks) = names().find_map(|name| day.looks_too_often(name)) {
        return Some(looks);
    }
    if let Some(eater) = names().find(|name| run.done_at(name).is_none()) {
        return Some(hungry(run, eater, brings));
    }
    let buns: Vec<u32> = eaten.iter().map(|eaten| eaten.bun).collect();
    let mut sorted = buns.clone();
    sorted.sort_unstable();
    if sorted != (1..=brings.len() as u32).collect::<Vec<_>>() {
        return Some(Finding::new("wrong-bun").fact("buns", format!("{buns:?}")));
    }
    if let Some(finding) = eaten.iter().find_map(|eaten| day.diary(eaten)) {
        return Some(finding);
    }
    if !buns.is_sorted() {
        return Some(Finding::new("newest-first").fact("buns", format!("{buns:?}")));
    }
    eaten.iter().find_map(|eaten| day.late(eaten))
}

impl Day<'_> {
    fn put(&self, bun: u32) -> Nanos {
        nanos(self.brings[bun as usize - 1])
    }

    /// The lines of those that one wrote to the end, in order: from when to when.
    fn lines(&self, of: Range<usize>, by: &str) -> impl Iterator<Item = (Nanos, Nanos)> {
        let lines = self.lines[of].iter().filter(move |(name, ..)| *name == by);
        lines.filter_map(|&(_, from, to)| Some((from, to?)))
    }

    /// Whether it ever waited for the bell.
    fn listened(&self, name: &str) -> bool {
        let switches = self.run.switches_of(name);
        switches
            .iter()
            .flat_map(|switch| switch.waits)
            .any(|wait| wait.reason == WaitReason::Notify)
    }

    /// It is ready again and again, without having anything to do.
    fn spins(&self, name: &str) -> Option<Finding> {
        let switches = self.run.switches_of(name);
        let by = |cause| switches.iter().filter(|switch| switch.cause == Some(cause)).count();
        let finding = if by(Cause::Budget) > 3 {
            // What it awaits is always ready: only that spends a budget.
            Finding::new("polled-after-end").fact("eater", name)
        } else if by(Cause::Yield) > 3 || (self.run.end == End::Spins && switches.len() > 100) {
            Finding::new("self-wake-spin")
        } else {
            return None;
        };
        Some(finding.fact("switches", switches.len()).in_words(self.run.words()))
    }

    /// How often a timer woke it that is neither its way nor its diary.
    fn naps(&self, name: &str) -> usize {
        let own = |switch: &&Switch<'_>| {
            let line = self.lines.iter().any(|line| line.0 == name && line.2 == Some(switch.at));
            let comes = self.eaters[NAMES.iter().position(|is| *is == name).unwrap_or(0)].comes;
            switch.cause == Some(Cause::Timer) && !line && switch.at != nanos(comes)
        };
        self.run.switches_of(name).iter().filter(own).count()
    }

    /// A look has a reason: it comes, its line is written, or the bell rang.
    fn looks_too_often(&self, name: &'static str) -> Option<Finding> {
        let lines: Vec<_> = self.lines(0..self.lines.len(), name).collect();
        let looks = self.naps(name);
        let finding = |kind| Some(Finding::new(kind).fact("eater", name).fact("looks", looks));
        if looks > 1 {
            return finding("naps");
        }
        let news = |from, to| {
            let put = |&at: &Duration| (from..=to).contains(&nanos(at));
            self.brings.iter().any(put)
        };
        let vain = lines.windows(2).find(|pair| !news(pair[0].0, pair[1].0));
        let vain = vain.filter(|pair| !self.eaten.iter().any(|had| had.from == pair[1].0));
        match vain {
            Some(_) if self.listened(name) => {
                let switches = self.run.switches_of(name).len();
                Some(
                    Finding::new("polled-after-end").fact("eater", name).fact("switches", switches),
                )
            }
            Some(_) => finding("naps"),
            None => None,
        }
    }

    /// Who has to wait writes one line, before it waits; and nobody else does.
    fn diary(&self, eaten: &Eaten) -> Option<Finding> {
        let &Eaten { bun, by, from, .. } = eaten;
        let first = self.lines(eaten.lines.clone(), by).next();
        let finding = |name| Some(Finding::new(name).fact("eater", by).fact("at", ms(from)));
        // At the very moment, either may have been first.
        match first {
            None if self.put(bun) > from => finding("no-diary"),
            Some((line, _)) if line > from => {
                finding("diary-late").map(|finding| finding.fact("line", ms(line)))
            }
            Some(_) if self.put(bun) < from || self.put(bun) == 0 => finding("needless-line"),
            _ => None,
        }
    }

    /// A bun that is there is taken at once, but by those who write.
    fn late(&self, eaten: &Eaten) -> Option<Finding> {
        let &Eaten { bun, by, from, at, .. } = eaten;
        let put = self.put(bun).max(from);
        let mut lines = self.lines(eaten.lines.clone(), by);
        let due = lines.find(|line| line.0 <= put && put < line.1).map_or(put, |line| line.1);
        let looks = self.naps(by);
        let finding = Finding::new(if looks > 0 { "naps" } else { "too-late" }).fact("bun", bun);
        let finding = finding.fact("eater", by).fact("looks", looks);
        (at > due).then(|| finding.fact("at", ms(at)).fact("there", ms(due)))
    }
}

/// An eater waits for ever: for a ring that came too early, or for one that never comes?
fn hungry(run: &Run, eater: &str, brings: &[Duration]) -> Finding {
    let put = run.switches_of("baker").last().map_or(0, |switch| switch.at);
    let waits = run.left.iter().find(|waiting| waiting.task.name() == Some(eater));
    let since = waits.and_then(|waiting| waiting.waits.first()).map(|wait| wait.since);
    let name = match since {
        _ if run.has(Lint::LostWaker, eater) => "lost-waker",
        None if waits.is_some_and(|waiting| waiting.wakers == 0) => "lost-waker",
        Some(since) if since <= put => "never-rung",
        _ if brings.len() > 1 => "one-ring-for-two",
        _ => "lost-wake-up",
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
    // The baker's first switch only begins to wait, unless it is there before and brings a bun.
    let timer = baker.iter().find(|switch| switch.cause == Some(Cause::Timer));
    let put = baker.first().filter(|switch| switch.n == 1).or(timer).or(baker.first())?;
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
