//! Senders that do not keep a channel open (floor 4).

use std::fmt;

use super::bounded::Sender;
use super::chan::{Bounded, Unbounded, WeakTx};
use super::unbounded::UnboundedSender;

/// A [`Sender`] that does not count: the receiver gets `None` when all others are gone.
pub struct WeakSender<T> {
    pub(super) tx: WeakTx<T, Bounded>,
}

/// An [`UnboundedSender`] that does not count: the receiver gets `None` when all others are gone.
pub struct WeakUnboundedSender<T> {
    pub(super) tx: WeakTx<T, Unbounded>,
}

macro_rules! weak_sender {
    ($weak:ident, $sender:ident) => {
        impl<T> $weak<T> {
            /// A sender, or `None` if there is no other left: the channel does not come back to
            /// life.
            pub fn upgrade(&self) -> Option<$sender<T>> {
                self.tx.upgrade().map(|tx| $sender { tx })
            }

            /// How many senders there are that count.
            pub fn strong_count(&self) -> usize {
                self.tx.strong_count()
            }

            /// How many there are that do not.
            pub fn weak_count(&self) -> usize {
                self.tx.weak_count()
            }
        }

        impl<T> Clone for $weak<T> {
            fn clone(&self) -> Self {
                Self { tx: self.tx.clone() }
            }
        }

        impl<T> fmt::Debug for $weak<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($weak))
                    .field("senders", &self.strong_count())
                    .finish_non_exhaustive()
            }
        }
    };
}

weak_sender!(WeakSender, Sender);
weak_sender!(WeakUnboundedSender, UnboundedSender);
