//! What makes a task run: its future, and then its result, in one box with its waker (floor 3).

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_task::WakerRef;
use pin_project_lite::pin_project;

use super::current;
use super::info::Left;
use super::join::JoinError;
use super::wake::TaskWaker;
use crate::runtime::context;

/// Something that a switch can be made to.
pub(crate) trait Run {
    /// One switch: polls the future once, and keeps its output when it is done. `spare` is lent to
    /// this task; if it is kept, another one takes its place.
    fn run(self: Pin<&mut Self>, spare: &mut Arc<TaskWaker>) -> Left;

    /// The task's own waker, if somebody has wanted to keep one.
    fn waker(&self) -> Option<&Arc<TaskWaker>>;
}

/// A spawned task: it ends with a result that somebody may await.
pub(crate) trait Spawned: Run {
    /// Drops the future in its place, and keeps the error for the result.
    fn fail(self: Pin<&mut Self>, error: JoinError);

    /// Moves the result into `into`, an `Option<Result<T, JoinError>>`.
    fn take_result(self: Pin<&mut Self>, into: &mut dyn Any);
}

/// What the task table keeps of a spawned task. One box: it moves out of its slot and back in a
/// single piece of two words.
pub(crate) type BoxedTask = Pin<Box<dyn Spawned>>;

pin_project! {
    /// A future, then its result.
    pub(crate) struct Task<F: Future> {
        waker: Option<Arc<TaskWaker>>,
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<F: Future> {
        Running { #[pin] future: F },
        Finished { result: Option<Result<F::Output, JoinError>> },
    }
}

impl<F: Future> Task<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { waker: None, stage: Stage::Running { future } }
    }

    /// Drops the future, or the result.
    pub(crate) fn clear(self: Pin<&mut Self>) {
        self.project().stage.set(Stage::Finished { result: None });
    }

    pub(crate) fn result(self: Pin<&mut Self>) -> Option<Result<F::Output, JoinError>> {
        match self.project().stage.project() {
            StageProj::Running { .. } => None,
            StageProj::Finished { result } => result.take(),
        }
    }
}

impl<F: Future> Run for Task<F> {
    fn run(self: Pin<&mut Self>, spare: &mut Arc<TaskWaker>) -> Left {
        let mut this = self.project();
        let StageProj::Running { future } = this.stage.as_mut().project() else {
            return Left::Done;
        };
        let waker = lend(this.waker, spare);
        let polled = future.poll(&mut Context::from_waker(&waker));
        keep(this.waker, spare);
        match polled {
            Poll::Ready(output) => {
                this.stage.set(Stage::Finished { result: Some(Ok(output)) });
                Left::Done
            }
            Poll::Pending if current::is_woken() => Left::Yielded,
            Poll::Pending => Left::Waiting,
        }
    }

    fn waker(&self) -> Option<&Arc<TaskWaker>> {
        self.waker.as_ref()
    }
}

/// What a task is polled with: its own waker, or else the spare one.
// A function around the poll would be shorter, and one more frame for a debugger.
#[inline]
pub(super) fn lend<'a>(own: &'a Option<Arc<TaskWaker>>, spare: &'a Arc<TaskWaker>) -> WakerRef<'a> {
    let waker = own.as_ref().unwrap_or(spare);
    waker.rearm();
    current::polled_with(Arc::as_ptr(waker).cast());
    futures_task::waker_ref(waker)
}

/// After the poll: the spare waker becomes the task's own if a clone of it is left.
#[inline]
pub(super) fn keep(own: &mut Option<Arc<TaskWaker>>, spare: &mut Arc<TaskWaker>) {
    if own.is_none() && spare.is_kept() {
        *own = Some(hand_over(spare));
    }
}

/// The spare waker, in whose place comes another.
#[cold]
#[inline(never)]
fn hand_over(spare: &mut Arc<TaskWaker>) -> Arc<TaskWaker> {
    let another = spare.another();
    let waker = std::mem::replace(spare, another);
    context::with(|shared| shared.note_own_waker(&waker));
    waker
}

impl<F: Future<Output: 'static> + 'static> Spawned for Task<F> {
    fn fail(self: Pin<&mut Self>, error: JoinError) {
        self.project().stage.set(Stage::Finished { result: Some(Err(error)) });
    }

    fn take_result(self: Pin<&mut Self>, into: &mut dyn Any) {
        if let Some(into) = into.downcast_mut() {
            *into = self.result();
        }
    }
}
