//! What was picked in another run, again (floor 1).
//!
//! Good for: going back to a switch that was seen once, with a debugger or by hand; a test of the
//! one order that showed a bug. Bad for: a program that was changed since: it is told at which
//! switch the runs part. Starves whom the recorded policy starved. Cost: a look into a tree of the
//! ready tasks, O(log of their number).

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use super::by_serial::BySerial;
use super::{Divergence, Pick, Policy, Schedule, Tasks};
use crate::task::id::Id;
use crate::task::info::{Left, Nanos, TaskInfo};

/// Follows a [`Schedule`]; at its end another policy takes over. The same program with the same
/// [seed](crate::runtime::Builder::seed) on a virtual clock makes the same run, to the nanosecond.
///
/// ```
/// use turno::policy::{Fifo, Replay, Schedule};
/// use turno::runtime::Builder;
///
/// let backwards = Replay::new(Schedule::of([1, 3, 1]), Fifo::new());
/// let rt = Builder::new().policy(backwards).build()?;
/// rt.block_on(async {
///     let (a, b) = (turno::spawn(async { 'a' }), turno::spawn(async { 'b' }));
///     assert_eq!(b.await.unwrap(), 'b');
///     assert!(!a.is_finished());
///     a.await.unwrap();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// A pick panics with a [`Divergence`] if the task that was picked then is not ready now; unless
/// [`note_divergence`](Self::note_divergence) was called.
pub struct Replay {
    schedule: Schedule,
    /// How many decisions have been followed.
    followed: usize,
    ready: BySerial,
    /// A picked task has not come back yet: who picks again meanwhile takes the queue away.
    running: bool,
    /// Who decides after the end; `over` once it does.
    then: Box<dyn Policy>,
    over: bool,
    noted: Option<Rc<OnceCell<Divergence>>>,
}

impl Replay {
    /// Follows `schedule`, and from its end on lets `then` decide.
    pub fn new(schedule: Schedule, then: impl Into<Box<dyn Policy>>) -> Self {
        let (ready, then) = (BySerial::default(), then.into());
        Self { schedule, followed: 0, ready, running: false, then, over: false, noted: None }
    }

    /// A divergence shall be no panic: it is noted in the cell that is returned, and the other
    /// policy decides from there on.
    pub fn note_divergence(&mut self) -> Rc<OnceCell<Divergence>> {
        Rc::clone(self.noted.get_or_insert_default())
    }

    /// From here on the other policy decides.
    fn hand_over(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        self.over = true;
        for task in self.ready.in_order().into_iter().filter_map(|id| tasks.get(id)) {
            self.then.ready(task, now);
        }
        self.then.pick(tasks, now)
    }
}

impl Policy for Replay {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        if self.over {
            return self.then.ready(task, now);
        }
        self.ready.push(task.id());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        if self.over {
            return self.then.pick(tasks, now);
        }
        if self.running {
            return self.ready.pop().into();
        }
        let Some(&decision) = self.schedule.decisions.get(self.followed) else {
            return self.hand_over(tasks, now);
        };
        if decision.not_before > now {
            return Pick::Until(decision.not_before);
        }
        if let Some(id) = self.ready.remove(decision.task) {
            (self.followed, self.running) = (self.followed + 1, true);
            return Pick::Task(id);
        }
        let (step, ready) = (self.followed + 1, self.ready.in_order());
        let divergence = Divergence { step, task: decision.task, ready };
        match &self.noted {
            Some(noted) => drop(noted.set(divergence)),
            None => panic!("{divergence}"),
        }
        self.hand_over(tasks, now)
    }

    fn ran(&mut self, task: &TaskInfo, ran: Nanos, left: Left, now: Nanos) {
        self.running = false;
        if self.over {
            self.then.ran(task, ran, left, now);
        }
    }

    fn quantum(&mut self, task: &TaskInfo) -> Option<Nanos> {
        match self.followed.checked_sub(1).filter(|_| !self.over) {
            Some(last) => self.schedule.decisions[last].quantum,
            None => self.then.quantum(task),
        }
    }

    fn forget(&mut self, id: Id) {
        if self.over {
            return self.then.forget(id);
        }
        self.ready.remove(id.serial());
    }

    fn changed(&mut self, task: &TaskInfo) {
        if self.over {
            self.then.changed(task);
        }
    }

    fn io_every(&self) -> u32 {
        self.then.io_every()
    }

    fn wants_time(&self) -> bool {
        self.then.wants_time()
    }

    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        if self.over {
            return self.then.queue(tasks, most);
        }
        let to_come = self.schedule.decisions.get(self.followed..).unwrap_or_default();
        let ready = |decision: &super::Decision| self.ready.get(decision.task);
        // What comes after that is not known: first something else has to happen.
        let mut queue = Vec::new();
        for id in to_come.iter().map_while(ready).take(most) {
            if queue.contains(&id) {
                break;
            }
            queue.push(id);
        }
        queue
    }

    fn explain(&self) -> String {
        if self.over {
            return self.then.explain();
        }
        format!("as recorded: switch {} of {}", self.followed, self.schedule.decisions.len())
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay({} of {})", self.followed, self.schedule.decisions.len())
    }
}
