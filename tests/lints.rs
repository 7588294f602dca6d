//! Lints say what is true: each fires in the program that was made for it, with task and place, and
//! no other does. Where all are silent is in `lints_healthy.rs`.

mod common;

#[allow(dead_code)] // Its `main`.
#[path = "../examples/lints.rs"]
mod example;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use std::{env, thread};

use common::found::Found;
use common::{guarded, has, own_waker, wait_once};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use turno::lints::{Finding, Lint, Lints};
use turno::runtime::Builder;
use turno::sync::{Mutex, Notify, RwLock, Semaphore, mpsc};
use turno::task::{self, JoinHandle, yield_now};
use turno::time::{sleep, timeout, work};

const MS: Duration = Duration::from_millis(1);

fn virtual_time() -> Builder {
    Builder::new().start_paused(true)
}

/// All that is found in `program`, in virtual time.
fn found(lints: Lints, program: impl Future) -> Vec<Finding> {
    let (rt, found) = Found::by(lints, virtual_time());
    guarded(|| rt.block_on(program));
    found.all()
}

/// What alone is found in `program`, in virtual time.
#[track_caller]
fn only(lint: Lint, program: impl Future) -> Finding {
    let (rt, found) = Found::by(Lints::new(), virtual_time());
    guarded(|| drop(rt.try_block_on(program)));
    found.only(lint)
}

/// A task that can be told from others.
#[track_caller]
fn spawn(name: &str, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    task::Builder::new().name(name).spawn(task)
}

fn line(site: Option<&Location<'_>>) -> u32 {
    site.map_or(0, Location::line)
}

/// Holds the thread, as nobody ought to. A processor that is busy makes that no shorter.
fn hold(time: Duration) {
    thread::sleep(time);
}

/// Waits for nothing that could come.
async fn forgets_its_waker() {
    poll_fn(|_| Poll::<()>::Pending).await;
}

// Slow polls.

#[test]
fn a_slow_poll_is_told_with_the_awaits_before_and_after_it() {
    let here = line!();
    let finding = only(Lint::SlowPoll, async {
        let task = spawn("report", async {
            sleep(MS).await;
            work(150 * MS).await;
            sleep(MS).await;
        });
        task.await.unwrap();
    });
    assert_eq!((finding.name(), finding.task().serial()), (Some("report"), 2));
    assert_eq!((line(Some(finding.spawn_site())), finding.switch()), (here + 2, 3));
    assert_eq!((line(finding.after()), line(finding.place())), (here + 3, here + 5));
    assert_eq!((finding.lasted(), finding.at()), (150 * MS, 151_000_000));
    let text = format!(
        "slow-poll: task 2 \"report\" (spawned at tests/lints.rs:{}:20) held the thread for 150ms, \
         from its await at tests/lints.rs:{}:23 to its await at tests/lints.rs:{}:23 (switch 3)\n    \
         nobody else could run meanwhile: give way between pieces of it (task::yield_now), or let \
         a thread do it (task::spawn_blocking)",
        here + 2,
        here + 3,
        here + 5
    );
    assert_eq!(finding.to_string(), text);
}

#[test]
fn a_slow_poll_has_a_beginning_and_an_end_where_there_is_no_await() {
    let told = |program: fn() -> JoinHandle<()>| {
        let finding = only(Lint::SlowPoll, async move { drop(program().await) });
        assert_eq!((finding.after(), finding.place()), (None, None));
        finding.to_string()
    };
    let whole = told(|| spawn("whole", work(101 * MS)));
    has(whole, "held the thread for 101ms, from its start to its end (switch 2)");
    let yields = told(|| {
        spawn("yields", async {
            yield_now().await;
            work(101 * MS).await;
            yield_now().await;
        })
    });
    has(yields, "from giving way to giving way");
    let panics = told(|| {
        spawn("panics", async {
            yield_now().await;
            work(101 * MS).await;
            wait_once(|waker| waker.wake_by_ref()).await;
        })
    });
    has(panics, "from giving way to giving way");
}

#[test]
fn the_threshold_is_the_longest_that_is_not_slow() {
    let program = || async {
        work(20 * MS).await;
        yield_now().await;
        work(20 * MS + Duration::from_nanos(1)).await;
    };
    let finding = &found(Lints::new().slow_poll(20 * MS), program())[..];
    assert!(matches!(finding, [only] if only.lasted() > 20 * MS), "{finding:?}");
    assert!(found(Lints::new(), program()).is_empty());
    let off = Lints::new().slow_poll(Duration::ZERO).without(Lint::SlowPoll);
    assert!(found(off, program()).is_empty());
}

#[test]
fn what_happens_again_at_the_same_place_is_told_once() {
    let found = found(Lints::new(), async {
        for _ in 0..3 {
            for _ in 0..3 {
                task::spawn(async {
                    for _ in 0..3 {
                        sleep(MS).await;
                        work(200 * MS).await;
                    }
                })
                .await
                .unwrap();
            }
        }
    });
    // From the await to itself, and from there to the end.
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn a_task_that_was_there_before_the_lints_has_an_unseen_past() {
    let rt = virtual_time().build().unwrap();
    rt.block_on(async {
        spawn("old", async {
            yield_now().await;
            sleep(MS).await;
            work(200 * MS).await;
        });
        yield_now().await;
        yield_now().await;
    });
    let (tell, told) = std::sync::mpsc::channel();
    rt.observe(Lints::new().to(move |finding| drop(tell.send(finding.to_string()))));
    rt.block_on(sleep(2 * MS));
    has(told.try_recv().unwrap(), "from something that was not watched to its end");
}

// Slow turns.

#[test]
fn a_slow_turn_is_told_with_those_who_ran_longest() {
    let lints = Lints::new().slow_poll(10_000 * MS).slow_turn(60 * MS);
    let (rt, found) = Found::by(lints, Builder::new());
    guarded(|| {
        rt.block_on(async {
            for n in 0..40 {
                spawn(&format!("t{n}"), async move {
                    hold(if n == 7 { 100 * MS } else { MS });
                    yield_now().await;
                    hold(if n == 8 { 80 * MS } else { MS / 10 });
                });
            }
            sleep(MS).await;
            sleep(MS).await;
        })
    });
    let finding = found.only(Lint::SlowTurn);
    assert!(finding.lasted() > 60 * MS, "{finding}");
    let text = finding.to_string();
    has(&text, "in which the loop did not look outside once");
    has(&text, "none of them slow");
    has(&text, "(spawned at tests/lints.rs:");
}

#[test]
fn a_turn_is_not_slow_if_the_loop_looks_in_between_or_one_switch_is_to_blame() {
    let lints = Lints::new().slow_poll(200 * MS).slow_turn(300 * MS);
    let (rt, found) = Found::by(lints, Builder::new());
    guarded(|| {
        rt.block_on(async {
            // Each parks the loop, and so makes it look.
            for _ in 0..40 {
                hold(10 * MS);
                sleep(MS).await;
            }
            hold(400 * MS);
            sleep(MS).await;
        })
    });
    found.only(Lint::SlowPoll);
    // In virtual time timers are looked at after every switch.
    assert!(
        self::found(Lints::new(), async {
            for _ in 0..50 {
                work(50 * MS).await;
                yield_now().await;
            }
            sleep(MS).await;
        })
        .is_empty()
    );
}

// Endless polls.

#[test]
fn an_endless_poll_is_told_while_it_runs() {
    let lints = Lints::new().without(Lint::SlowPoll).watchdog(50 * MS);
    let (rt, found) = Found::by(lints, Builder::new());
    let seen = found.clone();
    let here = line!();
    guarded(|| {
        rt.block_on(async {
            let task = spawn("never ends", async move {
                sleep(MS).await;
                while seen.all().is_empty() {
                    std::hint::spin_loop();
                }
            });
            task.await.unwrap();
        })
    });
    let finding = found.only(Lint::EndlessPoll);
    assert_eq!((finding.name(), finding.switch()), (Some("never ends"), 3));
    assert_eq!((line(Some(finding.spawn_site())), line(finding.after())), (here + 3, here + 4));
    assert!(finding.lasted() >= 50 * MS);
    has(finding.to_string(), "has held the thread for more than 50ms after its await at tests/");
}

#[test]
fn the_watchdog_sees_through_many_short_polls_and_ends_with_its_runtime() {
    let lints = Lints::new().without(Lint::SlowTurn).watchdog(300 * MS);
    let (rt, found) = Found::by(lints, Builder::new());
    guarded(|| {
        rt.block_on(async {
            for _ in 0..120 {
                hold(3 * MS);
                yield_now().await;
            }
            sleep(400 * MS).await; // Asleep, the loop is in no poll.
        })
    });
    assert!(found.all().is_empty(), "{:#?}", found.all());
    let hours = Lints::new().watchdog(Duration::from_secs(7200));
    let (rt, _) = Found::by(hours, Builder::new());
    rt.block_on(sleep(50 * MS)); // By then the thread sleeps for the rest of the day.
    guarded(|| drop(rt));
}

// Lost wakers.

#[test]
fn a_lost_waker_is_told_when_the_task_goes_to_wait() {
    let here = line!();
    let finding = only(Lint::LostWaker, async {
        spawn("lost", async {
            sleep(MS).await;
            forgets_its_waker().await;
        });
        sleep(10 * MS).await;
    });
    assert_eq!((finding.name(), finding.switch(), finding.at()), (Some("lost"), 3, 1_000_000));
    assert_eq!((line(Some(finding.spawn_site())), line(finding.after())), (here + 2, here + 3));
    has(finding.to_string(), "nobody keeps a waker of it: nothing can wake it any more");
}

#[test]
fn a_lost_waker_of_the_root_is_told_before_the_stall_is() {
    let finding = only(Lint::LostWaker, async {
        let _dropped = own_waker().await;
        drop(_dropped);
        forgets_its_waker().await;
    });
    assert_eq!((finding.name(), finding.switch()), (Some("try_block_on"), 1));
}

#[test]
fn a_waker_is_not_lost_while_anybody_keeps_it() {
    let quiet = found(Lints::new(), async {
        let waker = Rc::new(Cell::new(None));
        let keeps = waker.clone();
        let task = spawn("kept", async move {
            wait_once(|waker| keeps.set(Some(waker.clone()))).await;
        });
        sleep(MS).await;
        // Gone from here, but a thread has it.
        let waker = waker.take().unwrap();
        thread::spawn(move || waker.wake());
        task.await.unwrap();
        // Woken in its own poll, with nothing kept: it is polled again.
        wait_once(|waker| waker.wake_by_ref()).await;
        assert!(timeout(MS, forgets_its_waker()).await.is_err());
        spawn("aborted", async { sleep(MS).await }).abort();
    });
    assert!(quiet.is_empty(), "{quiet:#?}");
}

// Spins.

#[test]
fn a_spin_is_told_on_a_real_clock() {
    let (rt, found) = Found::by(Lints::new().slow_poll(10_000 * MS), Builder::new());
    let here = line!();
    guarded(|| {
        rt.block_on(async {
            let done = Rc::new(Cell::new(false));
            let flag = done.clone();
            let task = spawn("spins", async move {
                while !flag.get() {
                    yield_now().await;
                }
            });
            while found.all().is_empty() {
                sleep(MS).await;
            }
            done.set(true);
            task.await.unwrap();
        })
    });
    let finding = found.only(Lint::SelfWakeSpin);
    assert_eq!((finding.name(), line(Some(finding.spawn_site()))), (Some("spins"), here + 5));
    assert!(finding.lasted() <= Duration::from_secs(1));
    has(finding.to_string(), "woke itself 10000 times in a row within ");
}

#[test]
fn a_spin_is_told_on_a_virtual_clock_which_it_stops() {
    let (rt, found) = Found::by(Lints::new().self_wakes(100), virtual_time());
    guarded(|| {
        rt.block_on(async {
            let flag = Rc::new(Cell::new(false));
            let sets = flag.clone();
            spawn("sets it", async move {
                sleep(MS).await;
                sets.set(true);
            });
            // By hand, not by `yield_now`.
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                if flag.get() || !found.all().is_empty() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        })
    });
    let finding = found.only(Lint::SelfWakeSpin);
    assert_eq!((finding.name(), finding.lasted()), (Some("block_on"), Duration::ZERO));
    has(finding.to_string(), "woke itself 100 times in a row while time stood still");
}

#[test]
fn it_is_no_spin_if_anything_comes_of_it() {
    /// Every hundredth time something is done; a spin are a hundred in a row.
    fn findings<F: Future>(mut something: impl FnMut() -> F) -> usize {
        let spin = async {
            for n in 0..400 {
                if n % 100 == 99 {
                    something().await;
                }
                yield_now().await;
            }
        };
        found(Lints::new().self_wakes(100), spin).len()
    }
    assert_eq!(findings(async || {}), 1);
    assert_eq!(findings(async || drop(task::spawn(async {}))), 0);
    assert_eq!(findings(async || work(Duration::from_nanos(1)).await), 0);
    assert_eq!(findings(async || sleep(MS).await), 0);
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = Rc::new(Mutex::new(receiver));
    (0..4).for_each(|n| sender.send(n).unwrap());
    assert_eq!(findings(async || assert!(receiver.lock().await.recv().await.is_some())), 0);
    let (notify, heard) = (Rc::new(Notify::new()), Cell::new(false));
    let wakes = async || {
        let hears = notify.clone();
        if !heard.replace(true) {
            spawn("hears", async move {
                loop {
                    hears.notified().await;
                }
            });
        }
        notify.notify_one();
    };
    assert_eq!(findings(wakes), 0);
}

// Futurelocks.

#[test]
fn a_futurelock_with_itself_is_told_at_once() {
    let here = line!();
    let finding = only(Lint::Futurelock, async {
        let lock = Rc::new(Mutex::new(()));
        let holds = lock.clone();
        spawn("holder", async move {
            let _guard = holds.lock().await;
            sleep(5000 * MS).await;
        });
        let task = spawn("locks", async move {
            yield_now().await;
            let mut first = pin!(lock.lock());
            turno::select! {
                _ = &mut first => {}
                _ = sleep(500 * MS) => drop(lock.lock().await),
            }
        });
        spawn("ticks", async {
            for _ in 0..10 {
                sleep(1000 * MS).await;
            }
        });
        task.await.unwrap();
    });
    assert_eq!((finding.name(), line(Some(finding.spawn_site()))), (Some("locks"), here + 8));
    assert_eq!((line(finding.place()), finding.at()), (here + 10, 5_000_000_000));
    let text = format!(
        "was handed a mutex (made at tests/lints.rs:{}:28) at tests/lints.rs:{}:39, but went on \
         without polling the future there (switch 13, 0ns ago): it is at its await at \
         tests/lints.rs:{}:50, and waits for the same itself",
        here + 2,
        here + 10,
        here + 13
    );
    has(finding.to_string(), &text);
}

#[test]
fn a_futurelock_on_a_rwlock_is_told_at_once() {
    let finding = only(Lint::Futurelock, async {
        let lock = Rc::new(RwLock::new(()));
        let held = lock.write().await;
        let waits = lock.clone();
        spawn("writes", async move {
            let mut write = pin!(waits.write());
            turno::select! {
                _ = &mut write => {}
                _ = yield_now() => drop(waits.read().await),
            }
        });
        sleep(MS).await;
        drop(held);
        sleep(MS).await;
    });
    assert_eq!((finding.name(), finding.at()), (Some("writes"), 1_000_000));
    has(finding.to_string(), "was handed an rwlock, to write (made at");
}

/// A task is handed what `first` waits for, and waits for `second` instead.
async fn snoozes(first: impl Future, second: impl Future) {
    let mut first = pin!(first);
    turno::select! {
        biased;
        _ = &mut first => {}
        _ = yield_now() => drop(second.await),
    }
}

#[test]
fn a_futurelock_that_lasts_is_told_after_the_threshold() {
    let finding = only(Lint::Futurelock, async {
        let permits = Rc::new(Semaphore::new(1));
        let permit = permits.acquire().await.unwrap();
        let (one, two) = (permits.clone(), permits.clone());
        spawn("snoozes", async move { snoozes(one.acquire(), sleep(5000 * MS)).await });
        spawn("waits", async move { drop(two.acquire().await) });
        sleep(MS).await;
        drop(permit);
        for _ in 0..60 {
            sleep(100 * MS).await;
        }
    });
    assert_eq!(finding.name(), Some("snoozes"));
    let (lasted, second) = (finding.lasted(), 1000 * MS);
    assert!(lasted > second && lasted <= second + 200 * MS, "{lasted:?}");
    has(finding.to_string(), "permits of a semaphore");
    has(finding.to_string(), "while task 3 waits for the same");
}

#[test]
fn a_futurelock_that_stops_the_program_is_told_when_it_goes_to_sleep() {
    let finding = only(Lint::Futurelock, async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(0).await.unwrap();
        let task = spawn("sends", async move {
            snoozes(sender.send(1), sender.send(2)).await;
        });
        sleep(MS).await;
        // Makes room, which the first of both is handed; the second waits.
        receiver.recv().await.unwrap();
        task.await.unwrap();
    });
    assert_eq!((finding.name(), finding.at()), (Some("sends"), 1_000_000));
    has(finding.to_string(), "was handed room in an mpsc channel");
    has(finding.to_string(), "and waits for the same itself");
}

#[test]
fn a_futurelock_inside_of_a_combinator_is_told_with_where_the_task_has_got_to() {
    let here = line!();
    let finding = only(Lint::Futurelock, async {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.lock().await;
        let locks = lock.clone();
        spawn("buffers", async move {
            let mut all: FuturesUnordered<_> = (0..3).map(|_| locks.lock()).collect();
            let works = async {
                sleep(100 * MS).await;
                yield_now().await;
                sleep(20_000 * MS).await;
            };
            snoozes(async { drop(all.next().await) }, works).await;
        });
        sleep(MS).await;
        drop(guard);
        for _ in 0..30 {
            sleep(100 * MS).await;
        }
    });
    assert_eq!((finding.name(), finding.switch()), (Some("buffers"), 5));
    assert!(finding.lasted() > 1000 * MS, "its own other futures wait, but it goes on");
    let now = format!("it is at its await at tests/lints.rs:{}:36, and waits for", here + 10);
    has(finding.to_string(), &now);
}

#[test]
fn a_word_to_one_that_is_not_heard_is_told_if_others_wait_for_one() {
    let program = |others| async move {
        let notify = Rc::new(Notify::new());
        let (one, two) = (notify.clone(), notify.clone());
        spawn("snoozes", async move { snoozes(one.notified(), sleep(5000 * MS)).await });
        if others {
            spawn("waits", async move { two.notified().await });
        }
        sleep(MS).await;
        notify.notify_one();
        for _ in 0..30 {
            sleep(100 * MS).await;
        }
    };
    has(only(Lint::Futurelock, program(true)).to_string(), "was handed a notification");
    assert!(found(Lints::new(), program(false)).is_empty());
}

#[test]
fn it_is_no_futurelock_while_nobody_else_waits_or_it_does_not_last_or_all_are_told() {
    let quiet = found(Lints::new(), async {
        let lock = Rc::new(Mutex::new(()));
        let (notify, hears) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
        let guard = lock.lock().await;
        let (locks, told) = (lock.clone(), notify.clone());
        // Nobody else wants the lock for most of the time.
        spawn("nobody waits", async move {
            snoozes(locks.lock(), sleep(5000 * MS)).await;
        });
        spawn("told with all", async move {
            snoozes(told.notified(), sleep(5000 * MS)).await;
        });
        let (late, hears_later) = (lock.clone(), hears.clone());
        sleep(MS).await;
        drop(guard);
        notify.notify_waiters();
        let waits = notify.clone();
        spawn("comes later", async move { waits.notified().await });
        sleep(4500 * MS).await;
        spawn("not for long", async move { drop(late.lock().await) }).await.unwrap();
        notify.notify_waiters();
        drop(hears_later);
    });
    assert!(quiet.is_empty(), "{quiet:#?}");
}

#[test]
fn the_example_shows_each_lint_and_nothing_when_it_is_put_right() {
    let shows = example::SHOWS;
    assert_eq!(shows.each_ref().map(|show| show.lint), Lint::ALL);
    for example::Show { lint, wrong, right } in shows {
        let found = guarded(|| example::found(lint, wrong.1).unwrap());
        assert!(matches!(&found[..], [only] if only.lint() == lint), "{found:#?}");
        let found = guarded(|| example::found(lint, right.1).unwrap());
        assert!(found.is_empty(), "{found:#?}");
    }
}

// Where findings go.

#[test]
fn every_lint_has_its_name() {
    let names = "slow-poll slow-turn endless-poll lost-waker self-wake-spin futurelock";
    assert_eq!(Lint::ALL.map(Lint::name).join(" "), names);
    assert_eq!(format!("{:>10}", Lint::SlowPoll), " slow-poll");
}

const CHILD: &str = "TURNO_LINTS_CHILD";

/// What a process says on standard error in which a task computes 30 ms in one piece, and another
/// forgets its waker.
fn says(lints: &str) -> String {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "child", "--nocapture"]).env(CHILD, "1").env("TURNO_LINTS", lints);
    let output = child.stdout(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    for _ in 0..2 {
        virtual_time().build().unwrap().block_on(async {
            spawn("computes", work(30 * MS));
            spawn("lost", forgets_its_waker());
            let aborted = spawn("lost, too", pending::<()>());
            sleep(MS).await; // The loop does not look outside for it: time is virtual.
            sleep(MS).await;
            aborted.abort();
        });
    }
}

#[test]
fn any_program_is_linted_if_the_environment_says_so() {
    let usual = says("1");
    has(&usual, "turno: lost-waker: task 3 \"lost\" (spawned at tests/lints.rs:");
    assert!(!usual.contains("slow-poll"));
    // Once for each place, in each runtime.
    assert_eq!(usual.matches("lost-waker").count(), 4, "{usual}");
    let strict = says("slow-poll=20ms,lost-waker=off,endless-poll=1s,self-wake-spin=7");
    has(&strict, "turno: slow-poll: task 2 \"computes\" (spawned at tests/lints.rs:");
    assert!(!strict.contains("lost-waker"));
    assert!(says("slow-poll=20ms,lost-waker=on").contains("lost-waker"));
    for none in ["", "0", "off"] {
        assert_eq!(says(none), "");
    }
}

#[test]
fn what_the_environment_cannot_have_is_said_in_one_line_with_what_it_can() {
    let duration = "a duration: write it as 500us, 10ms or 2s";
    let known = "write 1 for all as they are, or what is to be otherwise, as in \
                 `slow-poll=10ms,lost-waker=off`; there are slow-poll, slow-turn, endless-poll, \
                 lost-waker, self-wake-spin, futurelock";
    let number = "a number: write it as 10000";
    let wrong = [
        ("slowpoll", format!("no lint is called `slowpoll`: {known}")),
        ("slow-poll", format!("`slow-poll` is not {duration}, or `slow-poll=off`")),
        ("futurelock=1", format!("`futurelock=1` is not {duration}, or `futurelock=off`")),
        (
            "self-wake-spin=few",
            format!("`self-wake-spin=few` is not {number}, or `self-wake-spin=off`"),
        ),
        (
            "lost-waker=1s",
            "`lost-waker` has no threshold: it is on, or `lost-waker=off`".to_string(),
        ),
    ];
    for (text, said) in wrong {
        assert_eq!(says(text), format!("turno: TURNO_LINTS: {said}. Nothing is watched\n"));
    }
}
