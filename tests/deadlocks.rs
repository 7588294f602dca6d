//! A deadlock is named: its tasks, its places, its resources, the cycle first. What merely looks
//! like one is not.
#![allow(clippy::arc_with_non_send_sync)] // An owned guard wants an `Arc`.

mod common;

#[path = "../examples/deadlocks.rs"]
#[allow(dead_code)] // It is a program; here its deadlocks are compared.
mod deadlocks;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::future::{Future, pending};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use common::{guarded, has, virtual_rt, wait_once};
use turno::runtime::{Cycle, Stalled, Waiting};
use turno::sync::{Mutex, Notify, OnceCell, RwLock, Semaphore, mpsc, oneshot};
use turno::task::{self, Holder, JoinHandle, JoinSet, WaitReason, yield_now};
use turno::time::{Duration, sleep, timeout};

/// The line of the example that `text` is in: once only.
#[track_caller]
fn line_of(text: &str) -> u32 {
    let source = fs::read_to_string(deadlocks_file()).unwrap();
    let lines = source.lines().zip(1..).filter(|(line, _)| line.contains(text));
    let [(_, n)] = lines.collect::<Vec<_>>()[..] else { panic!("{text:?} is not in one line") };
    n
}

fn deadlocks_file() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/deadlocks.rs")
}

/// The text of the example that a place is at, from there on.
fn at(site: &Location<'_>) -> String {
    assert!(site.file().ends_with("deadlocks.rs"), "{site}");
    let source = fs::read_to_string(deadlocks_file()).unwrap();
    let line = source.lines().nth(site.line() as usize - 1).unwrap();
    line[site.column() as usize - 1..].to_string()
}

/// A task of a cycle in short: its name, what it waits for, and where that was made; then the line
/// where it waits; then who holds that, and the line where it took hold.
fn short(of: &Cycle, n: usize) -> (String, u32, Option<(String, u32)>) {
    let waiting = &of.tasks()[n];
    let wait = waiting.waits[0];
    let made = wait.made.map(|made| format!(" {}", at(made))).unwrap_or_default();
    let text = format!("{}: {}{made}", name(waiting), wait.reason);
    let held = |holder: Holder| {
        let next = &of.tasks()[(n + 1) % of.tasks().len()];
        assert_eq!(holder.task, next.task.id(), "{of}");
        (name(next).to_string(), holder.site.line())
    };
    (text, wait.site.line(), wait.holder.or(wait.last).map(held))
}

fn name(waiting: &Waiting) -> &str {
    waiting.task.name().unwrap()
}

#[track_caller]
fn one_cycle(stalled: &Stalled, certain: bool) -> &Cycle {
    let [cycle] = stalled.cycles() else { panic!("{stalled}") };
    assert_eq!(cycle.is_certain(), certain, "{stalled}");
    cycle
}

fn owned(text: &str, at: u32, held: Option<(&str, u32)>) -> (String, u32, Option<(String, u32)>) {
    (text.to_string(), at, held.map(|(name, line)| (name.to_string(), line)))
}

#[test]
fn two_locks() {
    let stalled = guarded(deadlocks::two_locks).unwrap();
    let cycle = one_cycle(&stalled, false);
    let (first, then) = (line_of("let _first = "), line_of("let _then = "));
    let other = "ann: a mutex Mutex::new(0)); // The other.";
    assert_eq!(short(cycle, 0), owned(other, then, Some(("ben", first))));
    let one = "ben: a mutex Mutex::new(0)); // The one.";
    assert_eq!(short(cycle, 1), owned(one, then, Some(("ann", first))));
    assert_eq!(cycle.tasks().len(), 2);
    assert_eq!(cycle.tasks()[1].task.spawn_site().line(), line_of("let ben = "));
    assert_eq!(cycle.tasks()[0].waits[0].since, 1_000_000);
}

#[test]
fn lock_and_join() {
    let stalled = guarded(deadlocks::lock_and_join).unwrap();
    let cycle = one_cycle(&stalled, false);
    let root = owned("try_block_on: the end of task 2", line_of("let _ = writer.await"), None);
    assert_eq!(short(cycle, 0), root);
    let (wants, locked) = (line_of("let writer = "), line_of("let mut lines = "));
    let writer = "writer: a mutex Mutex::new(Vec::new()));";
    assert_eq!(short(cycle, 1), owned(writer, wants, Some(("try_block_on", locked))));
    assert_eq!(cycle.tasks().len(), 2);
}

#[test]
fn channel() {
    let stalled = guarded(deadlocks::channel).unwrap();
    let cycle = one_cycle(&stalled, false);
    let server = "server: a message of an mpsc channel mpsc::channel(1); // Questions.";
    let sent = Some(("client", line_of("ask.send(\"my name")));
    assert_eq!(short(cycle, 0), owned(server, line_of("asked.recv().await"), sent));
    let client = "client: a message of an mpsc channel mpsc::channel(1); // Answers.";
    let sent = Some(("server", line_of("answer.send(question)")));
    assert_eq!(short(cycle, 1), owned(client, line_of("let _hello = "), sent));
    assert_eq!(cycle.tasks().len(), 2);
    has(cycle.to_string(), "as far as is known");
    has(cycle.to_string(), "1 sender is left\n");
}

#[test]
fn a_task_that_waits_for_itself() {
    let stalled = guarded(deadlocks::itself).unwrap();
    let cycle = one_cycle(&stalled, false);
    let (wants, held) = (line_of("*account.lock().await"), line_of("let mut balance = "));
    let auditor = "auditor: a mutex Mutex::new(100);";
    assert_eq!(short(cycle, 0), owned(auditor, wants, Some(("auditor", held))));
    assert_eq!(cycle.tasks().len(), 1);
    has(stalled.to_string(), "\na task waits for itself, as far as is known:");
}

#[test]
fn three_in_a_ring() {
    let stalled = guarded(deadlocks::three_in_a_ring).unwrap();
    let cycle = one_cycle(&stalled, false);
    let (first, then) = (line_of("let _first = "), line_of("let _then = "));
    let names = ["Aristotle", "Bacon", "Confucius"];
    for n in 0..3 {
        let fork = ["Mutex::new(1)", "Mutex::new(2)", "Mutex::new(0)"][n];
        let (text, at, held) = short(cycle, n);
        assert!(text.starts_with(&format!("{}: a mutex {fork}", names[n])), "{text}");
        assert_eq!((at, held), (then, Some((names[(n + 1) % 3].to_string(), first))));
    }
    assert_eq!(cycle.tasks().len(), 3);
}

#[test]
fn a_lock_held_by_a_finished_task() {
    let stalled = guarded(deadlocks::held_by_a_finished_task).unwrap();
    assert!(stalled.cycles().is_empty());
    let wait = stalled.tasks()[0].waits[0];
    let holder = wait.holder.unwrap();
    assert_eq!(at(wait.made.unwrap()), "Mutex::new(\"slow\"));");
    assert_eq!(wait.site.line(), line_of("let _reader = "));
    assert_eq!((holder.task.serial(), holder.site.line()), (2, line_of("locks.lock_owned()")));
    let text = stalled.to_string();
    has(&text, "still locked by a task that has finished");
    has(&text, ", by task 2 \"loader\" (spawned at ");
    has(&text, "locked by task 2 \"loader\", which has finished (at ");
}

#[test]
fn the_cycle_comes_first_and_each_of_its_tasks_once() {
    let text = guarded(deadlocks::three_in_a_ring).unwrap().to_string();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("stalled: "));
    assert_eq!(
        lines.next().unwrap(),
        "3 tasks wait for each other, in a cycle, as far as is known:"
    );
    for name in ["Aristotle", "Bacon", "Confucius"] {
        assert_eq!(text.matches(&format!("\"{name}\" (spawned at")).count(), 1, "{text}");
    }
    let rest = text.find("other tasks:").unwrap();
    assert!(rest > text.find("\"Confucius\"").unwrap());
    assert!(text[rest..].contains("\"try_block_on\""));
}

type Lock = Rc<Mutex<()>>;

const MS: Duration = Duration::from_millis(1);

/// `root` comes to its end by itself, and after 5 ms, when somebody seems to wait in a circle,
/// nobody says so.
#[track_caller]
fn healthy(root: impl AsyncFnOnce()) {
    guarded(|| {
        let rt = virtual_rt();
        let ended = rt.try_block_on(async {
            let look = task::Builder::new().name("look").spawn({
                let handle = rt.handle().clone();
                async move {
                    sleep(5 * MS).await;
                    let dump = handle.dump().unwrap();
                    assert!(dump.cycles().is_empty(), "{dump}");
                }
            });
            root().await;
            look.await.unwrap();
        });
        ended.unwrap_or_else(|stalled| panic!("{stalled}"));
    });
}

/// A task that has locked `first` wants `then`.
fn crosses(first: &Lock, then: &Lock) -> JoinHandle<()> {
    let (first, then) = (first.clone(), then.clone());
    task::spawn(async move {
        let _first = first.lock().await;
        sleep(MS).await;
        drop(then.lock().await);
    })
}

#[test]
fn a_lock_that_is_wanted_for_so_long_only_is_no_deadlock() {
    healthy(async || {
        let (a, b) = (Lock::default(), Lock::default());
        let crosses = crosses(&a, &b);
        yield_now().await;
        let held = b.lock().await;
        assert!(timeout(9 * MS, async { drop(a.lock().await) }).await.is_err());
        drop(held);
        crosses.await.unwrap();
    });
}

#[test]
fn a_live_alternative_is_no_deadlock() {
    healthy(async || {
        let (a, b, stop) = (Lock::default(), Lock::default(), Rc::new(Notify::new()));
        let crosses = crosses(&a, &b);
        yield_now().await;
        let (locks, then, stopped) = (b.clone(), a.clone(), stop.clone());
        let selects = task::spawn(async move {
            let _b = locks.lock().await;
            turno::select! {
                _ = then.lock() => panic!("it was free"),
                () = stopped.notified() => {}
            }
        });
        sleep(9 * MS).await;
        stop.notify_one();
        selects.await.unwrap();
        crosses.await.unwrap();
    });
}

#[test]
fn a_guard_that_has_gone_to_another_task_is_no_deadlock() {
    healthy(async || {
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let (keep, kept) = oneshot::channel();
        let keeper = task::spawn(async move {
            let guard = kept.await.unwrap();
            sleep(9 * MS).await;
            drop(guard);
        });
        let (first, then) = (a.clone(), b.clone());
        let gives = task::spawn(async move {
            assert!(keep.send(first.lock_owned().await).is_ok());
            sleep(MS).await;
            drop(then.lock().await); // It holds nothing any more.
        });
        let _b = b.lock_owned().await;
        yield_now().await;
        drop(a.lock().await);
        drop(_b);
        gives.await.unwrap();
        keeper.await.unwrap();
    });
}

#[test]
fn two_permits_are_no_deadlock() {
    healthy(async || {
        let permits = Rc::new(Semaphore::new(2));
        let mut set = JoinSet::new();
        for _ in 0..4 {
            let permits = permits.clone();
            set.spawn(async move {
                let _permit = permits.acquire().await.unwrap();
                sleep(4 * MS).await;
            });
        }
        while set.join_next().await.is_some() {}
    });
}

#[test]
fn whom_a_foreign_waker_may_wake_is_in_no_deadlock() {
    healthy(async || {
        let (a, b) = (Lock::default(), Lock::default());
        let crosses = crosses(&a, &b);
        yield_now().await;
        let held = b.lock().await;
        let waker = Rc::new(RefCell::new(None));
        let wakes = waker.clone();
        task::spawn(async move {
            sleep(9 * MS).await;
            wakes.take().into_iter().for_each(std::task::Waker::wake);
        });
        turno::select! {
            _ = a.lock() => panic!("it was free"),
            () = wait_once(|own| drop(waker.replace(Some(own.clone())))) => {}
        }
        drop(held);
        crosses.await.unwrap();
    });
}

#[test]
fn a_reader_behind_a_writer_that_may_give_up_is_in_no_deadlock() {
    healthy(async || {
        let (lock, gate) = (Rc::new(RwLock::new(())), Rc::new(Notify::new()));
        let (reads, opened) = (lock.clone(), gate.clone());
        let first = task::spawn(async move {
            let _read = reads.read().await;
            opened.notified().await;
        });
        let writes = lock.clone();
        let writer = task::spawn(async move {
            assert!(timeout(9 * MS, async { drop(writes.write().await) }).await.is_err());
        });
        yield_now().await;
        yield_now().await;
        drop(lock.read().await);
        gate.notify_one();
        first.await.unwrap();
        writer.await.unwrap();
    });
}

#[test]
fn a_set_of_which_one_can_go_on_is_no_deadlock() {
    healthy(async || {
        let lock = Lock::default();
        let mut held = Some(lock.lock().await);
        let mut set = JoinSet::new();
        let wants = lock.clone();
        set.spawn(async move { drop(wants.lock().await) });
        set.spawn(sleep(9 * MS));
        while set.join_next().await.is_some() {
            drop(held.take());
        }
    });
}

#[test]
fn a_lock_that_two_runtimes_share_makes_no_cycle_of_ids() {
    guarded(|| {
        let (one, other) = (virtual_rt(), virtual_rt());
        let lock = Lock::default();
        let held = one.block_on(lock.lock());
        let stalled = other.try_block_on(lock.lock()).map(drop).unwrap_err();
        assert!(stalled.cycles().is_empty(), "{stalled}");
        assert_eq!(stalled.tasks()[0].waits[0].holder, None);
        drop(held);
    });
}

#[test]
fn a_task_of_another_runtime_is_not_taken_for_one_with_the_same_id() {
    guarded(|| {
        let (one, other) = (virtual_rt(), virtual_rt());
        let never = one.spawn(pending::<()>()); // Its id is that of the other one's root.
        let stalled = other.try_block_on(never).map(drop).unwrap_err();
        assert!(stalled.cycles().is_empty(), "{stalled}");
        has(stalled.to_string(), "\n    the end of a task of another runtime at ");
    });
}

fn stalled(root: impl AsyncFnOnce()) -> Stalled {
    guarded(|| virtual_rt().try_block_on(root()).unwrap_err())
}

fn spawn(name: &str, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    task::Builder::new().name(name).spawn(task)
}

/// The names in each cycle.
fn names(cycles: &[Cycle]) -> Vec<Vec<&str>> {
    cycles.iter().map(|cycle| cycle.tasks().iter().map(name).collect()).collect()
}

#[test]
fn a_reader_waits_for_the_writer_in_front_of_it() {
    let stalled = stalled(async || {
        let lock = Rc::new(RwLock::new(()));
        let _read = lock.read().await;
        let writes = lock.clone();
        let _writer = spawn("writer", async move { drop(writes.write().await) });
        yield_now().await;
        drop(lock.read().await);
    });
    assert_eq!(names(stalled.cycles()), [["try_block_on", "writer"]]);
    assert!(!stalled.cycles()[0].is_certain());
    has(stalled.to_string(), "\n      behind task 2 \"writer\", which waits to write\n");
}

#[test]
fn a_set_waits_for_its_members() {
    let stalled = stalled(async || {
        let lock = Lock::default();
        let _held = lock.lock().await;
        let mut set = JoinSet::new();
        for name in ["a", "b"] {
            let wants = lock.clone();
            set.build_task().name(name).spawn(async move { drop(wants.lock().await) });
        }
        set.join_next().await;
    });
    assert_eq!(names(stalled.cycles()), [["try_block_on", "a"]]);
}

#[test]
fn a_task_that_awaits_its_own_handle_waits_for_itself() {
    let stalled = stalled(async || {
        let (give, given) = oneshot::channel::<JoinHandle<()>>();
        let own = spawn("own", async move { given.await.unwrap().await.unwrap() });
        give.send(own).unwrap();
        pending::<()>().await;
    });
    assert_eq!(names(stalled.cycles()), [["own"]]);
}

#[test]
fn a_cell_that_needs_itself_waits_for_itself() {
    let stalled = stalled(async || {
        let cell = OnceCell::new();
        cell.get_or_init(|| async { *cell.get_or_init(|| async { 1 }).await }).await;
    });
    assert_eq!(names(stalled.cycles()), [["try_block_on"]]);
    assert_eq!(stalled.cycles()[0].tasks()[0].waits[0].reason, WaitReason::OnceCell);
}

#[test]
fn room_in_a_channel_is_waited_for_from_who_received_last() {
    let stalled = stalled(async || {
        let ((tx, mut rx), (back, mut answers)) = (mpsc::channel(1), mpsc::channel::<u32>(1));
        let echo = spawn("echo", async move {
            while let Some(n) = rx.recv().await {
                back.send(n).await.unwrap();
            }
        });
        for n in 0..9 {
            tx.send(n).await.unwrap(); // Nobody takes the answers, so nobody takes the questions.
        }
        drop(tx);
        answers.recv().await;
        echo.await.unwrap();
    });
    let [_root, echo] = stalled.tasks() else { panic!("{stalled}") };
    let root = &stalled.tasks()[0].waits[0];
    assert_eq!((root.reason, root.last.unwrap().task), (WaitReason::Send, echo.task.id()));
    // That `answers` is with the root nobody can know: it has not received anything.
    assert_eq!((echo.waits[0].reason, echo.waits[0].last), (WaitReason::Send, None));
    assert!(stalled.cycles().is_empty());
}

#[test]
fn the_senders_that_are_left_are_counted() {
    let stalled = stalled(async || {
        let (tx, mut rx) = mpsc::unbounded_channel::<()>();
        let worker = spawn("worker", async move { while rx.recv().await.is_some() {} });
        yield_now().await;
        let (second, _third) = (tx.clone(), tx.clone());
        drop(second);
        worker.await.unwrap(); // Two senders are still here.
    });
    assert_eq!(stalled.tasks()[1].waits[0].senders, Some(2));
    has(stalled.to_string(), "\n      2 senders are left\n");
}

#[test]
fn two_deadlocks_are_two_cycles() {
    let stalled = stalled(async || {
        for names in [["a", "b"], ["c", "d"]] {
            let locks = [Lock::default(), Lock::default()];
            for n in 0..2 {
                let (first, then) = (locks[n].clone(), locks[1 - n].clone());
                drop(spawn(names[n], async move {
                    let _first = first.lock().await;
                    yield_now().await;
                    drop(then.lock().await);
                }));
            }
        }
        pending::<()>().await;
    });
    assert_eq!(names(stalled.cycles()), [["a", "b"], ["c", "d"]]);
}

#[test]
fn a_cycle_of_owned_guards_is_only_likely() {
    let stalled = stalled(async || {
        let locks = [Arc::new(Mutex::new(())), Arc::new(Mutex::new(()))];
        for n in 0..2 {
            let (first, then) = (locks[n].clone(), locks[1 - n].clone());
            drop(spawn(["a", "b"][n], async move {
                let _first = first.lock_owned().await;
                yield_now().await;
                drop(then.lock_owned().await);
            }));
        }
        pending::<()>().await;
    });
    assert_eq!(names(stalled.cycles()), [["a", "b"]]);
    assert!(!stalled.cycles()[0].is_certain());
}

/// The handle of a task that is spawned later.
type Background = Rc<RefCell<Option<JoinHandle<()>>>>;

/// Task a locks in a future that it gives up, and that goes on in task b: the guard is there.
fn gives_a_guard_away(
    lock: &Lock,
    then: impl AsyncFnOnce() + 'static,
) -> (JoinHandle<()>, Background) {
    let (locks, wants) = (lock.clone(), lock.clone());
    let background = Rc::new(RefCell::new(None));
    let put = background.clone();
    let a = spawn("a", async move {
        let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            let _guard = locks.lock().await;
            then().await;
        });
        assert!(timeout(MS, &mut future).await.is_err());
        put.replace(Some(spawn("b", future)));
        drop(wants.lock().await);
    });
    (a, background)
}

#[test]
fn a_lock_whose_guard_has_been_seen_to_move_is_locked_by_no_known_task() {
    let stalled = stalled(async || {
        let lock = Lock::default();
        let notify = Rc::new(Notify::new());
        let (a, _b) = gives_a_guard_away(&lock, async move || notify.notified().await);
        a.await.unwrap();
    });
    assert_eq!(names(stalled.cycles()), [[""; 0]; 0]);
    let a = stalled.tasks().iter().find(|waiting| name(waiting) == "a").unwrap();
    assert!(a.waits[0].moved);
    has(stalled.to_string(), "which task has the guard is not known");
}

#[test]
fn time_out_and_finish_it_in_the_background_is_no_deadlock() {
    let told = Rc::new(Cell::new(0));
    let tells = told.clone();
    guarded(move || {
        let rt = turno::runtime::Builder::new().start_paused(true);
        let rt = rt.on_deadlock(move |_| tells.set(tells.get() + 1)).build().unwrap();
        rt.block_on(async {
            let lock = Lock::default();
            let (a, _b) = gives_a_guard_away(&lock, async || sleep(100 * MS).await);
            let busy = spawn("busy", async {
                for _ in 0..10_000 {
                    yield_now().await;
                }
            });
            busy.await.unwrap();
            a.await.unwrap();
        });
    });
    assert_eq!(told.get(), 0);
}

#[test]
fn a_handle_that_is_only_kept_is_not_blamed() {
    let stalled = stalled(async || {
        let (one, two) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None)));
        let (other, awaits) = (one.clone(), two.clone());
        let first = spawn("first", async move {
            let mut other: JoinHandle<()> = other.take().unwrap();
            assert!(timeout(MS, &mut other).await.is_err());
            std::future::pending::<()>().await; // It does not wait for `other` any more.
        });
        two.replace(Some(first));
        one.replace(Some(spawn("second", async move {
            let first: JoinHandle<()> = awaits.take().unwrap();
            first.await.unwrap();
        })));
        std::future::pending::<()>().await;
    });
    assert_eq!(names(stalled.cycles()), [[""; 0]; 0], "{stalled}");
    has(stalled.to_string(), "(kept; it was not polled last)");
}

#[test]
fn one_of_several_branches_is_not_blamed() {
    let stalled = stalled(async || {
        let lock = Lock::default();
        let notify = Rc::new(Notify::new());
        let _guard = lock.lock().await;
        let wants = lock.clone();
        let selects = spawn("selects", async move {
            turno::select! {
                _ = wants.lock() => {}
                () = notify.notified() => {}
            }
        });
        selects.await.unwrap();
    });
    assert_eq!(names(stalled.cycles()), [[""; 0]; 0], "{stalled}");
}

#[test]
fn tasks_that_await_the_ends_of_each_other_are_a_certain_cycle() {
    let stalled = stalled(async || {
        let handle: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let takes = handle.clone();
        let first = spawn("first", async move {
            yield_now().await;
            let second = takes.take().unwrap();
            second.await.unwrap();
        });
        handle.replace(Some(spawn("second", async move { first.await.unwrap() })));
        std::future::pending::<()>().await;
    });
    assert_eq!(names(stalled.cycles()), [["first", "second"]]);
    assert!(stalled.cycles()[0].is_certain());
}

/// The place of an await is a line of the program, also where the future is polled through a
/// reference.
#[test]
fn what_is_awaited_through_a_reference_is_awaited_in_the_program() {
    let line = Rc::new(Cell::new(0));
    let is = line.clone();
    let stalled = stalled(async move || {
        let mut never = spawn("never", pending());
        let mut also = spawn("also", pending());
        let (lock, notify) = (Lock::default(), Notify::new());
        let _guard = lock.lock().await;
        let mut locking = Box::pin(lock.lock());
        is.set(line!() + 1);
        turno::select! {
            _ = &mut never => {}
            _ = async { turno::join!(&mut also, &mut locking, notify.notified()) } => {}
        }
    });
    let root = &stalled.tasks()[0];
    let lines: Vec<_> =
        root.waits.iter().map(|wait| (wait.site.file(), wait.site.line())).collect();
    assert!(lines.iter().all(|(file, _)| *file == file!()), "{stalled}");
    let of = |reason: fn(&WaitReason) -> bool| {
        let wait =
            root.waits.iter().filter(|wait| reason(&wait.reason)).map(|wait| wait.site.line());
        wait.map(|at| at - line.get()).collect::<BTreeSet<_>>()
    };
    assert_eq!(of(|reason| matches!(reason, WaitReason::Join(_))), BTreeSet::from([0, 2]));
}

#[test]
fn a_handle_awaited_through_a_reference_alone_is_told_where_its_task_was_spawned() {
    let stalled = stalled(async || {
        let mut never = task::spawn(pending::<()>());
        let _ = (&mut never).await;
    });
    let wait = stalled.tasks()[0].waits[0];
    assert_eq!(wait.site, stalled.tasks()[1].task.spawn_site());
}
