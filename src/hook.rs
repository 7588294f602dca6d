//! What the environment asks for: observers of any program that is built with turno, without a word
//! of it in the program (floor 5).
//!
//! The builder asks here once for each runtime.

use std::fmt::Display;
use std::io::{self, Write};

use crate::observe::Observer;
use crate::{lints, trace};

/// The observers that `TURNO_TRACE` and `TURNO_LINTS` ask for.
pub(crate) fn from_environment() -> impl Iterator<Item = Box<dyn Observer>> {
    trace::hook::from_environment().into_iter().chain(lints::hook::from_environment())
}

/// Standard error may be gone: that is no reason to panic.
pub(crate) fn say(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "turno: {what}");
}
