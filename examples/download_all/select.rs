//! `select`: the slide "¿Por qué async?", right column. The loop by hand, on `mio`.
//!
//! Look at [`download_all`] beside the slide; then beside `tasks.rs`, where the same states (waiting
//! for the connection, for data, done) are simply places in a function.
//!
//! The slide's `select` tells again and again who is readable; `mio` tells once, when news come. So
//! those who may have more are kept in `readable` until the kernel says "nothing there".

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::part::{Error, Job, Outcome, Part};

/// ```python
/// def download_all(socks_and_files):
///     sockmap = { sock.fileno() : (sock, f) for sock, f in socks_and_files }
///     while sockmap:
///         readable, _, _ = select(sockmap.keys(), [], [])
///         for fd in readable:
///             sock, f = sockmap[fd]
///             buf = sock.read(1024)
///             if buf:
///                 f.write(buf)
///             else:
///                 sockmap.pop(fd)
/// ```
pub fn download_all(jobs: Vec<Job>, limit: usize) -> io::Result<Vec<Outcome>> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let (mut sockmap, mut readable) = (HashMap::new(), BTreeSet::new());
    let (mut outcomes, mut jobs) = (Vec::new(), jobs.into_iter().enumerate());
    let mut buf = Vec::new();
    loop {
        while sockmap.len() < limit
            && let Some((n, job)) = jobs.next()
        {
            buf.resize(job.plan.chunk, 0);
            match Download::begin(&job, Token(n), &poll) {
                Ok(download) => drop(sockmap.insert(Token(n), download)),
                Err(error) => outcomes.push(job.done(Err(error))),
            }
        }
        if sockmap.is_empty() {
            return Ok(outcomes);
        }
        let nap = if readable.is_empty() { Duration::from_millis(250) } else { Duration::ZERO };
        match poll.poll(&mut events, Some(nap)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        readable.extend(events.iter().map(|event| event.token()));
        for fd in std::mem::take(&mut readable) {
            let Some(download) = sockmap.get_mut(&fd) else { continue };
            match download.step(&mut buf) {
                Ok(Next::Again) => drop(readable.insert(fd)),
                Ok(Next::Wait) => {}
                Ok(Next::End) => outcomes.extend(sockmap.remove(&fd).map(|d| d.end(Ok(())))),
                Err(error) => outcomes.extend(sockmap.remove(&fd).map(|d| d.end(Err(error)))),
            }
        }
        if readable.is_empty() {
            let silent = sockmap.extract_if(|_, download| download.is_silent());
            outcomes.extend(silent.map(|(_, d)| d.end(Err(silence()))));
        }
    }
}

/// A socket and its file, and what a task would have kept on its stack.
struct Download {
    job: Job,
    sock: TcpStream,
    /// What is left to be sent of the request.
    request: Vec<u8>,
    /// `None` until the connection stands.
    f: Option<Part>,
    heard: Instant,
}

enum Next {
    Again,
    Wait,
    End,
}

impl Download {
    fn begin(job: &Job, token: Token, poll: &Poll) -> Result<Self, Error> {
        let mut sock = TcpStream::connect(job.from).map_err(Error::Connect)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut sock, token, interest)?;
        let request = job.request().into_bytes();
        Ok(Self { job: job.clone(), sock, request, f: None, heard: Instant::now() })
    }

    /// Does the one thing that is next, without waiting.
    fn step(&mut self, buf: &mut [u8]) -> Result<Next, Error> {
        match self.try_step(buf) {
            Err(Error::Receive(error, _)) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::NotConnected => Ok(Next::Wait),
                ErrorKind::Interrupted => Ok(Next::Again),
                _ => Err(error.into()),
            },
            done => done,
        }
    }

    fn try_step(&mut self, buf: &mut [u8]) -> Result<Next, Error> {
        let f = match &mut self.f {
            Some(f) => f,
            None => {
                if let Some(error) = self.sock.take_error().map_err(Error::Connect)? {
                    return Err(Error::Connect(error));
                }
                self.sock.peer_addr()?; // Not connected yet: wait.
                self.f.insert(self.job.create()?)
            }
        };
        while !self.request.is_empty() {
            let sent = self.sock.write(&self.request)?;
            self.request.drain(..sent);
        }
        let n = self.sock.read(buf)?;
        self.heard = Instant::now();
        if n == 0 {
            return Ok(Next::End);
        }
        f.write(&buf[..n])?;
        Ok(Next::Again)
    }

    fn is_silent(&self) -> bool {
        self.heard.elapsed() > self.job.plan.silence
    }

    fn end(self, downloaded: Result<(), Error>) -> Outcome {
        let result = match (downloaded, self.f) {
            (Ok(()), Some(f)) => f.keep(),
            (Ok(()), None) => Err(Error::Cut(None)),
            (Err(error), Some(f)) => Err(f.broken(error)),
            (Err(Error::Receive(error, _)), None) => Err(Error::Connect(error)),
            (Err(error), None) => Err(error),
        };
        self.job.done(result)
    }
}

fn silence() -> Error {
    io::Error::from(ErrorKind::TimedOut).into()
}
