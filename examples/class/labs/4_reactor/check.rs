//! Lab 4: the reactor and timers. The student listens on a real socket, with patience.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use turno::net::UnixStream;
use turno::task::{Cause, Nanos};
use turno::time::{Instant, sleep};

use crate::lab::{Exam, Finding, Lab, Scenario, programs};
use crate::language::bilingual;
use crate::question::{Answer, Question};
use crate::solutions::reactor as solution;
use crate::stage::{End, MS, Run, Stage, ms, nanos};

mod starter;

#[path = "wrong/deaf_to_the_end.rs"]
mod deaf_to_the_end;
#[path = "wrong/first_words_only.rs"]
mod first_words_only;
#[path = "wrong/naps.rs"]
mod naps;
#[path = "wrong/one_deadline_for_all.rs"]
mod one_deadline_for_all;
#[path = "wrong/waits_for_ever.rs"]
mod waits_for_ever;

type Heard = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// Listens on a socket, with so much patience.
type Listen = dyn Fn(UnixStream, Duration) -> Heard;

macro_rules! bind {
    ($module:ident) => {
        |socket: UnixStream, patience: Duration| -> Heard {
            Box::pin($module::listen(socket, patience))
        }
    };
}

/// Lab 4.
pub fn lab() -> Lab {
    let programs = programs![examine, bind;
        starter "starter" "labs/4_reactor/starter.rs",
        naps "naps" "labs/4_reactor/wrong/naps.rs",
        one_deadline_for_all "one-deadline-for-all" "labs/4_reactor/wrong/one_deadline_for_all.rs",
        waits_for_ever "waits-for-ever" "labs/4_reactor/wrong/waits_for_ever.rs",
        first_words_only "first-words-only" "labs/4_reactor/wrong/first_words_only.rs",
        deaf_to_the_end "deaf-to-the-end" "labs/4_reactor/wrong/deaf_to_the_end.rs",
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

/// So long may the other side be silent.
const PATIENCE: Duration = MS.saturating_mul(10);

/// What the other side says when, and when it hangs up; then it stays on the line for ever.
struct Talk {
    says: &'static [(u64, &'static str)],
    hangs_up: Option<u64>,
}

fn examine(listen: &Listen) -> Exam {
    const HELLO: &[(u64, &str)] = &[(2, "hel"), (9, "lo")];
    const SLOW: &[(u64, &str)] = &[(4, "a"), (12, "b"), (21, "c"), (30, "d")];
    const SCENARIOS: [Scenario<Listen>; 4] = [
        Scenario {
            name: "falls-silent",
            play: |listen| call(listen, &Talk { says: HELLO, hangs_up: None }),
        },
        Scenario {
            name: "hangs-up",
            play: |listen| call(listen, &Talk { says: HELLO, hangs_up: Some(12) }),
        },
        Scenario {
            name: "says-nothing",
            play: |listen| call(listen, &Talk { says: &[], hangs_up: None }),
        },
        Scenario {
            name: "speaks-slowly",
            play: |listen| call(listen, &Talk { says: SLOW, hangs_up: None }),
        },
    ];
    Exam::of(listen, &SCENARIOS, ask)
}

impl Talk {
    /// What is said.
    fn words(&self) -> String {
        self.says.iter().map(|&(_, word)| word).collect()
    }

    /// When a good listener has heard it all.
    fn over(&self) -> Nanos {
        let last = self.says.last().map_or(0, |&(at, _)| at);
        let over = self.hangs_up.map_or(last as u32 * MS + PATIENCE, |at| at as u32 * MS);
        nanos(over)
    }
}

/// When the other side hangs up after all: else one who has no timer would listen for ever.
const GIVES_UP: u64 = 1_000;

fn call(listen: &Listen, talk: &Talk) -> (Run, Option<Finding>) {
    let stage = Stage::new();
    let (here, there) = stage.inside(|| UnixStream::pair().expect("two sockets can be made"));
    let listens = listen(here, PATIENCE);
    let heard = Rc::new(RefCell::new(None));
    let note = heard.clone();
    drop(stage.task("listener", async move {
        let words = listens.await;
        *note.borrow_mut() = Some(String::from_utf8_lossy(&words).into_owned());
    }));
    let (says, hangs_up) = (talk.says, talk.hangs_up);
    drop(stage.task("talker", async move {
        let start = Instant::now();
        let until = |at: u64| sleep((at as u32 * MS).saturating_sub(start.elapsed()));
        for &(at, word) in says {
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
    if run.end == End::Spins {
        let at = ms(switches.last().map_or(0, |switch| switch.at));
        let finding = Finding::new("self-wake-spin").fact("switches", switches.len());
        return Some(finding.fact("at", at).in_words(run.words()));
    }
    let (Some(heard), Some(done)) = (heard, run.done_at("listener")) else {
        let name = if run.panicked("listener") { "panicked" } else { "waits-for-ever" };
        return Some(Finding::new(name).in_words(run.words()));
    };
    let over = talk.over();
    let finding = |name| {
        let finding = Finding::new(name).fact("heard", format!("{heard:?}")).fact("at", ms(done));
        let finding = finding.fact("said", format!("{:?}", talk.words())).fact("over", ms(over));
        Some(finding.fact("patience", ms(PATIENCE)))
    };
    let by_socket = switches.iter().any(|switch| matches!(switch.cause, Some(Cause::Source(_))));
    if !by_socket && switches.len() > talk.says.len() + 2 {
        return finding("naps");
    }
    if done >= nanos(GIVES_UP as u32 * MS) {
        return finding("waits-for-ever");
    }
    if done < over {
        // One timer from the beginning, or one that was never set again?
        return finding(if done == nanos(PATIENCE) {
            "one-deadline-for-all"
        } else {
            "first-words-only"
        });
    }
    if heard != talk.words() {
        return finding("wrong-words");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solutions::also::select;

    #[test]
    fn other_right_programs_are_right() {
        let found = |exam: Exam| exam.finding().map(|finding| finding.name);
        assert_eq!(found(examine(&bind!(select))), None, "select");
    }
}
