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
    /// A foreign waker is cloned, and an old one dropped: that is user code, so what is waited for
    /// may have come about when this returns, and nobody is told. True if that can be.
    #[inline]
    pub(crate) fn wait(&self, cx: &Context<'_>, site: Site) -> bool {
        let here = |place| super::waits_at(place, cx, site);
        if self.place.get().is_some_and(here) {
            return false;
        }
        let whom = Whom::polls(cx);
        let foreign = whom.is_foreign();
        // Dropped when nothing is borrowed.
        let old = with(|waits| {
            let old = self.place.get().and_then(|place| waits.remove(place));
            old.iter().for_each(|old| waits.note_move((old.of, old.task)));
            if self.record.get() == NONE {
                let (made, ends) = (self.made, self.ends.get().cloned());
                let record = Record { made, holder: None, of: 0, owned: false, ends };
                self.record.set(waits.records.insert(record) as u32);
            }
            let place = waits.insert(whom, self.reason, site, 0, self.record.get());
            self.place.set(Some(place));
            old
        });
        foreign || old.flatten().is_some_and(|old| old.is_foreign())
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
