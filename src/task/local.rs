//! Values that belong to a task and are found from anywhere in it (floor 4).

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use super::inherit::{self, Carry};

/// Declares keys of values that belong to tasks: see [`LocalKey`](crate::task::LocalKey).
///
/// ```
/// turno::task_local! {
///     /// Who asks.
///     pub static USER: String;
///
///     /// A task that is spawned inside of its scope has a clone of the value, too.
///     #[inherit]
///     static REQUEST: u64;
/// }
/// # turno::block_on(async {
/// let (user, request) = USER.scope("ann".to_string(), REQUEST.scope(7, async {
///     let task = turno::spawn(async { (USER.try_get().is_ok(), REQUEST.get()) });
///     assert_eq!(USER.get(), "ann");
///     task.await.unwrap()
/// })).await;
/// assert_eq!((user, request), (false, 7));
/// # });
/// ```
///
/// What is inherited has to be `Clone`:
///
/// ```compile_fail,E0277
/// struct Unique;
/// turno::task_local! {
///     #[inherit]
///     static UNIQUE: Unique;
/// }
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($($keys:tt)+) => {
        $crate::__task_local! { [] plain $($keys)+ }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __task_local {
    ([$($attr:tt)*] $kind:ident #[inherit] $($rest:tt)+) => {
        $crate::__task_local! { [$($attr)*] inherited $($rest)+ }
    };
    ([$($attr:tt)*] $kind:ident #[$next:meta] $($rest:tt)+) => {
        $crate::__task_local! { [$($attr)* #[$next]] $kind $($rest)+ }
    };
    ([$($attr:tt)*] $kind:ident $vis:vis static $name:ident: $t:ty $(; $($rest:tt)*)?) => {
        $($attr)*
        $vis static $name: $crate::task::LocalKey<$t> = {
            ::std::thread_local! {
                static __KEY: ::std::cell::RefCell<::std::option::Option<$t>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::__task_local!(@$kind __KEY $name)
        };
        $crate::task_local! { $($($rest)*)? }
    };
    (@plain $key:ident $name:ident) => {
        $crate::task::LocalKey::__new($key, ::std::option::Option::None)
    };
    (@inherited $key:ident $name:ident) => {
        $crate::task::LocalKey::__new(
            $key,
            ::std::option::Option::Some(|| $crate::__private::carry(&$name)),
        )
    };
}

/// The key of a value that belongs to a task; made by [`task_local!`](crate::task_local!).
///
/// A value has a scope: a future, or a closure. It is found through the key while the future is
/// polled or dropped (as by an abort), or the closure runs, and nowhere else: tasks that run in
/// between don't see it. A scope inside of a scope hides the outer one's value.
///
/// # Inheritance
/// What a task spawns is no part of its scopes. A key declared `#[inherit]` asks for more: a task
/// spawned on this thread while the key has a value gets a clone of it, made by
/// [`spawn`](crate::spawn()) and seen by the task from its first poll until its future is dropped;
/// and so do the tasks it spawns. This holds for whatever spawns here, as
/// [`JoinSet`](super::JoinSet) and [`Builder`](super::Builder); not for what goes through a
/// [`Handle`](crate::runtime::Handle), nor for blocking jobs.
///
/// # Cost
/// A look at a thread-local variable. A scope moves its value in and out at every poll, so put what
/// is large into an `Rc`. A spawn looks once whether anything is to be inherited; if so it makes
/// one more allocation for each value and one for the task.
pub struct LocalKey<T: 'static> {
    value: thread::LocalKey<RefCell<Option<T>>>,
    /// How a new task gets its clone, if the key is inherited.
    carry: Option<Carry>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(value: thread::LocalKey<RefCell<Option<T>>>, carry: Option<Carry>) -> Self {
        Self { value, carry }
    }

    /// Gives `future` a value to find under this key.
    ///
    /// # Cancel safety
    /// As that of `future`.
    ///
    /// # Panics
    /// When it is polled inside of this key's [`with`](Self::with).
    ///
    /// ```
    /// turno::task_local! { static DEPTH: u32; }
    ///
    /// # turno::block_on(async {
    /// let deeper = async { DEPTH.scope(DEPTH.get() + 1, async { DEPTH.get() }).await };
    /// assert_eq!(DEPTH.scope(1, deeper).await, 2);
    /// # });
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture { key: self, slot: Some(value), future: Some(future) }
    }

    /// Gives `f` a value to find under this key.
    ///
    /// # Panics
    /// Inside of this key's [`with`](Self::with).
    #[track_caller]
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut slot = Some(value);
        let _scope = self.enter(&mut slot);
        f()
    }

    /// Shows the value to `f`.
    ///
    /// # Panics
    /// Outside of the key's scopes.
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => panic!(
                "a task-local value was wanted outside of its scope: call this from inside \
                 `LocalKey::scope`, or declare the key with `#[inherit]` if it was called from a \
                 task that was spawned there"
            ),
        }
    }

    /// Shows the value to `f`.
    ///
    /// # Errors
    /// Outside of the key's scopes; `f` is not called.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let found = self.value.try_with(|value| value.borrow().as_ref().map(f));
        found.ok().flatten().ok_or(AccessError(()))
    }

    /// Exchanges the value with the one in `slot`. False if it cannot be done here.
    #[inline]
    pub(super) fn swap(&'static self, slot: &mut Option<T>) -> bool {
        let swapped = self.value.try_with(|value| match value.try_borrow_mut() {
            Ok(mut value) => {
                mem::swap(&mut *value, slot);
                Some(value.is_some())
            }
            Err(_) => None,
        });
        let Ok(Some(is)) = swapped else { return false };
        let was = slot.is_some();
        if let Some(carry) = self.carry
            && was != is
        {
            inherit::note(std::ptr::from_ref(self).addr(), carry, is);
        }
        true
    }

    #[inline]
    #[track_caller]
    fn enter<'a>(&'static self, slot: &'a mut Option<T>) -> Scope<'a, T> {
        if !self.swap(slot) {
            refuse();
        }
        Scope { key: self, slot }
    }
}

/// # Panics
/// Always.
#[cold]
#[track_caller]
pub(super) fn refuse() -> ! {
    panic!(
        "the scope of a task-local value was entered while the value is looked at: do not poll, \
         run or drop a scope inside of the same key's `LocalKey::with`"
    )
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    /// Outside of the key's scopes.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the value.
    ///
    /// # Errors
    /// Outside of the key's scopes.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// The value is in its place until this is dropped.
// No closure: that would be one more frame for a debugger, and hide who polls.
struct Scope<'a, T: 'static> {
    key: &'static LocalKey<T>,
    slot: &'a mut Option<T>,
}

impl<T: 'static> Drop for Scope<'_, T> {
    fn drop(&mut self) {
        self.key.swap(self.slot);
    }
}

pin_project! {
    /// The future of [`LocalKey::scope`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        slot: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T, F> PinnedDrop for TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() && this.key.swap(this.slot) {
                let _scope = Scope { key: this.key, slot: this.slot };
                this.future.set(None);
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, so that the future finds none if it is polled again.
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().slot.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _scope = this.key.enter(this.slot);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a `TaskLocalFuture` was polled after it was done");
        };
        let poll = future.poll(cx);
        if poll.is_ready() {
            this.future.set(None); // While the value is there.
        }
        poll
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("value", &self.slot).finish_non_exhaustive()
    }
}

/// There is no value under the key: this is outside of its scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set")
    }
}

impl std::error::Error for AccessError {}
