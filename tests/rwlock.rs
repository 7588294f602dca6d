//! What an `RwLock` promises, corner by corner; that it serves like a list is in `locks_model.rs`.

mod common;

use std::cell::Cell;
use std::fmt;
use std::future::pending;
use std::rc::Rc;
use std::task::Poll;

use common::{By, Tasklet, guarded, has, panic_of, virtual_rt};
use futures_lite::future::poll_once;
use turno::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use turno::task::{self, yield_now};

#[test]
fn a_writer_that_waits_holds_back_who_reads_later_and_lets_go_when_it_leaves() {
    let lock = RwLock::new(0);
    let _reads = lock.try_read().unwrap();
    let writer = Tasklet::polled(lock.write());
    assert!(lock.try_read().is_err());
    let mut later: [_; 2] = std::array::from_fn(|_| Tasklet::polled(lock.read()));
    drop(writer);
    assert_eq!(later.each_ref().map(Tasklet::wakes), [1, 1]);
    assert!(later.iter_mut().all(|reader| reader.poll().is_ready()));
}

#[test]
fn a_downgrade_lets_readers_in_and_no_writer() {
    let lock = RwLock::new(1);
    let mut guard = lock.try_write().unwrap();
    *guard = 2;
    let mut reader = Tasklet::polled(lock.read());
    let mut writer = Tasklet::polled(lock.write());
    let guard = guard.downgrade();
    let Poll::Ready(second) = reader.poll() else { panic!("it may read now") };
    assert_eq!((*guard, *second, writer.wakes()), (2, 2, 0));
    drop(guard);
    assert_eq!(writer.wakes(), 0);
    drop(second);
    assert!(writer.poll().is_ready());
}

#[test]
fn guards_go_on_with_a_part() {
    let lock = RwLock::new((1, vec![2, 3]));
    let part = RwLockReadGuard::map(lock.try_read().unwrap(), |all| all.1.as_slice());
    let part = RwLockReadGuard::try_map(part, |part| part.get(9)).unwrap_err();
    let part = RwLockReadGuard::try_map(part, |part| part.get(1)).unwrap();
    assert_eq!((*part, lock.try_write().is_err()), (3, true));
    drop(part);

    let part = RwLockWriteGuard::map(lock.try_write().unwrap(), |all| &mut all.1);
    let mut part = turno::sync::RwLockMappedWriteGuard::map(part, |part| &mut part[0]);
    *part = 7;
    assert!(lock.try_read().is_err());
    drop(part);

    let guard = lock.try_write().unwrap();
    let mut guard = RwLockWriteGuard::try_downgrade_map(guard, |all| all.1.get(9)).unwrap_err();
    guard.0 = 8;
    assert!(lock.try_read().is_err(), "it still writes");
    let part = RwLockWriteGuard::downgrade_map(guard, |all| &all.0);
    assert_eq!((*part, lock.try_read().unwrap().1[0]), (8, 7));
    drop(part);
    let guard = lock.try_write().unwrap();
    assert!(RwLockWriteGuard::try_downgrade_map(guard, |all| all.1.first()).is_ok());
    drop(RwLockWriteGuard::into_mapped(lock.try_write().unwrap()));
    assert!(RwLockWriteGuard::try_map(lock.try_write().unwrap(), |_| None::<&mut ()>).is_err());
    assert_eq!(lock.into_inner(), (8, vec![7, 3]));
}

#[test]
fn a_panic_while_mapping_unlocks() {
    let lock = RwLock::new(1);
    let guard = lock.try_write().unwrap();
    let map = || RwLockWriteGuard::downgrade_map(guard, |_| -> &i32 { panic!("while mapping") });
    has(panic_of(map), "while mapping");
    assert!(lock.try_write().is_ok());
}

#[test]
fn there_may_be_a_limit_to_readers() {
    let lock = RwLock::with_max_readers((), 2);
    let first = lock.try_read().unwrap();
    let _second = lock.try_read().unwrap();
    assert!(lock.try_read().is_err());
    let mut third = Tasklet::polled(lock.read());
    drop(first);
    assert!(third.poll().is_ready());
    has(panic_of(|| RwLock::with_max_readers((), 0)), "one reader at least");
    has(panic_of(|| RwLock::const_with_max_readers((), u32::MAX)), "so many readers");
    drop(RwLock::with_max_readers((), u32::MAX >> 3));
}

#[test]
fn it_comes_from_a_value_and_may_be_unsized() {
    let lock: Box<RwLock<[u8]>> = Box::new(RwLock::from([1, 2]));
    lock.try_write().unwrap()[0] = 3;
    assert_eq!(format!("{lock:?}"), "RwLock { data: [3, 2] }");
    let _guard = lock.try_write().unwrap();
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
    assert_eq!(*RwLock::<u8>::default().get_mut(), 0);
}

#[test]
fn a_waker_may_use_the_very_lock() {
    let lock = Rc::new(RwLock::new(()));
    let guard = lock.try_write().unwrap();
    let read = |lock: &Rc<RwLock<()>>| {
        let lock = lock.clone();
        async move { drop(lock.read().await) }
    };
    let second = Rc::new(Cell::new(None));
    let (uses, drops) = (lock.clone(), second.clone());
    let mut first = Tasklet::new(read(&lock));
    first.by(By::doing(move || {
        drop(drops.take());
        assert!(uses.try_read().is_ok() && uses.try_write().is_err());
    }));
    assert!(first.poll().is_pending());
    second.set(Some(Tasklet::polled(read(&lock))));
    drop(guard);
    assert!(first.poll().is_ready() && second.take().is_none());
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_waker_that_panics_takes_no_wake_with_it() {
    let lock = RwLock::new(());
    let guard = lock.try_write().unwrap();
    let mut first = Tasklet::new(lock.read());
    first.by(By::doing(|| panic!("a foreign waker's")));
    assert!(first.poll().is_pending());
    let mut second = Tasklet::polled(lock.read());
    has(panic_of(|| drop(guard)), "a foreign waker's");
    assert_eq!(second.wakes(), 1);
    assert!(first.poll().is_ready() && second.poll().is_ready());
}

/// What a stall says of a task that wants to write, after `holds` has been done by two others.
fn stall<F: AsyncFn(usize, &RwLock<()>) + 'static>(holds: F) -> String {
    guarded(|| {
        let (lock, holds) = (Rc::new(RwLock::new(())), Rc::new(holds));
        let stalled = virtual_rt().try_block_on(async {
            for n in 0..2 {
                let (lock, holds) = (lock.clone(), holds.clone());
                task::spawn(async move { holds(n, &lock).await });
            }
            yield_now().await;
            yield_now().await;
            drop(lock.write().await);
        });
        stalled.unwrap_err().to_string()
    })
}

#[test]
fn a_stall_names_the_one_who_holds_it_if_it_is_one() {
    let writer = stall(async |n, lock| {
        if n == 0 {
            let _guard = lock.write().await;
            pending::<()>().await;
        }
    });
    has(&writer, "an rwlock, to write (made at ");
    has(&writer, "locked by task 2 (at ");
    let two = stall(async |_, lock| {
        let _guard = lock.read().await;
        pending::<()>().await;
    });
    assert!(!two.contains("locked by"), "{two}");
    let one_is_left = stall(async |n, lock| {
        let _guard = lock.read().await;
        if n == 0 {
            pending::<()>().await;
        }
    });
    has(&one_is_left, "locked by task 2 (at ");
    let the_other_is_left = stall(async |n, lock| {
        let _guard = lock.read().await;
        match n {
            0 => yield_now().await,
            _ => pending().await,
        }
    });
    assert!(!the_other_is_left.contains("locked by"), "{the_other_is_left}");
}

#[test]
fn a_stall_names_who_was_handed_it_and_has_not_come() {
    guarded(|| {
        let lock = RwLock::new(());
        let stalled = virtual_rt().try_block_on(async {
            let guard = lock.read().await;
            let mut write = std::pin::pin!(lock.write());
            assert!(poll_once(write.as_mut()).await.is_none());
            let mut read = std::pin::pin!(lock.read());
            assert!(poll_once(read.as_mut()).await.is_none());
            drop(guard);
            drop(read.await); // It waits behind one that nobody polls any more.
        });
        let text = stalled.map(drop).unwrap_err().to_string();
        has(&text, "an rwlock, to read (made at ");
        has(&text, "locked by task 1 \"try_block_on\" (at ");
    });
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
fn a_value_may_use_its_lock_while_it_is_shown() {
    let lock: &'static RwLock<Shown> = Box::leak(Box::new(RwLock::new(Shown(Cell::new(None)))));
    let shows = |act: fn(&'static RwLock<Shown>)| {
        lock.try_read().unwrap().0.set(Some(Box::new(move || act(lock))));
        format!("{lock:?}")
    };
    let shown = shows(|lock| {
        assert!(lock.try_write().is_err());
        assert_eq!(format!("{lock:?}"), "RwLock { data: shown }");
        drop(lock.try_read().unwrap());
        drop(Tasklet::polled(lock.write()));
    });
    assert_eq!(shown, "RwLock { data: shown }");
    has(panic_of(|| shows(|_| panic!("on purpose"))), "on purpose");
    let reads = lock.try_read().unwrap();
    let _waits = Tasklet::polled(lock.write());
    assert_eq!(format!("{lock:?}"), "RwLock { data: shown }", "as long as it can be read");
    drop(reads);
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
}
