//! Writing a recording to a file, in the format that its name asks for (floor 5).

use std::io;
use std::path::Path;

use super::output;
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
    /// Writes it to `path`, as a [page](Page) (`.html`) or as a Perfetto trace (`.pftrace`). A
    /// plain file is there as a whole in the end, or what was there before; a link is followed, a
    /// device or a pipe takes the bytes: see [`Output`](super::Output).
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
    /// Writes it to `path`, whatever that is called. A plain file is there as a whole in the end,
    /// or what was there before; a link is followed, a device or a pipe takes the bytes: see
    /// [`Output`](super::Output).
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
    output::check(path).map_err(|error| at(path, error))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    output::write(path, bytes).map_err(|error| at(path, error))
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
