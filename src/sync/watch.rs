//! A value of which everybody sees the latest (floor 4).
//!
//! There is one value. Senders change it; receivers look at it, and wait until it is another one
//! than they have seen. Values in between are lost: for every single one there is `broadcast`.
//!
//! Each [`Receiver`] knows up to which change it has *seen*. What there is when it is made counts
//! as seen; [`changed`](Receiver::changed), [`wait_for`](Receiver::wait_for) and
//! [`borrow_and_update`](Receiver::borrow_and_update) mark it as seen, [`borrow`](Receiver::borrow)
//! and [`has_changed`](Receiver::has_changed) do not.
//!
//! # Borrows
//! A [`Ref`] is a borrow of the value, and while one is out nobody can change it. With threads a
//! sender would wait for it; on one thread nothing could then end that wait, so sending panics, and
//! says where the value was borrowed last. So let a `Ref` live for a few lines, and never across an
//! `await`. The same holds in the closures of [`send_modify`](Sender::send_modify),
//! [`send_if_modified`](Sender::send_if_modified) and [`wait_for`](Receiver::wait_for), which have
//! the value borrowed while they run.
//!
//! ```
//! # turno::block_on(async {
//! use turno::sync::watch;
//!
//! let (light, mut seen) = watch::channel("red");
//! let driver = turno::spawn(async move {
//!     while *seen.borrow_and_update() != "green" {
//!         seen.changed().await?;
//!     }
//!     Ok::<_, watch::error::RecvError>("drives")
//! });
//! turno::task::yield_now().await;
//! light.send("yellow").unwrap();
//! light.send("green").unwrap();
//! assert_eq!(driver.await.unwrap(), Ok("drives"));
//! # });
//! ```

use std::cell::{self, Cell, RefCell, RefMut};
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use super::side::Side;
use crate::wait::Site;
use crate::wait::queue::Queue;
use crate::wait::reason::WaitReason;
use crate::wait::waiter::Listener;

use self::error::{RecvError, SendError};

/// What can go wrong in a watch channel.
pub mod error {
    use std::fmt;

    /// Nobody receives. The value comes back.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub struct SendError<T>(pub T);

    /// Nobody sends any more.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    impl<T> fmt::Debug for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("SendError").finish_non_exhaustive()
        }
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("nobody watches the value")
        }
    }

    impl<T> std::error::Error for SendError<T> {}

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("nobody can change the watched value any more")
        }
    }

    impl std::error::Error for RecvError {}
}

struct Shared<T> {
    value: RefCell<T>,
    /// How often it was changed.
    version: Cell<u64>,
    /// Where it was borrowed last, for the panic of who wants to change it too early.
    borrowed: Cell<Option<Site>>,
    senders: Cell<usize>,
    receivers: Side,
    /// Those who wait for a change, or for the end.
    changes: Queue,
}

impl<T> Shared<T> {
    #[track_caller]
    fn look(&self, has_changed: bool, site: Site) -> Ref<'_, T> {
        let Ok(value) = self.value.try_borrow() else {
            panic!(
                "the watched value is being changed: a closure that `send_modify` or \
                 `send_if_modified` runs has it already, and cannot borrow it again"
            )
        };
        self.borrowed.set(Some(site));
        Ref { value, has_changed }
    }

    #[track_caller]
    fn change(&self) -> RefMut<'_, T> {
        match (self.value.try_borrow_mut(), self.borrowed.get()) {
            (Ok(value), _) => value,
            (Err(_), Some(site)) if self.value.try_borrow().is_ok() => panic!(
                "the watched value cannot be changed while a `Ref` of it is out (the last one was \
                 borrowed at {site}): drop it before anybody sends, and hold none across an `await`"
            ),
            (Err(_), _) => panic!(
                "the watched value is being changed: a closure that `send_modify` or \
                 `send_if_modified` runs cannot send again; it changes what it is given"
            ),
        }
    }

    fn is_closed(&self) -> bool {
        self.senders.get() == 0
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shared = f.debug_struct("Shared");
        match self.value.try_borrow() {
            Ok(value) => {
                self.borrowed.set(Some(Location::caller()));
                shared.field("value", &*value)
            }
            Err(_) => shared.field("value", &format_args!("<being changed>")),
        };
        shared
            .field("version", &self.version.get())
            .field("senders", &self.senders.get())
            .field("receivers", &self.receivers.count())
            .finish()
    }
}

/// A watched value, and who may change and who may watch it. What it is now counts as seen.
///
/// Either side can be cloned, and nobody needs a runtime but to wait. See the [module](self).
#[track_caller]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Changes the value of a [`channel`]. When the last one is dropped, those who wait are told.
///
/// ```
/// use turno::sync::watch;
///
/// let (count, seen) = watch::channel(1);
/// count.send_modify(|count| *count += 1);
/// assert_eq!(*seen.borrow(), 2);
/// assert!(seen.has_changed()?);
/// # Ok::<(), watch::error::RecvError>(())
/// ```
#[derive(Debug)]
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A sender of a channel that nobody watches yet.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let shared = Shared {
            value: RefCell::new(value),
            version: Cell::new(0),
            borrowed: Cell::new(None),
            senders: Cell::new(1),
            receivers: Side::new(0),
            changes: Queue::new(WaitReason::Watch),
        };
        Self { shared: Rc::new(shared) }
    }

    /// Replaces the value, if anybody watches it. The old one is dropped when all are told.
    ///
    /// # Errors
    /// When there is no receiver. The value comes back then, and is not seen by later ones:
    /// [`send_replace`](Self::send_replace) leaves it for them.
    ///
    /// # Panics
    /// If the value is borrowed.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value where it lies, whether anybody watches it or not, and wakes who waits.
    ///
    /// # Panics
    /// If the value is borrowed. If `modify` panics, its panic goes on: what it did to the value
    /// stays, nobody is told, and the channel goes on.
    #[track_caller]
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        // Not by way of a closure: it would be its line that a panic names.
        let mut value = self.shared.change();
        modify(&mut value);
        drop(value);
        self.tell();
    }

    /// As [`send_modify`](Self::send_modify), if `modify` says that it did change the value.
    /// Returns what it said. If that is not true, the value is another one, and nobody is told.
    ///
    /// # Panics
    /// As [`send_modify`](Self::send_modify).
    #[track_caller]
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.shared.change();
        let modified = modify(&mut value);
        drop(value);
        if modified {
            self.tell();
        }
        modified
    }

    /// Replaces the value, whether anybody watches it or not, and returns the old one.
    ///
    /// # Panics
    /// If the value is borrowed.
    #[track_caller]
    pub fn send_replace(&self, value: T) -> T {
        let old = mem::replace(&mut *self.shared.change(), value);
        self.tell();
        old
    }

    /// The value has changed.
    fn tell(&self) {
        self.shared.version.set(self.shared.version.get().wrapping_add(1));
        self.shared.changes.hand_all(None);
    }

    /// The value. See [`Ref`] for how long it may be kept.
    ///
    /// # Panics
    /// In a closure that changes the value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.look(false, Location::caller())
    }

    /// One more receiver. What the value is now counts as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.receivers.join();
        Receiver { version: self.shared.version.get(), shared: self.shared.clone() }
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

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.count()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.get()
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

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.senders.set(self.shared.senders.get() - 1);
        if self.shared.is_closed() {
            self.shared.changes.hand_all(None);
        }
    }
}

/// Watches the value of a [`channel`]. A clone has seen what its original has.
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::watch;
///
/// let (level, mut seen) = watch::channel(0);
/// let alarm = turno::spawn(async move { *seen.wait_for(|level| *level > 9).await.unwrap() });
/// turno::task::yield_now().await;
/// for now in [3, 7, 11] {
///     level.send_replace(now);
/// }
/// assert_eq!(alarm.await.unwrap(), 11);
/// # });
/// ```
#[derive(Debug)]
pub struct Receiver<T> {
    /// Up to which change it has seen.
    version: u64,
    shared: Rc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// The value, which is not marked as seen.
    ///
    /// # Panics
    /// In a closure that changes the value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        let has_changed = self.version != self.shared.version.get();
        self.shared.look(has_changed, Location::caller())
    }

    /// The value, which is seen then.
    ///
    /// # Panics
    /// In a closure that changes the value.
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.look(false, Location::caller());
        let has_changed = see(&self.shared, &mut self.version);
        Ref { has_changed, ..value }
    }

    /// Whether the value has changed since it was seen.
    ///
    /// # Errors
    /// When there is no sender any more, also if the last change has not been seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        if self.is_closed() {
            return Err(RecvError(()));
        }
        Ok(self.version != self.shared.version.get())
    }

    /// Waits until the value is one that was not seen, and marks it as seen.
    ///
    /// # Errors
    /// When the last change was seen and there is no sender any more.
    ///
    /// # Cancel safety
    /// Dropped before it is done it has marked nothing: the next one finds the change.
    #[track_caller]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        let Self { version, shared } = self;
        let shared = &**shared;
        let mut listener = Listener::new(&shared.changes, Location::caller());
        poll_fn(move |cx| {
            listener.poll(cx, || match (see(shared, version), shared.is_closed()) {
                (true, _) => Some(Ok(())),
                (false, true) => Some(Err(RecvError(()))),
                (false, false) => None,
            })
        })
    }

    /// Waits until the value is as `wanted`, and returns it, marked as seen.
    ///
    /// `wanted` is asked at once, seen or not, and then after changes; those that follow each other
    /// before the task runs are one. The value is borrowed meanwhile, so it cannot send.
    ///
    /// # Errors
    /// When there is no sender any more and the last value is not as `wanted`.
    ///
    /// # Panics
    /// If `wanted` panics; the value counts as seen then. In a closure that changes the value.
    ///
    /// # Cancel safety
    /// Dropped before it is done it may have marked values as seen, all of which were not as
    /// `wanted`.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> impl Future<Output = Result<Ref<'_, T>, RecvError>> {
        let site = Location::caller();
        let Self { version, shared } = self;
        let shared = &**shared;
        let mut listener = Listener::new(&shared.changes, site);
        let mut asked = false;
        poll_fn(move |cx| {
            listener.poll(cx, || {
                let has_changed = see(shared, version);
                if !mem::replace(&mut asked, true) || has_changed {
                    let value = shared.look(has_changed, site);
                    if wanted(&value) {
                        return Some(Ok(value));
                    }
                }
                shared.is_closed().then_some(Err(RecvError(())))
            })
        })
    }

    /// Takes the value for one that was not seen.
    pub fn mark_changed(&mut self) {
        self.version = self.version.wrapping_sub(1);
    }

    /// Takes the value for one that was seen.
    pub fn mark_unchanged(&mut self) {
        see(&self.shared, &mut self.version);
    }

    /// Whether there is no sender any more.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Whether both are of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

/// All up to now is seen. Returns whether something was not.
fn see<T>(shared: &Shared<T>, version: &mut u64) -> bool {
    let now = shared.version.get();
    mem::replace(version, now) != now
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.receivers.join();
        Self { version: self.version, shared: self.shared.clone() }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receivers.leave();
    }
}

/// A borrow of the watched value. Nobody can change the value while it is out: it is to be dropped
/// before the next `await`. See [the module](self#borrows).
#[derive(Debug)]
pub struct Ref<'a, T> {
    value: cell::Ref<'a, T>,
    has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the value was one that the receiver had not seen when it was borrowed. Always false
    /// for a sender's.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
