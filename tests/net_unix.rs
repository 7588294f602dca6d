//! Unix sockets: streams, listeners and datagrams, by path and by abstract name.
#![cfg(target_os = "linux")]

mod common;

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Result};
use std::os::linux::net::SocketAddrExt;
use std::path::PathBuf;

use turno::net::unix::SocketAddr;
use turno::net::{Interest, UnixDatagram, UnixListener, UnixStream};
use turno::runtime::Runtime;

use common::{guarded, has, panic_of};

fn run(test: impl AsyncFnOnce() -> Result<()>) {
    guarded(|| Runtime::new().unwrap().block_on(test()).unwrap());
}

/// A path of its own that is gone at the end.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("turno-{name}-{}", std::process::id())))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_sent_arrives_and_the_end_too() {
    run(async || {
        let path = Path::new("listener");
        let listener = UnixListener::bind(&path.0)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(path.0.as_path()));
        let server = turno::spawn(async move {
            let (stream, address) = listener.accept().await?;
            assert!(address.is_unnamed());
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await?;
            stream.write_all(&got).await?;
            Result::Ok(())
        });
        let client = UnixStream::connect(&path.0).await?;
        assert_eq!(client.peer_addr()?.as_pathname(), Some(path.0.as_path()));
        client.write_all(&[5; 300_000]).await?;
        client.shutdown().await?;
        let mut got = Vec::new();
        assert_eq!(client.read_to_end(&mut got).await?, 300_000);
        server.await.unwrap()
    });
}

#[test]
fn nobody_there_is_an_error() {
    run(async || {
        let path = Path::new("nobody");
        let error = UnixStream::connect(&path.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        drop(UnixListener::bind(&path.0)?);
        let error = UnixStream::connect(&path.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn abstract_names_work_and_accepting_can_be_bounded() {
    run(async || {
        let name = format!("turno-burst-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = UnixListener::bind_addr(&address)?;
        listener.set_accept_burst(1);
        let _clients =
            [UnixStream::connect_addr(&address).await?, UnixStream::connect_addr(&address).await?];
        poll_fn(|cx| listener.poll_accept(cx)).await?;
        let second = futures_lite::future::poll_once(listener.accept()).await;
        assert!(second.is_none(), "two in one turn");
        listener.accept().await?;
        Ok(())
    });
}

#[test]
fn halves_readiness_and_vectors_as_with_tcp() {
    run(async || {
        let (a, b) = UnixStream::pair()?;
        let (read, write) = b.into_split();
        assert_eq!(read.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(a.ready(Interest::WRITABLE).await?.is_writable());
        assert_eq!(a.try_write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two")])?, 7);
        read.readable().await?;
        let (mut x, mut y) = ([0; 4], [0; 3]);
        let bufs = &mut [IoSliceMut::new(&mut x), IoSliceMut::new(&mut y)];
        assert_eq!(read.try_read_vectored(bufs)?, 7);
        assert_eq!((&x, &y), (b"one ", b"two"));
        drop(write);
        assert_eq!(a.read(&mut [0]).await?, 0);
        while !a.ready(Interest::READABLE).await?.is_read_closed() {
            turno::task::yield_now().await; // Until the loop has looked.
        }
        drop(read);
        assert_eq!(a.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn datagrams_keep_their_bounds_and_a_full_peer_is_waited_for() {
    run(async || {
        let (path, other) = (Path::new("datagram"), Path::new("datagram-2"));
        let (a, b) = (UnixDatagram::bind(&path.0)?, UnixDatagram::bind(&other.0)?);
        a.send_to(b"to you", &other.0).await?;
        let mut buf = [0; 16];
        let (n, from) = b.recv_from(&mut buf).await?;
        assert_eq!((n, from.as_pathname()), (6, Some(path.0.as_path())));
        let (c, d) = UnixDatagram::pair()?;
        let mut sent = 0_u16;
        while c.try_send(&sent.to_ne_bytes()).is_ok() {
            sent += 1;
        }
        let sender = turno::spawn(async move { c.send(&sent.to_ne_bytes()).await });
        turno::task::yield_now().await; // It waits.
        assert!(!sender.is_finished());
        for expected in 0..=sent {
            assert_eq!(d.recv(&mut buf).await?, 2);
            assert_eq!(buf[..2], expected.to_ne_bytes());
        }
        sender.await.unwrap()?;
        let unbound = UnixDatagram::unbound()?;
        unbound.connect(&other.0)?;
        assert_eq!(poll_fn(|cx| unbound.poll_send(cx, b"x")).await?, 1);
        assert_eq!(poll_fn(|cx| b.poll_recv(cx, &mut buf)).await?, 1);
        Ok(())
    });
}

#[test]
fn to_the_standard_library_and_back() {
    run(async || {
        let (a, b) = std::os::unix::net::UnixStream::pair()?;
        let (a, b) = (UnixStream::from_std(a)?, UnixStream::try_from(b)?);
        let none = futures_lite::future::poll_once(a.read(&mut [0; 8])).await;
        assert!(none.is_none()); // And it did not block, though std's do.
        let a = UnixStream::from_std(a.into_std()?)?;
        a.write_all(b"x").await?;
        assert_eq!(b.read(&mut [0; 8]).await?, 1);
        let socket = UnixDatagram::try_from(std::os::unix::net::UnixDatagram::unbound()?)?;
        assert!(socket.into_std()?.local_addr()?.is_unnamed());
        Ok(())
    });
}

#[test]
fn outside_of_a_runtime_it_says_so() {
    let path = Path::new("outside");
    has(panic_of(|| UnixListener::bind(&path.0)), "outside of a turno runtime");
    has(panic_of(UnixDatagram::pair), "outside of a turno runtime");
}
