//! A switch costs what the builder says, in virtual time: once for each, before the task runs, and
//! not at its expense.

use std::cell::Cell;
use std::rc::Rc;

use turno::policy::{self, Fifo};
use turno::runtime::{Builder, Runtime};
use turno::task::{self, yield_now};
use turno::time::{Clock, Duration, Instant, sleep, work};

const MS: Duration = Duration::from_millis(1);

fn costly(policy: &str, clock: Clock) -> Runtime {
    let policy = policy::named(policy).unwrap();
    Builder::new().policy(policy).clock(clock).switch_cost(MS / 10).build().unwrap()
}

#[test]
fn work_pays_for_each_slice_of_it() {
    for (policy, switches) in [("fifo", 1), ("round-robin:quantum=2ms", 3)] {
        let rt = costly(policy, Clock::virtual_time());
        let took = rt.block_on(async {
            let start = Instant::now();
            task::spawn(async move {
                work(5 * MS).await;
                start.elapsed()
            })
            .await
            .unwrap()
        });
        assert_eq!(took, 5 * MS + switches * MS / 10, "{policy}");
    }
}

#[test]
fn what_a_switch_costs_is_not_the_task_s_run_time() {
    let rt = costly("fifo", Clock::virtual_time());
    let task = rt.spawn(async {
        work(MS).await;
        yield_now().await;
        work(MS).await;
    });
    rt.block_on(sleep(10 * MS));
    let info = rt.tasks().into_iter().find(|info| info.id() == task.id()).unwrap();
    assert_eq!((info.switches(), info.total_run()), (2, 2_000_000));
}

#[test]
fn a_timer_that_falls_due_while_a_switch_is_paid_for_is_on_time() {
    let rt = costly("fifo", Clock::virtual_time());
    let due = Rc::new(Cell::new(0));
    let seen = due.clone();
    rt.observe(move |_: u64, event: &turno::observe::Event<'_>| {
        if let turno::observe::Event::Woken { task, .. } = event
            && task.cause() == task::Cause::Timer
        {
            seen.set(task.woken_at());
        }
    });
    rt.block_on(async {
        let sleeper = task::spawn(sleep(Duration::from_micros(150)));
        yield_now().await; // Until 300 us; the sleeper was first polled at 200.
        yield_now().await;
        sleeper.await.unwrap();
    });
    // It was made at 100 us, in the root's first switch.
    assert_eq!(due.get(), 250_000);
}

#[test]
fn a_real_clock_pays_nothing() {
    let rt = Builder::new().policy(Fifo::new()).switch_cost(Duration::from_secs(3600)).build();
    rt.unwrap().block_on(async { yield_now().await }); // An hour if it did.
}
