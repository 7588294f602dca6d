//! UDP: datagrams arrive whole, by every form of the operations, and say whom they are from.

mod common;

use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use turno::net::UdpSocket;
use turno::runtime::Runtime;
use turno::time::timeout;

use common::guarded;

fn run(test: impl AsyncFnOnce() -> Result<()>) {
    guarded(|| Runtime::new().unwrap().block_on(test()).unwrap());
}

async fn two() -> Result<(UdpSocket, UdpSocket)> {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    Ok((a, b))
}

#[test]
fn datagrams_arrive_whole_and_say_whom_they_are_from() {
    run(async || {
        let (a, b) = two().await?;
        let (from, to) = (a.local_addr()?, b.local_addr()?);
        a.send_to(b"one", to).await?;
        a.send_to(b"three", ("localhost", to.port())).await?;
        let mut buf = [0; 16];
        assert_eq!(b.recv_from(&mut buf).await?, (3, from));
        assert_eq!(b.recv_from(&mut buf[..2]).await?, (2, from)); // The rest of it is lost.
        assert_eq!(&buf[..3], b"the");
        assert_eq!(b.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn who_waits_is_woken_and_who_gives_up_loses_nothing() {
    run(async || {
        let (a, b) = two().await?;
        let mut buf = [0; 16];
        let none = timeout(Duration::from_millis(1), b.recv_from(&mut buf)).await;
        assert!(none.is_err());
        let to = b.local_addr()?;
        let task = turno::spawn(async move {
            let mut buf = [0; 16];
            b.recv_from(&mut buf).await.map(|(n, _)| buf[..n].to_vec())
        });
        turno::task::yield_now().await; // It waits.
        a.send_to(b"turno", to).await?;
        assert_eq!(task.await.unwrap()?, b"turno");
        Ok(())
    });
}

#[test]
fn peeking_leaves_the_datagram_there() {
    run(async || {
        let (a, b) = two().await?;
        let from = a.local_addr()?;
        assert_eq!(b.try_peek_sender().unwrap_err().kind(), ErrorKind::WouldBlock);
        a.send_to(b"turno", b.local_addr()?).await?;
        let mut buf = [0; 16];
        assert_eq!(b.peek_sender().await?, from);
        assert_eq!(poll_fn(|cx| b.poll_peek_sender(cx)).await?, from);
        assert_eq!(b.try_peek_sender()?, from);
        assert_eq!(b.peek(&mut buf).await?, 5);
        assert_eq!(b.peek_from(&mut buf).await?, (5, from));
        assert_eq!(b.try_peek_from(&mut buf)?, (5, from));
        assert_eq!(poll_fn(|cx| b.poll_peek_from(cx, &mut buf)).await?, (5, from));
        assert_eq!(b.recv(&mut buf).await?, 5);
        assert_eq!(b.try_peek(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn a_connected_socket_hears_only_its_peer_in_every_form() {
    run(async || {
        let (a, b) = two().await?;
        let (stranger, to) = (UdpSocket::bind("127.0.0.1:0").await?, b.local_addr()?);
        a.connect(to).await?;
        b.connect(a.local_addr()?).await?;
        assert_eq!(a.peer_addr()?, to);
        stranger.send_to(b"stranger", to).await?;
        let mut buf = [0; 16];
        assert_eq!(a.send(b"1").await?, 1);
        assert_eq!(poll_fn(|cx| a.poll_send(cx, b"22")).await?, 2);
        assert_eq!(a.try_send(b"333")?, 3);
        assert_eq!(b.recv(&mut buf).await?, 1);
        assert_eq!(poll_fn(|cx| b.poll_recv(cx, &mut buf)).await?, 2);
        assert_eq!(b.try_recv(&mut buf)?, 3);
        Ok(())
    });
}

#[test]
fn readiness_is_told_and_forgotten() {
    run(async || {
        let (a, b) = two().await?;
        let to: SocketAddr = b.local_addr()?;
        let mut buf = [0; 16];
        assert_eq!(b.try_recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        a.writable().await?;
        assert_eq!(a.try_send_to(b"x", to)?, 1);
        assert_eq!(poll_fn(|cx| a.poll_send_to(cx, b"y", to)).await?, 1);
        poll_fn(|cx| b.poll_recv_ready(cx)).await?;
        assert_eq!(b.try_recv_from(&mut buf)?.0, 1);
        assert_eq!(poll_fn(|cx| b.poll_recv_from(cx, &mut buf)).await?.0, 1);
        poll_fn(|cx| b.poll_send_ready(cx)).await?;
        Ok(())
    });
}

#[test]
fn a_port_where_nobody_is_answers_with_an_error() {
    run(async || {
        let (a, b) = two().await?;
        a.connect(b.local_addr()?).await?;
        drop(b);
        a.send(b"anybody?").await?;
        let refused = a.recv(&mut [0; 1]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        // The error was that datagram's, and the socket goes on.
        let waits = timeout(Duration::from_millis(5), a.recv(&mut [0; 1])).await;
        assert!(waits.is_err(), "{waits:?}");
        Ok(())
    });
}

#[test]
fn options_are_set_and_read_here_or_through_the_descriptor() {
    run(async || {
        let a = UdpSocket::bind("127.0.0.1:0").await?;
        a.set_broadcast(true)?;
        a.set_ttl(9)?;
        a.set_multicast_ttl_v4(3)?;
        a.set_multicast_loop_v4(false)?;
        assert!(a.broadcast()? && a.ttl()? == 9);
        assert!(a.multicast_ttl_v4()? == 3 && !a.multicast_loop_v4()?);
        socket2::SockRef::from(&a).set_recv_buffer_size(100_000)?;
        assert!(socket2::SockRef::from(&a).recv_buffer_size()? >= 100_000);
        let a = UdpSocket::from_std(a.into_std()?)?;
        assert_eq!(a.ttl()?, 9);
        assert!(a.take_error()?.is_none());
        Ok(())
    });
}
