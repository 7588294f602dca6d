//! A thread that wakes a task may be preempted on its way: it is the one to ring, and has not rung
//! yet. Then the loop goes on, sleeps and is woken by others, nothing is lost, and the bell that
//! comes late keeps no host awake.
//!
//! A preemption at that place is made by a `write` that stands in for the C library's: the thread
//! that asked for it is held there until it is let go.

#![cfg(target_os = "linux")]

mod common;

use std::cell::RefCell;
use std::future::poll_fn;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{guarded, wait_once};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use turno::runtime::{Builder, Runtime};

thread_local! {
    /// Of a thread that is to be held at its next bell: it says that it is there, and waits.
    static HOLD: RefCell<Option<(Sender<()>, Receiver<()>)>> = const { RefCell::new(None) };
}

#[repr(C)]
struct Part {
    from: *const u8,
    len: usize,
}

unsafe extern "C" {
    fn writev(fd: RawFd, parts: *const Part, count: i32) -> isize;
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: RawFd, from: *const u8, len: usize) -> isize {
    let hold = HOLD.try_with(|hold| hold.borrow_mut().take_if(|_| len == 8)).ok().flatten();
    if let Some((there, go)) = hold {
        there.send(()).unwrap();
        let _ = go.recv();
    }
    // Safety: it is the same bytes.
    unsafe { writev(fd, &Part { from, len }, 1) }
}

/// A thread that has begun to ring and has not rung.
struct Held {
    go: Sender<()>,
    thread: JoinHandle<()>,
}

impl Held {
    fn wake(waker: Waker) -> Self {
        let ((there, is_there), (go, wait)) = (mpsc::channel(), mpsc::channel());
        let thread = thread::spawn(move || {
            HOLD.set(Some((there, wait)));
            waker.wake();
            HOLD.take();
        });
        is_there.recv().expect("it rings");
        Self { go, thread }
    }

    fn let_go(self) {
        self.go.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

struct Host {
    rt: Runtime,
    calls: Arc<AtomicUsize>,
    heard: Rc<RefCell<Vec<usize>>>,
    wakers: Vec<Waker>,
}

impl Host {
    /// One with so many tasks that note their wakes.
    fn new(tasks: usize) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let on_wake = move || _ = count.fetch_add(1, SeqCst);
        let rt = Builder::new().on_wake(on_wake).build().unwrap();
        let heard: Rc<RefCell<Vec<usize>>> = Rc::default();
        let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
        for task in 0..tasks {
            let (heard, wakers) = (heard.clone(), wakers.clone());
            drop(rt.spawn(poll_fn(move |cx| {
                heard.borrow_mut().push(task);
                wakers.borrow_mut().push(cx.waker().clone());
                Poll::<()>::Pending
            })));
        }
        rt.turn(Some(Duration::ZERO));
        let wakers = wakers.take();
        heard.borrow_mut().clear();
        calls.store(0, SeqCst);
        Self { rt, calls, heard, wakers }
    }

    fn is_readable(&self) -> bool {
        let mut fds = [PollFd::new(&self.rt, PollFlags::IN)];
        let now = Timespec::try_from(Duration::ZERO).unwrap();
        poll(&mut fds, Some(&now)).unwrap() > 0
    }

    /// Makes a turn; returns whose wakes came, and whether it would turn again at once.
    fn turn(&self) -> (Vec<usize>, bool) {
        let turn = self.rt.turn(Some(Duration::ZERO));
        (self.heard.take(), turn.idle.is_some() || self.is_readable())
    }

    fn held(&self, task: usize) -> Held {
        Held::wake(self.wakers[task].clone())
    }

    fn wake(&self, task: usize) {
        self.wakers[task].wake_by_ref();
    }
}

#[test]
fn a_bell_that_comes_late_keeps_no_host_awake() {
    guarded(|| {
        let host = Host::new(2);
        let late = host.held(0);
        assert_eq!(host.turn(), (vec![0], false), "its letter is there before its bell");
        host.wake(1);
        assert_eq!(host.turn(), (vec![1], false));
        late.let_go();
        assert!(host.is_readable());
        for _ in 0..3 {
            assert_eq!(host.turn(), (vec![], false));
        }
        assert_eq!(host.calls.load(SeqCst), 2, "each of them has called, one of them late");
    });
}

#[test]
fn bells_that_come_late_in_any_order_lose_nothing_and_keep_no_host_awake() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        // Before the bell of this number comes, another thread rings in time, and is heard.
        for between in 0..4 {
            guarded(|| {
                let host = Host::new(4);
                let mut late = Vec::new();
                for task in 0..3 {
                    late.push(Some(host.held(task)));
                    assert_eq!(host.turn(), (vec![task], false));
                }
                for (n, &ringer) in order.iter().enumerate() {
                    if n == between {
                        host.wake(3);
                        assert!(host.is_readable());
                        assert_eq!(host.turn(), (vec![3], false));
                    }
                    late[ringer].take().unwrap().let_go();
                    assert!(host.is_readable());
                    assert_eq!(host.turn(), (vec![], false), "{order:?}: after {n}");
                }
                // Nor is a host deaf after it.
                for task in 0..4 {
                    host.wake(task);
                    assert!(host.is_readable());
                    assert_eq!(host.turn(), (vec![task], false));
                }
            });
        }
    }
}

#[test]
fn bells_that_come_late_at_once_are_heard_in_one_turn() {
    guarded(|| {
        let host = Host::new(3);
        let late = [0, 1, 2].map(|task| {
            let late = host.held(task);
            assert_eq!(host.turn(), (vec![task], false));
            late
        });
        late.into_iter().for_each(Held::let_go);
        for _ in 0..3 {
            assert_eq!(host.turn(), (vec![], false));
        }
    });
}

#[test]
fn a_sleep_does_not_depend_on_a_bell_that_has_not_come() {
    guarded(|| {
        let host = Host::new(1);
        let late = host.held(0);
        for _ in 0..10 {
            // The second thread rings for a loop that sleeps, as the first one does not.
            host.rt.block_on(wait_once(|waker| {
                let waker = waker.clone();
                thread::spawn(move || waker.wake());
            }));
        }
        assert_eq!(host.heard.take(), [0]);
        late.let_go();
        host.turn();
        assert_eq!(host.turn(), (vec![], false));
    });
}

#[test]
fn a_bell_may_come_after_the_runtime_is_gone() {
    guarded(|| {
        let host = Host::new(1);
        let late = host.held(0);
        drop(host);
        late.let_go();
    });
}

#[test]
fn a_bell_that_comes_late_concerns_no_other_loop() {
    guarded(|| {
        let (one, two) = (Host::new(2), Host::new(1));
        let late = one.held(0);
        assert_eq!(one.turn(), (vec![0], false));
        two.wake(0);
        assert_eq!((two.turn(), one.is_readable()), ((vec![0], false), false));
        one.wake(1);
        assert_eq!(one.turn(), (vec![1], false));
        late.let_go();
        assert!(one.is_readable() && !two.is_readable());
        assert_eq!((one.turn(), two.turn()), ((vec![], false), (vec![], false)));
    });
}
