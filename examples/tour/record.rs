//! Records a run: one column per switch, as an observer.

use std::cell::{Ref, RefCell};
use std::rc::Rc;

use turno::observe::{Event, Observer};
use turno::task::{Cause, Id, Left, Nanos, TaskInfo};

/// What happened in one run. The tasks of one name share a row.
pub struct Recording(Rc<RefCell<Record>>);

#[derive(Default)]
pub struct Record {
    pub rows: Vec<Row>,
    pub columns: Vec<Column>,
    /// Which row each task has.
    row_of: Vec<(Id, usize)>,
}

/// All tasks of one name.
pub struct Row {
    pub name: String,
    pub group: u32,
    /// How many of them are alive, and how many are ready.
    alive: usize,
    ready: usize,
    pub finished_at: Nanos,
}

/// One switch.
pub struct Column {
    pub row: usize,
    pub cause: Cause,
    /// The row of the task that woke it, if a task did.
    pub by: Option<usize>,
    pub at: Nanos,
    pub waited: Nanos,
    pub ran: Nanos,
    pub reason: String,
    /// How each row stood in the meantime.
    pub others: Vec<Stand>,
}

/// How a row stands while another runs.
#[derive(Clone, Copy, PartialEq)]
pub enum Stand {
    Absent,
    Waiting,
    Ready,
}

impl Recording {
    pub fn new() -> Self {
        Self(Rc::default())
    }

    /// The observer that writes it.
    pub fn observer(&self) -> impl Observer + 'static {
        let record = self.0.clone();
        move |now: Nanos, event: &Event<'_>| record.borrow_mut().note(now, event)
    }

    pub fn read(&self) -> Ref<'_, Record> {
        self.0.borrow()
    }
}

impl Record {
    fn note(&mut self, now: Nanos, event: &Event<'_>) {
        match event {
            Event::Woken { task, .. } => {
                let row = self.row(task);
                self.rows[row].ready += 1;
            }
            Event::Switched { task, waited, ready, .. } => {
                let row = self.row(task);
                self.rows[row].ready -= 1;
                let cause = task.cause();
                let by = match cause {
                    Cause::Task(id) | Cause::Spawn { by: Some(id) } => self.find(id),
                    _ => None,
                };
                let others = self.rows.iter().map(Row::stand).collect();
                let reason = ready.reason();
                let (waited, ran) = (*waited, 0);
                let column = Column { row, cause, by, at: now, waited, ran, reason, others };
                self.columns.push(column);
            }
            Event::Ended { task, left, ran, .. } => {
                let row = self.row(task);
                if let Some(column) = self.columns.last_mut() {
                    column.ran = *ran;
                }
                if matches!(left, Left::Done | Left::Panicked) {
                    self.rows[row].alive -= 1;
                    self.rows[row].finished_at = now;
                }
            }
            _ => {}
        }
    }

    fn find(&self, id: Id) -> Option<usize> {
        self.row_of.iter().find(|(known, _)| *known == id).map(|(_, row)| *row)
    }

    fn row(&mut self, task: &TaskInfo) -> usize {
        if let Some(row) = self.find(task.id()) {
            return row;
        }
        let name = match task.name() {
            Some("block_on") | None => "main",
            Some(name) => name,
        };
        let row = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            let (name, group) = (name.to_string(), task.group());
            self.rows.push(Row { name, group, alive: 0, ready: 0, finished_at: 0 });
            self.rows.len() - 1
        });
        self.rows[row].alive += 1;
        self.row_of.push((task.id(), row));
        row
    }
}

impl Row {
    fn stand(&self) -> Stand {
        match (self.alive, self.ready) {
            (0, _) => Stand::Absent,
            (_, 0) => Stand::Waiting,
            _ => Stand::Ready,
        }
    }
}
