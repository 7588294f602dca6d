//! What makes a task run: its future, and then its result, in one box with its waker (floor 3).

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::info::Left;
use super::join::JoinError;
use super::wake::TaskWaker;

/// Something that a switch can be made to.
pub(crate) trait Run {
    /// One switch: polls the future once, and keeps its output when it is done.
    fn run(self: Pin<&mut Self>) -> Left;

    /// The task's waker.
    fn waker(&self) -> &Arc<TaskWaker>;
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
        waker: Arc<TaskWaker>,
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
    pub(crate) fn new(future: F, waker: Arc<TaskWaker>) -> Self {
        Self { waker, stage: Stage::Running { future } }
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
    fn run(self: Pin<&mut Self>) -> Left {
        let mut this = self.project();
        this.waker.rearm();
        let StageProj::Running { future } = this.stage.as_mut().project() else {
            return Left::Done;
        };
        let waker = futures_task::waker_ref(this.waker);
        match future.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => {
                this.stage.set(Stage::Finished { result: Some(Ok(output)) });
                Left::Done
            }
            Poll::Pending if this.waker.is_woken() => Left::Yielded,
            Poll::Pending => Left::Waiting,
        }
    }

    fn waker(&self) -> &Arc<TaskWaker> {
        &self.waker
    }
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
