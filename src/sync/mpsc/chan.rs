//! What bounded and unbounded channels have in common (floor 4).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::super::permits::Permits;
use super::error::TryRecvError;
use crate::task::current;
use crate::wait::Site;
use crate::wait::ends::Ends;
use crate::wait::queue::{Queue, Strangers};
use crate::wait::reason::WaitReason;
use crate::wait::seat::Seat;
use crate::wait::waiter::Listener;

/// How much may be under way.
pub(super) trait Room {
    /// Room for `n` more, which may wake senders.
    fn put(&self, n: usize);
    /// There is no room any more. Strangers that wait for it are for the caller to wake.
    fn close(&self, strangers: &mut Strangers);
    fn is_closed(&self) -> bool;
    /// While no message is under way: whether nobody has room for one either.
    fn is_idle(&self) -> bool;
    /// They who wait for it wait at an end of this channel.
    fn set_ends(&self, ends: Rc<Ends>);
}

pub(super) struct Bounded {
    pub(super) permits: Permits,
    pub(super) max: usize,
}

impl Room for Bounded {
    #[inline]
    fn put(&self, n: usize) {
        self.permits.put(n);
    }

    fn close(&self, strangers: &mut Strangers) {
        self.permits.close_for(strangers);
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    fn is_idle(&self) -> bool {
        self.permits.free() == self.max
    }

    fn set_ends(&self, ends: Rc<Ends>) {
        self.permits.set_ends(ends);
    }
}

/// There is always room.
#[derive(Default)]
pub(super) struct Unbounded {
    closed: Cell<bool>,
}

impl Room for Unbounded {
    #[inline]
    fn put(&self, _n: usize) {}

    fn close(&self, _strangers: &mut Strangers) {
        self.closed.set(true);
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.closed.get()
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn set_ends(&self, _ends: Rc<Ends>) {}
}

/// What all sides share.
pub(super) struct Chan<T, R> {
    /// Lent for moving messages in and out only: no user code runs meanwhile.
    messages: RefCell<VecDeque<T>>,
    pub(super) room: R,
    weak_senders: Cell<usize>,
    /// How many senders there are; and for reports, who used each end last.
    ends: Rc<Ends>,
    receiver: Seat,
    /// Those who wait for the end of the receiver.
    closing: Queue,
}

#[track_caller]
pub(super) fn new<T, R: Room>(room: R) -> (Tx<T, R>, Rx<T, R>) {
    let ends = Rc::new(Ends::default());
    ends.senders.set(1);
    room.set_ends(ends.clone());
    let receiver = Seat::new(WaitReason::Receive);
    receiver.set_ends(ends.clone());
    let chan = Rc::new(Chan {
        messages: RefCell::new(VecDeque::new()),
        room,
        weak_senders: Cell::new(0),
        ends,
        receiver,
        closing: Queue::new(WaitReason::Closed),
    });
    (Tx(chan.clone()), Rx(chan))
}

impl<T, R> Chan<T, R> {
    pub(super) fn len(&self) -> usize {
        self.messages.borrow().len()
    }

    pub(super) fn strong_count(&self) -> usize {
        self.ends.senders.get()
    }

    pub(super) fn weak_count(&self) -> usize {
        self.weak_senders.get()
    }
}

impl<T, R: Room> Chan<T, R> {
    /// Sends, from `site`, what there is room for.
    #[inline]
    pub(super) fn push(&self, message: T, site: Site) {
        self.ends.sent.note(site);
        self.messages.borrow_mut().push_back(message);
        self.receiver.call();
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        let message = self.messages.borrow_mut().pop_front()?;
        self.room.put(1);
        Some(message)
    }

    /// When there is no message: whether none will come.
    fn is_over(&self) -> bool {
        self.ends.senders.get() == 0 || (self.room.is_closed() && self.room.is_idle())
    }

    /// Room that somebody had comes back unused. The receiver may have waited for it alone.
    pub(super) fn give_back(&self, n: usize) {
        self.room.put(n);
        self.check_over();
    }

    /// Tells the receiver of a closed channel if there is nothing left to wait for.
    #[inline]
    pub(super) fn check_over(&self) {
        if self.room.is_closed() && self.room.is_idle() {
            self.receiver.call();
        }
    }

    fn close(&self) {
        if !self.room.is_closed() {
            let mut strangers = Strangers::default();
            self.room.close(&mut strangers);
            self.closing.hand_each(None, &mut strangers);
            strangers.wake();
        }
    }

    #[inline]
    fn receive(&self) -> Option<Option<T>> {
        match self.pop() {
            None if self.is_over() => Some(None),
            None => None,
            message => Some(message),
        }
    }

    /// As [`receive`](Self::receive), up to `limit` messages; 0 when it is over.
    fn receive_many(&self, into: &mut Vec<T>, limit: usize) -> Option<usize> {
        let mut messages = self.messages.borrow_mut();
        let n = limit.min(messages.len());
        into.extend(messages.drain(..n));
        drop(messages);
        if n > 0 {
            self.room.put(n);
        }
        (n > 0 || limit == 0 || self.is_over()).then_some(n)
    }

    /// Waits at `site` for what `receive` gives.
    #[inline]
    fn poll<V>(
        &self,
        cx: &mut Context<'_>,
        site: Site,
        mut receive: impl FnMut() -> Option<V>,
    ) -> Poll<V> {
        ready!(current::poll_spend(cx));
        let received = receive().or_else(|| {
            let again = self.receiver.wait(cx, site);
            if again { receive() } else { None }
        });
        if let Some(received) = received {
            self.ends.received.note(site);
            self.receiver.leave();
            return Poll::Ready(received);
        }
        current::unspend();
        Poll::Pending
    }
}

/// A sender: counted.
pub(super) struct Tx<T, R: Room>(Rc<Chan<T, R>>);

impl<T, R: Room> Tx<T, R> {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T, R> {
        WeakTx::new(&self.0)
    }

    /// Waits for the end of the receiver.
    pub(super) fn closed(&self, site: Site) -> impl Future<Output = ()> {
        let mut listener = Listener::new(&self.closing, site);
        poll_fn(move |cx| listener.poll(cx, || self.room.is_closed().then_some(())))
    }
}

impl<T, R: Room> Deref for Tx<T, R> {
    type Target = Chan<T, R>;

    #[inline]
    fn deref(&self) -> &Chan<T, R> {
        &self.0
    }
}

impl<T, R: Room> Clone for Tx<T, R> {
    fn clone(&self) -> Self {
        self.ends.senders.set(self.ends.senders.get() + 1);
        Self(self.0.clone())
    }
}

impl<T, R: Room> Drop for Tx<T, R> {
    fn drop(&mut self) {
        let left = self.ends.senders.get() - 1;
        self.ends.senders.set(left);
        if left == 0 {
            self.receiver.call();
        }
    }
}

/// What may become a sender while there are others.
pub(super) struct WeakTx<T, R>(Rc<Chan<T, R>>);

impl<T, R: Room> WeakTx<T, R> {
    fn new(chan: &Rc<Chan<T, R>>) -> Self {
        chan.weak_senders.set(chan.weak_senders.get() + 1);
        Self(chan.clone())
    }

    pub(super) fn upgrade(&self) -> Option<Tx<T, R>> {
        let senders = self.ends.senders.get();
        (senders > 0).then(|| {
            self.0.ends.senders.set(senders + 1);
            Tx(self.0.clone())
        })
    }
}

impl<T, R> Deref for WeakTx<T, R> {
    type Target = Chan<T, R>;

    fn deref(&self) -> &Chan<T, R> {
        &self.0
    }
}

impl<T, R: Room> Clone for WeakTx<T, R> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl<T, R> Drop for WeakTx<T, R> {
    fn drop(&mut self) {
        self.weak_senders.set(self.weak_senders.get() - 1);
    }
}

/// The receiver.
pub(super) struct Rx<T, R: Room>(Rc<Chan<T, R>>);

impl<T, R: Room> Rx<T, R> {
    pub(super) fn close(&self) {
        self.0.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.room.is_closed() || self.ends.senders.get() == 0
    }

    pub(super) fn try_recv(&self, site: Site) -> Result<T, TryRecvError> {
        match self.receive() {
            Some(Some(message)) => {
                self.ends.received.note(site);
                Ok(message)
            }
            Some(None) => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    #[inline]
    pub(super) fn poll_recv(&self, cx: &mut Context<'_>, site: Site) -> Poll<Option<T>> {
        self.poll(cx, site, || self.receive())
    }

    pub(super) fn poll_recv_many(
        &self,
        cx: &mut Context<'_>,
        site: Site,
        into: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.poll(cx, site, || self.receive_many(into, limit))
    }

    #[inline]
    pub(super) fn recv(&self, site: Site) -> Recv<'_, T, R> {
        Recv { rx: self, site, waits: false }
    }

    pub(super) fn recv_many<'a>(
        &'a self,
        site: Site,
        into: &'a mut Vec<T>,
        limit: usize,
    ) -> RecvMany<'a, T, R> {
        RecvMany { recv: self.recv(site), into, limit }
    }
}

impl<T, R: Room> Deref for Rx<T, R> {
    type Target = Chan<T, R>;

    #[inline]
    fn deref(&self) -> &Chan<T, R> {
        &self.0
    }
}

impl<T, R: Room> Drop for Rx<T, R> {
    fn drop(&mut self) {
        // A waker's drop and wake are user code: whatever they do, the channel ends.
        let _whom = self.receiver.take();
        let _left = Leftover(&self.0);
        self.0.close();
    }
}

/// What is left without a receiver.
struct Leftover<'a, T, R: Room>(&'a Chan<T, R>);

impl<T, R: Room> Drop for Leftover<'_, T, R> {
    fn drop(&mut self) {
        // Dropped when nothing is lent: a message may send others as it is dropped, by a permit.
        loop {
            let left = self.0.messages.take();
            if left.is_empty() {
                break;
            }
            self.0.room.put(left.len());
            drop(left);
        }
    }
}

/// Waits for a message.
pub(super) struct Recv<'a, T, R: Room> {
    rx: &'a Rx<T, R>,
    site: Site,
    /// The seat is its own.
    waits: bool,
}

impl<T, R: Room> Recv<'_, T, R> {
    #[inline]
    fn poll_by<V>(&mut self, poll: impl FnOnce(&Rx<T, R>, Site) -> Poll<V>) -> Poll<V> {
        self.waits = true; // Also if the waker's clone panics.
        let polled = poll(self.rx, self.site);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T, R: Room> Future for Recv<'_, T, R> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_by(|rx, site| rx.poll_recv(cx, site))
    }
}

impl<T, R: Room> Drop for Recv<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            self.rx.receiver.leave();
        }
    }
}

/// Waits for several messages.
pub(super) struct RecvMany<'a, T, R: Room> {
    recv: Recv<'a, T, R>,
    into: &'a mut Vec<T>,
    limit: usize,
}

impl<T, R: Room> Future for RecvMany<'_, T, R> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let Self { recv, into, limit } = &mut *self;
        recv.poll_by(|rx, site| rx.poll_recv_many(cx, site, into, *limit))
    }
}
