//! How it looks: on a terminal with colours, elsewhere without.

use anstyle::{Ansi256Color, Color, Effects, Style};
use turno::trace::Text;

use crate::cli::{WORDS, shown};
use crate::lab::{Exam, Lab, Program};
use crate::language::Language;
use crate::question::Judgement;
use crate::sheet::Sheet;

pub(crate) use print::println;

/// Text is no wider than this: longer lines are hard to read.
const WIDEST: usize = 92;

/// A timeline begins with the names of the tasks: the rest of the line is for switches.
const NAMES: usize = 16;

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);

/// One that can be read on white and on black, as few of the 16 can.
const fn colour(colour: u8) -> Style {
    BOLD.fg_color(Some(Color::Ansi256(Ansi256Color(colour))))
}

const HEAD: Style = colour(31);
const WRONG: Style = colour(130);
const RIGHT: Style = colour(28);

pub(crate) struct Show {
    language: Language,
    words: Sheet,
    columns: usize,
}

impl Show {
    pub(crate) fn new(language: Language) -> Self {
        let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let words = Sheet::read(WORDS.text(language));
        Self { language, words, columns: columns.unwrap_or(100).max(40) }
    }

    fn word(&self, heading: &str, facts: &[(&str, String)]) -> String {
        self.words.say(heading, facts)
    }

    /// The six labs, and where the student stands in each: what `stands` finds, and what the
    /// compiler says.
    pub(crate) fn overview(&self, labs: &[Lab], stands: impl Fn(&Lab) -> (String, Option<String>)) {
        println!("{BOLD}{}{BOLD:#}\n", self.word("overview-title", &[]));
        let titles: Vec<&str> = labs.iter().map(|lab| lab.readme(self.language).title).collect();
        let wide = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0);
        let (mut next, mut broken) = (None, Vec::new());
        for (lab, title) in labs.iter().zip(titles) {
            let (found, compiler) = stands(lab);
            broken.extend(compiler.map(|compiler| (lab, compiler)));
            let (style, stands) = if found.is_empty() {
                (RIGHT, self.word("right-in-short", &[]))
            } else {
                next = next.or(Some(lab.number));
                (WRONG, found)
            };
            let lead = lab.readme(self.language).lead;
            let minutes = lead.split(" · ").next().unwrap_or_default();
            println!("  {title:<wide$}  {DIM}{minutes}{DIM:#}  {style}{stands}{style:#}");
        }
        for (lab, compiler) in broken {
            println!();
            self.broken(lab, &compiler);
        }
        println!();
        match next {
            Some(number) => self.paragraphs("overview-next", &[("lab", number.to_string())]),
            None => self.paragraphs("overview-done", &[]),
        }
    }

    /// A starter that does not compile.
    pub(crate) fn broken(&self, lab: &Lab, compiler: &str) {
        println!("{WRONG}does-not-compile{WRONG:#}");
        self.text(&self.word("does-not-compile", &[("file", shown(&lab.starter()))]), 2);
        println!();
        indented(compiler.trim_end());
    }

    fn paragraphs(&self, heading: &str, facts: &[(&str, String)]) {
        self.text(&self.word(heading, facts), 0);
    }

    /// All of a run: what happened, what it is, what is asked.
    pub(crate) fn run(&self, lab: &Lab, program: &Program, exam: &Exam, log: bool) {
        let readme = lab.readme(self.language);
        println!("{BOLD}{}{BOLD:#}", readme.title);
        for line in wrapped(readme.lead, self.columns.min(WIDEST)) {
            println!("{DIM}{line}{DIM:#}");
        }
        let says = lab.says(self.language);
        if let Some(scenario) = exam.shown() {
            let file = shown(&program.file);
            println!("\n{HEAD}{}{HEAD:#}", self.word("head-what", &[("file", file)]));
            self.text(says.section(&format!("scenario-{scenario}")), 2);
            println!();
            self.trace(exam, log);
        }
        self.verdict(exam, &says);
        if exam.question.is_some() {
            println!("\n{HEAD}{}{HEAD:#}", self.word("head-question", &[]));
            self.text(readme.section(&self.word("heading-question", &[])), 2);
        }
        println!();
        let facts = [("lab", lab.number.to_string()), ("folder", lab.folder.to_string())];
        self.paragraphs(if exam.question.is_some() { "what-next" } else { "no-question" }, &facts);
    }

    fn trace(&self, exam: &Exam, log: bool) {
        let recording = &exam.run.recording;
        if recording.records.is_empty() {
            return self.text(&self.word("never-ran", &[]), 2);
        }
        let text = Text::new(self.columns - 2, true).most(self.columns - NAMES);
        indented(&text.timeline(recording));
        println!();
        self.text(&self.word("legend", &[]), 2);
        if log {
            println!();
            indented(&text.log(recording));
        }
    }

    fn verdict(&self, exam: &Exam, says: &Sheet) {
        let Some(finding) = exam.finding() else {
            println!("\n{RIGHT}{}{RIGHT:#}", self.word("right-in-short", &[]));
            return self.text(says.section("right"), 2);
        };
        if let Some(words) = &finding.turno {
            println!("\n{HEAD}{}{HEAD:#}", self.word("head-turno", &[]));
            self.quote(words);
        }
        println!("\n{WRONG}{}{WRONG:#}", finding.name);
        self.text(&says.say(finding.name, &finding.facts), 2);
    }

    /// A line for each scenario, and the verdict; whether the program is right.
    pub(crate) fn check(&self, lab: &Lab, program: &Program, exam: &Exam) -> bool {
        println!("{BOLD}{}{BOLD:#}", shown(&program.file));
        let says = lab.says(self.language);
        for (scenario, finding) in &exam.scenarios {
            let (style, found) = match finding {
                Some(finding) => (WRONG, finding.name.to_string()),
                None => (RIGHT, self.word("right-in-short", &[])),
            };
            println!("  {scenario:<24}{style}{found}{style:#}");
        }
        self.verdict(exam, &says);
        exam.finding().is_none()
    }

    /// What is to be said of an answer; whether it is right.
    pub(crate) fn answer(&self, lab: &Lab, exam: &Exam, given: &str) -> bool {
        let says = lab.says(self.language);
        let Some(question) = &exam.question else {
            let name = exam.finding().map_or("", |finding| finding.name);
            self.paragraphs("no-question-yet", &[("name", name.to_string())]);
            return false;
        };
        let judgement = question.judge(given);
        match judgement {
            Judgement::Right => {
                println!("{RIGHT}{}{RIGHT:#}", self.word("answer-right", &[]));
                self.text(says.section("answer-right"), 2);
            }
            Judgement::Wrong(known) => {
                println!("{}", self.word("answer-wrong", &[]));
                if let Some(name) = known.and_then(|known| known.strip_prefix("answer-")) {
                    println!("\n{WRONG}{name}{WRONG:#}");
                }
                self.text(says.section(known.unwrap_or("answer-look")), 2);
            }
            Judgement::Unclear => {
                println!("{WRONG}{}{WRONG:#}", self.word("answer-unclear", &[]));
                self.text(says.section("answer-form"), 2);
            }
        }
        judgement == Judgement::Right
    }

    /// What somebody else says: its lines, and its way to indent them.
    fn quote(&self, words: &str) {
        for line in words.lines() {
            let inner = line.len() - line.trim_start().len() + 2;
            let lines = wrapped(line, self.columns.saturating_sub(inner + 2).max(20));
            for (n, line) in lines.iter().enumerate() {
                println!("{:1$}{line}", "", if n == 0 { inner } else { inner + 2 });
            }
        }
    }

    /// Paragraphs, wrapped; list items hang; code stays as it is.
    fn text(&self, text: &str, indent: usize) {
        let width = self.columns.min(WIDEST) - indent;
        let pad = " ".repeat(indent);
        let mut code = false;
        let mut paragraph: Vec<&str> = Vec::new();
        let flush = |paragraph: &mut Vec<&str>| {
            let words = paragraph.join(" ");
            paragraph.clear();
            let hang = if words.starts_with("- ") { "  " } else { "" };
            let lines = wrapped(&words, width - hang.len());
            for (n, line) in lines.iter().enumerate() {
                let hang = if n == 0 { "" } else { hang };
                println!("{pad}{hang}{}", styled(line));
            }
        };
        for line in text.lines() {
            if line.starts_with("```") {
                flush(&mut paragraph);
                code = !code;
            } else if code {
                println!("{pad}  {BOLD}{line}{BOLD:#}");
            } else if line.trim().is_empty() {
                flush(&mut paragraph);
                println!();
            } else {
                if line.starts_with("- ") {
                    flush(&mut paragraph);
                }
                paragraph.push(line.trim());
            }
        }
        flush(&mut paragraph);
    }
}

fn indented(text: &str) {
    text.lines().for_each(|line| println!("  {line}"));
}

/// Lines of at most `width` columns, without counting backticks.
fn wrapped(words: &str, width: usize) -> Vec<String> {
    let wide = |text: &str| text.chars().filter(|&c| c != '`').count();
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if wide(line) + 1 + wide(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// What stands between backticks is bold. A name may be broken over two lines: then neither is.
pub(crate) fn styled(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return line.to_string();
    }
    let style = |(n, part): (usize, &&str)| {
        if n % 2 == 1 { format!("{BOLD}{part}{BOLD:#}") } else { part.to_string() }
    };
    parts.iter().enumerate().map(style).collect()
}
