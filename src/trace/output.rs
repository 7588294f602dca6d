//! A file that is written, whatever lies in its place (floor 5).

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// As many links in a row as Linux follows.
const LINKS: usize = 40;
/// A name that is longer leaves no room for what is put around it.
const LONG: usize = 200;

/// A file that is being written, whatever lies in its place.
///
/// - A plain file, or one that is not there yet, is written beside its place and put there by
///   [`finish`](Self::finish): nobody sees the half of it, and until then what was there before
///   stays. The new file has the permissions of the old one. An old one that may not be written is
///   not replaced.
/// - A symbolic link stays: where it leads the file is written, also if nothing is there yet.
/// - A device, a pipe or a socket stays: the bytes go into it as they come.
/// - A directory is an error.
///
/// Dropped before it is finished, it takes away what it has written beside.
///
/// ```no_run
/// use std::io::Write;
///
/// let mut file = turno::trace::Output::create("numbers.csv")?;
/// writeln!(file, "load,mean")?;
/// file.finish()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it is written by `finish`"]
pub struct Output {
    to: To,
    /// `None` once it is in its place.
    part: Option<PathBuf>,
    place: PathBuf,
}

#[derive(Debug)]
enum To {
    File(File),
    #[cfg(unix)]
    Socket(std::os::unix::net::UnixStream),
}

impl Output {
    /// Begins a file at `path`. A pipe that has no reader is waited for.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        match find(path.as_ref())? {
            Place::File(place) => Self::beside(place),
            Place::Stream(place) => {
                // Through a link of /proc it may be a plain file after all, the standard output
                // for instance: what is in there already stays.
                let append = fs::metadata(&place)?.is_file();
                let file = OpenOptions::new().write(true).append(append).open(&place)?;
                Ok(Self { to: To::File(file), part: None, place })
            }
            #[cfg(unix)]
            Place::Socket(place) => {
                let socket = std::os::unix::net::UnixStream::connect(&place)?;
                Ok(Self { to: To::Socket(socket), part: None, place })
            }
        }
    }

    fn beside(place: PathBuf) -> io::Result<Self> {
        // To be allowed to write the folder is not enough.
        let old = match OpenOptions::new().write(true).open(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?.metadata()?),
        };
        let (file, part) = create_beside(&place)?;
        let output = Self { to: To::File(file), part: Some(part), place };
        if let (Some(old), To::File(file)) = (old, &output.to) {
            // Its owner can be kept by root only; for others it is their own nearly always.
            #[cfg(unix)]
            {
                use std::os::unix::fs::{MetadataExt, fchown};
                let _ = fchown(file, Some(old.uid()), Some(old.gid()));
            }
            file.set_permissions(old.permissions())?;
        }
        Ok(output)
    }

    /// Puts the file into its place.
    ///
    /// # Errors
    /// When that cannot be done. What was there before is there still.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(part) = &self.part {
            fs::rename(part, &self.place)?;
            self.part = None;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::File(file) => file.write(bytes),
            #[cfg(unix)]
            To::Socket(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File(file) => file.flush(),
            #[cfg(unix)]
            To::Socket(socket) => socket.flush(),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            let _ = fs::remove_file(part); // Its name says what it is, if even that fails.
        }
    }
}

/// Writes a file as [`std::fs::write`] does, but whole or not at all, and whatever lies in its
/// place: see [`Output`].
///
/// # Errors
/// When it cannot be written. A plain file that was there before is there still.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let mut output = Output::create(path)?;
    output.write_all(contents.as_ref())?;
    output.finish()
}

/// Whether a file can be written at `path`, as far as can be known without opening what would
/// notice: a pipe has somebody at its other end.
pub(super) fn check(path: &Path) -> io::Result<()> {
    match find(path)? {
        Place::File(place) => Output::beside(place).map(drop),
        _ => Ok(()),
    }
}

/// Where a path leads to.
enum Place {
    /// A plain file, or none yet.
    File(PathBuf),
    /// What takes the bytes as they come.
    Stream(PathBuf),
    #[cfg(unix)]
    Socket(PathBuf),
}

fn find(path: &Path) -> io::Result<Place> {
    // Link by link, since the place where a file is still to be has no canonical path.
    let mut place = path.to_path_buf();
    for _ in 0..LINKS {
        let kind = match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::File(place)),
            found => found?.file_type(),
        };
        if kind.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        if kind.is_file() {
            return Ok(Place::File(place));
        }
        #[cfg(unix)]
        if std::os::unix::fs::FileTypeExt::is_socket(&kind) {
            return Ok(Place::Socket(place));
        }
        let folder = place.parent().unwrap_or(Path::new(""));
        // What a link of /proc says of an open file, as behind /dev/stdout, need not be a path.
        if !kind.is_symlink() || fs::canonicalize(folder).is_ok_and(|it| it.starts_with("/proc")) {
            return Ok(Place::Stream(place));
        }
        place = folder.join(fs::read_link(&place)?);
    }
    Err(io::Error::other("too many symbolic links lead from there to the next"))
}

/// A new file beside `place`: `name.part`, or if there is one already, under a name that no other
/// thread or process has.
fn create_beside(place: &Path) -> io::Result<(File, PathBuf)> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let name = place.file_name().filter(|name| name.len() <= LONG).unwrap_or("turno".as_ref());
    let mut number = String::new();
    loop {
        let mut part = OsString::from(name);
        part.push(format!("{number}.part"));
        let part = place.with_file_name(part);
        match File::create_new(&part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number = format!(".{}-{}", process::id(), MADE.fetch_add(1, Relaxed));
            }
            created => return Ok((created?, part)),
        }
    }
}
