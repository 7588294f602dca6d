//! Ready tasks by serial number, in the order in which they came (floor 1).
//!
//! What [`Replay`](super::Replay) keeps: a schedule names tasks by their serial numbers. Cost:
//! O(log n).

use std::collections::BTreeMap;

use crate::task::id::Id;

#[derive(Clone, Debug, Default)]
pub(super) struct BySerial {
    ready: BTreeMap<u64, (u64, Id)>,
    came: u64,
}

impl BySerial {
    pub(super) fn push(&mut self, id: Id) {
        self.came += 1;
        self.ready.insert(id.serial(), (self.came, id));
    }

    pub(super) fn get(&self, serial: u64) -> Option<Id> {
        self.ready.get(&serial).map(|&(_, id)| id)
    }

    pub(super) fn remove(&mut self, serial: u64) -> Option<Id> {
        self.ready.remove(&serial).map(|(_, id)| id)
    }

    /// Takes whoever came first.
    pub(super) fn pop(&mut self) -> Option<Id> {
        let &(_, first) = self.ready.values().min()?;
        self.remove(first.serial())
    }

    /// All, as they came.
    pub(super) fn in_order(&self) -> Vec<Id> {
        let mut ready: Vec<_> = self.ready.values().copied().collect();
        ready.sort_unstable();
        ready.into_iter().map(|(_, id)| id).collect()
    }
}
