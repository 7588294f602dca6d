//! A server process: this program again, with a hidden subcommand.
//!
//! Its standard input is the listening socket. Its standard output is one end of a pair of sockets:
//! it says there when it has taken the connections that it can, and in the end what it counted; when
//! the other end says no more, or is gone, it ends. So it is never left behind, however its parent
//! ends.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use turno::net::{TcpListener, TcpStream, UnixStream};
use turno::observe::Event;
use turno::runtime::Builder;
use turno::task::{Cause, Nanos};

use super::process::{Desk, coupled, spawning};
use crate::Problem;

/// The subcommand. It stands in no help: nobody but this program calls it.
pub(crate) const NAME: &str = "accept-worker";

/// What [`main`] is told.
pub(super) fn arguments(most: usize, service: Duration, spawns: bool) -> [String; 4] {
    [NAME.to_string(), most.to_string(), service.as_nanos().to_string(), spawns.to_string()]
}

/// The process.
pub(crate) fn main(args: &[String]) -> Result<(), Problem> {
    let told = match args {
        [most, service, spawns] => {
            most.parse().ok().zip(service.parse().ok().zip(spawns.parse().ok()))
        }
        _ => None,
    };
    let Some((most, (service, spawns))) = told else {
        return Err(Problem::new("this is for processes that the lab starts itself"));
    };
    Ok(serve(most, Duration::from_nanos(service), spawns)?)
}

fn serve(most: usize, service: Duration, spawns: bool) -> io::Result<()> {
    let listener = StdListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    let parent = StdStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let counts = Rc::new(Counts::default());
    let seen = counts.clone();
    let rt = Builder::new()
        // All that are there are to be had in one switch.
        .budget(u32::MAX)
        .observe(move |_: Nanos, event: &Event<'_>| seen.see(event))
        .build()?;
    rt.block_on(async {
        let desk = Rc::new(Process {
            listener: TcpListener::from_std(listener)?,
            over: UnixStream::from_std(parent.try_clone()?)?,
            parent,
            service,
            spawns,
            is_ready: Cell::new(false),
            counts,
            broken: RefCell::new(None),
        });
        match desk.spawns {
            true => spawning(desk.clone(), most).await,
            false => coupled(&*desk, most).await,
        }
        if let Some(error) = desk.broken.take() {
            return Err(error);
        }
        desk.say(desk.counts.told())
    })
}

/// What it counts.
#[derive(Default)]
struct Counts {
    served: Cell<u64>,
    /// How often it came to look at the listening socket.
    visits: Cell<u64>,
    /// How often a socket woke a task, and how many switches there were.
    wake_ups: Cell<u64>,
    switches: Cell<u64>,
    /// What it had cost before it first looked.
    before: Cell<(u64, Option<u64>)>,
}

impl Counts {
    fn see(&self, event: &Event<'_>) {
        match event {
            Event::Woken { task, .. } if matches!(task.cause(), Cause::Source(_)) => {
                self.wake_ups.update(|n| n + 1);
            }
            Event::Switched { .. } => self.switches.update(|n| n + 1),
            _ => {}
        }
    }

    fn told(&self) -> Value {
        let ((cpu, kernel), (cpu_now, kernel_now)) = (self.before.get(), cost());
        json!({
            "served": self.served.get(),
            "visits": self.visits.get(),
            // But for the one in which it was told to end.
            "wake_ups": self.wake_ups.get().saturating_sub(1),
            "switches": self.switches.get().saturating_sub(1),
            "kernel_switches": kernel_now.zip(kernel).map(|(now, before)| now - before),
            "cpu": cpu_now - cpu,
        })
    }
}

/// What this process has computed so far, in nanoseconds, and how often the kernel took the
/// processor from it, or it gave it back, if that is told.
fn cost() -> (u64, Option<u64>) {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let switches = status.map(|status| {
        let lines = status.lines().filter_map(|line| line.split_once("voluntary_ctxt_switches:"));
        lines.filter_map(|(_, number)| number.trim().parse::<u64>().ok()).sum()
    });
    (cpu, switches)
}

struct Process {
    listener: TcpListener,
    /// The same socket, to wait on and to read and write at once.
    over: UnixStream,
    parent: StdStream,
    service: Duration,
    spawns: bool,
    is_ready: Cell<bool>,
    counts: Rc<Counts>,
    broken: RefCell<Option<io::Error>>,
}

impl Process {
    fn say(&self, what: Value) -> io::Result<()> {
        // In one piece.
        (&self.parent).write_all(format!("{what}\n").as_bytes())
    }

    /// It has taken what it can, and now waits or serves. Said once.
    fn ready(&self) -> io::Result<()> {
        if !self.is_ready.replace(true) {
            self.say(json!("ready"))?;
            self.counts.before.set(cost());
        }
        Ok(())
    }

    /// Nobody wants anything any more.
    fn is_over(&self) -> bool {
        let word = (&self.parent).read(&mut [0]);
        !matches!(&word, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// What is there now.
    async fn take(&self, most: usize) -> io::Result<Vec<TcpStream>> {
        let mut held = Vec::new();
        while held.len() < most {
            let mut accept = pin!(self.listener.accept());
            match poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx))).await {
                Poll::Ready(accepted) => held.push(accepted?.0),
                Poll::Pending => break,
            }
        }
        Ok(held)
    }

    async fn look(&self, most: usize) -> io::Result<Vec<TcpStream>> {
        loop {
            self.counts.visits.update(|visits| visits + 1);
            let held = self.take(most).await?;
            // One that makes tasks of them comes for more at once.
            if held.is_empty() || !self.spawns {
                self.ready()?;
            }
            if !held.is_empty() {
                return Ok(held);
            }
            let mut word = [0];
            turno::select! {
                news = self.listener.readable() => news?,
                end = self.over.read(&mut word) => {
                    end?;
                    return Ok(Vec::new());
                }
            }
        }
    }

    async fn try_answer(&self, stream: TcpStream) -> io::Result<()> {
        stream.read_exact(&mut [0]).await?;
        if !self.is_over() {
            self.ready()?;
            // The talk's blocking call: nothing else happens in this process.
            thread::sleep(self.service);
            stream.write_all(b"!").await?;
            self.counts.served.update(|served| served + 1);
        }
        Ok(())
    }
}

impl Desk for Process {
    type Connection = TcpStream;

    async fn accept(&self, most: usize) -> Vec<TcpStream> {
        self.look(most).await.unwrap_or_else(|error| {
            self.broken.replace(Some(error));
            Vec::new()
        })
    }

    async fn answer(&self, stream: TcpStream) {
        // A client that has gone away is no reason to end: its own side tells of it.
        let _ = self.try_answer(stream).await;
    }
}

/// The listening socket, as a child's standard input.
pub(super) fn as_input(listener: &socket2::Socket) -> io::Result<OwnedFd> {
    listener.as_fd().try_clone_to_owned()
}
