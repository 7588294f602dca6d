//! You are the scheduler: a policy like any other, that does what it is told.
//!
//! Behind it stands another one, the adviser: it decides whenever nobody else did, says in which
//! order it would go on, and for how long `time::work` may compute. What you picked in its place
//! counts for it as run, so that its accounts stay true.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Left, Nanos, TaskInfo};

/// Who is to run next, if somebody has decided that: shared by a [`Hand`] and whoever tells it.
pub type Wish = Rc<Cell<Option<Id>>>;

/// These leave a departed task in their queue and skip it later, which they could not if it came
/// back. They keep nothing but the queue: told anew of those who are left, a new one is the same.
const QUEUE_ONLY: [&str; 3] = ["Fifo", "Lifo", "Random"];

/// Picks whom the [`Wish`] names; if it names nobody who is ready, the adviser decides.
///
/// ```
/// use stepper::hand::{Hand, Wish};
/// use turno::policy::{self, Fifo};
/// use turno::runtime::Builder;
///
/// let wish = Wish::default();
/// let hand = Hand::new(|| Fifo::new().into(), wish.clone());
/// let rt = Builder::new().start_paused(true).policy(hand).build()?;
/// let (first, second) = (rt.spawn(async {}), rt.spawn(async {}));
/// rt.wait_ready();
/// wish.set(Some(second.id()));
/// assert_eq!(rt.step().unwrap().task.id(), second.id());
/// assert_eq!(rt.step().unwrap().task.id(), first.id());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Hand {
    make: Box<dyn Fn() -> Box<dyn Policy>>,
    adviser: Box<dyn Policy>,
    wish: Wish,
    /// Who is ready, in the order in which they came.
    ready: Vec<Id>,
    /// Whose place was given to another, by name; empty if the adviser does not say. `None` if it
    /// was the adviser who picked.
    instead: Option<String>,
}

impl Hand {
    /// Nobody is ready. `make` makes the adviser, again and again.
    pub fn new(make: impl Fn() -> Box<dyn Policy> + 'static, wish: Wish) -> Self {
        let adviser = make();
        Self { make: Box::new(make), adviser, wish, ready: Vec::new(), instead: None }
    }

    fn remove(&mut self, id: Id) {
        self.ready.retain(|&ready| ready != id);
    }

    /// The adviser hears that somebody was picked whom it did not pick.
    fn take_from_adviser(&mut self, id: Id, tasks: &Tasks<'_>, now: Nanos) {
        if !QUEUE_ONLY.contains(&self.adviser.name()) {
            return self.adviser.forget(id);
        }
        self.adviser = (self.make)();
        for task in self.ready.iter().filter_map(|&id| tasks.get(id)) {
            self.adviser.ready(task, now);
        }
    }
}

impl Policy for Hand {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.ready.push(task.id());
        self.adviser.ready(task, now);
    }

    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        self.instead = None;
        let wish = self.wish.take().filter(|id| self.ready.contains(id));
        let advised = wish.map(|_| self.adviser.queue(tasks, 1).first().copied());
        match wish {
            Some(id) if advised != Some(wish) => {
                self.remove(id);
                self.take_from_adviser(id, tasks, now);
                let name = |task: &TaskInfo| match task.name() {
                    Some(name) => name.to_string(),
                    None => format!("task {}", task.id()),
                };
                self.instead = Some(
                    advised.flatten().and_then(|id| tasks.get(id)).map_or_else(String::new, name),
                );
                Pick::Task(id)
            }
            _ => {
                let pick = self.adviser.pick(tasks, now);
                if let Pick::Task(id) = pick {
                    self.remove(id);
                }
                pick
            }
        }
    }

    fn ran(&mut self, task: &TaskInfo, ran: Nanos, left: Left, now: Nanos) {
        self.adviser.ran(task, ran, left, now);
    }

    fn quantum(&mut self, task: &TaskInfo) -> Option<Nanos> {
        self.adviser.quantum(task)
    }

    fn forget(&mut self, id: Id) {
        self.remove(id);
        self.adviser.forget(id);
    }

    fn changed(&mut self, task: &TaskInfo) {
        self.adviser.changed(task);
    }

    fn io_every(&self) -> u32 {
        self.adviser.io_every()
    }

    fn wants_time(&self) -> bool {
        self.adviser.wants_time()
    }

    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        let Some(wish) = self.wish.get().filter(|id| self.ready.contains(id)) else {
            return self.adviser.queue(tasks, most);
        };
        // What the adviser would do after that is not known before it has heard of it.
        [wish].into_iter().take(most).collect()
    }

    fn explain(&self) -> String {
        match self.instead.as_deref() {
            None => self.adviser.explain(),
            Some("") => "by hand".to_string(),
            Some(name) => format!("by hand, in the place of {name}"),
        }
    }

    fn name(&self) -> &'static str {
        self.adviser.name()
    }
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hand({}, {} ready)", self.adviser.name(), self.ready.len())
    }
}
