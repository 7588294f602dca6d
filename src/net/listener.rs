//! Accepting TCP connections (floor 4).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use mio::Interest;

use super::accept::Gate;
use super::addr::{self, ToSocketAddrs};
use super::socket::readiness_methods;
use super::source::{Fresh, Source};
use super::tcp::TcpStream;
use crate::reactor::Ready;

/// A TCP socket that accepts connections. See [the module](crate::net) for an example.
///
/// # Out of descriptors
/// An `accept` for which there is no descriptor (or no memory) left returns the error at once,
/// and the next one rests for 50 ms before it tries again. So a loop that ignores the error does
/// not spin, and goes on accepting within 100 ms of a descriptor becoming free.
pub struct TcpListener {
    io: Source<mio::net::TcpListener>,
    gate: Gate,
}

impl TcpListener {
    /// Listens on the first address of `target` that can be had. On Unix a port that was left in
    /// `TIME_WAIT` by a predecessor can be had (`SO_REUSEADDR`).
    ///
    /// At most 128 connections wait to be accepted, as `mio` has it; those beyond are tried again
    /// by the clients' kernels, after a second. Where more may come at once, make the socket with
    /// `socket2`, with a longer queue, and hand it to [`from_std`](Self::from_std).
    ///
    /// # Errors
    /// When none can be had, or there is no such name.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn bind<A: ToSocketAddrs>(target: A) -> io::Result<Self> {
        let bind = async |address| Self::registered(mio::net::TcpListener::bind(address)?);
        addr::first_that_works(&target, bind).await
    }

    /// Makes one of the standard library's, which is set to non-blocking.
    ///
    /// # Errors
    /// When it cannot be registered.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::registered(mio::net::TcpListener::from_std(listener))
    }

    #[track_caller]
    fn registered(socket: mio::net::TcpListener) -> io::Result<Self> {
        let io = Source::new(socket, Fresh::Try, "`TcpListener`")?;
        Ok(Self { io, gate: Gate::default() })
    }

    /// Takes the socket out of the runtime. It stays non-blocking.
    ///
    /// # Errors
    /// When it cannot be taken off the reactor.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.io.into_inner().map(Into::into)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// Those of the operating system. Most concern one connection, and the next `accept` may
    /// work; see the type for what happens when descriptors run out.
    ///
    /// # Cancel safety
    /// Dropped before it is done, no connection was taken.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> {
        let site = std::panic::Location::caller();
        async move {
            let (socket, address) =
                self.gate.accept(site, &self.io, mio::net::TcpListener::accept).await?;
            Ok((TcpStream::accepted(socket)?, address))
        }
    }

    /// As [`accept`](Self::accept), [by hand](crate::net#polling-by-hand).
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = self.gate.poll(&self.io, cx, None, mio::net::TcpListener::accept);
        let (socket, address) = ready!(accepted)?;
        Poll::Ready(TcpStream::accepted(socket).map(|stream| (stream, address)))
    }

    /// Accepts at most `most` connections in one turn of the loop; 0, as it is unless told, for no
    /// bound but the task's budget. It is the talk's dial: one at a time spreads connections over
    /// processes that share the socket, and keeps latency low; many at a time save turns.
    pub fn set_accept_burst(&self, most: u32) {
        self.gate.set_burst(most);
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get().local_addr()
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

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}

readiness_methods!(TcpListener);
