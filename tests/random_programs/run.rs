//! How it is done.

use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use futures_lite::future::poll_once;
use futures_util::future::{Either, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use turno::runtime::Handle;
use turno::sync::{Barrier, Notify, OnceCell, Semaphore, broadcast, mpsc, oneshot, watch};
use turno::task::{JoinSet, spawn_blocking, yield_now};
use turno::time::{sleep, timeout};

use super::common::OnDrop;
use super::plan::{All, By, Plan, Pool, Rest, Victim, When};
use super::world::{Signal, take_gate, world};

const HOUR: Duration = Duration::from_secs(3600);

pub type Boxed = Pin<Box<dyn Future<Output = ()>>>;

pub fn run(plan: Plan) -> Boxed {
    Box::pin(async move {
        match plan {
            Plan::Yield(n) => {
                for _ in 0..n {
                    yield_now().await;
                }
            }
            Plan::Sleep(micros) => sleep(Duration::from_micros(micros)).await,
            Plan::Foreign { when, direct, dropped } => foreign(when, direct, dropped).await,
            Plan::Called(when, plan) => world().called(when, *plan).await,
            Plan::Remote { there, with, yields, when } => remote(there, with, yields, when).await,
            Plan::Job(pool, when, meanwhile) => job(pool, when, meanwhile).await,
            Plan::Abort(victim, when) => abort(victim, when).await,
            Plan::Locked(lock, plan) => world().locked(lock, run(*plan)).await,
            Plan::Owned(plan) => {
                let (give, mut get) = mpsc::channel(1);
                let guard = world().owned.clone().lock_owned().await;
                let other = turno::spawn(async move {
                    let _guard = get.recv().await.unwrap();
                    run(*plan).await;
                });
                give.send(guard).await.unwrap_or_else(|_| panic!("it is received"));
                drop(world().owned.lock().await);
                other.await.unwrap();
            }
            Plan::Passed(by, plan) => passed(by, *plan).await,
            Plan::Spawned(plan) => turno::spawn(run(*plan)).await.unwrap(),
            Plan::Kept(first, second) => {
                let mut handle = turno::spawn(run(*first));
                let ended = turno::select! {
                    ended = &mut handle => { ended.unwrap(); true }
                    _ = run(*second) => false,
                };
                yield_now().await;
                if !ended {
                    handle.await.unwrap();
                }
            }
            Plan::All(how, plans) => all(how, plans).await,
            Plan::Any(rest, first, second) => any(rest, run(*first), run(*second)).await,
            Plan::Timeout(micros, plan) => {
                let mut future = run(*plan);
                if timeout(Duration::from_micros(micros), &mut future).await.is_err() {
                    turno::spawn(future).await.unwrap();
                }
            }
        }
    })
}

pub async fn foreign(when: When, direct: bool, dropped: Option<When>) {
    let (signal, mut first) = (Signal::default(), true);
    let awaited = signal.clone();
    let show = |waker: &Waker| {
        let (signal, waker) = (signal.clone(), waker.clone());
        if std::mem::take(&mut first) {
            if let Some(when) = dropped {
                let waker = waker.clone();
                world().later(when, move |_| drop(waker));
            }
            if !direct {
                world().later(when, move |_| signal.give());
                return true;
            }
        }
        if direct {
            world().later(when, move |_| (signal.give(), waker.wake()).0);
        }
        !direct
    };
    awaited.taken(show).await;
}

pub async fn remote(there: bool, with: bool, yields: u64, when: When) {
    let handle = if there { world().there.clone().unwrap() } else { Handle::current() };
    let parked = world().parked.clone();
    let body = async move {
        for _ in 0..yields {
            yield_now().await;
        }
        if there {
            when.wait(&parked);
        }
    };
    let task = if with { handle.spawn_with(|| body) } else { handle.spawn(body) };
    drop(handle);
    task.await.unwrap();
}

pub async fn job(pool: Pool, when: When, meanwhile: Option<Box<Plan>>) {
    let (world, mut set) = (world(), JoinSet::new());
    let parked = world.parked.clone();
    let f = move || when.wait(&parked);
    let (mut own, mut far) = (None, None);
    match (pool, &world.there) {
        (Pool::SetThere, Some(there)) => drop(set.spawn_blocking_on(f, there)),
        (Pool::There, Some(there)) => far = Some(there.spawn_blocking(f)),
        (Pool::Set, _) => drop(set.spawn_blocking(f)),
        (Pool::Unawaited, _) => {
            drop(spawn_blocking(f));
            return sleep(Duration::from_millis(1)).await;
        }
        _ => own = Some(spawn_blocking(f)),
    }
    let is_alone = meanwhile.is_none();
    let mut end: Boxed = Box::pin(async move {
        match (own, far) {
            // Virtual time stands still as long as it runs.
            (Some(own), _) if is_alone => timeout(HOUR, own).await.unwrap().unwrap(),
            (Some(own), _) => own.await.unwrap(),
            (_, Some(far)) => far.await.unwrap(),
            _ => set.join_next().await.unwrap().unwrap(),
        }
    });
    let Some(plan) = meanwhile else { return end.await };
    let ended = poll_once(&mut end).await.is_some();
    run(*plan).await;
    if !ended {
        end.await;
    }
}

pub async fn abort(victim: Victim, when: When) {
    let forever = pending::<()>();
    let world = world();
    match victim {
        Victim::Local => {
            let task = turno::spawn(forever);
            let abort = task.abort_handle();
            world.later(when, move |_| abort.abort());
            assert!(task.await.unwrap_err().is_cancelled());
        }
        Victim::Remote => {
            let task = Handle::current().spawn(pending::<()>());
            let abort = task.abort_handle();
            world.later(when, move |_| abort.abort());
            assert!(task.await.unwrap_err().is_cancelled());
        }
        Victim::Member => {
            let mut set = JoinSet::new();
            let abort = set.spawn(forever);
            world.later(when, move |_| abort.abort());
            assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        }
        Victim::Given => {
            let (gate, opened) = world.gate();
            let closes = OnDrop::new(move || drop(take_gate(gate)));
            let task = Handle::current().spawn_with(move || async move {
                let _closes = closes;
                pending::<()>().await;
            });
            world.later(when, move |_| task.abort());
            assert!(opened.await.is_err());
        }
    }
}

pub async fn passed(by: By, plan: Plan) {
    let work = run(plan);
    let other = match by {
        By::Oneshot => {
            let (send, receive) = oneshot::channel();
            let other = turno::spawn(async move { (work.await, send.send(()).unwrap_or(())).1 });
            receive.await.unwrap();
            other
        }
        By::Mpsc => {
            let (send, mut receive) = mpsc::channel(1);
            let other = turno::spawn(async move {
                work.await;
                for _ in 0..3 {
                    let _unheard = send.send(()).await;
                }
            });
            while receive.recv().await.is_some() {}
            other
        }
        By::Notify => {
            let notify = Rc::new(Notify::new());
            let notifies = notify.clone();
            let other = turno::spawn(async move { (work.await, notifies.notify_one()).1 });
            notify.notified().await;
            other
        }
        By::Permits => {
            let permits = Rc::new(Semaphore::new(1));
            let adds = permits.clone();
            let other = turno::spawn(async move { (work.await, adds.add_permits(2)).1 });
            drop(permits.acquire_many(3).await);
            other
        }
        By::Barrier => {
            let barrier = Rc::new(Barrier::new(2));
            let comes = barrier.clone();
            let other = turno::spawn(async move { (work.await, comes.wait().await).0 });
            barrier.wait().await;
            other
        }
        By::Cell => {
            let cell = Rc::new(OnceCell::new());
            let fills = cell.clone();
            let other = turno::spawn(async move { *fills.get_or_init(|| work).await });
            yield_now().await;
            cell.get_or_init(async || ()).await;
            other
        }
        By::Watch => {
            let (send, mut receive) = watch::channel(0);
            let other = turno::spawn(async move { (work.await, send.send(1).unwrap_or(())).1 });
            receive.changed().await.unwrap();
            other
        }
        By::Broadcast => {
            let (send, mut receive) = broadcast::channel(2);
            let other = turno::spawn(async move { (work.await, drop(send.send(1))).1 });
            receive.recv().await.unwrap();
            other
        }
        By::Closed => {
            let (send, receive) = mpsc::channel::<()>(1);
            let other = turno::spawn(async move { (work.await, drop(receive)).1 });
            send.closed().await;
            other
        }
    };
    other.await.unwrap();
}

pub async fn all(how: All, plans: Vec<Plan>) {
    let mut futures: Vec<Boxed> = plans.into_iter().map(run).collect();
    match how {
        All::Macro => {
            let (first, second) = (futures.pop().unwrap(), futures.pop().unwrap());
            turno::join!(first, second, join_all(futures));
        }
        All::Futures => drop(join_all(futures).await),
        All::Unordered => drop(futures.into_iter().collect::<FuturesUnordered<_>>().count().await),
        All::Set => {
            let mut set = JoinSet::new();
            futures.into_iter().for_each(|future| drop(set.spawn(future)));
            set.join_all().await;
        }
    }
}

pub async fn any(rest: Rest, first: Boxed, second: Boxed) {
    if let Rest::Dropped = rest {
        return turno::select! { _ = first => {} _ = second => {} };
    }
    let (Either::Left((_, left)) | Either::Right((_, left))) = select(first, second).await;
    match rest {
        Rest::Dropped | Rest::Awaited => left.await,
        Rest::Spawned => turno::spawn(left).await.unwrap(),
        Rest::Sent { late, lock } => {
            let (give, mut get) = mpsc::channel::<Boxed>(1);
            let other = turno::spawn(async move {
                let left = get.recv().await.unwrap();
                if late {
                    foreign(When::Micros(300), true, None).await;
                }
                left.await;
            });
            give.send(left).await.unwrap_or_else(|_| panic!("it is received"));
            world().locked(lock, async {}).await;
            other.await.unwrap();
        }
    }
}
