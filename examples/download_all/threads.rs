//! `threads`: what the talk wants to get away from. A thread for each socket.
//!
//! Look at [`download`]: the same loop without `await`. Every `read` may block, and that is fine:
//! only this thread sleeps. The price is in the table: threads, memory, and switches made by the
//! kernel wherever it likes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use crate::part::{Error, Job, Kept, Outcome, Part};

fn download(mut sock: &TcpStream, f: &mut Part) -> Result<(), Error> {
    let mut buf = f.buffer();
    loop {
        let n = match sock.read(&mut buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if n == 0 {
            return Ok(());
        }
        f.write(&buf[..n])?;
    }
}

/// A new thread for each file; when there are as many as allowed, one has to end first.
pub fn download_all(jobs: Vec<Job>, limit: usize) -> Vec<Outcome> {
    let (ended, ends) = mpsc::channel();
    let mut outcomes = Vec::with_capacity(jobs.len());
    let (mut running, total) = (0, jobs.len());
    for job in jobs {
        if running == limit {
            outcomes.extend(ends.recv());
            running -= 1;
        }
        let (ended, its) = (ended.clone(), job.clone());
        let work = move || {
            let result = fetch(&its);
            its.plan.ledger.count_switches_of_this_thread();
            // It fails only if nobody waits for the outcome any more.
            let _ = ended.send(its.done(result));
        };
        match thread::Builder::new().spawn(work) {
            Ok(_) => running += 1,
            Err(error) => {
                outcomes.push(job.done(Err(Error::Lost(format!("no thread to be had: {error}")))));
            }
        }
    }
    let left = total - outcomes.len();
    outcomes.extend(ends.iter().take(left));
    outcomes
}

fn fetch(job: &Job) -> Result<Kept, Error> {
    let silence = job.plan.silence;
    let mut sock = TcpStream::connect_timeout(&job.from, silence).map_err(Error::Connect)?;
    sock.set_read_timeout(Some(silence))?;
    sock.write_all(job.request().as_bytes())?;
    let mut f = job.create()?;
    let downloaded = download(&sock, &mut f);
    downloaded.map_err(|error| f.broken(error))?;
    f.keep()
}
