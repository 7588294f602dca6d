//! What everybody does is told at any time: by the loop, to any thread; and where the loop does not
//! answer, who has it. A deadlock is told when it closes, also while others run.
#![allow(clippy::arc_with_non_send_sync)] // An owned guard wants an `Arc`.

mod common;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use common::{guarded, has, virtual_rt};
use turno::observe::Event;
use turno::policy::{Fifo, Pick, Policy, Tasks};
use turno::runtime::{Builder, Cycle, Handle, Runtime};
use turno::sync::{Mutex, Notify};
use turno::task::{self, JoinHandle, JoinSet, Nanos, State, TaskInfo, yield_now};
use turno::time::{Clock, Duration, sleep};

const MS: Duration = Duration::from_millis(1);

#[track_caller]
fn spawn<F: Future<Output: 'static> + 'static>(name: &str, task: F) -> JoinHandle<F::Output> {
    task::Builder::new().name(name).spawn(task)
}

/// Every place in this file becomes `LINE`.
fn without_places(text: &str) -> Vec<String> {
    let file = format!("{}:", file!());
    let strip = |line: &str| {
        let mut parts = line.split(file.as_str());
        let mut text = parts.next().unwrap().to_string();
        for part in parts {
            text += "LINE";
            text += part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
        }
        text
    };
    text.lines().map(strip).collect()
}

#[test]
fn a_dump_is_the_tree_of_who_awaits_whom() {
    let dump = guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let lock = Rc::new(Mutex::new(()));
            let waits = lock.clone();
            let parent = spawn("parent", async move {
                let mut set = JoinSet::new();
                for name in ["one", "two"] {
                    let lock = waits.clone();
                    set.build_task().name(name).spawn(async move {
                        let _held = lock.lock().await;
                        sleep(5 * MS).await;
                    });
                }
                while set.join_next().await.is_some() {}
            });
            let alone = spawn("alone", pending::<()>());
            sleep(MS).await;
            alone.abort_handle(); // And nobody awaits it.
            spawn("new", async {});
            let dump = rt.dump();
            parent.await.unwrap();
            dump
        })
    });
    let names: Vec<_> = dump.tasks().iter().map(|w| w.task.name().unwrap()).collect();
    assert_eq!(names, ["block_on", "parent", "alone", "one", "two", "new"]);
    assert_eq!((dump.at(), dump.cycles().len()), (1_000_000, 0));
    assert_eq!(dump.tasks()[0].task.state(), State::Running);
    let expected = "\
6 tasks at 1ms: 1 ready, 4 waiting, 1 running
task 1 \"block_on\" (spawned at LINE), woken by a timer; 1 switch, ran for 0ns, running
task 2 \"parent\" (spawned at LINE), spawned by task 1 \"block_on\"; 1 switch, ran for 0ns, waits for
    the end of a task of its set (made at LINE) at LINE, since 0ns
  task 4 \"one\" (spawned at LINE), spawned by task 2 \"parent\"; 1 switch, ran for 0ns, waits for
      a timer due at 5ms at LINE, since 0ns
  task 5 \"two\" (spawned at LINE), spawned by task 2 \"parent\"; 1 switch, ran for 0ns, waits for
      a mutex (made at LINE) at LINE, since 0ns
        locked by task 4 \"one\" (at LINE)
task 3 \"alone\" (spawned at LINE), spawned by task 1 \"block_on\"; 1 switch, ran for 0ns, waits for
    nothing that could wake it: no waker of it is kept
task 6 \"new\" (spawned at LINE), spawned by task 1 \"block_on\"; 0 switches, ran for 0ns, ready";
    assert_eq!(without_places(&dump.to_string()), expected.lines().collect::<Vec<_>>());
}

#[test]
fn another_thread_is_told_what_the_loop_would_tell() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let handle = rt.handle().clone();
        let dump = rt.block_on(async {
            let lock = Mutex::new(());
            let _held = lock.lock().await;
            let never = spawn("never", pending::<()>());
            let dump = task::spawn_blocking(move || handle.dump().unwrap()).await.unwrap();
            drop(never);
            dump
        });
        let names: Vec<_> = dump.tasks().iter().map(|w| w.task.name().unwrap()).collect();
        assert_eq!(names, ["block_on", "never"]);
        // The root's own waker, which is kept for the job, is counted and not accused.
        has(dump.to_string(), "a job on another thread at tests/dumps.rs:");
        assert_eq!(dump.tasks()[0].wakers, 1);
        assert!(!dump.to_string().contains("something that is not turno's"), "{dump}");
    });
}

#[test]
fn a_loop_that_sleeps_answers_at_once_and_in_any_turn() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        for step in [false, true] {
            let handle = rt.handle().clone();
            let (done, told) = mpsc::channel();
            let thread = thread::spawn(move || {
                let dump = handle.dump();
                done.send(()).unwrap();
                dump
            });
            while told.try_recv().is_err() {
                if step {
                    rt.step();
                } else {
                    rt.turn(Some(MS));
                }
            }
            assert_eq!(thread.join().unwrap().unwrap().tasks().len(), 0);
        }
    });
}

/// Its site is the caller's.
#[track_caller]
fn spawn_in<F>(rt: &Runtime, name: &str, task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    let _inside = rt.enter();
    spawn(name, task)
}

#[test]
fn who_keeps_the_thread_is_named_and_since_when() {
    for is_virtual in [false, true] {
        let (error, line) = guarded(move || {
            let rt = Builder::new().start_paused(is_virtual).build().unwrap();
            let handle = rt.handle().clone();
            let (begin, begun) = mpsc::channel();
            let asks = thread::spawn(move || {
                begun.recv().unwrap();
                handle.dump().unwrap_err()
            });
            let line = line!() + 1;
            let stuck = spawn_in(&rt, "stuck", async move {
                begin.send(()).unwrap();
                asks.join().unwrap()
            });
            (rt.block_on(stuck).unwrap(), line)
        });
        let running = error.running().unwrap();
        assert_eq!((running.task.serial(), running.name.as_deref()), (1, Some("stuck")));
        let site = running.spawn_site.unwrap();
        assert_eq!((site.file(), site.line()), (file!(), line));
        assert!(running.at_least >= Duration::from_secs(1) && running.at_least == error.waited());
        // How long at most is known only where the loop reads a real clock.
        assert!(running.at_most.is_none_or(|most| most >= running.at_least));
        assert_eq!(running.at_most.is_none(), is_virtual);
        let text = error.to_string();
        has(&text, "it is with task 1 \"stuck\" (spawned at tests/dumps.rs:");
        has(&text, "`task::spawn_blocking`");
    }
}

/// First in, first out, and never looks outside.
struct Blind(Fifo);

impl Policy for Blind {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.0.ready(task, now);
    }

    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        self.0.pick(tasks, now)
    }

    fn io_every(&self) -> u32 {
        u32::MAX
    }
}

#[test]
fn a_loop_that_is_busy_with_many_switches_is_not_said_to_be_in_one() {
    let error = guarded(|| {
        let rt = Builder::new().policy(Box::new(Blind(Fifo::new())) as Box<dyn Policy>);
        let rt = rt.build().unwrap();
        let handle = rt.handle().clone();
        let (begin, begun) = mpsc::channel();
        let asks = thread::spawn(move || {
            begun.recv().unwrap();
            handle.dump().unwrap_err()
        });
        rt.block_on(async move {
            begin.send(()).unwrap();
            while !asks.is_finished() {
                yield_now().await;
            }
            asks.join().unwrap()
        })
    });
    assert!(error.running().unwrap().at_least.is_zero());
    has(error.to_string(), " switches meanwhile");
}

#[test]
fn a_loop_that_nobody_drives_says_so_and_one_that_is_gone_at_once() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        let handle = rt.handle().clone();
        rt.block_on(async {});
        let (tx, rx) = mpsc::channel();
        let dumps = handle.clone();
        thread::spawn(move || tx.send(dumps.dump().unwrap_err()).unwrap());
        let error = rx.recv().unwrap();
        assert!(error.running().is_none() && !error.is_gone());
        has(error.to_string(), "nobody drives it");
        drop(rt);
        let error = handle.dump().unwrap_err();
        assert!(error.is_gone() && error.waited() < Duration::from_secs(1));
        has(error.to_string(), "shut down");
    });
}

#[test]
fn on_the_loops_own_thread_a_handle_tells_at_once() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let dump = Handle::current().dump().unwrap();
            assert_eq!(dump.tasks()[0].task.state(), State::Running);
        });
        let text = Rc::new(RefCell::new(None));
        let handle = rt.handle().clone();
        let seen = text.clone();
        rt.observe(move |_: u64, event: &Event<'_>| {
            if let Event::Parked { .. } = event {
                *seen.borrow_mut() = Some(handle.dump().unwrap_err().to_string());
            }
        });
        rt.block_on(sleep(MS));
        has(text.take().unwrap(), "the loop was asked from inside a policy or an observer");
    });
}

#[test]
fn a_handle_answers_at_once_also_where_another_runtime_was_entered_since() {
    guarded(|| {
        let (rt, other) = (virtual_rt(), virtual_rt());
        rt.block_on(async {
            let handle = Handle::current();
            let _guard = other.enter();
            assert_eq!(handle.dump().unwrap().tasks().len(), 1);
            let error = other.handle().dump().map(|dump| dump.tasks().len());
            assert_eq!(error.ok(), Some(0));
        });
    });
}

/// Panics when it is asked for the first time.
struct Broken(bool);

impl Policy for Broken {
    fn ready(&mut self, _: &TaskInfo, _: Nanos) {}

    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        panic!("as meant {}", self.0)
    }
}

#[test]
fn a_panic_hook_may_ask_for_all_that_cannot_fail_wherever_the_panic_is() {
    // A second panic inside of the hook would end the process.
    static ASKED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    thread_local! {
        static MINE: RefCell<Option<(Handle, Handle, std::rc::Rc<Runtime>)>> = const { RefCell::new(None) };
    }
    guarded(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let mine = MINE.with(|mine| {
                mine.borrow().as_ref().map(|(a, b, rt)| (a.clone(), b.clone(), rt.clone()))
            });
            let Some((handle, closed, rt)) = mine else { return before(info) };
            let dump = handle.dump().map(|dump| dump.tasks().len());
            let told = format!(
                "{:?} {:?} {} {:?} {:?} {rt:?} {}",
                turno::task::try_id(),
                Handle::try_current().is_ok(),
                match &dump {
                    Ok(tasks) => tasks.to_string(),
                    Err(error) => error.to_string(),
                },
                closed.dump().map(|_| ()),
                handle,
                handle.spawn(async {}).is_finished(),
            );
            ASKED.lock().unwrap().push(told);
        }));
        let gone = virtual_rt().handle().clone();
        let asked = |f: &dyn Fn(&Runtime)| {
            let rt = std::rc::Rc::new(virtual_rt());
            MINE.set(Some((rt.handle().clone(), gone.clone(), rt.clone())));
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(&rt)));
            MINE.set(None);
            std::mem::take(&mut *ASKED.lock().unwrap())
        };
        let inside = "the loop was asked from inside a policy or an observer";

        let told = asked(&|rt| rt.block_on(async { panic!("as meant") }));
        has(&told[0], "Some(Id(1)) true 1 ");
        let told = asked(&|rt| {
            rt.block_on(async { turno::spawn(async { panic!("as meant") }).await.unwrap_or(()) })
        });
        has(&told[0], "Some(Id(2)) true 2 ");
        let told = asked(&|rt| {
            rt.set_policy(Broken(true));
            rt.block_on(async {});
        });
        has(&told[0], &format!("None true {inside}"));
        let told = asked(&|rt| {
            rt.observe(|_: u64, event: &Event<'_>| {
                assert!(!matches!(event, Event::Switched { .. }), "as meant");
            });
            rt.block_on(async {});
        });
        has(&told[0], inside);
        // The runtime's own refusal of what was asked inside of an observer.
        let told = asked(&|rt| {
            rt.observe(|_: u64, event: &Event<'_>| {
                if matches!(event, Event::Ended { .. }) {
                    turno::spawn(async {});
                }
            });
            rt.block_on(async {});
        });
        has(&told[0], inside);
        let told = asked(&|rt| {
            drop(rt.spawn(async { Drops }));
            rt.block_on(yield_now());
        });
        has(&told[0], "Some(Id(1)) true 1 ");
        drop(std::panic::take_hook());
    });
}

struct Drops;

impl Drop for Drops {
    fn drop(&mut self) {
        panic!("as meant");
    }
}

/// A runtime, and what it tells of deadlocks: the names in each.
fn told(clock: Clock) -> (Runtime, Rc<RefCell<Vec<Vec<String>>>>) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let tells = told.clone();
    let note = move |cycle: &Cycle| {
        assert!(!cycle.is_certain()); // Of mutexes.
        let name = |w: &turno::runtime::Waiting| w.task.name().unwrap().to_string();
        tells.borrow_mut().push(cycle.tasks().iter().map(name).collect());
    };
    (Builder::new().clock(clock).on_deadlock(note).build().unwrap(), told)
}

/// Two tasks that lock two mutexes in opposite order.
fn deadlock(names: [&str; 2]) -> [JoinHandle<()>; 2] {
    let locks = [Rc::new(Mutex::new(())), Rc::new(Mutex::new(()))];
    [0, 1].map(|n| {
        let (first, then) = (locks[n].clone(), locks[1 - n].clone());
        spawn(names[n], async move {
            let _first = first.lock().await;
            yield_now().await;
            drop(then.lock().await);
        })
    })
}

#[test]
fn a_deadlock_is_told_once_while_others_run() {
    for clock in [Clock::real(), Clock::virtual_time()] {
        guarded(|| {
            let (rt, told) = told(clock);
            rt.block_on(async {
                let first = deadlock(["a", "b"]);
                while told.borrow().is_empty() {
                    sleep(Duration::from_nanos(1)).await;
                }
                let _second = deadlock(["c", "d"]);
                while told.borrow().len() < 2 {
                    yield_now().await;
                }
                for _ in 0..10_000 {
                    yield_now().await;
                }
                first[0].abort(); // And then the other one goes on.
                let [_, other] = first;
                other.await.unwrap();
            });
            assert_eq!(told.take(), [["a", "b"], ["c", "d"]]);
        });
    }
}

#[test]
fn it_is_told_before_the_loop_goes_to_sleep_for_long() {
    guarded(|| {
        let (rt, told) = told(Clock::real());
        let (end, ended) = mpsc::channel::<()>();
        let seen = told.clone();
        let mut end = Some(end);
        rt.observe(move |_: u64, event: &Event<'_>| {
            if let Event::Parked { .. } = event
                && !seen.borrow().is_empty()
            {
                drop(end.take()); // Only now does the job end.
            }
        });
        rt.block_on(async {
            let _stuck = deadlock(["a", "b"]);
            let _ = task::spawn_blocking(move || ended.recv()).await.unwrap();
        });
        assert_eq!(told.take(), [["a", "b"]]);
    });
}

#[test]
fn what_is_told_may_be_answered_with_an_abort() {
    for ticks in [true, false] {
        guarded(|| {
            let victim = Rc::new(RefCell::new(None::<task::AbortHandle>));
            let aborts = victim.clone();
            let on_deadlock = move |_: &Cycle| aborts.take().unwrap().abort();
            let rt = Builder::new().quiet_after(None).on_deadlock(on_deadlock).build().unwrap();
            rt.block_on(async {
                let [one, other] = deadlock(["one", "other"]);
                *victim.borrow_mut() = Some(one.abort_handle());
                let ticks = ticks.then(|| spawn("ticks", forever(|| sleep(MS))));
                // Without ticks nobody but who has the abort handle can do anything any more.
                assert!(one.await.unwrap_err().is_cancelled());
                other.await.unwrap();
                ticks.into_iter().for_each(|ticks| ticks.abort());
            });
        });
    }
}

async fn forever<F: Future>(does: impl Fn() -> F) {
    loop {
        does().await;
    }
}

#[test]
fn what_only_looks_like_a_deadlock_is_not_told() {
    guarded(|| {
        let (rt, told) = told(Clock::virtual_time());
        rt.block_on(async {
            // The guard has gone on to somebody who waits for other things.
            let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
            let kept = Rc::new(RefCell::new(None));
            let (first, then, keeps) = (a.clone(), b.clone(), kept.clone());
            let gives = spawn("gives", async move {
                *keeps.borrow_mut() = Some(first.lock_owned().await);
                yield_now().await;
                drop(then.lock().await);
            });
            let (first, then) = (b.clone(), a.clone());
            let wants = spawn("wants", async move {
                let _first = first.lock().await;
                yield_now().await;
                drop(then.lock().await);
            });
            // One of two that are waited for can come about.
            let (c, stop) = (Rc::new(Mutex::new(())), Rc::new(Notify::new()));
            let (locks, stopped) = (c.clone(), stop.clone());
            let selects = spawn("selects", async move {
                let _c = locks.lock().await;
                turno::select! {
                    _ = locks.lock() => panic!("it was free"),
                    () = stopped.notified() => {}
                }
            });
            // The task's waker is with somebody.
            let waker = Rc::new(RefCell::new(None));
            let wakes = waker.clone();
            let foreign = spawn("foreign", async move {
                let held = c.lock().await;
                turno::select! {
                    _ = c.lock() => panic!("it was free"),
                    () = common::wait_once(|own| drop(wakes.replace(Some(own.clone())))) => {}
                }
                drop(held);
            });
            for _ in 0..10_000 {
                yield_now().await;
            }
            kept.take();
            stop.notify_one();
            gives.await.unwrap();
            wants.await.unwrap();
            selects.await.unwrap();
            for _ in 0..10_000 {
                yield_now().await;
            }
            waker.take().into_iter().for_each(std::task::Waker::wake);
            foreign.await.unwrap();
        });
        assert!(told.borrow().is_empty(), "{told:?}");
    });
}

#[test]
fn a_stall_is_not_told_twice() {
    guarded(|| {
        let (rt, told) = told(Clock::real());
        let stalled = rt.try_block_on(async {
            for task in deadlock(["a", "b"]) {
                task.await.unwrap();
            }
        });
        assert_eq!(stalled.unwrap_err().cycles().len(), 1);
        assert!(told.borrow().is_empty());
    });
}

#[test]
fn a_set_in_a_deadlock_is_told_and_one_with_a_job_abroad_is_not() {
    guarded(|| {
        let (rt, told) = told(Clock::real());
        let (end, ended) = mpsc::channel::<()>();
        rt.block_on(async {
            let mut abroad = JoinSet::new();
            abroad.spawn_blocking(move || ended.recv().is_err());
            let parent = spawn("parent", async move {
                let lock = Rc::new(Mutex::new(()));
                let _held = lock.lock().await;
                let mut set = JoinSet::new();
                let wants = lock.clone();
                set.build_task().name("child").spawn(async move { drop(wants.lock().await) });
                set.join_next().await;
            });
            let waits = spawn("waits", async move { abroad.join_next().await });
            while told.borrow().is_empty() {
                yield_now().await;
            }
            drop(end);
            waits.await.unwrap();
            parent.abort();
        });
        assert_eq!(told.take(), [["parent", "child"]]);
    });
}
