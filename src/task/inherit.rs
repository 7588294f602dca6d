//! What a task inherits from the one that spawns it: values of keys that ask for it (floor 4).
//!
//! The wrapper goes around the task's box, not around its future. So a spawn that inherits nothing,
//! as nearly all do, costs one look at a thread-local variable and makes the same task as ever: no
//! second copy of the machine code for each future, no byte in the task, no branch in a switch, no
//! stack frame. A task that does inherit is one box more, and a debugger finds [`Heir::run`]
//! between `switch_to` and the task.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;

use super::info::Left;
use super::join::JoinError;
use super::local::{self, LocalKey};
use super::run::{BoxedTask, Run, Spawned};
use super::wake::TaskWaker;

/// Makes a clone of the value that a key has now.
pub type Carry = fn() -> Option<Box<dyn Carried>>;

/// A value on its way through a task's life.
pub trait Carried {
    /// Puts the value into its place; false if that cannot be done here.
    fn enter(&mut self) -> bool;

    /// Takes it out again, if it is there.
    fn leave(&mut self);
}

struct Held<T: 'static> {
    key: &'static LocalKey<T>,
    slot: Option<T>,
    inside: bool,
}

impl<T: 'static> Carried for Held<T> {
    fn enter(&mut self) -> bool {
        self.inside = self.key.swap(&mut self.slot);
        self.inside
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.inside) {
            self.key.swap(&mut self.slot);
        }
    }
}

/// What `task_local!` gives to a key that is inherited.
pub fn carry<T: Clone + 'static>(key: &'static LocalKey<T>) -> Option<Box<dyn Carried>> {
    let value = key.try_get().ok()?;
    Some(Box::new(Held { key, slot: Some(value), inside: false }))
}

thread_local! {
    /// How many inherited keys have a value now.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// They themselves, by their addresses, in the order in which they got it.
    static KEYS: RefCell<Vec<(usize, Carry)>> = const { RefCell::new(Vec::new()) };
}

/// The inherited key at `address` has a value from now on, or has none any more.
#[cold]
pub(super) fn note(address: usize, carry: Carry, has_value: bool) {
    // While the thread ends nothing is spawned any more.
    let _ = KEYS.try_with(|keys| {
        let mut keys = keys.borrow_mut();
        if has_value {
            keys.push((address, carry));
        } else if let Some(at) = keys.iter().rposition(|(key, _)| *key == address) {
            keys.remove(at);
        }
        COUNT.with(|count| count.set(keys.len()));
    });
}

/// The task as it is to be put into the table: with what it inherits.
#[inline]
pub(super) fn endow(task: BoxedTask) -> BoxedTask {
    if COUNT.with(Cell::get) == 0 { task } else { make_heir(task) }
}

#[cold]
fn make_heir(task: BoxedTask) -> BoxedTask {
    let mut values = Vec::new();
    let key = |n: usize| KEYS.try_with(|keys| keys.borrow().get(n).map(|(_, carry)| *carry));
    for n in 0.. {
        // One at a time: a clone is user code.
        let Ok(Some(carry)) = key(n) else { break };
        values.extend(carry());
    }
    Box::pin(Heir { task: Some(task), values })
}

/// A task with what it has inherited.
struct Heir {
    /// `None` only while it is dropped.
    task: Option<BoxedTask>,
    values: Vec<Box<dyn Carried>>,
}

impl Heir {
    /// The task, and its values in their places; false if one of them cannot be there.
    fn enter(&mut self) -> (Option<&mut BoxedTask>, Inside<'_>, bool) {
        let mut all = true;
        for value in &mut self.values {
            all &= value.enter();
        }
        (self.task.as_mut(), Inside(&mut self.values), all)
    }
}

/// The values are in their places until this is dropped.
struct Inside<'a>(&'a mut [Box<dyn Carried>]);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        for value in self.0.iter_mut().rev() {
            value.leave();
        }
    }
}

impl Run for Heir {
    fn run(mut self: Pin<&mut Self>, spare: &mut Arc<TaskWaker>) -> Left {
        let (task, inside, all) = self.enter();
        if !all {
            local::refuse();
        }
        let Some(task) = task else { return Left::Done };
        let left = task.as_mut().run(spare);
        drop(inside);
        if left == Left::Done {
            self.values.clear(); // They go with the future, not with the result.
        }
        left
    }

    fn waker(&self) -> Option<&Arc<TaskWaker>> {
        self.task.as_ref().and_then(|task| task.waker())
    }
}

impl Spawned for Heir {
    fn fail(mut self: Pin<&mut Self>, error: JoinError) {
        let (task, inside, _) = self.enter();
        if let Some(task) = task {
            task.as_mut().fail(error);
        }
        drop(inside);
        self.values.clear();
    }

    fn take_result(mut self: Pin<&mut Self>, into: &mut dyn Any) {
        if let Some(task) = &mut self.task {
            task.as_mut().take_result(into);
        }
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        let task = self.task.take();
        let (_, inside, _) = self.enter();
        drop(task);
        drop(inside);
    }
}
