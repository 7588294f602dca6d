//! The stage on which a student's program is run: a runtime in virtual time, with a recorder, that
//! neither hangs nor spins for ever.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::mem::{self, Discriminant, discriminant};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use turno::lints::{Finding, Lint, Lints};
use turno::policy::{Fifo, Policy};
use turno::runtime::{Builder, Runtime, Waiting};
use turno::task::{self, Cause, Id, JoinHandle, Left, Nanos};
use turno::trace::{Record, Recorder, Recording, Switch, What};

/// So many switches are enough for any right program of a lab, several times over.
pub const MOST: u32 = 1_000;

/// A millisecond.
pub const MS: Duration = Duration::from_millis(1);

/// How fast a run is played. Whoever reads only the runtime's clock cannot tell the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as can be.
    Fast,
    /// Whenever the virtual clock goes on the real one does, by [`PAUSE`], [`PAUSES`] times at most.
    Slow,
}

/// More than a program of a lab waits for at a time.
const PAUSE: Duration = Duration::from_millis(12);

/// So often the stage pauses.
const PAUSES: u32 = 8;

/// A runtime to put tasks on, and then to play.
pub struct Stage {
    pace: Pace,
    plays: Rc<Cell<bool>>,
    rt: Runtime,
    recorder: Recorder,
    lints: Arc<Mutex<Vec<Finding>>>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// What happened.
    pub recording: Recording,
    /// How it ended.
    pub end: End,
    /// The tasks that were left, and what they wait for.
    pub left: Vec<Waiting>,
    /// What turno's lints found.
    pub lints: Vec<Finding>,
    /// How long each switch took of the real time.
    pub took: Vec<Duration>,
}

/// A switch, by what is the same whenever the same is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who ran.
    pub task: String,
    /// When.
    pub at: Nanos,
    /// Why.
    pub cause: Option<Discriminant<Cause>>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every task did.
    Done,
    /// Some tasks wait, and nothing goes on; this is what turno says of it.
    Stalled(String),
    /// After [`MOST`] switches it still went on.
    Spins,
    /// The runtime gave up, with these words: a policy has a bug.
    Broke(String),
}

impl Stage {
    /// First in, first out.
    pub fn new(pace: Pace) -> Self {
        Self::with_policy(pace, Fifo::new())
    }

    /// Under that policy.
    ///
    /// # Panics
    /// When the operating system has no descriptors left.
    pub fn with_policy(pace: Pace, policy: impl Into<Box<dyn Policy>>) -> Self {
        let (recorder, lints) = (Recorder::new(), Arc::<Mutex<Vec<Finding>>>::default());
        let found = Arc::clone(&lints);
        let told = move |finding| {
            found.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
        };
        let builder = Builder::new().policy(policy).start_paused(true).observe(recorder.clone());
        let builder = builder.observe(Lints::new().self_wakes(MOST / 2).to(told));
        let rt = builder.build().expect("a runtime can be made");
        Self { pace, plays: Rc::default(), rt, recorder, lints }
    }

    /// The runtime, for what is to be made inside of it: sockets.
    pub fn inside<T>(&self, make: impl FnOnce() -> T) -> T {
        let _inside = self.rt.enter();
        make()
    }

    /// Whether it is being played: what is dropped later, the stage drops.
    pub fn plays(&self) -> Rc<Cell<bool>> {
        self.plays.clone()
    }

    /// Puts a task on the stage.
    #[track_caller]
    pub fn task<F>(&self, name: &str, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        self.task_as(task::Builder::new().name(name), future)
    }

    /// Puts a task with attributes on the stage.
    #[track_caller]
    pub fn task_as<F>(&self, builder: task::Builder, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let _inside = self.rt.enter();
        builder.spawn(future)
    }

    /// Runs until nothing goes on any more, or for [`MOST`] switches.
    pub fn play(self) -> Run {
        let mut took = Vec::new();
        let steps = AssertUnwindSafe(|| {
            let (mut now, mut pauses) = (self.now(), 0);
            while took.len() < MOST as usize {
                let before = Instant::now();
                if self.rt.step().is_none() {
                    break;
                }
                took.push(before.elapsed());
                let then = mem::replace(&mut now, self.now());
                if self.pace == Pace::Slow && now > then && pauses < PAUSES {
                    pauses += 1;
                    thread::sleep(PAUSE);
                }
            }
        });
        self.plays.set(true);
        let broke = catch_unwind(steps).err().map(|panic| words(&*panic));
        self.plays.set(false);
        // Before turno is asked what it says, since whoever asks is a task, too.
        let recording = self.recorder.recording();
        let lints = self.lints.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let left = if broke.is_some() { Vec::new() } else { self.rt.waiting() };
        let end = match broke {
            Some(words) => End::Broke(words),
            None if took.len() == MOST as usize => End::Spins,
            None if left.is_empty() => End::Done,
            None => End::Stalled(self.stall(&left)),
        };
        Run { recording, end, left, lints, took }
    }

    fn now(&self) -> turno::time::Instant {
        self.inside(turno::time::Instant::now)
    }

    /// What turno says when `block_on` cannot end.
    fn stall(&self, left: &[Waiting]) -> String {
        if left.iter().all(|waiting| waiting.wakers == 0)
            && let Err(stalled) = self.rt.try_block_on(std::future::pending::<()>())
        {
            return without(&stalled.to_string(), "\"try_block_on\"");
        }
        let lines: Vec<String> = left.iter().map(|waiting| format!("  {waiting}")).collect();
        format!("nothing is ready, and no timer or socket is waited for:\n{}", lines.join("\n"))
    }
}

/// A report without the paragraph about that task: its line, and those below that are indented
/// further.
fn without(report: &str, task: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut about: Option<usize> = None;
    let mut kept = Vec::new();
    for line in report.lines() {
        about = about.filter(|&depth| indent(line) > depth);
        if line.contains(task) {
            about = Some(indent(line));
        }
        if about.is_none() {
            kept.push(line);
        }
    }
    kept.join("\n")
}

thread_local! {
    /// The panics on this thread, while they are listened to.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// What `play` returns, if it does not panic, and the words of all panics meanwhile, which are not
/// printed.
pub fn listening<T>(play: impl FnOnce() -> T) -> (Option<T>, Vec<String>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let heard = PANICS.with_borrow_mut(|panics| {
                let listens = panics.is_some();
                panics.iter_mut().for_each(|panics| panics.push(panic.to_string()));
                listens
            });
            if !heard {
                usual(panic);
            }
        }));
    });
    PANICS.set(Some(Vec::new()));
    let played = catch_unwind(AssertUnwindSafe(play)).ok();
    (played, PANICS.take().unwrap_or_default())
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    let text = panic.downcast_ref::<&str>().copied().or_else(owned);
    text.unwrap_or("it panicked without words").to_string()
}

impl Run {
    /// One without a stage: nothing happened.
    pub fn nothing() -> Self {
        let (recording, end) = (Recording::default(), End::Done);
        Self { recording, end, left: Vec::new(), lints: Vec::new(), took: Vec::new() }
    }

    /// The task of that name.
    pub fn id(&self, name: &str) -> Option<Id> {
        let task = self.recording.tasks.iter().find(|task| task.name.as_deref() == Some(name));
        task.map(|task| task.id)
    }

    /// The switches of the task of that name.
    pub fn switches_of(&self, name: &str) -> Vec<Switch<'_>> {
        let id = self.id(name);
        self.recording.switches().filter(|switch| Some(switch.task) == id).collect()
    }

    /// When the task of that name had finished, if it did.
    pub fn done_at(&self, name: &str) -> Option<Nanos> {
        self.left_as(name, Left::Done)
    }

    /// Whether the task of that name panicked.
    pub fn panicked(&self, name: &str) -> bool {
        self.left_as(name, Left::Panicked).is_some()
    }

    fn left_as(&self, name: &str, how: Left) -> Option<Nanos> {
        let id = self.id(name)?;
        let ended = |record: &Record| match record.what {
            What::Ended { task, left, .. } if task == id && left == how => Some(record.at),
            _ => None,
        };
        self.recording.records.iter().find_map(ended)
    }

    /// Whether that lint found something in the task of that name.
    pub fn has(&self, lint: Lint, name: &str) -> bool {
        self.lints.iter().any(|found| found.lint() == lint && found.name() == Some(name))
    }

    /// Who ran when, and why.
    pub fn course(&self) -> Vec<Turn> {
        let turn = |switch: Switch<'_>| Turn {
            task: self.recording.label(switch.task),
            at: switch.at,
            cause: switch.cause.map(|cause| discriminant(&cause)),
        };
        self.recording.switches().map(turn).collect()
    }

    /// What turno said, if it said something: a lint says more than that nothing goes on.
    pub fn words(&self) -> Option<String> {
        let said: Vec<String> = self.lints.iter().map(Finding::to_string).collect();
        match &self.end {
            _ if !said.is_empty() => Some(said.join("\n")),
            End::Stalled(words) | End::Broke(words) => Some(words.clone()),
            End::Done | End::Spins => None,
        }
    }
}

/// Dice that fall the same way each time they are made of the same seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// Those of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `below`.
    pub fn roll(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % u64::from(below)) as u32
    }
}

/// A time for people: `2.5 ms`.
pub fn ms(time: impl Into<Time>) -> String {
    let Time(nanos) = time.into();
    format!("{} ms", nanos as f64 / 1e6)
}

/// So many nanoseconds.
pub struct Time(Nanos);

impl From<Nanos> for Time {
    fn from(nanos: Nanos) -> Self {
        Self(nanos)
    }
}

impl From<Duration> for Time {
    fn from(duration: Duration) -> Self {
        Self(nanos(duration))
    }
}

/// A duration in nanoseconds, as recordings count.
pub fn nanos(duration: Duration) -> Nanos {
    duration.as_nanos() as Nanos
}
