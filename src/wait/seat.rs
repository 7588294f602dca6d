//! Where at most one waits: the receiver of a channel, or one who waits for its end (floor 2).
//!
//! Simpler than a [`Queue`](super::queue::Queue): who is called has left the table at once, and
//! need not take anything out of it when it is polled again. The seat lies in what both sides
//! share, so the future that waits keeps nothing but a way to it.

use std::cell::{Cell, OnceCell};
use std::panic::Location;
use std::rc::Rc;
use std::task::Context;

use super::ends::Ends;
use super::queue::Record;
use super::reason::WaitReason;
use super::{NONE, Place, Site, Whom, with};
use crate::task::current;

/// A place for one who waits. It is bound to its thread.
pub(crate) struct Seat {
    place: Cell<Option<Place>>,
    /// Made when somebody first waits.
    record: Cell<u32>,
    reason: WaitReason,
    made: Site,
    ends: OnceCell<Rc<Ends>>,
}

impl Seat {
    /// For something that the caller's caller makes.
    #[track_caller]
    pub(crate) const fn new(reason: WaitReason) -> Self {
        let made = Location::caller();
        Self {
            place: Cell::new(None),
            record: Cell::new(NONE),
            reason,
            made,
            ends: OnceCell::new(),
        }
    }

    /// Who polls with `cx` waits here, at `site`. Whoever did before does not any more.
    ///
    /// A foreign waker is cloned, and an old one dropped: that is user code, which may bring about
    /// what is waited for. True if it did: then the seat was called, and is empty.
    #[inline]
    pub(crate) fn wait(&self, cx: &Context<'_>, site: Site) -> bool {
        match self.place.get() {
            Some(place) if super::waits_at(place, cx, site) => false,
            None if current::is_own(cx.waker()) => {
                self.sit(Whom::runs(), site);
                false
            }
            _ => self.wait_as_stranger(cx, site),
        }
    }

    #[cold]
    fn wait_as_stranger(&self, cx: &Context<'_>, site: Site) -> bool {
        let old = self.take();
        old.iter().for_each(super::moves::note_move);
        self.sit(Whom::runs(), site);
        let here = self.place.get();
        drop(old);
        let mut whom = Some(Whom::polls(cx));
        if self.place.get() == here {
            with(|waits| here.and_then(|here| waits.set_whom(here, whom.take()?)));
        }
        // After a call the clone is dropped here, before anything is taken that a panic could lose.
        whom.is_some()
    }

    #[inline(always)]
    fn sit(&self, whom: Whom, site: Site) {
        let place = with(|waits| {
            if self.record.get() == NONE {
                let (made, ends) = (self.made, self.ends.get().cloned());
                let record = Record { made, holder: None, of: 0, owned: false, ends };
                self.record.set(waits.records.insert(record) as u32);
            }
            waits.insert(whom, self.reason, site, 0, self.record.get())
        });
        self.place.set(place);
    }

    /// Where somebody waits, if anybody does.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place.get()
    }

    /// It is waited for at an end of this channel.
    pub(crate) fn set_ends(&self, ends: Rc<Ends>) {
        let _once = self.ends.set(ends);
    }

    /// Wakes who waits here, if anybody: its wait is over. It may be anybody, so the caller's own
    /// state must be in order before.
    #[inline]
    pub(crate) fn call(&self) {
        if let Some(whom) = self.take() {
            whom.wake();
        }
    }

    /// The wait is over. Returns who waited here, for the caller to wake.
    #[inline]
    pub(crate) fn take(&self) -> Option<Whom> {
        self.place.take().and_then(super::leave)
    }

    /// Nobody waits here any more. Drops a waker, which may be user code.
    #[inline]
    pub(crate) fn leave(&self) {
        if let Some(place) = self.place.take() {
            drop(super::leave(place));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
        if self.record.get() != NONE {
            with(|waits| waits.records.try_remove(self.record.get() as usize));
        }
    }
}
