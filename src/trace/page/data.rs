//! What a page shows, as data for its scripts (floor 5).
//!
//! Everything is an array of numbers: task, site and text are indices into tables, and -1 is none.
//! `page/read.js` reads it; the two files change together.

use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::panic::Location;
use std::path::Path;

use super::super::recording::{Choice, Record, Recording, What};
use super::json::Json;
use crate::task::{Cause, Id, Left, Wait};

/// More switches than this make a page slow to open.
const MOST_SWITCHES: usize = 20_000;
/// So do more records, however few switches they belong to.
const MOST_RECORDS: usize = 150_000;
/// A larger source file is left out.
const MOST_SOURCE: u64 = 256 * 1024;

/// The data of all runs.
pub(super) fn of(runs: &[(String, &Recording)], sources: bool) -> String {
    let mut tables = Tables::default();
    let mut json = Json::new();
    json.open('{').key("runs").open('[');
    for (name, recording) in runs {
        write_run(&mut json, name, recording, &mut tables);
    }
    json.close(']').key("texts").open('[');
    for text in &tables.texts.list {
        json.text(text);
    }
    json.close(']').key("sites").open('[');
    for site in &tables.sites.list {
        let file = tables.files.index(site.file());
        json.open('[').value(file).value(site.line()).value(site.column()).close(']');
    }
    json.close(']').key("files").open('[');
    for file in &tables.files.list {
        let text = if sources { source(file) } else { None };
        json.open('[').text(file).text_or_null(text.as_deref()).close(']');
    }
    json.close(']').key("sources").value(sources).close('}');
    json.finish()
}

/// Things that are told once, in the order of their first use.
struct Table<T> {
    list: Vec<T>,
    index: HashMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { list: Vec::new(), index: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn index(&mut self, of: T) -> usize {
        if let Some(&index) = self.index.get(&of) {
            return index;
        }
        self.list.push(of.clone());
        self.index.insert(of, self.list.len() - 1);
        self.list.len() - 1
    }
}

type Site = &'static Location<'static>;

/// What the runs of a page have in common.
#[derive(Default)]
struct Tables {
    texts: Table<String>,
    sites: Table<Site>,
    files: Table<&'static str>,
}

fn write_run(json: &mut Json, name: &str, recording: &Recording, tables: &mut Tables) {
    let from = first_shown(&recording.records);
    let cut = recording.records[..from].iter().filter(|record| is_switch(record)).count();
    json.open('{').key("name").text(name);
    json.key("full").value(recording.is_full).key("lost").value(recording.lost);
    json.key("cut").value(cut).key("events").open('[');
    let mut run = Run { recording, json, tables, tasks: Table::default() };
    let (cut, shown) = recording.records.split_at(from);
    let policy = cut.iter().rfind(|record| matches!(record.what, What::Policy { .. }));
    policy.into_iter().chain(shown).for_each(|record| run.write(record));
    run.json.close(']').key("tasks").open('[');
    // A task's parent may be named here for the first time.
    let mut told = 0;
    while let Some(&id) = run.tasks.list.get(told) {
        run.write_task(id);
        told += 1;
    }
    let silent = recording.tasks.iter().filter(|t| !run.tasks.index.contains_key(&t.id)).count();
    json.close(']').key("silent").value(silent).close('}');
}

/// The record with which the page begins.
fn first_shown(records: &[Record]) -> usize {
    let switches: Vec<usize> = (0..records.len()).filter(|&at| is_switch(&records[at])).collect();
    let by_switches = match switches.len().checked_sub(MOST_SWITCHES) {
        None | Some(0) => 0,
        Some(cut) => switches[cut],
    };
    by_switches.max(records.len().saturating_sub(MOST_RECORDS))
}

fn is_switch(record: &Record) -> bool {
    matches!(record.what, What::Switched { .. })
}

/// One run, as it is written.
struct Run<'a> {
    recording: &'a Recording,
    json: &'a mut Json,
    tables: &'a mut Tables,
    tasks: Table<Id>,
}

impl Run<'_> {
    fn write(&mut self, record: &Record) {
        let kind = match &record.what {
            What::Policy { .. } => "0",
            What::Woken { .. } => "1",
            What::Switched { .. } => "2",
            What::Ended { .. } => "3",
            What::Aborted { .. } => "4",
            What::Parked { .. } => "5",
            // The first wake, and the yield that follows, say the same.
            What::Spawned { .. } | What::Quantum { .. } => return,
        };
        self.json.open('[').value(kind).value(record.at);
        if let Some(id) = record.what.task() {
            self.task(id);
        }
        match &record.what {
            What::Policy { name } => self.text(name),
            What::Woken { cause, since, .. } => {
                self.cause(*cause);
                self.json.value(since);
            }
            What::Switched { n, waited, ready, .. } => {
                self.json.value(n).value(waited).value(ready);
                if let Some(choice) = self.recording.choices.get(n) {
                    self.choice(choice);
                }
            }
            What::Ended { n, left, ran, .. } => {
                let left = match left {
                    Left::Yielded => 0,
                    Left::Waiting => 1,
                    Left::Done => 2,
                    Left::Panicked => 3,
                };
                self.json.value(left).value(ran);
                self.recording.waits_since(*n).iter().for_each(|wait| self.wait(wait));
            }
            What::Parked { until: Some(until) } => {
                self.json.value(until);
            }
            What::Spawned { .. }
            | What::Quantum { .. }
            | What::Aborted { .. }
            | What::Parked { until: None } => {}
        }
        self.json.close(']');
    }

    /// What kind of cause, and who or which.
    fn cause(&mut self, cause: Cause) {
        let kind = match cause {
            Cause::Spawn { .. } => "0",
            Cause::Yield => "1",
            Cause::Budget => "2",
            Cause::Task(_) => "3",
            Cause::Timer => "4",
            Cause::Source(_) => "5",
            Cause::Outside => "6",
        };
        self.json.value(kind);
        match cause {
            Cause::Spawn { by: Some(id) } | Cause::Task(id) => self.task(id),
            Cause::Source(source) => {
                self.json.value(source);
            }
            _ => {
                self.json.value("-1");
            }
        }
    }

    fn choice(&mut self, choice: &Choice) {
        self.text(&choice.reason);
        choice.queue.iter().for_each(|id| self.task(*id));
    }

    fn wait(&mut self, wait: &Wait) {
        self.json.open('[');
        self.text(&wait.reason.to_string());
        self.site(Some(wait.site));
        self.json.value(wait.since);
        self.site(wait.made);
        if let Some(holder) = wait.holder {
            self.task(holder.task);
            self.site(Some(holder.site));
        }
        self.json.close(']');
    }

    fn write_task(&mut self, id: Id) {
        let task = self.recording.task(id);
        self.json.open('[').value(id);
        self.json.text_or_null(task.and_then(|task| task.name.as_deref()));
        if let Some(task) = task {
            self.site(Some(task.site));
            match task.by {
                Some(by) => self.task(by),
                None => {
                    self.json.value("-1");
                }
            }
            self.json.value(task.spawned_at);
            self.json.value(task.group).value(task.priority).value(task.weight);
        }
        self.json.close(']');
    }

    fn task(&mut self, id: Id) {
        let index = self.tasks.index(id);
        self.json.value(index);
    }

    fn text(&mut self, text: &str) {
        let index = self.tables.texts.index(text.to_string());
        self.json.value(index);
    }

    fn site(&mut self, site: Option<Site>) {
        match site {
            Some(site) => self.json.value(self.tables.sites.index(site)),
            None => self.json.value("-1"),
        };
    }
}

/// The text of a source file, as far as it can be found: the compiler names it from the root of a
/// workspace, and programs are also started in folders below that.
fn source(file: &str) -> Option<String> {
    let here = std::env::current_dir().ok()?;
    let read = |folder: &Path| {
        let path = folder.join(file);
        let small = fs::metadata(&path).is_ok_and(|about| about.len() <= MOST_SOURCE);
        if small { fs::read_to_string(path).ok() } else { None }
    };
    here.ancestors().find_map(read)
}
