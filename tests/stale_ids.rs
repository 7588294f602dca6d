//! A waker and an abort handle of a task that is gone miss, though its slot is used again.

mod common;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;

use common::{guarded, own_waker, virtual_rt};
use turno::policy::{Pick, Policy, Tasks};
use turno::runtime::Builder;
use turno::task::{AbortHandle, Id, Nanos, TaskInfo, yield_now};

const MANY: usize = 100;

/// Wakers, abort handles and ids of tasks that have finished, and whose slots are free.
async fn departed() -> (Vec<Waker>, Vec<AbortHandle>, Vec<Id>) {
    let tasks: Vec<_> = (0..MANY).map(|_| turno::spawn(own_waker())).collect();
    let aborts = tasks.iter().map(|task| task.abort_handle()).collect();
    let ids = tasks.iter().map(|task| task.id()).collect();
    let mut wakers = Vec::new();
    for task in tasks {
        wakers.push(task.await.unwrap());
    }
    (wakers, aborts, ids)
}

/// Newcomers in the same slots are neither woken nor aborted by what `attack` does.
fn missed(attack: impl FnOnce(Vec<Waker>, Vec<AbortHandle>)) {
    guarded(|| {
        virtual_rt().block_on(async {
            let (wakers, aborts, old) = departed().await;
            let polls = Rc::new(Cell::new(0));
            let newcomers: Vec<_> = (0..MANY)
                .map(|_| {
                    let polls = polls.clone();
                    turno::spawn(poll_fn(move |_| {
                        polls.set(polls.get() + 1);
                        Poll::<()>::Pending
                    }))
                })
                .collect();
            let mut slots: Vec<_> = newcomers.iter().map(|task| task.id().index()).collect();
            let mut before: Vec<_> = old.iter().map(|id| id.index()).collect();
            slots.sort();
            before.sort();
            assert_eq!(slots, before, "the slots are used again");
            assert!(newcomers.iter().all(|task| !old.contains(&task.id())));
            yield_now().await;
            attack(wakers, aborts);
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(polls.get(), MANY);
            assert!(newcomers.iter().all(|task| !task.is_finished()));
            assert!(old.iter().all(|&id| !turno::task::update(id, |_| unreachable!())));
        });
    });
}

#[test]
fn a_stale_wake_on_the_loops_thread_misses() {
    missed(|wakers, _| wakers.into_iter().for_each(Waker::wake));
}

#[test]
fn a_stale_wake_from_another_thread_misses() {
    missed(|wakers, _| {
        thread::spawn(|| wakers.into_iter().for_each(Waker::wake)).join().unwrap();
    });
}

#[test]
fn a_stale_abort_on_the_loops_thread_misses() {
    missed(|_, aborts| aborts.iter().for_each(AbortHandle::abort));
}

#[test]
fn a_stale_abort_from_another_thread_misses() {
    missed(|_, aborts| {
        thread::spawn(move || aborts.iter().for_each(AbortHandle::abort)).join().unwrap();
    });
}

#[test]
fn the_waker_of_an_earlier_root_misses_the_next_one() {
    guarded(|| {
        let rt = virtual_rt();
        let stale = rt.block_on(own_waker());
        let mut polls = 0;
        let root = poll_fn(|_| {
            polls += 1;
            stale.wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(rt.try_block_on(root).is_err());
        assert_eq!(polls, 1);
    });
}

/// Forgets nobody, as a policy may.
#[derive(Default)]
struct Oblivious(VecDeque<Id>);

impl Policy for Oblivious {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.push_back(task.id());
    }
    fn pick(&mut self, _: &Tasks<'_>, _: Nanos) -> Pick {
        self.0.pop_front().into()
    }
}

#[test]
fn a_policy_may_pick_who_was_aborted_whether_its_handle_is_kept_or_not() {
    guarded(|| {
        let rt = Builder::new().policy(Oblivious::default()).build().unwrap();
        rt.block_on(async {
            for kept in [true, false] {
                let task = turno::spawn(async { unreachable!("it was aborted before") });
                let last = turno::spawn(async { 7 });
                let abort = task.abort_handle();
                let kept = kept.then_some(task);
                abort.abort();
                yield_now().await;
                assert_eq!(last.await.unwrap(), 7);
                if let Some(task) = kept {
                    assert!(task.await.map(|()| unreachable!()).unwrap_err().is_cancelled());
                }
            }
        });
    });
}

#[test]
fn an_abort_of_a_task_that_was_aborted_and_whose_slot_was_taken_misses() {
    guarded(|| {
        virtual_rt().block_on(async {
            let task = turno::spawn(pending::<()>());
            let abort = task.abort_handle();
            abort.abort();
            abort.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            let newcomer = turno::spawn(async {
                yield_now().await;
                7
            });
            assert_eq!(newcomer.id().index(), abort.id().index());
            abort.abort();
            assert_eq!(newcomer.await.unwrap(), 7);
        });
    });
}
