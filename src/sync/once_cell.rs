//! A value that is made once, by whoever needs it first (floor 4).

use std::cell;
use std::fmt;
use std::panic::Location;

use super::lock::{Held, Lock};
use crate::wait::Site;
use crate::wait::reason::WaitReason;

/// A cell that is filled once, if need be by a future.
///
/// Who needs the value while somebody makes it waits. If that one fails, panics or is dropped, the
/// one who has waited longest makes it instead. It is bound to its thread and needs no runtime.
/// Once there is a value, to get it costs what a look into an `Option` does.
///
/// ```
/// # turno::block_on(async {
/// use turno::sync::OnceCell;
///
/// let cell = OnceCell::new();
/// assert_eq!(cell.get_or_init(async || 1).await, &1);
/// assert_eq!(cell.get_or_init(async || 2).await, &1);
/// # });
/// ```
pub struct OnceCell<T> {
    value: cell::OnceCell<T>,
    /// Held by who makes the value.
    lock: Lock,
}

impl<T> OnceCell<T> {
    /// An empty one.
    #[track_caller]
    pub const fn new() -> Self {
        Self { value: cell::OnceCell::new(), lock: Lock::new(WaitReason::OnceCell) }
    }

    /// The same as [`new`](Self::new), which is `const` here.
    #[track_caller]
    pub const fn const_new() -> Self {
        Self::new()
    }

    /// One that is filled, if there is a value.
    #[track_caller]
    pub fn new_with(value: Option<T>) -> Self {
        let cell = Self::new();
        Self { value: value.map_or_else(cell::OnceCell::new, cell::OnceCell::from), ..cell }
    }

    /// One that is filled. It bears tokio's name, but cannot be `const` here.
    #[track_caller]
    pub fn const_new_with(value: T) -> Self {
        Self::new_with(Some(value))
    }

    /// Whether it is filled.
    pub fn initialized(&self) -> bool {
        self.get().is_some()
    }

    /// The value, if it is filled.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, which nobody else can have now, if it is filled.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Fills it. Those who wait get this value.
    ///
    /// # Errors
    /// When it is filled, and when somebody makes a value for it; the value comes back.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        if !self.lock.try_lock(Location::caller()) {
            return Err(SetError::InitializingError(value));
        }
        self.fill(self.lock.held(), value);
        Ok(())
    }

    /// The value. If it is not filled, `init` makes it; if somebody does already, that is waited
    /// for.
    ///
    /// Making it must not need it: that waits for itself.
    ///
    /// # Cancel safety
    /// Dropped before it is done, its place in the queue is lost; if it was making the value, or
    /// was to, the next does.
    #[track_caller]
    pub fn get_or_init<F, Fut>(&self, init: F) -> impl Future<Output = &T>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let site = Location::caller();
        async move {
            match self.turn(site).await {
                Turn::Filled(value) => value,
                Turn::Fill(held) => self.fill(held, init().await),
            }
        }
    }

    /// As [`get_or_init`](Self::get_or_init), for what may fail.
    ///
    /// # Errors
    /// That of `init`. It is not filled then, and the one who has waited longest tries next.
    #[track_caller]
    pub fn get_or_try_init<E, F, Fut>(&self, init: F) -> impl Future<Output = Result<&T, E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let site = Location::caller();
        async move {
            match self.turn(site).await {
                Turn::Filled(value) => Ok(value),
                Turn::Fill(held) => Ok(self.fill(held, init().await?)),
            }
        }
    }

    /// The value, without its cell, if it is filled.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if it is filled: it is empty then.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    /// Waits for the value, or for the right to make it.
    async fn turn(&self, site: Site) -> Turn<'_, T> {
        loop {
            if let Some(value) = self.get() {
                return Turn::Filled(value);
            }
            if self.lock.locking(site).await {
                let held = self.lock.held();
                // It may have been filled since it was asked for.
                if !self.initialized() {
                    return Turn::Fill(held);
                }
            }
        }
    }

    fn fill(&self, held: Held<'_>, value: T) -> &T {
        let value = self.value.get_or_init(|| value);
        held.open();
        value
    }
}

enum Turn<'a, T> {
    Filled(&'a T),
    Fill(Held<'a>),
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new_with(Some(value))
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// Why an [`OnceCell`] could not be [set](OnceCell::set), with the value.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// It is filled already.
    AlreadyInitializedError(T),
    /// Somebody makes a value for it.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether it is filled already.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, Self::AlreadyInitializedError(_))
    }

    /// Whether somebody makes a value for it.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, Self::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInitializedError(_) => "the cell is filled already",
            Self::InitializingError(_) => "somebody makes a value for the cell",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SetError<T> {}
