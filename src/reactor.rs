//! The reactor: `mio`'s poll, and what is known of each source (floor 2).
//!
//! A socket owns its `mio` socket; here lie only its readiness and the places of those who wait,
//! under an index. Readiness is edge-triggered: it is believed until a system call would block, and
//! nothing less than that disproves it. A read that gives less than was asked for does not: it may
//! have stopped at a descriptor that was sent along, at other credentials, at the end of a record
//! or at urgent data, and of what lies behind no event will tell.

use std::fmt;
use std::io;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

use crate::task::park::Heard;
use crate::wait::{self, Place, Whom};

/// What may be done with a source without waiting. More than asked for may be true of it, and a
/// system call may still have to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ready(u16);

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

    /// Nothing is known yet: only a read, or a write, finds out.
    const UNTRIED_READ: u16 = 64;
    const UNTRIED_WRITE: u16 = 128;
    /// True of every source that does not rest.
    const ALWAYS: u16 = 256;

    /// All that makes it readable, writable, and a wait for urgent data end.
    const TO_READ: Self = Self(1 | 4 | 16);
    const TO_WRITE: Self = Self(2 | 8 | 16);
    const TO_HURRY: Self = Self(32 | 4);

    /// All that makes a read worth trying.
    pub(crate) const READ: Self = Self(Self::TO_READ.0 | Self::UNTRIED_READ);
    /// All that makes a write worth trying.
    pub(crate) const WRITE: Self = Self(Self::TO_WRITE.0 | Self::UNTRIED_WRITE);
    /// As `WRITE`, where having no room for one receiver says nothing about the next.
    #[cfg(unix)]
    pub(crate) const SEND: Self = Self(Self::WRITE.0 | Self::ALWAYS);

    /// Each flag with its name.
    const NAMES: [(Self, &str); 6] = [
        (Self::READABLE, "READABLE"),
        (Self::WRITABLE, "WRITABLE"),
        (Self::READ_CLOSED, "READ_CLOSED"),
        (Self::WRITE_CLOSED, "WRITE_CLOSED"),
        (Self::ERROR, "ERROR"),
        (Self::PRIORITY, "PRIORITY"),
    ];

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

    /// What an interest waits for.
    ///
    /// # Errors
    /// When that is nothing that a source here is ever ready for, as the end of a POSIX `aio`.
    pub(crate) fn for_interest(interest: Interest) -> io::Result<Self> {
        let mut ready = Self::EMPTY;
        for (is, waits) in [
            (interest.is_readable(), Self::TO_READ),
            (interest.is_writable(), Self::TO_WRITE),
            (interest.is_priority(), Self::TO_HURRY),
        ] {
            ready = if is { ready.union(waits) } else { ready };
        }
        if ready.is_empty() {
            let text =
                "an interest in neither reading, writing nor urgent data cannot be waited for";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(ready)
    }

    /// What a system call that was tried for `self` has found empty when it would block; `None` if
    /// it can be one of several things.
    fn found_empty(self) -> Option<Self> {
        let sides = [Self::READABLE, Self::WRITABLE, Self::PRIORITY].map(|side| self.meets(side));
        match sides {
            [true, false, false] => Some(Self::READ),
            [false, true, false] => Some(Self::WRITE),
            [false, false, true] => Some(Self::PRIORITY),
            _ => None,
        }
    }

    /// Whether it is known what a call that would block has found empty.
    pub(crate) fn is_one(self) -> bool {
        self.found_empty().is_some()
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

impl fmt::Debug for Ready {
    /// `Ready(READABLE | READ_CLOSED)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().filter(|(flag, _)| self.meets(*flag));
        let names: Vec<&str> = named.map(|(_, name)| *name).collect();
        let text = if names.is_empty() { "EMPTY".to_string() } else { names.join(" | ") };
        write!(f, "Ready({text})")
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
    entries: usize,
    /// Where [`is_armed`](Self::is_armed) last found an entry that counts.
    witness: usize,
    /// How many timers have been set.
    timers: u64,
}

struct Slot {
    ready: Ready,
    /// How many events there were: what is found out after one says nothing about the next.
    tick: u32,
    /// How many calls for one of several things were in vain since the last event.
    in_vain: u8,
    /// It rests: whatever events say, it counts as not ready.
    rests: bool,
    /// Which timer tells that it is to be tried again, since no event will; 0 for none.
    again: u64,
    waiting: Waiting,
}

/// What is known of a source, and of which moment that is true.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) ready: Ready,
    tick: u32,
    in_vain: u8,
}

impl Known {
    /// Whether there was an event since `old` was known.
    pub(crate) fn is_news_to(self, old: Self) -> bool {
        self.tick != old.tick
    }

    /// What of `want` is ready, for a task that waits until something is. If it wants one of
    /// several things, and was told of the others and tried in vain again, only an event is news:
    /// else one that reads from what can be written to would ask for ever.
    pub(crate) fn news(self, want: Ready) -> Ready {
        if self.in_vain > 1 && !want.is_one() {
            return Ready::EMPTY;
        }
        self.ready.intersection(want)
    }
}

/// What waits for a source. Nearly always it is one future, so the list stays empty.
#[derive(Default)]
struct Waiting {
    /// Futures, and what each waits for: a future takes its entry out when it is dropped.
    first: Option<(Place, Ready)>,
    rest: Vec<(Place, Ready)>,
    /// Polls by hand, to read and to write. Nothing says when one of them waits no more, so the
    /// next one takes its place: else each that was given up would be kept until the next event.
    by_hand: [Option<Place>; 2],
}

/// What polls by hand wait for, in this order.
const BY_HAND: [Ready; 2] = [Ready::READ, Ready::WRITE];

impl Waiting {
    fn places(&self) -> impl Iterator<Item = Place> {
        let futures = self.first.iter().chain(&self.rest).map(|entry| entry.0);
        futures.chain(self.by_hand.into_iter().flatten())
    }

    fn add(&mut self, entry: (Place, Ready)) {
        match &mut self.first {
            first @ None if self.rest.is_empty() => *first = Some(entry),
            _ => self.rest.push(entry),
        }
    }

    /// Whether it was there.
    fn remove(&mut self, place: Place) -> bool {
        if self.first.is_some_and(|entry| entry.0 == place) {
            self.first = None;
            return true;
        }
        if let Some(by_hand) = self.by_hand.iter_mut().find(|by_hand| **by_hand == Some(place)) {
            *by_hand = None;
            return true;
        }
        let found = self.rest.iter().position(|entry| entry.0 == place);
        found.map(|at| self.rest.remove(at)).is_some()
    }

    /// Hands all that `ready` concerns to `f`; returns how many entries those were.
    fn take(&mut self, ready: Ready, f: &mut impl FnMut(Whom)) -> usize {
        let mut taken = 0;
        let mut leave = |place| {
            taken += 1;
            wait::leave(place).map(&mut *f);
        };
        let concerns = |entry: &mut (Place, Ready)| entry.1.meets(ready);
        self.first.take_if(concerns).into_iter().for_each(|entry| leave(entry.0));
        self.rest.extract_if(.., concerns).for_each(|entry| leave(entry.0));
        for (by_hand, want) in self.by_hand.iter_mut().zip(BY_HAND) {
            by_hand.take_if(|_| want.meets(ready)).into_iter().for_each(&mut leave);
        }
        taken
    }
}

/// Where polls by hand for `want` wait.
fn hand(want: Ready) -> usize {
    usize::from(!want.meets(Ready::READABLE))
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self { slots: Slab::new(), entries: 0, witness: 0, timers: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether a source may make a task ready: one that is alive, as far as `lives` knows. An entry
    /// whose future was leaked outlives its task, and wakes nothing.
    pub(crate) fn is_armed(&mut self, lives: impl Fn(Place) -> bool) -> bool {
        if self.entries == 0 {
            return false;
        }
        let counts = |slot: &Slot| slot.waiting.places().any(&lives);
        if self.slots.get(self.witness).is_some_and(counts) {
            return true;
        }
        let found = self.slots.iter().find(|(_, slot)| counts(slot)).map(|(index, _)| index);
        self.witness = found.unwrap_or(0);
        found.is_some()
    }

    /// A new source. Until the first event it is not ready; reads and writes may be tried or not.
    pub(crate) fn insert(&mut self, untried: bool) -> usize {
        let untried = if untried { Ready::UNTRIED_READ | Ready::UNTRIED_WRITE } else { 0 };
        self.slots.insert(Slot {
            ready: Ready(Ready::ALWAYS | untried),
            tick: 0,
            in_vain: 0,
            rests: false,
            again: 0,
            waiting: Waiting::default(),
        })
    }

    /// Forgets a source. Who waited for it is for the caller to drop.
    pub(crate) fn remove(&mut self, index: usize) -> Vec<Whom> {
        let mut dropped = Vec::new();
        if let Some(mut slot) = self.slots.try_remove(index) {
            self.entries -= slot.waiting.take(Ready(u16::MAX), &mut |whom| dropped.push(whom));
        }
        dropped
    }

    pub(crate) fn known(&self, index: usize) -> Known {
        match self.slots.get(index) {
            Some(&Slot { ready, tick, in_vain, rests: false, .. }) => {
                Known { ready, tick, in_vain }
            }
            _ => Known { ready: Ready::EMPTY, tick: 0, in_vain: 0 },
        }
    }

    /// A system call for `want` would block, at a time when `known` was the newest. What it found
    /// empty is not ready until the next event says otherwise. If that may be one of several things
    /// it is not known which, so all stay what they were: to clear what is ready would lose it, as
    /// no event tells of it again.
    pub(crate) fn clear(&mut self, index: usize, known: Known, want: Ready) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.tick != known.tick {
            return; // There was an event since.
        }
        match want.found_empty() {
            Some(empty) => slot.ready = Ready(slot.ready.0 & !empty.0),
            None => slot.in_vain = slot.in_vain.saturating_add(1),
        }
    }

    /// Not ready, whatever events say, until [`again`](Self::again). Returns for which timer that
    /// waits.
    pub(crate) fn rest(&mut self, index: usize) -> Option<u64> {
        self.slots.get_mut(index)?.rests = true;
        self.try_again(index)
    }

    /// It is to be tried again, for no event will tell of it. `None` if a timer is set for that;
    /// else the number of the one that is to be.
    pub(crate) fn try_again(&mut self, index: usize) -> Option<u64> {
        let slot = self.slots.get_mut(index).filter(|slot| slot.again == 0)?;
        self.timers += 1;
        slot.again = self.timers;
        Some(slot.again)
    }

    /// The time of this timer has come: the source is taken for `ready`, and all that this concerns
    /// is handed to `wake`. If the source is gone, another may lie there by now.
    pub(crate) fn again(&mut self, index: usize, timer: u64, ready: Ready, wake: impl FnMut(Whom)) {
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.again == timer) else {
            return;
        };
        (slot.rests, slot.again) = (false, 0);
        self.event(index, ready, wake);
    }

    /// Where a poll by hand waits for `want`.
    pub(crate) fn by_hand(&self, index: usize, want: Ready) -> Option<Place> {
        self.slots.get(index)?.waiting.by_hand[hand(want)]
    }

    /// The future at `place` waits for the next event in `want`.
    pub(crate) fn wait(&mut self, index: usize, want: Ready, place: Place) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.waiting.add((place, want));
            self.entries += 1;
        }
    }

    /// A poll by hand waits for it at `place`, in the place of the one before.
    pub(crate) fn wait_by_hand(&mut self, index: usize, want: Ready, place: Place) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.waiting.by_hand[hand(want)] = Some(place);
            self.entries += 1;
        }
    }

    /// The wait at `place` is over. What is returned is for the caller to drop.
    pub(crate) fn forget(&mut self, index: usize, place: Place) -> Option<Whom> {
        if self.slots.get_mut(index).is_some_and(|slot| slot.waiting.remove(place)) {
            self.entries -= 1;
        }
        wait::leave(place)
    }

    /// Takes in an event; whom it concerns is handed to `wake`, which runs no user code.
    pub(crate) fn event(&mut self, index: usize, ready: Ready, mut wake: impl FnMut(Whom)) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.ready = slot.ready.union(ready);
        (slot.tick, slot.in_vain) = (slot.tick.wrapping_add(1), 0);
        if !slot.rests {
            self.entries -= slot.waiting.take(ready, &mut wake);
        }
    }
}
