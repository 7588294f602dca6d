//! Inside of a policy or an observer, wakes, drops and aborts are recorded and take effect; whoever
//! acts there panics with a clear message, and the runtime can be used again afterwards.

mod common;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::task::Waker;

use common::{Trace, guarded, has, own_waker, panic_of, wait_once};
use turno::observe::Event;
use turno::policy::{Fifo, Pick, Policy, Tasks};
use turno::runtime::{Builder, Runtime};
use turno::task::{Cause, Id, JoinHandle, Left, Nanos, TaskInfo, yield_now};
use turno::time::{Duration, sleep};

/// Where in a policy or an observer something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Ready,
    Pick,
    Ran,
    Forget,
    Queue,
    Spawned,
    Woken,
    Switched,
    Ended,
    Aborted,
    Looked,
    Parked,
}

use Place::*;

const PLACES: [Place; 12] =
    [Ready, Pick, Ran, Forget, Queue, Spawned, Woken, Switched, Ended, Aborted, Looked, Parked];

type Act = Rc<dyn Fn()>;

/// What is to be done, once, at the next visit of a place.
#[derive(Clone, Default)]
struct Plan(Rc<RefCell<Option<(Place, Act)>>>);

impl Plan {
    fn set(&self, place: Place, act: impl Fn() + 'static) {
        *self.0.borrow_mut() = Some((place, Rc::new(act)));
    }

    fn is_done(&self) -> bool {
        self.0.borrow().is_none()
    }

    fn visit(&self, place: Place) {
        let mut plan = self.0.borrow_mut();
        let act = plan.take_if(|plan| plan.0 == place);
        drop(plan);
        if let Some((_, act)) = act {
            act();
        }
    }
}

/// First in, first out, with a plan.
struct Planned(Fifo, Plan);

impl Policy for Planned {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.0.ready(task, now);
        self.1.visit(Ready);
    }
    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        self.1.visit(Pick);
        self.0.pick(tasks, now)
    }
    fn ran(&mut self, task: &TaskInfo, ran: Nanos, left: Left, now: Nanos) {
        self.0.ran(task, ran, left, now);
        self.1.visit(Ran);
    }
    fn forget(&mut self, id: Id) {
        self.0.forget(id);
        self.1.visit(Forget);
    }
    fn queue(&self, tasks: &Tasks<'_>, most: usize) -> Vec<Id> {
        self.1.visit(Queue);
        self.0.queue(tasks, most)
    }
}

fn planned() -> (Rc<Runtime>, Plan) {
    let plan = Plan::default();
    let sees = plan.clone();
    let observer = move |_: Nanos, event: &Event<'_>| {
        if let Event::Switched { ready, .. } = event {
            ready.queue();
        }
        sees.visit(match event {
            Event::Spawned { .. } => Spawned,
            Event::Woken { .. } => Woken,
            Event::Switched { .. } => Switched,
            Event::Ended { .. } => Ended,
            Event::Aborted { .. } => Aborted,
            Event::Looked => Looked,
            Event::Parked { .. } => Parked,
            _ => return,
        });
    };
    let policy = Planned(Fifo::new(), plan.clone());
    let builder = Builder::new().start_paused(true).policy(policy).observe(observer);
    (Rc::new(builder.build().unwrap()), plan)
}

/// A program that comes by all places.
async fn visit_all() {
    let task = turno::spawn(yield_now());
    let gone = turno::spawn(pending::<()>());
    gone.abort();
    task.await.unwrap();
    assert!(gone.await.unwrap_err().is_cancelled());
    sleep(Duration::from_millis(1)).await;
}

#[test]
fn a_wake_takes_effect_wherever_it_is_made() {
    for place in PLACES {
        guarded(|| {
            let (rt, plan) = planned();
            rt.block_on(async {
                let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
                let keeps = kept.clone();
                let task = turno::spawn(async move {
                    wait_once(|waker| *keeps.borrow_mut() = Some(waker.clone())).await
                });
                yield_now().await;
                let waker = kept.borrow_mut().take().unwrap();
                plan.set(place, move || waker.wake_by_ref());
                visit_all().await;
                assert!(plan.is_done(), "{place:?} was not visited");
                task.await.unwrap();
            });
            assert_eq!(rt.metrics().tasks, 0, "{place:?}");
        });
    }
}

#[test]
fn a_wake_of_the_very_task_that_has_just_run_takes_effect() {
    for place in [Ran, Ended] {
        guarded(|| {
            let (rt, plan) = planned();
            rt.block_on(async {
                let task = turno::spawn(async move {
                    let waker = own_waker().await;
                    plan.set(place, move || waker.wake_by_ref());
                    wait_once(|_| {}).await;
                });
                task.await.unwrap();
            });
        });
    }
}

#[test]
fn whom_an_observer_wakes_while_the_loop_looks_no_task_has_woken() {
    guarded(|| {
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let causes: Rc<RefCell<Vec<Cause>>> = Rc::default();
        let (wakes, sees) = (kept.clone(), causes.clone());
        let observer = move |_: Nanos, event: &Event<'_>| match event {
            Event::Looked => wakes.take().into_iter().for_each(Waker::wake),
            Event::Woken { task, .. } if task.name() == Some("woken") => {
                sees.borrow_mut().push(task.cause());
            }
            _ => {}
        };
        let rt = Builder::new().start_paused(true).observe(observer).build().unwrap();
        rt.block_on(async {
            let keeps = kept.clone();
            let task = turno::task::Builder::new().name("woken").spawn(async move {
                wait_once(|waker| *keeps.borrow_mut() = Some(waker.clone())).await
            });
            // Always ready, so the loop looks in between.
            while !task.is_finished() {
                yield_now().await;
            }
        });
        assert!(matches!(causes.take()[..], [Cause::Spawn { .. }, Cause::Outside]));
    });
}

#[test]
fn an_abort_and_the_drop_of_a_handle_take_effect_wherever_they_are_made() {
    for place in PLACES {
        guarded(|| {
            let (rt, plan) = planned();
            let trace = Trace::new();
            rt.block_on(async {
                let dropped = trace.on_drop("aborted");
                let victim = turno::spawn(async move {
                    let _dropped = dropped;
                    pending::<()>().await;
                });
                let abort = victim.abort_handle();
                let said = trace.clone();
                let done =
                    turno::spawn(async move { common::OnDrop::new(move || said.say("result")) });
                while !done.is_finished() {
                    yield_now().await;
                }
                let done = Cell::new(Some(done));
                plan.set(place, move || {
                    abort.abort();
                    drop(done.take());
                });
                visit_all().await;
                assert!(plan.is_done(), "{place:?} was not visited");
                assert!(victim.await.unwrap_err().is_cancelled());
                yield_now().await;
            });
            let mut lines = trace.take();
            lines.sort();
            assert_eq!(lines, ["aborted", "result"], "{place:?}");
            assert_eq!(rt.metrics().tasks, 0, "{place:?}");
        });
    }
}

#[test]
fn an_abort_while_the_loop_goes_to_sleep_wakes_who_waits_for_it() {
    guarded(|| {
        let (rt, plan) = planned();
        rt.block_on(async {
            let task = turno::spawn(pending::<()>());
            let abort = task.abort_handle();
            // The only timer is far away: the abort must count before it.
            turno::spawn(sleep(Duration::from_secs(3600)));
            plan.set(Parked, move || abort.abort());
            let start = turno::time::Instant::now();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}

/// `act` panics with `message` at every place, out of `block_on`, and everything goes on afterwards.
#[track_caller]
fn refused(message: &str, act: impl Fn(&Runtime) + Clone + 'static) {
    for place in PLACES {
        guarded(|| {
            let (rt, plan) = planned();
            let count = Rc::new(Cell::new(0));
            let counts = count.clone();
            let before: JoinHandle<()> = rt.spawn(async move {
                for _ in 0..100 {
                    counts.set(counts.get() + 1);
                    yield_now().await;
                }
            });
            let (weak, act) = (Rc::downgrade(&rt), act.clone());
            plan.set(place, move || act(&weak.upgrade().unwrap()));
            let text = panic_of(|| rt.block_on(visit_all()));
            has(&text, message);
            has(&text, "policy or an observer");
            assert!(plan.is_done());
            // Nobody was lost, and nobody runs twice for one wake.
            rt.block_on(async {
                visit_all().await;
                before.await.unwrap();
            });
            assert_eq!(count.get(), 100, "{place:?}");
            drop(rt);
        });
    }
}

#[test]
fn spawn_is_refused() {
    refused("`spawn`", |_| drop(turno::spawn(async {})));
    refused("`spawn`", |rt| drop(rt.spawn(async {})));
}

#[test]
fn a_turn_a_step_and_block_on_are_refused() {
    refused("`Runtime::turn`", |rt| _ = rt.turn(None));
    refused("`Runtime::run_until`", |rt| _ = rt.run_until(turno::time::Instant::now()));
    refused("`Runtime::step`", |rt| drop(rt.step()));
    refused("`block_on`", |rt| rt.block_on(async {}));
    refused("`try_block_on`", |rt| rt.try_block_on(async {}).unwrap());
}

#[test]
fn swapping_the_policy_and_adding_an_observer_are_refused() {
    refused("`Runtime::set_policy`", |rt| rt.set_policy(Fifo::new()));
    refused("`Runtime::observe`", |rt| rt.observe(|_: Nanos, _: &Event<'_>| {}));
}

#[test]
fn they_are_refused_outside_of_a_turn_too_while_a_policy_is_swapped() {
    #[allow(clippy::type_complexity, reason = "named nowhere else")]
    let acts: [(&str, fn(&Runtime)); 6] = [
        ("`Runtime::turn`", |rt| _ = rt.turn(None)),
        ("`Runtime::run_until`", |rt| _ = rt.run_until(turno::time::Instant::now())),
        ("`Runtime::step`", |rt| drop(rt.step())),
        ("`block_on`", |rt| rt.block_on(async {})),
        ("`spawn`", |rt| drop(rt.spawn(async {}))),
        ("`Runtime::set_policy`", |rt| rt.set_policy(Fifo::new())),
    ];
    for (message, act) in acts {
        guarded(|| {
            let (rt, _) = planned();
            let now = rt.block_on(async { turno::time::Instant::now() });
            // One switch: the other two tasks stay in the policy's hands between the turns.
            let tasks: Vec<_> = (0..3).map(|n| rt.spawn(async move { n })).collect();
            assert_eq!(rt.run_until(now).switches, 1);
            let (weak, plan) = (Rc::downgrade(&rt), Plan::default());
            plan.set(Ready, move || act(&weak.upgrade().unwrap()));
            let text = panic_of(|| rt.set_policy(Planned(Fifo::new(), plan)));
            has(&text, message);
            has(text, "policy or an observer");
            rt.set_policy(Fifo::new());
            rt.block_on(async {
                for (n, task) in tasks.into_iter().enumerate() {
                    assert_eq!(task.await.unwrap(), n);
                }
            });
        });
    }
}

#[test]
fn a_panic_of_a_policy_or_an_observer_loses_no_task_and_goes_to_the_caller() {
    refused("panic of a policy or an observer", |_| panic!("panic of a policy or an observer"));
}

#[test]
fn an_abort_is_carried_out_though_who_hears_of_it_panics() {
    for place in [Forget, Aborted] {
        guarded(|| {
            let (rt, plan) = planned();
            let tasks = Rc::new(RefCell::new(Vec::new()));
            let text = panic_of(|| {
                rt.block_on(async {
                    // They are in the policy's hands when the aborts are attended to.
                    tasks.borrow_mut().extend((0..3).map(|_| turno::spawn(pending::<()>())));
                    tasks.borrow().iter().for_each(|task: &JoinHandle<()>| task.abort());
                    plan.set(place, || panic!("it heard of it"));
                    pending::<()>().await;
                })
            });
            assert_eq!(text, "it heard of it");
            let tasks = tasks.take();
            assert!(tasks[0].is_finished());
            rt.block_on(async {
                for task in tasks {
                    assert!(task.await.unwrap_err().is_cancelled());
                }
            });
        });
    }
}

#[test]
fn a_policy_that_always_panics_can_be_replaced_and_does_not_disturb_the_drop() {
    guarded(|| {
        let trace = Trace::new();
        for replaced in [false, true] {
            let plan = Plan::default();
            let rt = Builder::new().policy(Planned(Fifo::new(), plan.clone())).build().unwrap();
            let dropped = trace.on_drop("dropped");
            let task = rt.spawn(async move {
                let _dropped = dropped;
                for _ in 0..3 {
                    yield_now().await;
                }
            });
            for _ in 0..5 {
                plan.set(Pick, || panic!("always"));
                has(panic_of(|| rt.block_on(async {})), "always");
            }
            if replaced {
                rt.set_policy(Fifo::new());
                rt.block_on(task).unwrap();
            }
            plan.set(Forget, || panic!("in the end, too"));
            drop(rt);
            trace.check(&["dropped"]);
        }
    });
}
