//! A place where tasks wait for one another (floor 4).

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::wait::Site;
use crate::wait::queue::Queue;
use crate::wait::reason::WaitReason;
use crate::wait::waiter::{Asked, Waiter};

/// Lets tasks go on when so many of them have come.
///
/// It can be used again at once: who comes after that waits for the next round. It is bound to its
/// thread and needs no runtime.
///
/// ```
/// # turno::block_on(async {
/// use std::rc::Rc;
/// use turno::sync::Barrier;
///
/// let barrier = Rc::new(Barrier::new(2));
/// let there = barrier.clone();
/// let other = turno::spawn(async move { there.wait().await.is_leader() });
/// let leads = barrier.wait().await.is_leader();
/// assert!(leads != other.await.unwrap(), "one of them leads");
/// # });
/// ```
pub struct Barrier {
    n: usize,
    /// How many wait.
    here: Cell<usize>,
    queue: Queue,
}

impl Barrier {
    /// One at which `n` tasks wait for one another. 0 is taken for 1.
    #[track_caller]
    pub const fn new(n: usize) -> Self {
        Self { n, here: Cell::new(0), queue: Queue::new(WaitReason::Barrier) }
    }

    /// Waits until as many have come as the barrier was made for. The last to come is the leader
    /// and does not wait; the others go on in the order in which they came.
    ///
    /// # Cancel safety
    /// Dropped before the last has come, it has not come: somebody else must in its place. (In
    /// tokio it counts all the same.) Dropped after that, it changes nothing for the others.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = BarrierWaitResult> {
        let arriving = Arriving { barrier: self, waiter: Waiter::new(Location::caller()) };
        async move { BarrierWaitResult(arriving.await) }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("n", &self.n)
            .field("here", &self.here.get())
            .finish_non_exhaustive()
    }
}

/// What [`Barrier::wait`] ends with.
#[derive(Clone, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether it was the last to come: one of each round was.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

struct Arriving<'a> {
    barrier: &'a Barrier,
    waiter: Waiter,
}

impl Future for Arriving<'_> {
    /// Whether it was the last to come.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let Self { barrier, ref mut waiter } = *self;
        waiter.poll(barrier, cx).map(|handed| handed == LEADS)
    }
}

/// What a task is handed when all have come.
const FOLLOWS: u32 = 0;
const LEADS: u32 = 1;

impl Asked for Barrier {
    fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Comes as the last one, if all but one are here.
    fn take_free(&self, _: Site) -> Option<u32> {
        if self.here.get() + 1 < self.n {
            return None;
        }
        self.here.set(0);
        self.queue.hand_all(Some(FOLLOWS));
        Some(LEADS)
    }

    fn joined(&self) {
        self.here.set(self.here.get() + 1);
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        let left = self.waiter.leave(&self.barrier.queue);
        if left.as_ref().is_some_and(|left| !left.handed) {
            self.barrier.here.set(self.barrier.here.get() - 1);
        }
    }
}
