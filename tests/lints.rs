//! Lints say what is true: each fires in the program that was made for it, and only that one; and in
//! programs that are in order all are silent.

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::Poll;
use std::time::Duration;

use turno::lints::{Finding, Lint, Lints};
use turno::runtime::{Builder, Runtime};
use turno::sync::Mutex;
use turno::task::{self, yield_now};
use turno::time::{sleep, work};

const MS: Duration = Duration::from_millis(1);

/// What was found.
#[derive(Clone, Default)]
struct Found(Arc<StdMutex<Vec<Finding>>>);

impl Found {
    fn lints(&self, lints: Lints) -> Lints {
        let found = self.0.clone();
        lints.to(move |finding| found.lock().unwrap().push(finding))
    }

    fn all(&self) -> Vec<Finding> {
        self.0.lock().unwrap().clone()
    }

    /// The only one.
    #[track_caller]
    fn only(&self, lint: Lint) -> Finding {
        let all = self.all();
        assert!(all.len() == 1 && all[0].lint() == lint, "{lint} alone was to fire: {all:#?}");
        all[0].clone()
    }
}

fn virtual_time() -> Builder {
    Builder::new().start_paused(true)
}

/// A runtime that is linted, and what is found.
fn linted(builder: Builder, lints: Lints) -> (Runtime, Found) {
    let found = Found::default();
    (builder.observe(found.lints(lints)).build().unwrap(), found)
}

#[test]
fn a_slow_poll_is_told_with_the_awaits_around_it() {
    let (rt, found) = linted(virtual_time(), Lints::new());
    let mut sites = (0, 0, 0);
    rt.block_on(async {
        let report = task::Builder::new().name("report");
        sites.0 = line!() + 1;
        let task = report.spawn(async {
            sleep(MS).await;
            work(150 * MS).await;
            sleep(MS).await;
        });
        sites.1 = sites.0 + 1;
        sites.2 = sites.0 + 3;
        task.await.unwrap();
    });
    let finding = found.only(Lint::SlowPoll);
    assert_eq!(finding.name(), Some("report"));
    assert_eq!(finding.spawn_site().line(), sites.0);
    assert_eq!(finding.after().unwrap().line(), sites.1);
    assert_eq!(finding.place().unwrap().line(), sites.2);
    assert_eq!((finding.lasted(), finding.at()), (150 * MS, 151_000_000));
    println!("{finding}");
}

#[test]
fn a_lost_waker_is_told() {
    let (rt, found) = linted(virtual_time(), Lints::new());
    rt.block_on(async {
        task::Builder::new().name("lost").spawn(async {
            sleep(MS).await;
            poll_fn(|_| Poll::<()>::Pending).await
        });
        sleep(10 * MS).await;
    });
    println!("{}", found.only(Lint::LostWaker));
}

#[test]
fn a_spin_is_told() {
    let (rt, found) = linted(Builder::new(), Lints::new());
    rt.block_on(async {
        let done = Rc::new(Cell::new(false));
        let sees = done.clone();
        let task = task::Builder::new().name("spins").spawn(async move {
            while !sees.get() {
                yield_now().await;
            }
        });
        sleep(500 * MS).await;
        done.set(true);
        task.await.unwrap();
    });
    println!("{}", found.only(Lint::SelfWakeSpin));
}

#[test]
fn a_slow_turn_is_told() {
    let (rt, found) = linted(Builder::new(), Lints::new());
    rt.block_on(async {
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                task::Builder::new().name(format!("t{n}")).spawn(async move {
                    let end = std::time::Instant::now() + MS * (3 + (n == 7) as u32);
                    while std::time::Instant::now() < end {}
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        sleep(MS).await;
    });
    println!("{}", found.only(Lint::SlowTurn));
}

#[test]
fn an_endless_poll_is_told() {
    let (rt, found) =
        linted(Builder::new(), Lints::new().without(Lint::SlowPoll).watchdog(50 * MS));
    rt.block_on(async {
        sleep(MS).await;
        while found.all().is_empty() {
            std::hint::spin_loop();
        }
    });
    println!("{}", found.only(Lint::EndlessPoll));
}

#[test]
fn a_futurelock_is_told() {
    let (rt, found) = linted(virtual_time(), Lints::new());
    let stalled = rt.try_block_on(async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.clone();
        task::Builder::new().name("holder").spawn(async move {
            let _guard = held.lock().await;
            sleep(5000 * MS).await;
        });
        let task = task::Builder::new().name("locks").spawn(async move {
            yield_now().await;
            let mut first = pin!(lock.lock());
            turno::select! {
                _ = &mut first => {}
                _ = sleep(500 * MS) => drop(lock.lock().await),
            }
        });
        task.await.unwrap();
    });
    println!("{}", stalled.unwrap_err());
    println!("{}", found.only(Lint::Futurelock));
}
