//! The texts: English and Spanish say the same, and nothing is said that is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use class::lab::{Lab, STARTER};
use class::labs; // What a starter calls `crate::labs`.
use class::language::Language;
use class::sheet::Sheet;

mod starters;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pairs of texts, without their `.md` and `.es.md`.
fn pairs() -> Vec<String> {
    let mut pairs = ["README", "TEACHER", "src/words", "labs/says"].map(str::to_string).to_vec();
    for lab in starters::labs() {
        pairs.extend(["README", "says"].map(|name| format!("labs/{}/{name}", lab.folder)));
    }
    pairs
}

fn sheets(pair: &str) -> [Sheet; 2] {
    [".md", ".es.md"].map(|end| Sheet::read(read(&format!("{pair}{end}")).leak()))
}

/// What stands between two markers.
fn between(text: &str, open: char, close: char) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(open) {
        let Some((inside, after)) = after.split_once(close) else { break };
        found.insert(inside.to_string());
        rest = after;
    }
    found
}

/// Code, in the words that are the same in both languages.
fn code(text: &str) -> BTreeSet<String> {
    let same = text.replace("README.es.md", "README.md").replace("TEACHER.es.md", "TEACHER.md");
    let same = same
        .replace("TEXTO", "TEXT")
        .replace("`bien`", "`right`")
        .replace("```text", "")
        .replace("```", "");
    between(&same, '`', '`')
}

/// Lines of code blocks.
fn blocks(text: &str) -> Vec<String> {
    text.split("```").skip(1).step_by(2).map(str::to_string).collect()
}

fn numbers(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let parts = parts.map(|part| part.trim_matches('.')).filter(|part| !part.is_empty());
    parts.map(str::to_string).collect()
}

#[test]
fn both_languages_have_the_same_sections_commands_numbers_and_facts() {
    for pair in pairs() {
        let [english, spanish] = sheets(&pair);
        let headings = [&english, &spanish].map(|sheet| sheet.headings().collect::<Vec<_>>());
        assert_eq!(headings[0].len(), headings[1].len(), "{pair}: the sections");
        if pair.ends_with("says") || pair.ends_with("words") {
            assert_eq!(headings[0], headings[1], "{pair}: the keys");
        }
        assert_eq!(numbers(english.lead), numbers(spanish.lead), "{pair}: the minutes");
        for (en, es) in headings[0].iter().zip(&headings[1]) {
            let (one, other) = (english.section(en), spanish.section(es));
            assert_eq!(blocks(one), blocks(other), "{pair}, {en}: the commands");
            assert_eq!(code(one), code(other), "{pair}, {en}: the code");
            assert_eq!(numbers(one), numbers(other), "{pair}, {en}: the numbers");
            assert_eq!(between(one, '{', '}'), between(other, '{', '}'), "{pair}, {en}: the facts");
        }
    }
}

/// The text of the check of a lab, with what is found in any.
fn source(lab: &Lab) -> String {
    read(&format!("labs/{}/check.rs", lab.folder)) + &read("src/lab.rs")
}

#[test]
fn whatever_a_check_may_find_or_answer_is_explained_and_nothing_else_is() {
    for lab in starters::labs() {
        let source = source(&lab);
        // Lab 6 asks lab 5 whether the contract is kept.
        let all =
            format!("{source}{}", if lab.number == 6 { source_of_breach() } else { "".into() });
        let literals = between_quotes(&all);
        let says = lab.says(Language::English);
        let headings: BTreeSet<&str> = says.headings().collect();
        for heading in &headings {
            let literal = heading.strip_prefix("scenario-").unwrap_or(heading);
            let always = ["right", "answer-right", "answer-look", "answer-form"];
            let known = literals.contains(literal) || always.contains(heading);
            assert!(known, "lab {}: nothing is called {heading}", lab.number);
            for fact in between(says.section(heading), '{', '}') {
                assert!(source.contains(&format!(".fact(\"{fact}\"")), "{heading}: {{{fact}}}");
            }
        }
        for after in ["Finding::new(\"", "finding(\"", "=> \"", "{ \""] {
            for name in source.split(after).skip(1).filter_map(|rest| rest.split('"').next()) {
                let kebab = name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                let answer = ["timer", "bell", "nobody", "itself", "socket"].contains(&name);
                let scenario = headings.contains(format!("scenario-{name}").as_str());
                let known = !kebab || answer || scenario || headings.contains(name);
                assert!(known, "lab {}: {name} is not explained", lab.number);
            }
        }
        for name in literals.iter().filter(|literal| literal.starts_with("answer-")) {
            assert!(headings.contains(name.as_str()), "lab {}: {name}", lab.number);
        }
    }
}

fn source_of_breach() -> String {
    let text = read("labs/5_policy/check.rs");
    let start = text.find("fn breach").expect("it is there");
    text[start..text.find("/// A job:").expect("it ends")].to_string()
}

fn between_quotes(text: &str) -> BTreeSet<String> {
    text.lines().flat_map(|line| between(line, '"', '"')).collect()
}

#[test]
fn what_is_said_of_a_program_has_all_its_facts() {
    for lab in starters::labs() {
        for program in &lab.programs {
            let exam = program.examine();
            for language in Language::ALL {
                let (says, readme) = (lab.says(language), lab.readme(language));
                let scenario = exam.shown().expect("something was run");
                assert!(!says.section(&format!("scenario-{scenario}")).is_empty());
                assert!(!readme.title.is_empty() && !readme.lead.is_empty());
                let Some(finding) = exam.finding() else { continue };
                let said = says.say(finding.name, &finding.facts);
                assert!(!said.contains('{'), "lab {}, {}: {said}", lab.number, program.name);
            }
        }
    }
}

#[test]
fn a_lab_is_short() {
    for lab in starters::labs() {
        let starter = lab.program(STARTER).expect("there is one");
        let lines = read(&starter.file).lines().count();
        assert!(lines <= 60, "{}: {lines} lines", starter.file);
        for language in Language::ALL {
            let lead = lab.readme(language).lead;
            let minutes: u32 =
                lead.split(' ').next().and_then(|n| n.parse().ok()).expect("minutes");
            assert!((10..=15).contains(&minutes), "{lead}");
        }
    }
}

#[test]
fn the_teachers_page_speaks_of_every_program() {
    for page in sheets("TEACHER") {
        let text: String = page.headings().map(|heading| page.section(heading)).collect();
        for lab in starters::labs() {
            for name in lab.wrong() {
                assert!(text.contains(&format!("`{name}`")), "lab {}: {name}", lab.number);
            }
        }
    }
}
