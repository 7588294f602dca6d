//! The way to a runtime that may be kept anywhere (floor 3).

use std::sync::Arc;

use super::context;
use super::core::Shared;
use crate::task::inbox::{Inbox, Letter};

/// What of a runtime may be used on any thread: sockets, timers and handles hold it.
pub(crate) struct Link {
    pub(crate) inbox: Arc<Inbox>,
    /// Where sources register and leave.
    pub(crate) registry: mio::Registry,
}

impl Link {
    /// Changes something of the loop's: at once where its thread is in its context, by letter from
    /// anywhere else. `change` runs no user code; what it returns is dropped when nothing is
    /// borrowed.
    pub(crate) fn change<R>(&self, change: impl Fn(&Shared) -> R + Send + 'static) {
        let key = self.inbox.key();
        let here = move || {
            let own = |shared: &Shared| (shared.key() == key).then(|| change(shared));
            context::with(own).flatten()
        };
        match here() {
            Some(done) => drop(done),
            None => drop(self.inbox.send(Letter::Job(Box::new(move || drop(here()))))),
        }
    }
}
