//! Readiness of any descriptor (floor 4).

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token, event};

use super::source::{Fresh, Source};
use super::traits::{read_traits, write_traits};
use crate::reactor::{Known, Ready};

/// Tells when a descriptor can be read from or written to: a pipe, an eventfd, a device, a socket
/// of another library. It must be non-blocking, and of a kind that the operating system can poll.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// use turno::net::AsyncFd;
///
/// # turno::block_on(async {
/// let (mut a, b) = UnixStream::pair()?;
/// b.set_nonblocking(true)?;
/// let b = AsyncFd::new(b)?;
/// a.write_all(b"turno")?;
/// let mut buf = [0; 5];
/// let n = b.async_io(turno::net::Interest::READABLE, |mut b| b.read(&mut buf)).await?;
/// assert_eq!(&buf[..n], b"turno");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
///
/// It implements the reading and writing traits of futures-io (and with the feature `tokio-io`
/// those of tokio) where `&T` implements the standard library's. To close it by these only flushes
/// it: a descriptor is closed by dropping it.
pub struct AsyncFd<T: AsFd> {
    io: Source<Polled<T>>,
}

/// What `mio` registers: the descriptor, by its number.
struct Polled<T>(T);

impl<T: AsFd> event::Source for Polled<T> {
    fn register(&mut self, registry: &Registry, token: Token, what: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_fd().as_raw_fd()).register(registry, token, what)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, what: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_fd().as_raw_fd()).reregister(registry, token, what)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_fd().as_raw_fd()).deregister(registry)
    }
}

impl<T: AsFd> AsyncFd<T> {
    /// Registers a descriptor for reading and writing.
    ///
    /// # Errors
    /// When the operating system cannot poll it (a plain file, say), or it is registered already.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(fd: T) -> io::Result<Self> {
        Self::with_interest(fd, Interest::READABLE | Interest::WRITABLE)
    }

    /// Registers a descriptor for what is asked: one end of a pipe can only be read, say.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn with_interest(fd: T, interest: Interest) -> io::Result<Self> {
        Ok(Self { io: Source::with_interest(Polled(fd), Fresh::Try, interest, "`AsyncFd`")? })
    }

    /// What was registered.
    pub fn get_ref(&self) -> &T {
        &self.io.get().0
    }

    /// What was registered. Its descriptor must stay the one that was registered.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io.get_mut().0
    }

    /// Takes it out of the runtime.
    ///
    /// # Errors
    /// When it cannot be taken off the reactor.
    pub fn into_inner(self) -> io::Result<T> {
        self.io.into_inner().map(|polled| polled.0)
    }

    /// Waits until it can be read from, as far as events tell: a descriptor that is new waits for
    /// its first one.
    ///
    /// # Errors
    /// When this is polled outside of its runtime.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    #[track_caller]
    pub fn readable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        let site = std::panic::Location::caller();
        async move {
            self.io.ready(site, Interest::READABLE).await?;
            self.guard(Ready::READ)
        }
    }

    /// Waits until it can be written to. As [`readable`](Self::readable) in all else.
    ///
    /// # Errors
    /// As [`readable`](Self::readable).
    #[track_caller]
    pub fn writable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        let site = std::panic::Location::caller();
        async move {
            self.io.ready(site, Interest::WRITABLE).await?;
            self.guard(Ready::WRITE)
        }
    }

    fn guard(&self, side: Ready) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        Ok(AsyncFdReadyGuard { fd: self, side, known: self.io.known()? })
    }

    /// Waits until one of the things asked for can be done, and says which. It must have been
    /// registered for them.
    ///
    /// # Errors
    /// When `interest` is in neither reading, writing nor urgent data; else as
    /// [`readable`](Self::readable).
    #[track_caller]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        let site = std::panic::Location::caller();
        async move { self.io.ready(site, interest).await }
    }

    /// As [`readable`](Self::readable), [by hand](crate::net#polling-by-hand).
    ///
    /// # Errors
    /// The same.
    pub fn poll_read_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        ready!(self.io.poll_ready(cx, Interest::READABLE))?;
        Poll::Ready(self.guard(Ready::READ))
    }

    /// As [`writable`](Self::writable), [by hand](crate::net#polling-by-hand).
    ///
    /// # Errors
    /// The same.
    pub fn poll_write_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        ready!(self.io.poll_ready(cx, Interest::WRITABLE))?;
        Poll::Ready(self.guard(Ready::WRITE))
    }

    /// Calls `op` once, if the descriptor is ready as far as events tell; its `WouldBlock` is
    /// believed. If `interest` is in several things it does not say which of them is not ready, so
    /// all stay as they are; when that happens twice, [`ready`](Self::ready) for several waits for
    /// the next event.
    ///
    /// # Errors
    /// `WouldBlock` when it is not ready; as [`ready`](Self::ready); else what `op` says.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(Ready::for_interest(interest)?, |polled| op(&polled.0))
    }

    /// Calls `op` whenever the descriptor is ready, until it says something else than `WouldBlock`.
    ///
    /// # Errors
    /// Those of `op`; and as [`ready`](Self::ready).
    ///
    /// # Cancel safety
    /// As that of `op`: it is not interrupted.
    #[track_caller]
    pub fn async_io<R>(
        &self,
        interest: Interest,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        let site = std::panic::Location::caller();
        async move {
            let want = Ready::for_interest(interest)?;
            self.io.io(site, want, |polled| op(&polled.0)).await
        }
    }
}

/// A descriptor that is ready: try it, and say so if it was not.
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    fd: &'a AsyncFd<T>,
    side: Ready,
    known: Known,
}

impl<T: AsFd> AsyncFdReadyGuard<'_, T> {
    /// Calls `op`. If it would block, the descriptor is not ready until the next event.
    ///
    /// # Errors
    /// The outer error says that `op` would have blocked: wait again.
    pub fn try_io<R>(
        &mut self,
        op: impl FnOnce(&AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, io::Error> {
        // What `op` finds is true now, and not only of the moment in which the guard was made.
        let known = self.fd.io.known().unwrap_or(self.known);
        match op(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.fd.io.clear(known, self.side);
                Err(error)
            }
            result => Ok(result),
        }
    }

    /// The descriptor turned out not to be ready, when this guard was made. If events have come
    /// since, it stays ready: what they told of is not lost.
    pub fn clear_ready(&mut self) {
        self.fd.io.clear(self.known, self.side);
    }

    /// The descriptor is taken for ready still, which is so unless
    /// [`clear_ready`](Self::clear_ready) says otherwise.
    pub fn retain_ready(&mut self) {}

    /// What was registered.
    pub fn get_inner(&self) -> &T {
        self.fd.get_ref()
    }
}

impl<T: AsFd> Read for &Polled<T>
where
    for<'a> &'a T: Read,
{
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&self.0).read_vectored(bufs)
    }
}

impl<T: AsFd> Write for &Polled<T>
where
    for<'a> &'a T: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&self.0).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.0).flush()
    }
}

#[cfg(any(feature = "futures-io", feature = "tokio-io"))]
impl<T: AsFd> AsyncFd<T>
where
    for<'a> &'a T: Write,
{
    /// What the writing traits call closing.
    fn poll_end(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_flush(cx)
    }
}

read_traits!([T: AsFd] AsyncFd<T>; where for<'a> &'a T: Read);
read_traits!([T: AsFd] &AsyncFd<T>; where for<'a> &'a T: Read);
write_traits!([T: AsFd] AsyncFd<T>; where for<'a> &'a T: Write);
write_traits!([T: AsFd] &AsyncFd<T>; where for<'a> &'a T: Write);

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", self.get_ref()).finish_non_exhaustive()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard").field("fd", &self.fd).finish_non_exhaustive()
    }
}
