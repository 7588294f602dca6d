//! Channels with room for so many messages (floor 4).

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::super::permits::{Permits, Refusal};
use super::super::semaphore::Semaphore;
use super::chan::{self, Bounded, Room, Tx};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::permit::{OwnedPermit, Permit, PermitIterator};
use super::receiver::Receiver;
use super::reserve::{Reserve, Sending, SendingFor};
use super::weak::WeakSender;
use crate::wait::reason::WaitReason;

/// A channel with room for `capacity` messages.
///
/// Nothing is set aside for them before they are sent.
///
/// # Panics
/// If `capacity` is 0, or more than [`Semaphore::MAX_PERMITS`].
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(1);
/// sender.send("one").await.unwrap();
/// assert!(sender.try_send("two").is_err()); // There is no room.
/// assert_eq!(receiver.recv().await, Some("one"));
/// # });
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a bounded channel needs room for at least one message");
    assert!(capacity <= Semaphore::MAX_PERMITS, "a channel cannot have room for so many messages");
    let permits = Permits::new(capacity, WaitReason::Send);
    let (tx, rx) = chan::new(Bounded { permits, max: capacity });
    (Sender { tx }, Receiver { rx })
}

/// Sends messages to a bounded [`channel`]. Its clones send to the same one.
///
/// Who waits for room gets it in the order of coming: nobody goes past.
pub struct Sender<T> {
    pub(super) tx: Tx<T, Bounded>,
}

impl<T> Sender<T> {
    /// Waits for room, and sends the message.
    ///
    /// `Ok` means that the receiver can get it, not that it will.
    ///
    /// # Errors
    /// Gives the message back if the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    /// Dropped before it is done, the message was not sent and is dropped, and its place in the
    /// queue is lost. [`reserve`](Self::reserve) keeps the message out of that.
    #[inline]
    #[track_caller]
    pub fn send(&self, message: T) -> impl Future<Output = Result<(), SendError<T>>> {
        Sending { reserve: Reserve::new(&self.tx, 1, Location::caller()), message: Some(message) }
    }

    /// Sends the message if there is room and nobody waits for it.
    ///
    /// # Errors
    /// Gives the message back if there is no room, and if the receiver is gone or has closed the
    /// channel.
    #[inline]
    #[track_caller]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.tx.room.permits.try_take(1) {
            Ok(()) => {
                self.tx.push(message, Location::caller());
                Ok(())
            }
            Err(Refusal::Closed) => Err(TrySendError::Closed(message)),
            Err(Refusal::NotEnough) => Err(TrySendError::Full(message)),
        }
    }

    /// As [`send`](Self::send), for at most so long.
    ///
    /// # Errors
    /// Gives the message back if there was no room in time, and if the receiver is gone or has
    /// closed the channel.
    ///
    /// # Panics
    /// When it has to wait outside of a runtime.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    #[track_caller]
    pub fn send_timeout(
        &self,
        message: T,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), SendTimeoutError<T>>> {
        SendingFor {
            chan: &self.tx,
            site: Location::caller(),
            time: timeout,
            reserve: None,
            message: Some(message),
        }
    }

    /// Waits for room for one message, and keeps it for the [`Permit`].
    ///
    /// # Errors
    /// When the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    /// Dropped before it is done it has no room, and its place in the queue is lost.
    ///
    /// ```
    /// # turno::block_on(async {
    /// use turno::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send(1).is_err()); // The room is taken.
    /// permit.send(2);
    /// assert_eq!(receiver.recv().await, Some(2));
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> impl Future<Output = Result<Permit<'_, T>, SendError<()>>> {
        let reserve = Reserve::new(&self.tx, 1, Location::caller());
        async move {
            reserve.await?;
            Ok(Permit::new(&self.tx))
        }
    }

    /// Waits for room for `n` messages at once. As [`reserve`](Self::reserve) in all else.
    ///
    /// # Errors
    /// When the receiver is gone or has closed the channel, and when `n` is more than the channel
    /// has room for in all, or than a `u32` can be.
    #[track_caller]
    pub fn reserve_many(
        &self,
        n: usize,
    ) -> impl Future<Output = Result<PermitIterator<'_, T>, SendError<()>>> {
        let reserve = Reserve::new(&self.tx, n, Location::caller());
        async move {
            reserve.await?;
            Ok(PermitIterator::new(&self.tx, n))
        }
    }

    /// As [`reserve`](Self::reserve), with a permit that keeps the sender. Clone it first if it is
    /// needed for more.
    ///
    /// # Errors
    /// When the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    /// As [`reserve`](Self::reserve); and the sender is dropped.
    #[track_caller]
    pub fn reserve_owned(self) -> impl Future<Output = Result<OwnedPermit<T>, SendError<()>>> {
        let site = Location::caller();
        async move {
            Reserve::new(&self.tx, 1, site).await?;
            Ok(OwnedPermit::new(self.tx))
        }
    }

    /// Takes room for one message if there is some and nobody waits for it.
    ///
    /// # Errors
    /// When there is none, and when the receiver is gone or has closed the channel.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_take(1)?;
        Ok(Permit::new(&self.tx))
    }

    /// Takes room for `n` messages if there is so much and nobody waits for it.
    ///
    /// # Errors
    /// As [`try_reserve`](Self::try_reserve).
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.try_take(n)?;
        Ok(PermitIterator::new(&self.tx, n))
    }

    /// As [`try_reserve`](Self::try_reserve), with a permit that keeps the sender.
    ///
    /// # Errors
    /// As [`try_reserve`](Self::try_reserve), with the sender.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_take(1) {
            Ok(()) => Ok(OwnedPermit::new(self.tx)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
        }
    }

    fn try_take(&self, n: usize) -> Result<(), TrySendError<()>> {
        let room = &self.tx.room;
        let Some(n) = u32::try_from(n).ok().filter(|n| *n as usize <= room.max) else {
            return Err(TrySendError::Full(()));
        };
        room.permits.try_take(n).map_err(|refusal| match refusal {
            Refusal::Closed => TrySendError::Closed(()),
            Refusal::NotEnough => TrySendError::Full(()),
        })
    }

    /// Waits until the receiver is gone or closes the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped before it is done.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        self.tx.closed(Location::caller())
    }

    /// Whether the receiver is gone or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.tx.room.is_closed()
    }

    /// Whether both send to one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.is_same(&other.tx)
    }

    /// Room for how many messages is free: what is under way, permits that are out, and what is put
    /// aside for one who waits for many, is not.
    pub fn capacity(&self) -> usize {
        self.tx.room.permits.free()
    }

    /// Room for how many messages there is in all, as the channel was made.
    pub fn max_capacity(&self) -> usize {
        self.tx.room.max
    }

    /// A sender to the same channel that does not keep it open.
    #[must_use = "it makes another sender, and leaves this one"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are. An [`OwnedPermit`] keeps one.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .field("max_capacity", &self.max_capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
