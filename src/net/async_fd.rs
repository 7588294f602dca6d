//! Readiness of any descriptor (floor 4).

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token, event};

use super::source::{Fresh, Source};
use crate::reactor::Ready;

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

    /// Waits until it can be read from.
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
            self.io.ready(site, Ready::READ).await?;
            Ok(AsyncFdReadyGuard { fd: self, side: Ready::READ })
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
            self.io.ready(site, Ready::WRITE).await?;
            Ok(AsyncFdReadyGuard { fd: self, side: Ready::WRITE })
        }
    }

    /// Waits until one of the things asked for can be done, and says which.
    ///
    /// # Errors
    /// As [`readable`](Self::readable).
    #[track_caller]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        let site = std::panic::Location::caller();
        async move { self.io.ready(site, Ready::for_interest(interest)).await }
    }

    /// As [`readable`](Self::readable), by hand.
    ///
    /// # Errors
    /// The same.
    pub fn poll_read_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        let ready = self.io.poll_ready(cx, Ready::READ);
        ready.map_ok(|_| AsyncFdReadyGuard { fd: self, side: Ready::READ })
    }

    /// As [`writable`](Self::writable), by hand.
    ///
    /// # Errors
    /// The same.
    pub fn poll_write_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        let ready = self.io.poll_ready(cx, Ready::WRITE);
        ready.map_ok(|_| AsyncFdReadyGuard { fd: self, side: Ready::WRITE })
    }

    /// Calls `op` once, if the descriptor is ready as far as is known; its `WouldBlock` is
    /// believed.
    ///
    /// # Errors
    /// `WouldBlock` when it is not ready; else what `op` says.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(Ready::for_interest(interest), |polled| op(&polled.0))
    }

    /// Calls `op` whenever the descriptor is ready, until it says something else than `WouldBlock`.
    ///
    /// # Errors
    /// Those of `op`; and as [`readable`](Self::readable).
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
        async move { self.io.io(site, Ready::for_interest(interest), |polled| op(&polled.0)).await }
    }
}

/// A descriptor that is ready: try it, and say so if it was not.
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    fd: &'a AsyncFd<T>,
    side: Ready,
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
        match op(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(error)
            }
            result => Ok(result),
        }
    }

    /// The descriptor turned out not to be ready.
    pub fn clear_ready(&mut self) {
        self.fd.io.clear(self.side);
    }

    /// The descriptor is taken for ready still, which is so unless
    /// [`clear_ready`](Self::clear_ready) says otherwise.
    pub fn retain_ready(&mut self) {}

    /// What was registered.
    pub fn get_inner(&self) -> &T {
        self.fd.get_ref()
    }
}

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
