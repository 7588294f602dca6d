//! A stall is proved or not claimed: `try_block_on` returns it, `block_on` panics with it, and neither
//! does while anything could still wake a task.

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use common::{guarded, has, own_waker, panic_of, virtual_rt, wait_once};
use futures_util::stream::{FuturesUnordered, StreamExt};
use turno::observe::Event;
use turno::policy::{Pick, Policy, Tasks};
use turno::runtime::{Builder, Handle, Runtime};
use turno::task::{self, JoinSet, TaskInfo, yield_now};
use turno::time::{Clock, Duration, sleep};

#[test]
fn a_root_that_waits_for_nothing_is_stalled() {
    guarded(|| {
        for rt in [virtual_rt(), Runtime::new().unwrap()] {
            let stalled = rt.try_block_on(pending::<()>()).unwrap_err();
            assert_eq!(stalled.tasks().len(), 1);
            has(stalled.to_string(), "\"try_block_on\"");
            assert_eq!(rt.block_on(async { 7 }), 7);
        }
    });
}

#[test]
fn block_on_panics_with_the_list() {
    guarded(|| {
        let rt = virtual_rt();
        let task = task::Builder::new().name("never");
        let _guard = rt.enter();
        let never = task.spawn(pending::<()>());
        let line = line!() + 1;
        let text = panic_of(|| rt.block_on(async { never.await.unwrap() }));
        has(&text, &format!("`block_on` at {}:{line}:", file!()));
        has(&text, "can never end");
        has(&text, "\"never\"");
        has(&text, "\"block_on\"");
        assert_eq!(rt.block_on(async { 7 }), 7);
    });
}

#[test]
fn tasks_that_join_each_other_are_stalled() {
    guarded(|| {
        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let (tell, told) = mpsc::channel::<turno::task::JoinHandle<()>>();
            let first = task::Builder::new().name("first").spawn(async move {
                yield_now().await;
                told.recv().unwrap().await.unwrap();
            });
            let second = task::Builder::new().name("second").spawn(async move {
                first.await.unwrap();
            });
            tell.send(second).unwrap();
            pending::<()>().await;
        });
        let stalled = stalled.unwrap_err();
        let names: Vec<_> = stalled.tasks().iter().map(|waiting| waiting.task.name()).collect();
        assert_eq!(names, [Some("try_block_on"), Some("first"), Some("second")]);
    });
}

/// `root` ends after the loop has gone to sleep for as long as it takes, at which `parked` happens:
/// nobody may claim that it never ends.
fn no_claim<F: Future<Output = ()>>(rt: &Runtime, root: F, parked: impl FnOnce() + 'static) {
    guarded(|| {
        let mut parked = Some(parked);
        rt.observe(move |_: u64, event: &Event<'_>| {
            if let Event::Parked { .. } = event {
                parked.take().into_iter().for_each(|f| f());
            }
        });
        assert!(rt.try_block_on(root).is_ok());
    });
}

#[test]
fn nothing_is_claimed_while_another_thread_holds_a_waker() {
    let rt = virtual_rt();
    let (tell, told) = mpsc::channel::<Waker>();
    let (go, going) = mpsc::channel();
    let thread = thread::spawn(move || {
        let waker = told.recv().unwrap();
        going.recv().unwrap();
        waker.wake();
    });
    let root = wait_once(move |waker| tell.send(waker.clone()).unwrap());
    no_claim(&rt, root, move || go.send(()).unwrap());
    thread.join().unwrap();
}

#[test]
fn nothing_is_claimed_while_a_foreign_combinator_holds_a_waker() {
    let rt = virtual_rt();
    let (go, going) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || {
        let waker = told.recv().unwrap();
        going.recv().unwrap();
        waker.wake();
    });
    let root = async {
        let mut set = FuturesUnordered::new();
        set.push(wait_once(move |waker| tell.send(waker.clone()).unwrap()));
        assert!(set.next().await.is_some());
    };
    no_claim(&rt, root, move || go.send(()).unwrap());
    thread.join().unwrap();
}

#[test]
fn nothing_is_claimed_while_a_handle_is_out() {
    let rt = virtual_rt();
    let handle = rt.handle().clone();
    let (go, going) = mpsc::channel::<()>();
    let (tell, told) = futures_lite_channel();
    let thread = thread::spawn(move || {
        going.recv().unwrap();
        drop(handle.spawn_with(move || async move { tell() }));
    });
    no_claim(&rt, told, move || go.send(()).unwrap());
    thread.join().unwrap();
}

/// A wake through a place that no waker shows: what is waited for is polled again by the loop only
/// because the spawned task wakes it.
fn futures_lite_channel() -> (impl FnOnce() + Send, impl Future<Output = ()>) {
    let place = std::sync::Arc::new(std::sync::Mutex::new((false, None::<Waker>)));
    let tells = place.clone();
    let tell = move || {
        let waker = {
            let mut place = tells.lock().unwrap();
            place.0 = true;
            place.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    };
    let told = poll_fn(move |cx| {
        let mut place = place.lock().unwrap();
        if place.0 {
            return Poll::Ready(());
        }
        place.1 = Some(cx.waker().clone());
        Poll::Pending
    });
    (tell, told)
}

#[test]
fn nothing_is_claimed_while_another_thread_can_abort_whom_one_waits_for() {
    for remote in [false, true] {
        let rt = virtual_rt();
        let (go, going) = mpsc::channel::<()>();
        let local = rt.spawn(pending::<()>());
        let far = rt.handle().spawn(pending::<()>());
        let abort = if remote { far.abort_handle() } else { local.abort_handle() };
        let thread = thread::spawn(move || {
            going.recv().unwrap();
            abort.abort();
        });
        let root = async {
            let error = if remote { far.await } else { local.await };
            assert!(error.unwrap_err().is_cancelled());
        };
        no_claim(&rt, root, move || go.send(()).unwrap());
        thread.join().unwrap();
    }
}

#[test]
fn nothing_is_claimed_while_a_blocking_job_runs() {
    let rt = virtual_rt();
    let (go, going) = mpsc::channel::<()>();
    let job = rt.spawn_blocking(move || going.recv().unwrap());
    no_claim(&rt, async { job.await.unwrap() }, move || go.send(()).unwrap());
}

#[test]
fn nothing_is_claimed_while_a_timer_is_set() {
    guarded(|| {
        let rt = virtual_rt();
        rt.try_block_on(sleep(Duration::from_secs(3600))).unwrap();
    });
}

/// Virtual time stands still until then. A handle that is out makes no difference.
#[test]
fn a_timer_is_waited_for_when_a_job_that_is_not_awaited_has_ended() {
    for handle_out in [false, true] {
        let rt = virtual_rt();
        let _handle = handle_out.then(|| rt.handle());
        let (go, going) = mpsc::channel::<()>();
        drop(rt.spawn_blocking(move || going.recv().is_ok()));
        no_claim(&rt, sleep(Duration::from_secs(3600)), move || go.send(()).unwrap());
    }
}

/// A runtime on a thread of its own that runs until what is returned is dropped.
fn another_runtime() -> (Handle, mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (give, get) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let rt = Runtime::new().unwrap();
        give.send(rt.handle()).unwrap();
        let ended = rt.spawn_blocking(move || ended.recv().is_err());
        rt.block_on(async { assert!(ended.await.unwrap()) });
    });
    (get.recv().unwrap(), end, thread)
}

#[test]
fn nothing_is_claimed_while_what_another_runtime_does_is_awaited() {
    for (blocking, in_a_set) in [(false, false), (true, false), (true, true)] {
        let (there, end, thread) = another_runtime();
        let rt = virtual_rt();
        let (go, going) = mpsc::channel::<()>();
        let root = async move {
            let goes = move || going.recv().is_ok();
            let far = match blocking {
                true if in_a_set => {
                    let mut set = JoinSet::new();
                    set.spawn_blocking_on(goes, &there);
                    set.join_next().await.unwrap()
                }
                true => there.spawn_blocking(goes).await,
                false => there.spawn(async move { goes() }).await,
            };
            assert!(far.unwrap());
        };
        no_claim(&rt, root, move || go.send(()).unwrap());
        drop(end);
        thread.join().unwrap();
    }
}

/// The job's handle was polled, so the job had a waker; it has been woken since.
#[test]
fn a_job_that_has_ended_accounts_for_no_waker() {
    let rt = virtual_rt();
    let (tell, told) = mpsc::channel::<Waker>();
    let (go, going) = mpsc::channel::<()>();
    let woken = Arc::new(AtomicBool::new(false));
    let wakes = woken.clone();
    let thread = thread::spawn(move || {
        let waker = told.recv().unwrap();
        going.recv().unwrap();
        wakes.store(true, SeqCst);
        waker.wake();
    });
    let root = async move {
        let mut job = task::spawn_blocking(|| {});
        while !job.is_finished() {
            let _ = futures_lite::future::poll_once(&mut job).await;
            yield_now().await;
        }
        let mut tell = Some(tell); // The job's own wake may come only now.
        poll_fn(|cx| {
            tell.take().into_iter().for_each(|tell| tell.send(cx.waker().clone()).unwrap());
            if woken.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        job.await.unwrap();
    };
    no_claim(&rt, root, move || go.send(()).unwrap());
    thread.join().unwrap();
}

#[test]
fn an_abort_that_comes_while_the_proof_is_made_is_heard() {
    for round in 0..300 {
        let rt = virtual_rt();
        guarded(move || {
            let ended = rt.try_block_on(async {
                let task = turno::spawn(pending::<()>());
                let abort = task.abort_handle();
                let thread = thread::spawn(move || {
                    (0..round).for_each(|_| thread::yield_now());
                    abort.abort();
                });
                let cancelled = task.await.unwrap_err().is_cancelled();
                thread.join().unwrap();
                cancelled
            });
            assert!(ended.unwrap());
        });
    }
}

#[test]
fn nothing_is_claimed_while_a_scoped_thread_has_the_runtimes_handle() {
    guarded(|| {
        let rt = virtual_rt();
        let handle = rt.handle();
        let (go, going) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let (tell, told) = futures_lite_channel();
            let handle = &handle;
            scope.spawn(move || {
                going.recv().unwrap();
                drop(handle.spawn_with(move || async move { tell() }));
            });
            let mut go = Some(go);
            rt.observe(move |_: u64, event: &Event<'_>| {
                if let Event::Parked { .. } = event {
                    go.take().into_iter().for_each(|go| go.send(()).unwrap());
                }
            });
            assert!(rt.try_block_on(told).is_ok());
        });
    });
}

#[test]
fn it_is_claimed_once_the_last_foreign_waker_is_dropped() {
    guarded(|| {
        let rt = Builder::new().quiet_after(Duration::from_millis(1)).build().unwrap();
        let (tell, told) = mpsc::channel::<Waker>();
        let thread = thread::spawn(move || {
            let waker = told.recv().unwrap();
            thread::park_timeout(Duration::from_millis(250)); // Long enough to be suspected.
            drop(waker);
        });
        let root = wait_once(move |waker| tell.send(waker.clone()).unwrap());
        assert!(rt.try_block_on(root).is_err());
        thread.join().unwrap();
    });
}

/// Lets no task run until `until`, then all.
struct HoldsBack(u64, VecDeque<task::Id>);

impl Policy for HoldsBack {
    fn ready(&mut self, task: &TaskInfo, _: u64) {
        self.1.push_back(task.id());
    }

    fn pick(&mut self, _: &Tasks<'_>, now: u64) -> Pick {
        if now < self.0 {
            return Pick::Until(self.0);
        }
        self.1.pop_front().into()
    }
}

#[test]
fn a_policy_that_holds_all_tasks_back_for_ever_is_named() {
    guarded(|| {
        for clock in [Clock::real(), Clock::virtual_time()] {
            let policy = HoldsBack(u64::MAX, VecDeque::new());
            let rt = Builder::new().clock(clock).policy(policy).build().unwrap();
            let stalled = rt.try_block_on(async {}).unwrap_err();
            assert!(stalled.policy().unwrap().contains("HoldsBack"), "{stalled}");
            has(stalled.to_string(), "HoldsBack` holds back all tasks that are ready for ever");
        }
        let policy = HoldsBack(1 << 62, VecDeque::new()); // For 146 years.
        let rt = Builder::new().start_paused(true).policy(policy).build().unwrap();
        assert!(rt.try_block_on(async {}).is_ok());
    });
}

#[test]
fn a_report_is_bounded_and_its_data_is_complete() {
    guarded(|| {
        let rt = virtual_rt();
        for _ in 0..1_000 {
            drop(rt.spawn(pending::<()>()));
        }
        let stalled = rt.try_block_on(pending::<()>()).unwrap_err();
        assert_eq!(stalled.tasks().len(), 1_001);
        has(stalled.to_string(), "\n  ... and 981 more tasks\n");
        assert!(stalled.to_string().lines().count() < 50);
        let unfinished = rt.shutdown_timeout(Duration::ZERO);
        has(unfinished.to_string(), "\n  ... and 980 more tasks");

        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let handles = Rc::new(RefCell::new(Vec::<Option<task::JoinHandle<()>>>::new()));
            for n in 0..1_000 {
                let all = handles.clone();
                let ring = async move {
                    let next = all.borrow_mut()[(n + 1) % 1_000].take().unwrap();
                    next.await.unwrap();
                };
                handles.borrow_mut().push(Some(turno::spawn(ring)));
            }
            pending::<()>().await;
        });
        let stalled = stalled.unwrap_err();
        let [cycle] = stalled.cycles() else { panic!("{stalled}") };
        assert!(cycle.is_certain());
        assert_eq!(cycle.tasks().len(), 1_000);
        has(cycle.to_string(), "\n  ... and 980 more tasks\n");
        assert!(cycle.to_string().lines().count() < 50);
    });
}

#[test]
fn it_is_claimed_once_the_last_way_in_is_gone() {
    guarded(|| {
        for what in 0..4 {
            let rt = virtual_rt();
            let task = rt.spawn(pending::<()>());
            let (go, going) = mpsc::channel::<()>();
            let mut go = Some(go);
            rt.observe(move |_: u64, event: &Event<'_>| {
                if let Event::Parked { .. } = event {
                    drop(go.take());
                }
            });
            let thread = match what {
                0 => {
                    let handle = rt.handle().clone();
                    thread::spawn(move || (going.recv(), drop(handle)).0)
                }
                1 => {
                    let abort = task.abort_handle();
                    thread::spawn(move || (going.recv(), drop(abort)).0)
                }
                2 => {
                    let remote = rt.handle().spawn(pending::<()>());
                    thread::spawn(move || (going.recv(), drop(remote)).0)
                }
                _ => {
                    drop(rt.spawn_blocking(move || going.recv()));
                    thread::spawn(|| Ok(()))
                }
            };
            let stalled = rt.try_block_on(pending::<()>()).unwrap_err();
            assert!(stalled.tasks().len() >= 2);
            let _ = thread.join().unwrap();
        }
    });
}

#[test]
fn a_waker_that_a_dead_task_left_behind_does_not_hide_a_stall() {
    guarded(|| {
        let rt = virtual_rt();
        let _kept = rt.block_on(own_waker());
        let task = rt.spawn(own_waker());
        let _also = rt.block_on(task).unwrap();
        assert!(rt.try_block_on(pending::<()>()).is_err());
    });
}

/// Polls `future` once, and leaks it.
#[cfg(unix)]
async fn leak(future: impl Future) {
    let mut future = Box::pin(future);
    assert!(futures_lite::future::poll_once(&mut future).await.is_none());
    std::mem::forget(future);
}

#[cfg(unix)]
#[test]
fn what_a_task_that_has_ended_left_at_a_socket_hides_no_stall() {
    use turno::net::{Interest, UnixStream};

    guarded(|| {
        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let (a, b) = UnixStream::pair().unwrap();
            assert!(a.try_read(&mut [0]).is_err());
            let a = std::rc::Rc::new(a);
            let (c, d) = (a.clone(), a.clone());
            turno::spawn(leak(async move { a.readable().await })).await.unwrap();
            turno::spawn(leak(async move {
                c.ready(Interest::READABLE.add(Interest::WRITABLE)).await.unwrap();
                c.read(&mut [0]).await
            }))
            .await
            .unwrap();
            turno::spawn(async move {
                let mut by_hand = poll_fn(|cx| d.poll_read_ready(cx));
                assert!(futures_lite::future::poll_once(&mut by_hand).await.is_none());
            })
            .await
            .unwrap();
            pending::<()>().await;
            drop(b);
        });
        assert_eq!(stalled.unwrap_err().tasks().len(), 1);
        assert!(rt.step().is_none(), "there is nothing to wait for");
    });
}

#[cfg(unix)]
#[test]
fn what_was_leaked_at_a_socket_that_is_dropped_hides_no_stall() {
    guarded(|| {
        let rt = virtual_rt();
        let stalled = rt.try_block_on(async {
            let (a, _b) = turno::net::UnixStream::pair().unwrap();
            leak(a.readable()).await;
            leak(a.ready(turno::net::Interest::READABLE.add(turno::net::Interest::WRITABLE))).await;
            let thread = thread::spawn(move || drop(a));
            thread.join().unwrap();
            pending::<()>().await;
        });
        assert_eq!(stalled.unwrap_err().tasks().len(), 1);
    });
}

#[cfg(unix)]
#[test]
fn nothing_is_claimed_while_a_socket_may_wake_a_task_on_a_detour() {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;

    let (mut a, b) = UnixStream::pair().unwrap();
    let rt = virtual_rt();
    let root = async move {
        let notify = Rc::new(turno::sync::Notify::new());
        let tell = notify.clone();
        let dead = turno::spawn(async move {
            let b = turno::net::UnixStream::from_std(b).unwrap();
            let mut read = common::Tasklet::new(async move { b.read(&mut [0]).await });
            read.by(common::By::doing(move || tell.notify_one()));
            assert!(read.poll().is_pending());
            std::mem::forget(read);
        });
        dead.await.unwrap();
        notify.notified().await;
    };
    no_claim(&rt, root, move || a.write_all(b"x").unwrap());
}

#[cfg(unix)]
#[test]
fn nothing_is_claimed_while_one_of_many_sockets_is_waited_for() {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    let (mut a, b) = UnixStream::pair().unwrap();
    let rt = virtual_rt();
    let root = async move {
        let idle: Vec<_> = (0..3).map(|_| turno::net::UnixStream::pair().unwrap()).collect();
        for (c, _) in idle {
            turno::spawn(leak(async move { c.readable().await })).await.unwrap();
        }
        let b = turno::net::UnixStream::from_std(b).unwrap();
        assert_eq!(b.read(&mut [0]).await.unwrap(), 1);
    };
    no_claim(&rt, root, move || a.write_all(b"x").unwrap());
}

/// Runs one of this file's tests in a process of its own, and returns what it says on standard
/// error. There the test finds `TURNO_SAYS`.
fn said_by(test: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program)
        .args([test, "--exact", "--nocapture"])
        .env("TURNO_SAYS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    while !said.contains("(Said once") {
        said = said + &lines.next().expect("it says something") + "\n";
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said
}

/// A job that waits for a task of its own loop in virtual time, which waits for the job.
#[test]
fn jobs_that_wait_for_their_own_loop_are_told_of() {
    if std::env::var_os("TURNO_SAYS").is_none() {
        let said = said_by("jobs_that_wait_for_their_own_loop_are_told_of");
        has(&said, "  a blocking job (spawned at tests/stalls.rs:");
        has(&said, ") runs, and waits for the end of task 3 (spawned at tests/stalls.rs:");
        has(&said, "  virtual time stands still as long as blocking jobs run\n");
        return;
    }
    let rt = virtual_rt();
    let handle = rt.handle();
    let job = rt.spawn_blocking(move || {
        let far = handle.spawn(sleep(Duration::from_secs(1)));
        futures_lite::future::block_on(far).unwrap();
    });
    rt.block_on(job).unwrap();
}

/// A job that waits for one that is queued behind it.
#[test]
fn jobs_that_wait_for_a_full_pool_are_told_of() {
    if std::env::var_os("TURNO_SAYS").is_none() {
        let said = said_by("jobs_that_wait_for_a_full_pool_are_told_of");
        has(&said, ") runs, and waits for the end of blocking job 3 (spawned at tests/stalls.rs:");
        has(&said, ") is queued: the pool has 1 threads\n");
        return;
    }
    let rt = Builder::new().max_blocking_threads(1).build().unwrap();
    let handle = rt.handle();
    let job = rt.spawn_blocking(move || {
        futures_lite::future::block_on(handle.spawn_blocking(|| {})).unwrap();
    });
    rt.block_on(job).unwrap();
}
