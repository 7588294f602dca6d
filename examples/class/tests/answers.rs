//! The questions: their answers are what a student reads from the timeline or the log.

use std::collections::BTreeSet;

use class::lab::{Exam, Lab, SOLUTION, STARTER};
use class::labs; // What a starter calls `crate::labs`.
use class::language::Language;
use class::question::{Answer, Judgement};
use turno::trace::Text;

mod starters;

/// A drawn timeline, read again.
struct Drawn {
    /// Letter, name, and a mark for each switch.
    rows: Vec<(char, String, Vec<char>)>,
    why: Vec<char>,
    by: Vec<char>,
}

impl Drawn {
    fn of(exam: &Exam) -> Self {
        let text = Text::new(10_000, false).timeline(&exam.run.recording);
        let at = text.lines().find_map(|line| {
            line.strip_prefix("why").map(|rest| 3 + rest.len() - rest.trim_start().len())
        });
        let at = at.expect("there is a row `why`");
        let cells = |line: &str| line.chars().skip(at).collect::<Vec<_>>();
        let mut drawn = Self { rows: Vec::new(), why: Vec::new(), by: Vec::new() };
        for line in text.lines() {
            let head: String = line.chars().take(at).collect();
            match head.trim() {
                "why" => drawn.why = cells(line),
                "by" => drawn.by = cells(line),
                label => {
                    let (letter, name) = label.split_once(' ').expect("a letter and a name");
                    let letter = letter.chars().next().expect("a letter");
                    drawn.rows.push((letter, name.trim().to_string(), cells(line)));
                }
            }
        }
        drawn
    }

    /// The columns in which the task ran.
    fn ran(&self, name: &str) -> Vec<usize> {
        let (.., cells) = self.rows.iter().find(|(_, is, _)| is == name).expect("it is drawn");
        (0..cells.len()).filter(|&at| ['█', '!'].contains(&cells[at])).collect()
    }

    fn count(&self, name: &str, letter: char) -> u64 {
        self.ran(name).iter().filter(|&&at| self.why[at] == letter).count() as u64
    }
}

fn log(exam: &Exam) -> Vec<String> {
    Text::new(100, false).log(&exam.run.recording).lines().map(str::to_string).collect()
}

/// The answer, by the way that the question points out.
fn read(lab: &Lab, exam: &Exam) -> Answer {
    let drawn = Drawn::of(exam);
    match lab.number {
        1 => Answer::Numbers(vec![drawn.ran("cook").len() as u64, drawn.count("cook", 't')]),
        2 => Answer::Name(match drawn.ran("guest").get(1) {
            None => "nobody".into(),
            Some(&at) => match drawn.why[at] {
                'w' => {
                    let row = drawn.rows.iter().find(|(letter, ..)| *letter == drawn.by[at]);
                    row.expect("who woke it is drawn").1.clone()
                }
                't' => "timer".into(),
                'i' => "socket".into(),
                _ => "itself".into(),
            },
        }),
        3 => {
            let log = log(exam);
            // It brings the first bun when it is woken, or at once if it is there before.
            let brings = |line: &String| line.contains("  baker") && !line.contains("spawned");
            let put = match log[0].contains("  baker") {
                true => Some(0),
                false => log.iter().position(brings),
            };
            let mut before = log[..put.expect("a bun is brought")].iter();
            let last = before.rfind(|line| line.contains("  eater "));
            let waits = last.and_then(|line| line.split("waits for ").nth(1)).unwrap_or("");
            let told = [("a timer", "timer"), ("a notification", "bell")];
            let found = told.iter().find(|(words, _)| waits.starts_with(words));
            Answer::Name(found.map_or("nobody", |(_, name)| name).to_string())
        }
        4 => Answer::Numbers(vec![drawn.count("listener", 'i'), drawn.count("listener", 't')]),
        5 => {
            let waited = |line: &String| {
                let name = line.split_whitespace().nth(2)?.to_string();
                let time = line.split("waited ").nth(1)?.split(',').next()?;
                let ms = if time == "0ns" { 0 } else { time.strip_suffix("ms")?.parse().ok()? };
                Some((ms, name))
            };
            let (ms, name) = log(exam).iter().filter_map(waited).max().expect("somebody waited");
            Answer::Both(name, ms)
        }
        6 => Answer::Numbers(vec![drawn.ran("report")[0] as u64]),
        n => panic!("there is no lab {n}"),
    }
}

#[test]
fn the_answer_is_what_the_timeline_or_the_log_of_the_run_says() {
    let mut asked = 0;
    for lab in starters::labs() {
        for program in &lab.programs {
            let exam = program.examine();
            let Some(question) = &exam.question else { continue };
            assert_eq!(
                *question.answer(),
                read(&lab, &exam),
                "lab {}, {}",
                lab.number,
                program.name
            );
            asked += 1;
        }
        let solved = lab.program(SOLUTION).expect("there is one").examine();
        assert!(solved.question.is_some(), "lab {}", lab.number);
    }
    assert!(asked > 24, "{asked}");
}

#[test]
fn the_answers_of_the_solutions_are_those_of_the_teachers_page() {
    let given = ["3 2", "cook", "timer", "2 1", "bob 16", "10"];
    for (lab, answer) in starters::labs().iter().zip(given) {
        let exam = lab.program(SOLUTION).expect("there is one").examine();
        let judged = exam.question.expect("there is one").judge(answer);
        assert_eq!(judged, Judgement::Right, "lab {}: {answer}", lab.number);
        for page in [include_str!("../TEACHER.md"), include_str!("../TEACHER.es.md")] {
            let row = page.lines().find(|line| line.starts_with(&format!("| {}.", lab.number)));
            let row = row.expect("the table of the labs has a row for each");
            assert!(row.contains(&format!("`{answer}`")), "{row}");
        }
    }
}

#[test]
fn what_is_said_of_a_wrong_answer_is_not_the_right_one() {
    for lab in starters::labs() {
        for program in &lab.programs {
            let Some(question) = program.examine().question else { continue };
            for language in Language::ALL {
                let says = lab.says(language);
                let answers = says.headings().filter(|heading| heading.starts_with("answer-"));
                for heading in answers.filter(|heading| *heading != "answer-right") {
                    let judged = question.judge(says.section(heading));
                    assert_ne!(judged, Judgement::Right, "lab {}: {heading}", lab.number);
                }
            }
        }
    }
}

#[test]
fn known_mistakes_are_told_apart() {
    let judge = |number: usize, program: &str, answer: &str| {
        let labs = starters::labs();
        let exam = labs[number - 1].program(program).expect("there is one").examine();
        exam.question.expect("there is one").judge(answer)
    };
    let wrong = |heading| Judgement::Wrong(Some(heading));
    assert_eq!(judge(1, SOLUTION, "2 of 2"), wrong("answer-the-first-poll"));
    assert_eq!(judge(1, SOLUTION, "2, 3"), wrong("answer-turned-round"));
    assert_eq!(judge(1, STARTER, "1 1"), wrong("answer-not-all-timers"));
    assert_eq!(judge(2, SOLUTION, "the guest"), wrong("answer-not-the-guest"));
    assert_eq!(judge(2, STARTER, "cook"), wrong("answer-not-woken"));
    assert_eq!(judge(2, SOLUTION, "nobody"), wrong("answer-somebody"));
    assert_eq!(judge(3, STARTER, "the bell"), wrong("answer-later"));
    assert_eq!(judge(4, SOLUTION, "2 and 4"), wrong("answer-talkers-timers"));
    assert_eq!(judge(5, SOLUTION, "bob 24"), wrong("answer-not-the-end"));
    assert_eq!(judge(5, SOLUTION, "cid 9"), wrong("answer-somebody-longer"));
    assert_eq!(judge(6, SOLUTION, "11"), wrong("answer-not-its-own"));
    assert_eq!(judge(6, SOLUTION, "many"), Judgement::Unclear);
    assert_eq!(judge(6, SOLUTION, "7"), Judgement::Wrong(None));
}

#[test]
fn each_question_knows_three_wrong_answers_by_name() {
    for lab in starters::labs() {
        let exam = lab.program(SOLUTION).expect("there is one").examine();
        let question = exam.question.expect("there is one");
        let mut names = BTreeSet::new();
        for (answer, name) in question.mistakes() {
            let text = match answer {
                Answer::Numbers(numbers) => format!("{numbers:?}"),
                Answer::Name(name) => name.clone(),
                Answer::Both(name, number) => format!("{name} {number}"),
            };
            assert!(matches!(question.judge(&text), Judgement::Wrong(Some(_))), "{text}");
            names.insert(name);
        }
        assert!(names.len() >= 3, "lab {}: {names:?}", lab.number);
    }
}
