//! Addresses and names: every form leads there, and what is an address already is not looked up.

mod common;

use std::io::{ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use turno::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket, lookup_host};
use turno::runtime::Runtime;

use common::guarded;

#[test]
fn what_is_an_address_is_not_looked_up() {
    async fn is(target: impl ToSocketAddrs, expected: &str) {
        let found: Vec<_> = lookup_host(target).await.unwrap().collect();
        assert_eq!(found, [expected.parse::<SocketAddr>().unwrap()]);
    }
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
            is(SocketAddr::from((v4, 1)), "127.0.0.1:1").await;
            is(SocketAddrV4::new(v4, 2), "127.0.0.1:2").await;
            is(SocketAddrV6::new(v6, 3, 0, 0), "[::1]:3").await;
            is((IpAddr::from(v4), 4), "127.0.0.1:4").await;
            is((v4, 5), "127.0.0.1:5").await;
            is((v6, 6), "[::1]:6").await;
            is(("127.0.0.1", 7), "127.0.0.1:7").await;
            is(("::1".to_string(), 8), "[::1]:8").await;
            is("127.0.0.1:9", "127.0.0.1:9").await;
            is("[::1]:10".to_string(), "[::1]:10").await;
            is(&"127.0.0.1:11".to_string(), "127.0.0.1:11").await;
            is(&[SocketAddr::from((v4, 12))][..], "127.0.0.1:12").await;
        });
        assert_eq!(rt.metrics().blocking_threads, 0, "something was looked up");
    });
}

#[test]
fn a_name_is_looked_up_beside_the_loop() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            for name in ["localhost:80".to_string(), "localhost:80".to_string()] {
                let found: Vec<_> = lookup_host(name).await.unwrap().collect();
                assert!(!found.is_empty());
                assert!(found.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
            }
            let found = lookup_host(("localhost".to_string(), 81)).await.unwrap().next();
            assert_eq!(found.unwrap().port(), 81);
        });
        assert!(rt.metrics().blocking_threads > 0);
    });
}

#[test]
fn what_is_no_name_is_an_error() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            for text in ["localhost", "localhost:", "localhost:99999", ""] {
                let error = TcpStream::connect(text).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}: {error}");
            }
            let none: &[SocketAddr] = &[];
            let error = TcpStream::connect(none).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let error = socket.send_to(b"x", none).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn of_several_addresses_the_first_that_answers_is_taken() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let dead = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let alive = listener.local_addr()?;
            let stream = TcpStream::connect(&[dead, alive][..]).await?;
            assert_eq!(stream.peer_addr()?, alive);
            let error = TcpStream::connect(&[dead, dead][..]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            // Taken, so the next one is.
            let second = TcpListener::bind(&[alive, "127.0.0.1:0".parse().unwrap()][..]).await?;
            assert_ne!(second.local_addr()?, alive);
            let error = TcpListener::bind(alive).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            Result::Ok(())
        })
        .unwrap();
        assert_eq!(rt.metrics().sources, 0, "failed attempts leave something behind");
    });
}

#[test]
fn the_port_of_a_listener_that_has_gone_can_be_had_again_at_once() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let client = TcpStream::connect(address).await?;
            let (server, _) = listener.accept().await?;
            drop((server, listener)); // The server's side closes first, and stays in TIME_WAIT.
            assert_eq!(client.read(&mut [0]).await?, 0);
            drop(client);
            TcpListener::bind(address).await?;
            Result::Ok(())
        })
        .unwrap();
    });
}

#[test]
fn a_connection_that_was_given_up_leaves_nothing() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let connect = futures_lite::future::poll_once(TcpStream::connect(address)).await;
            assert!(connect.is_none(), "a connection is on its way until the loop has looked");
        });
        assert_eq!(rt.metrics().sources, 0);
    });
}
