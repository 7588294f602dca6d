//! Trying again after a pause, where the kernel sends no event (floor 4).
//!
//! A Unix socket's queue of connections, or of datagrams from those who are not connected to it,
//! says nothing to a sender when it has room again. All that is left is to ask, more and more
//! seldom.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::time::sleep;
use crate::wait::Site;

/// The pauses between attempts: from 1 ms, each twice as long as the one before, to 50 ms.
///
/// Written by the loop's thread only; atomic so that a socket can be shared.
#[derive(Default)]
pub(super) struct Backoff {
    /// The last pause in milliseconds; 0 for none.
    last: AtomicU32,
}

impl Backoff {
    pub(super) fn next(&self) -> Duration {
        let next = (2 * self.last.load(Ordering::Relaxed)).clamp(1, 50);
        self.last.store(next, Ordering::Relaxed);
        Duration::from_millis(next.into())
    }

    /// An attempt was not in vain.
    pub(super) fn reset(&self) {
        self.last.store(0, Ordering::Relaxed);
    }
}

/// Calls `op` until it says something else than `WouldBlock`, with pauses in between, which wait at
/// `site`.
pub(super) async fn retry<R>(site: Site, mut op: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    let backoff = Backoff::default();
    loop {
        match op() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
        let mut pause = pin!(sleep(backoff.next()));
        poll_fn(|cx| pause.as_mut().poll_at(cx, site)).await;
    }
}
