//! What is known of the two ends of a channel, for reports (floor 2).

use std::cell::Cell;

use super::Site;
use super::reason::Holder;
use crate::task::current::{self, LoopKey};

/// Shared by a channel and by what is known of those who wait at it.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) sent: Last,
    pub(crate) received: Last,
    /// How many senders there are.
    pub(crate) senders: Cell<usize>,
}

/// Who used one end last.
#[derive(Default)]
pub(crate) struct Last {
    task: Cell<Option<Holder>>,
    of: Cell<LoopKey>,
}

impl Last {
    /// Whoever runs uses it, at `site`.
    #[inline]
    pub(crate) fn note(&self, site: Site) {
        self.task.set(current::holder(site));
        self.of.set(current::key());
    }

    /// A task of the loop `of`, if one did.
    pub(super) fn of_loop(&self, of: LoopKey) -> Option<Holder> {
        self.task.get().filter(|_| self.of.get() == of)
    }
}
