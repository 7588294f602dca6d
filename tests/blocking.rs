//! Blocking jobs run on a bounded pool that shrinks when idle, come back as results, and end in order.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use common::{OnDrop, guarded, has, text, virtual_rt};
use turno::runtime::{Builder, Runtime};
use turno::task::{self, yield_now};
use turno::time::{Duration, Instant, sleep};

fn pool(threads: usize) -> Runtime {
    Builder::new().max_blocking_threads(threads).build().unwrap()
}

/// A job that says when it has begun, and ends when it is told.
fn held() -> (impl FnOnce() + Send + 'static, Receiver<()>, Sender<()>) {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let job = move || {
        begin.send(()).unwrap();
        let _ = ended.recv();
    };
    (job, begun, end)
}

#[test]
fn results_come_back_and_panics_as_errors() {
    guarded(|| {
        let rt = pool(2);
        rt.block_on(async {
            assert_eq!(task::spawn_blocking(|| 6 * 7).await.unwrap(), 42);
            let line = line!() + 1;
            let error = task::spawn_blocking(|| panic!("in the job")).await;
            let error = error.map(|()| unreachable!()).unwrap_err();
            has(error.to_string(), &format!("{}:{line}:", file!()));
            has(error.to_string(), "panicked: in the job");
            assert_eq!(text(&*error.into_panic()), "in the job");
            assert_eq!(task::spawn_blocking(|| 8).await.unwrap(), 8);
        });
    });
}

#[test]
fn there_are_never_more_threads_than_allowed_and_as_many_as_allowed() {
    guarded(|| {
        const MOST: usize = 3;
        let rt = pool(MOST);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Only if `MOST` of them run at once does anybody get past the barrier.
        let together = Arc::new(Barrier::new(MOST));
        rt.block_on(async {
            let jobs: Vec<_> = (0..MOST * 10)
                .map(|_| {
                    let (running, most) = (running.clone(), most.clone());
                    let together = together.clone();
                    task::spawn_blocking(move || {
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        together.wait();
                        running.fetch_sub(1, SeqCst);
                    })
                })
                .collect();
            for job in jobs {
                job.await.unwrap();
            }
        });
        assert!(most.load(SeqCst) <= MOST);
        assert_eq!(rt.metrics().blocking_threads, MOST);
        // The result comes first, the end of the job a moment later.
        while rt.metrics().blocking_jobs > 0 {
            thread::yield_now();
        }
    });
}

#[test]
fn an_idle_thread_is_used_again_and_leaves_after_a_while() {
    guarded(|| {
        let rt = Builder::new().thread_keep_alive(Duration::from_millis(5)).build().unwrap();
        rt.block_on(async {
            task::spawn_blocking(|| ()).await.unwrap();
            // No fixed sleep: until the condition holds, or the watchdog has had enough.
            while rt.metrics().blocking_threads > 0 {
                sleep(Duration::from_millis(1)).await;
            }
            task::spawn_blocking(|| ()).await.unwrap();
        });
        let rt = pool(100);
        rt.block_on(async {
            let mut names = std::collections::HashSet::new();
            for _ in 0..20 {
                let job = task::spawn_blocking(|| thread::current().id());
                names.insert(job.await.unwrap());
            }
            // A thread may not have come back to rest when the next job arrives, but not each time.
            assert!(names.len() < 20, "{} threads for 20 jobs in a row", names.len());
        });
    });
}

#[test]
fn a_queued_job_can_be_aborted_and_one_that_runs_cannot() {
    guarded(|| {
        let rt = pool(1);
        rt.block_on(async {
            let (job, begun, end) = held();
            let first = task::spawn_blocking(job);
            let second = task::spawn_blocking(|| unreachable!("it was aborted before"));
            let third = task::spawn_blocking(|| 3);
            begun.recv().unwrap();
            first.abort();
            second.abort_handle().abort();
            end.send(()).unwrap();
            first.await.unwrap();
            assert!(second.await.map(|()| unreachable!()).unwrap_err().is_cancelled());
            assert_eq!(third.await.unwrap(), 3);
        });
    });
}

#[test]
fn the_drop_of_a_runtime_waits_for_jobs_that_have_begun_and_cancels_the_others() {
    guarded(|| {
        let rt = pool(1);
        let (job, begun, end) = held();
        let ended = Arc::new(AtomicUsize::new(0));
        let ends = ended.clone();
        let first = rt.spawn_blocking(move || {
            job();
            ends.fetch_add(1, SeqCst);
        });
        let queued = rt.spawn_blocking(|| unreachable!("it was queued"));
        begun.recv().unwrap();
        // The runtime's drop drops this task first, which lets the job end; then it waits for it.
        let guard = OnDrop::new(move || end.send(()).unwrap());
        drop(rt.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        }));
        drop(rt);
        assert_eq!(ended.load(SeqCst), 1);
        futures_lite::future::block_on(first).unwrap();
        let error = futures_lite::future::block_on(queued).map(|()| unreachable!()).unwrap_err();
        assert!(error.is_cancelled());
    });
}

#[test]
fn a_shutdown_with_a_timeout_leaves_jobs_behind_and_says_which() {
    guarded(|| {
        let mut left = Vec::new();
        let started = |rt: &Runtime| {
            let (job, begun, end) = held();
            let job = rt.spawn_blocking(job);
            begun.recv().unwrap();
            (job, end)
        };
        let rt = pool(4);
        left.extend([started(&rt), started(&rt)]);
        let unfinished = rt.shutdown_timeout(Duration::from_millis(1));
        assert_eq!((unfinished.tasks.len(), unfinished.jobs.len()), (0, 2));
        assert!(unfinished.jobs.iter().all(|site| site.file() == file!()));
        let rt = pool(4);
        left.push(started(&rt));
        rt.shutdown_background();
        let rt = pool(4);
        let (job, end) = started(&rt);
        end.send(()).unwrap();
        assert!(rt.shutdown_timeout(Duration::MAX).is_empty());
        futures_lite::future::block_on(job).unwrap();
        for (job, end) in left {
            end.send(()).unwrap();
            futures_lite::future::block_on(job).unwrap();
        }
    });
}

#[test]
fn a_job_after_the_end_is_cancelled() {
    guarded(|| {
        let rt = pool(1);
        let handle = rt.handle().clone();
        drop(rt);
        let job = handle.spawn_blocking(|| unreachable!("there is nobody to run it"));
        let error = futures_lite::future::block_on(job).map(|()| unreachable!()).unwrap_err();
        assert!(error.is_cancelled());
    });
}

#[test]
fn a_panic_in_the_drop_of_what_a_cancelled_job_holds_takes_no_thread_with_it() {
    guarded(|| {
        let rt = pool(1);
        let bad = || {
            let guard = OnDrop::new(|| panic!("in the drop of a cancelled job"));
            move || drop(guard)
        };
        let (job, begun, end) = held();
        let first = rt.spawn_blocking(job);
        let cancelled = rt.spawn_blocking(bad());
        begun.recv().unwrap();
        cancelled.abort();
        end.send(()).unwrap();
        rt.block_on(first).unwrap();
        assert_eq!(rt.block_on(rt.spawn_blocking(|| 7)).unwrap(), 7);
        assert!(rt.block_on(cancelled).is_err());
        let (job, begun, end) = held();
        let first = rt.spawn_blocking(job);
        let queued = [rt.spawn_blocking(bad()), rt.spawn_blocking(bad())];
        begun.recv().unwrap();
        end.send(()).unwrap();
        rt.shutdown_timeout(Duration::from_secs(30));
        drop((first, queued));
    });
}

#[test]
fn a_virtual_clock_stands_still_while_a_job_runs() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let start = Instant::now();
            let (job, begun, end) = held();
            let job = task::spawn_blocking(job);
            let hour = turno::spawn(sleep(Duration::from_secs(3600)));
            begun.recv().unwrap();
            // The loop looks for something to do, and must not take the hour for it.
            let end = Mutex::new(Some(end));
            let helper = thread::spawn(move || drop(end.lock().unwrap().take()));
            job.await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
            assert!(!hour.is_finished());
            hour.await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_secs(3600));
            helper.join().unwrap();
        });
    });
}

#[test]
fn a_virtual_clock_goes_on_after_a_job_that_nobody_awaits() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            for _ in 0..100 {
                drop(task::spawn_blocking(thread::yield_now));
                sleep(Duration::from_secs(1)).await;
                yield_now().await;
            }
        });
    });
}
