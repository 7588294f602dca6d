//! What is needed to poll by hand, and to run in any order.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Wake, Waker};

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

/// What a waker does when it wakes, once.
type Act = Option<Box<dyn FnOnce()>>;

thread_local! {
    static WOKEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static ACTS: RefCell<Vec<Act>> = const { RefCell::new(Vec::new()) };
}

struct Note(usize);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        WOKEN.with(|woken| woken.borrow_mut().push(self.0));
    }
}

/// A waker that notes its name on this thread each time it wakes. No two are equal.
pub fn notes(name: usize) -> Waker {
    Waker::from(Arc::new(Note(name)))
}

/// Whose wakers woke since the last look, in order.
pub fn noted() -> Vec<usize> {
    WOKEN.with(RefCell::take)
}

struct Acts(usize);

impl Wake for Acts {
    fn wake(self: Arc<Self>) {
        let act = ACTS.with(|acts| acts.borrow_mut()[self.0].take());
        act.into_iter().for_each(|act| act());
    }
}

/// A waker that does `f` when it wakes, once.
pub fn acts(f: impl FnOnce() + 'static) -> Waker {
    let at = ACTS.with(|acts| {
        acts.borrow_mut().push(Some(Box::new(f)));
        acts.borrow().len() - 1
    });
    Waker::from(Arc::new(Acts(at)))
}

/// Any of those who are ready, as its seed has it.
pub struct Any {
    ready: Vec<Id>,
    state: u64,
}

impl Any {
    pub fn seeded(seed: u64) -> Self {
        Self { ready: Vec::new(), state: seed | 1 }
    }
}

impl Policy for Any {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.ready.push(task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        if self.ready.is_empty() {
            return None.into();
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let at = self.state as usize % self.ready.len();
        Some(self.ready.swap_remove(at)).into()
    }
}
