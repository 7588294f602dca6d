//! What a `Barrier` promises, corner by corner; that it opens like a list is in `meeting_model.rs`.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{By, Tasklet, Trace, guarded, has, panic_of, virtual_rt};
use turno::sync::{Barrier, BarrierWaitResult};
use turno::task;

/// Whether it goes on, and as the leader.
fn leads(tasklet: &mut Tasklet<impl Future<Output = BarrierWaitResult>>) -> Option<bool> {
    match tasklet.poll() {
        std::task::Poll::Ready(result) => Some(result.is_leader()),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn one_or_none_need_not_wait() {
    for n in [0, 1] {
        let barrier = Barrier::new(n);
        for _ in 0..2 {
            assert_eq!(leads(&mut Tasklet::new(barrier.wait())), Some(true));
        }
    }
}

#[test]
fn the_last_leads_and_the_next_round_begins_at_once() {
    let barrier = Barrier::new(2);
    let mut first = Tasklet::polled(barrier.wait());
    assert_eq!(leads(&mut Tasklet::new(barrier.wait())), Some(true));
    let mut next = Tasklet::polled(barrier.wait());
    assert_eq!(leads(&mut first), Some(false));
    assert_eq!(next.wakes(), 0);
    assert_eq!(leads(&mut Tasklet::new(barrier.wait())), Some(true));
    assert_eq!(leads(&mut next), Some(false));
}

#[test]
fn who_leaves_before_the_last_has_come_has_not_come() {
    let barrier = Barrier::new(2);
    drop(Tasklet::polled(barrier.wait()));
    drop(barrier.wait());
    let first = Tasklet::polled(barrier.wait());
    assert_eq!(format!("{barrier:?}"), "Barrier { n: 2, here: 1, .. }");
    assert_eq!(leads(&mut Tasklet::new(barrier.wait())), Some(true));
    drop(first);
    let _next = Tasklet::polled(barrier.wait());
}

#[test]
fn tasks_go_on_in_the_order_in_which_they_came() {
    guarded(|| {
        let (trace, barrier) = (Trace::new(), Rc::new(Barrier::new(3)));
        virtual_rt().block_on(async {
            let tasks = [1, 2, 3].map(|n| {
                let (trace, barrier) = (trace.clone(), barrier.clone());
                task::spawn(async move {
                    for round in 1..=2 {
                        let leads = barrier.wait().await.is_leader();
                        trace.say(format_args!("{round}: {n} {leads}"));
                    }
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
        });
        trace.check(&[
            "1: 3 true",
            "1: 1 false",
            "1: 2 false",
            "2: 2 true",
            "2: 3 false",
            "2: 1 false",
        ]);
    });
}

#[test]
fn a_waker_may_come_and_leave() {
    let barrier = Rc::new(Barrier::new(3));
    let wait = |barrier: &Rc<Barrier>| {
        let barrier = barrier.clone();
        async move { barrier.wait().await }
    };
    let second = Rc::new(Cell::new(None));
    let (uses, drops) = (barrier.clone(), second.clone());
    let mut first = Tasklet::new(wait(&barrier));
    first.by(By::doing(move || {
        drop(drops.take());
        drop(Tasklet::polled(uses.wait()));
    }));
    assert!(first.poll().is_pending());
    second.set(Some(Tasklet::polled(wait(&barrier))));
    assert_eq!(leads(&mut Tasklet::new(wait(&barrier))), Some(true));
    assert_eq!(leads(&mut first), Some(false));
    assert_eq!(format!("{barrier:?}"), "Barrier { n: 3, here: 0, .. }");
}

#[test]
fn a_waker_that_panics_takes_no_wake_with_it() {
    let barrier = Barrier::new(3);
    let mut first = Tasklet::new(barrier.wait());
    first.by(By::doing(|| panic!("a foreign waker's")));
    assert!(first.poll().is_pending());
    let mut second = Tasklet::polled(barrier.wait());
    has(panic_of(|| Tasklet::new(barrier.wait()).poll()), "a foreign waker's");
    assert_eq!(leads(&mut first), Some(false));
    assert_eq!(leads(&mut second), Some(false));
}

#[test]
fn a_stall_names_it() {
    guarded(|| {
        let (made, barrier) = (line!(), Barrier::new(2));
        let stalled = virtual_rt().try_block_on(barrier.wait()).unwrap_err();
        has(stalled.to_string(), &format!("the others at a barrier (made at {}:{made}:", file!()));
    });
}
