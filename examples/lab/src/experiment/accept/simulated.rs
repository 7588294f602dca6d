//! The processes in virtual time: a task each, and a queue for the listening socket.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use turno::policy::Edf;
use turno::sync::{Mutex, Notify};
use turno::task::{self, JoinHandle, Nanos};
use turno::time::{self, Instant};

use super::process::{Desk, coupled, spawning};
use super::{Most, Outcome, Setup};
use crate::experiment::queue::rng;
use crate::{Bench, Problem};

/// A connection: when its request comes, and what becomes of it.
struct Connection {
    sent: Instant,
    /// It is the one that comes late.
    late: bool,
}

/// The listening socket: connections that nobody has accepted.
#[derive(Default)]
struct Listener {
    backlog: RefCell<VecDeque<Connection>>,
    news: Notify,
    over: Cell<bool>,
}

impl Listener {
    fn take(&self, most: usize) -> Vec<Connection> {
        let mut backlog = self.backlog.borrow_mut();
        let most = most.min(backlog.len());
        backlog.drain(..most).collect()
    }
}

/// What came of it so far.
struct Counts {
    start: Instant,
    answers: RefCell<Vec<Nanos>>,
    late: Cell<Option<Nanos>>,
    left: Cell<u32>,
    done: Notify,
}

/// A process.
struct Process {
    n: u32,
    listener: Rc<Listener>,
    service: Duration,
    counts: Rc<Counts>,
    /// Its only thread.
    thread: Mutex<()>,
    served: Cell<u64>,
    visits: Cell<u64>,
}

impl Desk for Process {
    type Connection = Connection;

    async fn accept(&self, most: usize) -> Vec<Connection> {
        loop {
            let thread = self.thread.lock().await;
            // What says so is no connection: nobody goes to look.
            if self.listener.over.get() {
                return Vec::new();
            }
            self.visits.update(|visits| visits + 1);
            let held = self.listener.take(most);
            drop(thread);
            if !held.is_empty() {
                return held;
            }
            self.listener.news.notified().await;
        }
    }

    async fn answer(&self, connection: Connection) {
        time::sleep_until(connection.sent).await;
        let _thread = self.thread.lock().await;
        time::sleep(self.service).await;
        self.served.update(|served| served + 1);
        let at = self.counts.start.elapsed();
        if connection.late {
            let wait = connection.sent.elapsed() - self.service;
            self.counts.late.set(Some(wait.as_nanos() as Nanos));
        } else {
            self.counts.answers.borrow_mut().push(at.as_nanos() as Nanos);
        }
        self.counts.left.update(|left| left - 1);
        if self.counts.left.get() == 0 {
            self.counts.done.notify_one();
        }
    }

    /// As if each process were started when the one before has nothing left to do: of all that is
    /// ready, what belongs to the first goes first.
    fn task(&self) -> task::Builder {
        task::Builder::new()
            .name(format!("process {}", self.n + 1))
            .group(self.n)
            .deadline(self.counts.start + Duration::from_nanos(u64::from(self.n)))
    }
}

pub(super) fn run(setup: &Setup, bench: &Bench, most: Most, seed: u64) -> Result<Outcome, Problem> {
    let rt = bench.runtime(Edf::new().into(), seed, Duration::ZERO)?;
    Ok(rt.block_on(serve(setup, most, seed)))
}

async fn serve(setup: &Setup, most: Most, seed: u64) -> Outcome {
    let start = Instant::now();
    let counts = Rc::new(Counts {
        start,
        answers: RefCell::default(),
        late: Cell::new(None),
        left: Cell::new(setup.requests + u32::from(setup.late_client.is_some())),
        done: Notify::new(),
    });
    let sockets = if setup.reuseport { setup.processes } else { 1 };
    let listeners: Vec<Rc<Listener>> = (0..sockets).map(|_| Rc::default()).collect();
    // With sockets of their own, it is a hash of the addresses that says whose a connection is.
    let mut hash = rng(seed, 5);
    let mut connect = |connection| {
        let listener = &listeners[hash.random_range(0..listeners.len())];
        listener.backlog.borrow_mut().push_back(connection);
        listener.news.notify_waiters();
    };
    let sent = start + setup.late_request.unwrap_or_default();
    (0..setup.requests).for_each(|_| connect(Connection { sent, late: false }));
    let mut processes: Vec<(Rc<Process>, JoinHandle<()>)> = (0..setup.processes)
        .map(|n| {
            let process = Rc::new(Process {
                n,
                listener: listeners[n as usize % listeners.len()].clone(),
                service: setup.service,
                counts: counts.clone(),
                thread: Mutex::new(()),
                served: Cell::new(0),
                visits: Cell::new(0),
            });
            let (spawn, here) = (setup.spawn, process.clone());
            let task = process.task().spawn(async move {
                match spawn {
                    true => spawning(here, most.0).await,
                    false => coupled(&*here, most.0).await,
                }
            });
            (process, task)
        })
        .collect();
    if let Some(late) = setup.late_client {
        time::sleep_until(start + late).await;
        connect(Connection { sent: Instant::now(), late: true });
    }
    counts.done.notified().await;
    for listener in &listeners {
        listener.over.set(true);
        listener.news.notify_waiters();
    }
    for (_, task) in &mut processes {
        let _ = task.await;
    }
    Outcome {
        answers: counts.answers.take(),
        served: processes.iter().map(|(process, _)| process.served.get()).collect(),
        visits: processes.iter().map(|(process, _)| process.visits.get()).sum(),
        late: counts.late.get(),
        costs: None,
    }
}
