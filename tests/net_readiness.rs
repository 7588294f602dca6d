//! What is known of a socket's readiness: from when on, until when, and what disproves it.
#![cfg(target_os = "linux")]

mod common;

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnix;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_lite::future::poll_once;
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair,
};
use socket2::{Domain, SockRef, Socket, Type};
use turno::net::{
    AsyncFd, Interest, Ready, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream,
};
use turno::runtime::Runtime;
use turno::time::sleep;

use common::guarded;

fn run(test: impl AsyncFnOnce() -> io::Result<()>) {
    guarded(|| Runtime::new().unwrap().block_on(test()).unwrap());
}

fn tcp_pair() -> io::Result<(std::net::TcpStream, std::net::TcpStream)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

/// Until the loop has looked outside.
async fn look() {
    sleep(Duration::from_millis(2)).await;
}

/// A reader waits, all of `send` is sent at once, and `wanted` bytes arrive.
async fn all_is_read<S: 'static>(
    reader: S,
    read: impl AsyncFn(&S, &mut [u8]) -> io::Result<usize> + 'static,
    wanted: usize,
    send: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let reader = turno::spawn(async move {
        let (mut all, mut buf) = (0, [0; 4096]);
        while all < wanted {
            all += read(&reader, &mut buf).await.unwrap();
        }
        all
    });
    look().await; // It waits.
    send()?;
    assert_eq!(reader.await.unwrap(), wanted);
    Ok(())
}

#[test]
fn what_comes_after_a_descriptor_is_read() {
    run(async || {
        let (mut a, b) = StdUnix::pair()?;
        let read = async |b: &UnixStream, buf: &mut [u8]| b.read(buf).await;
        all_is_read(UnixStream::from_std(b)?, read, 200, || {
            let fds = [io::stdin().as_fd().try_clone_to_owned()?];
            let fds = [fds[0].as_fd()];
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut room);
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
            let data = [io::IoSlice::new(&[1; 100])];
            assert_eq!(sendmsg(&a, &data, &mut control, SendFlags::empty())?, 100);
            a.write_all(&[2; 100])
        })
        .await
    });
}

#[test]
fn what_comes_after_other_credentials_is_read() {
    run(async || {
        let (mut a, b) = StdUnix::pair()?;
        set_socket_passcred(&b, true)?;
        let read = async |b: &UnixStream, buf: &mut [u8]| b.read(buf).await;
        all_is_read(UnixStream::from_std(b)?, read, 10, || {
            a.write_all(b"mine ")?;
            let theirs = Stdio::from(std::os::fd::OwnedFd::from(a.try_clone()?));
            let mut child = Command::new("printf").arg("yours").stdout(theirs).spawn()?;
            assert!(child.wait()?.success());
            Ok(())
        })
        .await
    });
}

#[test]
fn records_are_read_one_after_the_other() {
    run(async || {
        let (family, records) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (a, b) = socketpair(family, records, SocketFlags::empty(), None)?;
        let b = UnixStream::from_std(StdUnix::from(b))?;
        let read = async |b: &UnixStream, buf: &mut [u8]| {
            b.read_vectored(&mut [io::IoSliceMut::new(buf)]).await
        };
        all_is_read(b, read, 6, || {
            for record in [b"one", b"two"] {
                rustix::io::write(&a, record)?;
            }
            Ok(())
        })
        .await
    });
}

#[test]
fn what_comes_after_urgent_data_is_read() {
    run(async || {
        let (mut a, b) = tcp_pair()?;
        let read = async |b: &TcpStream, buf: &mut [u8]| b.read(buf).await;
        all_is_read(TcpStream::from_std(b)?, read, 6, || {
            a.write_all(b"one")?;
            SockRef::from(&a).send_out_of_band(b"!")?;
            a.write_all(b"two")
        })
        .await
    });
}

/// A connection to an address that answers nobody, on its way.
fn connecting(kept: &mut Vec<Socket>) -> io::Result<Socket> {
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None);
    let full = socket()?;
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    full.listen(1)?;
    let to = full.local_addr()?;
    kept.push(full);
    loop {
        let socket = socket()?;
        socket.set_nonblocking(true)?;
        let _ = socket.connect(&to);
        std::thread::sleep(Duration::from_millis(1)); // The kernel connects where there is room.
        if socket.peer_addr().is_err() {
            return Ok(socket);
        }
        kept.push(socket);
    }
}

async fn waits(future: impl Future) -> bool {
    let mut future = pin!(future);
    let first = poll_once(&mut future).await.is_none();
    look().await;
    first && poll_once(&mut future).await.is_none()
}

#[test]
fn a_socket_that_is_on_its_way_is_not_ready() {
    run(async || {
        let mut kept = Vec::new();
        let stream = TcpStream::from_std(connecting(&mut kept)?.into())?;
        assert!(waits(stream.writable()).await);
        assert!(waits(stream.readable()).await);
        assert!(waits(stream.ready(Interest::READABLE.add(Interest::WRITABLE))).await);
        assert!(waits(poll_fn(|cx| stream.poll_write_ready(cx))).await);
        assert!(waits(stream.async_io(Interest::WRITABLE, || Ok(()))).await);
        let tried = stream.try_io(Interest::WRITABLE, || Ok(()));
        assert_eq!(tried.unwrap_err().kind(), ErrorKind::WouldBlock);

        let fd = AsyncFd::new(connecting(&mut kept)?)?;
        assert!(waits(fd.writable()).await);
        assert!(waits(fd.ready(Interest::WRITABLE)).await);
        assert!(waits(poll_fn(|cx| fd.poll_write_ready(cx))).await);
        assert!(waits(fd.async_io(Interest::WRITABLE, |_| Ok(()))).await);
        assert!(fd.try_io(Interest::WRITABLE, |_| Ok(())).is_err());
        Ok(())
    });
}

#[test]
fn a_new_socket_waits_for_its_first_event_and_is_read_and_written_at_once() {
    run(async || {
        let (mut a, b) = tcp_pair()?;
        a.write_all(b"x")?;
        let b = TcpStream::from_std(b)?;
        assert!(poll_once(b.writable()).await.is_none());
        assert!(poll_once(b.readable()).await.is_none());
        assert!(matches!(poll_once(b.write(b"y")).await, Some(Ok(1))));
        assert!(matches!(poll_once(b.read(&mut [0; 8])).await, Some(Ok(1))));
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        assert!(poll_once(poll_fn(|cx| udp.poll_send_ready(cx))).await.is_none());
        assert_eq!(udp.try_send_to(b"z", udp.local_addr()?)?, 1);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
        assert!(poll_once(listener.readable()).await.is_none());
        assert!(poll_once(listener.accept()).await.is_some());
        b.writable().await?;
        poll_fn(|cx| udp.poll_send_ready(cx)).await
    });
}

#[test]
fn urgent_data_is_waited_for_on_streams_and_descriptors() {
    run(async || {
        for early in [true, false] {
            let ((a, b), (c, d)) = (tcp_pair()?, tcp_pair()?);
            let hurry = move || {
                SockRef::from(&a).send_out_of_band(b"!").unwrap();
                SockRef::from(&c).send_out_of_band(b"!").unwrap();
                (a, c)
            };
            let fd = AsyncFd::with_interest(b, Interest::PRIORITY)?;
            let stream = TcpStream::from_std(d)?;
            let ready = turno::spawn(async move {
                let ready = fd.ready(Interest::PRIORITY).await?;
                assert_eq!(stream.ready(Interest::PRIORITY).await?, Ready::PRIORITY);
                io::Result::Ok((ready, fd))
            });
            if !early {
                look().await; // It waits.
            }
            let _kept = hurry();
            let (ready, fd) = ready.await.unwrap()?;
            assert_eq!(format!("{ready:?}"), "Ready(PRIORITY)");
            // What is found empty is not ready any more.
            let empty = || Err::<(), _>(ErrorKind::WouldBlock.into());
            assert!(fd.try_io(Interest::PRIORITY, |_| empty()).is_err());
            assert!(waits(fd.ready(Interest::PRIORITY)).await);
        }
        Ok(())
    });
}

#[test]
fn a_flag_of_readiness_is_shown_by_its_name() {
    let shown = |ready: Ready| format!("{ready:?}");
    assert_eq!(shown(Ready::EMPTY), "Ready(EMPTY)");
    assert_eq!(shown(Ready::READ_CLOSED), "Ready(READ_CLOSED)");
    run(async || {
        let (a, b) = UnixStream::pair()?;
        drop(a);
        look().await;
        let both = Interest::READABLE.add(Interest::WRITABLE);
        let ready = b.ready(both).await?;
        assert_eq!(shown(ready), "Ready(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED)");
        Ok(())
    });
}

/// What would block, whatever it was.
fn in_vain() -> io::Result<()> {
    Err(ErrorKind::WouldBlock.into())
}

#[test]
fn what_was_tried_for_several_things_leaves_each_of_them_ready() {
    run(async || {
        let (mut a, b) = StdUnix::pair()?;
        b.set_nonblocking(true)?;
        let fd = AsyncFd::new(b)?;
        let both = Interest::READABLE.add(Interest::WRITABLE);
        let ready =
            async || fd.ready(both).await.map(|ready| (ready.is_readable(), ready.is_writable()));
        assert_eq!(ready().await?, (false, true));
        assert!(fd.try_io(both, |mut b| b.read(&mut [0; 8])).is_err());
        assert!(poll_once(fd.writable()).await.is_some(), "there was nothing to read");
        assert_eq!(ready().await?, (false, true));
        assert!(fd.try_io(both, |mut b| b.read(&mut [0; 8])).is_err());
        assert!(poll_once(fd.writable()).await.is_some(), "there was nothing to read");
        assert!(waits(ready()).await, "it spins");
        let mut reads = pin!(fd.async_io(both, |mut b| b.read(&mut [0; 8])));
        assert!(poll_once(&mut reads).await.is_none());
        assert!(poll_once(fd.writable()).await.is_some(), "there was nothing to read");
        a.write_all(b"xy")?;
        assert_eq!(ready().await?, (true, true));
        assert_eq!(reads.await?, 2);

        a.write_all(b"z")?;
        fd.readable().await?.retain_ready();
        assert!(fd.try_io(both, |_| in_vain()).is_err());
        assert!(poll_once(fd.readable()).await.is_some(), "there was no room");
        Ok(())
    });
}

#[test]
fn each_side_is_cleared_alone() {
    run(async || {
        let (a, b) = UnixStream::pair()?;
        a.write_all(b"x").await?;
        b.readable().await?;
        assert!(b.try_io(Interest::WRITABLE, in_vain).is_err());
        assert!(poll_once(b.readable()).await.is_some() && waits(b.writable()).await);
        let (a, b) = UnixStream::pair()?;
        a.write_all(b"x").await?;
        b.readable().await?;
        assert!(b.try_io(Interest::READABLE, in_vain).is_err());
        assert!(poll_once(b.writable()).await.is_some() && waits(b.readable()).await);
        Ok(())
    });
}

#[test]
fn a_guard_clears_nothing_that_came_after_it() {
    run(async || {
        let (mut a, b) = StdUnix::pair()?;
        b.set_nonblocking(true)?;
        let fd = AsyncFd::new(b)?;
        a.write_all(b"1")?;
        let mut guard = fd.readable().await?;
        assert_eq!(guard.get_inner().read(&mut [0; 8])?, 1);
        assert!(guard.get_inner().read(&mut [0; 8]).is_err()); // Empty.
        a.write_all(b"2")?;
        look().await;
        guard.clear_ready();
        let mut guard = fd.readable().await?;
        // What it tries itself is news of now.
        assert_eq!(guard.get_inner().read(&mut [0; 8])?, 1);
        a.write_all(b"3")?;
        look().await;
        assert_eq!(guard.get_inner().read(&mut [0; 8])?, 1);
        assert!(guard.try_io(|fd| fd.get_ref().read(&mut [0; 8])).is_err());
        assert!(waits(fd.readable()).await, "it spins");
        // And what nothing came after is cleared.
        a.write_all(b"4")?;
        fd.readable().await?.clear_ready();
        assert!(waits(fd.readable()).await);
        let mut by_hand = poll_fn(|cx| fd.poll_write_ready(cx)).await?;
        by_hand.clear_ready();
        assert!(waits(fd.writable()).await);
        Ok(())
    });
}

#[test]
fn a_connection_to_a_full_queue_is_made_when_there_is_room() {
    run(async || {
        let path = std::env::temp_dir().join(format!("turno-full-{}", std::process::id()));
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        listener.bind(&socket2::SockAddr::unix(&path)?)?;
        listener.listen(0)?;
        let first = UnixStream::connect(&path).await?;
        let address = first.peer_addr()?;
        let to = path.clone();
        let by_path = turno::spawn(async move { UnixStream::connect(to).await });
        let by_address = turno::spawn(async move { UnixStream::connect_addr(&address).await });
        sleep(Duration::from_millis(10)).await;
        assert!(!by_path.is_finished() && !by_address.is_finished());
        let accepting = std::thread::spawn(move || {
            (0..3).map(|_| listener.accept()).collect::<io::Result<Vec<_>>>()
        });
        by_path.await.unwrap()?;
        by_address.await.unwrap()?;
        accepting.join().unwrap()?;
        std::fs::remove_file(&path)
    });
}

#[test]
fn waiting_for_a_full_queue_is_seen_at_its_own_line_and_backs_off() {
    guarded(|| {
        let path = std::env::temp_dir().join(format!("turno-back-off-{}", std::process::id()));
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let _first = StdUnix::connect(&path).unwrap();
        let rt = common::virtual_rt();
        let to = path.clone();
        let line = line!() + 1;
        let _task = rt.spawn(async move { UnixStream::connect(to).await });
        rt.block_on(sleep(Duration::from_millis(1000)));
        // 1, 2, 4, 8, 16, 32 and 50 ms: 63 in six pauses, and then 18 more.
        let switches = rt.metrics().switches;
        assert!((20..=30).contains(&switches), "{switches} switches in a second");
        let wait = rt.dump().to_string();
        common::has(&wait, &format!("tests/net_readiness.rs:{line}:"));
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn a_full_receiver_of_datagrams_is_waited_for_and_keeps_none_from_another() {
    run(async || {
        let path = |n| std::env::temp_dir().join(format!("turno-dgram-{n}-{}", std::process::id()));
        let (full, free) = (path(1), path(2));
        let (x, y) = (UnixDatagram::bind(&full)?, UnixDatagram::bind(&free)?);
        let from = UnixDatagram::unbound()?;
        let mut sent = 0;
        while from.try_send_to(b"x", &full).is_ok() {
            sent += 1;
        }
        let mut late = pin!(from.send_to(b"late", &full));
        assert!(poll_once(&mut late).await.is_none());
        assert!(matches!(poll_once(from.send_to(b"y", &free)).await, Some(Ok(1))), "it waits");
        assert_eq!(from.try_send_to(b"y", &free)?, 1);
        let by_hand = poll_once(poll_fn(|cx| from.poll_send_to(cx, b"y", &free))).await;
        assert!(matches!(by_hand, Some(Ok(1))));
        for _ in 0..3 {
            assert_eq!(y.recv(&mut [0; 8]).await?, 1);
        }
        assert!(poll_once(&mut late).await.is_none());
        let receiver = turno::spawn(async move {
            for _ in 0..sent {
                assert_eq!(x.recv(&mut [0; 8]).await?, 1);
            }
            x.recv(&mut [0; 8]).await
        });
        assert_eq!(late.await?, 4);
        assert_eq!(receiver.await.unwrap()?, 4);
        std::fs::remove_file(&full)?;
        std::fs::remove_file(&free)
    });
}
