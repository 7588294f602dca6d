//! Foreground and background on one thread, with what each runtime has to tell them apart.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use clockworker::{Executor, ExecutorBuilder};
use tokio::runtime::{self, LocalOptions};
use tokio::task::LocalSet;

/// Runs tasks of two classes. A clone is the same runtime.
pub trait Classes: Clone + 'static {
    fn block_on<T>(&self, root: impl Future<Output = T>) -> T;
    fn front(&self, task: impl Future<Output = ()> + 'static);
    fn back(&self, task: impl Future<Output = ()> + 'static);
    fn sleep(&self, time: Duration) -> impl Future;
}

/// turno under a policy, by its name. Of all that a policy may go by it is told what can be known
/// of a class: its priority, its weight, its group.
#[derive(Clone, Copy)]
pub struct TurnoUnder(pub &'static str);

impl Classes for TurnoUnder {
    fn block_on<T>(&self, root: impl Future<Output = T>) -> T {
        let policy = turno::policy::named(self.0).expect("it comes with turno");
        let runtime = turno::runtime::Builder::new().policy(policy).build();
        runtime.expect("turno starts").block_on(root)
    }

    fn front(&self, task: impl Future<Output = ()> + 'static) {
        let class = turno::task::Builder::new().priority(200).weight(99).group(1);
        drop(class.spawn(task));
    }

    fn back(&self, task: impl Future<Output = ()> + 'static) {
        let class = turno::task::Builder::new().priority(100).weight(1).group(2);
        drop(class.spawn(task));
    }

    fn sleep(&self, time: Duration) -> impl Future {
        turno::time::sleep(time)
    }
}

/// tokio's current-thread scheduler, which knows no classes.
#[derive(Clone, Copy)]
pub struct TokioMixed;

impl Classes for TokioMixed {
    fn block_on<T>(&self, root: impl Future<Output = T>) -> T {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build_local(LocalOptions::default());
        runtime.expect("tokio starts").block_on(root)
    }

    fn front(&self, task: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(task));
    }

    fn back(&self, task: impl Future<Output = ()> + 'static) {
        self.front(task);
    }

    fn sleep(&self, time: Duration) -> impl Future {
        tokio::time::sleep(time)
    }
}

const FRONT: u8 = 0;
const BACK: u8 = 1;

/// clockworker on tokio, with two queues that share the time 99 to 1, as in its own measurements.
#[derive(Clone)]
pub struct Clockworker(Rc<Executor<u8>>);

impl Clockworker {
    pub fn new() -> Self {
        let queues = ExecutorBuilder::new().with_queue(FRONT, 99).with_queue(BACK, 1);
        Self(queues.build().expect("clockworker starts"))
    }

    fn spawn(&self, queue: u8, task: impl Future<Output = ()> + 'static) {
        self.0.queue(queue).expect("there are both").spawn_detached(task);
    }
}

impl Classes for Clockworker {
    fn block_on<T>(&self, root: impl Future<Output = T>) -> T {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let root = self.0.run_until(root);
        LocalSet::new().block_on(&runtime.expect("tokio starts"), root)
    }

    fn front(&self, task: impl Future<Output = ()> + 'static) {
        self.spawn(FRONT, task);
    }

    fn back(&self, task: impl Future<Output = ()> + 'static) {
        self.spawn(BACK, task);
    }

    fn sleep(&self, time: Duration) -> impl Future {
        tokio::time::sleep(time)
    }
}
