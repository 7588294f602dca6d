//! Each starter fails, each wrong program is called by its name, each solution is right.

use class::lab::{Lab, SOLUTION, STARTER};
use class::labs; // What a starter calls `crate::labs`.
use turno::lints::Lint;

mod starters;

/// What is found in a program; `right` if nothing is.
fn verdict(lab: &Lab, name: &str) -> &'static str {
    let exam = lab.program(name).expect("there is such a program").examine();
    exam.finding().map_or("right", |finding| finding.name)
}

#[test]
fn every_starter_fails_with_its_named_diagnostic() {
    let found: Vec<_> = starters::labs().iter().map(|lab| verdict(lab, STARTER)).collect();
    let names = ["never-polled", "lost-waker", "lost-wake-up", "self-wake-spin", "idle", "starved"];
    assert_eq!(found, names);
}

#[test]
fn every_wrong_program_is_called_by_its_name() {
    for lab in starters::labs() {
        let names: Vec<_> = lab.wrong().collect();
        assert!(names.len() >= 3, "lab {}: {names:?}", lab.number);
        let found: Vec<_> = names.iter().map(|name| verdict(&lab, name)).collect();
        assert_eq!(found, names, "lab {}", lab.number);
    }
}

#[test]
fn every_solution_is_right() {
    for lab in starters::labs() {
        assert_eq!(verdict(&lab, SOLUTION), "right", "lab {}", lab.number);
    }
}

#[test]
fn what_turnos_lints_find_is_called_by_their_name_and_told_in_their_words() {
    let mut told = 0;
    for lab in starters::labs() {
        for program in &lab.programs {
            let exam = program.examine();
            let Some(finding) = exam.finding() else { continue };
            if Lint::ALL.iter().any(|lint| lint.name() == finding.name) {
                let words = finding.turno.as_deref().unwrap_or_default();
                assert!(words.starts_with(&format!("{}: task ", finding.name)), "{words:?}");
                told += 1;
            }
        }
    }
    assert_eq!(told, 5, "three labs have a spin among the wrong programs, two as the starter");
}

#[test]
fn a_stall_is_told_by_turno_of_the_labs_own_tasks() {
    let exam = starters::labs()[2].program(STARTER).expect("there is one").examine();
    let words = exam.finding().and_then(|finding| finding.turno.clone()).unwrap_or_default();
    assert!(words.starts_with("stalled: ") && words.contains("\"eater\""), "{words}");
    assert!(!words.contains("try_block_on"), "{words}");
}
