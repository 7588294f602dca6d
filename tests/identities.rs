//! Each task and each blocking job has an id of its own from the moment it is spawned, and its code
//! runs in its own name, to the last drop.

mod common;

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use common::{guarded, panic_of, virtual_rt};
use turno::observe::Event;
use turno::runtime::{Builder, Runtime};
use turno::task::{self, Cause, Id, JoinSet, spawn_blocking, try_id, yield_now};

/// Says, when it is dropped, in whose name that is.
struct Says(Arc<Mutex<Vec<Option<Id>>>>);

impl Drop for Says {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(try_id());
    }
}

/// What `Says` have said.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<Option<Id>>>>);

impl Said {
    fn says(&self) -> Says {
        Says(self.0.clone())
    }

    fn take(&self) -> Vec<Option<Id>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn blocking_jobs_have_ids_of_their_own_which_all_who_know_them_agree_on() {
    guarded(|| {
        Runtime::new().unwrap().block_on(async {
            let mut set = JoinSet::new();
            let before = turno::spawn(async {}).id();
            let jobs: Vec<_> = (0..20).map(|_| set.spawn_blocking(task::id)).collect();
            let after = turno::spawn(async {}).id();
            let ids: Vec<Id> = jobs.iter().map(|job| job.id()).collect();
            assert!(
                before < ids[0] && ids.is_sorted() && ids[19] < after,
                "in the order of spawning"
            );
            assert_eq!(HashSet::<Id>::from_iter(ids.iter().copied()).len(), 20);
            while let Some(done) = set.join_next_with_id().await {
                let (id, inside) = done.unwrap();
                assert!(id == inside && ids.contains(&id));
            }
            assert!(jobs.iter().map(|job| job.id()).eq(ids));

            let job = spawn_blocking(|| panic!("as meant: {}", task::id()));
            let id = job.id();
            let error = job.await.map(|(): ()| ()).unwrap_err();
            assert_eq!((error.id(), error.is_panic()), (id, true));
            assert!(error.to_string().ends_with(&format!("as meant: {id}")), "{error}");
            assert_eq!(try_id(), Some(task::id()));
            assert_ne!(task::id(), id);
        });
    });
}

#[test]
fn a_remote_task_has_the_same_id_before_it_begins_while_it_runs_and_after_it_is_gone() {
    guarded(|| {
        let rt = virtual_rt();
        let handle = rt.handle().clone();
        let far = handle.spawn_with(|| {
            let made = task::id();
            async move {
                yield_now().await;
                (made, task::id())
            }
        });
        let (id, abort) = (far.id(), far.abort_handle());
        assert_eq!(abort.id(), id);
        let next = rt.spawn(async {});
        assert!(id < next.id(), "its number is that of the spawn call");
        assert_eq!(rt.step().unwrap().task.id(), id);
        assert!(rt.tasks().iter().any(|task| task.id() == id));
        assert_eq!((far.id(), far.abort_handle().id()), (id, id));
        assert_eq!(rt.block_on(far).unwrap(), (id, id));
        assert_eq!(abort.id(), id);

        let far = handle.spawn(pending::<()>());
        let id = far.id();
        far.abort();
        let error = rt.block_on(far).unwrap_err();
        assert_eq!((error.id(), error.is_cancelled()), (id, true));

        let far = handle.spawn(pending::<()>());
        let id = far.id();
        rt.turn(Some(std::time::Duration::ZERO));
        far.abort();
        let error = rt.block_on(far).unwrap_err();
        assert_eq!((error.id(), error.is_cancelled()), (id, true));

        let far = handle.spawn_with(|| -> std::future::Ready<()> { panic!("as meant") });
        let id = far.id();
        assert_eq!(rt.block_on(far).unwrap_err().id(), id);

        let far = handle.spawn(async {});
        let id = far.id();
        drop(rt);
        assert_eq!(futures_lite::future::block_on(far).unwrap_err().id(), id);
        let late = handle.spawn(async {});
        assert!(late.id() > id);
    });
}

#[test]
fn an_id_told_before_the_task_had_its_place_finds_it_later() {
    guarded(|| {
        let rt = virtual_rt();
        let _others: Vec<_> = (0..50).map(|_| rt.spawn(pending::<()>())).collect();
        let far = rt.handle().spawn(pending::<()>());
        assert!(!rt.update(far.id(), |_| {}), "it has not begun");
        rt.turn(Some(std::time::Duration::ZERO));
        assert!(rt.update(far.id(), |attributes| attributes.priority = 7));
        let tasks = rt.tasks();
        let task = tasks.iter().find(|task| task.id() == far.id()).unwrap();
        assert_eq!((task.priority(), task.id().index() < 100), (7, true));
        far.abort();
        rt.turn(Some(std::time::Duration::ZERO));
        assert!(!rt.update(far.id(), |_| {}));
    });
}

#[test]
fn a_runtime_within_a_blocking_job_has_its_own_tasks() {
    guarded(|| {
        Runtime::new().unwrap().block_on(async {
            let job = spawn_blocking(|| {
                let rt = virtual_rt();
                let _more: Vec<_> = (0..9).map(|_| rt.spawn(async {})).collect();
                let root = rt.block_on(async { (task::id(), turno::spawn(async { task::id() })) });
                let (root, child) = (root.0, root.1);
                let child = (child.id(), rt.block_on(child).unwrap());
                (root, child, task::id())
            });
            let id = job.id();
            let (root, child, after) = job.await.unwrap();
            assert_eq!((root.serial(), child.0), (10, child.1));
            assert_eq!(after, id, "it is the job again");
        });
    });
}

/// Spawns a task that is done before `lose` has its handle. In whose name is the result dropped?
#[track_caller]
fn lost(lose: impl FnOnce(turno::task::JoinHandle<Says>) + 'static) {
    let said = Said::default();
    let says = said.says();
    let rt = virtual_rt();
    rt.block_on(async move {
        let loser = turno::spawn(async move {
            let task = turno::spawn(async { says });
            let id = task.id();
            yield_now().await;
            assert!(task.is_finished());
            lose(task);
            yield_now().await;
            assert_eq!(said.take(), [Some(id)]);
            assert_eq!(try_id(), Some(task::id()), "afterwards it is itself again");
        });
        let id = loser.id();
        loser.await.unwrap();
        assert_ne!(try_id(), Some(id));
    });
}

#[test]
fn a_result_that_is_not_taken_is_dropped_in_the_name_of_its_task() {
    guarded(|| {
        lost(drop);
        lost(|task| drop(Some(Box::new(task))));
        lost(|task| {
            let mut kept = [task];
            kept[0] = turno::spawn(pending()); // Replaced.
        });
    });
}

#[test]
fn a_set_drops_results_in_the_names_of_their_tasks() {
    guarded(|| {
        for way in 0..4 {
            let said = Said::default();
            virtual_rt().block_on(async {
                let mut set = JoinSet::new();
                let mut ids = Vec::new();
                for _ in 0..3 {
                    let says = said.says();
                    ids.push(Some(set.spawn(async { says }).id()));
                }
                let says = said.says();
                let far = turno::runtime::Handle::current().spawn(async { says });
                yield_now().await;
                yield_now().await;
                match way {
                    0 => drop(set),
                    1 => set.detach_all(),
                    2 => set.shutdown().await,
                    _ => assert!(set.try_join_next().is_some_and(|taken| {
                        drop(taken);
                        std::mem::take(&mut said.0.lock().unwrap()[0]) == try_id()
                    })),
                }
                if way < 3 {
                    assert_eq!(said.take(), ids);
                }
                assert!(far.is_finished());
                let id = far.id();
                said.take();
                drop(far);
                assert_eq!(said.take(), [Some(id)], "that of a remote task");
            });
        }
    });
}

#[test]
fn what_a_blocking_job_was_given_and_gives_is_dropped_in_its_name() {
    guarded(|| {
        let said = Said::default();
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let first = rt.spawn_blocking(move || wait.recv());
        let (given, gives) = (said.says(), said.says());
        let job = rt.spawn_blocking(move || {
            drop(given);
            gives
        });
        let id = job.id();
        let never = said.says();
        let queued = rt.spawn_blocking(move || drop(never));
        let cancelled = queued.id();
        queued.abort();
        go.send(()).unwrap();
        rt.block_on(first).unwrap().unwrap();
        while !job.is_finished() || !queued.is_finished() {
            std::thread::yield_now();
        }
        drop(job);
        while said.0.lock().unwrap().len() < 3 {
            std::thread::yield_now();
        }
        let mut names = said.take();
        names.sort();
        assert_eq!(names, [Some(id), Some(id), Some(cancelled)]);

        // One that no thread has come to when the runtime goes, and one that comes after.
        let (go, wait) = mpsc::channel::<()>();
        let _first = rt.spawn_blocking(move || wait.recv());
        let never = said.says();
        let queued = rt.spawn_blocking(move || drop(never)).id();
        let handle = rt.handle().clone();
        std::thread::spawn(move || go.send(()));
        rt.shutdown_background();
        let names = said.take();
        assert_eq!(names, [Some(queued)]);
        let never = said.says();
        let late = handle.spawn_blocking(move || drop(never)).id();
        assert_eq!(said.take(), [Some(late)]);
        let never = said.says();
        let late = handle.spawn(async move { drop(never) }).id();
        assert_eq!(said.take(), [Some(late)], "a task, too");
        assert_eq!(try_id(), None);
    });
}

#[test]
fn a_future_that_is_dropped_is_dropped_in_the_name_of_its_task() {
    guarded(|| {
        let said = Said::default();
        let rt = virtual_rt();
        let forever = |says: Says| async move {
            let _says = says;
            pending::<()>().await
        };
        let (aborted, never_begun) =
            (rt.spawn(forever(said.says())), rt.spawn(forever(said.says())));
        aborted.abort();
        rt.turn(Some(std::time::Duration::ZERO));
        assert_eq!(said.take(), [Some(aborted.id())]);
        let remote = rt.handle().spawn(forever(said.says()));
        remote.abort();
        rt.turn(Some(std::time::Duration::ZERO));
        assert_eq!(said.take(), [Some(remote.id())], "an abort that came before it began");
        drop(remote); // It is a way to the loop: nothing would be a stall.

        let root = Rc::new(RefCell::new(None));
        let (saw, says) = (root.clone(), said.says());
        let stalled = rt.try_block_on(async {
            *saw.borrow_mut() = try_id();
            forever(says).await
        });
        assert!(stalled.is_err());
        assert_eq!(said.take(), [*root.borrow()], "the root");
        for panics in [true, false] {
            let (saw, says) = (root.clone(), said.says());
            panic_of(|| {
                rt.block_on(async {
                    *saw.borrow_mut() = try_id();
                    let mut at_hand = Box::pin(forever(says));
                    futures_lite::future::poll_once(at_hand.as_mut()).await;
                    let held = Held(at_hand);
                    assert!(!panics, "as meant");
                    pending::<()>().await;
                    drop(held);
                })
            });
            assert_eq!(said.take(), [*root.borrow()], "the root");
        }

        let (id, remote) = (never_begun.id(), rt.handle().spawn(forever(said.says())));
        drop(rt);
        assert_eq!(said.take(), [Some(id), Some(remote.id())]);
        assert_eq!(try_id(), None);
    });
}

struct Held<T>(#[allow(dead_code)] T);

#[test]
fn a_result_outlives_its_runtime_and_is_dropped_in_the_name_of_its_task_all_the_same() {
    guarded(|| {
        let said = Said::default();
        let rt = virtual_rt();
        let (says, far) = (said.says(), said.says());
        let (task, far) = (rt.spawn(async { says }), rt.handle().spawn(async { far }));
        rt.block_on(async { yield_now().await });
        drop(rt);
        assert!(said.take().is_empty());
        let ids = [Some(task.id()), Some(far.id())];
        drop((task, far));
        assert_eq!(said.take(), ids);
    });
}

#[test]
fn a_drop_that_panics_leaves_the_name_as_it_was_and_wakes_are_still_the_droppers() {
    struct Opens(common::Gate);
    impl Drop for Opens {
        fn drop(&mut self) {
            self.0.open();
            panic!("as meant");
        }
    }
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("as meant");
        }
    }
    guarded(|| {
        let rt = virtual_rt();
        let woken = Rc::new(RefCell::new(Vec::new()));
        let notes = woken.clone();
        rt.observe(move |_: u64, event: &Event<'_>| {
            if let Event::Woken { task, .. } = event {
                notes.borrow_mut().push((task.id(), task.cause()));
            }
        });
        rt.block_on(async {
            let gate = common::Gate::new();
            let (waits, opens) = (turno::spawn(gate.clone()), gate.clone());
            let task = turno::spawn(async { Opens(opens) });
            yield_now().await;
            let me = task::id();
            assert!(catch_unwind(AssertUnwindSafe(|| drop(task))).is_ok(), "it is nobody's result");
            assert_eq!(task::id(), me);
            let far = turno::runtime::Handle::current().spawn(async { Panics });
            yield_now().await;
            yield_now().await;
            assert!(far.is_finished());
            assert!(catch_unwind(AssertUnwindSafe(|| drop(far))).is_err());
            assert_eq!(task::id(), me);
            assert_eq!(
                woken.borrow().iter().rfind(|(id, _)| *id == waits.id()).unwrap().1,
                Cause::Task(me)
            );
            waits.await.unwrap();
        });
    });
}
