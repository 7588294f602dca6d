//! The stall: tasks are left and nothing can ever wake them (floor 3).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::core::Shared;
use crate::task::info::{State, TaskInfo};
use crate::task::wake::TaskWaker;

/// `block_on` can never end: nothing is ready, no timer, socket or blocking job is waited for, no
/// [`Handle`](super::Handle) or [`AbortHandle`](crate::task::AbortHandle) is out, and nobody
/// holds a waker of any task.
#[derive(Debug, Clone)]
pub struct Stalled {
    tasks: Vec<TaskInfo>,
}

impl Stalled {
    /// The tasks that wait for ever, in the order of spawning.
    pub fn tasks(&self) -> &[TaskInfo] {
        &self.tasks
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "stalled: nothing is ready, and nothing can ever wake the tasks that are left:"
        )?;
        for task in &self.tasks {
            writeln!(
                f,
                "  {task}, waiting since {:?}",
                std::time::Duration::from_nanos(task.woken_at)
            )?;
        }
        f.write_str("wake one of them, or do not wait for what nobody will do")
    }
}

impl std::error::Error for Stalled {}

impl Shared {
    /// The proof, if there is one: every clone of every waker is accounted for. The loop calls this
    /// only when no timer is set and it would sleep for ever.
    pub(crate) fn stalled(&self, root: Option<&Arc<TaskWaker>>) -> Option<Stalled> {
        let armed = self.sources.borrow().armed() > 0 || self.blocking.in_flight() > 0;
        // In this order: who goes away after leaving a letter must not be missed.
        if armed || self.link.inbox.is_reachable() || self.link.inbox.is_full() {
            return None;
        }
        let core = self.core.borrow();
        let waiting: Vec<_> =
            core.tasks.iter().filter(|slot| slot.info.state != State::Done).collect();
        let wakers = waiting.iter().filter_map(|slot| slot.run.as_ref()).map(|run| run.waker());
        // How many clones of each waker are out, besides the task's own.
        let mut clones: HashMap<*const (), usize> = wakers
            .chain(root)
            .map(|waker| (Arc::as_ptr(waker).cast(), Arc::strong_count(waker) - 1))
            .collect();
        for joiner in core.tasks.iter().filter_map(|slot| slot.joiner.as_ref()) {
            if let Some(count) = clones.get_mut(&joiner.data()) {
                *count -= 1;
            }
        }
        if clones.values().any(|&count| count > 0) {
            return None;
        }
        let mut tasks: Vec<_> = waiting.iter().map(|slot| slot.info.clone()).collect();
        tasks.sort_by_key(TaskInfo::id);
        Some(Stalled { tasks })
    }
}
