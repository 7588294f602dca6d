//! What there is to see between two switches: plain data, for whoever draws it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::Location;
use std::rc::Rc;

use turno::task::{Cause, Id, Nanos, State, TaskInfo, Wait, WaitReason};
use turno::trace::{Recording, What};

use crate::program::{Place, source, tidy};
use crate::run::End;
use crate::session::Session;

/// The run where it is now.
pub struct Sight {
    /// After how many switches.
    pub n: u64,
    /// The time on the run's clock.
    pub now: Nanos,
    /// Who decides, as it was written.
    pub policy: String,
    /// Why it goes no further, if it does not.
    pub end: Option<End>,
    /// All that has happened.
    pub recording: Recording,
    /// The names of all tasks, in the order of spawning, each with the number of its colour: by its
    /// group; if all are of one, by its name.
    pub names: Names,
    /// Who can be picked, in the policy's order.
    pub ready: Vec<ReadyTask>,
    /// Whether the policy told the order.
    pub is_ordered: bool,
    /// Which of them is next: whom you picked here before, or the first if there is an order.
    pub next: Option<usize>,
    /// You picked the next one here before.
    pub is_picked: bool,
    /// Who waits.
    pub waiting: Vec<WaitingTask>,
    /// The timers that are set: when they are due, and who waits for them.
    pub timers: Vec<(Nanos, String)>,
    /// The sources (registered sockets) that somebody waits for.
    pub sources: Vec<(String, String)>,
    /// How many sources are registered.
    pub registered: usize,
}

/// The names of tasks.
#[derive(Default)]
pub struct Names {
    order: Vec<String>,
    colors: HashMap<String, usize>,
}

impl Names {
    fn of(recording: &Recording) -> Self {
        let tasks = &recording.tasks;
        let groups = tasks.iter().any(|task| task.group != tasks[0].group);
        let mut names = Self::default();
        for task in tasks {
            let number = if groups { task.group as usize } else { names.order.len() };
            if let Entry::Vacant(new) = names.colors.entry(task.label()) {
                names.order.push(new.key().clone());
                new.insert(number);
            }
        }
        names
    }

    /// In the order of spawning.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.order.iter().map(String::as_str)
    }

    /// The number of its colour.
    pub fn color(&self, name: &str) -> usize {
        self.colors.get(name).copied().unwrap_or(0)
    }
}

/// A task that can be picked.
pub struct ReadyTask {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub label: String,
    /// What the policy goes by, in a few words.
    pub key: String,
    /// Why it is ready.
    pub why: String,
    /// For how long it has been.
    pub waited: Nanos,
    /// Where it is in the program, as far as is known.
    pub place: Option<Place>,
}

/// A task that waits.
pub struct WaitingTask {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub label: String,
    /// What it waits for, and who holds that.
    pub what: String,
    /// Where.
    pub place: Option<Place>,
    /// Since when.
    pub since: Option<Nanos>,
}

/// Source files that were looked for.
#[derive(Default)]
pub struct Sources(RefCell<HashMap<String, Option<Rc<str>>>>);

impl Sources {
    fn place(&self, site: &Location<'_>) -> Place {
        let (file, line) = (tidy(site.file()), site.line() as usize);
        let mut read = self.0.borrow_mut();
        let text = read.entry(file.clone()).or_insert_with(|| source(&file)).clone();
        Place { file, line, text }
    }
}

impl Sight {
    /// Looks at the run.
    pub fn of(session: &Session, sources: &Sources) -> Self {
        let (run, decisions) = (session.run(), session.decisions());
        let recording = told_apart(run.recorder.recording());
        let eye = Eye { session, sources, recording, now: run.now() };
        let tasks: HashMap<Id, TaskInfo> =
            run.rt.tasks().into_iter().map(|task| (task.id(), task)).collect();
        let last_waits = eye.last_waits();
        let (queue, is_ordered) =
            if run.end().is_some() { (Vec::new(), true) } else { run.ready() };
        let queue = queue.iter().filter_map(|id| tasks.get(id));
        let ready: Vec<ReadyTask> = queue.map(|task| eye.ready(task, &last_waits)).collect();
        let picked = decisions.pick(run.at());
        let picked = picked.and_then(|serial| ready.iter().position(|t| t.id.serial() == serial));
        let (mut waiting, mut timers, mut waited_for) = (Vec::new(), Vec::new(), Vec::new());
        for mut task in run.rt.waiting() {
            if task.task.state() != State::Waiting {
                continue;
            }
            task.waits.sort_by_key(order);
            let label = eye.label(task.task.id());
            for wait in &task.waits {
                match wait.reason {
                    WaitReason::Timer(at) => timers.push((at, label.clone())),
                    WaitReason::Readable(_) | WaitReason::Writable(_) => {
                        waited_for.push((wait.reason.to_string(), label.clone()));
                    }
                    _ => {}
                }
            }
            waiting.push(eye.waiting(task.task.id(), label, &task.waits));
        }
        timers.sort();
        Self {
            n: run.at(),
            now: eye.now,
            policy: decisions.policy(run.at()).to_string(),
            end: run.end(),
            next: picked.or((is_ordered && !ready.is_empty()).then_some(0)),
            is_picked: picked.is_some(),
            ready,
            is_ordered,
            waiting,
            timers,
            sources: waited_for,
            registered: run.rt.metrics().sources,
            names: Names::of(&eye.recording),
            recording: eye.recording,
        }
    }
}

/// Of tasks of one name each is called by its number too, as in the timelines.
fn told_apart(mut recording: Recording) -> Recording {
    let mut uses: HashMap<String, usize> = HashMap::new();
    recording.tasks.iter().for_each(|task| *uses.entry(task.label()).or_default() += 1);
    for task in &mut recording.tasks {
        if uses[&task.label()] > 1 {
            task.name = Some(format!("{}·{}", task.label(), task.id));
        }
    }
    recording
}

/// What a task waits for has no order: the table's is another one in each run. Timers come last.
fn order(wait: &Wait) -> (Option<Nanos>, Nanos, &'static str, u32, u32) {
    let due = match wait.reason {
        WaitReason::Timer(at) => Some(at),
        _ => None,
    };
    (due, wait.since, wait.site.file(), wait.site.line(), wait.site.column())
}

struct Eye<'a> {
    session: &'a Session,
    sources: &'a Sources,
    recording: Recording,
    now: Nanos,
}

impl Eye<'_> {
    fn label(&self, id: Id) -> String {
        self.recording.label(id)
    }

    /// Where each task waited last.
    fn last_waits(&self) -> HashMap<Id, &'static Location<'static>> {
        let mut last = HashMap::new();
        for record in &self.recording.records {
            if let What::Ended { n, task, .. } = record.what {
                match self.recording.waits_since(n).first() {
                    Some(wait) => drop(last.insert(task, wait.site)),
                    None => drop(last.remove(&task)),
                }
            }
        }
        last
    }

    fn script(&self, id: Id) -> Option<Place> {
        self.session.run().script.as_ref()?.place(id)
    }

    fn ready(
        &self,
        task: &TaskInfo,
        last_waits: &HashMap<Id, &'static Location<'static>>,
    ) -> ReadyTask {
        // The root is spawned in the stepper itself: that is nobody's business.
        let spawned = Some(task.spawn_site()).filter(|_| task.id() != self.session.run().root());
        let site = last_waits.get(&task.id()).copied().or(spawned);
        ReadyTask {
            id: task.id(),
            label: self.label(task.id()),
            key: key(self.session.decisions().policy(self.session.at()), task),
            why: why(&self.recording, task.cause()),
            waited: self.now.saturating_sub(task.woken_at()),
            place: self.script(task.id()).or_else(|| Some(self.sources.place(site?))),
        }
    }

    fn waiting(&self, id: Id, label: String, waits: &[Wait]) -> WaitingTask {
        let script = self.script(id);
        let what = match (waits, script.as_ref().and_then(Place::line_text)) {
            ([], _) => "something that is not turno's".to_string(),
            // The scene says it in the words of whoever wrote it.
            ([wait], Some(line))
                if !matches!(wait.reason, WaitReason::Timer(_) | WaitReason::Join(_)) =>
            {
                let line = line.split('#').next().unwrap_or_default().trim();
                format!("{line}{}", self.holder(wait))
            }
            ([wait], _) => self.what(wait),
            ([first, rest @ ..], _) => format!("{} +{} more", self.what(first), rest.len()),
        };
        let place = script.or_else(|| waits.first().map(|wait| self.sources.place(wait.site)));
        WaitingTask { id, label, what, place, since: waits.first().map(|wait| wait.since) }
    }

    fn what(&self, wait: &Wait) -> String {
        let what = match wait.reason {
            WaitReason::Join(id) => format!("end of {}", self.label(id)),
            WaitReason::Timer(at) => format!("timer, {}", time(at)),
            reason => reason.to_string(),
        };
        format!("{what}{}", self.holder(wait))
    }

    fn holder(&self, wait: &Wait) -> String {
        let holder = wait.holder.map(|holder| format!(", by {}", self.label(holder.task)));
        holder.unwrap_or_default()
    }
}

/// Why a task is ready, with names.
pub fn why(recording: &Recording, cause: Cause) -> String {
    match cause {
        Cause::Task(by) => format!("woken by {}", recording.label(by)),
        Cause::Spawn { by: Some(by) } => format!("spawned by {}", recording.label(by)),
        Cause::Timer => "its timer was due".to_string(),
        cause => cause.to_string(),
    }
}

/// What a policy of that name goes by when it looks at a task.
fn key(policy: &str, task: &TaskInfo) -> String {
    let name = policy.split(':').next().unwrap_or(policy);
    let or_none = |at: Option<Nanos>, what: &str| match at {
        Some(at) => format!("{what} {}", time(at)),
        None => format!("no {what}"),
    };
    match name {
        "priority" => format!("priority {}", task.priority()),
        "round-robin" | "drr" => format!("group {}", task.group()),
        "stride" | "lottery" => format!("weight {}", task.weight()),
        "fair" => format!("ran {}, weight {}", time(task.total_run()), task.weight()),
        "las" | "mlfq" => format!("ran {}", time(task.total_run())),
        "edf" => or_none(task.deadline(), "deadline"),
        "sjf" => or_none(task.size(), "size"),
        "srpt" => or_none(task.size().map(|size| size.saturating_sub(task.total_run())), "left"),
        _ => String::new(),
    }
}

/// A time as people write it, in four digits or so: `8.1ms`.
pub fn time(nanos: Nanos) -> String {
    let (scale, unit) = match nanos {
        0..1_000 => (1.0, "ns"),
        1_000..1_000_000 => (1e3, "µs"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let number = nanos as f64 / scale;
    let digits = match number {
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    let number = format!("{number:.digits$}");
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let times = [0, 7, 1_000, 100_000, 8_100_000, 12_345_678, 100_000_000, 3_600_000_000_000];
        let short = ["0ns", "7ns", "1µs", "100µs", "8.1ms", "12.35ms", "100ms", "3600s"];
        assert_eq!(times.map(time), short);
    }
}
