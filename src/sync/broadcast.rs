//! Everybody gets every message (floor 4).
//!
//! A [`Sender`] tells all [`Receiver`]s that there are at that moment; each gets a clone of each
//! message, in the order of sending. A message is kept until everybody who is to get it has, and
//! dropped then.
//!
//! # Lagging
//! Nobody waits for the slow. The channel keeps so many messages as it was made for, rounded up to
//! a power of two; one more, and the oldest is dropped. A receiver that misses messages by that is
//! told once how many, as `Lagged(n)`, and goes on with the oldest that is kept.
//!
//! # Clones
//! `T::clone` and the drops of messages are the program's own code: they may send, receive,
//! subscribe and drop handles of the same channel. If a clone panics, its receiver has lost that
//! message and goes on with the next.
//!
//! ```
//! # turno::block_on(async {
//! use turno::sync::broadcast::{self, error::RecvError};
//!
//! let (radio, mut one) = broadcast::channel(2);
//! let mut two = radio.subscribe();
//! radio.send("news").unwrap();
//! assert_eq!((one.recv().await, two.recv().await), (Ok("news"), Ok("news")));
//!
//! for song in ["first", "second", "third"] {
//!     assert_eq!(radio.send(song).unwrap(), 2);
//! }
//! assert_eq!(one.recv().await, Err(RecvError::Lagged(1)));
//! assert_eq!(one.recv().await, Ok("second"));
//! # });
//! ```

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::rc::Rc;

use super::side::Side;
use crate::wait::queue::Queue;
use crate::wait::reason::WaitReason;
use crate::wait::waiter::Listener;

use self::error::{RecvError, SendError, TryRecvError};

/// What can go wrong in a broadcast channel.
pub mod error {
    use std::fmt;

    /// Nobody receives. The message comes back.
    #[derive(Debug, PartialEq, Eq)]
    pub struct SendError<T>(pub T);

    /// Why no message was received.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum RecvError {
        /// All was received, and there is no sender any more.
        Closed,
        /// So many messages were missed. The next is the oldest that is kept.
        Lagged(u64),
    }

    /// Why there is no message now.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum TryRecvError {
        /// There is none yet.
        Empty,
        /// All was received, and there is no sender any more.
        Closed,
        /// So many messages were missed. The next is the oldest that is kept.
        Lagged(u64),
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("nobody receives what is broadcast")
        }
    }

    impl<T: fmt::Debug> std::error::Error for SendError<T> {}

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            TryRecvError::from(self.clone()).fmt(f)
        }
    }

    impl std::error::Error for RecvError {}

    impl From<RecvError> for TryRecvError {
        fn from(error: RecvError) -> Self {
            match error {
                RecvError::Closed => Self::Closed,
                RecvError::Lagged(missed) => Self::Lagged(missed),
            }
        }
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Empty => f.write_str("nothing is broadcast now"),
                Self::Closed => f.write_str("nobody broadcasts any more"),
                Self::Lagged(missed) => write!(f, "{missed} messages were missed"),
            }
        }
    }

    impl std::error::Error for TryRecvError {}
}

/// A message that is kept.
struct Kept<T> {
    /// Shared, so that nothing is borrowed while it is cloned.
    message: Rc<T>,
    /// How many have yet to receive it: never 0, and never less than for an older one, since each
    /// receiver has yet to receive all from some message on.
    left: usize,
}

/// The messages that are kept. Nothing here runs user code: what is to be dropped is returned.
struct Ring<T> {
    kept: VecDeque<Kept<T>>,
    /// How many messages were sent.
    sent: u64,
    most: usize,
}

impl<T> Ring<T> {
    /// Keeps a message for `left` receivers. Returns the one that had to make room.
    fn push(&mut self, message: Rc<T>, left: usize) -> Option<Kept<T>> {
        let full = self.kept.len() == self.most;
        let oldest = if full { self.kept.pop_front() } else { None };
        self.kept.push_back(Kept { message, left });
        self.sent += 1;
        oldest
    }

    /// Which message is at the front.
    fn first(&self) -> u64 {
        self.sent - self.kept.len() as u64
    }

    /// What a receiver gets that has got the first `next`; `Empty` if there is no more. If it was
    /// the last to get it, it is dropped with what is returned.
    #[inline]
    fn receive(&mut self, next: &mut u64) -> Result<Rc<T>, TryRecvError> {
        if *next == self.sent {
            return Err(TryRecvError::Empty);
        }
        // What this receiver has yet to get is kept, but for what had to make room.
        let missed = self.first().saturating_sub(*next);
        if missed > 0 {
            *next += missed;
            return Err(TryRecvError::Lagged(missed));
        }
        let at = (*next - self.first()) as usize;
        *next += 1;
        let kept = &mut self.kept[at];
        kept.left -= 1;
        if kept.left > 0 {
            return Ok(kept.message.clone());
        }
        match self.kept.pop_front() {
            Some(last) => Ok(last.message),
            None => unreachable!("a message that is kept was received"),
        }
    }

    /// A receiver that has got the first `next` gets no more. Returns what nobody else is to get.
    fn desert(&mut self, next: u64) -> Vec<Kept<T>> {
        let from = next.saturating_sub(self.first()) as usize;
        self.kept.iter_mut().skip(from).for_each(|kept| kept.left -= 1);
        let nobody = self.kept.partition_point(|kept| kept.left == 0);
        self.kept.drain(..nobody).collect()
    }
}

struct Shared<T> {
    ring: RefCell<Ring<T>>,
    senders: Cell<usize>,
    weak: Cell<usize>,
    receivers: Side,
    /// Those who wait for a message, or for the end.
    messages: Queue,
}

impl<T> Shared<T> {
    /// As [`Ring::receive`], and knows whether there will be more.
    #[inline]
    fn receive(&self, next: &mut u64) -> Result<Rc<T>, TryRecvError> {
        match self.ring.borrow_mut().receive(next) {
            Err(TryRecvError::Empty) if self.senders.get() == 0 => Err(TryRecvError::Closed),
            received => received,
        }
    }

    fn subscribe(self: &Rc<Self>) -> Receiver<T> {
        self.receivers.join();
        Receiver { next: self.ring.borrow().sent, shared: self.clone() }
    }
}

/// A channel that keeps `capacity` messages, rounded up to a power of two.
///
/// Room for them is made as it is needed. Nobody needs a runtime but to wait. See the
/// [module](self).
///
/// # Panics
/// If `capacity` is 0 or more than `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Sends to all receivers of a [`channel`]. When the last one is dropped, those who wait are told.
///
/// To send costs one allocation, for the message, and O(1) for each receiver that waits.
///
/// ```
/// use turno::sync::broadcast;
///
/// let (radio, one) = broadcast::channel(16);
/// let two = radio.subscribe();
/// assert_eq!(radio.send("to both").unwrap(), 2);
/// drop((one, two));
/// assert!(radio.send("to nobody").is_err());
/// ```
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A sender of a channel that nobody receives from yet. As [`channel`] in all else.
    ///
    /// # Panics
    /// As [`channel`].
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a broadcast channel must be able to keep a message: its capacity is 0"
        );
        assert!(
            capacity <= usize::MAX / 2,
            "a broadcast channel cannot keep {capacity} messages, but `usize::MAX / 2` at most"
        );
        let most = capacity.next_power_of_two();
        let shared = Shared {
            ring: RefCell::new(Ring { kept: VecDeque::new(), sent: 0, most }),
            senders: Cell::new(1),
            weak: Cell::new(0),
            receivers: Side::new(0),
            messages: Queue::new(WaitReason::Broadcast),
        };
        Self { shared: Rc::new(shared) }
    }

    /// Sends a message to all receivers, and returns how many those are. Some may be dropped, or
    /// lag behind, before they get it.
    ///
    /// If a message has to make room for it, that is dropped when all are told.
    ///
    /// # Errors
    /// When there is no receiver. The message comes back.
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        let receivers = self.receiver_count();
        if receivers == 0 {
            return Err(SendError(message));
        }
        let message = Rc::new(message);
        let _oldest = self.shared.ring.borrow_mut().push(message, receivers);
        self.shared.messages.hand_all(None);
        Ok(receivers)
    }

    /// One more receiver: it gets what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.subscribe()
    }

    /// A sender that does not keep the channel open.
    #[must_use = "it is another handle; this one stays as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(&self.shared)
    }

    /// Waits until there is no receiver. If one is made again before the waiting task has run, it
    /// waits on.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        self.shared.receivers.gone(Location::caller())
    }

    /// How many messages are kept: those that somebody has yet to get.
    pub fn len(&self) -> usize {
        self.shared.ring.borrow().kept.len()
    }

    /// Whether no message is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.count()
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.shared.weak.get()
    }

    /// Whether both are of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.senders.set(self.shared.senders.get() - 1);
        if self.shared.senders.get() == 0 {
            self.shared.messages.hand_all(None);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("receivers", &self.receiver_count())
            .finish_non_exhaustive()
    }
}

/// A sender that does not keep its channel open.
///
/// ```
/// use turno::sync::broadcast;
///
/// let (radio, _receiver) = broadcast::channel::<u8>(16);
/// let weak = radio.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(radio);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakSender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> WeakSender<T> {
    fn new(shared: &Rc<Shared<T>>) -> Self {
        shared.weak.set(shared.weak.get() + 1);
        Self { shared: shared.clone() }
    }

    /// A sender; `None` when the last one is gone.
    #[must_use = "it is another handle; this one stays as it is"]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let senders = self.shared.senders.get();
        if senders == 0 {
            return None;
        }
        self.shared.senders.set(senders + 1);
        Some(Sender { shared: self.shared.clone() })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.shared.weak.get()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self::new(&self.shared)
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.weak.set(self.shared.weak.get() - 1);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").field("senders", &self.strong_count()).finish_non_exhaustive()
    }
}

/// Gets a clone of all that is sent to a [`channel`] while it is there.
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::broadcast::{self, error::RecvError};
///
/// let (radio, mut receiver) = broadcast::channel(16);
/// let listener = turno::spawn(async move {
///     let mut heard = 0;
///     loop {
///         match receiver.recv().await {
///             Ok(number) => heard += number,
///             Err(RecvError::Lagged(missed)) => eprintln!("{missed} were missed"),
///             Err(RecvError::Closed) => break heard,
///         }
///     }
/// });
/// (1..=4).for_each(|number| drop(radio.send(number)));
/// drop(radio);
/// assert_eq!(listener.await.unwrap(), 10);
/// # });
/// ```
pub struct Receiver<T> {
    /// How many messages were sent up to the one that it gets next.
    next: u64,
    shared: Rc<Shared<T>>,
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next message, and returns a clone of it. Costs no allocation.
    ///
    /// # Errors
    /// `Lagged` when it has missed messages, once for all that it has missed by then; `Closed` when
    /// it has got all and there is no sender any more.
    ///
    /// # Cancel safety
    /// Dropped before it is done it has got nothing: the next one gets the message.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        let Self { next, shared } = self;
        let shared = &**shared;
        let mut listener = Listener::new(&shared.messages, Location::caller());
        poll_fn(move |cx| {
            let received = listener.poll(cx, || match shared.receive(next) {
                Ok(message) => Some(Ok(message)),
                Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
                Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
                Err(TryRecvError::Empty) => None,
            });
            received.map_ok(|message| T::clone(&message))
        })
    }

    /// A clone of the next message, if there is one.
    ///
    /// # Errors
    /// `Empty` when there is none yet; else as [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let message = self.shared.receive(&mut self.next)?;
        Ok(T::clone(&message))
    }

    /// One more receiver: it gets what is sent from now on.
    pub fn resubscribe(&self) -> Self {
        self.shared.subscribe()
    }
}

impl<T> Receiver<T> {
    /// How many messages it has yet to get, those that it has missed included. If that is more
    /// than the channel keeps, the next receive says `Lagged`.
    pub fn len(&self) -> usize {
        (self.shared.ring.borrow().sent - self.next).try_into().unwrap_or(usize::MAX)
    }

    /// Whether it has got all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no sender any more. There may still be messages.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.weak.get()
    }

    /// Whether both are of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let _for_nobody = self.shared.ring.borrow_mut().desert(self.next);
        self.shared.receivers.leave();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
