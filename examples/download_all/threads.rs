//! A thread per socket: each blocks where it waits, and the kernel decides who runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::download::{Download, Failure, Job, Jobs};
use crate::report::{self, Report};
use crate::server;

fn download(job: &Job, chunk: usize) -> Result<(), Failure> {
    let mut f = Download::begin(job)?;
    let mut sock = TcpStream::connect(job.from).map_err(Failure::Connect)?;
    sock.write_all(&server::request(job.file, job.size)).map_err(Failure::Connect)?;
    let mut buf = vec![0; chunk];
    loop {
        let n = sock.read(&mut buf).map_err(|error| Failure::Receive(error, f.came()))?;
        if n == 0 {
            return f.land();
        }
        f.write(&buf[..n])?;
    }
}

pub fn run(jobs: Jobs) -> Report {
    let (limit, chunk) = (jobs.limit, jobs.chunk);
    let jobs = Mutex::new(jobs);
    let next = || jobs.lock().expect("no thread panics").next();
    let (failed, started, switches) = <(AtomicU64, AtomicU64, AtomicU64)>::default();
    let work = || {
        started.fetch_add(1, Ordering::Relaxed);
        while let Some(job) = next() {
            let result = download(&job, chunk);
            let well = jobs.lock().expect("no thread panics").ended(&job, result);
            failed.fetch_add(u64::from(!well), Ordering::Relaxed);
        }
        switches.fetch_add(report::kernel_switches("thread-self").unwrap_or(0), Ordering::Relaxed);
    };
    thread::scope(|scope| {
        for _ in 0..limit {
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                let already = started.load(Ordering::Relaxed);
                anstream::eprintln!("no more than {already} threads could be started: {error}");
                break;
            }
        }
        if started.load(Ordering::Relaxed) == 0 {
            work(); // Not one thread was to be had: this one does it all, or waits for them.
        }
    });
    let mut report = Report::new(failed.into_inner());
    report.threads = Some(started.into_inner() + 1);
    report.kernel_switches = Some(switches.into_inner());
    report
}
