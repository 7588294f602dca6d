//! What a `OnceCell` promises, corner by corner; that it is filled like a list is in
//! `meeting_model.rs`.

mod common;

use std::cell::Cell;
use std::future::{pending, ready};
use std::rc::Rc;
use std::task::Poll;

use common::{By, Gate, Tasklet, guarded, has, panic_of, virtual_rt};
use turno::sync::{OnceCell, SetError};
use turno::task::{self, yield_now};

#[test]
fn it_is_set_once() {
    let mut cell = OnceCell::const_new();
    assert_eq!((cell.get(), cell.initialized()), (None, false));
    assert_eq!(cell.set(1), Ok(()));
    let error = cell.set(2).unwrap_err();
    assert!(error.is_already_init_err() && !error.is_initializing_err());
    assert_eq!((error.to_string().as_str(), cell.get()), ("the cell is filled already", Some(&1)));
    *cell.get_mut().unwrap() = 3;
    assert_eq!((cell.take(), cell.get()), (Some(3), None));
    assert_eq!(cell.set(4), Ok(()));
    assert_eq!(cell.into_inner(), Some(4));
}

#[test]
fn it_may_be_made_full() {
    let full = OnceCell::new_with(Some(1));
    assert_eq!(
        [OnceCell::from(1), OnceCell::const_new_with(1), full.clone()],
        [1, 1, 1].map(|n| { OnceCell::new_with(Some(n)) })
    );
    assert_ne!(full, OnceCell::default());
    assert_eq!(format!("{full:?}"), "OnceCell { value: Some(1) }");
    assert_eq!(full.set(2), Err(SetError::AlreadyInitializedError(2)));
    assert_eq!(OnceCell::new_with(None).set(2), Ok(()));
}

#[test]
fn while_somebody_makes_the_value_the_others_wait_for_it() {
    let (cell, gate) = (OnceCell::new(), Gate::new());
    let mut makes = Tasklet::polled(cell.get_or_init(async || {
        gate.clone().await;
        1
    }));
    let mut waits: [_; 2] = std::array::from_fn(|_| Tasklet::polled(cell.get_or_init(|| ready(2))));
    assert!(cell.set(3).unwrap_err().is_initializing_err());
    gate.open();
    assert!(makes.poll() == Poll::Ready(&1));
    assert_eq!(waits.each_ref().map(Tasklet::wakes), [1, 1], "all at once");
    assert!(waits.iter_mut().all(|waits| waits.poll() == Poll::Ready(&1)));
}

#[test]
fn who_fails_panics_or_is_dropped_leaves_it_to_the_next() {
    let cell: OnceCell<u32> = OnceCell::new();
    let gate = Gate::new();
    let mut fails = Tasklet::polled(cell.get_or_try_init(async || {
        gate.clone().await;
        Err("failed")
    }));
    let mut panics = Tasklet::polled(cell.get_or_init(async || panic!("panicked")));
    let dropped = Tasklet::polled(cell.get_or_init(pending));
    let mut makes = Tasklet::polled(cell.get_or_init(async || 4));
    gate.open();
    assert!(fails.poll() == Poll::Ready(Err("failed")));
    assert_eq!((panics.wakes(), makes.wakes()), (1, 0));
    assert_eq!(panic_of(|| panics.poll()), "panicked");
    assert_eq!((dropped.wakes(), makes.wakes()), (1, 0));
    drop(dropped);
    assert!(makes.poll() == Poll::Ready(&4));
}

#[test]
fn an_abort_of_who_makes_it_leaves_it_to_the_next() {
    guarded(|| {
        virtual_rt().block_on(async {
            let cell = Rc::new(OnceCell::new());
            let makes = cell.clone();
            let makes = task::spawn(async move { *makes.get_or_init(pending).await });
            yield_now().await;
            makes.abort();
            assert_eq!(cell.get_or_init(async || 2).await, &2);
        });
    });
}

#[test]
fn a_waker_may_use_the_very_cell() {
    let cell = Rc::new(OnceCell::new());
    let get = |cell: &Rc<OnceCell<u32>>, value| {
        let cell = cell.clone();
        async move { *cell.get_or_init(|| ready(value)).await }
    };
    let second = Rc::new(Cell::new(None));
    let (uses, drops) = (cell.clone(), second.clone());
    let makes = cell.clone();
    let makes = Tasklet::polled(async move { *makes.get_or_init(pending).await });
    let mut first = Tasklet::new(get(&cell, 1));
    first.by(By::doing(move || {
        // It was handed the right to make it, and has not begun.
        assert!(uses.set(9).unwrap_err().is_initializing_err());
        drop(drops.take());
    }));
    assert!(first.poll().is_pending());
    second.set(Some(Tasklet::polled(get(&cell, 2))));
    drop(makes);
    assert!(second.take().is_none());
    assert_eq!(first.poll(), Poll::Ready(1));
}

#[test]
fn a_waker_that_panics_takes_no_wake_with_it() {
    let (cell, gate) = (OnceCell::new(), Gate::new());
    let mut makes = Tasklet::polled(cell.get_or_init(async || {
        gate.clone().await;
        1
    }));
    let mut first = Tasklet::new(cell.get_or_init(pending));
    first.by(By::doing(|| panic!("a foreign waker's")));
    assert!(first.poll().is_pending());
    let mut second = Tasklet::polled(cell.get_or_init(pending));
    gate.open();
    has(panic_of(|| makes.poll()), "a foreign waker's");
    assert_eq!(cell.get(), Some(&1), "it is filled all the same");
    assert!(first.poll() == Poll::Ready(&1) && second.poll() == Poll::Ready(&1));
}

#[test]
fn a_stall_names_who_makes_the_value() {
    guarded(|| {
        let (made, cell) = (line!(), Rc::new(OnceCell::<u32>::new()));
        let stalled = virtual_rt().try_block_on(async {
            let makes = cell.clone();
            task::spawn(async move { *makes.get_or_init(pending).await });
            yield_now().await;
            *cell.get_or_init(pending).await
        });
        let text = stalled.unwrap_err().to_string();
        has(&text, &format!("the value of a once cell (made at {}:{made}:", file!()));
        has(&text, "begun by task 2 (at ");
    });
}
