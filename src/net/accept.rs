//! Accepting: what TCP's and Unix's listeners have in common (floor 4).
//!
//! Two things can make an accept loop harm the rest of the program, and are dealt with here: a
//! flood of connections, and having run out of descriptors.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use super::source::{Source, Waiter};
use crate::reactor::Ready;
use crate::task::info::Nanos;
use crate::wait::Site;

/// How long accepting rests when something has run out.
const REST_NANOS: Nanos = 50_000_000;

/// The gate of a listening socket: it keeps the bound on accepts per turn, and rests.
///
/// Written by the loop's thread only; atomic so that a listener can be shared.
#[derive(Default)]
pub(super) struct Gate {
    /// At most so many connections in one turn; 0 for no bound.
    most: AtomicU32,
    /// The present turn, and how many were taken in it.
    turn: AtomicUsize,
    taken: AtomicU32,
}

impl Gate {
    pub(super) fn set_burst(&self, most: u32) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Waits for a connection, which `accept` takes.
    pub(super) async fn accept<S: mio::event::Source, R>(
        &self,
        site: Site,
        io: &Source<S>,
        accept: impl Fn(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut wait = io.waiter(site);
        poll_fn(|cx| self.poll(io, cx, Some(&mut wait), &accept)).await
    }

    pub(super) fn poll<S: mio::event::Source, R>(
        &self,
        io: &Source<S>,
        cx: &mut Context<'_>,
        wait: Option<&mut Waiter<'_>>,
        accept: impl Fn(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let most = self.most.load(Ordering::Relaxed);
        if most > 0 && self.is_spent(most, io.turn()? as usize) {
            io.defer(cx)?;
            return Poll::Pending;
        }
        let accepted = io.attempt(cx, Ready::READ, wait, accept);
        match &accepted {
            Poll::Ready(Ok(_)) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
            }
            Poll::Ready(Err(error)) if is_exhaustion(error) => {
                // Whatever the kernel says, and whoever asks: nothing is accepted for a while.
                io.rest(REST_NANOS);
            }
            _ => {}
        }
        accepted
    }

    fn is_spent(&self, most: u32, turn: usize) -> bool {
        if self.turn.swap(turn, Ordering::Relaxed) != turn {
            self.taken.store(0, Ordering::Relaxed);
        }
        self.taken.load(Ordering::Relaxed) >= most
    }
}

/// Whether an error says that the process or the system has no descriptor or memory left.
fn is_exhaustion(error: &io::Error) -> bool {
    // EMFILE and ENFILE are 24 and 23 on every Unix; ENOBUFS has no number of its own everywhere.
    matches!(error.raw_os_error(), Some(23 | 24))
        || error.kind() == io::ErrorKind::OutOfMemory
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(105))
        || (cfg!(target_vendor = "apple") && error.raw_os_error() == Some(55))
}
