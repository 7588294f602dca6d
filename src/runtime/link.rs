//! The ways to a runtime that may be kept anywhere (floor 3).

use std::sync::Arc;

use super::context;
use super::core::Shared;
use super::log::SwitchLog;
use crate::task::current::LoopKey;
use crate::task::inbox::{self, Inbox, Letter};

/// What of a runtime may be used on any thread: sockets and handles hold it.
pub(crate) struct Link {
    pub(crate) inbox: Arc<Inbox>,
    /// Where sources register and leave.
    pub(crate) registry: mio::Registry,
    pub(crate) log: SwitchLog,
}

/// Changes something of the loop `key`: at once where its thread is in its context, by letter from
/// anywhere else. `change` runs no user code; what it returns is dropped when nothing is borrowed.
pub(crate) fn change<R>(key: LoopKey, change: impl Fn(&Shared) -> R + Send + 'static) {
    let here = move || {
        let own = |shared: &Shared| (shared.key() == key).then(|| change(shared));
        context::with(own).flatten()
    };
    if let Some(done) = here() {
        return drop(done);
    }
    if let Some(inbox) = inbox::find(key) {
        inbox.send(Letter::Job(Box::new(move || drop(here()))));
    }
}
