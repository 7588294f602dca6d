//! Who waits for a socket: any number of tasks, each exactly as long as its future lives.

mod common;

use std::future::{Future, pending, poll_fn};
use std::io::{ErrorKind, Read, Result};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use turno::net::{Interest, TcpListener, TcpStream, UdpSocket, lookup_host};
use turno::runtime::{Builder, Runtime};
use turno::time::timeout;

use common::{guarded, virtual_rt};

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

async fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    Ok((client, listener.accept().await?.0))
}

#[test]
fn a_future_that_is_dropped_leaves_no_waker_behind() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let (a, _b) = rt.block_on(pair()).unwrap();
        let _context = rt.enter();
        let nobody = Arc::new(Nobody);
        let mut buf = [0; 8];
        for _ in 0..3 {
            let waker = nobody.clone().into();
            let mut cx = Context::from_waker(&waker);
            let mut read = Box::pin(a.read(&mut buf));
            assert!(read.as_mut().poll(&mut cx).is_pending());
            let mut readable = Box::pin(a.ready(Interest::READABLE.add(Interest::WRITABLE)));
            let _ = readable.as_mut().poll(&mut cx);
            let mut peek = Box::pin(a.readable());
            assert!(peek.as_mut().poll(&mut cx).is_pending());
            assert!(Arc::strong_count(&nobody) > 2, "nothing waits");
        }
        assert_eq!(Arc::strong_count(&nobody), 1, "wakers are left behind");
    });
}

#[test]
fn a_future_dropped_on_another_thread_leaves_no_waker_behind() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let (a, _b) = rt.block_on(pair()).unwrap();
        let a = Arc::new(a);
        let nobody = Arc::new(Nobody);
        let waker = nobody.clone().into();
        let stream = a.clone();
        let mut wait = Box::pin(async move { stream.readable().await });
        {
            let _context = rt.enter();
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        std::thread::spawn(move || drop(wait)).join().unwrap();
        rt.turn(Some(Duration::ZERO)); // The letter is opened.
        drop(waker);
        assert_eq!(Arc::strong_count(&nobody), 1, "a waker is left behind");
    });
}

#[test]
fn a_read_that_was_given_up_hides_no_stall() {
    guarded(|| {
        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            timeout(Duration::from_millis(1), listener.accept()).await.unwrap_err();
            pending::<()>().await;
        });
        assert_eq!(stalled.unwrap_err().tasks().len(), 1);
    });
}

#[test]
fn every_future_that_waits_hears_of_it_and_the_last_poll_by_hand() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            b.try_read(&mut [0]).unwrap_err(); // It is known to be empty.
            let b = Rc::new(b);
            let waiting: Vec<_> = (0..5)
                .map(|i| {
                    let b = b.clone();
                    turno::spawn(async move {
                        match i % 2 {
                            0 => b.readable().await.unwrap(),
                            _ => poll_fn(|cx| b.poll_read_ready(cx)).await.unwrap(),
                        }
                    })
                })
                .collect();
            turno::task::yield_now().await; // All of them wait.
            a.write_all(b"x").await.unwrap();
            for (i, task) in waiting.into_iter().enumerate() {
                match i {
                    1 => task.abort(), // The other that polls by hand came later.
                    _ => task.await.unwrap(),
                }
            }
        });
    });
}

#[test]
fn of_two_readers_the_one_that_stays_gets_the_data() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            let b = Rc::new(b);
            let read = |b: Rc<TcpStream>| async move { b.read(&mut [0; 1]).await.unwrap() };
            let (stays, leaves) = (turno::spawn(read(b.clone())), turno::spawn(read(b.clone())));
            turno::task::yield_now().await;
            leaves.abort();
            a.write_all(b"x").await.unwrap();
            assert_eq!(stays.await.unwrap(), 1);
        });
    });
}

#[test]
fn a_task_that_ends_with_its_runtime_may_still_say_goodbye() {
    struct Goodbye(TcpStream);
    impl Drop for Goodbye {
        fn drop(&mut self) {
            assert_eq!(self.0.try_write(b"bye").unwrap(), 3);
        }
    }
    guarded(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let rt = Runtime::new().unwrap();
        let stream = rt.block_on(TcpStream::connect(address)).unwrap();
        let goodbye = Goodbye(stream);
        rt.spawn(async move {
            let _goodbye = goodbye;
            pending::<()>().await;
        });
        drop(rt);
        let mut said = String::new();
        listener.accept().unwrap().0.read_to_string(&mut said).unwrap();
        assert_eq!(said, "bye");
    });
}

#[test]
fn what_would_block_says_so_and_does_not_spin() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            let mut buf = [0; 8];
            assert_eq!(b.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
            let ready = poll_fn(|cx| Poll::Ready(b.poll_read_ready(cx).is_ready())).await;
            assert!(!ready, "it said no, and is believed ready all the same");
            let (_c, mut d) = pair().await.unwrap(); // What is accepted is taken for ready.
            let (reader, _) = d.split();
            assert!(futures_lite::future::poll_once(reader.read(&mut buf)).await.is_none());
            assert!(!is_readable(reader.as_ref()).await, "it waits, and is believed ready");
            a.write_all(b"x").await.unwrap();
            b.readable().await.unwrap();
            assert_eq!(b.try_read(&mut buf).unwrap(), 1);
        });
    });
}

#[test]
fn the_futures_of_sockets_may_cross_threads_too() {
    fn check<F: Future + Send>(_: impl FnOnce() -> F) {}
    check(|| TcpStream::connect("localhost:1"));
    check(|| TcpListener::bind("localhost:1"));
    check(|| UdpSocket::bind(("localhost", 1)));
    check(|| lookup_host("localhost:1"));
    check(|| async {
        let (stream, _) = TcpListener::bind("127.0.0.1:0").await?.accept().await?;
        stream.readable().await?;
        stream.read_to_end(&mut Vec::new()).await?;
        stream.write_all(b"x").await
    });
    check(|| async {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        socket.send_to(b"x", "localhost:1").await?;
        socket.recv_from(&mut [0]).await
    });
}

/// Whether a wait for readability ends at once.
async fn is_readable(stream: &TcpStream) -> bool {
    futures_lite::future::poll_once(stream.readable()).await.is_some()
}

#[test]
fn a_socket_is_readable_until_a_read_would_block() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            let mut buf = [0; 4];
            a.write_all(b"12345").await.unwrap();
            b.readable().await.unwrap();
            assert_eq!(b.read(&mut buf).await.unwrap(), 4);
            assert_eq!(b.read(&mut buf).await.unwrap(), 1);
            assert!(is_readable(&b).await, "a short read proves nothing");
            assert_eq!(b.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(!is_readable(&b).await, "it is known to be empty");
            a.write_all(b"6").await.unwrap();
            b.readable().await.unwrap();
            assert_eq!(b.read(&mut buf).await.unwrap(), 1);
        });
    });
}

#[test]
fn a_short_read_before_the_end_does_not_hide_the_end() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            a.write_all(b"x").await.unwrap();
            a.shutdown().await.unwrap();
            while !b.ready(Interest::READABLE).await.unwrap().is_read_closed() {
                turno::task::yield_now().await; // Until the loop has looked.
            }
            assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 1);
            assert!(is_readable(&b).await, "the end is there, and no event will tell of it again");
            assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 0);
        });
    });
}

#[test]
fn an_operation_that_waits_costs_no_budget() {
    guarded(|| {
        let rt = Builder::new().budget(1).build().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            turno::task::yield_now().await; // From here on one operation may be done.
            for _ in 0..3 {
                let read = futures_lite::future::poll_once(b.read(&mut [0])).await;
                assert!(read.is_none());
            }
            let written = futures_lite::future::poll_once(a.write(b"x")).await;
            assert!(written.is_some(), "waiting was charged");
            let written = futures_lite::future::poll_once(a.write(b"x")).await;
            assert!(written.is_none(), "writing was not");
        });
    });
}

#[test]
fn a_future_that_moves_to_another_task_is_woken_there() {
    struct Heard(AtomicBool);
    impl Wake for Heard {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let (a, b) = rt.block_on(pair()).unwrap();
        let [first, second] = [(); 2].map(|()| Arc::new(Heard(AtomicBool::new(false))));
        let mut readable = Box::pin(b.readable());
        {
            let _context = rt.enter();
            for heard in [&first, &second] {
                let waker = heard.clone().into();
                let _ = b.try_read(&mut [0]);
                let polled = readable.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
            a.try_write(b"x").unwrap();
        }
        while !second.0.load(Ordering::SeqCst) {
            rt.turn(Some(Duration::from_millis(100)));
        }
        assert!(!first.0.load(Ordering::SeqCst), "the task that it left was woken");
        assert_eq!(Arc::strong_count(&first), 1);
    });
}

#[cfg(unix)]
#[test]
fn news_of_a_socket_that_is_gone_reach_nobody() {
    use turno::net::UnixStream;

    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            // Somebody keeps the connection open behind the socket's back.
            let kept = std::os::fd::AsFd::as_fd(&b).try_clone_to_owned().unwrap();
            drop(b);
            let (c, _d) = UnixStream::pair().unwrap(); // One of them sits where `b` sat.
            let nothing = async || futures_lite::future::poll_once(c.readable()).await.is_none();
            assert_eq!(c.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(nothing().await);
            a.write_all(b"for nobody").await.unwrap();
            turno::time::sleep(Duration::from_millis(1)).await; // The loop looks.
            assert!(nothing().await, "news for another");
            drop(kept);
        });
    });
}

#[test]
fn a_socket_that_is_dropped_in_its_runtime_is_gone_at_once() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
            drop((a, b));
        });
        assert_eq!(rt.metrics().sources, 0);
    });
}

#[cfg(unix)]
#[test]
fn of_those_who_poll_by_hand_none_but_the_last_is_kept() {
    #[cfg(feature = "futures-io")]
    use {futures_lite::AsyncRead, std::pin::Pin};

    use turno::net::{AsyncFd, UnixDatagram, UnixListener};

    guarded(|| {
        let rt = Runtime::new().unwrap();
        let _context = rt.enter();
        let (a, _b) = rt.block_on(pair()).unwrap();
        let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let udp = rt.block_on(UdpSocket::bind("127.0.0.1:0")).unwrap();
        let path = std::env::temp_dir().join(format!("turno-by-hand-{}", std::process::id()));
        let unix = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (datagram, _other) = UnixDatagram::pair().unwrap();
        while datagram.try_send(&[0; 1000]).is_ok() {}
        let (c, _d) = std::os::unix::net::UnixStream::pair().unwrap();
        c.set_nonblocking(true).unwrap();
        let fd = AsyncFd::new(c).unwrap();
        #[cfg(feature = "futures-io")]
        let (mut reader, buf) = (&a, &mut [0; 8]);
        type Form<'a> = Box<dyn FnMut(&mut Context<'_>) -> bool + 'a>;
        let forms: Vec<Form<'_>> = vec![
            Box::new(|cx| a.poll_read_ready(cx).is_pending()),
            Box::new(|cx| a.poll_peek(cx, &mut [0]).is_pending()),
            Box::new(|cx| listener.poll_accept(cx).is_pending()),
            Box::new(|cx| udp.poll_recv_ready(cx).is_pending()),
            Box::new(|cx| udp.poll_recv(cx, &mut [0]).is_pending()),
            Box::new(|cx| udp.poll_recv_from(cx, &mut [0]).is_pending()),
            Box::new(|cx| udp.poll_peek_sender(cx).is_pending()),
            Box::new(|cx| unix.poll_accept(cx).is_pending()),
            Box::new(|cx| datagram.poll_send(cx, &[0; 1000]).is_pending()),
            Box::new(|cx| datagram.poll_recv(cx, &mut [0]).is_pending()),
            Box::new(|cx| fd.poll_read_ready(cx).is_pending()),
            #[cfg(feature = "futures-io")]
            Box::new(|cx| Pin::new(&mut reader).poll_read(cx, buf).is_pending()),
        ];
        for (n, mut form) in forms.into_iter().enumerate() {
            let mut last = None;
            for _ in 0..100 {
                let one = Arc::new(Nobody);
                let waker = one.clone().into();
                assert!(form(&mut Context::from_waker(&waker)), "{n} does not wait");
                drop(waker);
                if let Some(before) = last.replace(one) {
                    assert_eq!(Arc::strong_count(&before), 1, "{n} keeps one that was given up");
                }
            }
            assert!(last.is_some_and(|last| Arc::strong_count(&last) == 2), "{n} does not wait");
        }
    });
}

#[cfg(unix)]
#[test]
fn of_those_who_poll_by_hand_one_reads_and_one_writes() {
    use turno::net::UnixDatagram;

    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = UnixDatagram::pair().unwrap();
            while a.try_send(&[0; 1000]).is_ok() {}
            let a = Rc::new(a);
            let (reads, writes) = (a.clone(), a.clone());
            let reads = turno::spawn(async move {
                poll_fn(|cx| reads.poll_recv(cx, &mut [0])).await.unwrap();
            });
            let writes = turno::spawn(async move {
                poll_fn(|cx| writes.poll_send(cx, &[0; 1000])).await.unwrap();
            });
            turno::task::yield_now().await; // Both wait.
            while !writes.is_finished() {
                b.recv(&mut [0; 1000]).await.unwrap();
                turno::time::sleep(Duration::from_millis(1)).await; // The loop looks.
            }
            b.send(b"x").await.unwrap();
            reads.await.unwrap();
        });
    });
}

#[test]
fn what_comes_while_a_waker_is_cloned_is_not_missed() {
    guarded(|| {
        let rt = Rc::new(Runtime::new().unwrap());
        for reads in [false, true] {
            let (a, b) = rt.block_on(pair()).unwrap();
            let _context = rt.enter();
            assert!(b.try_read(&mut [0]).is_err()); // It is known to be empty.
            let host = rt.clone();
            let waker = common::on_clone::on_clone(move || {
                a.try_write(b"x").unwrap();
                host.turn(Some(Duration::from_secs(1)));
            });
            let (mut cx, buf) = (Context::from_waker(&waker), &mut [0; 8]);
            let polled = match reads {
                true => std::pin::pin!(b.read(buf)).poll(&mut cx).map_ok(drop),
                false => std::pin::pin!(b.readable()).poll(&mut cx),
            };
            assert!(polled.is_ready(), "it waits for what has come");
        }
    });
}
