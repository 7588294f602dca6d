//! The receivers of channels (floor 4).

use std::fmt;
use std::panic::Location;
use std::task::{Context, Poll};

use super::chan::{Bounded, Rx, Unbounded};
use super::error::TryRecvError;

/// Receives the messages of a bounded [`channel`](super::channel).
///
/// Dropping it closes the channel, and drops what is left in it.
pub struct Receiver<T> {
    pub(super) rx: Rx<T, Bounded>,
}

/// Receives the messages of an [`unbounded_channel`](super::unbounded_channel).
///
/// Dropping it closes the channel, and drops what is left in it.
pub struct UnboundedReceiver<T> {
    pub(super) rx: Rx<T, Unbounded>,
}

impl<T> Receiver<T> {
    /// Room for how many messages is free. See [`Sender::capacity`](super::Sender::capacity).
    pub fn capacity(&self) -> usize {
        self.rx.room.permits.free()
    }

    /// Room for how many messages there is in all.
    pub fn max_capacity(&self) -> usize {
        self.rx.room.max
    }
}

macro_rules! receiver {
    ($receiver:ident) => {
        impl<T> $receiver<T> {
            /// Waits for the next message. `None` when none will come any more: all senders are
            /// gone, or the channel was [closed](Self::close), and what was under way has been
            /// received.
            ///
            /// # Cancel safety
            /// Nothing is lost if it is dropped before it is done.
            #[inline]
            #[track_caller]
            pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
                self.rx.recv(Location::caller())
            }

            /// Waits until there are messages, moves as many as are there to the end of `buffer`,
            /// at most `limit`, and returns how many those were. 0 when none will come any more,
            /// as for [`recv`](Self::recv), and at once if `limit` is 0.
            ///
            /// It spends one unit of the task's budget however many there are.
            ///
            /// # Cancel safety
            /// Nothing is lost, and `buffer` is as it was, if it is dropped before it is done.
            #[track_caller]
            pub fn recv_many<'a>(
                &'a mut self,
                buffer: &'a mut Vec<T>,
                limit: usize,
            ) -> impl Future<Output = usize> + use<'a, T> {
                self.rx.recv_many(Location::caller(), buffer, limit)
            }

            /// The next message, if one is there.
            ///
            /// # Errors
            /// When none is there now, and when none will come any more.
            #[track_caller]
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.rx.try_recv(Location::caller())
            }

            /// As [`recv`](Self::recv), polled. Whoever polled last is woken.
            #[track_caller]
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.rx.poll_recv(cx, Location::caller())
            }

            /// As [`recv_many`](Self::recv_many), polled. Whoever polled last is woken.
            #[track_caller]
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                self.rx.poll_recv_many(cx, Location::caller(), buffer, limit)
            }

            /// Makes sending fail from now on. What was sent before can still be received, and so
            /// can what permits that are out will send.
            pub fn close(&mut self) {
                self.rx.close();
            }

            /// Whether nothing new can be sent: the channel was [closed](Self::close), or all
            /// senders are gone. There may be messages left.
            pub fn is_closed(&self) -> bool {
                self.rx.is_closed()
            }

            /// Whether no message is there now.
            pub fn is_empty(&self) -> bool {
                self.rx.len() == 0
            }

            /// How many messages are there now.
            pub fn len(&self) -> usize {
                self.rx.len()
            }

            /// How many senders there are.
            pub fn sender_strong_count(&self) -> usize {
                self.rx.strong_count()
            }

            /// How many weak senders there are.
            pub fn sender_weak_count(&self) -> usize {
                self.rx.weak_count()
            }
        }

        impl<T> fmt::Debug for $receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($receiver))
                    .field("len", &self.len())
                    .field("closed", &self.is_closed())
                    .finish_non_exhaustive()
            }
        }
    };
}

receiver!(Receiver);
receiver!(UnboundedReceiver);
