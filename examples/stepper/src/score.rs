//! How well it was decided: a run in numbers, beside what each policy would have made of it.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use turno::policy::NAMES;
use turno::runtime::Builder;
use turno::task::{Left, Nanos};
use turno::time::Clock;
use turno::trace::{Recorder, Recording, What};

use crate::program::Program;
use crate::session::Session;
use crate::sight::time;
use crate::tour::numbers;

/// A run in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Who decided.
    pub name: String,
    /// Whether it is a whole run: it came to its end, and all of it was recorded.
    pub is_whole: bool,
    /// How many switches it took.
    pub switches: u64,
    /// The longest wait for a turn.
    pub longest: Nanos,
    /// The mean wait for a turn.
    pub wait: f64,
    /// From a task's spawn to its end, in the mean of all but the root; from a job's arrival, where
    /// there are jobs; `None` if none has ended.
    pub response: Option<f64>,
    /// When the program ended.
    pub finished: Option<Nanos>,
    /// Jain's index over the groups, as the tour has it; `None` if nobody ran.
    pub fairness: Option<f64>,
    /// The tasks by name, the root first.
    pub tasks: Vec<Part>,
}

impl Score {
    /// The numbers of a recorded run, whose root is called `main`. `responses` are what the
    /// program itself says of its response times.
    pub fn of(name: &str, recording: &Recording, responses: Option<&[Nanos]>) -> Self {
        let fairness = numbers::fairness(recording);
        let tasks = by_name(recording);
        let (switches, waited) = tasks.iter().fold((0, 0), |(switches, waited), task| {
            (switches + task.switches, waited + task.waited)
        });
        let finished = tasks.first().and_then(|root| root.finished);
        let responses = responses.map_or_else(|| from_spawn_to_end(recording), <[Nanos]>::to_vec);
        Self {
            name: name.to_string(),
            is_whole: finished.is_some() && recording.lost == 0,
            switches,
            longest: numbers::longest_wait(recording),
            wait: waited as f64 / switches.max(1) as f64,
            response: mean(&responses),
            finished,
            fairness: fairness.is_finite().then_some(fairness),
            tasks,
        }
    }
}

/// The tasks of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Their name.
    pub name: String,
    /// When the last of them ended.
    pub finished: Option<Nanos>,
    /// How many switches they had.
    pub switches: u64,
    /// How long they waited for them, in all.
    pub waited: Nanos,
}

/// In the order of spawning.
fn by_name(recording: &Recording) -> Vec<Part> {
    let (mut parts, mut of_name, mut of_task) = (Vec::new(), HashMap::new(), HashMap::new());
    for task in &recording.tasks {
        let name = task.label();
        let at = *of_name.entry(name.clone()).or_insert_with(|| {
            parts.push(Part { name, ..Part::default() });
            parts.len() - 1
        });
        of_task.insert(task.id, at);
    }
    for switch in recording.switches() {
        let Some(&at) = of_task.get(&switch.task) else { continue };
        let part: &mut Part = &mut parts[at];
        (part.switches, part.waited) = (part.switches + 1, part.waited + switch.waited);
        if switch.left == Some(Left::Done) {
            part.finished = Some(switch.at + switch.ran);
        }
    }
    parts
}

/// Of all tasks but the root.
fn from_spawn_to_end(recording: &Recording) -> Vec<Nanos> {
    let tasks = recording.tasks.iter().filter(|task| task.label() != "main");
    let spawned: HashMap<_, _> = tasks.map(|task| (task.id, task.spawned_at)).collect();
    let ends = recording.records.iter().filter_map(|record| match record.what {
        What::Ended { task, left: Left::Done, .. } => {
            spawned.get(&task).map(|spawned| record.at - spawned)
        }
        _ => None,
    });
    ends.collect()
}

fn mean(times: &[Nanos]) -> Option<f64> {
    let sum: f64 = times.iter().map(|&time| time as f64).sum();
    (!times.is_empty()).then(|| sum / times.len() as f64)
}

/// What is compared: its head, what it means, its value in nanoseconds or as it is, and whether
/// more of it is better.
pub struct Measure {
    /// In the head of the table.
    pub head: &'static str,
    value: fn(&Score) -> Option<f64>,
    show: fn(f64) -> String,
    is_more_better: bool,
}

const fn less(
    head: &'static str,
    value: fn(&Score) -> Option<f64>,
    show: fn(f64) -> String,
) -> Measure {
    Measure { head, value, show, is_more_better: false }
}

/// What is compared.
pub const MEASURES: [Measure; 6] = [
    less("switches", |score| Some(score.switches as f64), |n| format!("{n}")),
    less("longest wait", |score| Some(score.longest as f64), ms),
    less("mean wait", |score| Some(score.wait), ms),
    less("response", |score| score.response, ms),
    less("finished", |score| score.finished.map(|at| at as f64), ms),
    Measure {
        head: "fairness",
        value: |score| score.fairness,
        show: |fairness| format!("{fairness:.2}"),
        is_more_better: true,
    },
];

fn ms(nanos: f64) -> String {
    format!("{:.1}", nanos / 1e6)
}

impl Measure {
    /// The value, as it is shown.
    pub fn show(&self, score: &Score) -> String {
        (self.value)(score).map_or_else(|| "-".to_string(), self.show)
    }

    /// Whether no whole run has it better, as far as is shown, and some have it worse.
    pub fn is_best(&self, score: &Score, all: &[Score]) -> bool {
        let sign = if self.is_more_better { -1.0 } else { 1.0 };
        let value = |score: &Score| (self.value)(score).map(|value| sign * value);
        let whole = || all.iter().filter(|score| score.is_whole).filter_map(value);
        let shown = |value: f64| (self.show)(sign * value);
        let best = whole().reduce(f64::min).map(shown);
        let differ = best != whole().reduce(f64::max).map(shown);
        differ && score.is_whole && value(score).map(shown) == best
    }
}

/// Runs the program under each of turno's policies.
///
/// # Errors
/// When the operating system has no descriptors left.
pub fn policies(program: &Rc<dyn Program>, seed: u64) -> io::Result<Vec<Score>> {
    NAMES.iter().map(|policy| under(program, policy.name, seed)).collect()
}

fn under(program: &Rc<dyn Program>, policy: &str, seed: u64) -> io::Result<Score> {
    let recorder = Recorder::ring(1 << 22);
    let wrong = |error: turno::policy::UnknownPolicy| io::Error::other(error.to_string());
    let rt = Builder::new()
        .policy(program.policy(policy).map_err(wrong)?)
        .seed(seed)
        .clock(Clock::virtual_time())
        .switch_cost(program.switch_cost())
        .observe(recorder.clone())
        .build()?;
    let begun = program.begin();
    // A stall shows in the score: it has no end.
    drop(rt.try_block_on(begun.future));
    let mut recording = recorder.recording();
    if let Some(root) = recording.tasks.first_mut() {
        root.name = Some("main".to_string());
    }
    let responses = begun.responses.map(|responses| responses.take());
    Ok(Score::of(policy, &recording, responses.as_deref()))
}

/// The run of the session, as far as it has come.
pub fn yours(session: &Session) -> Score {
    let (at, decisions) = (session.at(), session.decisions());
    let policies: Vec<&str> = decisions.policies(at).map(|(_, policy)| policy).collect();
    let name = match (decisions.picked(at), policies.len()) {
        (0, 1) => policies.join(""),
        (0, _) => policies.join(", "),
        _ => "you".to_string(),
    };
    let responses = session.run().responses.as_ref().map(|responses| responses.borrow().clone());
    Score::of(&name, &session.run().recorder.recording(), responses.as_deref())
}

/// What the table says of the tasks of one name: when the last of them ended, and in brackets their
/// mean wait for a turn.
pub fn finish(score: &Score, name: &str) -> String {
    let found = score.tasks.iter().find(|part| part.name == name);
    found.map_or_else(String::new, |part| {
        let finished = part.finished.map_or_else(|| "-".to_string(), numbers::ms);
        format!("{finished} ({})", numbers::ms(part.waited / part.switches.max(1)))
    })
}

/// How far a run is that has not ended, for who reads its score.
pub fn how_far(session: &Session) -> Option<String> {
    match session.run().end() {
        Some(crate::run::End::Done) => None,
        Some(crate::run::End::Stalled) => Some("stalled: some wait for ever".to_string()),
        None => Some(format!("at switch {}, {}", session.at(), time(session.run().now()))),
    }
}
