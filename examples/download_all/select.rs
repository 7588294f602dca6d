//! One thread and a loop over "who is ready?", by hand: the slide's sync `download_all`.
//!
//! `mio` stands for the slide's `select`. It is edge-triggered: a socket is read until it has no more.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::download::{Download, Failure, Job, Jobs};
use crate::report::Report;
use crate::server;

/// A connection: first the request goes out, then the file comes in.
struct Conn {
    job: Job,
    sock: TcpStream,
    f: Option<Download>,
    request: Vec<u8>,
}

impl Conn {
    fn begin(job: Job, poll: &Poll) -> Result<Self, (Job, Failure)> {
        let started = (|| {
            let f = Download::begin(&job)?;
            let mut sock = TcpStream::connect(job.from).map_err(Failure::Connect)?;
            poll.registry()
                .register(
                    &mut sock,
                    Token(job.file as usize),
                    Interest::READABLE | Interest::WRITABLE,
                )
                .map_err(Failure::Connect)?;
            Ok((f, sock))
        })();
        match started {
            Ok((f, sock)) => {
                let request = server::request(job.file, job.size).to_vec();
                Ok(Self { job, sock, f: Some(f), request })
            }
            Err(failure) => Err((job, failure)),
        }
    }

    /// Does what can be done now; `Some` when it is over.
    fn go_on(&mut self, buf: &mut [u8]) -> Option<Result<(), Failure>> {
        match self.sock.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Some(Err(Failure::Connect(error))),
        }
        while !self.request.is_empty() {
            match self.sock.write(&self.request) {
                Ok(n) => drop(self.request.drain(..n)),
                Err(error) if is_not_yet(&error) => return None,
                Err(error) => return Some(Err(Failure::Connect(error))),
            }
        }
        let f = self.f.as_mut()?;
        loop {
            // buf = sock.read(1024)
            match self.sock.read(buf) {
                // else: sockmap.pop(fd)
                Ok(0) => return self.f.take().map(Download::land),
                // if buf: f.write(buf)
                Ok(n) => match f.write(&buf[..n]) {
                    Ok(()) => {}
                    Err(failure) => return Some(Err(failure)),
                },
                Err(error) if is_not_yet(&error) => return None,
                Err(error) => return Some(Err(Failure::Receive(error, f.came()))),
            }
        }
    }
}

fn is_not_yet(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, NotConnected, WouldBlock};
    matches!(error.kind(), WouldBlock | NotConnected | Interrupted)
}

// def download_all(socks_and_files):
pub fn run(jobs: Jobs) -> io::Result<Report> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut buf = vec![0; jobs.chunk];
    let mut failed = 0;
    let mut sockmap: HashMap<Token, Conn> = HashMap::new();
    loop {
        while (sockmap.len() as u64) < jobs.limit {
            let Some(job) = jobs.next() else { break };
            match Conn::begin(job, &poll) {
                Ok(conn) => drop(sockmap.insert(Token(conn.job.file as usize), conn)),
                Err((job, failure)) => failed += u64::from(!jobs.ended(&job, Err(failure))),
            }
        }
        // while sockmap:
        if sockmap.is_empty() {
            return Ok(Report::new(failed));
        }
        // readable, _, _ = select(sockmap.keys(), [], [])
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        // for fd in readable:
        for event in &events {
            let Some(conn) = sockmap.get_mut(&event.token()) else { continue };
            if let Some(result) = conn.go_on(&mut buf) {
                failed += u64::from(!jobs.ended(&conn.job, result));
                sockmap.remove(&event.token());
            }
        }
    }
}
