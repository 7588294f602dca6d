//! One download, whichever way the bytes come: into a file with a provisional name, which gets its
//! own name when all of it is there and right.

use std::cell::RefCell;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use crate::options::Options;

/// How many bytes of checksum follow a file.
const TRAILER: u64 = 4;

/// One file to download.
#[derive(Clone)]
pub struct Job {
    pub file: u64,
    pub size: u64,
    pub from: SocketAddr,
    pub folder: PathBuf,
}

/// All files to download.
pub struct Jobs {
    pub limit: u64,
    pub chunk: usize,
    size: u64,
    from: Vec<SocketAddr>,
    folder: PathBuf,
    left: RefCell<Range<u64>>,
    bar: ProgressBar,
}

impl Jobs {
    pub fn new(options: &Options) -> Self {
        let bar = if options.progress && io::stderr().is_terminal() {
            let style = "{msg:>8} {bar:40} {bytes} of {total_bytes}, {bytes_per_sec}";
            ProgressBar::new(options.files * options.size)
                .with_style(
                    ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()),
                )
                .with_message(options.modes.first().map_or("", |mode| mode.name()))
        } else {
            ProgressBar::hidden()
        };
        Self {
            limit: options.limit.min(options.files),
            chunk: options.chunk,
            size: options.size,
            from: options.addresses.clone(),
            folder: options.out.clone().unwrap_or_default(),
            left: RefCell::new(0..options.files),
            bar,
        }
    }

    /// The next file, if there is one left.
    pub fn next(&self) -> Option<Job> {
        let file = self.left.borrow_mut().next()?;
        let from = self.from[file as usize % self.from.len()];
        Some(Job { file, size: self.size, from, folder: self.folder.clone() })
    }

    /// Tells how a download went; true if it went well.
    pub fn ended(&self, job: &Job, result: Result<(), Failure>) -> bool {
        self.bar.inc(self.size);
        if let Err(failure) = &result {
            let line = format!("file {} from {}: {failure}", job.file, job.from);
            self.bar.suspend(|| anstream::eprintln!("{line}"));
        }
        result.is_ok()
    }
}

/// Why a download failed.
pub enum Failure {
    Connect(io::Error),
    Receive(io::Error, u64),
    Write(PathBuf, io::Error),
    Cut { came: u64, of: u64 },
    Checksum,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Receive(error, after) => {
                write!(f, "cannot receive, after {after} bytes: {error}")
            }
            Self::Write(path, error) => write!(f, "cannot write {}: {error}", path.display()),
            Self::Cut { came, of } => write!(f, "connection cut after {came} of {of} bytes"),
            Self::Checksum => f.write_str("the checksum is wrong: bytes were changed on their way"),
        }
    }
}

/// A file on its way.
pub struct Download {
    path: PathBuf,
    part: PathBuf,
    file: File,
    size: u64,
    came: u64,
    checksum: crc32fast::Hasher,
    trailer: Vec<u8>,
    landed: bool,
}

pub fn path(folder: &Path, file: u64) -> PathBuf {
    folder.join(format!("file-{file:06}"))
}

impl Download {
    pub fn begin(job: &Job) -> Result<Self, Failure> {
        let path = path(&job.folder, job.file);
        let part = path.with_extension("part");
        let made = fs::create_dir_all(&job.folder).and_then(|()| File::create(&part));
        let file = made.map_err(|error| Failure::Write(part.clone(), error))?;
        let checksum = crc32fast::Hasher::new();
        let (came, trailer, landed) = (0, Vec::new(), false);
        Ok(Self { path, part, file, size: job.size, came, checksum, trailer, landed })
    }

    /// How much has come.
    pub fn came(&self) -> u64 {
        self.came
    }

    /// The slide's `f.write(buf)`.
    pub fn write(&mut self, buf: &[u8]) -> Result<(), Failure> {
        let body = buf.len().min((self.size - self.came) as usize);
        let (body, trailer) = buf.split_at(body);
        self.file.write_all(body).map_err(|error| Failure::Write(self.part.clone(), error))?;
        self.checksum.update(body);
        self.came += body.len() as u64;
        self.trailer.extend_from_slice(trailer);
        Ok(())
    }

    /// Nothing more will come: the file gets its name if all of it has come.
    pub fn land(mut self) -> Result<(), Failure> {
        if self.came < self.size || (self.trailer.len() as u64) < TRAILER {
            return Err(Failure::Cut { came: self.came, of: self.size });
        }
        let checksum = std::mem::take(&mut self.checksum).finalize();
        if self.trailer != checksum.to_le_bytes() {
            return Err(Failure::Checksum);
        }
        let named = fs::rename(&self.part, &self.path);
        named.map_err(|error| Failure::Write(self.path.clone(), error))?;
        self.landed = true;
        Ok(())
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if !self.landed {
            // Whatever kept it from landing has been reported; a part of a file is of no use.
            let _ = fs::remove_file(&self.part);
        }
    }
}
