//! The memory that a burst needed is given back when it is over and the loop has nothing to do.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::Duration;

use turno::policy::{Fifo, Lifo, Policy};
use turno::runtime::Builder;
use turno::sync::Notify;
use turno::task::{self, yield_now};
use turno::time::sleep;

type Make = fn() -> Box<dyn Policy>;

/// Counts what is allocated and not yet freed.
struct Counted;

static BYTES: AtomicIsize = AtomicIsize::new(0);

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as isize, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as isize, Relaxed);
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size as isize - layout.size() as isize, Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

const TASKS: usize = 50_000;
const MS: Duration = Duration::from_millis(1);

/// How much more each task of the burst weighs at its peak, and when it is over.
async fn weigh(burst: impl AsyncFnOnce(&dyn Fn())) -> (usize, usize) {
    let before = BYTES.load(Relaxed);
    let each = || (BYTES.load(Relaxed) - before).max(0) as usize / TASKS;
    let peak = std::cell::Cell::new(0);
    burst(&|| peak.set(each())).await;
    // The first to be waited for afterwards may lie behind what is free.
    sleep(MS).await;
    sleep(MS).await;
    (peak.get(), each())
}

/// One test at a time, so that nothing else allocates meanwhile.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn what_a_burst_needed_is_given_back_when_the_loop_is_idle() {
    let _alone = ALONE.lock();
    let policies: [(bool, Make); 3] = [
        (true, || Box::new(Fifo::new())),
        (true, || Box::new(Lifo::new())),
        (false, || Box::new(Fifo::new())),
    ];
    for (paused, policy) in policies {
        let rt = Builder::new().policy(policy()).start_paused(paused).build().unwrap();
        rt.block_on(async {
            let waiting = weigh(async |peak| {
                let bell = Rc::new(Notify::new());
                let wait = |bell: Rc<Notify>| async move { bell.notified().await };
                let tasks: Vec<_> = (0..TASKS).map(|_| turno::spawn(wait(bell.clone()))).collect();
                yield_now().await;
                peak();
                bell.notify_waiters();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            let sleeping = weigh(async |peak| {
                let tasks: Vec<_> = (0..TASKS).map(|_| turno::spawn(sleep(MS))).collect();
                yield_now().await;
                peak();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            let named = weigh(async |peak| {
                let task = |n| task::Builder::new().name(format!("task {n}")).spawn(yield_now());
                let tasks: Vec<_> = (0..TASKS).map(task).collect();
                peak();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            let (waiting, sleeping, named) = (waiting.await, sleeping.await, named.await);
            for (peak, over) in [waiting, sleeping, named] {
                // Where each was spawned stays noted: up to 8 bytes for each that there was at once.
                assert!(peak > 150 && over <= 10, "{waiting:?} {sleeping:?} {named:?}, {paused}");
            }
        });
    }
}

#[test]
fn a_table_that_has_shrunk_goes_on_as_before() {
    let _alone = ALONE.lock();
    let rt = Builder::new().start_paused(true).build().unwrap();
    rt.block_on(async {
        let stays: Vec<_> = (1..=10).map(|n| turno::spawn(sleep(Duration::from_secs(n)))).collect();
        for _ in 0..3 {
            let bell = Rc::new(Notify::new());
            let wait = |bell: Rc<Notify>| async move { bell.notified().await };
            let tasks: Vec<_> = (0..10_000).map(|_| turno::spawn(wait(bell.clone()))).collect();
            yield_now().await;
            let ids: HashSet<_> = tasks.iter().map(|task| task.id()).collect();
            let last = bell.notified(); // It stays when the others go.
            bell.notify_waiters();
            for task in tasks {
                task.await.unwrap();
            }
            last.await;
            sleep(MS).await;
            let again: Vec<_> = (0..10_000).map(|_| turno::spawn(sleep(MS))).collect();
            assert!(
                again.iter().all(|task| !ids.contains(&task.id())),
                "an id is never used again"
            );
            for task in again.into_iter().rev() {
                task.await.unwrap();
            }
            sleep(MS).await;
        }
        for task in stays {
            task.await.unwrap();
        }
    });
}
