//! What is being downloaded: the `f` of the slides, the same in all four modes.
//!
//! Look at [`Part::write`]: it takes the bytes as they come off the socket, the header first. The
//! file is called `file-0007.bin.part` until every byte is there and the checksum is right; a
//! [`Part`] that is dropped before that, for whatever reason, takes its file with it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use turno::trace::Output;

use crate::ledger::Ledger;
use crate::report::count;

/// What all files of a run have in common.
pub struct Plan {
    pub size: u64,
    /// How many bytes are asked for at a time: the slide's 1024.
    pub chunk: usize,
    /// How many threads the blocking pool may have.
    pub pool: usize,
    /// How many reads a task may do in one switch.
    pub budget: u32,
    /// How long a server may say nothing.
    pub silence: Duration,
    pub dir: PathBuf,
    pub ledger: Ledger,
}

/// One file to fetch.
#[derive(Clone)]
pub struct Job {
    pub index: u64,
    pub from: SocketAddr,
    pub plan: Arc<Plan>,
}

/// What became of a job.
pub struct Outcome {
    pub job: Job,
    pub result: Result<Kept, Error>,
}

/// A file under its final name, and what is to be in it.
pub struct Kept {
    pub path: PathBuf,
    pub length: u64,
    pub crc: u32,
}

impl Job {
    pub fn request(&self) -> String {
        format!("GET {} {}\n", self.index, self.plan.size)
    }

    pub fn create(&self) -> Result<Part, Error> {
        let path = self.plan.dir.join(format!("file-{:04}.bin", self.index));
        let file = Output::create(&path).map_err(|error| Error::Create(path.clone(), error))?;
        Ok(Part {
            plan: self.plan.clone(),
            path,
            file,
            head: Vec::new(),
            promised: None,
            hash: crc32fast::Hasher::new(),
            got: 0,
        })
    }

    /// Counts the file as ended, for the progress bar and the sampled number of threads.
    pub fn done(self, result: Result<Kept, Error>) -> Outcome {
        self.plan.ledger.ended(result.is_ok());
        Outcome { job: self, result }
    }
}

/// A file that is not complete yet.
pub struct Part {
    plan: Arc<Plan>,
    path: PathBuf,
    /// It is `.part` until it is finished, and removes itself if it never is.
    file: Output,
    /// The header, until its newline has come.
    head: Vec<u8>,
    promised: Option<Promise>,
    hash: crc32fast::Hasher,
    got: u64,
}

/// What the server's header says: `OK <length> <crc32>`.
#[derive(Clone, Copy)]
struct Promise {
    length: u64,
    crc: u32,
}

impl Part {
    /// Room for one `recv`.
    pub fn buffer(&self) -> Vec<u8> {
        vec![0; self.plan.chunk]
    }

    /// The slide's `f.write(buf)`. It blocks until the operating system has taken the bytes.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        if self.promised.is_none() {
            let end = bytes.iter().position(|&byte| byte == b'\n');
            self.head.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            match end {
                Some(end) => bytes = &bytes[end + 1..],
                None if self.head.len() > HEAD => return Err(Error::Protocol(self.head())),
                None => return Ok(()),
            }
            self.promised = Some(self.promise()?);
        }
        self.file.write_all(bytes).map_err(Error::Write)?;
        self.hash.update(bytes);
        self.got += bytes.len() as u64;
        self.plan.ledger.advance(bytes.len());
        Ok(())
    }

    /// The end of the data: checks it, and gives the file its final name.
    pub fn keep(self) -> Result<Kept, Error> {
        let Some(Promise { length, crc }) = self.promised else { return Err(Error::Cut(None)) };
        if self.got < length {
            return Err(Error::Cut(Some((self.got, length))));
        }
        let found = self.hash.clone().finalize();
        if self.got > length || found != crc {
            return Err(Error::Checksum { found, promised: crc });
        }
        self.file.finish().map_err(Error::Write)?;
        Ok(Kept { path: self.path, length, crc })
    }

    /// The error of a socket, with how far the file had come.
    pub fn broken(&self, error: Error) -> Error {
        match (error, self.promised) {
            (Error::Receive(error, _), Some(Promise { length, .. })) => {
                Error::Receive(error, Some((self.got, length)))
            }
            (error, _) => error,
        }
    }

    fn promise(&self) -> Result<Promise, Error> {
        let head = self.head();
        if let Some(reason) = head.strip_prefix("ERR ") {
            return Err(Error::Refused(reason.to_string()));
        }
        let mut words = head.split(' ');
        let (ok, length, crc) = (words.next(), words.next(), words.next());
        let length = length.and_then(|length| length.parse().ok());
        let crc = crc.and_then(|crc| u32::from_str_radix(crc, 16).ok());
        match (ok, length, crc) {
            (Some("OK"), Some(length), Some(crc)) if length == self.plan.size => {
                Ok(Promise { length, crc })
            }
            _ => Err(Error::Protocol(head)),
        }
    }

    fn head(&self) -> String {
        let shown = &self.head[..self.head.len().min(HEAD)];
        String::from_utf8_lossy(shown).trim_end().escape_debug().to_string()
    }
}

/// Longer than any header of ours.
const HEAD: usize = 80;

/// Reads a file back from the disk and holds it against what the server had promised.
pub fn verify(kept: &Kept) -> Result<(), Error> {
    let check = |path: &Path| -> io::Result<(u64, u32)> {
        if !fs::metadata(path)?.is_file() {
            return Ok((kept.length, kept.crc)); // A device or a pipe gives nothing back.
        }
        let mut file = File::open(path)?;
        let (mut hash, mut length, mut buf) = (crc32fast::Hasher::new(), 0, vec![0; 256 * 1024]);
        loop {
            match file.read(&mut buf)? {
                0 => return Ok((length, hash.finalize())),
                n => {
                    hash.update(&buf[..n]);
                    length += n as u64;
                }
            }
        }
    };
    match check(&kept.path) {
        Ok(found) if found == (kept.length, kept.crc) => Ok(()),
        Ok(_) => Err(Error::Disk("what lies on the disk is not what was sent".to_string())),
        Err(error) => Err(Error::Disk(format!("cannot be read back: {error}"))),
    }
}

/// Why a file was not downloaded.
#[derive(Debug)]
pub enum Error {
    Connect(io::Error),
    /// How far it had come, if that is known: bytes there, bytes promised.
    Receive(io::Error, Option<(u64, u64)>),
    Cut(Option<(u64, u64)>),
    Refused(String),
    Protocol(String),
    Create(PathBuf, io::Error),
    Write(io::Error),
    Checksum {
        found: u32,
        promised: u32,
    },
    Disk(String),
    /// The task or the thread that was at it is no more.
    Lost(String),
}

impl From<io::Error> for Error {
    /// With `?`, an `io::Error` is the socket's: the disk's are wrapped in [`Part::write`].
    fn from(error: io::Error) -> Self {
        Self::Receive(error, None)
    }
}

impl From<turno::task::JoinError> for Error {
    fn from(error: turno::task::JoinError) -> Self {
        Self::Lost(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let so_far = |at: &Option<(u64, u64)>| match at {
            Some((got, of)) => format!("after {} of {} bytes", count(*got), count(*of)),
            None => "before the first byte".to_string(),
        };
        match self {
            Self::Connect(error) if is_silence(error) => write!(f, "cannot connect: no answer"),
            Self::Connect(error) => write!(f, "cannot connect: {error}{}", advice(error)),
            Self::Receive(error, at) if is_silence(error) => {
                write!(f, "the server fell silent {}", so_far(at))
            }
            Self::Receive(error, at) => write!(f, "connection lost {}: {error}", so_far(at)),
            Self::Cut(at) => write!(f, "connection cut {}", so_far(at)),
            Self::Refused(reason) => write!(f, "the server refuses: {reason}"),
            Self::Protocol(head) => {
                write!(f, "this is no file server of download_all: it answered \"{head}\"")
            }
            Self::Create(path, error) => {
                write!(f, "cannot create {}: {error}{}", path.display(), advice(error))
            }
            Self::Write(error) => write!(f, "cannot write: {error}"),
            Self::Checksum { found, promised } => {
                write!(f, "damaged on the way: checksum {found:08x} instead of {promised:08x}")
            }
            Self::Disk(what) | Self::Lost(what) => f.write_str(what),
        }
    }
}

/// A blocking socket says `WouldBlock` where others say `TimedOut`.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn advice(error: &io::Error) -> &'static str {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) {
        return "; a lower --limit needs fewer descriptors";
    }
    let _ = error;
    ""
}

/// Removes what a process that was killed could not remove itself.
pub fn sweep(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
