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
//! | [`Mutex`] | what must stay together from one `await` to the next |
//! | [`Notify`] | a word that something has happened |
//! | [`Semaphore`] | so many at once |
//! | [`oneshot`] | one value, once |
//! | [`mpsc`] | messages from many to one, in order |
//! | [`broadcast`] | messages that everybody gets |
//! | [`watch`] | a value of which everybody sees the latest |

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

mod mutex;
mod notify;
mod permits;
mod semaphore;
mod side;

pub use mutex::{Mutex, MutexGuard, OwnedMutexGuard, TryLockError};
pub use notify::Notify;
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

/// Futures that have names.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}
