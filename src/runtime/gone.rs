//! Why a socket cannot be waited for here (floor 3).

use std::fmt;
use std::io;

use super::link::Link;

/// The runtime of a socket is gone.
#[derive(Debug)]
struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the turno runtime of this socket has been shut down")
    }
}

impl std::error::Error for Gone {}

pub(crate) fn error() -> io::Error {
    io::Error::other(Gone)
}

/// Whether an I/O error says that the runtime of the socket is gone.
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Gone>())
}

/// The error of a socket that was polled where its runtime is not.
#[cold]
pub(crate) fn explain(link: &Link) -> io::Error {
    if link.inbox.is_closed() {
        return error();
    }
    io::Error::other(
        "a socket was polled outside of the turno runtime it was made in: poll it from a task of \
         that runtime, on its thread, or take it out with `into_std` and make it anew \
         with `from_std`",
    )
}
