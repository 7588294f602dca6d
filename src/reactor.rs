//! The reactor: `mio`'s poll, and what is known of each source (floor 2).
//!
//! A socket owns its `mio` socket; here lie only its readiness and the wakers of those who wait,
//! under an index. Readiness is edge-triggered: it is believed until the system call says no.

use std::io;
use std::task::Waker;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

/// What may be done with a source without waiting. More than asked for may be true of it, and a
/// system call may still have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// There is something to read, or an end or error to be read.
    pub const READABLE: Self = Self(1);
    /// There is room to write.
    pub const WRITABLE: Self = Self(2);
    /// The other side will send no more.
    pub const READ_CLOSED: Self = Self(4);
    /// Nothing written can arrive any more.
    pub const WRITE_CLOSED: Self = Self(8);
    /// An error waits to be fetched.
    pub const ERROR: Self = Self(16);
    /// Urgent data.
    pub const PRIORITY: Self = Self(32);

    const READ: Self = Self(1 | 4 | 16 | 32);
    const WRITE: Self = Self(2 | 8 | 16);

    /// Whether nothing is ready.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read would not wait: for data, or for the news that none will come.
    pub fn is_readable(self) -> bool {
        self.meets(Self(1 | 4))
    }

    /// Whether a write would not wait.
    pub fn is_writable(self) -> bool {
        self.meets(Self(2 | 8))
    }

    /// Whether the other side has shut down its writing half.
    pub fn is_read_closed(self) -> bool {
        self.meets(Self::READ_CLOSED)
    }

    /// Whether writing is at an end.
    pub fn is_write_closed(self) -> bool {
        self.meets(Self::WRITE_CLOSED)
    }

    /// Whether an error waits to be fetched.
    pub fn is_error(self) -> bool {
        self.meets(Self::ERROR)
    }

    /// Whether there is urgent data.
    pub fn is_priority(self) -> bool {
        self.meets(Self::PRIORITY)
    }

    pub(crate) fn of(direction: Direction) -> Self {
        match direction {
            Direction::Read => Self::READ,
            Direction::Write => Self::WRITE,
        }
    }

    pub(crate) fn for_interest(interest: Interest) -> Self {
        let read = if interest.is_readable() { Self::READ.0 } else { 0 };
        let write = if interest.is_writable() { Self::WRITE.0 } else { 0 };
        Self(read | write)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn from_event(event: &Event) -> Self {
        let mut ready = 0;
        for (is, bit) in [
            (event.is_readable(), Self::READABLE),
            (event.is_writable(), Self::WRITABLE),
            (event.is_read_closed(), Self::READ_CLOSED),
            (event.is_write_closed(), Self::WRITE_CLOSED),
            (event.is_error(), Self::ERROR),
            (event.is_priority(), Self::PRIORITY),
        ] {
            ready |= if is { bit.0 } else { 0 };
        }
        Self(ready)
    }
}

/// The two sides of a source, each with wakers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// The token of the bell, which other threads ring.
pub(crate) const BELL: Token = Token(usize::MAX);

/// Waits for the operating system.
pub(crate) struct Reactor {
    poll: Poll,
    events: Events,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(1024) })
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Sleeps until a source or the bell has news, or until the timeout; appends the news to
    /// `news`. True if the bell was heard.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        news: &mut Vec<(usize, Ready)>,
    ) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let sources = self.events.iter().filter(|event| event.token() != BELL);
        news.extend(sources.map(|event| (event.token().0, Ready::from_event(event))));
        Ok(self.events.iter().any(|event| event.token() == BELL))
    }
}

/// Readiness and wakers of all registered sources.
pub(crate) struct Sources {
    slots: Slab<Slot>,
    /// How many wakers are kept, in all: if none, no source can make a task ready.
    armed: usize,
}

struct Slot {
    ready: Ready,
    readers: Wakers,
    writers: Wakers,
}

impl Slot {
    fn wakers(&mut self, direction: Direction) -> &mut Wakers {
        match direction {
            Direction::Read => &mut self.readers,
            Direction::Write => &mut self.writers,
        }
    }
}

/// Those who wait for one direction. Nearly always one, so the list stays empty.
#[derive(Default)]
struct Wakers {
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Wakers {
    fn has(&self, waker: &Waker) -> bool {
        self.first.iter().chain(&self.rest).any(|w| w.will_wake(waker))
    }

    fn add(&mut self, waker: Waker) {
        match &mut self.first {
            first @ None => *first = Some(waker),
            Some(_) => self.rest.push(waker),
        }
    }

    fn take(&mut self, into: &mut Vec<Waker>) {
        into.extend(self.first.take());
        into.append(&mut self.rest);
    }
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self { slots: Slab::new(), armed: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn armed(&self) -> usize {
        self.armed
    }

    /// A new source, taken for ready or not until the first event.
    pub(crate) fn insert(&mut self, ready: bool) -> usize {
        let ready = if ready { Ready::READABLE.union(Ready::WRITABLE) } else { Ready::EMPTY };
        let (readers, writers) = (Wakers::default(), Wakers::default());
        self.slots.insert(Slot { ready, readers, writers })
    }

    /// Forgets a source; its wakers go into `dropped`, for the caller to drop where user code may
    /// run.
    pub(crate) fn remove(&mut self, index: usize, dropped: &mut Vec<Waker>) {
        if let Some(mut slot) = self.slots.try_remove(index) {
            let before = dropped.len();
            slot.readers.take(dropped);
            slot.writers.take(dropped);
            self.armed -= dropped.len() - before;
        }
    }

    pub(crate) fn ready(&self, index: usize) -> Ready {
        self.slots.get(index).map_or(Ready::EMPTY, |slot| slot.ready)
    }

    /// The system call said no: not ready until the next event says otherwise. What is closed
    /// stays so.
    pub(crate) fn clear(&mut self, index: usize, direction: Direction) {
        let closed = Ready::READ_CLOSED.union(Ready::WRITE_CLOSED);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.ready = Ready(slot.ready.0 & !(Ready::of(direction).0 & !closed.0));
        }
    }

    /// Whether what `waker` wakes waits for `direction` already.
    pub(crate) fn waits(&mut self, index: usize, direction: Direction, waker: &Waker) -> bool {
        self.slots.get_mut(index).is_some_and(|slot| slot.wakers(direction).has(waker))
    }

    /// Keeps a waker for the next event in `direction`.
    pub(crate) fn wait(&mut self, index: usize, direction: Direction, waker: Waker) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.wakers(direction).add(waker);
            self.armed += 1;
        }
    }

    /// Takes in an event; whom it concerns goes into `woken`.
    pub(crate) fn event(&mut self, index: usize, ready: Ready, woken: &mut Vec<Waker>) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.ready = Ready(slot.ready.0 | ready.0);
        let before = woken.len();
        if ready.meets(Ready::READ) {
            slot.readers.take(woken);
        }
        if ready.meets(Ready::WRITE) {
            slot.writers.take(woken);
        }
        self.armed -= woken.len() - before;
    }
}
