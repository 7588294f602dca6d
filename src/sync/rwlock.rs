//! A lock that is awaited, for many readers or one writer (floor 4).

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::lock::TryLockError;
use crate::task::current::{self, LoopKey};
use crate::wait::Site;
use crate::wait::queue::{Hold, Queue, Strangers};
use crate::wait::reason::{Holder, WaitReason};
use crate::wait::waiter::{Asked, Waiter};

/// A lock that many may hold to read, or one to write; it may be held across an `await`.
///
/// First come, first served: a writer that waits holds back the readers that come after it, so
/// readers without end do not keep it waiting for ever. A task that reads and asks to read again
/// while a writer waits therefore waits for itself. There is no poisoning. It is bound to its
/// thread and needs no runtime. Locking and unlocking when nobody waits allocates nothing and costs
/// no atomic operation.
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::RwLock;
///
/// let words = RwLock::new(vec!["one"]);
/// {
///     let (here, there) = (words.read().await, words.read().await);
///     assert_eq!(here.len(), there.len());
/// }
/// words.write().await.push("two");
/// assert_eq!(words.into_inner(), ["one", "two"]);
/// # });
/// ```
pub struct RwLock<T: ?Sized> {
    shares: Shares,
    value: RefCell<T>,
}

/// The most readers that one can have at once, as in tokio.
const MOST_READERS: u32 = u32::MAX >> 3;

impl<T> RwLock<T> {
    /// An unlocked one.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self::with_max_readers(value, MOST_READERS)
    }

    /// The same as [`new`](Self::new), which is `const` here.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        Self::new(value)
    }

    /// One that at most `readers` may read at once.
    ///
    /// # Panics
    /// If that is 0, or more than 2^29 - 1.
    #[track_caller]
    pub const fn with_max_readers(value: T, readers: u32) -> Self {
        assert!(readers > 0, "an rwlock needs room for one reader at least");
        assert!(readers <= MOST_READERS, "an rwlock cannot have so many readers");
        Self { shares: Shares::new(readers), value: RefCell::new(value) }
    }

    /// The same as [`with_max_readers`](Self::with_max_readers), which is `const` here.
    ///
    /// # Panics
    /// If that is 0, or more than 2^29 - 1.
    #[track_caller]
    pub const fn const_with_max_readers(value: T, readers: u32) -> Self {
        Self::with_max_readers(value, readers)
    }

    /// The value, without its lock.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until it may read: until nobody writes, and no writer waits that came before.
    ///
    /// # Cancel safety
    /// Dropped before it is done, its place in the queue is lost; what it was handed goes to the
    /// next.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        let taking = self.shares.taking(READ, Location::caller());
        async move { self.reader(taking.await) }
    }

    /// Waits until it may write: until all who came before have read or written.
    ///
    /// # Cancel safety
    /// Dropped before it is done, its place in the queue is lost; what it was handed goes to the
    /// next. Readers that it held back go on.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        let taking = self.shares.taking(WRITE, Location::caller());
        async move { self.writer(taking.await) }
    }

    /// Locks it to read if that can be done without waiting.
    ///
    /// # Errors
    /// When somebody writes, when somebody waits, and when it has as many readers as it may have.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        let share = self.shares.try_take(READ, Location::caller());
        share.map(|share| self.reader(share)).ok_or(TryLockError(()))
    }

    /// Locks it to write if that can be done without waiting.
    ///
    /// # Errors
    /// When somebody reads, writes or waits.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        let share = self.shares.try_take(WRITE, Location::caller());
        share.map(|share| self.writer(share)).ok_or(TryLockError(()))
    }

    /// The value, which nobody else can have now.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    fn reader<'a>(&'a self, share: Share<'a>) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard { value: self.value.borrow(), share }
    }

    fn writer<'a>(&'a self, share: Share<'a>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard { value: self.value.borrow_mut(), all: &self.value, share }
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = f.debug_struct("RwLock");
        // As a reader, so that the lock holds against what the value's own `fmt` may do with it.
        match self.shares.try_join(Location::caller()) {
            Some(share) => lock.field("data", &&*self.reader(share)),
            None => lock.field("data", &format_args!("<locked>")),
        };
        lock.finish()
    }
}

/// What may be read of an [`RwLock`]. Dropping it unlocks.
#[must_use = "dropping it unlocks"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // In this order: the value is given back before somebody else is handed the lock.
    value: Ref<'a, T>,
    share: Share<'a>,
}

/// What may be changed of an [`RwLock`]. Dropping it unlocks.
#[must_use = "dropping it unlocks"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    value: RefMut<'a, T>,
    all: &'a RefCell<T>,
    share: Share<'a>,
}

/// A part of what may be changed of an [`RwLock`]. Dropping it unlocks.
#[must_use = "dropping it unlocks"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    value: RefMut<'a, T>,
    share: Share<'a>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Goes on with a part of the value. It is still the whole that is locked.
    pub fn map<U: ?Sized>(this: Self, f: impl FnOnce(&T) -> &U) -> RwLockReadGuard<'a, U> {
        RwLockReadGuard { value: Ref::map(this.value, f), share: this.share }
    }

    /// As [`map`](Self::map), if there is such a part.
    ///
    /// # Errors
    /// If there is not, it is as it was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        let share = this.share;
        match Ref::filter_map(this.value, f) {
            Ok(value) => Ok(RwLockReadGuard { value, share }),
            Err(value) => Err(Self { value, share }),
        }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on with a part of the value. It is still the whole that is locked.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U> {
        RwLockMappedWriteGuard { value: RefMut::map(this.value, f), share: this.share }
    }

    /// As [`map`](Self::map), if there is such a part.
    ///
    /// # Errors
    /// If there is not, it is as it was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        let Self { value, all, share } = this;
        match RefMut::filter_map(value, f) {
            Ok(value) => Ok(RwLockMappedWriteGuard { value, share }),
            Err(value) => Err(Self { value, all, share }),
        }
    }

    /// The same, as one that was [mapped](Self::map).
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        Self::map(this, |value| value)
    }

    /// Goes on as a reader. No other writer comes in between; readers that wait and have no writer
    /// before them come in.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        Self::downgrade_map(self, |value| value)
    }

    /// Goes on as a reader, with a part of the value. As [`downgrade`](Self::downgrade) in all
    /// else.
    pub fn downgrade_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> &U,
    ) -> RwLockReadGuard<'a, U> {
        let Self { value, all, share } = this;
        drop(value);
        let value = Ref::map(all.borrow(), f);
        share.downgrade();
        RwLockReadGuard { value, share }
    }

    /// As [`downgrade_map`](Self::downgrade_map), if there is such a part.
    ///
    /// # Errors
    /// If there is not, it still writes.
    pub fn try_downgrade_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        let Self { value, all, share } = this;
        drop(value);
        match Ref::filter_map(all.borrow(), f) {
            Ok(value) => {
                share.downgrade();
                Ok(RwLockReadGuard { value, share })
            }
            Err(value) => {
                drop(value);
                Err(Self { value: all.borrow_mut(), all, share })
            }
        }
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// Goes on with a part of the part. It is still the whole that is locked.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U> {
        RwLockMappedWriteGuard { value: RefMut::map(this.value, f), share: this.share }
    }

    /// As [`map`](Self::map), if there is such a part.
    ///
    /// # Errors
    /// If there is not, it is as it was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        let share = this.share;
        match RefMut::filter_map(this.value, f) {
            Ok(value) => Ok(RwLockMappedWriteGuard { value, share }),
            Err(value) => Err(Self { value, share }),
        }
    }
}

macro_rules! guard {
    ($guard:ident) => {
        impl<T: ?Sized> Deref for $guard<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.value
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard!(RwLockReadGuard);
guard!(RwLockWriteGuard);
guard!(RwLockMappedWriteGuard);

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized> DerefMut for RwLockMappedWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// What somebody wants.
const READ: u32 = 1;
const WRITE: u32 = 2;

/// The lock, without what it protects: a share for each reader, or one for the writer.
struct Shares {
    most: u32,
    /// How many are held, or were handed to somebody who has not come for them yet.
    out: Cell<u32>,
    /// It is the writer's.
    writing: Cell<bool>,
    /// For reports: the task that has the first share, until that is back.
    known: Cell<Option<Holder>>,
    /// The loop of that task.
    of: Cell<LoopKey>,
    queue: Queue,
}

impl Shares {
    #[track_caller]
    const fn new(most: u32) -> Self {
        Self {
            most,
            out: Cell::new(0),
            writing: Cell::new(false),
            known: Cell::new(None),
            of: Cell::new(0),
            queue: Queue::exclusive(WaitReason::Write),
        }
    }

    fn taking(&self, wants: u32, site: Site) -> Taking<'_> {
        Taking { shares: self, wants, waiter: Waiter::new(site) }
    }

    fn fits(&self, wants: u32) -> bool {
        match wants {
            READ => !self.writing.get() && self.out.get() < self.most,
            _ => self.out.get() == 0,
        }
    }

    #[inline]
    fn try_take(&self, wants: u32, site: Site) -> Option<Share<'_>> {
        if !self.queue.is_empty() || !self.fits(wants) {
            return None;
        }
        Some(self.take(wants, site))
    }

    /// A share for one more reader, also in front of those that wait.
    fn try_join(&self, site: Site) -> Option<Share<'_>> {
        self.fits(READ).then(|| self.take(READ, site))
    }

    #[inline]
    fn take(&self, wants: u32, site: Site) -> Share<'_> {
        let rank = self.rank();
        self.note(wants, (current::holder(site), current::key()));
        Share { shares: self, rank }
    }

    /// What the next share is.
    #[inline]
    fn rank(&self) -> u32 {
        if self.out.get() == 0 { FIRST } else { FURTHER }
    }

    /// A share is out.
    #[inline]
    fn note(&self, wants: u32, (whose, of): Hold) {
        self.out.set(self.out.get() + 1);
        self.writing.set(wants == WRITE);
        if self.out.get() == 1 {
            self.known.set(whose);
            self.of.set(of);
        }
        self.queue.set_holder(self.holder());
    }

    /// Who holds it, if one does and is known.
    #[inline]
    fn holder(&self) -> Hold {
        let known = self.known.get().filter(|_| self.out.get() == 1);
        (known, self.of.get())
    }

    #[inline]
    fn put_back(&self, rank: u32) {
        self.out.set(self.out.get() - 1);
        self.writing.set(false);
        self.known.set(self.known.get().filter(|_| rank != FIRST));
        self.queue.set_holder(self.holder());
        self.serve();
    }

    /// Hands shares to those who are first, as long as that can be done.
    #[inline]
    fn serve(&self) {
        if !self.queue.is_empty() {
            self.serve_first();
        }
    }

    fn serve_first(&self) {
        let mut strangers = Strangers::default();
        while let Some(wants) = self.queue.first().filter(|wants| self.fits(*wants)) {
            self.queue.hand_next(self.rank(), &mut strangers);
            self.note(wants, self.queue.holder());
        }
        strangers.wake();
    }
}

/// What a share is: the first of those that are out was given when none was, so there is never more
/// than one such.
const FIRST: u32 = 1;
const FURTHER: u32 = 0;

/// Unlocks when it is dropped.
struct Share<'a> {
    shares: &'a Shares,
    rank: u32,
}

impl Share<'_> {
    /// From the writer's it becomes a reader's.
    fn downgrade(&self) {
        self.shares.writing.set(false);
        self.shares.serve();
    }
}

impl Drop for Share<'_> {
    #[inline]
    fn drop(&mut self) {
        self.shares.put_back(self.rank);
    }
}

/// Waits for a share.
struct Taking<'a> {
    shares: &'a Shares,
    wants: u32,
    waiter: Waiter,
}

impl<'a> Future for Taking<'a> {
    type Output = Share<'a>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Share<'a>> {
        let Self { shares, wants, ref mut waiter } = *self;
        let rank = waiter.poll(&Wanted { shares, wants }, cx);
        rank.map(|rank| Share { shares, rank })
    }
}

/// A share, to read or to write.
struct Wanted<'a> {
    shares: &'a Shares,
    wants: u32,
}

impl Asked for Wanted<'_> {
    #[inline]
    fn queue(&self) -> &Queue {
        &self.shares.queue
    }

    #[inline]
    fn wants(&self) -> u32 {
        self.wants
    }

    #[inline]
    fn reason(&self) -> WaitReason {
        if self.wants == READ { WaitReason::Read } else { WaitReason::Write }
    }

    #[inline]
    fn held(&self) -> Hold {
        self.shares.holder()
    }

    #[inline]
    fn take_free(&self, site: Site) -> Option<u32> {
        let share = self.shares.try_take(self.wants, site)?;
        Some(ManuallyDrop::new(share).rank)
    }
}

impl Drop for Taking<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.waiter.is_waiting() {
            self.give_up();
        }
    }
}

impl Taking<'_> {
    #[cold]
    fn give_up(&mut self) {
        match self.waiter.leave(&self.shares.queue) {
            Some(left) if left.handed => self.shares.put_back(left.amount),
            Some(_) => self.shares.serve(), // It may have held back others.
            None => {}
        }
    }
}
