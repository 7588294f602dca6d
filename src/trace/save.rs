//! Writing a recording to a file, in the format that its name asks for (floor 5).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::page::Page;
use super::perfetto;
use super::recording::Recording;

/// What files a recording can become.
pub(super) const FORMATS: &str =
    "`.html` (a page for any browser) or `.pftrace` (for https://ui.perfetto.dev)";

#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Page,
    Perfetto,
}

impl Format {
    /// # Errors
    /// When the name of the file asks for no format that there is.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("html") => Ok(Self::Page),
            Some("pftrace") => Ok(Self::Perfetto),
            _ => {
                let what = format!("{}: the name must end in {FORMATS}", path.display());
                Err(io::Error::new(io::ErrorKind::InvalidInput, what))
            }
        }
    }
}

impl Recording {
    /// Writes it to `path`, as a [page](Page) (`.html`) or as a Perfetto trace (`.pftrace`). Either
    /// the whole file is there in the end, or what was there before.
    ///
    /// # Errors
    /// When the name of the file ends in something else; when it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        match Format::of(path)? {
            Format::Page => Page::new().run("", self).save(path),
            Format::Perfetto => replace(path, &perfetto::trace(self)),
        }
    }
}

impl Page<'_> {
    /// Writes it to `path`, whatever that is called. Either the whole file is there in the end, or
    /// what was there before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        replace(path.as_ref(), self.to_string().as_bytes())
    }
}

/// Whether a file can be written at `path`, as far as can be known before.
pub(super) fn check(path: &Path) -> io::Result<()> {
    Format::of(path)?;
    if path.is_dir() {
        return Err(at(path, io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")));
    }
    let beside = beside(path);
    fs::write(&beside, []).and_then(|()| fs::remove_file(&beside)).map_err(|error| at(path, error))
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The file is written beside its place and then put there: nobody ever sees the half of it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside); // The first error is the one to tell.
    }
    written.map_err(|error| at(path, error))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
