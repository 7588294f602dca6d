//! Sockets: TCP, UDP and Unix, and readiness of any descriptor.
//!
//! All are `Send` and `Sync`: options, addresses and drop work on any thread. Waiting works in
//! tasks of the runtime that the socket was made in, and is an error elsewhere. What a socket
//! does not set itself, `socket2::SockRef::from(&socket)` does.
//!
//! # What is known of readiness
//! Events of the operating system say that a socket is ready, and that is believed until a system
//! call would block. A read that gives less than was asked for proves nothing: there may be more.
//! Before its first event a socket is not ready, so [`readable`](TcpStream::readable) and the like
//! wait; reads and writes, which find out by themselves, are tried at once.
//!
//! # Polling by hand
//! A future that waits leaves when it is dropped, so any number of tasks may await one socket. Of a
//! task that calls a `poll_` method or polls through the reading and writing traits, nothing says
//! when it waits no more. So of these the last one to read and the last one to write are woken, as
//! with tokio.
//!
//! # Fairness
//! An operation that is ready spends one unit of the task's
//! [budget](crate::runtime::Builder::budget), so that no task can keep the thread however much
//! data comes.
//!
//! | | made by | |
//! | --- | --- | --- |
//! | [`TcpListener`], [`TcpStream`] | `bind`, `connect`, `accept`, `from_std` | streams can be split |
//! | [`UdpSocket`] | `bind`, `from_std` | |
//! | [`UnixListener`], [`UnixStream`], [`UnixDatagram`] | `bind`, `connect`, `pair`, `from_std` | Unix |
//! | [`AsyncFd`] | `new` | readiness of any descriptor that can be polled; Unix |
//!
//! ```
//! use turno::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! turno::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let echo = turno::spawn(async move {
//!         let (stream, _) = listener.accept().await?;
//!         let mut buf = [0; 5];
//!         stream.read_exact(&mut buf).await?;
//!         stream.write_all(&buf).await
//!     });
//!     let stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"turno").await?;
//!     let mut answer = [0; 5];
//!     stream.read_exact(&mut answer).await?;
//!     assert_eq!(&answer, b"turno");
//!     echo.await?
//! })
//! # }
//! ```

mod accept;
mod addr;
mod listener;
mod socket;
mod source;
mod stream;
mod traits;
mod udp;

#[cfg(unix)]
mod async_fd;
#[cfg(unix)]
mod backoff;

pub mod tcp;
#[cfg(unix)]
pub mod unix;

pub use mio::Interest;

pub use crate::reactor::Ready;

pub use addr::{ToSocketAddrs, lookup_host};
#[cfg(unix)]
pub use async_fd::{AsyncFd, AsyncFdReadyGuard};
pub use listener::TcpListener;
pub use tcp::TcpStream;
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{UnixDatagram, UnixListener, UnixStream};
