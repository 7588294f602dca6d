//! What lints remember of each task (floor 5).

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::spin::Row;
use crate::observe::Waits;
use crate::task::{Id, Left, Nanos, TaskInfo, Wait};

/// A task, as a finding names it.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) id: Id,
    pub(super) name: Option<Arc<str>>,
    pub(super) site: &'static Location<'static>,
}

impl Who {
    /// `task 7 "conn"`
    pub(super) fn label(&self) -> String {
        let name = self.name.as_ref().map_or(String::new(), |name| format!(" {name:?}"));
        format!("task {}{name}", self.id)
    }
}

impl fmt::Display for Who {
    /// As [`TaskInfo`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (spawned at {})", self.label(), self.site)
    }
}

/// A time as people read it: `150ms`, `9.2ms`.
pub(super) fn brief(time: Nanos) -> String {
    let time = Duration::from_nanos(time);
    let exact = format!("{time:?}");
    if exact.len() > 6 { format!("{time:.1?}") } else { exact }
}

/// What a task had done last before a switch.
#[derive(Clone, Copy, Debug)]
pub(super) enum After {
    Spawn,
    Yield,
    /// `None`: for something that is not turno's.
    Wait(Option<&'static Location<'static>>),
    /// It was not watched then.
    Unseen,
}

impl After {
    pub(super) fn site(self) -> Option<&'static Location<'static>> {
        match self {
            Self::Wait(site) => site,
            _ => None,
        }
    }
}

impl fmt::Display for After {
    /// As what follows `after`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn => f.write_str("its start"),
            Self::Yield => f.write_str("giving way"),
            Self::Wait(Some(site)) => write!(f, "its await at {site}"),
            Self::Wait(None) => f.write_str("its await of something that is not turno's"),
            Self::Unseen => f.write_str("something that was not watched"),
        }
    }
}

/// A switch that has ended.
pub(super) struct Ended {
    pub(super) n: u64,
    pub(super) at: Nanos,
    pub(super) left: Left,
    pub(super) ran: Nanos,
    /// What the task went to wait for last.
    pub(super) wait: Option<Wait>,
    pub(super) waits: Waits,
    pub(super) operations: Option<u32>,
}

impl Ended {
    /// What the task does now.
    pub(super) fn before(&self) -> After {
        match self.left {
            Left::Waiting => After::Wait(self.wait.map(|wait| wait.site)),
            _ => After::Yield,
        }
    }
}

/// What is remembered of one task.
pub(super) struct Task {
    pub(super) who: Who,
    pub(super) after: After,
    pub(super) waits: Option<Waits>,
    pub(super) row: Row,
}

impl Task {
    /// The switch is over: what comes next comes after it.
    pub(super) fn left(&mut self, end: &Ended) {
        (self.waits, self.after) = (Some(end.waits), end.before());
    }
}

/// The tasks that have not ended, by the index of their ids.
#[derive(Default)]
pub(super) struct Known(Vec<Option<Task>>);

impl Known {
    /// What is remembered of that task; it may be new.
    #[inline]
    pub(super) fn task(&mut self, task: &TaskInfo) -> &mut Task {
        let index = task.id().index();
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        let known = &mut self.0[index];
        if known.as_ref().is_some_and(|known| known.who.id != task.id()) {
            *known = None;
        }
        known.get_or_insert_with(|| Task {
            who: Who { id: task.id(), name: task.name().map(Arc::from), site: task.spawn_site() },
            after: if task.switches() == 0 { After::Spawn } else { After::Unseen },
            waits: None,
            row: Row::default(),
        })
    }

    pub(super) fn get(&mut self, id: Id) -> Option<&mut Task> {
        self.0.get_mut(id.index())?.as_mut().filter(|known| known.who.id == id)
    }

    pub(super) fn forget(&mut self, id: Id) {
        if self.get(id).is_some() {
            self.0[id.index()] = None;
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Task> {
        self.0.iter().flatten()
    }
}
