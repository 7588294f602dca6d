//! What a `Semaphore` promises, corner by corner; that it serves like a list is in `locks_model.rs`.

// As in tokio what is owned is held by an `Arc`, though nothing in it is `Send`.
#![allow(clippy::arc_with_non_send_sync)]

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use common::{By, Tasklet, has, panic_of};
use turno::sync::{Semaphore, TryAcquireError};

#[test]
fn who_wants_many_gets_them_one_by_one_and_nobody_goes_past() {
    let semaphore = Semaphore::new(2);
    let mut many = Tasklet::polled(semaphore.acquire_many(4));
    assert_eq!(semaphore.available_permits(), 0, "both are put aside");
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    let mut one = Tasklet::polled(semaphore.acquire());
    semaphore.add_permits(1);
    assert_eq!((many.wakes(), one.wakes()), (0, 0));
    semaphore.add_permits(2);
    assert_eq!((many.wakes(), one.wakes()), (1, 1));
    assert!(many.poll().is_ready() && one.poll().is_ready());
    assert_eq!(semaphore.available_permits(), 5, "the permits went back with what poll returned");
}

#[test]
fn who_leaves_gives_back_what_was_put_aside() {
    let semaphore = Semaphore::new(2);
    let many = Tasklet::polled(semaphore.acquire_many(4));
    let mut one = Tasklet::polled(semaphore.acquire());
    drop(many);
    assert!(one.poll().is_ready());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn no_permit_is_to_be_had_without_waiting() {
    let semaphore = Semaphore::new(0);
    let _waits = Tasklet::polled(semaphore.acquire());
    assert!(semaphore.try_acquire_many(0).is_ok());
    assert!(Tasklet::new(semaphore.acquire_many(0)).poll().is_ready());
}

#[test]
fn closed_it_refuses_everybody_and_says_so() {
    let semaphore = Arc::new(Semaphore::new(1));
    let held = semaphore.clone().try_acquire_owned().unwrap();
    let mut waits = Tasklet::polled(semaphore.clone().acquire_owned());
    semaphore.close();
    assert_eq!(waits.wakes(), 1);
    let std::task::Poll::Ready(Err(error)) = waits.poll() else { panic!("it is closed") };
    assert_eq!(error.to_string(), "the semaphore is closed");
    drop(held);
    assert_eq!((semaphore.available_permits(), semaphore.is_closed()), (1, true));
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(TryAcquireError::NoPermits.to_string(), "the semaphore has no permit free");
}

#[test]
fn who_was_handed_permits_and_finds_it_closed_gives_them_back() {
    let semaphore = Semaphore::new(0);
    let mut waits = Tasklet::polled(semaphore.acquire_many(2));
    semaphore.add_permits(2);
    semaphore.close();
    assert!(matches!(waits.poll(), std::task::Poll::Ready(Err(_))));
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn permits_are_split_merged_and_forgotten() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permit = semaphore.try_acquire_many(3).unwrap();
    assert!(permit.split(4).is_none());
    let part = permit.split(1).unwrap();
    assert_eq!((permit.num_permits(), part.num_permits()), (2, 1));
    permit.merge(part);
    permit.forget();
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.forget_permits(9), 2);
    let owned = {
        semaphore.add_permits(1);
        semaphore.clone().try_acquire_many_owned(1).unwrap()
    };
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
}

#[test]
fn what_cannot_be_panics_where_it_was_asked_for() {
    has(panic_of(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)), "so many permits");
    let (semaphore, other) = (Semaphore::new(1), Semaphore::new(1));
    has(panic_of(|| semaphore.add_permits(Semaphore::MAX_PERMITS)), "cannot have");
    let mut permit = semaphore.try_acquire().unwrap();
    has(panic_of(|| permit.merge(other.try_acquire().unwrap())), "two semaphores");
    drop(permit);
    assert_eq!((semaphore.available_permits(), other.available_permits()), (1, 1));
}

#[test]
fn a_waker_may_use_the_very_semaphore() {
    let semaphore = Rc::new(Semaphore::new(0));
    let take = |semaphore: &Rc<Semaphore>| {
        let semaphore = semaphore.clone();
        async move { semaphore.acquire().await.map(|permit| permit.forget()).is_ok() }
    };
    let second = Rc::new(Cell::new(None));
    let (uses, drops) = (semaphore.clone(), second.clone());
    let mut first = Tasklet::new(take(&semaphore));
    first.by(By::doing(move || {
        // The second was handed a permit too; now it is free again, and taken here.
        drop(drops.take());
        assert_eq!(uses.available_permits(), 1);
        uses.try_acquire().unwrap().forget();
        uses.add_permits(1);
    }));
    assert!(first.poll().is_pending());
    second.set(Some(Tasklet::polled(take(&semaphore))));
    semaphore.add_permits(2);
    assert!(first.poll().is_ready());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_waker_that_panics_takes_no_wake_with_it() {
    for close in [false, true] {
        let semaphore = Semaphore::new(0);
        let mut first = Tasklet::new(semaphore.acquire());
        first.by(By::doing(|| panic!("a foreign waker's")));
        assert!(first.poll().is_pending());
        let second = Tasklet::polled(semaphore.acquire());
        let text = panic_of(|| if close { semaphore.close() } else { semaphore.add_permits(2) });
        has(text, "a foreign waker's");
        assert_eq!(second.wakes(), 1);
    }
}

#[test]
fn no_permit_is_lost_however_many_are_merged() {
    let many = 3_000_000_000;
    let semaphore = Arc::new(Semaphore::new(2 * many as usize));
    let mut one = semaphore.try_acquire_many(many).unwrap();
    one.merge(semaphore.try_acquire_many(many).unwrap());
    assert_eq!((one.num_permits(), semaphore.available_permits()), (6_000_000_000, 0));
    let part = one.split(5_000_000_000).unwrap();
    assert_eq!((one.num_permits(), part.num_permits()), (1_000_000_000, 5_000_000_000));
    assert!(one.split(1_000_000_001).is_none());
    drop((one, part));
    assert_eq!(semaphore.available_permits(), 6_000_000_000);

    let owned = || semaphore.clone().try_acquire_many_owned(many).unwrap();
    let mut one = owned();
    one.merge(owned());
    assert_eq!(one.num_permits(), 6_000_000_000);
    one.forget();
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn there_are_never_more_permits_than_can_be_counted_taken_ones_included() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    let permit = semaphore.try_acquire_many(2).unwrap();
    has(panic_of(|| semaphore.add_permits(1)), "cannot have 1 more");
    permit.forget();
    semaphore.add_permits(2);
    has(panic_of(|| semaphore.add_permits(1)), "cannot have 1 more");
    assert_eq!(semaphore.forget_permits(1), 1);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}
