//! What a lab is: programs to judge, scenarios to judge them in, and what is said of them.

use crate::language::{Bilingual, Language};
use crate::question::Question;
use crate::sheet::Sheet;
use crate::stage::Run;

/// One of the six.
pub struct Lab {
    /// Its number, from 1.
    pub number: u8,
    /// Its folder in `examples/class/labs`.
    pub folder: &'static str,
    /// What the student reads: goal, what to run, the question.
    pub readme: Bilingual,
    /// What is said of a program, by the name of what is found in it; of a right one under
    /// `right`; of an answer under `answer-...`; of a scenario under `scenario-...`.
    pub says: Bilingual,
    /// The starter, the wrong ones, and the solution.
    pub programs: Vec<Program>,
}

/// A program of a lab.
pub struct Program {
    /// `starter`, `solution`, or the name of what is wrong with it.
    pub name: &'static str,
    /// Where it is, from `examples/class`.
    pub file: &'static str,
    examine: Box<dyn Fn() -> Exam>,
}

/// The name of the program that the student edits.
pub const STARTER: &str = "starter";

/// The name of the one that is kept apart.
pub const SOLUTION: &str = "solution";

/// What came of running a program.
pub struct Exam {
    /// The scenarios that were run, and what was found in each: the last one if something was.
    pub scenarios: Vec<(&'static str, Option<Finding>)>,
    /// The run to look at: that of the scenario in which something was found, else the first.
    pub run: Run,
    /// The question about that run, if it makes sense for such a run.
    pub question: Option<Question>,
}

/// Something that is wrong with a program.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is called.
    pub name: &'static str,
    /// What is put into its text.
    pub facts: Vec<(&'static str, String)>,
    /// What turno itself says of it, in its own words.
    pub turno: Option<String>,
}

/// A situation to try a program in.
pub struct Scenario<P: ?Sized> {
    /// The heading of its text is `scenario-` and this.
    pub name: &'static str,
    /// Plays it.
    pub play: fn(&P) -> (Run, Option<Finding>),
}

impl Lab {
    /// The program of that name.
    pub fn program(&self, name: &str) -> Option<&Program> {
        self.programs.iter().find(|program| program.name == name)
    }

    /// The names of the wrong ones.
    pub fn wrong(&self) -> impl Iterator<Item = &'static str> {
        let names = self.programs.iter().map(|program| program.name);
        names.filter(|name| ![STARTER, SOLUTION].contains(name))
    }

    /// What the student reads.
    pub fn readme(&self, language: Language) -> Sheet {
        Sheet::read(self.readme.text(language))
    }

    /// What is said.
    pub fn says(&self, language: Language) -> Sheet {
        Sheet::read(self.says.text(language))
    }
}

impl Program {
    /// A program, and how to examine it.
    pub fn new(
        name: &'static str,
        file: &'static str,
        examine: impl Fn() -> Exam + 'static,
    ) -> Self {
        Self { name, file, examine: Box::new(examine) }
    }

    /// Runs it in the lab's scenarios, until something is found.
    pub fn examine(&self) -> Exam {
        (self.examine)()
    }
}

impl Exam {
    /// Runs a program in those scenarios, until something is found.
    pub fn of<P: ?Sized>(
        program: &P,
        scenarios: &[Scenario<P>],
        ask: fn(&Run) -> Option<Question>,
    ) -> Self {
        let mut seen = Vec::new();
        let mut first = None;
        for scenario in scenarios {
            let (run, finding) = (scenario.play)(program);
            let found = finding.is_some();
            seen.push((scenario.name, finding));
            if found {
                first = Some(run);
                break;
            }
            first.get_or_insert(run);
        }
        let run = first.unwrap_or_else(Run::nothing);
        let question = ask(&run);
        Self { scenarios: seen, run, question }
    }

    /// What was found, if something was.
    pub fn finding(&self) -> Option<&Finding> {
        self.scenarios.iter().find_map(|(_, finding)| finding.as_ref())
    }

    /// The scenario of the run to look at.
    pub fn shown(&self) -> Option<&'static str> {
        let found = self.scenarios.iter().find(|(_, finding)| finding.is_some());
        found.or(self.scenarios.first()).map(|&(name, _)| name)
    }
}

impl Finding {
    /// That is what it is called.
    pub fn new(name: &'static str) -> Self {
        Self { name, facts: Vec::new(), turno: None }
    }

    /// Something to put into its text.
    pub fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// With what turno says.
    pub fn in_words(mut self, words: Option<String>) -> Self {
        self.turno = words;
        self
    }
}

/// The programs of a lab, each examined by `examine` on what `bind` makes of its module.
macro_rules! programs {
    ($examine:ident, $bind:ident; $($module:ident $name:literal $file:literal),+ $(,)?) => {
        vec![$($crate::lab::Program::new($name, $file, || $examine(&$bind!($module)))),+]
    };
}
pub(crate) use programs;
