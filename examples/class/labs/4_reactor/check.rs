//! Lab 4: the reactor and timers. The student listens on a real socket, with patience.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use turno::net::UnixStream;
use turno::task::{Cause, Nanos};
use turno::time::{Instant, sleep};

use crate::lab::{Exam, Finding, Lab, Scenario, drawn, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::reactor as solution;
use crate::stage::{End, MS, Pace, Run, Stage, ms, nanos};

#[path = "wrong/deaf_to_the_end.rs"]
mod deaf_to_the_end;
#[path = "wrong/first_words_only.rs"]
mod first_words_only;
#[path = "wrong/impatient.rs"]
mod impatient;
#[path = "wrong/last_words_only.rs"]
mod last_words_only;
#[path = "wrong/naps.rs"]
mod naps;
#[path = "wrong/one_deadline_for_all.rs"]
mod one_deadline_for_all;
#[path = "wrong/waits_for_ever.rs"]
mod waits_for_ever;
#[path = "wrong/whole_buffer.rs"]
mod whole_buffer;

/// What was heard.
pub type Heard = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// Listens on a socket, with so much patience.
pub type Listen = dyn Fn(UnixStream, Duration) -> Heard;

/// How to examine a module as a program of lab 4.
#[macro_export]
macro_rules! reactor {
    ($module:ident) => {
        || {
            $crate::labs::reactor::examine(&|socket, patience| {
                Box::pin(async move { $module::listen(socket, patience).await })
            })
        }
    };
}

/// Lab 4.
pub fn lab() -> Lab {
    let programs = programs![reactor;
        naps "naps" "labs/4_reactor/wrong/naps.rs",
        one_deadline_for_all "one-deadline-for-all" "labs/4_reactor/wrong/one_deadline_for_all.rs",
        waits_for_ever "waits-for-ever" "labs/4_reactor/wrong/waits_for_ever.rs",
        first_words_only "first-words-only" "labs/4_reactor/wrong/first_words_only.rs",
        deaf_to_the_end "deaf-to-the-end" "labs/4_reactor/wrong/deaf_to_the_end.rs",
        impatient "impatient" "labs/4_reactor/wrong/impatient.rs",
        last_words_only "last-words-only" "labs/4_reactor/wrong/last_words_only.rs",
        whole_buffer "whole-buffer" "labs/4_reactor/wrong/whole_buffer.rs",
        solution "solution" "solutions/4.rs",
    ];
    Lab {
        number: 4,
        folder: "4_reactor",
        readme: bilingual!("README"),
        says: bilingual!("says"),
        programs,
    }
}

/// What the other side says when, in ms, and when it hangs up; else it stays on the line.
#[derive(Clone)]
struct Talk {
    says: Vec<(u32, String)>,
    hangs_up: Option<u32>,
    /// So long may it be silent.
    patience: Duration,
}

/// Runs the scenarios of lab 4.
pub fn examine(listen: &Listen) -> Exam {
    const HELLO: &[(u32, &str)] = &[(2, "hel"), (9, "lo")];
    const SLOW: &[(u32, &str)] = &[(4, "a"), (12, "b"), (21, "c"), (30, "d")];
    const SCENARIOS: [Scenario<Listen>; 6] = [
        Scenario {
            name: "falls-silent",
            play: |listen, pace| call(listen, pace, &Talk::new(HELLO, None)),
        },
        Scenario {
            name: "hangs-up",
            play: |listen, pace| call(listen, pace, &Talk::new(HELLO, Some(12))),
        },
        Scenario {
            name: "says-nothing",
            play: |listen, pace| call(listen, pace, &Talk::new(&[], None)),
        },
        Scenario {
            name: "speaks-slowly",
            play: |listen, pace| call(listen, pace, &Talk::new(SLOW, None)),
        },
        Scenario {
            name: "says-much",
            play: |listen, pace| {
                let letters = ('a'..='z').cycle().take(300).collect();
                call(listen, pace, &Talk { says: vec![(2, letters)], ..Talk::new(&[], Some(5)) })
            },
        },
        Scenario {
            name: "drawn",
            play: |listen, pace| {
                drawn(|dice| {
                    let patience = 3 + dice.roll(20);
                    let mut now = 0;
                    let says = (0..dice.roll(6)).map(|n| {
                        now += 1 + dice.roll(patience - 1);
                        (now, "word ".repeat(1 + (n + dice.roll(4)) as usize))
                    });
                    let says = says.collect();
                    let up = (dice.roll(2) == 0).then(|| now + 1 + dice.roll(patience - 1));
                    call(listen, pace, &Talk { says, hangs_up: up, patience: patience * MS })
                })
            },
        },
    ];
    Exam::of(listen, &SCENARIOS, ask)
}

impl Talk {
    fn new(says: &[(u32, &str)], hangs_up: Option<u32>) -> Self {
        let says = says.iter().map(|&(at, word)| (at, word.to_string())).collect();
        Self { says, hangs_up, patience: 10 * MS }
    }

    /// What is said.
    fn words(&self) -> String {
        self.says.iter().map(|(_, word)| word.as_str()).collect()
    }

    /// When a good listener has heard it all.
    fn over(&self) -> Nanos {
        let last = self.says.last().map_or(0, |&(at, _)| at);
        nanos(self.hangs_up.map_or(last * MS + self.patience, |at| at * MS))
    }
}

/// When the other side hangs up after all: else one who has no timer would listen for ever.
const GIVES_UP: u32 = 1_000;

fn call(listen: &Listen, pace: Pace, talk: &Talk) -> (Run, Option<Finding>) {
    let stage = Stage::new(pace);
    let (here, there) = stage.inside(|| UnixStream::pair().expect("two sockets can be made"));
    let listens = listen(here, talk.patience);
    let heard = Rc::new(RefCell::new(None));
    let note = heard.clone();
    drop(stage.task("listener", async move {
        let words = listens.await;
        *note.borrow_mut() = Some(String::from_utf8_lossy(&words).into_owned());
    }));
    let Talk { says, hangs_up, .. } = talk.clone();
    drop(stage.task("talker", async move {
        let start = Instant::now();
        let until = |at: u32| sleep((at * MS).saturating_sub(start.elapsed()));
        for (at, word) in says {
            until(at).await;
            // The listener may be gone by then.
            let _ = there.write_all(word.as_bytes()).await;
        }
        until(hangs_up.unwrap_or(GIVES_UP)).await;
    }));
    let run = stage.play();
    let finding = judge(&run, talk, heard.take());
    (run, finding)
}

fn judge(run: &Run, talk: &Talk, heard: Option<String>) -> Option<Finding> {
    let switches = run.switches_of("listener");
    let woken = |is: fn(Cause) -> bool| {
        switches.iter().filter(|switch| switch.cause.is_some_and(is)).count()
    };
    let (over, done) = (talk.over(), run.done_at("listener"));
    let last = switches.last().map_or(0, |switch| switch.at);
    let at = done.unwrap_or(last);
    let quoted = |words: &str| match words.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}...", &words[..end]),
        None => format!("{words:?}"),
    };
    let finding = |name| {
        let finding = Finding::new(name).fact("heard", quoted(heard.as_deref().unwrap_or("")));
        let finding = finding.fact("said", quoted(&talk.words())).fact("at", ms(at));
        let finding = finding.fact("over", ms(over)).fact("patience", ms(talk.patience));
        Some(finding.fact("switches", switches.len()).in_words(run.words()))
    };
    let is_up = talk.hangs_up.is_some_and(|up| last >= nanos(up * MS));
    // After the end each read is ready at once, with nothing: only that spends a budget.
    if run.end == End::Spins && is_up && woken(|cause| cause == Cause::Budget) > 3 {
        return finding("deaf-to-the-end");
    }
    if run.end == End::Spins || woken(|cause| cause == Cause::Yield) > 3 {
        return finding("self-wake-spin");
    }
    let (Some(heard), Some(done)) = (&heard, done) else {
        return finding(if run.panicked("listener") { "panicked" } else { "waits-for-ever" });
    };
    let timers = woken(|cause| cause == Cause::Timer);
    // A timer that is set again only when it is due wakes it once for each word.
    if timers > talk.says.len() + 1 {
        return finding("naps");
    }
    if done >= nanos(GIVES_UP * MS) {
        return finding("waits-for-ever");
    }
    if heard.contains('\0') {
        return finding("whole-buffer");
    }
    let words = talk.words();
    if done < over {
        // One timer from the beginning, or a word that was taken for all, or less patience?
        let times: Vec<_> = talk.says.iter().map(|&(at, _)| nanos(at * MS)).collect();
        return finding(if !times.is_empty() && done == nanos(talk.patience) {
            "one-deadline-for-all"
        } else if times.contains(&done) {
            "first-words-only"
        } else {
            "impatient"
        });
    }
    if *heard != words {
        let tail = !heard.is_empty() && heard.len() < words.len() && words.ends_with(heard);
        return finding(if tail { "last-words-only" } else { "wrong-words" });
    }
    if done > over {
        return finding(if talk.hangs_up.is_some() { "deaf-to-the-end" } else { "too-patient" });
    }
    None
}

/// How often did the socket wake `listener`, and how often a timer?
fn ask(run: &Run) -> Option<Question> {
    if run.end == End::Spins {
        return None;
    }
    let switches = run.switches_of("listener");
    let count = |is: fn(&Cause) -> bool| {
        let causes = switches.iter().filter_map(|switch| switch.cause);
        causes.filter(is).count() as u64
    };
    let sockets = count(|cause| matches!(cause, Cause::Source(_)));
    let timers = count(|cause| *cause == Cause::Timer);
    let talker = run.switches_of("talker").iter().filter(|s| s.cause == Some(Cause::Timer)).count();
    let numbers = |sockets, timers| Answer::Numbers(vec![sockets, timers]);
    Some(
        Question::new(&run.recording, numbers(sockets, timers))
            .mistake(numbers(timers, sockets), "answer-turned-round")
            .mistake(numbers(sockets, timers + talker as u64), "answer-talkers-timers")
            .mistake(numbers(sockets, talker as u64), "answer-talkers-timers")
            .mistake(numbers(sockets + 1, timers), "answer-spawned-too"),
    )
}
