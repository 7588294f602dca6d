//! TCP: what is sent arrives, in both directions, whoever reads; and what goes wrong says so.

use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;
use std::time::Duration;

use turno::net::{TcpListener, TcpStream};
use turno::runtime::{Builder, Runtime, is_rt_shutdown_err};
use turno::task::Cause;
use turno::time::timeout;

/// Runs a test on a runtime of its own; it has ten seconds.
fn run<T>(test: impl Future<Output = std::io::Result<T>>) -> T {
    let rt = Runtime::new().unwrap();
    rt.block_on(async { timeout(Duration::from_secs(10), test).await.expect("it hangs") }).unwrap()
}

async fn pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let accept = turno::spawn(async move { listener.accept().await });
    let client = TcpStream::connect(address).await?;
    Ok((client, accept.await.unwrap()?.0))
}

#[test]
fn a_name_is_looked_up_and_a_refusal_is_an_error() {
    run(async {
        let listener = TcpListener::bind("localhost:0").await?;
        let port = listener.local_addr()?.port();
        let accept = turno::spawn(async move { listener.accept().await.map(drop) });
        TcpStream::connect(("localhost", port)).await?;
        accept.await.unwrap()?;
        let refused = TcpStream::connect(("127.0.0.1", port)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn a_megabyte_goes_through_halves_in_two_tasks() {
    run(async {
        let (client, server) = pair().await?;
        let (mut read, write) = (client, server);
        let (_, write) = write.into_split();
        let data: Vec<u8> = (0..1_000_000_u32).map(|i| i as u8).collect();
        let sent = data.clone();
        let writer = turno::spawn(async move { write.write_all(&sent).await });
        let mut got = Vec::new();
        read.split().0.read_to_end(&mut got).await?; // Ends, as dropping the half shuts it down.
        writer.await.unwrap()?;
        assert!(got == data, "the bytes differ");
        Ok(())
    });
}

#[test]
fn halves_come_together_again_and_strangers_do_not() {
    run(async {
        let (a, b) = pair().await?;
        let ((a_read, a_write), (b_read, b_write)) = (a.into_split(), b.into_split());
        let strangers = a_read.reunite(b_write).unwrap_err();
        let a = strangers.0.reunite(a_write).expect("halves of one stream");
        let b = b_read.reunite(strangers.1).expect("halves of one stream");
        a.write_all(b"still open").await?;
        let mut buf = [0; 10];
        assert_eq!(b.peek(&mut buf).await?, 10);
        b.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"still open");
        Ok(())
    });
}

#[test]
fn vectored_reads_and_writes_fill_the_buffers_in_order() {
    run(async {
        let (a, b) = pair().await?;
        let n = a.write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two")]).await?;
        assert_eq!(n, 7);
        let (mut x, mut y) = ([0; 4], [0; 3]);
        let bufs = &mut [std::io::IoSliceMut::new(&mut x), std::io::IoSliceMut::new(&mut y)];
        assert_eq!(b.read_vectored(bufs).await?, 7);
        assert_eq!((&x, &y), (b"one ", b"two"));
        Ok(())
    });
}

#[test]
fn a_peer_that_resets_is_an_error_of_that_connection_alone() {
    run(async {
        let (a, b) = pair().await?;
        let (c, d) = pair().await?;
        socket2::SockRef::from(&a).set_linger(Some(Duration::ZERO))?;
        drop(a);
        let reset = b.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
        c.write_all(b"x").await?;
        assert_eq!(d.read(&mut [0; 1]).await?, 1);
        Ok(())
    });
}

#[test]
fn to_the_standard_library_and_back() {
    run(async {
        let (a, b) = pair().await?;
        let a = TcpStream::from_std(a.into_std()?)?;
        a.write_all(b"hi").await?;
        let mut buf = [0; 2];
        b.read_exact(&mut buf).await?;
        assert_eq!(b.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        a.shutdown().await?;
        assert_eq!(b.read(&mut buf).await?, 0);
        Ok(())
    });
}

#[test]
fn elsewhere_than_in_its_runtime_a_socket_says_so() {
    let rt = Runtime::new().unwrap();
    let (a, _b) = rt.block_on(pair()).unwrap();
    let other = Runtime::new().unwrap();
    let error = other.block_on(a.read(&mut [0; 1])).unwrap_err();
    assert!(error.to_string().contains("outside of the turno runtime"), "{error}");
    assert!(!is_rt_shutdown_err(&error));
    let error = std::thread::scope(|s| {
        s.spawn(|| futures_lite::future::block_on(a.readable()).unwrap_err()).join().unwrap()
    });
    assert!(error.to_string().contains("outside of the turno runtime"), "{error}");
    drop(rt);
    assert!(is_rt_shutdown_err(&other.block_on(a.read(&mut [0; 1])).unwrap_err()));
}

#[test]
fn a_socket_may_be_dropped_on_any_thread() {
    let rt = Runtime::new().unwrap();
    let (a, b) = rt.block_on(pair()).unwrap();
    assert_eq!(rt.metrics().sources, 2);
    std::thread::spawn(move || drop(a)).join().unwrap();
    drop(b); // Outside of the context.
    rt.turn(Some(Duration::ZERO));
    assert_eq!(rt.metrics().sources, 0);
}

#[test]
fn a_stream_that_is_always_ready_does_not_keep_the_thread() {
    // The reader never finds its socket empty, and still gives way: the budget is spent.
    let (tell, told) = std::sync::mpsc::channel();
    let rt = Builder::new()
        .budget(16)
        .observe(move |_, event: &turno::observe::Event<'_>| {
            if let turno::observe::Event::Woken { task, .. } = event
                && task.cause() == Cause::Budget
            {
                let _ = tell.send(());
            }
        })
        .build()
        .unwrap();
    rt.block_on(async {
        let (a, b) = pair().await?;
        a.write_all(&[7; 1000]).await?;
        for _ in 0..1000 {
            b.read_exact(&mut [0; 1]).await?;
        }
        std::io::Result::Ok(())
    })
    .unwrap();
    assert!(told.try_iter().count() >= 1000 / 17, "the reader never gave way");
}

#[test]
fn accepting_can_be_bounded_per_turn() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        listener.set_accept_burst(2);
        let address = listener.local_addr()?;
        let clients: Vec<_> =
            (0..6).map(|_| std::net::TcpStream::connect(address)).collect::<Result<_, _>>()?;
        let listener = Rc::new(listener);
        let mut accepted = Vec::new();
        while accepted.len() < clients.len() {
            // Polled in a row, without giving way: only the bound stops it.
            let mut now = 0;
            while let Some(found) = futures_lite::future::poll_once(listener.accept()).await {
                accepted.push(found?.0);
                now += 1;
            }
            assert!(now <= 2, "{now} accepted in one turn");
            turno::time::sleep(Duration::from_micros(1)).await; // Until the next turn.
        }
        Ok(())
    });
}

#[test]
fn sockets_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<TcpStream>();
    check::<TcpListener>();
    check::<turno::net::UdpSocket>();
    check::<turno::net::tcp::OwnedReadHalf>();
    check::<turno::time::Sleep>();
    check::<turno::runtime::Handle>();
    #[cfg(unix)]
    check::<turno::net::UnixStream>();
}
