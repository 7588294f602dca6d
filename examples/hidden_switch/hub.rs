//! Green threads by passing a baton: each is an OS thread, and only the one that has the turn runs.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The turn goes round among the green threads: only the first of the queue runs.
#[derive(Default)]
pub struct Hub {
    queue: Mutex<VecDeque<usize>>,
    passed: Condvar,
}

thread_local! { static ME: RefCell<Option<(Arc<Hub>, usize)>> = const { RefCell::new(None) }; }

impl Hub {
    fn queue(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_turn(&self, me: usize) {
        let others_turn = |queue: &mut VecDeque<usize>| queue.front() != Some(&me);
        drop(self.passed.wait_while(self.queue(), others_turn));
    }

    /// Runs `f` in so many green threads, until all have finished.
    pub fn run(green_threads: usize, f: impl Fn() + Sync) {
        let hub = Arc::new(Self::default());
        hub.queue().extend(0..green_threads);
        thread::scope(|scope| {
            for me in 0..green_threads {
                let (hub, f) = (&hub, &f);
                scope.spawn(move || {
                    ME.set(Some((hub.clone(), me)));
                    hub.wait_for_turn(me);
                    f();
                    hub.queue().pop_front();
                    hub.passed.notify_all();
                });
            }
        });
    }

    /// What is hidden in every call that waits: the others run, then this goes on.
    pub fn switch() {
        let Some((hub, me)) = ME.with_borrow(Clone::clone) else { return };
        hub.queue().rotate_left(1);
        hub.passed.notify_all();
        hub.wait_for_turn(me);
    }
}
