//! Tasks that somebody waits for beside tasks that compute, on one thread and the real clock: how
//! long until they are let in?
//!
//! It is the workload by which the crate `clockworker` shows what it is good for. Foreground tasks
//! come at random from another thread, 1,000 a second; each computes from one to three times, 100
//! to 500 us, with a sleep as long in between. In the background eight tasks compute and sleep for
//! 100 to 500 us for ever, enough to fill the processor.
//!
//! Traps. It is a moment on the wall that counts here and not what is computed, so nothing else may
//! run on the processor. tokio, and what is built on it, rounds sleeps up to the next millisecond:
//! there the background asks for less, and the figures for it are not the same question. What is
//! measured is the time from the moment a task was handed over to its first poll; on the way lies
//! the task that receives it, which is of the foreground too.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use turno::policy::Rng;

use super::{Sample, Scale};
use crate::peer::{Classes, Clockworker, TokioMixed, TurnoUnder};
use crate::pin;

const BACKGROUND: usize = 8;
/// On average.
const BETWEEN: Duration = Duration::from_millis(1);

/// From 100 to 500 us.
fn piece(random: &Rng) -> Duration {
    Duration::from_nanos(100_000 + random.next() % 400_000)
}

fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// When the tasks come, after the start: at random, the same times in every run.
fn arrivals(count: usize) -> impl Iterator<Item = Duration> {
    let random = Rng::new(1);
    let mut at = Duration::ZERO;
    (0..count).map(move |_| {
        let share = (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
        at += BETWEEN.mul_f64(-(1.0 - share).ln());
        at
    })
}

/// What is known of the foreground.
struct Front {
    /// In milliseconds.
    delays: RefCell<Vec<f64>>,
    answers: RefCell<Vec<f64>>,
    left: Cell<usize>,
    end: Cell<Option<oneshot::Sender<()>>>,
}

impl Front {
    /// A task of the foreground, handed over at `sent`.
    async fn task(self: Rc<Self>, classes: impl Classes, n: u64, sent: Instant) {
        let millis = || sent.elapsed().as_secs_f64() * 1e3;
        self.delays.borrow_mut().push(millis());
        let random = Rng::new(2 + n);
        for more in (0..=random.next() % 3).rev() {
            compute(piece(&random));
            if more > 0 {
                classes.sleep(piece(&random)).await;
            }
        }
        self.answers.borrow_mut().push(millis());
        self.left.update(|left| left - 1);
        if self.left.get() == 0
            && let Some(end) = self.end.take()
        {
            // Who waits for it is there.
            let _ = end.send(());
        }
    }
}

/// A task of the background.
async fn background(classes: impl Classes, n: u64, rounds: Rc<Cell<u64>>) {
    let random = Rng::new(1_000_000 + n);
    loop {
        compute(piece(&random));
        classes.sleep(piece(&random)).await;
        rounds.update(|rounds| rounds + 1);
    }
}

/// Hands over so many tasks, from another thread and on another processor if there is one.
fn source(count: usize, scale: Scale) -> (mpsc::UnboundedReceiver<Instant>, Source) {
    let (tasks, come) = mpsc::unbounded();
    let source = thread::spawn(move || {
        pin::stay_on(scale.there)?;
        let start = Instant::now();
        for at in arrivals(count) {
            thread::sleep(at.saturating_sub(start.elapsed()));
            tasks.unbounded_send(Instant::now()).map_err(io::Error::other)?;
        }
        Ok(())
    });
    (come, source)
}

type Source = thread::JoinHandle<io::Result<()>>;

/// Half of the foreground tasks, and 99 of 100, waited no longer than that; the longest; within
/// what 99 of 100 had ended; and how many rounds a second the background made.
pub fn measure(classes: &impl Classes, tasks: usize, scale: Scale) -> io::Result<Vec<f64>> {
    let count = scale.of(1_500);
    let (end, ended) = oneshot::channel();
    let front = Rc::new(Front {
        delays: RefCell::default(),
        answers: RefCell::default(),
        left: Cell::new(count),
        end: Cell::new(Some(end)),
    });
    let rounds = Rc::new(Cell::new(0_u64));
    let (mut come, source) = source(count, scale);
    let start = Instant::now();
    let run = classes.block_on(async {
        for n in 0..tasks as u64 {
            classes.back(background(classes.clone(), n, rounds.clone()));
        }
        let (classes, front) = (classes.clone(), front.clone());
        classes.clone().front(async move {
            let mut n = 0;
            while let Some(sent) = come.next().await {
                classes.front(front.clone().task(classes.clone(), n, sent));
                n += 1;
            }
        });
        ended.await
    });
    let seconds = start.elapsed().as_secs_f64();
    run.map_err(io::Error::other)?;
    source
        .join()
        .map_err(|_| io::Error::other("where the tasks come from, there was a panic"))??;
    let sorted = |times: &RefCell<Vec<f64>>| {
        let mut times = times.take();
        times.sort_by(f64::total_cmp);
        times
    };
    let (delays, answers) = (sorted(&front.delays), sorted(&front.answers));
    let at = |times: &[f64], share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let background = rounds.get() as f64 / seconds;
    let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| at(&delays, share));
    Ok(vec![p50, p99, longest, at(&answers, 0.99), background])
}

/// Foreground alone, and then both, on those that know classes and those that do not.
pub fn samples() -> Vec<Sample> {
    fn both(column: &'static str, classes: impl Classes) -> Sample {
        Sample::new(column, move |scale| measure(&classes, BACKGROUND, scale))
    }
    let alone = |scale| measure(&TokioMixed, 0, scale);
    vec![
        Sample::new("tokio, foreground alone", alone),
        both("tokio", TokioMixed),
        Sample::new("clockworker", |scale| measure(&Clockworker::new(), BACKGROUND, scale)),
        both("turno Fifo", TurnoUnder("fifo")),
        both("turno RoundRobin", TurnoUnder("round-robin")),
        both("turno Drr", TurnoUnder("drr")),
        both("turno Fair", TurnoUnder("fair")),
        both("turno Priority", TurnoUnder("priority")),
    ]
}
