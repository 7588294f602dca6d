//! A `Notify` tells the right one, once, whoever goes away in between.

// As in tokio what is owned is held by an `Arc`, though nothing in it is `Send`.
#![allow(clippy::arc_with_non_send_sync)]

mod common;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use common::{By, Tasklet, guarded, has, virtual_rt};
use turno::sync::Notify;
use turno::sync::futures::OwnedNotified;
use turno::task::yield_now;

#[test]
fn what_is_said_before_anybody_waits_is_kept_once() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_last();
    assert!(Tasklet::new(notify.notified()).poll().is_ready());
    assert!(Tasklet::new(notify.notified()).poll().is_pending());
}

#[test]
fn the_first_is_told_by_one_and_the_last_by_last() {
    let notify = Notify::new();
    let mut waiting: [_; 4] = std::array::from_fn(|_| Tasklet::polled(notify.notified()));
    notify.notify_last();
    notify.notify_one();
    let woken = || waiting.each_ref().map(Tasklet::wakes);
    assert_eq!(woken(), [1, 0, 0, 1]);
    notify.notify_last();
    assert_eq!(woken(), [1, 0, 1, 1]);
    assert!(
        waiting.iter_mut().map(Tasklet::poll).map(|p| p.is_ready()).eq([true, false, true, true])
    );
}

#[test]
fn who_was_created_before_all_were_told_need_not_wait() {
    let notify = Notify::new();
    let mut before = Tasklet::new(notify.notified());
    notify.notify_waiters();
    assert!(before.poll().is_ready());
    assert!(before.poll().is_ready(), "as tokio's, it may be asked again");
    assert!(Tasklet::new(notify.notified()).poll().is_pending());
}

#[test]
fn what_is_kept_for_one_outlives_what_is_said_to_all() {
    let notify = Notify::new();
    let mut before = Tasklet::new(notify.notified());
    notify.notify_one();
    notify.notify_waiters();
    assert!(before.poll().is_ready(), "it was told with all");
    assert!(Tasklet::new(notify.notified()).poll().is_ready(), "this one takes what was kept");
    assert!(Tasklet::new(notify.notified()).poll().is_pending());
}

#[test]
fn who_goes_away_untaken_passes_it_on_to_the_first() {
    let notify = Notify::new();
    let [first, mut second, third]: [_; 3] =
        std::array::from_fn(|_| Tasklet::polled(notify.notified()));
    notify.notify_one();
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    assert!(second.poll().is_ready());
    drop(second);
    assert_eq!(third.wakes(), 0, "what was taken is not passed on");
}

#[test]
fn who_goes_away_untaken_passes_it_on_to_the_last_if_it_was_told_as_the_last() {
    let notify = Notify::new();
    let [first, second, third]: [_; 3] =
        std::array::from_fn(|_| Tasklet::polled(notify.notified()));
    notify.notify_last();
    drop(third);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    drop(second);
    assert_eq!(first.wakes(), 1);
    drop(first);
    assert!(Tasklet::new(notify.notified()).poll().is_ready(), "nobody was left: it is kept");
}

#[test]
fn what_all_were_told_is_not_passed_on() {
    let notify = Notify::new();
    let first = Tasklet::polled(notify.notified());
    notify.notify_waiters();
    let mut second = Tasklet::polled(notify.notified());
    drop(first);
    assert!(second.poll().is_pending());
}

#[test]
fn who_is_enabled_waits_without_being_polled() {
    let notify = Notify::new();
    let mut enabled = Box::pin(notify.notified());
    assert!(!enabled.as_mut().enable());
    assert!(!enabled.as_mut().enable());
    let mut later = Tasklet::polled(notify.notified());
    notify.notify_one();
    assert_eq!(later.wakes(), 0);
    assert!(enabled.as_mut().enable());
    assert!(Tasklet::new(enabled).poll().is_ready());
    assert!(later.poll().is_pending());
}

#[test]
fn who_is_enabled_and_goes_away_passes_it_on() {
    let notify = Notify::new();
    let mut enabled = Box::pin(notify.notified());
    enabled.as_mut().enable();
    notify.notify_one();
    drop(enabled);
    let mut enabled = Box::pin(notify.notified());
    assert!(enabled.as_mut().enable());
}

#[test]
fn the_last_waker_it_was_polled_with_is_woken() {
    let notify = Notify::new();
    let mut enabled = Box::pin(notify.notified());
    enabled.as_mut().enable();
    let mut waiting = Tasklet::polled(enabled);
    let old = waiting.by(By::default());
    assert!(waiting.poll().is_pending());
    notify.notify_one();
    assert_eq!((old.wakes(), waiting.wakes()), (0, 1));
}

#[test]
fn an_owned_one_keeps_the_notify() {
    let notify = Arc::new(Notify::default());
    let mut owned: Pin<Box<OwnedNotified>> = Box::pin(notify.clone().notified_owned());
    notify.notify_waiters();
    drop(notify);
    assert!(owned.as_mut().enable());
    assert!(Tasklet::new(owned).poll().is_ready());
}

#[test]
fn a_waker_may_tell_and_wait_and_leave() {
    let notify = Rc::new(Notify::new());
    let mut first = Tasklet::new(told(&notify));
    let second = Rc::new(Cell::new(None));
    let (tells, drops) = (notify.clone(), second.clone());
    first.by(By::doing(move || {
        // The second was told with all; its going away passes nothing on.
        drop(drops.take());
        tells.notify_one();
    }));
    assert!(first.poll().is_pending());
    second.set(Some(Tasklet::polled(told(&notify))));
    notify.notify_waiters();
    assert!(second.take().is_none());
    assert!(first.poll().is_ready());
    assert!(Tasklet::new(notify.notified()).poll().is_ready(), "what the waker said is kept");
}

/// A future that keeps the `Notify`.
fn told(notify: &Rc<Notify>) -> impl Future<Output = ()> + use<> {
    let notify = notify.clone();
    async move { notify.notified().await }
}

#[test]
fn a_waker_that_panics_takes_no_wake_with_it() {
    let notify = Notify::new();
    let mut first = Tasklet::new(notify.notified());
    first.by(By::doing(|| panic!("a foreign waker's")));
    assert!(first.poll().is_pending());
    let second = Tasklet::polled(notify.notified());
    has(common::panic_of(|| notify.notify_waiters()), "a foreign waker's");
    assert_eq!(second.wakes(), 1);
    assert!(first.poll().is_ready());
}

#[test]
fn a_task_that_is_told_again_and_again_gives_way() {
    guarded(|| {
        virtual_rt().block_on(async {
            let seen = Rc::new(Cell::new(false));
            let sees = seen.clone();
            let other = turno::spawn(async move { sees.set(true) });
            let notify = Notify::new();
            while !seen.get() {
                notify.notify_one();
                notify.notified().await;
            }
            other.await.unwrap();
            yield_now().await;
        });
    });
}

#[test]
fn a_stall_names_it() {
    guarded(|| {
        let rt = virtual_rt();
        let (made, notify) = (line!(), Notify::new());
        let (waits, stalled) = (line!(), rt.try_block_on(notify.notified()));
        let text = stalled.unwrap_err().to_string();
        has(&text, &format!("a notification (made at {}:{made}:", file!()));
        has(&text, &format!("at {}:{waits}:", file!()));
    });
}
