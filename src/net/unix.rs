//! Unix sockets (floor 4).

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mio::Interest;

use super::accept::Gate;
use super::backoff::{self, Backoff};
use super::socket::{datagram_operation, poll_ready_methods, readiness_methods};
use super::source::{Fresh, Source};
use super::stream::stream_methods;
use crate::reactor::Ready;
use crate::time::clock::nanos;
use crate::wait::Site;

pub use std::os::unix::net::SocketAddr;

/// A connection through a Unix socket.
///
/// ```
/// use turno::net::UnixStream;
///
/// # turno::block_on(async {
/// let (a, b) = UnixStream::pair()?;
/// a.write_all(b"turno").await?;
/// let mut buf = [0; 5];
/// b.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"turno");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub struct UnixStream {
    io: Source<mio::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the socket at `path`. While the listener's queue is full it is tried again,
    /// after 1 ms, then after pauses of up to 50 ms: no event tells of room in it.
    ///
    /// # Errors
    /// When there is no listener.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Cancel safety
    /// Dropped half-way, the connection is given up.
    #[track_caller]
    pub fn connect(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        let site = std::panic::Location::caller();
        async move { Self::connecting(site, || mio::net::UnixStream::connect(&path)).await }
    }

    /// Connects to the socket at `address`. A full queue is waited for as by
    /// [`connect`](Self::connect).
    ///
    /// # Errors
    /// When there is no listener.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect_addr(address: &SocketAddr) -> impl Future<Output = io::Result<Self>> {
        let site = std::panic::Location::caller();
        async move { Self::connecting(site, || mio::net::UnixStream::connect_addr(address)).await }
    }

    async fn connecting(
        site: Site,
        connect: impl Fn() -> io::Result<mio::net::UnixStream>,
    ) -> io::Result<Self> {
        let socket = backoff::retry(site, connect).await?;
        let io = Source::new(socket, Fresh::Wait, "`UnixStream::connect`")?;
        let connected = |socket: &mio::net::UnixStream| socket.take_error();
        match io.io(site, Ready::WRITE, connected).await? {
            Some(error) => Err(error),
            None => Ok(Self { io }),
        }
    }

    /// Two that are connected to each other.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        Ok((Self::registered(a)?, Self::registered(b)?))
    }

    /// Makes one of the standard library's, which is set to non-blocking.
    ///
    /// # Errors
    /// When it cannot be registered.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::registered(mio::net::UnixStream::from_std(stream))
    }

    #[track_caller]
    fn registered(socket: mio::net::UnixStream) -> io::Result<Self> {
        Ok(Self { io: Source::new(socket, Fresh::Try, "`UnixStream`")? })
    }

    /// The address of this side.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get().local_addr()
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get().peer_addr()
    }
}

impl TryFrom<StdStream> for UnixStream {
    type Error = io::Error;

    fn try_from(socket: StdStream) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

readiness_methods!(UnixStream);
poll_ready_methods!(UnixStream, poll_read_ready, poll_write_ready);
stream_methods!(UnixStream);

/// A Unix socket that accepts connections. Its file stays when it is dropped. When descriptors run
/// out it does as [`TcpListener`](crate::net::TcpListener) does.
pub struct UnixListener {
    io: Source<mio::net::UnixListener>,
    gate: Gate,
}

impl UnixListener {
    /// Listens at `path`, which must not exist.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::registered(mio::net::UnixListener::bind(path)?)
    }

    /// Listens at `address`.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::registered(mio::net::UnixListener::bind_addr(address)?)
    }

    /// Makes one of the standard library's, which is set to non-blocking.
    ///
    /// # Errors
    /// When it cannot be registered.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::registered(mio::net::UnixListener::from_std(listener))
    }

    #[track_caller]
    fn registered(socket: mio::net::UnixListener) -> io::Result<Self> {
        let io = Source::new(socket, Fresh::Try, "`UnixListener`")?;
        Ok(Self { io, gate: Gate::default() })
    }

    /// Takes the socket out of the runtime. It stays non-blocking.
    ///
    /// # Errors
    /// When it cannot be taken off the reactor.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        self.io.into_inner().map(Into::into)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Dropped before it is done, no connection was taken.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> {
        let site = std::panic::Location::caller();
        async move {
            let (socket, address) =
                self.gate.accept(site, &self.io, mio::net::UnixListener::accept).await?;
            Ok((UnixStream::registered(socket)?, address))
        }
    }

    /// As [`accept`](Self::accept), [by hand](crate::net#polling-by-hand).
    ///
    /// # Errors
    /// The same.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accepted = self.gate.poll(&self.io, cx, None, mio::net::UnixListener::accept);
        let (socket, address) = ready!(accepted)?;
        Poll::Ready(UnixStream::registered(socket).map(|stream| (stream, address)))
    }

    /// Accepts at most `most` connections in one turn of the loop; 0, as it is unless told, for no
    /// bound: see [`TcpListener::set_accept_burst`](crate::net::TcpListener::set_accept_burst).
    pub fn set_accept_burst(&self, most: u32) {
        self.gate.set_burst(most);
    }

    /// The address it listens at.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get().local_addr()
    }
}

impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = io::Error;

    fn try_from(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

readiness_methods!(UnixListener);

/// A Unix datagram socket.
pub struct UnixDatagram {
    io: Source<mio::net::UnixDatagram>,
    /// For [`send_to`](Self::send_to).
    backoff: Backoff,
}

impl UnixDatagram {
    /// Binds to `path`, which must not exist.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::registered(mio::net::UnixDatagram::bind(path)?)
    }

    /// One without an address.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn unbound() -> io::Result<Self> {
        Self::registered(mio::net::UnixDatagram::unbound()?)
    }

    /// Two that are connected to each other.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        Ok((Self::registered(a)?, Self::registered(b)?))
    }

    /// Makes one of the standard library's, which is set to non-blocking.
    ///
    /// # Errors
    /// When it cannot be registered.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Self::registered(mio::net::UnixDatagram::from_std(socket))
    }

    #[track_caller]
    fn registered(socket: mio::net::UnixDatagram) -> io::Result<Self> {
        let io = Source::new(socket, Fresh::Try, "`UnixDatagram`")?;
        Ok(Self { io, backoff: Backoff::default() })
    }

    /// Takes the socket out of the runtime. It stays non-blocking.
    ///
    /// # Errors
    /// When it cannot be taken off the reactor.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixDatagram> {
        self.io.into_inner().map(Into::into)
    }

    /// Sets where [`send`](Self::send) sends to.
    ///
    /// # Errors
    /// When nobody is there.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.io.get().connect(path)
    }

    datagram_operation!("Sends a datagram to where the socket is connected to.", SEND,
        fn send, poll_send, try_send(buf: &[u8]) -> usize);
    datagram_operation!("Receives a datagram; what `buf` has no room for is lost.", READ,
        fn recv, poll_recv, try_recv(buf: &mut [u8]) -> usize);
    datagram_operation!("Receives a datagram and tells where it came from.", READ,
        fn recv_from, poll_recv_from, try_recv_from(buf: &mut [u8]) -> (usize, SocketAddr));

    /// Sends a datagram to the socket at `path`. While that one's queue is full it is tried again,
    /// after 1 ms, then after pauses of up to 50 ms: no event tells of room in the queue of a
    /// socket that this one is not connected to.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Dropped before it is done, nothing was sent.
    #[track_caller]
    pub fn send_to(
        &self,
        buf: &[u8],
        path: impl AsRef<Path>,
    ) -> impl Future<Output = io::Result<usize>> {
        let site = std::panic::Location::caller();
        async move {
            let path = path.as_ref();
            self.io.io(site, Ready::SEND, |socket| self.send_there(socket, buf, path)).await
        }
    }

    /// As [`send_to`](Self::send_to), [by hand](crate::net#polling-by-hand).
    ///
    /// # Errors
    /// The same.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        path: impl AsRef<Path>,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Ready::SEND, |socket| self.send_there(socket, buf, path.as_ref()))
    }

    /// As [`send_to`](Self::send_to), without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.io.try_io(Ready::SEND, |socket| self.send_there(socket, buf, path.as_ref()))
    }

    fn send_there(
        &self,
        socket: &mio::net::UnixDatagram,
        buf: &[u8],
        path: &Path,
    ) -> io::Result<usize> {
        let sent = socket.send_to(buf, path);
        match &sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.io.writable_after(nanos(self.backoff.next()));
            }
            _ => self.backoff.reset(),
        }
        sent
    }

    /// The address of this side.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get().local_addr()
    }

    /// The address it is connected to.
    ///
    /// # Errors
    /// When it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get().peer_addr()
    }
}

impl TryFrom<std::os::unix::net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    fn try_from(socket: std::os::unix::net::UnixDatagram) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

readiness_methods!(UnixDatagram);
poll_ready_methods!(UnixDatagram, poll_recv_ready, poll_send_ready);
