//! Which members of a set have finished, in order, and who waits for them (floor 2).
//!
//! A member in the task table knows the set's list and its own key there, so its end costs one
//! push. A member on another thread (a blocking job, a task spawned through a handle) has a waker
//! that puts its key on a second list behind a lock, which only sets with such members have; it is
//! emptied into the first one before anything is added or taken there, so that the order holds.

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use futures_task::ArcWake;

use crate::wait::reason::WaitReason;
use crate::wait::seat::Seat;
use crate::wait::{self, Place, Site, Whom};

/// A set's list. A key on it whose member is gone, or has not finished, means nothing.
pub(crate) struct Finished {
    keys: RefCell<VecDeque<u32>>,
    seat: Seat,
    abroad: OnceCell<Arc<Abroad>>,
}

/// What members on other threads reach.
#[derive(Default)]
struct Abroad(Mutex<News>);

#[derive(Default)]
struct News {
    keys: VecDeque<u32>,
    /// Whoever waits for the set.
    waker: Option<Waker>,
}

impl Abroad {
    /// No user code runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, News> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Finished {
    #[track_caller]
    pub(crate) fn new() -> Rc<Self> {
        let seat = Seat::new(WaitReason::JoinSet);
        Rc::new(Self { keys: RefCell::default(), seat, abroad: OnceCell::new() })
    }

    /// A member has finished. Returns who waits, for the caller to wake.
    pub(crate) fn push(&self, key: u32) -> Option<Whom> {
        self.fetch();
        self.keys.borrow_mut().push_back(key);
        self.seat.take()
    }

    /// Who finished first, of those not yet taken.
    pub(crate) fn next(&self) -> Option<u32> {
        self.fetch();
        self.keys.borrow_mut().pop_front()
    }

    /// Where its end is waited for, if somebody does and no member is on another thread.
    pub(crate) fn waited_at(&self) -> Option<Place> {
        self.seat.place().filter(|_| self.abroad.get().is_none())
    }

    fn fetch(&self) {
        if let Some(abroad) = self.abroad.get() {
            self.keys.borrow_mut().append(&mut abroad.lock().keys);
        }
    }

    /// Who polls with `cx` waits. That clones wakers, which is user code, so look again afterwards.
    pub(crate) fn wait(&self, cx: &Context<'_>, site: Site, has_members_abroad: bool) {
        self.seat.wait(cx, site);
        if has_members_abroad && let Some(abroad) = self.abroad.get() {
            let waker = cx.waker().clone();
            let _old = abroad.lock().waker.replace(waker);
        }
    }

    /// Nobody waits any more.
    pub(crate) fn leave(&self) {
        self.seat.leave();
        if let Some(abroad) = self.abroad.get() {
            let waker = abroad.lock().waker.take();
            drop(waker); // When the lock is free.
        }
    }

    /// What a member on another thread wakes when it has finished.
    pub(crate) fn waker_for(&self, key: u32) -> Waker {
        let abroad = self.abroad.get_or_init(Arc::default).clone();
        futures_task::waker(Arc::new(Member { key, abroad }))
    }
}

struct Member {
    key: u32,
    abroad: Arc<Abroad>,
}

impl ArcWake for Member {
    fn wake_by_ref(this: &Arc<Self>) {
        let mut news = this.abroad.lock();
        news.keys.push_back(this.key);
        let waker = news.waker.take();
        drop(news);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Who is told of a task's end.
pub(crate) enum Joiner {
    /// Whoever awaits its handle.
    Handle(Place),
    /// The set that it is in, under this key.
    Set(Rc<Finished>, u32),
}

impl Joiner {
    /// The task has ended. Returns whom to wake.
    #[inline]
    pub(crate) fn tell(self) -> Option<Whom> {
        match self {
            Self::Handle(place) => wait::leave(place),
            Self::Set(finished, key) => finished.push(key),
        }
    }

    /// Nobody is to be told. Returns who waited, to be dropped where user code may run.
    pub(crate) fn discharge(self) -> Option<Whom> {
        match self {
            Self::Handle(place) => wait::leave(place),
            Self::Set(..) => None,
        }
    }
}
