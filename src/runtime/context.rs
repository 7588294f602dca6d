//! Which runtime am I in: what `spawn`, `sleep` and sockets find without being handed it (floor 3).

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use super::core::Shared;

thread_local! {
    static ENTERED: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// Marks the thread as being inside a runtime until it is dropped.
///
/// Made by [`Runtime::enter`](super::Runtime::enter). Guards nest; drop them in the reverse order.
#[must_use = "the context is left as soon as the guard is dropped"]
pub struct EnterGuard<'a> {
    outer: Option<Rc<Shared>>,
    runtime: PhantomData<&'a Rc<Shared>>,
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // Dropped after the borrow: it may be the last hold on a runtime.
        let _inner = ENTERED.try_with(|entered| entered.replace(outer));
    }
}

pub(crate) fn enter(shared: &Rc<Shared>) -> EnterGuard<'_> {
    // A runtime that is dropped while its thread ends has no context any more.
    let outer = ENTERED.try_with(|entered| entered.replace(Some(shared.clone())));
    EnterGuard { outer: outer.unwrap_or(None), runtime: PhantomData }
}

/// The runtime that the thread is in.
pub(crate) fn current() -> Option<Rc<Shared>> {
    ENTERED.try_with(|entered| entered.borrow().clone()).ok().flatten()
}

/// Lends the runtime that the thread is in to `f`, which must not run user code.
pub(crate) fn with<R>(f: impl FnOnce(&Shared) -> R) -> Option<R> {
    ENTERED.try_with(|entered| entered.borrow().as_deref().map(f)).ok().flatten()
}

/// The runtime that the thread is in, for a function that can't go on without.
///
/// # Panics
/// Outside of a runtime: it says which function wanted one, and what to do.
#[track_caller]
pub(crate) fn expect(what: &str) -> Rc<Shared> {
    match current() {
        Some(shared) => shared,
        None => refuse(what),
    }
}

/// # Panics
/// Always: there is no runtime here.
#[cold]
#[track_caller]
pub(crate) fn refuse(what: &str) -> ! {
    panic!(
        "{what} was called outside of a turno runtime: call it from a task, from inside \
         `Runtime::block_on`, or while the guard of `Runtime::enter` is alive"
    )
}
