//! UDP, Unix sockets and other descriptors: what is sent arrives, and several tasks may wait.

#![cfg(unix)]

use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use turno::net::{
    AsyncFd, Interest, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use turno::runtime::Runtime;
use turno::time::timeout;

/// Runs a test on a runtime of its own; it has ten seconds.
fn run<T>(test: impl Future<Output = std::io::Result<T>>) -> T {
    let rt = Runtime::new().unwrap();
    rt.block_on(async { timeout(Duration::from_secs(10), test).await.expect("it hangs") }).unwrap()
}

fn path(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("turno-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn udp_sends_receives_and_peeks() {
    run(async {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("localhost:0").await?);
        a.connect(b.local_addr()?).await?;
        a.send(b"one").await?;
        let mut buf = [0; 8];
        assert_eq!(b.peek_sender().await?, a.local_addr()?);
        assert_eq!(b.peek_from(&mut buf).await?, (3, a.local_addr()?));
        let (n, from) = b.recv_from(&mut buf).await?;
        assert_eq!((&buf[..n], from), (&b"one"[..], a.local_addr()?));
        b.send_to(b"two", from).await?;
        assert_eq!(a.recv(&mut buf).await?, 3);
        assert_eq!(a.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        a.set_broadcast(true)?;
        assert!(a.broadcast()? && socket2::SockRef::from(&a).broadcast()?);
        Ok(())
    });
}

#[test]
fn two_tasks_may_wait_on_one_socket() {
    run(async {
        let a = Rc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let address = a.local_addr()?;
        let waits = |a: Rc<UdpSocket>| async move { a.recv(&mut [0; 8]).await };
        let (one, two) = (turno::spawn(waits(a.clone())), turno::spawn(waits(a.clone())));
        turno::task::yield_now().await;
        let b = UdpSocket::bind("127.0.0.1:0").await?;
        b.send_to(b"first", address).await?;
        b.send_to(b"second", address).await?;
        let mut lengths = [one.await.unwrap()?, two.await.unwrap()?];
        lengths.sort_unstable();
        assert_eq!(lengths, [5, 6]);
        Ok(())
    });
}

#[test]
fn unix_streams_connect_by_path_and_address() {
    run(async {
        let path = path("stream");
        let listener = UnixListener::bind(&path)?;
        let address = listener.local_addr()?;
        assert_eq!(address.as_pathname(), Some(path.as_path()));
        let server = turno::spawn(async move {
            let (mut first, _) = listener.accept().await?;
            let (second, _) = listener.accept().await?;
            let (mut read, _) = first.split();
            let mut got = Vec::new();
            futures_lite::AsyncReadExt::read_to_end(&mut read, &mut got).await?;
            second.write_all(&got).await?;
            std::io::Result::Ok(())
        });
        let a = UnixStream::connect(&path).await?;
        let b = UnixStream::connect_addr(&address).await?;
        a.write_all(b"round").await?;
        a.shutdown().await?;
        let mut got = Vec::new();
        b.read_to_end(&mut got).await?;
        assert_eq!(got, b"round");
        server.await.unwrap()?;
        std::fs::remove_file(&path)?;
        let gone = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
        Ok(())
    });
}

#[test]
fn unix_datagrams_go_from_path_to_path() {
    run(async {
        let (one, two) = (path("one"), path("two"));
        let (a, b) = (UnixDatagram::bind(&one)?, UnixDatagram::bind(&two)?);
        a.send_to(b"hello", &two).await?;
        let mut buf = [0; 8];
        let (n, from) = b.recv_from(&mut buf).await?;
        assert_eq!((n, from.as_pathname()), (5, Some(one.as_path())));
        b.connect(&one)?;
        b.send(b"hi").await?;
        assert_eq!(a.recv(&mut buf).await?, 2);
        for path in [one, two] {
            std::fs::remove_file(path)?;
        }
        Ok(())
    });
}

#[test]
fn any_descriptor_tells_when_it_is_ready() {
    run(async {
        let (reader, mut writer) = std::io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        let reader = AsyncFd::with_interest(reader, Interest::READABLE)?;
        let task = turno::spawn(async move {
            let mut buf = [0; 8];
            loop {
                let mut guard = reader.readable().await?;
                if let Ok(read) = guard.try_io(|mut pipe| pipe.read(&mut buf)) {
                    return read;
                }
            }
        });
        turno::task::yield_now().await;
        writer.write_all(b"pipe")?;
        assert_eq!(task.await.unwrap()?, 4);
        let file = std::fs::File::open("/dev/null")?;
        drop(AsyncFd::new(file).expect_err("a device that cannot be polled is refused"));
        Ok(())
    });
}

#[cfg(feature = "tokio-io")]
#[test]
fn tokios_traits_work_too() {
    use std::pin::Pin;

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    run(async {
        let (mut a, mut b) = UnixStream::pair()?;
        let n = std::future::poll_fn(|cx| AsyncWrite::poll_write(Pin::new(&mut a), cx, b"tokio"));
        assert_eq!(n.await?, 5);
        let mut room = [0; 8];
        let mut buf = ReadBuf::new(&mut room);
        std::future::poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut b), cx, &mut buf)).await?;
        assert_eq!(buf.filled(), b"tokio");
        std::future::poll_fn(|cx| AsyncWrite::poll_shutdown(Pin::new(&mut a), cx)).await?;
        Ok(())
    });
}

#[test]
fn a_thousand_connections_at_once() {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let count = most.map_or(1000, |most| 1000.min(most.saturating_sub(100) / 2)) as usize;
    run(async {
        // With a queue for all of them: see `TcpListener::bind`.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        socket.listen(4096)?;
        let listener = TcpListener::from_std(socket.into())?;
        let address = listener.local_addr()?;
        let echo = turno::spawn(async move {
            for _ in 0..count {
                let (stream, _) = listener.accept().await?;
                turno::spawn(async move {
                    let mut buf = [0; 4];
                    stream.read_exact(&mut buf).await?;
                    stream.write_all(&buf).await
                });
            }
            std::io::Result::Ok(())
        });
        let clients: Vec<_> = (0..count as u32)
            .map(|n| {
                turno::spawn(async move {
                    let stream = TcpStream::connect(address).await?;
                    stream.write_all(&n.to_le_bytes()).await?;
                    let mut buf = [0; 4];
                    stream.read_exact(&mut buf).await?;
                    std::io::Result::Ok(u32::from_le_bytes(buf))
                })
            })
            .collect();
        for (n, client) in clients.into_iter().enumerate() {
            assert_eq!(client.await.unwrap()?, n as u32);
        }
        echo.await.unwrap()
    });
}
