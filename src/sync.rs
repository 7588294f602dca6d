//! Waiting for one another: locks, permits, channels.
//!
//! Tasks take turns on one thread, so nothing here is atomic, and nothing is `Send`: for other
//! threads `async-channel`, `futures-channel` and their like work as they are. Names and semantics
//! are tokio's. Under all of it is one queue, first come, first served: whoever waits is served in
//! the order of coming, a waiter that is dropped leaves at once, and what it was handed and had not
//! taken goes to the next. Who waits for what, where, and who holds it is known at any time: a
//! stall names it.
//!
//! | | for |
//! | --- | --- |
//! | [`Barrier`] | tasks that go on when all have come |
//! | [`Mutex`] | what must stay together from one `await` to the next |
//! | [`Notify`] | a word that something has happened |
//! | [`OnceCell`] | a value that is made once, by whoever needs it first |
//! | [`RwLock`] | what many may read at once, or one may change |
//! | [`Semaphore`] | so many at once |
//! | [`oneshot`] | one value, once |
//! | [`mpsc`] | messages from many to one, in order |
//! | [`broadcast`] | messages that everybody gets |
//! | [`watch`] | a value of which everybody sees the latest |

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

mod barrier;
mod lock;
mod mutex;
mod notify;
mod once_cell;
mod permits;
mod rwlock;
mod semaphore;
mod side;

pub use barrier::{Barrier, BarrierWaitResult};
pub use lock::TryLockError;
pub use mutex::{Mutex, MutexGuard, OwnedMutexGuard};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

/// Futures that have names.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}
