//! UDP sockets (floor 4).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use mio::Interest;

use super::addr::{self, ToSocketAddrs};
use super::socket::{datagram_operation, poll_ready_methods, readiness_methods};
use super::source::{Fresh, Source};
use crate::reactor::Ready;

/// A UDP socket. It may be used by several tasks at once, through an `Rc`.
///
/// ```
/// use turno::net::UdpSocket;
///
/// # turno::block_on(async {
/// let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
/// a.send_to(b"turno", b.local_addr()?).await?;
/// let mut buf = [0; 16];
/// let (n, from) = b.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..n], from), (&b"turno"[..], a.local_addr()?));
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub struct UdpSocket {
    io: Source<mio::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds to the first address of `target` that can be had.
    ///
    /// # Errors
    /// When none can be had, or there is no such name.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn bind<A: ToSocketAddrs>(target: A) -> io::Result<Self> {
        let bind = async |address| Self::registered(mio::net::UdpSocket::bind(address)?);
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
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Self::registered(mio::net::UdpSocket::from_std(socket))
    }

    #[track_caller]
    fn registered(socket: mio::net::UdpSocket) -> io::Result<Self> {
        Ok(Self { io: Source::new(socket, Fresh::Try, "`UdpSocket`")? })
    }

    /// Takes the socket out of the runtime. It stays non-blocking.
    ///
    /// # Errors
    /// When it cannot be taken off the reactor.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        self.io.into_inner().map(Into::into)
    }

    /// Sets where [`send`](Self::send) sends to, and that only what comes from there is received.
    ///
    /// # Errors
    /// When no address works, or there is no such name.
    pub async fn connect<A: ToSocketAddrs>(&self, target: A) -> io::Result<()> {
        addr::first_that_works(&target, async |address| self.io.get().connect(address)).await
    }

    datagram_operation!("Sends a datagram to where the socket is connected to.", WRITE,
        fn send, poll_send, try_send(buf: &[u8]) -> usize);
    datagram_operation!("Receives a datagram; what `buf` has no room for is lost.", READ,
        fn recv, poll_recv, try_recv(buf: &mut [u8]) -> usize);
    datagram_operation!("Receives a datagram and tells where it came from.", READ,
        fn recv_from, poll_recv_from, try_recv_from(buf: &mut [u8]) -> (usize, SocketAddr));
    datagram_operation!("Looks at the next datagram and leaves it there.", READ,
        fn peek, poll_peek, try_peek(buf: &mut [u8]) -> usize);
    datagram_operation!("Looks at the next datagram and leaves it there.", READ,
        fn peek_from, poll_peek_from, try_peek_from(buf: &mut [u8]) -> (usize, SocketAddr));

    /// Sends a datagram to `target`.
    ///
    /// # Errors
    /// Those of the operating system, or of looking the name up.
    ///
    /// # Cancel safety
    /// Dropped before it is done, nothing was sent.
    #[track_caller]
    pub fn send_to<A: ToSocketAddrs>(
        &self,
        buf: &[u8],
        target: A,
    ) -> impl Future<Output = io::Result<usize>> {
        let site = std::panic::Location::caller();
        async move {
            let first = addr::resolve(&target).await?.next();
            let Some(to) = first else {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "there is no address to send to",
                ));
            };
            self.io.io(site, Ready::WRITE, |socket| socket.send_to(buf, to)).await
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
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Ready::WRITE, |socket| socket.send_to(buf, target))
    }

    /// As [`send_to`](Self::send_to), without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.io.try_io(Ready::WRITE, |socket| socket.send_to(buf, target))
    }

    /// Who sent the next datagram.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    #[track_caller]
    pub fn peek_sender(&self) -> impl Future<Output = io::Result<SocketAddr>> {
        let site = std::panic::Location::caller();
        async move { self.io.io(site, Ready::READ, sender).await }
    }

    /// As [`peek_sender`](Self::peek_sender), [by hand](crate::net#polling-by-hand).
    ///
    /// # Errors
    /// The same.
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_io(cx, Ready::READ, sender)
    }

    /// As [`peek_sender`](Self::peek_sender), without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when there is no datagram as far as is known.
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.io.try_io(Ready::READ, sender)
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

/// Whom the next datagram is from. One byte of it is enough to ask.
fn sender(socket: &mio::net::UdpSocket) -> io::Result<SocketAddr> {
    socket.peek_from(&mut [0; 1]).map(|(_, from)| from)
}

/// Options that `mio` has, one pair of methods each.
macro_rules! options {
    ($($what:literal, $get:ident, $set:ident: $type:ty;)*) => {
        impl UdpSocket {$(
            #[doc = $what]
            ///
            /// # Errors
            /// Those of the operating system.
            pub fn $get(&self) -> io::Result<$type> {
                self.io.get().$get()
            }

            #[doc = concat!("Sets [`", stringify!($get), "`](Self::", stringify!($get), ").")]
            ///
            /// # Errors
            /// Those of the operating system.
            pub fn $set(&self, value: $type) -> io::Result<()> {
                self.io.get().$set(value)
            }
        )*}
    };
}

options! {
    "Whether it may send to broadcast addresses.", broadcast, set_broadcast: bool;
    "Whether it hears its own IPv4 multicasts.", multicast_loop_v4, set_multicast_loop_v4: bool;
    "Whether it hears its own IPv6 multicasts.", multicast_loop_v6, set_multicast_loop_v6: bool;
    "The time to live of IPv4 multicasts.", multicast_ttl_v4, set_multicast_ttl_v4: u32;
    "The time to live of its packets.", ttl, set_ttl: u32;
}

impl TryFrom<std::net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    fn try_from(socket: std::net::UdpSocket) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

readiness_methods!(UdpSocket);
poll_ready_methods!(UdpSocket, poll_recv_ready, poll_send_ready);
