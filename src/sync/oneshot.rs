//! A channel for one value (floor 4).
//!
//! Sending never waits: there is room for the one value. A value that was sent before the receiver
//! closed the channel can still be received; it is dropped with the receiver.
//!
//! ```
//! # turno::block_on(async {
//! use turno::sync::oneshot;
//!
//! let (sender, receiver) = oneshot::channel();
//! turno::spawn(async move { sender.send(6 * 7) });
//! assert_eq!(receiver.await, Ok(42));
//! # });
//! ```

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::task::current;
use crate::wait::Site;
use crate::wait::reason::WaitReason;
use crate::wait::seat::Seat;

use self::error::{RecvError, TryRecvError};

/// Errors of this module.
pub mod error {
    use std::fmt;

    /// The sender was dropped without a value, or the receiver had closed the channel.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the channel is closed")
        }
    }

    impl std::error::Error for RecvError {}

    /// Why there is no value now.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum TryRecvError {
        /// It has not been sent yet.
        Empty,
        /// There will be none: the sender was dropped, the channel was closed, or the value has
        /// been received.
        Closed,
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                Self::Empty => "the channel is empty",
                Self::Closed => "the channel is closed",
            })
        }
    }

    impl std::error::Error for TryRecvError {}
}

/// What both sides share.
struct Chan<T> {
    value: Cell<Option<T>>,
    /// The sender has sent, or is gone.
    complete: Cell<bool>,
    /// The receiver wants nothing any more.
    closed: Cell<bool>,
    receiver: Seat,
    sender: Seat,
}

/// A channel for one value.
///
/// It is bound to its thread and needs no runtime. It costs one allocation, and no atomic
/// operation.
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let chan = Rc::new(Chan {
        value: Cell::new(None),
        complete: Cell::new(false),
        closed: Cell::new(false),
        receiver: Seat::new(WaitReason::Oneshot),
        sender: Seat::new(WaitReason::Closed),
    });
    (Sender { chan: chan.clone() }, Receiver { chan: Some(chan) })
}

impl<T> Chan<T> {
    /// Nothing more will be sent.
    fn complete(&self) {
        if !self.complete.replace(true) {
            self.receiver.call();
        }
    }

    fn close(&self) {
        if !self.closed.replace(true) && !self.complete.get() {
            self.sender.call();
        }
    }

    /// What is received now, if that is settled.
    fn settled(&self) -> Option<Result<T, RecvError>> {
        let settled = self.complete.get() || self.closed.get();
        settled.then(|| self.value.take().ok_or(RecvError(())))
    }

    fn has_value(&self) -> bool {
        let value = self.value.take();
        let has = value.is_some();
        self.value.set(value);
        has
    }
}

/// Sends the value of a [`channel`]. Dropped without it, it leaves the receiver an error.
pub struct Sender<T> {
    chan: Rc<Chan<T>>,
}

impl<T> Sender<T> {
    /// Sends the value. It never waits, so it can be used in code that is not async.
    ///
    /// `Ok` means that the receiver can get it, not that it will.
    ///
    /// # Errors
    /// Gives the value back if the receiver was dropped or has closed the channel.
    pub fn send(self, value: T) -> Result<(), T> {
        if self.chan.closed.get() {
            return Err(value);
        }
        self.chan.value.set(Some(value));
        self.chan.complete();
        Ok(())
    }

    /// Waits until the receiver is dropped or closes the channel: the value is not wanted any more.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped before it is done.
    ///
    /// ```
    /// # turno::block_on(async {
    /// use turno::sync::oneshot;
    ///
    /// let (mut sender, receiver) = oneshot::channel::<u32>();
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&mut self) -> impl Future<Output = ()> {
        Closed { chan: &self.chan, site: Location::caller(), polled: false }
    }

    /// Whether the receiver was dropped or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.chan.closed.get()
    }

    /// As [`closed`](Self::closed), polled. Whoever polled last is woken.
    #[track_caller]
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_closed(&self.chan, cx, Location::caller())
    }
}

fn poll_closed<T>(chan: &Chan<T>, cx: &mut Context<'_>, site: Site) -> Poll<()> {
    ready!(current::poll_spend(cx));
    let closed = || chan.closed.get();
    if closed() || (chan.sender.wait(cx, site) && closed()) {
        chan.sender.leave();
        return Poll::Ready(());
    }
    current::unspend();
    Poll::Pending
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.complete();
        self.chan.sender.leave();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish()
    }
}

/// Waits for the end of the receiver.
struct Closed<'a, T> {
    chan: &'a Chan<T>,
    site: Site,
    polled: bool,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polled = true;
        poll_closed(self.chan, cx, self.site)
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        if self.polled {
            self.chan.sender.leave();
        }
    }
}

/// Receives the value of a [`channel`]: it is the future of it.
///
/// The result is an error if the sender was dropped without a value.
///
/// # Cancel safety
/// Awaiting `&mut receiver` loses nothing if it is dropped half-way.
///
/// # Panics
/// When it is polled again after it gave its result.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Receiver<T> {
    /// `None` when the result has been handed out.
    chan: Option<Rc<Chan<T>>>,
}

impl<T> Receiver<T> {
    /// Makes the sender's [`send`](Sender::send) fail from now on. A value that was sent before can
    /// still be received.
    pub fn close(&mut self) {
        if let Some(chan) = &self.chan {
            chan.close();
        }
    }

    /// The value, if it is there.
    ///
    /// # Errors
    /// When it has not been sent yet, and when it will not be.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(chan) = &self.chan else { return Err(TryRecvError::Closed) };
        let Some(result) = chan.settled() else { return Err(TryRecvError::Empty) };
        self.terminate();
        result.map_err(|_| TryRecvError::Closed)
    }

    /// Whether there is no value to receive now. It may come yet.
    pub fn is_empty(&self) -> bool {
        self.chan.as_ref().is_none_or(|chan| !chan.has_value())
    }

    /// Whether the result has been handed out, by an `await` or by [`try_recv`](Self::try_recv):
    /// it must not be polled then.
    pub fn is_terminated(&self) -> bool {
        self.chan.is_none()
    }

    fn terminate(&mut self) {
        if let Some(chan) = self.chan.take() {
            chan.receiver.leave();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(chan) = &self.chan else {
            panic!("a oneshot `Receiver` was polled after its result");
        };
        ready!(current::poll_spend(cx));
        let site = Location::caller();
        let mut result = chan.settled();
        if result.is_none() && chan.receiver.wait(cx, site) {
            result = chan.settled();
        }
        let Some(result) = result else {
            current::unspend();
            return Poll::Pending;
        };
        self.terminate();
        Poll::Ready(result)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(chan) = &self.chan {
            // Dropped when the sender has been told, whatever user code does on the way.
            let _whom = chan.receiver.take();
            let _value = chan.value.take();
            chan.close();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("terminated", &self.is_terminated())
            .field("empty", &self.is_empty())
            .finish()
    }
}
