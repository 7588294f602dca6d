//! Async, on turno: the slide's `download` and `download_all`.
//!
//! As on the slide the bytes are written to the file in the middle of the loop, and as the talk says
//! that keeps everybody waiting: look at the slow polls (some of them are the kernel's doing, when
//! the server wants the processor). In the pool the writes cost threads and switches of the kernel's,
//! but they block nobody, and what is handed over is written 64 KiB at a time.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use turno::net::TcpStream;
use turno::observe::Event;
use turno::runtime::Builder;
use turno::task::{Nanos, spawn_blocking};

use crate::download::{Download, Failure, Job, Jobs};
use crate::report::Report;
use crate::server;

/// A switch that keeps the thread for so long is a slow poll.
const SLOW: Duration = Duration::from_millis(1);

/// What goes to the pool at once: handing each kilobyte over would cost more than writing it.
const BATCH: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq)]
pub enum Writes {
    OnTheLoop,
    InThePool,
}

async fn connect(job: &Job) -> Result<TcpStream, Failure> {
    let sock = TcpStream::connect(job.from).await.map_err(Failure::Connect)?;
    let request = server::request(job.file, job.size);
    sock.write_all(&request).await.map_err(Failure::Connect)?;
    Ok(sock)
}

// async def download(sock, f):
async fn download(sock: TcpStream, mut f: Download, chunk: usize) -> Result<(), Failure> {
    let mut buf = vec![0; chunk];
    loop {
        // buf = await sock_recv(sock, 1024)
        let n = sock.read(&mut buf).await.map_err(|error| Failure::Receive(error, f.came()))?;
        if n == 0 {
            return f.land();
        }
        f.write(&buf[..n])?; // f.write(buf): blocks the loop.
    }
}

/// The same with the writes in the pool.
async fn download_with_pool(sock: TcpStream, mut f: Download, chunk: usize) -> Result<(), Failure> {
    let mut buf = vec![0; chunk];
    let mut batch = Vec::with_capacity(BATCH + chunk);
    loop {
        let n = sock.read(&mut buf).await.map_err(|error| Failure::Receive(error, f.came()))?;
        batch.extend_from_slice(&buf[..n]);
        if n == 0 || batch.len() >= BATCH {
            let write = move || {
                f.write(&batch)?;
                batch.clear();
                Ok((f, batch))
            };
            // The file and the batch go to the pool and come back.
            (f, batch) = match spawn_blocking(write).await {
                Ok(written) => written?,
                Err(error) => return Err(Failure::Receive(error.into(), 0)),
            };
        }
        if n == 0 {
            return f.land();
        }
    }
}

async fn fetch(job: &Job, chunk: usize, writes: Writes) -> Result<(), Failure> {
    let f = Download::begin(job)?;
    let sock = connect(job).await?;
    match writes {
        Writes::OnTheLoop => download(sock, f, chunk).await,
        Writes::InThePool => download_with_pool(sock, f, chunk).await,
    }
}

// async def download_all(socks_and_files):
async fn download_all(jobs: Rc<Jobs>, writes: Writes) -> u64 {
    // tasks = [download(sock, f) for sock, f in socks_and_files]
    let tasks: Vec<_> = (0..jobs.limit)
        .map(|_| {
            let jobs = jobs.clone();
            turno::spawn(async move {
                let mut failed = 0;
                while let Some(job) = jobs.next() {
                    let result = fetch(&job, jobs.chunk, writes).await;
                    failed += u64::from(!jobs.ended(&job, result));
                }
                failed
            })
        })
        .collect();
    // await gather(*tasks)
    let mut failed = 0;
    for task in tasks {
        failed += task.await.expect("a download does not panic");
    }
    failed
}

pub fn run(jobs: Jobs, writes: Writes) -> io::Result<Report> {
    let slow = Rc::new(Cell::new(0));
    let count = slow.clone();
    let rt = Builder::new()
        .observe(move |_: Nanos, event: &Event<'_>| {
            if let Event::Ended { ran, .. } = event {
                count.set(count.get() + u64::from(u128::from(*ran) >= SLOW.as_nanos()));
            }
        })
        .build()?;
    let failed = rt.block_on(download_all(Rc::new(jobs), writes));
    let mut report = Report::new(failed);
    report.switches = Some(rt.metrics().switches);
    report.slow_polls = Some(slow.get());
    report.measure(); // While the pool's threads are there to be counted.
    Ok(report)
}
