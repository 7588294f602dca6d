//! Accepting TCP connections (floor 4).

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mio::Interest;

use super::addr::{self, ToSocketAddrs};
use super::source::{Fresh, Source};
use super::stream::readiness_methods;
use super::tcp::TcpStream;
use crate::reactor::{Direction, Ready};
use crate::time::{Sleep, sleep};

/// How long accepting rests when the process is out of descriptors.
const REST: Duration = Duration::from_millis(50);

/// A TCP socket that accepts connections. See [the module](crate::net) for an example.
///
/// # Out of descriptors
/// An `accept` for which there is no descriptor (or no memory) left returns the error at once,
/// and the next one rests for 50 ms before it tries again. So a loop that ignores the error does
/// not spin, and goes on accepting within 100 ms of a descriptor becoming free.
pub struct TcpListener {
    io: Source<mio::net::TcpListener>,
    burst: Burst,
    /// Set after an error for want of descriptors.
    rest: Mutex<Option<Pin<Box<Sleep>>>>,
}

/// How many connections were accepted in the present turn. Written by the loop's thread only;
/// atomic so that a listener can be shared.
struct Burst {
    /// At most so many a turn; 0 for no bound.
    most: AtomicU32,
    turn: AtomicU64,
    taken: AtomicU32,
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
        let (most, turn, taken) = Default::default();
        Ok(Self { io, burst: Burst { most, turn, taken }, rest: Mutex::new(None) })
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
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// As [`accept`](Self::accept), by hand.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        ready!(self.poll_rest(cx));
        let most = self.burst.most.load(Ordering::Relaxed);
        let turn = if most > 0 { self.io.turn()? } else { 0 };
        if self.burst.is_spent(most, turn) {
            self.io.defer(cx.waker())?;
            return Poll::Pending;
        }
        match ready!(self.io.poll_io(cx, Direction::Read, mio::net::TcpListener::accept)) {
            Ok((socket, address)) => {
                self.burst.taken.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(TcpStream::accepted(socket).map(|stream| (stream, address)))
            }
            Err(error) => {
                if is_exhaustion(&error) {
                    self.set_rest(Box::pin(sleep(REST)));
                }
                Poll::Ready(Err(error))
            }
        }
    }

    /// Accepts at most `most` connections in one turn of the loop; 0, as it is unless told, for no
    /// bound but the task's budget. It is the talk's dial: one at a time spreads connections over
    /// processes that share the socket, and keeps latency low; many at a time save turns.
    pub fn set_accept_burst(&self, most: u32) {
        self.burst.most.store(most, Ordering::Relaxed);
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

    /// Waits until the rest after an exhaustion is over.
    fn poll_rest(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Taken out while it is polled: that is user code, so not under the lock.
        let taken = self.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut rest) = taken else { return Poll::Ready(()) };
        let polled = rest.as_mut().poll(cx);
        if polled.is_pending() {
            self.set_rest(rest);
        }
        polled
    }

    fn set_rest(&self, rest: Pin<Box<Sleep>>) {
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
    }
}

impl Burst {
    fn is_spent(&self, most: u32, turn: u64) -> bool {
        if most > 0 && self.turn.swap(turn, Ordering::Relaxed) != turn {
            self.taken.store(0, Ordering::Relaxed);
        }
        most > 0 && self.taken.load(Ordering::Relaxed) >= most
    }
}

/// Whether an error says that the process or the system has no descriptor or memory left.
fn is_exhaustion(error: &io::Error) -> bool {
    // EMFILE and ENFILE are 24 and 23 on every Unix; ENOBUFS has no number of its own everywhere.
    matches!(error.raw_os_error(), Some(23 | 24))
        || error.kind() == io::ErrorKind::OutOfMemory
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(105))
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}

readiness_methods!(TcpListener);
