//! The tasks of a run as the model sees them, found by id or by their number in the script
//! (floor 1).

use crate::task::id::Id;

/// One task as the model sees it.
pub(super) struct Known {
    /// Its number in the script.
    pub(super) task: usize,
    pub(super) id: Id,
    /// There was a `ready` that no `pick` has used up.
    pub(super) licensed: bool,
    pub(super) gone: bool,
}

/// All that were ever spawned. Serial numbers begin at 1 and leave none out.
#[derive(Default)]
pub(super) struct Roll {
    known: Vec<Known>,
    /// By the script's numbers: the serial number of each, or 0.
    serials: Vec<u64>,
}

impl Roll {
    pub(super) fn add(&mut self, task: usize, id: Id) {
        self.known.push(Known { task, id, licensed: false, gone: false });
        if self.serials.len() <= task {
            self.serials.resize(task + 1, 0);
        }
        self.serials[task] = id.serial();
    }

    /// A number that no task of the script has had yet.
    pub(super) fn unused(&self) -> usize {
        self.serials.len()
    }

    /// The id of a task of the script that is there.
    pub(super) fn id(&self, task: usize) -> Option<Id> {
        let serial = self.serials.get(task).copied()?;
        let known = self.known.get((serial as usize).checked_sub(1)?)?;
        (!known.gone).then_some(known.id)
    }

    pub(super) fn get(&self, id: Id) -> Option<&Known> {
        self.known.get(id.serial() as usize - 1).filter(|known| known.id == id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Known> {
        self.known.get_mut(id.serial() as usize - 1).filter(|known| known.id == id)
    }

    /// The tasks that are in the policy's hands: slow, and asked for only when something is wrong
    /// or the script is short.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(|known| known.licensed && !known.gone)
    }
}
