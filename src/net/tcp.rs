//! TCP streams and their halves (floor 4).

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::task::{Context, Poll};

use mio::Interest;

use super::addr::{self, ToSocketAddrs};
use super::socket::{poll_ready_methods, readiness_methods};
use super::source::{Fresh, Source};
use super::stream::stream_methods;
use crate::reactor::Ready;
use crate::wait::Site;

/// A TCP connection. See [the module](crate::net) for an example.
pub struct TcpStream {
    pub(super) io: Source<mio::net::TcpStream>,
}

impl TcpStream {
    /// Connects to `target`. A name is looked up in the blocking pool; its addresses are tried in
    /// order.
    ///
    /// # Errors
    /// When no address can be reached, or there is no such name.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Cancel safety
    /// Dropped half-way, the connection is given up.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(target: A) -> impl Future<Output = io::Result<Self>> {
        let site = std::panic::Location::caller();
        let connect = move |address| Self::connect_to(site, address);
        async move { addr::first_that_works(&target, connect).await }
    }

    async fn connect_to(site: Site, address: SocketAddr) -> io::Result<Self> {
        let socket = mio::net::TcpStream::connect(address)?;
        let io = Source::new(socket, Fresh::Wait, "`TcpStream::connect`")?;
        io.io(site, Ready::WRITE, |socket| {
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
            match socket.peer_addr() {
                // An event came before its time.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                result => result,
            }
        })
        .await?;
        Ok(Self { io })
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
        Self::accepted(mio::net::TcpStream::from_std(stream))
    }

    #[track_caller]
    pub(super) fn accepted(socket: mio::net::TcpStream) -> io::Result<Self> {
        Ok(Self { io: Source::new(socket, Fresh::Try, "`TcpStream`")? })
    }

    /// Reads what there is and leaves it there.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let site = std::panic::Location::caller();
        async move { self.io.io(site, Ready::READ, |socket| socket.peek(buf)).await }
    }

    /// As [`peek`](Self::peek), [by hand](crate::net#polling-by-hand).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Ready::READ, |socket| socket.peek(buf))
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

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.get().nodelay()
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.get().set_nodelay(nodelay)
    }

    /// The time to live of its packets.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get().ttl()
    }

    /// Sets the time to live of its packets.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get().set_ttl(ttl)
    }
}

impl TryFrom<StdStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: StdStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}

readiness_methods!(TcpStream);
poll_ready_methods!(TcpStream, poll_read_ready, poll_write_ready);
stream_methods!(TcpStream);
