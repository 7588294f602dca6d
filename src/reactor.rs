//! The reactor: `mio`'s poll, and what is known of each source (floor 2).
//!
//! A socket owns its `mio` socket; here lie only its readiness and the places of those who wait,
//! under an index. Readiness is edge-triggered: it is believed until the system call says no.

use std::io;
use std::task::Context;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

use crate::task::park::Heard;
use crate::wait::{self, Place, Whom};

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

    /// All that makes a read worth trying.
    pub(crate) const READ: Self = Self(1 | 4 | 16 | 32);
    /// All that makes a write worth trying.
    pub(crate) const WRITE: Self = Self(2 | 8 | 16);

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

/// The token of the bell, which other threads ring.
pub(crate) const BELL: Token = Token(usize::MAX);

/// The most events that are shown at once.
const ROOM: usize = 1024;

/// Waits for the operating system.
pub(crate) struct Reactor {
    poll: Poll,
    events: Events,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(ROOM) })
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Sleeps until a source or the bell has news, or until the timeout; shows the news of each
    /// source to `news`. Tells what was heard of the bell.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        mut news: impl FnMut(usize, Ready),
    ) -> io::Result<Heard> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Heard::Part),
            asked => asked?,
        }
        let mut heard = Heard::Silence;
        let mut shown = 0;
        for event in &self.events {
            shown += 1;
            match event.token() {
                BELL => heard = Heard::Bell,
                Token(index) => news(index, Ready::from_event(event)),
            }
        }
        if heard == Heard::Silence && shown == ROOM {
            heard = Heard::Part;
        }
        Ok(heard)
    }
}

/// Readiness of all registered sources, and who waits for them.
pub(crate) struct Sources {
    slots: Slab<Slot>,
    /// How many entries are kept, in all: if none, no source can make a task ready.
    armed: usize,
}

struct Slot {
    ready: Ready,
    /// It rests: whatever events say, it counts as not ready.
    rests: bool,
    readers: Waiting,
    writers: Waiting,
}

/// Whose an entry is: a future's, which takes it out when it is dropped, or that of whoever calls
/// a `poll_` function by hand; nobody says when one of those waits no more.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Owner {
    Future,
    Hand,
}

/// Those who wait for one direction. Nearly always one, so the list stays empty.
#[derive(Default)]
struct Waiting {
    first: Option<(Place, Owner)>,
    rest: Vec<(Place, Owner)>,
}

impl Waiting {
    fn has(&self, place: Place) -> bool {
        self.first.iter().chain(&self.rest).any(|entry| entry.0 == place)
    }

    /// The entry of who polls by hand.
    fn by_hand(&self, cx: &Context<'_>) -> bool {
        let entries = self.first.iter().chain(&self.rest);
        let mut by_hand = entries.filter(|entry| entry.1 == Owner::Hand);
        by_hand.any(|entry| wait::waits(entry.0, cx))
    }

    fn add(&mut self, entry: (Place, Owner)) {
        match &mut self.first {
            first @ None => *first = Some(entry),
            Some(_) => self.rest.push(entry),
        }
    }

    /// Whether it was there.
    fn remove(&mut self, place: Place) -> bool {
        if self.first.is_some_and(|entry| entry.0 == place) {
            self.first = None;
            return true;
        }
        let found = self.rest.iter().position(|entry| entry.0 == place);
        found.map(|at| self.rest.remove(at)).is_some()
    }

    /// Hands everybody to `f`; returns how many entries those were.
    fn take(&mut self, f: &mut impl FnMut(Whom)) -> usize {
        let entries = self.first.take().into_iter().chain(self.rest.drain(..));
        entries.map(|entry| wait::leave(entry.0).map(&mut *f)).count()
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
        let (readers, writers) = (Waiting::default(), Waiting::default());
        self.slots.insert(Slot { ready, rests: false, readers, writers })
    }

    /// Forgets a source. Who waited for it is for the caller to drop.
    pub(crate) fn remove(&mut self, index: usize) -> Vec<Whom> {
        let mut dropped = Vec::new();
        if let Some(mut slot) = self.slots.try_remove(index) {
            self.armed -= slot.readers.take(&mut |whom| dropped.push(whom));
            self.armed -= slot.writers.take(&mut |whom| dropped.push(whom));
        }
        dropped
    }

    pub(crate) fn ready(&self, index: usize) -> Ready {
        match self.slots.get(index) {
            Some(slot) if !slot.rests => slot.ready,
            _ => Ready::EMPTY,
        }
    }

    /// Not ready for this until the next event says otherwise.
    pub(crate) fn clear(&mut self, index: usize, ready: Ready) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.ready = Ready(slot.ready.0 & !ready.0);
        }
    }

    /// Not ready, whatever events say, until [`rested`](Self::rested).
    pub(crate) fn rest(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.rests = true;
        }
    }

    /// The rest is over: it is taken for `ready`, and whom that concerns is handed to `wake`.
    pub(crate) fn rested(&mut self, index: usize, ready: Ready, wake: impl FnMut(Whom)) {
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.rests) else { return };
        slot.rests = false;
        self.event(index, ready, wake);
    }

    /// Whether who polls with `cx` waits already, on each side that `want` has: a future at
    /// `place`, or by hand.
    pub(crate) fn waits(
        &self,
        index: usize,
        want: Ready,
        place: Option<Place>,
        owner: Owner,
        cx: &Context<'_>,
    ) -> bool {
        let Some(slot) = self.slots.get(index) else { return false };
        let on = |side: &Waiting| match (owner, place) {
            (Owner::Future, Some(place)) => side.has(place) && wait::waits(place, cx),
            (Owner::Future, None) => false,
            (Owner::Hand, _) => side.by_hand(cx),
        };
        [(Ready::READABLE, &slot.readers), (Ready::WRITABLE, &slot.writers)]
            .into_iter()
            .all(|(side, waiting)| !want.meets(side) || on(waiting))
    }

    /// Keeps an entry for the next event on each side that `want` has.
    pub(crate) fn wait(&mut self, index: usize, want: Ready, place: Place, owner: Owner) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        for (side, waiting) in
            [(Ready::READABLE, &mut slot.readers), (Ready::WRITABLE, &mut slot.writers)]
        {
            if want.meets(side) {
                waiting.add((place, owner));
                self.armed += 1;
            }
        }
    }

    /// The future at `place` waits no more. Who it was is for the caller to drop.
    pub(crate) fn forget(&mut self, index: usize, place: Place) -> Option<Whom> {
        if let Some(slot) = self.slots.get_mut(index) {
            let gone = [slot.readers.remove(place), slot.writers.remove(place)];
            self.armed -= gone.into_iter().filter(|&gone| gone).count();
        }
        wait::leave(place)
    }

    /// Takes in an event; whom it concerns is handed to `wake`, which runs no user code.
    pub(crate) fn event(&mut self, index: usize, ready: Ready, mut wake: impl FnMut(Whom)) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.ready = slot.ready.union(ready);
        if slot.rests {
            return;
        }
        for (side, waiting) in [(Ready::READ, &mut slot.readers), (Ready::WRITE, &mut slot.writers)]
        {
            if ready.meets(side) {
                self.armed -= waiting.take(&mut wake);
            }
        }
    }
}
