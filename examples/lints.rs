//! What goes wrong in a program says so itself: each lint with a program in which it fires, and the
//! same program put right, in which it is silent.
//!
//! Look at what each finding names: the task, the line that spawned it, the awaits around it. Any
//! program can be asked the same with `TURNO_LINTS=1 your-program`. Expected output, in part:
//!
//! ```text
//! # a report is computed in one piece
//! slow-poll: task 2 "report" (spawned at ...) held the thread for 300ms, from its await at ...
//!     nobody else could run meanwhile: give way between pieces of it (task::yield_now), or ...
//! # instead: in sixty, giving way after each
//! nothing is found
//! ```

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use print::println;
use turno::lints::{Finding, Lint, Lints};
use turno::runtime::{Builder, Runtime};
use turno::sync::{Mutex, Notify};
use turno::task::{self, JoinHandle, yield_now};
use turno::time::{sleep, work};

const MS: Duration = Duration::from_millis(1);

type Program = fn(&Runtime);

/// A lint, a program in which it fires, and the same one put right.
pub struct Show {
    pub lint: Lint,
    pub wrong: (&'static str, Program),
    pub right: (&'static str, Program),
}

pub const SHOWS: [Show; 6] = [
    Show {
        lint: Lint::SlowPoll,
        wrong: ("a report is computed in one piece", one_piece),
        right: ("in sixty, giving way after each", pieces),
    },
    Show {
        lint: Lint::SlowTurn,
        wrong: ("fifty tasks hold the thread, each for 6 ms", crowd),
        right: ("fifty jobs on other threads", crowd_in_threads),
    },
    Show {
        lint: Lint::EndlessPoll,
        wrong: ("a task blocks on a channel between threads", blocks),
        right: ("a thread of the pool does", blocks_elsewhere),
    },
    Show {
        lint: Lint::LostWaker,
        wrong: ("a future by hand returns Pending and keeps no waker", forgets),
        right: ("it keeps one, and the other side wakes it", keeps),
    },
    Show {
        lint: Lint::SelfWakeSpin,
        wrong: ("a task asks again and again whether it is time", asks_again),
        right: ("it is told", is_told),
    },
    Show {
        lint: Lint::Futurelock,
        wrong: ("select! leaves a future aside that is handed a lock, and waits for that", leaves),
        right: ("select! owns the future, and so drops it", lets_go),
    },
];

#[track_caller]
fn spawn(name: &str, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    task::Builder::new().name(name).spawn(task)
}

/// Computes in one piece; the heart beats late.
fn one_piece(rt: &Runtime) {
    compute_a_report(rt, 1);
}

fn pieces(rt: &Runtime) {
    compute_a_report(rt, 60);
}

fn compute_a_report(rt: &Runtime, pieces: u32) {
    rt.block_on(async {
        let report = spawn("report", async move {
            sleep(10 * MS).await;
            for _ in 0..pieces {
                work(300 * MS / pieces).await;
                yield_now().await;
            }
        });
        report.await.unwrap();
    });
}

/// No piece is slow, but there are many, and the loop sees to its timers only after all of them.
fn crowd(rt: &Runtime) {
    rt.block_on(async {
        for n in 0..50 {
            spawn(&format!("part {n}"), async { thread::sleep(6 * MS) });
        }
        sleep(MS).await;
        sleep(MS).await;
    });
}

fn crowd_in_threads(rt: &Runtime) {
    rt.block_on(async {
        let jobs: Vec<_> =
            (0..50).map(|_| task::spawn_blocking(|| thread::sleep(6 * MS))).collect();
        for job in jobs {
            job.await.unwrap();
        }
    });
}

/// Waits for another thread, and holds its own as long.
fn blocks(rt: &Runtime) {
    let (tell, told) = channel();
    thread::spawn(move || {
        thread::sleep(800 * MS);
        tell.send("done").unwrap();
    });
    let waits = rt.spawn(async move { told.recv().unwrap() });
    assert_eq!(rt.block_on(waits).unwrap(), "done");
}

fn blocks_elsewhere(rt: &Runtime) {
    let (tell, told) = channel();
    thread::spawn(move || {
        thread::sleep(800 * MS);
        tell.send("done").unwrap();
    });
    let waits = rt.spawn_blocking(move || told.recv().unwrap());
    assert_eq!(rt.block_on(waits).unwrap(), "done");
}

/// A flag that is waited for, by hand.
#[derive(Default)]
struct Flag {
    up: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Flag {
    fn raise(&self) {
        self.up.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Whoever returns `Pending` and keeps no waker is never asked again.
fn forgets(rt: &Runtime) {
    wait_for_a_flag(rt, false);
}

fn keeps(rt: &Runtime) {
    wait_for_a_flag(rt, true);
}

fn wait_for_a_flag(rt: &Runtime, keeps: bool) {
    let flag = Rc::new(Flag::default());
    let sees = flag.clone();
    rt.block_on(async {
        spawn("waits", async move {
            poll_fn(|cx| match sees.up.get() {
                true => Poll::Ready(()),
                false => {
                    sees.waker.set(keeps.then(|| cx.waker().clone()));
                    Poll::Pending
                }
            })
            .await;
        });
        sleep(MS).await;
        flag.raise();
        sleep(MS).await;
    });
}

/// Asks again and again whether it is time, and so the loop never sleeps: in virtual time it never
/// is time.
fn asks_again(rt: &Runtime) {
    let flag = Rc::new(Cell::new(false));
    let sets = flag.clone();
    rt.block_on(async {
        let asks = spawn("asks", async move {
            let mut asked = 0;
            while !flag.get() && asked < 20_000 {
                asked += 1;
                yield_now().await;
            }
        });
        spawn("sets", async move {
            sleep(MS).await;
            sets.set(true);
        });
        asks.await.unwrap();
    });
}

fn is_told(rt: &Runtime) {
    let set = Rc::new(Notify::new());
    let tells = set.clone();
    rt.block_on(async {
        let hears = spawn("hears", async move { set.notified().await });
        spawn("sets", async move {
            sleep(MS).await;
            tells.notify_one();
        });
        hears.await.unwrap();
    });
}

/// The first future waits for the lock; when that takes long, it is left aside and not dropped, and a
/// second one waits. The lock is handed to the first, which nobody polls any more.
fn leaves(rt: &Runtime) {
    let stalled = rt.try_block_on(async {
        let lock = lock_that_is_held().await;
        let mut first = pin!(lock.lock());
        turno::select! {
            _ = &mut first => {}
            _ = sleep(10 * MS) => drop(lock.lock().await),
        }
    });
    assert!(stalled.is_err(), "it waits for itself");
}

fn lets_go(rt: &Runtime) {
    rt.block_on(async {
        let lock = lock_that_is_held().await;
        turno::select! {
            _ = lock.lock() => {}
            _ = sleep(10 * MS) => drop(lock.lock().await),
        }
    });
}

async fn lock_that_is_held() -> Rc<Mutex<()>> {
    let lock = Rc::new(Mutex::new(()));
    let holds = lock.clone();
    spawn("holder", async move {
        let _guard = holds.lock().await;
        sleep(50 * MS).await;
    });
    yield_now().await; // The holder has it now.
    lock
}

/// What is found in `program`.
pub fn found(lint: Lint, program: Program) -> io::Result<Vec<Finding>> {
    let (tell, told) = channel();
    let lints = Lints::new().to(move |finding| drop(tell.send(finding)));
    // These two are about real time.
    let real = matches!(lint, Lint::SlowTurn | Lint::EndlessPoll);
    let lints = match lint {
        Lint::EndlessPoll => lints.slow_poll(5000 * MS).watchdog(100 * MS),
        _ => lints,
    };
    let rt = Builder::new().start_paused(!real).observe(lints).build()?;
    program(&rt);
    drop(rt);
    Ok(told.iter().collect())
}

fn main() -> io::Result<()> {
    for Show { lint, wrong: (wrong, fires), right: (right, is_silent) } in SHOWS {
        println!("# {wrong}");
        found(lint, fires)?.iter().for_each(|finding| println!("{finding}"));
        println!("# instead: {right}");
        match &found(lint, is_silent)?[..] {
            [] => println!("nothing is found\n"),
            still => println!("{still:?}\n"),
        }
    }
    Ok(())
}
