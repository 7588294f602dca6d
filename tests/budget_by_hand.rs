//! Spending the budget where no operation does, and doing without.

mod common;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use common::own_waker;
use turno::observe::Event;
use turno::runtime::{Builder, Runtime};
use turno::task::{self, Cause, consume_budget, unconstrained};

type Causes = Rc<RefCell<Vec<Cause>>>;

/// A runtime with a budget of 10, and for which causes its root became ready.
fn watched() -> (Runtime, Causes) {
    let seen: Causes = Rc::default();
    let sees = seen.clone();
    let observer = move |_: u64, event: &Event<'_>| {
        if let Event::Woken { task, .. } = event {
            sees.borrow_mut().push(task.cause());
        }
    };
    (Builder::new().start_paused(true).budget(10).observe(observer).build().unwrap(), seen)
}

async fn spend(n: u32) {
    for _ in 0..n {
        consume_budget().await;
    }
}

fn causes(root: impl Future<Output = ()>) -> Vec<Cause> {
    let (rt, seen) = watched();
    rt.block_on(root);
    seen.take()
}

const BORN: Cause = Cause::Spawn { by: None };

#[test]
fn who_spends_it_all_gives_way_because_of_it() {
    assert_eq!(causes(spend(10)), [BORN]);
    assert_eq!(causes(spend(11)), [BORN, Cause::Budget]);
    assert_eq!(causes(spend(31)), [BORN, Cause::Budget, Cause::Budget, Cause::Budget]);
}

#[test]
fn it_is_a_new_one_after_each_switch() {
    let root = async {
        spend(9).await;
        task::yield_now().await;
        spend(10).await;
    };
    assert_eq!(causes(root), [BORN, Cause::Yield]);
}

#[test]
fn outside_of_a_task_there_is_no_budget() {
    let mut spends = pin!(spend(10_000));
    let done = futures_lite::future::poll_once(spends.as_mut());
    assert_eq!(futures_lite::future::block_on(done), Some(()));
}

#[test]
fn unconstrained_never_gives_way_and_what_was_left_is_left_after_it() {
    let root = async {
        spend(9).await;
        assert_eq!(
            unconstrained(async {
                spend(1000).await;
                7
            })
            .await,
            7
        );
        spend(1).await;
    };
    assert_eq!(causes(root), [BORN]);
    let root = async {
        unconstrained(spend(1000)).await;
        spend(11).await;
    };
    assert_eq!(causes(root), [BORN, Cause::Budget]);
}

#[test]
fn inside_of_it_the_spent_can_go_on() {
    let root = async {
        spend(10).await;
        unconstrained(spend(1000)).await;
        consume_budget().await;
    };
    assert_eq!(causes(root), [BORN, Cause::Budget]);
}

#[test]
fn it_is_unconstrained_also_after_it_waited_and_where_it_is_nested() {
    let root = unconstrained(async {
        spend(100).await;
        unconstrained(spend(100)).await;
        spend(100).await;
        task::yield_now().await;
        spend(100).await;
    });
    assert_eq!(causes(root), [BORN, Cause::Yield]);
}

#[test]
fn a_panic_inside_leaves_no_freedom_behind() {
    let root = async {
        let panics = unconstrained(async { panic!("inside") });
        let mut panics = pin!(panics);
        poll_fn(|cx| {
            let poll = catch_unwind(AssertUnwindSafe(|| panics.as_mut().poll(cx)));
            assert!(poll.is_err());
            Poll::Ready(())
        })
        .await;
        spend(11).await;
    };
    assert_eq!(causes(root), [BORN, Cause::Budget]);
}

#[test]
fn a_wait_that_is_given_up_while_spent_has_lost_nothing() {
    let counted = Cell::new(0);
    let root = async {
        spend(10).await;
        let waker: Waker = own_waker().await;
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(pin!(consume_budget()).poll(&mut cx).is_pending());
        counted.set(counted.get() + 1);
        spend(10).await;
    };
    assert_eq!(causes(root), [BORN, Cause::Budget]);
    assert_eq!(counted.get(), 1);
}
