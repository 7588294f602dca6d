//! Input that is always there keeps nobody from their turn; many connections live side by side.
#![cfg(target_os = "linux")]

mod common;

use std::cell::Cell;
use std::io::{Read, Result, Write};
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use turno::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};
use turno::runtime::Builder;
use turno::task::yield_now;

use common::guarded;

const BUDGET: u32 = 16;

/// Runs `test`, which makes `operations` that are all ready, beside a ticker; the ticker must have
/// had a turn for each budget that was spent.
fn beside_a_ticker(operations: u32, test: impl AsyncFnOnce(Rc<dyn Fn()>) -> Result<()>) {
    guarded(|| {
        let rt = Builder::new().budget(BUDGET).build().unwrap();
        let ticks = Rc::new(Cell::new(0_u32));
        let (ours, begin) = (ticks.clone(), ticks.clone());
        rt.spawn(async move {
            loop {
                ours.set(ours.get() + 1);
                yield_now().await;
            }
        });
        rt.block_on(test(Rc::new(move || begin.set(0)))).unwrap();
        let wanted = operations / (BUDGET + 1);
        assert!(ticks.get() >= wanted, "{} turns of at least {wanted}", ticks.get());
    });
}

#[test]
fn a_stream_full_of_data() {
    beside_a_ticker(2_000, async |begin| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let a = TcpStream::connect(listener.local_addr()?).await?;
        let (b, _) = listener.accept().await?;
        a.write_all(&[7; 2_000]).await?;
        begin();
        for _ in 0..2_000 {
            assert_eq!(b.read(&mut [0; 1]).await?, 1);
        }
        Ok(())
    });
}

#[test]
fn a_stream_with_a_fast_writer() {
    beside_a_ticker(3_000, async |begin| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let b = TcpStream::connect(listener.local_addr()?).await?;
        let (mut a, _) = listener.accept()?;
        let writer = std::thread::spawn(move || while a.write_all(&[7; 65_536]).is_ok() {});
        b.readable().await?;
        begin();
        for _ in 0..3_000 {
            assert!(b.read(&mut [0; 64]).await? > 0);
        }
        drop(b);
        writer.join().unwrap();
        Ok(())
    });
}

#[test]
fn a_writer_whose_peer_takes_all() {
    beside_a_ticker(1_000, async |begin| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let a = TcpStream::connect(listener.local_addr()?).await?;
        let _b = listener.accept().await?;
        begin();
        for _ in 0..1_000 {
            a.write_all(b"x").await?; // All of it fits into the kernel's buffer.
        }
        Ok(())
    });
}

#[test]
fn datagrams_without_end() {
    beside_a_ticker(100, async |begin| {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
        for _ in 0..100 {
            a.try_send_to(b"x", b.local_addr()?)?;
        }
        begin();
        for _ in 0..100 {
            b.recv_from(&mut [0; 8]).await?;
        }
        Ok(())
    });
}

#[test]
fn waiting_for_what_is_ready_already() {
    beside_a_ticker(500, async |begin| {
        let (a, b) = UnixDatagram::pair()?;
        a.send(b"x").await?;
        begin();
        for _ in 0..500 {
            b.readable().await?;
        }
        Ok(())
    });
}

#[test]
fn connections_that_queue() {
    beside_a_ticker(100, async |begin| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let clients =
            (0..100).map(|_| std::net::TcpStream::connect(address)).collect::<Result<Vec<_>>>()?;
        begin();
        for _ in &clients {
            listener.accept().await?;
        }
        Ok(())
    });
}

#[test]
fn a_thousand_connections() {
    const MANY: usize = 1_000;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    guarded(|| {
        let rt = Builder::new().build().unwrap();
        rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let server = turno::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let echo = async move {
                        let mut buf = [0; 64];
                        while let Ok(n @ 1..) = stream.read(&mut buf).await {
                            stream.write_all(&buf[..n]).await?;
                        }
                        Result::Ok(())
                    };
                    turno::spawn(echo);
                }
            });
            let client = move |i: usize| async move {
                let stream = TcpStream::connect(address).await?;
                for round in 0..3 {
                    let sent = (i * 3 + round).to_ne_bytes();
                    stream.write_all(&sent).await?;
                    let mut got = [0; 8];
                    stream.read_exact(&mut got).await?;
                    assert_eq!(got, sent);
                }
                Result::Ok(stream)
            };
            let clients: Vec<_> = (0..MANY).map(|i| turno::spawn(client(i))).collect();
            let mut open = Vec::new();
            for client in clients {
                open.push(client.await.unwrap()?);
            }
            server.abort();
            Result::Ok(open)
        })
        .map(|open| assert_eq!(open.len(), MANY))
        .unwrap();
        assert!(rt.metrics().sources >= MANY, "the server's sides are open");
        while rt.metrics().sources > 0 {
            rt.turn(Some(Duration::from_millis(100))); // They see the end, and go.
        }
    });
}

#[test]
fn a_flood_in_one_direction_leaves_the_other_open() {
    guarded(|| {
        let rt = Builder::new().build().unwrap();
        rt.block_on(async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            let ours = TcpStream::connect(listener.local_addr()?).await?;
            let (mut theirs, _) = listener.accept()?;
            let (read, write) = ours.into_split();
            // They answer only after they have read all, so writing stops half-way and goes on.
            let peer = std::thread::spawn(move || {
                let mut all = vec![0; 20_000_000];
                theirs.read_exact(&mut all)?;
                theirs.write_all(b"thanks")
            });
            let writer = turno::spawn(async move {
                write.write_all(&vec![1; 20_000_000]).await?;
                Result::Ok(write)
            });
            let mut thanks = [0; 6];
            read.read_exact(&mut thanks).await?;
            writer.await.unwrap()?;
            peer.join().unwrap()
        })
        .unwrap();
    });
}
