//! Out of descriptors: accepting neither spins nor hangs, and goes on soon after one is free.
//!
//! Each test runs itself again in a process of its own, whose limit it may then use up.
#![cfg(target_os = "linux")]

mod common;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::Future;
use std::io::Result;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use turno::net::{TcpListener, TcpStream, UnixListener};
use turno::runtime::Runtime;
use turno::time::{sleep, timeout};

use common::guarded;

const CHILD: &str = "TURNO_TEST_CHILD";

/// Runs `test` in a process of its own, on a runtime.
fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if std::env::var_os(CHILD).is_some() {
        let soft = Some(48);
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: soft, maximum }).unwrap();
        return guarded(|| Runtime::new().unwrap().block_on(test()));
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = [child.stdout, child.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(child.status.success() && said[0].contains("1 passed"), "{}{}", said[0], said[1]);
}

/// Takes every descriptor that is left.
fn hoard() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// How long this thread has been on a processor, from a file that was opened in time.
fn cpu_time(stat: &File) -> Duration {
    let mut text = [0; 128];
    let n = stat.read_at(&mut text, 0).unwrap();
    let text = std::str::from_utf8(&text[..n]).unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// A loop that ignores errors, as many do.
struct Naive {
    errors: Rc<Cell<u32>>,
    accepted: Rc<RefCell<Vec<Instant>>>,
}

impl Naive {
    fn spawn<T: 'static, F: Future<Output = Result<T>>>(
        mut accept: impl FnMut() -> F + 'static,
    ) -> Self {
        let naive = Self { errors: Rc::default(), accepted: Rc::default() };
        let (errors, accepted) = (naive.errors.clone(), naive.accepted.clone());
        turno::spawn(async move {
            let mut kept = Vec::new();
            loop {
                match accept().await {
                    Ok(connection) => {
                        kept.push(connection);
                        accepted.borrow_mut().push(Instant::now());
                    }
                    Err(error) => {
                        assert_eq!(error.raw_os_error(), Some(24), "{error}");
                        errors.set(errors.get() + 1);
                    }
                }
            }
        });
        naive
    }

    /// Watches it fail for a while, frees a descriptor, and sees it go on.
    async fn watch(&self, mut hoard: Vec<File>, stat: &File, knock: impl Fn()) {
        let before = cpu_time(stat);
        for _ in 0..10 {
            sleep(Duration::from_millis(50)).await; // So long is it watched: nothing is waited for.
            knock();
        }
        let used = cpu_time(stat) - before;
        let errors = self.errors.get();
        assert!((6..=13).contains(&errors), "{errors} errors in half a second");
        assert!(used < Duration::from_millis(100), "{used:?} of processor time in half a second");
        assert!(self.accepted.borrow().is_empty());

        let freed = Instant::now();
        drop(hoard.pop());
        while self.accepted.borrow().is_empty() {
            assert!(freed.elapsed() < Duration::from_secs(5), "it hangs");
            sleep(Duration::from_millis(1)).await;
        }
        let late = self.accepted.borrow()[0] - freed;
        eprintln!("{errors} errors, {used:?} of processor time, accepted again after {late:?}");
        assert!(late < Duration::from_millis(100), "accepted again after {late:?}");
    }
}

#[test]
fn a_naive_tcp_loop_neither_spins_nor_hangs() {
    alone("a_naive_tcp_loop_neither_spins_nor_hangs", || async {
        let stat = File::open("/proc/thread-self/schedstat").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let knockers: Vec<_> = (0..12)
            .map(|_| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None))
            .collect::<Result<_>>()
            .unwrap();
        let knockers = RefCell::new(knockers.into_iter());
        let connected = RefCell::new(Vec::new());
        // Somebody new knocks all the time: an event each, and still no attempt.
        let knock = || {
            if let Some(socket) = knockers.borrow_mut().next() {
                socket.connect(&address.into()).unwrap();
                connected.borrow_mut().push(socket);
            }
        };
        knock();
        let hoard = hoard();
        let listener = Rc::new(listener);
        let naive = Naive::spawn(move || {
            let listener = listener.clone();
            async move { listener.accept().await }
        });
        naive.watch(hoard, &stat, knock).await;
    });
}

#[test]
fn a_naive_unix_loop_neither_spins_nor_hangs() {
    alone("a_naive_unix_loop_neither_spins_nor_hangs", || async {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("turno-test-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        let stat = File::open("/proc/thread-self/schedstat").unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let _client = std::os::unix::net::UnixStream::connect_addr(&address).unwrap();
        let hoard = hoard();
        let listener = Rc::new(listener);
        let naive = Naive::spawn(move || {
            let listener = listener.clone();
            async move { listener.accept().await }
        });
        naive.watch(hoard, &stat, || {}).await;
    });
}

#[test]
fn of_two_acceptors_at_rest_the_one_that_stays_goes_on() {
    alone("of_two_acceptors_at_rest_the_one_that_stays_goes_on", || async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut hoard = hoard();
        listener.accept().await.unwrap_err(); // From here on it rests.
        let accept = |listener: Rc<TcpListener>| async move { listener.accept().await.map(drop) };
        let stays = turno::spawn(accept(listener.clone()));
        let leaves = turno::spawn(accept(listener.clone()));
        turno::task::yield_now().await; // Both wait.
        leaves.abort();
        drop(hoard.pop());
        let accepted = timeout(Duration::from_millis(500), stays).await;
        accepted.expect("it hangs").unwrap().unwrap();
        drop(client);
    });
}

#[test]
fn at_rest_too_a_listener_says_that_it_is_elsewhere() {
    alone("at_rest_too_a_listener_says_that_it_is_elsewhere", || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _hoard = hoard();
        listener.accept().await.unwrap_err();
        let elsewhere = std::thread::scope(|s| {
            s.spawn(|| futures_lite::future::block_on(listener.accept()).map(drop)).join().unwrap()
        });
        common::has(elsewhere.unwrap_err().to_string(), "outside of the turno runtime");
    });
}

#[test]
fn without_a_descriptor_connecting_is_an_error_at_once() {
    alone("without_a_descriptor_connecting_is_an_error_at_once", || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hoard = hoard();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(24));
        drop(hoard);
        TcpStream::connect(address).await.unwrap();
    });
}

/// How many descriptors this process has.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn what_cannot_be_made_leaves_no_descriptor_behind() {
    alone("what_cannot_be_made_leaves_no_descriptor_behind", || async {
        let spare = hoard();
        let before = {
            drop(spare);
            open_descriptors()
        };
        // With too few left, whatever their number, nothing is made and nothing is kept.
        let mut failures = 0;
        for left in 0.. {
            let mut hoard = hoard();
            hoard.truncate(hoard.len() - left);
            let built = Runtime::new();
            drop(hoard);
            match built {
                Err(error) => assert_eq!(error.raw_os_error(), Some(24)),
                Ok(rt) => {
                    drop(rt);
                    break;
                }
            }
            failures += 1;
            assert_eq!(open_descriptors(), before, "with {left} descriptors left");
        }
        assert!(failures >= 3, "a reactor, its bell and a way to it: {failures}");
        let ours = turno::net::UnixDatagram::unbound().unwrap();
        let twice = || turno::net::AsyncFd::new(std::os::fd::AsFd::as_fd(&ours));
        let before = open_descriptors();
        assert!(twice().is_err(), "it is registered already");
        assert_eq!(open_descriptors(), before);
    });
}
