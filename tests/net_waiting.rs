//! Who waits for a socket: any number of tasks, each exactly as long as its future lives.

mod common;

use std::future::{Future, pending, poll_fn};
use std::io::{ErrorKind, Read, Result};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use turno::net::{Interest, TcpListener, TcpStream, UdpSocket, lookup_host};
use turno::runtime::Runtime;
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
fn everybody_who_waits_hears_of_it() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let (a, b) = pair().await.unwrap();
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
            for task in waiting {
                task.await.unwrap();
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
