//! `TURNO_LINTS`: lints for any program that is built with turno (floor 5).

use std::env;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Lints;
use crate::hook::say;
use crate::observe::Observer;

const VARIABLE: &str = "TURNO_LINTS";

static COMPLAINED: AtomicBool = AtomicBool::new(false);

/// The observer that the environment asks for. If what it asks for cannot be had, that is said, and
/// nothing is watched.
pub(crate) fn from_environment() -> Option<Box<dyn Observer>> {
    let wanted = env::var_os(VARIABLE).filter(|wanted| !wanted.is_empty())?;
    match Lints::read(&wanted.to_string_lossy()) {
        Ok(lints) => lints.map(|lints| Box::new(lints) as Box<dyn Observer>),
        Err(error) => {
            if !COMPLAINED.swap(true, Relaxed) {
                say(&format!("{VARIABLE}: {error}. Nothing is watched"));
            }
            None
        }
    }
}
