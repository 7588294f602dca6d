//! A heap of tasks by key: least key first, then first come, first served (floor 1).
//!
//! For every policy whose order is a number fixed when a task becomes ready: a deadline, a
//! remaining size, a virtual time. An entry is not searched for when its task leaves or its key
//! changes: it is left to be recognised as stale when it surfaces. Cost: O(log n) in the number
//! of tasks ready. Stale entries are swept out when they are more than half, which costs O(log n)
//! per change.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::task::id::Id;

/// Key, order of arrival (unique, from 1), and whose it is.
type Entry = (u64, u64, Id);

/// Tasks by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyed {
    heap: BinaryHeap<Reverse<Entry>>,
    /// The one entry that counts for each task, by the index of its id.
    current: Vec<Option<Entry>>,
    /// How many tasks are queued.
    len: usize,
    arrivals: u64,
}

impl Keyed {
    /// Queues the task under `key`, behind those that have the same.
    pub(super) fn push(&mut self, key: u64, id: Id) {
        self.arrivals += 1;
        let index = id.index();
        if self.current.len() <= index {
            self.current.resize(index + 1, None);
        }
        let entry = (key, self.arrivals, id);
        self.len += usize::from(self.current[index].replace(entry).is_none());
        self.heap.push(Reverse(entry));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the task with the least key, and its key.
    pub(super) fn pop(&mut self) -> Option<(u64, Id)> {
        loop {
            let Reverse(entry) = self.heap.pop()?;
            let (key, _, id) = entry;
            if self.current[id.index()] == Some(entry) {
                self.current[id.index()] = None;
                self.len -= 1;
                return Some((key, id));
            }
        }
    }

    /// Gives a queued task another key. Among equals it stays where its arrival puts it.
    pub(super) fn rekey(&mut self, key: u64, id: Id) {
        let Some(Some(current)) = self.current.get_mut(id.index()) else { return };
        let (old, arrival, queued) = *current;
        if queued == id && old != key {
            *current = (key, arrival, id);
            self.heap.push(Reverse(*current));
            self.sweep();
        }
    }

    /// Takes the task out, if it is queued.
    pub(super) fn remove(&mut self, id: Id) {
        let Some(current) = self.current.get_mut(id.index()) else { return };
        if current.is_some_and(|(_, _, queued)| queued == id) {
            *current = None;
            self.len -= 1;
            self.sweep();
        }
    }

    /// The tasks in the order in which they would be taken: of a copy, slow and exact, for those
    /// who look.
    pub(super) fn first(&self, most: usize) -> Vec<Id> {
        let mut copy = self.clone();
        std::iter::from_fn(|| copy.pop()).map(|(_, id)| id).take(most).collect()
    }

    /// Rebuilds the heap from what counts, once that is less than half of it.
    fn sweep(&mut self) {
        if self.heap.len() > 2 * self.len + 64 {
            // A key that came back has made the same entry twice; popping one makes the other
            // stale, but here both would be kept.
            let mut entries = std::mem::take(&mut self.heap).into_vec();
            entries.retain(|&Reverse(entry)| self.current[entry.2.index()] == Some(entry));
            entries.sort_unstable();
            entries.dedup();
            self.heap = entries.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [u32; 3] = [0, 1, 2];

    fn keyed(keys: [u64; 3]) -> (Keyed, [Id; 3]) {
        let mut keyed = Keyed::default();
        let ids = IDS.map(|n| Id::new(n, u64::from(n) + 1));
        ids.iter().for_each(|&id| keyed.push(keys[id.index()], id));
        (keyed, ids)
    }

    #[test]
    fn least_key_first_then_first_come_first_served() {
        let (mut keyed, [a, b, c]) = keyed([5, 3, 5]);
        assert_eq!(
            [keyed.pop(), keyed.pop(), keyed.pop()],
            [Some((3, b)), Some((5, a)), Some((5, c))]
        );
        assert_eq!((keyed.pop(), keyed.len), (None, 0));
    }

    #[test]
    fn a_key_that_goes_and_comes_back_counts_once() {
        let (mut keyed, [a, b, c]) = keyed([5, 5, 5]);
        keyed.rekey(9, a);
        keyed.rekey(5, a);
        keyed.remove(b);
        assert_eq!([keyed.pop(), keyed.pop(), keyed.pop()], [Some((5, a)), Some((5, c)), None]);
    }

    #[test]
    fn a_million_changes_take_no_more_room_than_a_few() {
        let (mut keyed, [a, ..]) = keyed([5, 5, 5]);
        for key in 0..1_000_000 {
            let before = keyed.heap.len();
            keyed.rekey(key % 2, a);
            let swept = keyed.heap.len() < before;
            assert!(keyed.heap.len() <= if swept { 3 } else { 70 });
        }
        assert_eq!((keyed.pop(), keyed.len), (Some((1, a)), 2));
    }
}
