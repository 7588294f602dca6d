//! You are the scheduler: a policy like any other, measured like any other.

mod common;

use std::collections::HashSet;

use arbtest::arbtest;
use common::{parsed, pressed, programs, session};
use stepper::hand::{Hand, Wish};
use stepper::run::Decisions;
use stepper::score::{MEASURES, Score, policies, yours};
use stepper::session::Session;
use turno::policy::{self, NAMES, Pick, Policy, Tasks};
use turno::task::{Id, Left, Nanos, State, TaskInfo};

/// Somebody at the keyboard, who picks by numbers that come from the seed.
struct Somebody(Hand, Wish, Vec<Id>, u64);

impl Policy for Somebody {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.2.push(task.id());
        self.0.ready(task, now);
    }
    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        self.3 += 1;
        // Two of three times by hand, sometimes somebody who is not ready.
        if !self.3.is_multiple_of(3) && !self.2.is_empty() {
            self.1.set(Some(self.2[(self.3 * 7 % self.2.len() as u64) as usize]));
        }
        self.0.pick(tasks, now)
    }
    fn ran(&mut self, task: &TaskInfo, ran: Nanos, left: Left, now: Nanos) {
        self.0.ran(task, ran, left, now);
    }
    fn quantum(&mut self, task: &TaskInfo) -> Option<Nanos> {
        self.0.quantum(task)
    }
    fn forget(&mut self, id: Id) {
        self.0.forget(id);
    }
    fn changed(&mut self, task: &TaskInfo) {
        self.0.changed(task);
    }
    fn io_every(&self) -> u32 {
        self.0.io_every()
    }
    fn wants_time(&self) -> bool {
        self.0.wants_time()
    }
}

fn hand(policy: &'static str, wish: &Wish) -> Hand {
    Hand::new(move || policy::named(policy).unwrap(), wish.clone())
}

#[test]
fn it_keeps_the_contract_behind_every_policy() {
    for policy in NAMES {
        let made = policy::check(|| hand(policy.name, &Wish::default()).into());
        made.unwrap_or_else(|violation| panic!("{}: {violation}", policy.name));
    }
}

#[test]
fn whoever_picks_the_rules_of_picking_are_kept() {
    for policy in NAMES {
        for seed in 0..40 {
            let made = policy::check_seed(seed, || {
                let wish = Wish::default();
                Somebody(hand(policy.name, &wish), wish, Vec::new(), seed).into()
            });
            // Who picks by hand is no policy: what is random, forgotten or changed in it is his.
            let broken = made.err().filter(|violation| {
                use policy::Rule::{Changed, Forget, Random};
                !matches!(violation.rule(), Forget | Changed | Random)
            });
            assert!(broken.is_none(), "{}: {}", policy.name, broken.unwrap());
        }
    }
}

#[test]
fn the_queue_that_is_shown_is_of_those_who_are_ready() {
    let programs = programs();
    arbtest(|u| {
        let policy = u.choose(NAMES)?.name;
        let mut session = session(u.choose(&programs)?, policy);
        for _ in 0..60 {
            let (ready, is_told) = session.run().ready();
            let tasks = session.run().rt.tasks();
            let known = tasks.iter().filter(|task| task.state() == State::Ready);
            let known: HashSet<Id> = known.map(TaskInfo::id).collect();
            assert_eq!((ready.len(), ready.iter().copied().collect()), (known.len(), known));
            assert!(is_told || ["random", "lottery"].contains(&policy) || ready.len() > 1);
            let went_on = match ready.is_empty() || u.arbitrary()? {
                true => session.forward(),
                false => session.pick(*u.choose(&ready)?),
            };
            if !went_on {
                break;
            }
        }
        Ok(())
    })
    .budget_ms(2_000);
}

fn same(a: &Score, b: &Score) {
    assert_eq!(a, &Score { name: a.name.clone(), ..b.clone() });
}

#[test]
fn stepping_is_the_run_that_block_on_makes() {
    for program in programs() {
        for score in policies(&program, 1).unwrap() {
            let mut session = session(&program, &score.name);
            session.finish();
            same(&yours(&session), &score);
        }
    }
}

#[test]
fn who_copies_a_policys_picks_has_its_score() {
    for program in programs() {
        for score in policies(&program, 1).unwrap() {
            let mut session = session(&program, &score.name);
            session.finish();
            let schedule = session.run().recorder.recording().schedule().unwrap();
            let sliced = schedule.decisions.iter().any(|decision| decision.quantum.is_some());
            // By hand under fifo nothing is sliced: then only under the policy itself.
            for under in ["fifo", &score.name[..]].iter().skip(usize::from(sliced)) {
                let mut decisions = Decisions::new(under);
                for (at, decision) in schedule.decisions.iter().enumerate() {
                    decisions.decide_pick(at as u64, decision.task);
                }
                let mut copy = Session::decided(program.clone(), decisions, 1).unwrap();
                copy.finish();
                let copied = yours(&copy);
                assert_eq!(copied.name, "you");
                same(&copied, &score);
            }
        }
    }
}

#[test]
fn who_asks_for_advice_each_time_has_the_policys_score() {
    for program in programs() {
        for score in policies(&program, 1).unwrap() {
            let app = pressed(&program, &score.name, &format!("s a*{}", score.switches));
            same(&yours(app.session()), &score);
        }
    }
}

#[test]
fn who_picks_as_the_policy_would_now_and_then_has_its_score_too() {
    for program in programs() {
        for score in policies(&program, 1).unwrap() {
            let mut session = session(&program, &score.name);
            while session.run().end().is_none() {
                let (ready, is_told) = session.run().ready();
                match ready.first() {
                    Some(&first) if is_told && !session.at().is_multiple_of(3) => {
                        session.pick(first)
                    }
                    _ => session.let_the_policy(),
                };
            }
            let yours = yours(&session);
            same(&yours, &score);
        }
    }
}

#[test]
fn a_pick_by_hand_says_in_whose_place_it_was() {
    let program = parsed("task a\nwork 1ms\ntask b\nwork 1ms\n");
    let reason = |policy: &str| {
        let app = pressed(&program, policy, "space s down space");
        let last = app.sight().recording.switches().last().map(|switch| switch.reason.to_string());
        last.unwrap()
    };
    assert_eq!(reason("fifo"), "by hand, in the place of a");
    assert_eq!(reason("lifo"), "by hand, in the place of b");
    assert_eq!(reason("random"), "by hand");
}

#[test]
fn the_best_of_each_column_is_marked() {
    let program = parsed("task long\nwork 9ms\ntask short size 1ms\nwork 1ms\n");
    let app = pressed(&program, "fifo", "s a down space end S");
    let mut all = vec![yours(app.session())];
    all.extend(policies(&program, 1).unwrap());
    let best = |head: &str| -> Vec<&str> {
        let measure = MEASURES.iter().find(|measure| measure.head == head).unwrap();
        all.iter().filter(|s| measure.is_best(s, &all)).map(|s| &s.name[..]).collect()
    };
    // The short one first: so did you, and those who look at sizes, or have the newest first.
    let clever = best("response");
    for name in ["you", "sjf", "srpt", "lifo"] {
        assert!(clever.contains(&name), "{name} is not in {clever:?}");
    }
    assert!(!clever.contains(&"fifo"), "{clever:?}");
    assert_eq!(all[0].response, Some(5_500_000.0)); // 1 ms and 10 ms.
}

/// The rows of README's table of the tour: what stands at their head, and below each policy.
fn readme_table() -> Vec<(&'static str, Vec<&'static str>)> {
    let readme = include_str!("../../../README.md");
    let table = readme.lines().skip_while(|line| !line.trim().starts_with("fifo  round-robin"));
    let cells =
        |line: &'static str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    let row = |line| cells(line).next().map(|head| (head, cells(line).skip(1).collect()));
    table.skip(1).take_while(|line| *line != "```").filter_map(row).collect()
}

#[test]
fn the_numbers_are_those_that_the_tour_prints() {
    let tour = &programs()[0];
    let scores = policies(tour, 1).unwrap();
    let scores = ["fifo", "round-robin", "priority"]
        .map(|name| scores.iter().find(|score| score.name == name).unwrap());
    let table = readme_table();
    assert_eq!(table.len(), 10);
    for (head, cells) in table {
        let measure = MEASURES.iter().find(|measure| head.starts_with(measure.head));
        let here = scores.map(|score| match (measure, head.strip_suffix(" finished")) {
            (Some(measure), _) => measure.show(score),
            (None, name) => stepper::score::finish(score, name.unwrap()),
        });
        assert_eq!(here[..], cells, "{head}");
    }
}
