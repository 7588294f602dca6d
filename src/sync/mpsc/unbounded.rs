//! Channels with room for all that is sent (floor 4).

use std::fmt;
use std::panic::Location;

use super::chan::{self, Room, Tx, Unbounded};
use super::error::SendError;
use super::receiver::UnboundedReceiver;
use super::weak::WeakUnboundedSender;

/// A channel in which sending never waits.
///
/// Nothing holds back a sender that is faster than the receiver, until memory is used up: use a
/// bounded [`channel`](super::channel) unless something else does.
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// sender.send("one").unwrap();
/// sender.send("two").unwrap();
/// drop(sender);
/// let mut all = Vec::new();
/// while receiver.recv_many(&mut all, 10).await > 0 {}
/// assert_eq!(all, ["one", "two"]);
/// # });
/// ```
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = chan::new(Unbounded::default());
    (UnboundedSender { tx }, UnboundedReceiver { rx })
}

/// Sends messages to an [`unbounded_channel`]. Its clones send to the same one.
pub struct UnboundedSender<T> {
    pub(super) tx: Tx<T, Unbounded>,
}

impl<T> UnboundedSender<T> {
    /// Sends a message. It never waits, so it can be used in code that is not async.
    ///
    /// `Ok` means that the receiver can get it, not that it will.
    ///
    /// # Errors
    /// Gives the message back if the receiver is gone or has closed the channel.
    #[inline]
    #[track_caller]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        if self.tx.room.is_closed() {
            return Err(SendError(message));
        }
        self.tx.push(message, Location::caller());
        Ok(())
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

    /// A sender to the same channel that does not keep it open.
    #[must_use = "it makes another sender, and leaves this one"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender")
            .field("len", &self.tx.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
