//! More programs, right and wrong ones, each called what it is: several of a kind, so that a check
//! is not fitted to the one that stands in `wrong/`.

#![allow(clippy::await_holding_refcell_ref)] // Some are wrong in just that way.

use class::lab::Exam;
use class::labs; // What a program of lab 3 calls `crate::labs`.

#[path = "../solutions/also/mod.rs"]
mod solutions;

#[path = "also/lost_wakeup.rs"]
mod lost_wakeup;
#[path = "also/policy.rs"]
mod policy;
#[path = "also/reactor.rs"]
mod reactor;
#[path = "also/starvation.rs"]
mod starvation;
#[path = "also/wakers.rs"]
mod wakers;
#[path = "also/who_polls.rs"]
mod who_polls;

/// A program: its name, what it is called, and how to examine it.
type Program = (&'static str, &'static str, fn() -> Exam);

macro_rules! programs {
    ($examine:ident; $($module:ident $found:literal),+ $(,)?) => {
        pub fn programs() -> Vec<crate::Program> {
            vec![$((stringify!($module), $found, class::$examine!($module))),+]
        }
    };
}
pub(crate) use programs;

fn are_called_what_they_are(programs: Vec<Program>) {
    assert!(programs.len() >= 15, "{} programs", programs.len());
    let misnamed = programs.into_iter().filter_map(|(name, expected, examine)| {
        let exam = examine();
        let found = exam.finding().map_or("right", |finding| finding.name);
        let scenario = exam.scenarios.last().map_or("", |(name, _)| name);
        let words = exam.finding().and_then(|found| found.turno.clone()).unwrap_or_default();
        let says = || format!("{name} is {expected}, not {found} ({scenario}) {words}");
        (found != expected).then(says)
    });
    let misnamed: Vec<String> = misnamed.collect();
    assert!(misnamed.is_empty(), "\n{}", misnamed.join("\n"));
}

#[test]
fn other_solutions_are_right() {
    use solutions::{aging, careful, join, levels, looks_again, notify, permits};
    use solutions::{select, sjf, tasks, tree};
    let exams: [(&str, Exam); 11] = [
        ("join", class::who_polls!(join)()),
        ("tasks", class::who_polls!(tasks)()),
        ("notify", class::wakers!(notify)()),
        ("careful", class::wakers!(careful)()),
        ("looks_again", class::lost_wakeup!(looks_again)()),
        ("permits", class::lost_wakeup!(permits)()),
        ("select", class::reactor!(select)()),
        ("sjf", class::policy!(sjf)()),
        ("tree", class::policy!(tree)()),
        ("aging", class::starvation!(aging)()),
        ("levels", class::starvation!(levels)()),
    ];
    for (name, exam) in exams {
        assert_eq!(exam.finding().map(|finding| finding.name), None, "{name}");
    }
}

#[test]
fn programs_of_lab_1_are_called_what_they_are() {
    are_called_what_they_are(who_polls::programs());
}

#[test]
fn programs_of_lab_2_are_called_what_they_are() {
    are_called_what_they_are(wakers::programs());
}

#[test]
fn programs_of_lab_3_are_called_what_they_are() {
    are_called_what_they_are(lost_wakeup::programs());
}

#[test]
fn programs_of_lab_4_are_called_what_they_are() {
    are_called_what_they_are(reactor::programs());
}

#[test]
fn programs_of_lab_5_are_called_what_they_are() {
    are_called_what_they_are(policy::programs());
}

#[test]
fn programs_of_lab_6_are_called_what_they_are() {
    are_called_what_they_are(starvation::programs());
}
