//! What a task that waits weighs, beyond its future.
//!
//! Measured in a process of its own by what the kernel says is resident, so that what the
//! allocator adds counts and what it kept from earlier rows does not. A counting allocator would be
//! exact, but would slow every other row down.
//!
//! A trap: some runtimes free a task that nobody can wake or await any more. These keep their
//! waker, as a task that waits for something does.

use std::fs;
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::child;
use crate::peer::{Floor, Monoio, Peer, Pool, Smol, Tokio, TokioLocal, Turno};

const TASKS: usize = 100_000;

/// Of a known size: that of a small future.
struct Idle {
    waker: Option<Waker>,
    state: [u64; 6],
}

impl Future for Idle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waker = Some(cx.waker().clone());
        black_box(&self.state);
        Poll::Pending
    }
}

/// Bytes a task, the future's own excluded.
fn idle<P: Peer>() -> io::Result<f64> {
    P::block_on(async {
        let before = resident()?;
        for _ in 0..TASKS {
            P::detach(P::spawn(Idle { waker: None, state: [1; 6] }));
        }
        // Each task gets its turn before this one gets its second.
        P::yield_now().await;
        P::yield_now().await;
        let grown = resident()? - before;
        Ok(grown as f64 / TASKS as f64 - size_of::<Idle>() as f64)
    })
}

/// Bytes of this process that are in memory.
fn resident() -> io::Result<usize> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    let pages: usize = pages.ok_or_else(|| io::Error::other("/proc/self/statm has no pages"))?;
    Ok(pages * rustix::param::page_size())
}

type Idles = fn() -> io::Result<f64>;

const ALL: [(&str, Idles); 7] = [
    (Turno::NAME, idle::<Turno>),
    (Floor::NAME, idle::<Floor>),
    (Tokio::NAME, idle::<Tokio>),
    (TokioLocal::NAME, idle::<TokioLocal>),
    (Smol::NAME, idle::<Smol>),
    (Monoio::NAME, idle::<Monoio>),
    (Pool::NAME, idle::<Pool>),
];

/// Who can be measured.
pub fn columns() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(column, _)| *column)
}

/// In a process of its own.
pub fn measure(column: &str) -> io::Result<f64> {
    child::Child::start(&["memory", column])?.number()
}

/// That process: prints the bytes.
pub fn child(column: &str) -> io::Result<()> {
    let known = ALL.iter().find(|(known, _)| *known == column);
    let (_, idle) = known.ok_or_else(|| io::Error::other(format!("who is {column}?")))?;
    child::say(idle()?)
}
