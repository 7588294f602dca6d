//! Where it does that: two runtimes and some threads.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{self as std_mpsc, Sender};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Poll, Waker};
use std::thread;

use turno::observe::Event;
use turno::runtime::{Builder, Cycle, Handle, Runtime};
use turno::sync::{Mutex, RwLock, Semaphore, oneshot};

use super::common::OnDrop;
use super::common::at_random::AtRandom;
use super::plan::{Plan, Program, When, is_blind};
use super::run::run;

/// What a thread does; it may be lent a handle.
pub type Act = Box<dyn FnOnce(Option<&Handle>) + Send>;

/// What the tasks of one runtime share.
pub struct World {
    threads: Vec<Sender<Option<(When, Act)>>>,
    next: Cell<usize>,
    pub there: Option<Handle>,
    lends: bool,
    pub parked: Arc<AtomicBool>,
    pub owned: Arc<Mutex<()>>,
    locks: [Arc<Mutex<()>>; 2],
    rwlock: RwLock<()>,
    permit: Semaphore,
    gates: RefCell<HashMap<usize, oneshot::Sender<()>>>,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

pub fn world() -> Rc<World> {
    WORLD.with_borrow(Option::clone).expect("a program runs")
}

pub fn take_gate(gate: usize) -> Option<oneshot::Sender<()>> {
    WORLD.with_borrow(|world| world.as_ref()?.gates.borrow_mut().remove(&gate))
}

impl World {
    pub fn later(&self, when: When, act: impl FnOnce(Option<&Handle>) + Send + 'static) {
        self.next.set(self.next.get() + 1);
        let thread = &self.threads[self.next.get() % self.threads.len()];
        let _at_the_end = thread.send(Some((when, Box::new(act))));
    }

    pub fn gate(&self) -> (usize, oneshot::Receiver<()>) {
        let (open, opened) = oneshot::channel();
        let gate = self.next.replace(self.next.get() + 1);
        self.gates.borrow_mut().insert(gate, open);
        (gate, opened)
    }

    /// Has a task spawned that does the plan and then opens a gate of turno's.
    pub async fn called(&self, when: When, plan: Plan) {
        let (gate, opened) = self.gate();
        let own = (!self.lends).then(Handle::current);
        self.later(when, move |lent| {
            let Some(handle) = own.as_ref().or(lent) else { return };
            drop(handle.spawn_with(move || async move {
                run(plan).await;
                let _unawaited = take_gate(gate).map(|open| open.send(()));
            }));
        });
        opened.await.unwrap();
    }

    pub async fn locked(&self, lock: usize, inside: impl Future<Output = ()>) {
        match lock {
            1 | 2 => drop((self.locks[lock - 1].lock().await, inside.await)),
            3 if self.next.get().is_multiple_of(2) => {
                drop((self.rwlock.read().await, inside.await))
            }
            3 => drop((self.rwlock.write().await, inside.await)),
            4 => drop((self.permit.acquire().await.unwrap(), inside.await)),
            _ => inside.await,
        }
    }
}

/// A channel made by hand.
#[derive(Clone, Default)]
pub struct Signal(Arc<StdMutex<(bool, Option<Waker>)>>);

impl Signal {
    pub fn give(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits for it. `poll` may show its waker around, and says whether it is to lie here.
    pub async fn taken(&self, mut poll: impl FnMut(&Waker) -> bool) {
        poll_fn(|cx| {
            let kept = poll(cx.waker()).then(|| cx.waker().clone());
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = kept;
            Poll::Pending
        })
        .await;
    }
}

impl Program {
    pub fn builder(&self, told: &Told) -> Builder {
        let blind = is_blind(&self.plan) || self.there.as_ref().is_some_and(is_blind);
        let told = told.clone();
        let builder = Builder::new().start_paused(self.virtual_time).seed(self.seed);
        let builder = builder.on_deadlock(move |cycle: &Cycle| {
            if cycle.is_certain() || !blind {
                told.lock().unwrap().push(cycle.to_string());
            } else {
                LIKELY.fetch_add(1, SeqCst);
            }
        });
        if self.at_random { builder.policy(AtRandom::default()) } else { builder }
    }

    /// Runs the root of one of the two runtimes.
    pub fn drive(&self, rt: Runtime, plan: &Plan, world: World, end: Option<Signal>, told: &Told) {
        WORLD.set(Some(Rc::new(world)));
        let root = async {
            run(plan.clone()).await;
            if let Some(end) = end {
                end.taken(|_| true).await;
            }
        };
        if let Err(stalled) = rt.try_block_on(root) {
            told.lock().unwrap().push(stalled.to_string());
        }
        drop(rt);
        WORLD.set(None);
    }

    pub fn check(&self) {
        let (told, parked) = (Told::default(), Arc::new(AtomicBool::new(false)));
        let (threads, orders): (Vec<_>, Vec<_>) =
            (0..self.threads).map(|_| std_mpsc::channel()).unzip();
        let world = |threads: &[Sender<_>], there, lends| World {
            threads: threads.to_vec(),
            next: Cell::new(0),
            there,
            lends,
            parked: parked.clone(),
            owned: Arc::default(),
            locks: Default::default(),
            rwlock: RwLock::new(()),
            permit: Semaphore::new(1),
            gates: RefCell::default(),
        };
        let rt = self.builder(&told).build().unwrap();
        let lent = self.lends.then(|| rt.handle());
        thread::scope(|scope| {
            let (lent, parked, told, world) = (&lent, &parked, &told, &world);
            let sleeps = parked.clone();
            rt.observe(move |_: u64, event: &Event<'_>| match event {
                Event::Parked { .. } => sleeps.store(true, SeqCst),
                Event::Switched { .. } => sleeps.store(false, SeqCst),
                _ => {}
            });
            for orders in orders {
                scope.spawn(move || {
                    while let Ok(Some(order)) = orders.recv() {
                        let (when, act): (When, Act) = order;
                        when.wait(parked);
                        act(lent.as_ref());
                    }
                });
            }
            let (end, all) = (Signal::default(), threads.clone());
            let ended = end.clone();
            // Both runtimes need the threads.
            let dismiss = Arc::new(OnDrop::new(move || {
                all.iter().for_each(|thread| drop(thread.send(None)));
            }));
            let (needs, _also) = (dismiss.clone(), dismiss);
            let _end = OnDrop::new(move || ended.give());
            let there = self.there.as_ref().map(|plan| {
                let (tell, handle) = std_mpsc::channel();
                let threads = threads.clone();
                scope.spawn(move || {
                    let _needs = needs;
                    let rt = self.builder(told).build().unwrap();
                    tell.send(rt.handle()).unwrap();
                    self.drive(rt, plan, world(&threads, None, false), Some(end), told);
                });
                handle.recv().unwrap()
            });
            let world = world(&threads, there, self.lends);
            (0..self.crowd).for_each(|_| drop(rt.spawn(pending::<()>())));
            self.drive(rt, &self.plan, world, None, told);
        });
        let told = told.lock().unwrap().join("\n");
        assert!(told.is_empty(), "a false claim: {told}");
    }
}

/// False claims.
pub type Told = Arc<StdMutex<Vec<String>>>;

/// Likely cycles that were told where a guard had moved unseen.
pub static LIKELY: AtomicU64 = AtomicU64::new(0);
