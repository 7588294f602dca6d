//! Read, await, write: updates get lost, on one thread, with nobody else to blame.
//!
//! Look at `deposit`: between reading the balance and writing it, it awaits. Whether a test finds
//! that out depends on who runs next, so each program runs under a thousand schedules, drawn from
//! seeds by the ten-line policy `AnyOrder`. Expected output, in part:
//!
//! ```text
//!  deposit                tasks x times  schedules that lose  updates lost
//!  read, await, write             2 x 1               49.3 %        24.6 %
//!  read, await, write           10 x 10              100.0 %        87.7 %
//!  no await in between          10 x 10                0.0 %         0.0 %
//!
//! Seed 1 is one that loses: 2 reads 0, 1 reads 0, 1 writes 1, 2 writes 1.
//! ```

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use print::println;
use turno::policy::{Pick, Policy, Tasks};
use turno::runtime::Builder;
use turno::sync::Mutex;
use turno::task::{Id, JoinSet, Nanos, TaskInfo, yield_now};

#[path = "slides/say.rs"]
mod say;

/// Any of those who are ready.
#[derive(Default)]
struct AnyOrder(Vec<Id>);

impl Policy for AnyOrder {
    fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
        self.0.push(task.id());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _now: Nanos) -> Pick {
        let Some(last) = self.0.len().checked_sub(1) else { return Pick::Nobody };
        Pick::Task(self.0.swap_remove(tasks.random() as usize % (last + 1)))
    }
}

#[derive(Default)]
pub struct Account {
    balance: Cell<u32>,
    lock: Mutex<()>,
    log: RefCell<Vec<String>>,
}

#[derive(Clone, Copy)]
pub enum How {
    ReadAwaitWrite,
    Locked,
    NoAwaitBetween,
}

async fn deposit(how: How, account: &Account, who: usize) {
    match how {
        How::ReadAwaitWrite => add_one(account, who).await,
        How::Locked => {
            let _guard = account.lock.lock().await;
            add_one(account, who).await;
        }
        How::NoAwaitBetween => {
            ask_the_bank().await;
            account.balance.update(|balance| balance + 1);
        }
    }
}

async fn add_one(account: &Account, who: usize) {
    let balance = account.balance.get();
    account.log.borrow_mut().push(format!("{who} reads {balance}"));
    ask_the_bank().await; // Whoever else is ready may run here.
    account.balance.set(balance + 1);
    account.log.borrow_mut().push(format!("{who} writes {}", balance + 1));
}

async fn ask_the_bank() {
    yield_now().await;
}

/// Runs the program under the schedule of that seed: the updates that were lost, and the log.
pub fn run(how: How, tasks: usize, deposits: u32, seed: u64) -> io::Result<(u32, Vec<String>)> {
    let account = Rc::new(Account::default());
    let rt = Builder::new().policy(AnyOrder::default()).seed(seed).start_paused(true).build()?;
    rt.block_on(async {
        let mut set = JoinSet::new();
        for who in 1..=tasks {
            let account = account.clone();
            set.spawn(async move {
                for _ in 0..deposits {
                    deposit(how, &account, who).await;
                }
            });
        }
        set.join_all().await;
    });
    Ok((tasks as u32 * deposits - account.balance.get(), account.log.take()))
}

/// Of so many schedules: in how many updates were lost, and how many in all.
pub fn find(how: How, tasks: usize, deposits: u32, seeds: u64) -> io::Result<(u32, u32)> {
    let mut found = (0, 0);
    for seed in 0..seeds {
        let (lost, _) = run(how, tasks, deposits, seed)?;
        found = (found.0 + u32::from(lost > 0), found.1 + lost);
    }
    Ok(found)
}

fn main() -> io::Result<()> {
    const SEEDS: u64 = 1_000;
    say::slide("Sin condiciones de carrera", "No race conditions?");
    say::what("Tasks add 1 to a balance, so many times each, under 1,000 schedules:");
    let mut rows = Vec::new();
    for (name, how) in [
        ("read, await, write", How::ReadAwaitWrite),
        ("the same under a lock", How::Locked),
        ("no await in between", How::NoAwaitBetween),
    ] {
        for (tasks, deposits) in [(2, 1), (2, 10), (10, 10)] {
            let (schedules, lost) = find(how, tasks, deposits, SEEDS)?;
            let percent =
                |part: u32, whole: u64| format!("{:.1} %", f64::from(part) / whole as f64 * 1e2);
            let all = tasks as u64 * u64::from(deposits);
            rows.push([
                name.into(),
                format!("{tasks} x {deposits}"),
                percent(schedules, SEEDS),
                percent(lost, SEEDS * all),
            ]);
        }
    }
    say::table(["deposit", "tasks x times", "schedules that lose", "updates lost"], rows);
    for seed in 0..SEEDS {
        let (lost, log) = run(How::ReadAwaitWrite, 2, 1, seed)?;
        if lost > 0 {
            println!("\n  Seed {seed} is one that loses: {}.", log.join(", "));
            break;
        }
    }
    say::why(
        "A task keeps the thread from one await to the next, and no longer. What was read before \
         an await may be out of date after it. Two tasks with one deposit each pass a test half of \
         the time, so a test that passes says little.",
    );
    say::instead(
        "Read and write without an await in between: that is free, and all that a single thread \
         gives you. If you cannot, hold a turno::sync::Mutex from the read to the write.",
    );
    Ok(())
}
