//! Each starter fails, each wrong program is called by its name, each solution is right.

use class::lab::{Lab, SOLUTION, STARTER};
use class::labs;

/// What is found in a program; `right` if nothing is.
fn verdict(lab: &Lab, name: &str) -> &'static str {
    let exam = lab.program(name).expect("there is such a program").examine();
    exam.finding().map_or("right", |finding| finding.name)
}

#[test]
fn every_starter_fails_with_its_named_diagnostic() {
    let found: Vec<_> = labs::all().iter().map(|lab| verdict(lab, STARTER)).collect();
    let names = ["never-polled", "lost-waker", "lost-wake-up", "self-wake-spin", "idle", "starved"];
    assert_eq!(found, names);
}

#[test]
fn every_wrong_program_is_called_by_its_name() {
    for lab in labs::all() {
        let names: Vec<_> = lab.wrong().collect();
        assert!(names.len() >= 3, "lab {}: {names:?}", lab.number);
        let found: Vec<_> = names.iter().map(|name| verdict(&lab, name)).collect();
        assert_eq!(found, names, "lab {}", lab.number);
    }
}

#[test]
fn every_solution_is_right() {
    for lab in labs::all() {
        assert_eq!(verdict(&lab, SOLUTION), "right", "lab {}", lab.number);
    }
}
