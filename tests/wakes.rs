//! A wake counts before, during and after a poll; after the task or the runtime is gone it is
//! harmless, from any thread.

#![allow(clippy::waker_clone_wake, reason = "a wake by value is what is tested")]

mod common;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use common::{OnDrop, guarded, own_waker, virtual_rt, wait_once};
use turno::runtime::Runtime;
use turno::task::yield_now;
use turno::time::{Duration, sleep};

/// How often a task is polled that is woken by `wake` at each of its first three polls.
fn polls(wake: impl Fn(&Waker) + 'static) -> u32 {
    guarded(|| {
        let rt = virtual_rt();
        let count = Rc::new(Cell::new(0));
        let counts = count.clone();
        drop(rt.spawn(poll_fn(move |cx| {
            counts.set(counts.get() + 1);
            if counts.get() <= 3 {
                wake(cx.waker());
            }
            Poll::<()>::Pending
        })));
        rt.block_on(async {
            // In between the loop looks for letters.
            for _ in 0..20 {
                sleep(Duration::from_millis(1)).await;
            }
        });
        count.get()
    })
}

#[test]
fn a_wake_during_the_poll_is_one_more_poll() {
    assert_eq!(polls(Waker::wake_by_ref), 4);
}

#[test]
fn many_wakes_before_a_poll_are_one_poll() {
    assert_eq!(polls(|waker| (0..10).for_each(|_| waker.wake_by_ref())), 4);
    assert_eq!(polls(|waker| (0..10).for_each(|_| waker.clone().wake())), 4);
}

#[test]
fn many_wakes_by_others_before_a_poll_are_one_poll() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let (tell, told) = mpsc::channel();
            let count = Rc::new(Cell::new(0));
            let counts = count.clone();
            drop(turno::spawn(poll_fn(move |cx| {
                counts.set(counts.get() + 1);
                let _ = tell.send(cx.waker().clone());
                Poll::<()>::Pending
            })));
            yield_now().await;
            let waker: Waker = told.recv().unwrap();
            for polls in 1..5 {
                assert_eq!(count.get(), polls);
                (0..10).for_each(|_| waker.wake_by_ref());
                yield_now().await;
                yield_now().await;
            }
            let polls = count.get();
            let many = move || (0..10).for_each(|_| waker.wake_by_ref());
            thread::spawn(many).join().unwrap();
            sleep(Duration::from_millis(1)).await;
            assert_eq!(count.get(), polls + 1);
        });
    });
}

#[test]
fn a_wake_during_the_poll_from_another_thread_is_one_more_poll() {
    let count = polls(|waker| {
        let waker = waker.clone();
        thread::spawn(move || waker.wake()).join().unwrap();
    });
    assert_eq!(count, 4);
}

#[test]
fn wakes_from_both_sides_before_one_poll_lose_nothing() {
    let count = polls(|waker| {
        let other = waker.clone();
        waker.wake_by_ref();
        thread::spawn(move || other.wake()).join().unwrap();
    });
    // The letter may be opened before or after the poll that the own wake asked for.
    assert!((4..=7).contains(&count), "{count}");
}

#[test]
fn a_wake_before_the_first_poll_is_the_same_poll() {
    guarded(|| {
        let rt = virtual_rt();
        let count = Rc::new(Cell::new(0));
        let counts = count.clone();
        let task = rt.spawn(async move {
            counts.set(counts.get() + 1);
        });
        task.abort_handle();
        rt.block_on(async { task.await.unwrap() });
        assert_eq!(count.get(), 1);
    });
}

#[test]
fn a_wake_after_completion_changes_nothing() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let task = turno::spawn(own_waker());
            while !task.is_finished() {
                yield_now().await;
            }
            let switches = rt.metrics().switches;
            // The task's result still lies in its slot. Whoever wakes it finds it done.
            let waker = task.await.unwrap();
            waker.wake_by_ref();
            waker.clone().wake();
            thread::spawn(move || waker.wake()).join().unwrap();
            yield_now().await;
            yield_now().await;
            assert_eq!(rt.metrics().switches, switches + 2);
        });
    });
}

#[test]
fn a_wake_of_a_finished_task_whose_result_waits_changes_nothing() {
    guarded(|| {
        let rt = virtual_rt();
        rt.block_on(async {
            let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
            let keeps = kept.clone();
            let task = turno::spawn(async move {
                *keeps.borrow_mut() = Some(own_waker().await);
                7
            });
            yield_now().await;
            assert!(task.is_finished());
            let waker = kept.borrow_mut().take().unwrap();
            waker.wake_by_ref();
            yield_now().await;
            thread::spawn(move || waker.wake()).join().unwrap();
            yield_now().await;
            assert_eq!(task.await.unwrap(), 7);
        });
    });
}

#[test]
fn a_wake_after_the_runtime_is_gone_changes_nothing() {
    guarded(|| {
        let rt = virtual_rt();
        let (waker, task) = rt.block_on(async {
            let (tell, told) = mpsc::channel();
            let task = turno::spawn(wait_once(move |waker| tell.send(waker.clone()).unwrap()));
            yield_now().await;
            (told.recv().unwrap(), task)
        });
        drop(rt);
        waker.wake_by_ref();
        let other = waker.clone();
        thread::spawn(move || other.wake()).join().unwrap();
        drop(task);
        waker.wake_by_ref();
        waker.wake();
    });
}

#[test]
fn a_wake_between_two_turns_counts() {
    guarded(|| {
        let rt = virtual_rt();
        let (tell, told) = mpsc::channel();
        let task = rt.spawn(wait_once(move |waker| tell.send(waker.clone()).unwrap()));
        assert_eq!(rt.turn(Some(std::time::Duration::ZERO)).switches, 1);
        assert_eq!(rt.turn(Some(std::time::Duration::ZERO)).switches, 0);
        told.recv().unwrap().wake();
        assert_eq!(rt.turn(Some(std::time::Duration::ZERO)).switches, 1);
        assert!(task.is_finished());
    });
}

#[test]
fn a_wake_while_the_loop_sleeps_ends_its_sleep() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        for _ in 0..100 {
            let (tell, told) = mpsc::channel::<Waker>();
            let (park, parked) = mpsc::channel::<()>();
            let thread = thread::spawn(move || {
                let waker = told.recv().unwrap();
                parked.recv().unwrap();
                waker.wake();
            });
            // The loop tells that it goes to sleep as the last thing it does before it.
            rt.observe(move |_: u64, event: &turno::observe::Event<'_>| {
                if let turno::observe::Event::Parked { .. } = event {
                    let _ = park.send(());
                }
            });
            rt.block_on(wait_once(|waker| tell.send(waker.clone()).unwrap()));
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_wake_in_the_destructor_of_a_thread_local_counts() {
    thread_local! {
        static EARLY: RefCell<Option<Waker>> = const { RefCell::new(None) };
        #[allow(clippy::type_complexity, reason = "named nowhere else")]
        static LAST: RefCell<Option<OnDrop<Box<dyn FnOnce()>>>> = const { RefCell::new(None) };
    }
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(wait_once(|waker| {
            let waker = waker.clone();
            thread::spawn(move || {
                let wake: Box<dyn FnOnce()> = Box::new(move || waker.wake());
                LAST.with(|last| *last.borrow_mut() = Some(OnDrop::new(wake)));
                // The library's own thread-locals are made after, and so gone before.
                EARLY.with(|early| *early.borrow_mut() = Some(virtual_rt().block_on(own_waker())));
            });
        }));
    });
}

#[test]
fn a_runtime_in_a_thread_local_goes_with_its_thread() {
    thread_local! {
        static RT: Runtime = Runtime::new().unwrap();
    }
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            RT.with(|rt| {
                let dropped = OnDrop::new(move || tell.send("dropped").unwrap());
                drop(rt.spawn(async move {
                    let _dropped = dropped;
                    std::future::pending::<()>().await;
                }));
                rt.block_on(yield_now());
            });
        });
        thread.join().unwrap();
        assert_eq!(told.recv(), Ok("dropped"));
    });
}
