//! What a `Mutex` promises, corner by corner; that it serves like a list is in `locks_model.rs`.

// As in tokio what is owned is held by an `Arc`, though nothing in it is `Send`.
#![allow(clippy::arc_with_non_send_sync)]

mod common;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use common::{By, Tasklet, guarded, has, panic_of, virtual_rt};
use turno::sync::{Mutex, OwnedMutexGuard};
use turno::task::{self, yield_now};
use turno::time::{Duration, timeout};

#[test]
fn nobody_goes_past_who_waits() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    let mut waits = Tasklet::polled(mutex.lock());
    drop(guard);
    assert!(mutex.try_lock().is_err(), "it was handed over, and has not been taken yet");
    assert!(waits.poll().is_ready());
}

#[test]
fn an_error_says_why() {
    let mutex = Arc::new(Mutex::new(()));
    let _guard = mutex.try_lock().unwrap();
    assert_eq!(mutex.try_lock().unwrap_err().to_string(), "the lock is held by somebody else");
    assert!(mutex.clone().try_lock_owned().is_err());
}

#[test]
fn an_owned_guard_keeps_the_mutex_and_gives_the_value_back() {
    let mutex = Arc::new(Mutex::new(vec![1]));
    let mut guard = mutex.clone().try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    let mut waits = Tasklet::polled(mutex.clone().lock_owned());
    guard.push(2);
    drop(guard);
    let std::task::Poll::Ready(guard) = waits.poll() else { panic!("it was handed over") };
    assert_eq!((format!("{guard:?}"), guard.len()), ("[1, 2]".into(), 2));
    drop((guard, waits));
    assert_eq!(Arc::into_inner(mutex).unwrap().into_inner(), [1, 2]);
}

#[test]
fn a_panic_with_the_lock_held_unlocks_and_poisons_nothing() {
    let mutex = Mutex::new(1);
    let text = panic_of(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic!("with the lock held");
    });
    assert_eq!((text.as_str(), *mutex.try_lock().unwrap()), ("with the lock held", 2));
}

#[test]
fn a_lock_forgotten_stays_locked_and_harms_nothing() {
    let mut mutex = Mutex::new(1);
    std::mem::forget(mutex.try_lock().unwrap());
    std::mem::forget(Tasklet::polled(mutex.lock()));
    assert!(mutex.try_lock().is_err());
    assert_eq!(*mutex.get_mut(), 1);
}

#[test]
fn it_lives_in_a_const_and_comes_from_a_value() {
    thread_local! {
        static COUNT: Mutex<u32> = const { Mutex::const_new(3) };
    }
    COUNT.with(|count| *count.try_lock().unwrap() += 1);
    COUNT.with(|count| assert_eq!(*count.try_lock().unwrap(), 4));
    let (default, from) = (Mutex::<u32>::default(), Mutex::from(5));
    assert_eq!(format!("{default:?} {from:?}"), "Mutex { data: 0 } Mutex { data: 5 }");
}

#[test]
fn who_waits_no_longer_is_not_served() {
    guarded(|| {
        virtual_rt().block_on(async {
            let mutex = Mutex::new(());
            let guard = mutex.lock().await;
            assert!(timeout(Duration::from_secs(1), mutex.lock()).await.is_err());
            drop(guard);
            assert!(mutex.try_lock().is_ok());
        });
    });
}

#[test]
fn an_abort_between_the_handing_over_and_the_taking_passes_it_on() {
    guarded(|| {
        virtual_rt().block_on(async {
            let mutex = Rc::new(Mutex::new(()));
            let lock = |mutex: &Rc<Mutex<()>>| {
                let mutex = mutex.clone();
                task::spawn(async move { drop(mutex.lock().await) })
            };
            let guard = mutex.lock().await;
            let (first, second) = (lock(&mutex), lock(&mutex));
            yield_now().await;
            drop(guard);
            first.abort();
            assert!(first.await.unwrap_err().is_cancelled());
            second.await.unwrap();
        });
    });
}

#[test]
fn a_task_that_locks_without_end_gives_way() {
    guarded(|| {
        virtual_rt().block_on(async {
            let (mutex, seen) = (Mutex::new(()), Rc::new(Cell::new(false)));
            let sees = seen.clone();
            let other = task::spawn(async move { sees.set(true) });
            while !seen.get() {
                drop(mutex.lock().await);
            }
            other.await.unwrap();
        });
    });
}

#[test]
fn a_waker_may_use_the_very_mutex() {
    for inherits in [false, true] {
        let mutex = match inherits {
            false => Arc::new(Mutex::new(0)),
            true => Arc::new(Mutex::with_priority_inheritance(0)),
        };
        let guard = mutex.clone().try_lock_owned().unwrap();
        let first = Rc::new(Cell::new(None));
        let (drops, tries) = (first.clone(), mutex.clone());
        let mut tasklet = Tasklet::new(mutex.clone().lock_owned());
        tasklet.by(By::doing(move || {
            assert!(tries.try_lock().is_err());
            // It was handed the lock: that goes on to the second.
            drop(drops.take());
        }));
        assert!(tasklet.poll().is_pending());
        first.set(Some(tasklet));
        let mut second = Tasklet::polled(mutex.clone().lock_owned());
        drop(guard);
        assert_eq!(second.wakes(), 1);
        assert!(second.poll().is_ready());
        assert!(first.take().is_none());
    }
}

#[test]
fn a_waker_that_panics_leaves_the_lock_with_whom_it_was_handed() {
    for inherits in [false, true] {
        let mutex = if inherits { Mutex::with_priority_inheritance(0) } else { Mutex::new(0) };
        let guard = mutex.try_lock().unwrap();
        let mut first = Tasklet::new(mutex.lock());
        first.by(By::doing(|| panic!("a foreign waker's")));
        assert!(first.poll().is_pending());
        let mut second = Tasklet::polled(mutex.lock());
        has(panic_of(|| drop(guard)), "a foreign waker's");
        assert!(second.poll().is_pending());
        assert!(first.poll().is_ready(), "and its guard goes at once");
        assert_eq!(second.wakes(), 1);
    }
}

/// Does something when it is shown.
struct Shown(Cell<Option<Box<dyn FnOnce()>>>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(act) = self.0.take() {
            act();
        }
        f.write_str("shown")
    }
}

#[test]
fn a_value_may_use_its_mutex_while_it_is_shown() {
    let mutex: &'static Mutex<Shown> = Box::leak(Box::new(Mutex::new(Shown(Cell::new(None)))));
    let shows = |act: fn(&'static Mutex<Shown>)| {
        mutex.try_lock().unwrap().0.set(Some(Box::new(move || act(mutex))));
        format!("{mutex:?}")
    };
    let shown = shows(|mutex| {
        assert!(mutex.try_lock().is_err());
        assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        drop(Tasklet::polled(mutex.lock()));
    });
    assert_eq!(shown, "Mutex { data: shown }");
    has(panic_of(|| shows(|_| panic!("on purpose"))), "on purpose");
    assert_eq!(format!("{mutex:?}"), "Mutex { data: shown }");
    let locked = mutex.try_lock().unwrap();
    assert_eq!(format!("{mutex:?} {locked:?}"), "Mutex { data: <locked> } shown");
}
