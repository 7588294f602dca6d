//! The task table: a slab in which a stale id finds nothing (floor 2).

use slab::Slab;

use super::finished::Joiner;
use super::id::Id;
use super::info::{State, TaskInfo};
use super::room;
use crate::policy::Lookup;

/// All tasks of one runtime. `R` is what makes a task run; the table only keeps it.
pub(crate) struct Table<R> {
    slots: Slab<Slot<R>>,
}

pub(crate) struct Slot<R> {
    pub(crate) info: TaskInfo,
    /// Taken out while the task runs, so that no borrow is held then. `None` for the root task,
    /// which lives on the stack of `block_on`.
    pub(crate) run: Option<R>,
    /// Who is to be told of its end.
    pub(crate) joiner: Option<Joiner>,
}

impl<R> Table<R> {
    pub(crate) fn new() -> Self {
        Self { slots: Slab::new() }
    }

    /// Inserts the task with this serial number, which no other has had. It is made from its id.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        serial: u64,
        make: impl FnOnce(Id) -> (TaskInfo, Option<R>),
    ) -> Id {
        if self.slots.len() == self.slots.capacity() {
            // By an eighth and not twofold: what is not used yet weighs on every task. (What is
            // large is moved by the kernel, page by page, and not copied.)
            self.slots.reserve_exact(self.slots.len() / 8 + 64);
        }
        let entry = self.slots.vacant_entry();
        // A table of 2^32 tasks would not fit into memory.
        let id = Id::new(entry.key() as u32, serial);
        let (info, run) = make(id);
        entry.insert(Slot { info, run, joiner: None });
        id
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> Option<&Slot<R>> {
        let slot = self.slots.get(id.index()).filter(|slot| slot.info.id == id);
        if slot.is_none() && !id.is_placed() { self.search(id) } else { slot }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Slot<R>> {
        if !id.is_placed() {
            return self.search_mut(id);
        }
        self.slots.get_mut(id.index()).filter(|slot| slot.info.id == id)
    }

    #[cold]
    #[inline(never)]
    fn search_mut(&mut self, id: Id) -> Option<&mut Slot<R>> {
        self.iter_mut().find(|slot| slot.info.id == id)
    }

    /// Finds the task of an id that was told before the task had a place.
    #[cold]
    #[inline(never)]
    fn search(&self, id: Id) -> Option<&Slot<R>> {
        self.iter().find(|slot| slot.info.id == id)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<R>> {
        self.slots.iter_mut().map(|(_, slot)| slot)
    }

    pub(crate) fn remove(&mut self, id: Id) -> Option<Slot<R>> {
        let id = self.get(id)?.info.id;
        self.slots.try_remove(id.index())
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it has grown so much that its memory may be worth giving back.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        room::is_large(self.slots.capacity())
    }

    /// Gives back the memory of a burst, as far as no task lies behind it. Returns how many places
    /// are left, if there were more.
    pub(crate) fn shrink(&mut self) -> Option<usize> {
        let before = self.slots.capacity();
        if room::is_ample(self.slots.len(), before) {
            self.slots.shrink_to_fit();
        }
        let now = self.slots.capacity();
        (now < before).then_some(now)
    }

    /// All tasks, in the order of their places in the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot<R>> {
        self.slots.iter().map(|(_, slot)| slot)
    }
}

impl<R> Lookup for Table<R> {
    fn get(&self, id: Id) -> Option<&TaskInfo> {
        // One that has ended, and waits for its result to be fetched, is gone for a policy.
        Table::get(self, id).map(|slot| &slot.info).filter(|info| info.state != State::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::info::Attributes;

    /// A table against a list of (id, value), under random inserts, removals and look-ups of the
    /// living and the dead.
    #[test]
    fn it_finds_what_a_list_finds() {
        arbtest::arbtest(|u| {
            let mut table: Table<u32> = Table::new();
            let mut living: Vec<(Id, u32)> = Vec::new();
            let mut dead: Vec<Id> = Vec::new();
            let mut serial = u64::from(u32::MAX) - 2; // Soon beyond.
            while !u.is_empty() {
                match u.int_in_range(0..=3)? {
                    0 | 1 => {
                        let value = u.arbitrary()?;
                        serial += 1;
                        let id = table.insert(serial, |id| {
                            let info = TaskInfo::new(id, None, Attributes::default(), 0);
                            (info, Some(value))
                        });
                        assert!(
                            living.iter().all(|(other, _)| *other != id) && !dead.contains(&id)
                        );
                        living.push((id, value));
                    }
                    2 if !living.is_empty() => {
                        let (mut id, value) = living.swap_remove(u.choose_index(living.len())?);
                        if u.arbitrary()? {
                            id = Id::unplaced(id.serial());
                        }
                        assert_eq!(table.remove(id).and_then(|slot| slot.run), Some(value));
                        dead.push(id);
                    }
                    _ => {
                        assert!(dead.iter().all(|&id| table.get(id).is_none()));
                        assert!(dead.iter().all(|&id| table.remove(id).is_none()));
                    }
                }
                let found = living.iter().all(|&(id, v)| {
                    let unplaced = table.get(Id::unplaced(id.serial())).unwrap();
                    table.get(id).unwrap().run == Some(v) && unplaced.info.id == id
                });
                assert!(
                    found && table.len() == living.len() && table.iter().count() == living.len()
                );
            }
            Ok(())
        });
    }
}
