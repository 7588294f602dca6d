//! Channels from many senders to one receiver (floor 4).
//!
//! | | room | sending |
//! | --- | --- | --- |
//! | [`channel`] | for so many messages | waits for room, in the order of coming |
//! | [`unbounded_channel`] | as much as there is memory | never waits |
//!
//! Messages are received in the order in which they were sent. When all senders are gone the
//! receiver gets what is left and then `None`; when the receiver is gone, or has
//! [closed](Receiver::close) the channel, sending fails and gives the message back. What was sent
//! before that, and what [permits](Permit) that are out will send, can still be received.
//!
//! A bounded channel is what holds back a producer that is faster than its consumer. All of it is
//! bound to its thread and needs no runtime, except for [`Sender::send_timeout`]. Sending and
//! receiving cost no atomic operation, and no allocation once the channel has held as many messages
//! as it ever will.
//!
//! ```
//! # turno::block_on(async {
//! use turno::sync::mpsc;
//!
//! let (sender, mut receiver) = mpsc::channel(2);
//! turno::spawn(async move {
//!     for n in 0..5 {
//!         sender.send(n).await.unwrap(); // Waits while two are under way.
//!     }
//! });
//! let mut sum = 0;
//! while let Some(n) = receiver.recv().await {
//!     sum += n;
//! }
//! assert_eq!(sum, 10);
//! # });
//! ```

mod bounded;
mod chan;
mod permit;
mod receiver;
mod reserve;
mod unbounded;
mod weak;

pub mod error;

pub use bounded::{Sender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use receiver::{Receiver, UnboundedReceiver};
pub use unbounded::{UnboundedSender, unbounded_channel};
pub use weak::{WeakSender, WeakUnboundedSender};
