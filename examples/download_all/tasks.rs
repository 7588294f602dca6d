//! `async` and `pool`: the slide "¿Por qué async?", left column, on turno.
//!
//! Look at [`download`] and [`download_all`] beside the slide. `f.write` blocks, in Python as here:
//! while it does, nobody else has their turn, and the line "slow polls" counts how often one turn took
//! longer than a millisecond. `--budget` says how many reads, and so writes, there may be in a turn:
//! the talk's dial between throughput and latency. [`download_with_pool`] hands the writing to the
//! blocking pool, as the talk advises ("delegar en un threadpool interacción bloqueante"), at a price.
//!
//! A poll is timed by the clock on the wall: where the processors are busy (with the server, with the
//! pool's threads) it is also slow because the kernel gave the processor to somebody else.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use turno::net::TcpStream;
use turno::observe::Event;
use turno::runtime::Builder;
use turno::spawn;
use turno::task::{Nanos, spawn_blocking};
use turno::time::timeout;

use crate::part::{Error, Job, Kept, Outcome, Part};
use crate::report::Polls;

/// A poll that holds the thread longer than this is slow.
const SLOW: Duration = Duration::from_millis(1);

/// ```python
/// async def download(sock, f):
///     buf = True
///     while buf:
///         buf = await sock_recv(sock, 1024)
///         if buf:
///             f.write(buf)
/// ```
async fn download(sock: &TcpStream, f: &mut Part, silence: Duration) -> Result<(), Error> {
    let mut buf = f.buffer();
    loop {
        let n = within(silence, sock.read(&mut buf)).await?;
        if n == 0 {
            return Ok(());
        }
        f.write(&buf[..n])?;
    }
}

/// ```python
/// async def download_all(socks_and_files):
///     tasks = [download(sock, f) for sock, f in socks_and_files]
///     await gather(*tasks)
/// ```
/// and what the talk asks for later: "limitar la concurrencia". A task is spawned when its turn comes.
async fn download_all(jobs: Vec<Job>, limit: usize, pool: bool) -> Vec<Outcome> {
    let tasks = stream::iter(jobs).map(|job| async move {
        let task = spawn(fetch(job.clone(), pool));
        let result = task.await.unwrap_or_else(|lost| Err(lost.into()));
        job.done(result)
    });
    tasks.buffer_unordered(limit).collect().await
}

/// What the slide leaves out: the socket, the file, and the check at the end.
async fn fetch(job: Job, pool: bool) -> Result<Kept, Error> {
    let silence = job.plan.silence;
    let sock = within(silence, TcpStream::connect(job.from)).await.map_err(Error::Connect)?;
    sock.write_all(job.request().as_bytes()).await?;
    if pool {
        let f = spawn_blocking(move || job.create()).await??;
        return download_with_pool(&sock, f, silence).await;
    }
    let mut f = job.create()?;
    let downloaded = download(&sock, &mut f, silence).await;
    downloaded.map_err(|error| f.broken(error))?;
    f.keep()
}

/// As [`download`], but everything that touches the disk is done by a thread of the blocking pool.
async fn download_with_pool(sock: &TcpStream, f: Part, silence: Duration) -> Result<Kept, Error> {
    let mut buf = f.buffer();
    let f = Arc::new(Mutex::new(Some(f)));
    let received = loop {
        match within(silence, sock.read(&mut buf)).await {
            Ok(0) => break Ok(()),
            Ok(n) => {
                let bytes = buf[..n].to_vec();
                with(&f, move |f| f.as_mut().map_or(Ok(()), |f| f.write(&bytes))).await??;
            }
            Err(error) => break Err(Error::from(error)),
        }
    };
    let end = move |f: &mut Option<Part>| {
        let f = f.take().ok_or_else(|| Error::Lost("the file was closed before its end".into()))?;
        received.map_err(|error| f.broken(error))?;
        f.keep()
    };
    with(&f, end).await?
}

/// Gives up when nothing comes for so long.
async fn within<T>(
    silence: Duration,
    waiting: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(silence, waiting).await?
}

/// Does something with the file on a thread of the pool.
fn with<T: Send + 'static>(
    f: &Arc<Mutex<Option<Part>>>,
    act: impl FnOnce(&mut Option<Part>) -> T + Send + 'static,
) -> turno::task::JoinHandle<T> {
    let f = f.clone();
    spawn_blocking(move || act(&mut f.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// `get_event_loop().run_until_complete(download_all(...))`
pub fn run(jobs: Vec<Job>, limit: usize, pool: bool) -> io::Result<(Vec<Outcome>, Polls)> {
    let slow = Rc::new(Cell::new((0, 0)));
    let seen = slow.clone();
    let watch = move |_: Nanos, event: &Event<'_>| {
        if let Event::Ended { ran, .. } = event {
            let (count, longest) = seen.get();
            let is_slow = Duration::from_nanos(*ran) > SLOW;
            seen.set((count + u64::from(is_slow), longest.max(*ran)));
        }
    };
    let (threads, budget) = jobs.first().map_or((1, 128), |job| (job.plan.pool, job.plan.budget));
    let rt = Builder::new()
        .observe(watch)
        .budget(budget)
        .max_blocking_threads(threads)
        .thread_keep_alive(Duration::from_secs(3600)) // They are counted at the end.
        .build()?;
    let outcomes = rt.block_on(download_all(jobs, limit, pool));
    if let Some(first) = outcomes.first() {
        first.job.plan.ledger.sample_threads();
        first.job.plan.ledger.count_switches_of_other_threads();
    }
    let (slow, longest) = slow.get();
    let longest = Duration::from_nanos(longest);
    Ok((outcomes, Polls { switches: rt.metrics().switches, slow, longest }))
}
