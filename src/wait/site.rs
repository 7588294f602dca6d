//! Where in the program a future is awaited (floor 2).

use super::Site;
use crate::task::current;

/// Where a future is awaited that is polled at `caller`. If that is the standard library's code,
/// which polls for a `&mut`, it is the `select!`, `join!` or timeout around it; without one, the
/// place where the future was `made` is the best that is known.
#[inline]
pub(crate) fn awaited_at(caller: Site, made: Site) -> Site {
    if is_std(caller.file()) { current::group().unwrap_or(made) } else { caller }
}

/// Whether it is the file of the standard library in which a `&mut`, a `Pin` or a `Box` is polled:
/// as it is named in a program, or where the sources lie.
#[inline]
fn is_std(file: &str) -> bool {
    (file.ends_with("future.rs") || file.ends_with("boxed.rs"))
        && (file.starts_with("/rustc/") || file.contains("library"))
}
