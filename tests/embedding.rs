//! What a host with a loop of its own is promised: nothing that happens between two turns is lost,
//! and it is told of it in each of three ways (the descriptor is readable, `on_wake` was called, and
//! `park_timeout` is zero), once, and no longer than until it made the turn.
//!
//! Nobody sleeps here to wait for another thread: a thread is joined, or the descriptor polled.

#![cfg(unix)]

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use turno::runtime::{Builder, OnPanic, Runtime, Turn};
use turno::task::{JoinHandle, yield_now};
use turno::time::{Clock, Duration, Instant, sleep, work};

const AN_HOUR: Duration = Duration::from_secs(3600);

/// A runtime, and how often it called its host.
struct Host {
    rt: Runtime,
    calls: Arc<AtomicUsize>,
}

impl Host {
    fn new() -> Self {
        Self::with(Builder::new())
    }

    fn with(builder: Builder) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let on_wake = move || _ = count.fetch_add(1, Ordering::SeqCst);
        Self { rt: builder.on_wake(on_wake).build().unwrap(), calls }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn turn(&self) -> Turn {
        self.rt.turn(Some(Duration::ZERO))
    }

    /// Whether the descriptor is readable now, or becomes so before `timeout` is over.
    fn readable_in(&self, timeout: Duration) -> bool {
        let mut fds = [PollFd::new(&self.rt, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::try_from(timeout).unwrap())).unwrap() > 0
    }

    #[track_caller]
    fn assert_wanted(&self, calls: usize) {
        assert!(self.readable_in(Duration::ZERO), "the descriptor is not readable");
        assert_eq!(self.calls(), calls, "calls of `on_wake`");
        assert_eq!(self.rt.park_timeout(), Some(Duration::ZERO), "the host would sleep");
    }

    /// Nothing to do, and nothing that makes the host spin.
    #[track_caller]
    fn assert_quiet(&self, calls: usize) {
        assert!(!self.readable_in(Duration::ZERO), "the descriptor is still readable");
        assert_eq!(self.calls(), calls, "calls of `on_wake`");
        assert_eq!(self.rt.park_timeout(), None, "the host would not sleep");
    }

    /// A task that does nothing but hear its wakes. Its first switch is made.
    fn listener(&self) -> Listener {
        let heard = Rc::new(Cell::new(0));
        let waker = Rc::new(RefCell::new(None));
        let (count, keep) = (heard.clone(), waker.clone());
        let task = self.rt.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            *keep.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        self.turn();
        let waker = waker.borrow_mut().take().expect("it ran");
        heard.set(0);
        Listener { waker, heard, task }
    }
}

struct Listener {
    waker: Waker,
    heard: Rc<Cell<u32>>,
    task: JoinHandle<()>,
}

/// Runs `f` on another thread, to its end.
fn elsewhere<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|threads| threads.spawn(f).join().unwrap())
}

#[test]
fn a_new_runtime_is_quiet() {
    let host = Host::new();
    host.assert_quiet(0);
    assert_eq!(host.turn().switches, 0);
    host.assert_quiet(0);
}

#[test]
fn a_wake_between_turns_is_told_in_each_way_once() {
    let host = Host::new();
    let (a, b) = (host.listener(), host.listener());
    let calls = host.calls();
    for round in 1..=3 {
        a.waker.wake_by_ref();
        host.assert_wanted(calls + round);
        a.waker.wake_by_ref();
        b.waker.wake_by_ref();
        host.assert_wanted(calls + round);

        let turn = host.turn();
        assert_eq!((turn.switches, turn.idle), (2, None));
        assert_eq!((a.heard.take(), b.heard.take()), (1, 1));
        host.assert_quiet(calls + round);
    }
}

#[test]
fn a_wake_from_another_thread_between_turns_is_told_in_each_way_once() {
    let host = Host::new();
    let listener = host.listener();
    let calls = host.calls();
    for round in 1..=3 {
        elsewhere(|| listener.waker.wake_by_ref());
        elsewhere(|| listener.waker.wake_by_ref());
        host.assert_wanted(calls + round);
        host.turn();
        assert_eq!(listener.heard.take(), 1);
        host.assert_quiet(calls + round);
    }
}

#[test]
fn a_wake_from_another_thread_ends_the_hosts_poll() {
    let host = Host::new();
    let listener = host.listener();
    let (waker, (go, wait)) = (listener.waker.clone(), mpsc::channel());
    thread::scope(|threads| {
        threads.spawn(move || {
            wait.recv().unwrap();
            waker.wake();
        });
        go.send(()).unwrap();
        assert!(host.readable_in(Duration::from_secs(10)), "the host would have slept on");
        host.turn();
    });
    assert_eq!(listener.heard.get(), 1);
}

/// The last moment to be forgotten: the loop does not look again in this turn.
#[test]
fn a_wake_from_another_thread_during_the_last_switch_of_a_turn_is_told_after_it() {
    let host = Host::new();
    let listener = host.listener();
    let waker = listener.waker.clone();
    let task = host.rt.spawn(async move { elsewhere(|| waker.wake()) });
    let calls = host.calls();
    assert_eq!(host.turn().switches, 1);
    assert!(task.is_finished());
    assert_eq!(listener.heard.get(), 0);
    host.assert_wanted(calls + 1);
    host.turn();
    assert_eq!(listener.heard.get(), 1);
    host.assert_quiet(calls + 1);
}

/// The turn is made for a timer, so that nobody has rung before it. On a virtual clock the loop hears
/// of the wake itself after the switch, so nobody need be told.
#[test]
fn a_wake_from_another_thread_that_is_heard_in_the_turn_is_not_told() {
    let host = Host::with(Builder::new().clock(Clock::virtual_time()));
    let listener = host.listener();
    let (waker, calls) = (listener.waker.clone(), host.calls.clone());
    let told = host.rt.spawn(async move {
        sleep(AN_HOUR).await;
        let before = calls.load(Ordering::SeqCst);
        elsewhere(|| waker.wake());
        calls.load(Ordering::SeqCst) - before
    });
    host.turn();
    let calls = host.calls();
    host.turn();
    assert!(told.is_finished());
    assert_eq!(listener.heard.get(), 1);
    host.assert_quiet(calls);
    assert_eq!(host.rt.block_on(told).unwrap(), 0);
}

#[test]
fn a_wake_from_a_turn_of_another_runtime_on_this_thread_is_told() {
    let host = Host::new();
    let listener = host.listener();
    let (calls, waker) = (host.calls(), listener.waker.clone());
    Runtime::new().unwrap().block_on(async move { waker.wake() });
    host.assert_wanted(calls + 1);
    host.turn();
    assert_eq!(listener.heard.get(), 1);
    host.assert_quiet(calls + 1);
}

#[test]
fn a_spawn_between_turns_is_told_in_each_way_once() {
    let host = Host::new();
    let first = host.rt.spawn(async {});
    host.assert_wanted(1);
    let second = host.rt.spawn(async {});
    host.assert_wanted(1);
    assert_eq!(host.turn().switches, 2);
    assert!(first.is_finished() && second.is_finished());
    host.assert_quiet(1);
}

#[test]
fn a_spawn_through_a_handle_is_told_in_each_way_once() {
    let host = Host::new();
    let handle = host.rt.handle().clone();
    let sent = elsewhere(|| handle.spawn(async { 1 }));
    host.assert_wanted(1);
    let made = elsewhere(|| handle.spawn_with(|| async { *Rc::new(2) }));
    host.assert_wanted(1);
    host.turn();
    host.assert_quiet(1);
    assert_eq!(host.rt.block_on(async { (sent.await.unwrap(), made.await.unwrap()) }), (1, 2));
}

#[test]
fn an_abort_between_turns_is_told_in_each_way_and_done_in_the_turn() {
    let host = Host::new();
    let (here, there) = (host.listener(), host.listener());
    let calls = host.calls();

    here.task.abort();
    host.assert_wanted(calls + 1);
    assert!(!here.task.is_finished(), "an abort only records");
    host.turn();
    assert!(here.task.is_finished());
    assert_eq!(Rc::strong_count(&here.heard), 1, "its future is dropped");
    host.assert_quiet(calls + 1);

    let handle = there.task.abort_handle();
    elsewhere(|| handle.abort());
    host.assert_wanted(calls + 2);
    host.turn();
    assert!(there.task.is_finished());
    host.assert_quiet(calls + 2);
    assert_eq!((here.heard.get(), there.heard.get()), (0, 0));
}

#[test]
fn the_end_of_a_blocking_job_between_turns_is_told_in_each_way() {
    let host = Host::new();
    let (go, wait) = mpsc::channel();
    let job = host.rt.spawn_blocking(move || wait.recv().unwrap());
    let task = host.rt.spawn(async move { job.await.unwrap() });
    host.turn();
    let calls = host.calls();
    host.assert_quiet(calls);
    go.send(()).unwrap();
    assert!(host.readable_in(Duration::from_secs(10)));
    // The descriptor comes before `on_wake`; after a turn and its switch both have come.
    while !task.is_finished() {
        host.turn();
    }
    // On another thread the call may come a moment after what it tells of.
    while host.calls() == calls {
        thread::yield_now();
    }
    // The result, and a moment later the end of the job: a turn may have come in between.
    assert!((1..=2).contains(&(host.calls() - calls)), "{} calls", host.calls() - calls);
}

#[test]
fn a_handle_that_is_dropped_while_others_are_out_is_no_news() {
    let host = Host::new();
    let handle = host.rt.handle().clone();
    let other = handle.clone();
    elsewhere(|| drop(other));
    host.assert_quiet(0);
    drop(handle);
}

#[test]
fn the_host_of_a_runtime_that_is_gone_is_not_called_any_more() {
    let host = Host::new();
    let (calls, handle) = (host.calls.clone(), host.rt.handle().clone());
    let ((begun, has_begun), (go, wait)) = (mpsc::channel(), mpsc::channel::<()>());
    let (end, ended) = mpsc::channel::<()>();
    let (job, last) = (host.rt.handle().clone(), handle.clone());
    drop(job.spawn_blocking(move || {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        drop((last, end));
    }));
    has_begun.recv().unwrap();
    let before = host.calls();
    host.rt.shutdown_background();
    drop((job, handle));
    go.send(()).unwrap();
    assert!(ended.recv().is_err(), "the last handle is gone");
    assert_eq!(calls.load(Ordering::SeqCst), before);
}

/// The reactor is shown so many events at once, and no more. The bell is the last of them, and once
/// the sources are gone nothing else makes the loop ask for it.
#[cfg(target_os = "linux")]
#[test]
fn a_bell_behind_more_news_than_is_read_at_once_keeps_no_host_awake() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let host = Host::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let sources: Vec<_> = {
        let _context = host.rt.enter();
        let source = |_| {
            let reader = reader.try_clone().unwrap();
            turno::net::AsyncFd::with_interest(reader, turno::net::Interest::READABLE).unwrap()
        };
        (0..1100).map(source).collect()
    };
    let calls = host.calls();
    host.turn();
    std::io::Write::write_all(&mut &writer, b"!").unwrap(); // News of each of them.
    drop(host.rt.spawn(async move { drop(sources) }));
    host.assert_wanted(calls + 1);
    host.turn();
    assert_eq!(host.rt.metrics().sources, 0);
    host.turn();
    host.assert_quiet(calls + 1);
}

#[test]
fn a_timer_is_told_by_the_timeout_alone_and_is_not_lost_when_late() {
    let host = Host::new();
    let task = host.rt.spawn(sleep(Duration::from_millis(5)));
    let idle = host.turn().idle.expect("a timer is set");
    assert!(idle <= Duration::from_millis(5));
    let calls = host.calls();

    // The host's poll ends by its timeout, and then the timer is due, not almost.
    assert!(!host.readable_in(idle), "timers do not show at the descriptor");
    assert_eq!(host.rt.park_timeout(), Some(Duration::ZERO));
    assert_eq!((host.turn().switches, task.is_finished()), (1, true));
    host.assert_quiet(calls);
}

#[test]
fn a_timer_in_virtual_time_is_due_at_once() {
    let host = Host::with(Builder::new().clock(Clock::virtual_time()));
    let task = host.rt.spawn(sleep(AN_HOUR));
    assert_eq!(host.turn().idle, Some(Duration::ZERO));
    host.turn();
    assert!(task.is_finished());
    host.assert_quiet(1);
}

#[test]
fn a_dropped_sleep_between_turns_lets_the_host_sleep() {
    let host = Host::new();
    let task = host.rt.spawn(sleep(AN_HOUR));
    assert!(host.turn().idle.is_some());
    task.abort();
    host.turn();
    host.assert_quiet(host.calls());
}

#[test]
fn tasks_left_over_by_a_turn_are_told_by_the_timeout() {
    let host = Host::new();
    let tasks: Vec<_> = (0..100).map(|_| host.rt.spawn(async {})).collect();
    let turn = host.turn();
    assert!(turn.switches < 100, "a turn is bounded, so that the host gets its share");
    assert_eq!(turn.idle, Some(Duration::ZERO));
    host.turn();
    assert!(tasks.iter().all(JoinHandle::is_finished));
    host.assert_quiet(1);
}

#[test]
fn a_panic_in_a_turn_loses_nobody_and_counts_as_a_switch() {
    let host = Host::new();
    let before = host.rt.spawn(async {});
    let culprit = host.rt.spawn(async { std::panic::resume_unwind(Box::new("on purpose")) });
    let after = host.rt.spawn(async {});
    let turn = host.turn();
    assert_eq!(turn.switches, 2);
    assert_eq!((turn.idle, before.is_finished()), (Some(Duration::ZERO), true));
    host.turn();
    assert!(culprit.is_finished() as u8 + after.is_finished() as u8 == 2);
    host.assert_quiet(1);
}

#[test]
fn a_panic_that_leaves_a_turn_leaves_the_rest_to_the_next() {
    let host = Host::with(Builder::new().on_panic(OnPanic::Propagate));
    drop(host.rt.spawn(async { std::panic::resume_unwind(Box::new("on purpose")) }));
    let after = host.rt.spawn(async {});
    let turn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.turn()));
    assert!(turn.is_err());
    assert_eq!((host.calls(), host.rt.park_timeout()), (1, Some(Duration::ZERO)));
    drop(host.rt.spawn(async {}));
    host.assert_wanted(2);
    host.turn();
    assert!(after.is_finished());
    host.assert_quiet(2);
}

/// The runtime's descriptor in the host's own epoll, as in libuv, GLib or another runtime.
#[cfg(target_os = "linux")]
#[test]
fn in_another_epoll_the_descriptor_is_level_triggered_until_the_turn() {
    use rustix::event::epoll;
    let host = Host::new();
    let listener = host.listener();
    let outer = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let data = epoll::EventData::new_u64(7);
    epoll::add(&outer, host.rt.as_fd(), data, epoll::EventFlags::IN).unwrap();
    let ask = || {
        let mut events = Vec::with_capacity(4);
        let timeout = Timespec::try_from(Duration::ZERO).unwrap();
        epoll::wait(&outer, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).unwrap();
        events.len()
    };
    assert_eq!(ask(), 0);
    for _ in 0..3 {
        listener.waker.wake_by_ref();
        assert_eq!((ask(), ask(), ask()), (1, 1, 1), "until the turn");
        host.turn();
        assert_eq!(ask(), 0, "after the turn");
    }
    assert_eq!(listener.heard.get(), 3);
}

#[test]
fn whatever_drove_the_runtime_leaves_the_descriptor_quiet() {
    let host = Host::new();
    let listener = host.listener();
    let ways: [(&str, &dyn Fn()); 4] = [
        ("turn", &|| _ = host.turn()),
        ("run_until", &|| _ = host.rt.run_until(Instant::now() + AN_HOUR)),
        // These two do not look outside while a task is ready, so the host may make one turn for nothing.
        ("step", &|| drop((host.rt.step(), host.turn()))),
        ("block_on", &|| _ = (host.rt.block_on(yield_now()), host.turn())),
    ];
    for (way, drive) in ways {
        listener.waker.wake_by_ref();
        assert!(host.readable_in(Duration::ZERO));
        drive();
        assert_eq!(listener.heard.take(), 1, "{way}");
        assert!(!host.readable_in(Duration::ZERO), "{way}");
    }
}

#[test]
fn a_host_that_blocks_on_the_runtime_is_not_called_meanwhile() {
    let host = Host::new();
    let rounds = 100;
    host.rt.block_on(async {
        for _ in 0..rounds {
            turno::task::spawn_blocking(|| ()).await.unwrap();
        }
    });
    // The thread of the last job may have rung late, after the end.
    assert!(host.calls() <= 1, "{} calls", host.calls());
}

#[test]
fn run_until_stops_at_its_deadline_though_tasks_are_always_ready() {
    let host = Host::new();
    for _ in 0..3 {
        drop(host.rt.spawn(async {
            loop {
                yield_now().await;
            }
        }));
    }
    let deadline = Instant::now() + Duration::from_millis(5);
    let turn = host.rt.run_until(deadline);
    assert!(Instant::now() >= deadline, "it has the time until then");
    assert!(turn.switches > 3);
    assert_eq!(turn.idle, Some(Duration::ZERO));
    // A deadline that has passed is worth one switch, so that nobody starves.
    assert_eq!(host.rt.run_until(deadline).switches, 1);
}

#[test]
fn run_until_returns_at_once_when_nothing_is_ready() {
    let host = Host::new();
    let deadline = Instant::now() + AN_HOUR;
    assert_eq!(host.rt.run_until(deadline).switches, 0);
    let _task = host.rt.spawn(sleep(AN_HOUR));
    let turn = host.rt.run_until(deadline);
    assert_eq!(turn.switches, 1);
    assert!(turn.idle > Some(Duration::from_secs(60)) && Instant::now() < deadline);
}

#[test]
fn run_until_calls_the_host_for_what_came_at_the_end_alone() {
    let host = Host::new();
    let listener = host.listener();
    let waker = listener.waker.clone();
    let task = host.rt.spawn(async move {
        for _ in 0..10 {
            elsewhere(|| waker.wake_by_ref());
            yield_now().await; // The letter is opened,
            yield_now().await; // and the listener runs before this task does again.
        }
        elsewhere(|| waker.wake_by_ref());
    });
    let calls = host.calls();
    host.rt.run_until(Instant::now() + AN_HOUR);
    assert!(task.is_finished());
    assert_eq!(listener.heard.get(), 11);
    host.assert_quiet(calls);

    let waker = listener.waker.clone();
    drop(host.rt.spawn(async move { elsewhere(|| waker.wake()) }));
    host.rt.run_until(Instant::now());
    host.assert_wanted(calls + 2); // For the spawn, and for the wake.
}

#[test]
fn run_until_in_virtual_time_moves_the_clock_to_its_deadline_and_no_further() {
    let host = Host::with(Builder::new().clock(Clock::virtual_time()));
    let _context = host.rt.enter();
    let start = Instant::now();
    let frame = Duration::from_millis(16);
    let log = Rc::new(RefCell::new(Vec::new()));
    let noted = log.clone();
    drop(host.rt.spawn(async move {
        for _ in 0..4 {
            sleep(Duration::from_millis(10)).await;
            noted.borrow_mut().push(start.elapsed().as_millis());
        }
        work(Duration::from_millis(30)).await; // A slow poll: nobody can cut it short.
        pending::<()>().await;
    }));
    let mut frames = Vec::new();
    for n in 1..=5 {
        host.rt.run_until(start + frame * n);
        frames.push((start.elapsed().as_millis(), log.borrow().len()));
    }
    assert_eq!(*log.borrow(), [10, 20, 30, 40]);
    assert_eq!(frames, [(16, 1), (32, 3), (70, 4), (70, 4), (80, 4)]);
}
