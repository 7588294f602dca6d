//! Who stood how at each switch: what a timeline draws (floor 5).

use std::collections::HashMap;

use super::{clean, fit};
use crate::task::{Cause, Id, Left, Nanos};
use crate::trace::recording::{Recording, Switch, TaskRecord, What};

/// As many rows can have a letter of their own.
pub(super) const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Blue, orange, green, magenta, grey, violet, rose. Of the 256 colours: of the 16 only red and
/// magenta can be read on white and on black in all the shades that terminals give them. These have
/// a contrast of 4 to both.
const COLORS: [&str; 7] = [
    "\x1b[38;5;31m",
    "\x1b[38;5;130m",
    "\x1b[38;5;28m",
    "\x1b[38;5;164m",
    "\x1b[38;5;243m",
    "\x1b[38;5;99m",
    "\x1b[38;5;131m",
];

/// So many tasks of one name have a row each; more than that share one.
const EACH: usize = 40;

/// How a row stands while another runs.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Stand {
    Absent,
    Waiting,
    Ready,
}

/// A task, or all of one name if these are too many.
pub(super) struct Row {
    pub(super) label: Label,
    group: u32,
    /// How many of them are alive, and how many of these are ready.
    alive: usize,
    ready: usize,
}

/// One switch.
pub(super) struct Column {
    pub(super) n: u64,
    pub(super) at: Nanos,
    pub(super) row: usize,
    pub(super) cause: Option<Cause>,
    /// The row of the task that woke it, if a task did.
    pub(super) by: Option<usize>,
    pub(super) panicked: bool,
    /// How each row stood in the meantime.
    pub(super) others: Vec<Stand>,
}

pub(super) struct Chart {
    pub(super) rows: Vec<Row>,
    pub(super) columns: Vec<Column>,
    pub(super) left_out: usize,
    row_of: HashMap<Id, usize>,
    /// The tasks that are alive, and whether they are ready.
    ready: HashMap<Id, bool>,
}

impl Chart {
    pub(super) fn new(recording: &Recording, most: usize) -> Self {
        let left_out = recording.switches().count().saturating_sub(most);
        let (rows, row_of) = rows(recording);
        let ready = HashMap::new();
        let mut chart = Self { rows, columns: Vec::new(), left_out, row_of, ready };
        chart.begin(recording);
        let mut switches = recording.switches();
        let mut seen = 0;
        for record in &recording.records {
            match &record.what {
                What::Spawned { task } => chart.stands(*task, Some(false)),
                What::Woken { task, .. } => chart.stands(*task, Some(true)),
                What::Switched { task, .. } => {
                    chart.stands(*task, Some(false));
                    seen += 1;
                    if let Some(switch) = switches.next().filter(|_| seen > left_out) {
                        chart.column(&switch);
                    }
                }
                What::Ended { task, left: Left::Done | Left::Panicked, .. }
                | What::Aborted { task } => chart.stands(*task, None),
                _ => {}
            }
        }
        chart
    }

    /// How the tasks stood when the first record was made is told by the first that is said of
    /// each.
    fn begin(&mut self, recording: &Recording) {
        let mut first: HashMap<Id, &What> = HashMap::new();
        for record in &recording.records {
            if let Some(task) = record.what.task() {
                first.entry(task).or_insert(&record.what);
            }
        }
        for task in &recording.tasks {
            match first.get(&task.id) {
                Some(What::Spawned { .. }) => {}
                Some(What::Switched { .. }) => self.stands(task.id, Some(true)),
                _ => self.stands(task.id, Some(false)),
            }
        }
    }

    /// A task is ready, or not, or gone.
    fn stands(&mut self, task: Id, is_ready: Option<bool>) {
        let Some(&row) = self.row_of.get(&task) else { return };
        let row = &mut self.rows[row];
        let was = match is_ready {
            Some(is_ready) => self.ready.insert(task, is_ready),
            None => self.ready.remove(&task),
        };
        row.alive = row.alive + usize::from(is_ready.is_some()) - usize::from(was.is_some());
        row.ready =
            row.ready + usize::from(is_ready == Some(true)) - usize::from(was == Some(true));
    }

    fn column(&mut self, switch: &Switch<'_>) {
        let Some(&row) = self.row_of.get(&switch.task) else { return };
        let by = match switch.cause {
            Some(Cause::Task(id) | Cause::Spawn { by: Some(id) }) => self.row_of.get(&id).copied(),
            _ => None,
        };
        let stand = |row: &Row| match (row.alive, row.ready) {
            (0, _) => Stand::Absent,
            (_, 0) => Stand::Waiting,
            _ => Stand::Ready,
        };
        self.columns.push(Column {
            n: switch.n,
            at: switch.at,
            row,
            cause: switch.cause,
            by,
            panicked: switch.left == Some(Left::Panicked),
            others: self.rows.iter().map(stand).collect(),
        });
    }

    /// The rows that a panel shows: all, or, if these are more than have letters, those who run.
    pub(super) fn rows_of(&self, panel: &[Column]) -> Vec<usize> {
        if self.rows.len() <= LETTERS.len() {
            return (0..self.rows.len()).collect();
        }
        let mut rows: Vec<usize> = panel.iter().map(|column| column.row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// By its group; if all are of one group each row has its own.
    pub(super) fn color(&self, row: usize) -> &'static str {
        let groups = self.rows.iter().any(|other| other.group != self.rows[0].group);
        COLORS[if groups { self.rows[row].group as usize } else { row } % COLORS.len()]
    }

    pub(super) fn label_width(&self) -> usize {
        let longest = self.rows.iter().map(|row| row.label.len()).max().unwrap_or(0);
        longest.clamp(8, 24) + 4
    }
}

/// A name, and what tells its task from others of that name.
#[derive(Clone)]
pub(super) struct Label {
    name: String,
    tail: String,
}

impl Label {
    pub(super) fn len(&self) -> usize {
        self.name.chars().count() + self.tail.chars().count()
    }

    /// As much of it as `width` columns hold; of the name, since it is the rest that differs.
    pub(super) fn fit(&self, width: usize) -> String {
        let room = width.saturating_sub(self.tail.chars().count());
        fit(&format!("{}{}", fit(&self.name, room), self.tail), width)
    }
}

/// What each task is called where it is told from others: by its name, and if several have that, by
/// its number.
pub(super) fn labels(recording: &Recording) -> HashMap<Id, Label> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    let names: Vec<String> = recording.tasks.iter().map(|task| clean(&task.label())).collect();
    names.iter().for_each(|name| *uses.entry(name.clone()).or_default() += 1);
    let label = |(task, name): (&TaskRecord, String)| {
        let tail = if uses[&name] > 1 { format!("·{}", task.id) } else { String::new() };
        (task.id, Label { name, tail })
    };
    recording.tasks.iter().zip(names).map(label).collect()
}

fn rows(recording: &Recording) -> (Vec<Row>, HashMap<Id, usize>) {
    let (mut rows, mut row_of): (Vec<Row>, _) = (Vec::new(), HashMap::new());
    let labels = labels(recording);
    let mut uses: HashMap<&str, usize> = HashMap::new();
    labels.values().for_each(|label| *uses.entry(&label.name).or_default() += 1);
    let mut shared: HashMap<&str, usize> = HashMap::new();
    for task in &recording.tasks {
        let label = &labels[&task.id];
        let of_the_name = uses[label.name.as_str()];
        let mut row = |label: Label| {
            rows.push(Row { label, group: task.group, alive: 0, ready: 0 });
            rows.len() - 1
        };
        let row = if of_the_name <= EACH {
            row(label.clone())
        } else {
            let all = || Label { name: label.name.clone(), tail: format!(" ×{of_the_name}") };
            *shared.entry(&label.name).or_insert_with(|| row(all()))
        };
        row_of.insert(task.id, row);
    }
    (rows, row_of)
}
