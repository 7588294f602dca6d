//! What a lab is: programs to judge, scenarios to judge them in, and what is said of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::language::{Bilingual, Language, bilingual};
use crate::question::Question;
use crate::sheet::Sheet;
use crate::stage::{Dice, Pace, Run, listening, ms};

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
    /// The wrong ones and the solution, and the starter if it was put in front of them: a student
    /// edits it, so it is a program of its own.
    pub programs: Vec<Program>,
}

/// What is said of a program in any lab.
pub const SAYS: Bilingual = bilingual!("../labs/says");

/// A program of a lab.
pub struct Program {
    /// `starter`, `solution`, or the name of what is wrong with it.
    pub name: &'static str,
    /// Where it is, from `examples/class`.
    pub file: String,
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
    pub play: fn(&P, Pace) -> (Run, Option<Finding>),
}

/// The scenario that is being played, for those who wait in vain for its end.
static PLAYS: Mutex<&str> = Mutex::new("");

/// The scenario that is being played, or was last.
pub fn plays() -> &'static str {
    *PLAYS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever holds the thread longer than that in one poll blocks it: sleeping, or computing.
const HELD: Duration = Duration::from_micros(800);

/// The machine may have been busy with something else: it counts only if it comes again each time.
const AGAIN: usize = 7;

impl<P: ?Sized> Scenario<P> {
    /// Plays it, and says what is wrong: what can be so in any lab, or else what the lab found.
    fn judge(&self, program: &P, is_first: bool) -> (Run, Option<Finding>) {
        *PLAYS.lock().unwrap_or_else(PoisonError::into_inner) = self.name;
        let (played, panics) = listening(|| (self.play)(program, Pace::Fast));
        let (run, found) = played.unwrap_or_else(|| (Run::nothing(), None));
        let found = if !panics.is_empty() {
            found.filter(|found| found.name != "panicked").or_else(|| Some(panicked(&panics)))
        } else if let Some(held) = self.blocks(program, &run) {
            Some(Finding::new("blocks-the-thread").fact("held", ms(held)))
        } else if is_first || found.is_some() {
            self.differs(program, &run).or(found)
        } else {
            None
        };
        (run, found)
    }

    /// Whether it goes otherwise when real time passes: nothing but the runtime's own clock may
    /// make a difference.
    fn differs(&self, program: &P, run: &Run) -> Option<Finding> {
        let (slow, _) = listening(|| (self.play)(program, Pace::Slow));
        let same = slow.is_some_and(|(slow, _)| slow.course() == run.course());
        (!same).then(|| Finding::new("real-clock"))
    }

    /// For how long it blocks the thread in one and the same switch each time, if it does.
    fn blocks(&self, program: &P, run: &Run) -> Option<Duration> {
        let mut took = run.took.clone();
        for _ in 0..AGAIN {
            if took.iter().all(|&took| took < HELD) {
                return None;
            }
            let (played, _) = listening(|| (self.play)(program, Pace::Fast));
            let again = played?.0.took;
            took = took.into_iter().zip(again).map(|(one, other)| one.min(other)).collect();
        }
        took.into_iter().max().filter(|&held| held >= HELD)
    }
}

/// Plays several times, with other throws of the dice, until something is found. The throws are
/// the same ones each time.
pub fn drawn(play: impl Fn(&mut Dice) -> (Run, Option<Finding>)) -> (Run, Option<Finding>) {
    let mut played = (Run::nothing(), None);
    for seed in 1..=8 {
        played = play(&mut Dice::new(seed));
        if played.1.is_some() {
            break;
        }
    }
    played
}

/// What a panic is called, by its words: they are turno's or the standard library's.
fn panicked(panics: &[String]) -> Finding {
    let says = |words: &str| panics[0].contains(words);
    let name = if says("already borrowed") || says("already mutably borrowed") {
        "still-borrowed"
    } else if says("`block_on`") {
        "blocks-on"
    } else {
        "panicked"
    };
    Finding::new(name).in_words(Some(panics[0].clone()))
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
        Sheet::read(self.says.text(language)).or(Sheet::read(SAYS.text(language)))
    }

    /// Where its starter is, from `examples/class`.
    pub fn starter(&self) -> String {
        format!("labs/{}/starter.rs", self.folder)
    }

    /// The lab with a starter, and how to examine it.
    pub fn with(mut self, starter: impl Fn() -> Exam + 'static) -> Self {
        self.programs.insert(0, Program::new(STARTER, self.starter(), starter));
        self
    }
}

impl Program {
    /// A program, and how to examine it.
    pub fn new(
        name: &'static str,
        file: impl Into<String>,
        examine: impl Fn() -> Exam + 'static,
    ) -> Self {
        Self { name, file: file.into(), examine: Box::new(examine) }
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
            let (run, finding) = scenario.judge(program, first.is_none());
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

    /// What another explanation of a finding of that name is, if there is one.
    pub fn unless(mut self, name: &str, explained: impl FnOnce() -> Option<Finding>) -> Self {
        let found = self.scenarios.iter_mut().filter_map(|(_, found)| found.as_mut());
        if let Some(found) = found.filter(|found| found.name == name).last()
            && let Some(better) = explained()
        {
            *found = better;
        }
        self
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

/// The programs of a lab: each module, examined by the lab's macro.
macro_rules! programs {
    ($examine:ident; $($module:ident $name:literal $file:literal),+ $(,)?) => {
        vec![$($crate::lab::Program::new($name, $file, $crate::$examine!($module))),+]
    };
}
pub(crate) use programs;
