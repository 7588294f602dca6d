//! Room in a bounded channel that somebody has (floor 4).

use std::fmt;
use std::iter::FusedIterator;
use std::mem;
use std::panic::Location;

use super::bounded::Sender;
use super::chan::{Bounded, Chan, Room, Tx};

/// Room for one message in a bounded channel, from [`Sender::reserve`].
///
/// The message can be sent whatever happens meanwhile. Dropping it gives the room back.
#[must_use = "dropping it gives the room back"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T, Bounded>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(chan: &'a Chan<T, Bounded>) -> Self {
        Self { chan }
    }

    /// Sends the message. It never waits, and works also when the receiver has closed the channel
    /// meanwhile. If the receiver is gone, the message is dropped with the last sender.
    #[inline]
    #[track_caller]
    pub fn send(self, message: T) {
        let chan = self.chan;
        mem::forget(self);
        chan.push(message, Location::caller());
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back(1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("closed", &self.chan.room.is_closed()).finish()
    }
}

/// Room for several messages in a bounded channel, from [`Sender::reserve_many`].
///
/// Each item is a [`Permit`] for one. Dropping it gives back what is left.
#[must_use = "dropping it gives the room back"]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T, Bounded>,
    n: usize,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(chan: &'a Chan<T, Bounded>, n: usize) -> Self {
        Self { chan, n }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.n = self.n.checked_sub(1)?;
        Some(Permit { chan: self.chan })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.n, Some(self.n))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.n > 0 {
            self.chan.give_back(self.n);
        }
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("permits", &self.n).finish_non_exhaustive()
    }
}

/// Room for one message in a bounded channel, with the sender, from [`Sender::reserve_owned`].
///
/// Dropping it gives the room back, and drops the sender.
#[must_use = "dropping it gives the room back"]
pub struct OwnedPermit<T> {
    /// `None` when the sender has been handed out.
    tx: Option<Tx<T, Bounded>>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(tx: Tx<T, Bounded>) -> Self {
        Self { tx: Some(tx) }
    }

    /// Sends the message, as [`Permit::send`] does, and gives the sender back.
    #[track_caller]
    pub fn send(mut self, message: T) -> Sender<T> {
        let tx = self.take();
        tx.push(message, Location::caller());
        Sender { tx }
    }

    /// Gives the room back, and the sender to the caller.
    pub fn release(mut self) -> Sender<T> {
        let tx = self.take();
        tx.give_back(1);
        Sender { tx }
    }

    /// Whether both are of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        matches!((&self.tx, &other.tx), (Some(a), Some(b)) if a.is_same(b))
    }

    /// Whether it and `sender` are of one channel.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.tx.as_ref().is_some_and(|tx| tx.is_same(&sender.tx))
    }

    fn take(&mut self) -> Tx<T, Bounded> {
        match self.tx.take() {
            Some(tx) => tx,
            None => unreachable!("only who consumes a permit takes its sender"),
        }
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(tx) = &self.tx {
            tx.give_back(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = self.tx.as_ref().map(|tx| tx.room.is_closed());
        f.debug_struct("OwnedPermit").field("closed", &closed).finish()
    }
}
