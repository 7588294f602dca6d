//! A semaphore: so many may, the others wait (floor 4).

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

use super::permits::{Permits, Refusal};
use crate::wait::reason::WaitReason;

/// Counted permits, first come, first served: the talk's remedy against too much at once.
///
/// A task that asks for many permits gets them one by one as they come back, and nobody goes past
/// it meanwhile. It is bound to its thread and needs no runtime.
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::Semaphore;
///
/// let two_at_once = Semaphore::new(2);
/// let _one = two_at_once.acquire().await?;
/// let _two = two_at_once.acquire().await?;
/// assert!(two_at_once.try_acquire().is_err());
/// # Ok::<(), turno::sync::AcquireError>(()) }).unwrap();
/// ```
pub struct Semaphore {
    permits: Permits,
    /// How many there are, free and taken: never more than `MAX_PERMITS`, so no sum of some of
    /// them overflows.
    all: Cell<usize>,
}

/// The semaphore was closed.
#[derive(Debug, PartialEq, Eq)]
pub struct AcquireError(pub(super) ());

/// Why there is no permit now.
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are too few, or others wait for them.
    NoPermits,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore is closed")
    }
}

impl std::error::Error for AcquireError {}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the semaphore is closed",
            Self::NoPermits => "the semaphore has no permit free",
        })
    }
}

impl std::error::Error for TryAcquireError {}

impl From<Refusal> for TryAcquireError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => Self::Closed,
            Refusal::NotEnough => Self::NoPermits,
        }
    }
}

impl Semaphore {
    /// The most permits that one can have.
    pub const MAX_PERMITS: usize = usize::MAX >> 3;

    /// A semaphore with so many permits.
    ///
    /// # Panics
    /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        assert!(permits <= Self::MAX_PERMITS, "a semaphore cannot have so many permits");
        Self { permits: Permits::new(permits, WaitReason::Semaphore), all: Cell::new(permits) }
    }

    /// The same as [`new`](Self::new), which is `const` here.
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        Self::new(permits)
    }

    /// How many permits are free. While somebody waits for many, those put aside for it are not.
    pub fn available_permits(&self) -> usize {
        self.permits.free()
    }

    /// Adds permits.
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS), free and taken.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        let all = self.all.get();
        assert!(
            n <= Self::MAX_PERMITS - all,
            "a semaphore with {all} permits cannot have {n} more"
        );
        self.all.set(all + n);
        self.permits.put(n);
    }

    /// So many that were taken never come back.
    fn lose(&self, n: usize) {
        self.all.set(self.all.get() - n);
    }

    /// Takes up to `n` free permits away for good; returns how many those were.
    pub fn forget_permits(&self, n: usize) -> usize {
        let gone = self.permits.forget(n);
        self.lose(gone);
        gone
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// When the semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropped before it is done it has no permit, and its place in the queue is lost.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits. As [`acquire`](Self::acquire) in all else.
    ///
    /// # Errors
    /// When the semaphore is closed.
    #[track_caller]
    pub fn acquire_many(
        &self,
        n: u32,
    ) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        let acquire = self.permits.acquire(n, Location::caller());
        async move {
            acquire.await.map_err(|_| AcquireError(()))?;
            Ok(SemaphorePermit { semaphore: self, n: n as usize })
        }
    }

    /// Takes a permit if there is one and nobody waits.
    ///
    /// # Errors
    /// When there is none, and when the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and nobody waits.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.permits.try_take(n)?;
        Ok(SemaphorePermit { semaphore: self, n: n as usize })
    }

    /// As [`acquire`](Self::acquire), with a permit that keeps the semaphore.
    ///
    /// # Errors
    /// When the semaphore is closed.
    #[track_caller]
    pub fn acquire_owned(
        self: Arc<Self>,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that keeps the semaphore.
    ///
    /// # Errors
    /// When the semaphore is closed.
    #[track_caller]
    pub fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        let site = Location::caller();
        async move {
            self.permits.acquire(n, site).await.map_err(|_| AcquireError(()))?;
            Ok(OwnedSemaphorePermit { semaphore: self, n: n as usize })
        }
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that keeps the semaphore.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with a permit that keeps the semaphore.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.permits.try_take(n)?;
        Ok(OwnedSemaphorePermit { semaphore: self, n: n as usize })
    }

    /// Closes it: who waits gets an error, and so does who comes later. Permits that are out stay
    /// valid.
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// Permits of a [`Semaphore`]. Dropping it gives them back.
#[derive(Debug)]
#[must_use = "dropping it gives the permits back"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    n: usize,
}

/// Permits of a [`Semaphore`] that they keep. Dropping it gives them back.
#[derive(Debug)]
#[must_use = "dropping it gives the permits back"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    n: usize,
}

impl SemaphorePermit<'_> {
    /// Whether both are of one semaphore.
    fn is_akin(&self, other: &Self) -> bool {
        std::ptr::eq(self.semaphore, other.semaphore)
    }

    fn like(&self, n: usize) -> Self {
        Self { semaphore: self.semaphore, n }
    }
}

impl OwnedSemaphorePermit {
    /// The semaphore that they are of.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    fn is_akin(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.semaphore, &other.semaphore)
    }

    fn like(&self, n: usize) -> Self {
        Self { semaphore: self.semaphore.clone(), n }
    }
}

macro_rules! permit_methods {
    ($permit:ty) => {
        impl $permit {
            /// Does not give the permits back, ever.
            pub fn forget(mut self) {
                self.semaphore.lose(mem::take(&mut self.n));
            }

            /// Takes another one's permits to its own.
            ///
            /// # Panics
            /// If they are of another semaphore.
            #[track_caller]
            pub fn merge(&mut self, mut other: Self) {
                assert!(self.is_akin(&other), "permits of two semaphores cannot be merged");
                self.n += mem::take(&mut other.n);
            }

            /// Splits `n` permits off; `None` if it has fewer.
            pub fn split(&mut self, n: usize) -> Option<Self> {
                self.n = self.n.checked_sub(n)?;
                Some(self.like(n))
            }

            /// How many permits it stands for.
            pub fn num_permits(&self) -> usize {
                self.n
            }
        }

        impl Drop for $permit {
            fn drop(&mut self) {
                self.semaphore.permits.put(self.n);
            }
        }
    };
}

permit_methods!(SemaphorePermit<'_>);
permit_methods!(OwnedSemaphorePermit);
