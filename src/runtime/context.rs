//! Which runtime am I in: what `spawn`, `sleep` and sockets find without being handed it (floor 3).
//!
//! A thread may be inside of several, one in the other: a stack. What the loop itself enters is
//! left in order. The guards of [`Runtime::enter`](super::Runtime::enter) are the program's, which
//! may drop them in any order, never, or in another task; each is known by its number, so that one
//! never takes another's entry with it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::thread;

use super::core::Shared;
use crate::task::current::{self, LoopKey};
use crate::task::id::Id;
use crate::wait::Site;

thread_local! {
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    /// The number of the next guard.
    static GUARDS: Cell<u64> = const { Cell::new(0) };
}

/// The thread is inside of a runtime.
struct Entry {
    shared: Rc<Shared>,
    /// The number of its guard, which no other has on this thread.
    guard: u64,
    /// Where the program entered, and in which task; `None` for the runtime itself.
    by: Option<(Site, Option<Id>)>,
}

/// Marks the thread as being inside a runtime until it is dropped.
///
/// Made by [`Runtime::enter`](super::Runtime::enter). Guards nest: drop them in the reverse order,
/// and before the next await.
///
/// # Panics
/// Its drop, when a guard that was made later is still there. The thread leaves this runtime all
/// the same, and stays in that of the other guard.
#[must_use = "the context is left as soon as the guard is dropped"]
pub struct EnterGuard<'a> {
    guard: u64,
    runtime: PhantomData<&'a Rc<Shared>>,
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        let left = change(|stack| {
            let at = place_of(stack, self.guard)?;
            Some((stack.remove(at), at < stack.len()))
        });
        // Dropped after the borrow: it may be the last hold on a runtime.
        let Some((_, is_below)) = left.flatten() else { return };
        assert!(
            !is_below || thread::panicking(),
            "`EnterGuard` values dropped out of order. Guards returned by \
             `turno::runtime::Runtime::enter()` must be dropped in the reverse order as they were \
             acquired."
        );
    }
}

/// The runtime itself is at work on the thread until this is dropped.
pub(crate) struct Inside(u64);

impl Drop for Inside {
    fn drop(&mut self) {
        let left = change(|stack| {
            let above = stack.split_off(place_of(stack, self.0)? + 1);
            Some((above, stack.pop()))
        });
        // Dropped after the borrow, as above.
        let Some((above, _)) = left.flatten() else { return };
        let stray = above.into_iter().find_map(|entry| entry.by).map(Stray::of);
        if let Some(stray) = stray.filter(|_| !thread::panicking()) {
            panic!("{stray}");
        }
    }
}

/// A guard that is still there when the code that made it is over.
pub(crate) struct Stray {
    made: Site,
    /// In whose switch it was made.
    pub(crate) by: Option<Id>,
}

impl Stray {
    fn of((made, by): (Site, Option<Id>)) -> Self {
        Self { made, by }
    }
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the guard of `Runtime::enter` that was made at {} is still there: others would run \
             inside of that runtime. Drop the guard before the next await and before the end; to \
             start something on another runtime, use its `Handle`",
            self.made
        )
    }
}

fn change<R>(f: impl FnOnce(&mut Vec<Entry>) -> R) -> Option<R> {
    // A runtime that is dropped while its thread ends has no context any more.
    ENTERED.try_with(|entered| f(&mut entered.borrow_mut())).ok()
}

fn place_of(stack: &[Entry], guard: u64) -> Option<usize> {
    stack.iter().rposition(|entry| entry.guard == guard)
}

fn push(shared: &Rc<Shared>, by: Option<(Site, Option<Id>)>) -> u64 {
    let push = |stack: &mut Vec<Entry>| {
        let guard = GUARDS.replace(GUARDS.get() + 1);
        stack.push(Entry { shared: shared.clone(), guard, by });
        guard
    };
    change(push).unwrap_or(u64::MAX)
}

/// The program enters.
#[track_caller]
pub(crate) fn enter(shared: &Rc<Shared>) -> EnterGuard<'_> {
    if current::in_a_turn() {
        current::note_errand(); // To look after the switch whether the guard is gone.
    }
    let guard = push(shared, Some((Location::caller(), current::task())));
    EnterGuard { guard, runtime: PhantomData }
}

/// The runtime itself is at work.
pub(crate) fn inside(shared: &Rc<Shared>) -> Inside {
    Inside(push(shared, None))
}

/// Leaves what the program has entered since the loop of the present turn was, and tells of the
/// first. The guards of it do nothing any more.
#[cold]
pub(crate) fn strays() -> Option<Stray> {
    let left = change(|stack| {
        let own = stack.iter().rposition(|entry| entry.by.is_none());
        own.map(|own| stack.split_off(own + 1))
    });
    let left = left.flatten()?;
    left.first().and_then(|entry| entry.by).map(Stray::of)
}

/// The runtime is gone: what has entered it is not inside any more.
pub(crate) fn evict(shared: &Rc<Shared>) {
    let is_in = |entry: &mut Entry| entry.by.is_some() && Rc::ptr_eq(&entry.shared, shared);
    drop(change(|stack| stack.extract_if(.., is_in).collect::<Vec<_>>()));
}

/// The runtime that the thread is in.
pub(crate) fn current() -> Option<Rc<Shared>> {
    with_stack(|stack| stack.last().map(|entry| entry.shared.clone())).flatten()
}

/// A runtime that the thread is in, if only further out.
pub(crate) fn find(key: LoopKey) -> Option<Rc<Shared>> {
    let is = |entry: &&Entry| entry.shared.key() == key;
    with_stack(|stack| stack.iter().find(is).map(|entry| entry.shared.clone())).flatten()
}

/// Lends the runtime that the thread is in to `f`, which must not run user code.
pub(crate) fn with<R>(f: impl FnOnce(&Shared) -> R) -> Option<R> {
    with_stack(|stack| stack.last().map(|entry| f(&entry.shared))).flatten()
}

fn with_stack<R>(f: impl FnOnce(&[Entry]) -> R) -> Option<R> {
    ENTERED.try_with(|entered| f(&entered.borrow())).ok()
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
