//! A lock that is awaited (floor 4).

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;

use super::lock::{Held, Lock, TryLockError};
use crate::wait::reason::WaitReason;

/// A lock that may be held across an `await`, first come, first served.
///
/// One task at a time runs anyway, so a lock is needed only for what must stay together from one
/// `await` to the next; a `Cell` or `RefCell` does for the rest. Whoever unlocks hands the lock to
/// the one who has waited longest: nobody goes past it. There is no poisoning. It is bound to its
/// thread and needs no runtime. Locking and unlocking when nobody waits allocates nothing and costs
/// no atomic operation.
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::Mutex;
///
/// let count = Mutex::new(0);
/// *count.lock().await += 1;
/// assert_eq!(count.into_inner(), 1);
/// # });
/// ```
pub struct Mutex<T> {
    lock: Lock,
    /// `None` while it is with an [`OwnedMutexGuard`].
    value: RefCell<Option<T>>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self { lock: Lock::new(WaitReason::Mutex), value: RefCell::new(Some(value)) }
    }

    /// An unlocked mutex against priority inversion: while a more urgent task waits for it, the
    /// task that holds it runs with that one's priority, so that those in between do not keep both
    /// waiting.
    ///
    /// That goes on if the holder waits for another such mutex itself. When it unlocks, its own
    /// priority counts again, or what it still inherits through another one. Whose priority counts
    /// is the task's that took the lock, also if the guard has gone elsewhere. Outside of a runtime
    /// it is a mutex as any other. While nobody waits it costs no more; who waits pays for each
    /// such mutex that somebody waits for just then.
    ///
    /// ```
    /// let mutex = turno::sync::Mutex::with_priority_inheritance(7);
    /// # turno::block_on(async {
    /// assert_eq!(*mutex.lock().await, 7);
    /// # });
    /// ```
    #[track_caller]
    pub fn with_priority_inheritance(value: T) -> Self {
        let lock = Lock::new(WaitReason::Mutex).with_heirs();
        Self { lock, value: RefCell::new(Some(value)) }
    }

    /// The same as [`new`](Self::new), which is `const` here.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        Self::new(value)
    }

    /// Waits for the lock.
    ///
    /// # Cancel safety
    /// Dropped before it is done, its place in the queue is lost; a lock that it was handed goes to
    /// the next.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let locking = self.lock.locking(Location::caller());
        async move {
            locking.await;
            self.guard()
        }
    }

    /// Locks it if that can be done without waiting.
    ///
    /// # Errors
    /// When it is locked.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.lock.try_lock(Location::caller()) {
            true => Ok(self.guard()),
            false => Err(TryLockError(())),
        }
    }

    /// As [`lock`](Self::lock), with a guard that keeps the mutex. The value moves into the guard,
    /// and back.
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> impl Future<Output = OwnedMutexGuard<T>> {
        let site = Location::caller();
        self.lock.set_owned();
        async move {
            self.lock.locking(site).await;
            OwnedMutexGuard::new(self)
        }
    }

    /// As [`try_lock`](Self::try_lock), with a guard that keeps the mutex.
    ///
    /// # Errors
    /// When it is locked.
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.lock.set_owned();
        match self.lock.try_lock(Location::caller()) {
            true => Ok(OwnedMutexGuard::new(self)),
            false => Err(TryLockError(())),
        }
    }

    /// The value, which nobody else can have now.
    pub fn get_mut(&mut self) -> &mut T {
        there(self.value.get_mut().as_mut())
    }

    /// The value, without its mutex.
    pub fn into_inner(self) -> T {
        there(self.value.into_inner())
    }

    fn guard(&self) -> MutexGuard<'_, T> {
        let value = RefMut::map(self.value.borrow_mut(), |value| there(value.as_mut()));
        MutexGuard { value, _held: self.lock.held() }
    }
}

/// What only an owned guard takes away, and puts back.
fn there<V>(value: Option<V>) -> V {
    match value {
        Some(value) => value,
        None => unreachable!("the value of a mutex is missing, and nobody holds its lock"),
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mutex = f.debug_struct("Mutex");
        // Locked meanwhile: the value's own `fmt` may do with the mutex what it likes.
        match self.try_lock() {
            Ok(value) => mutex.field("data", &&*value),
            Err(_) => mutex.field("data", &format_args!("<locked>")),
        };
        mutex.finish()
    }
}

/// The locked value of a [`Mutex`]. Dropping it unlocks.
#[must_use = "dropping it unlocks the mutex"]
pub struct MutexGuard<'a, T> {
    // In this order: the value is given back before somebody else is handed the lock.
    value: RefMut<'a, T>,
    _held: Held<'a>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The locked value of a [`Mutex`] that it keeps. Dropping it unlocks.
#[must_use = "dropping it unlocks the mutex"]
pub struct OwnedMutexGuard<T> {
    /// `None` only while it is dropped.
    value: Option<T>,
    mutex: Arc<Mutex<T>>,
}

impl<T> OwnedMutexGuard<T> {
    fn new(mutex: Arc<Mutex<T>>) -> Self {
        Self { value: mutex.value.take(), mutex }
    }

    /// The mutex that is locked.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<T> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        there(self.value.as_ref())
    }
}

impl<T> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        there(self.value.as_mut())
    }
}

impl<T> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.value.replace(self.value.take());
        self.mutex.lock.unlock();
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
