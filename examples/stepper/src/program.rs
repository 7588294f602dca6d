//! What is stepped through: a program that is the same in every run.

use std::cell::RefCell;
use std::fs;
use std::future::Future;
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use lab::Problem;
use lab::experiment::queue::{self, Setup};
use lab::policies::Choice;
use lab::world::{Job, Served};
use turno::policy::{self, Policy, UnknownPolicy};
use turno::task::{Id, Nanos};

use crate::scene::{Played, Scene, play};
use crate::tour;

/// A program, to be run again and again, in virtual time. What it does may depend on nothing but
/// who runs when: it is run anew to go back, and to see what a policy would make of it.
pub trait Program {
    /// What it is called, with what it was asked for.
    fn title(&self) -> String;

    /// Who decides at first unless told.
    fn unless_told(&self) -> String {
        "fifo".to_string()
    }

    /// Makes the policy that `spec` names, as it is to be for this program.
    ///
    /// # Errors
    /// When no policy is named so.
    fn policy(&self, spec: &str) -> Result<Box<dyn Policy>, UnknownPolicy> {
        policy::named(spec)
    }

    /// What each switch costs in virtual time.
    fn switch_cost(&self) -> Duration {
        Duration::ZERO
    }

    /// Begins it anew.
    fn begin(&self) -> Begun;
}

/// A program that has begun.
pub struct Begun {
    /// Its root.
    pub future: Pin<Box<dyn Future<Output = ()>>>,
    /// Where its tasks are in a text of its own, if it has one.
    pub script: Option<Script>,
    /// How long each answer took, if the program knows that better than its tasks tell: a job that
    /// comes while another computes is spawned only after that.
    pub responses: Option<Responses>,
}

impl Begun {
    /// A program without a text of its own.
    pub fn new(future: impl Future<Output = ()> + 'static) -> Self {
        Self { future: Box::pin(future), script: None, responses: None }
    }
}

/// Response times that come in while a program runs.
pub type Responses = Rc<RefCell<Vec<Nanos>>>;

/// The text of a scene, and where its tasks are in it.
pub struct Script {
    scene: Rc<Scene>,
    played: Played,
}

/// A line of some text.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file's name, or its path.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// All of the text; `None` if it could not be read.
    pub text: Option<Rc<str>>,
}

impl Place {
    /// `main.rs:7`
    pub fn short(&self) -> String {
        let name = Path::new(&self.file).file_name();
        let name = name.map_or(self.file.as_str().into(), |name| name.to_string_lossy());
        format!("{name}:{}", self.line)
    }

    /// What stands in the line.
    pub fn line_text(&self) -> Option<&str> {
        self.text.as_ref()?.lines().nth(self.line.checked_sub(1)?)
    }
}

impl Script {
    /// Where the task is, if it is one of the scene's.
    pub fn place(&self, task: Id) -> Option<Place> {
        let line = self.played.line(task)?;
        let text = Some(self.scene.text.clone());
        Some(Place { file: self.scene.name.clone(), line, text })
    }
}

/// The text of a source file of this program, as the compiler names it: looked for under the
/// current directory, those above it, and where the stepper was built.
pub(crate) fn source(file: &str) -> Option<Rc<str>> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let here = std::env::current_dir().unwrap_or_default();
    let found =
        here.ancestors().chain(built).find_map(|dir| fs::read_to_string(dir.join(file)).ok());
    found.map(Rc::from)
}

/// A path without the way there and back that an included module has in its.
pub(crate) fn tidy(file: &str) -> String {
    let mut tidy = PathBuf::new();
    for part in Path::new(file).components() {
        if part != Component::ParentDir || !tidy.pop() {
            tidy.push(part);
        }
    }
    tidy.to_string_lossy().replace('\\', "/")
}

/// The tour's program.
pub struct Tour;

impl Program for Tour {
    fn title(&self) -> String {
        "tour".to_string()
    }

    fn begin(&self) -> Begun {
        Begun::new(tour::program())
    }
}

/// Jobs that come to one server, as in the lab.
pub struct Lab {
    setup: Setup,
    jobs: Vec<Job>,
}

impl Lab {
    /// So many jobs, unless told.
    pub const JOBS: u64 = 40;

    /// The workload of the lab's experiment `queue`.
    ///
    /// # Errors
    /// In one line, when the file with jobs cannot be had.
    pub fn new(mut setup: Setup, seed: u64) -> Result<Self, Problem> {
        setup.jobs.get_or_insert(Self::JOBS);
        let jobs = match &setup.jobs_from {
            Some(path) => queue::from_file(path)?,
            None => setup.draw(seed).collect(),
        };
        Ok(Self { setup, jobs })
    }
}

impl Program for Lab {
    fn title(&self) -> String {
        match &self.setup.jobs_from {
            Some(path) => format!("lab, jobs from {}", path.display()),
            None => format!("lab, {} jobs at load {}", self.jobs.len(), self.setup.load),
        }
    }

    fn policy(&self, spec: &str) -> Result<Box<dyn Policy>, UnknownPolicy> {
        Ok(self.setup.sliced(&Choice::of(spec)?).make())
    }

    fn switch_cost(&self) -> Duration {
        Duration::from_nanos(lab::world::nanos(self.setup.switch_cost))
    }

    fn begin(&self) -> Begun {
        let (jobs, responses) = (self.jobs.clone().into_iter(), Responses::default());
        let heard = responses.clone();
        let served = move |job: Served| heard.borrow_mut().push(job.response());
        let begun = Begun::new(lab::world::serve(jobs, served));
        Begun { responses: Some(responses), ..begun }
    }
}

impl Program for Rc<Scene> {
    fn title(&self) -> String {
        format!("scene {}", self.name)
    }

    fn unless_told(&self) -> String {
        self.policy.clone()
    }

    fn begin(&self) -> Begun {
        let (scene, played) = (self.clone(), Played::default());
        let begun = Begun::new(play(scene.clone(), played.clone()));
        Begun { script: Some(Script { scene, played }), ..begun }
    }
}
