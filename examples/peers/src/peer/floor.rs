//! The floor: the least that could be done. Boxed futures in a `Vec`, polled one after another with
//! a waker that does nothing; nobody is ever asleep, so there is no queue and no wake.
//!
//! It is no runtime: it spins while a task waits.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::Peer;

pub struct Floor;

type Slot = Option<Pin<Box<dyn Future<Output = ()>>>>;

thread_local! {
    static TASKS: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

/// Ready when the task at this place is gone.
pub struct Gone(usize);

impl Future for Gone {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let there = |tasks: &Vec<Slot>| tasks.get(self.0).is_some_and(Option::is_some);
        if TASKS.with_borrow(there) { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// Polls each task once. Tasks of the floor do not spawn.
fn pass(cx: &mut Context<'_>) {
    TASKS.with_borrow_mut(|tasks| {
        for slot in tasks.iter_mut() {
            if slot.as_mut().is_some_and(|task| task.as_mut().poll(cx).is_ready()) {
                *slot = None;
            }
        }
        while tasks.pop_if(|slot| slot.is_none()).is_some() {}
    });
}

impl Peer for Floor {
    const NAME: &'static str = "floor";
    type Join = Gone;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        let mut root = pin!(root);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = root.as_mut().poll(&mut cx) {
                TASKS.take();
                return output;
            }
            pass(&mut cx);
        }
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join {
        TASKS.with_borrow_mut(|tasks| {
            tasks.push(Some(Box::pin(task)));
            Gone(tasks.len() - 1)
        })
    }

    fn yield_now() -> impl Future<Output = ()> {
        futures_lite::future::yield_now()
    }
}
