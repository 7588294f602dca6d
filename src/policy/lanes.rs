//! Numbered queues, first in, first out, which a task can leave from the middle (floor 1).
//!
//! What [`RoundRobin`](super::RoundRobin) keeps per group and strict [`Priority`](super::Priority)
//! per level. Each task is in one lane at most, so the links of all lanes fit into one table with a
//! place for each task, and leaving the middle costs no more than leaving the end. Nothing stale is
//! ever in it. Cost: O(1) in the number of tasks, O(log n) in the number of lanes in use.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::task::id::Id;

/// No place in the table. The task table would need 2^32 tasks to use it.
const NONE: u32 = u32::MAX;

/// Queues of tasks by number. A lane exists while somebody is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<u32, Ends>,
    /// By the index of a task's id.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// Who is queued here, if anybody is.
    id: Option<Id>,
    lane: u32,
    before: u32,
    after: u32,
}

impl Lanes {
    /// Puts the task at the end of `lane`, whatever lane it was in.
    pub(super) fn push(&mut self, lane: u32, id: Id) {
        let index = id.index();
        if self.links.len() <= index {
            self.links.resize(index + 1, Link { id: None, lane: 0, before: NONE, after: NONE });
        }
        if let Some(occupant) = self.links[index].id {
            self.remove(occupant);
        }
        let place = index as u32;
        let ends = self.lanes.entry(lane).or_insert(Ends { first: place, last: NONE });
        let before = std::mem::replace(&mut ends.last, place);
        self.links[index] = Link { id: Some(id), lane, before, after: NONE };
        if before != NONE {
            self.links[before as usize].after = place;
        }
    }

    /// Takes the first task of `lane`.
    pub(super) fn pop(&mut self, lane: u32) -> Option<Id> {
        let first = self.lanes.get(&lane)?.first;
        let id = self.links[first as usize].id?;
        self.remove(id);
        Some(id)
    }

    /// Takes the task out of its lane, if it is in one.
    pub(super) fn remove(&mut self, id: Id) {
        let Some(lane) = self.lane_of(id) else { return };
        let Link { before, after, .. } = self.links[id.index()];
        self.links[id.index()].id = None;
        if before == NONE && after == NONE {
            self.lanes.remove(&lane);
            return;
        }
        if before != NONE {
            self.links[before as usize].after = after;
        }
        if after != NONE {
            self.links[after as usize].before = before;
        }
        let Some(ends) = self.lanes.get_mut(&lane) else { return };
        if before == NONE {
            ends.first = after;
        }
        if after == NONE {
            ends.last = before;
        }
    }

    /// The lane that the task is in.
    pub(super) fn lane_of(&self, id: Id) -> Option<u32> {
        self.links.get(id.index()).filter(|link| link.id == Some(id)).map(|link| link.lane)
    }

    /// The first lane in use whose number is not below `lane`.
    pub(super) fn from(&self, lane: u32) -> Option<u32> {
        self.lanes.range(lane..).next().map(|(&lane, _)| lane)
    }

    /// Whether somebody is in `lane`.
    pub(super) fn is_used(&self, lane: u32) -> bool {
        self.lanes.contains_key(&lane)
    }

    /// The numbers of the lanes in use, from the lowest.
    pub(super) fn in_use(&self) -> impl ExactSizeIterator<Item = u32> {
        self.lanes.keys().copied()
    }

    /// A lap round the lanes in use, and those of `others`, by number. It goes on behind the one
    /// that was visited `last`.
    pub(super) fn lap(
        &self,
        last: Option<u32>,
        others: impl ExactSizeIterator<Item = u32>,
    ) -> VecDeque<u32> {
        let mut lap: VecDeque<u32> = match others.len() {
            0 => self.in_use().collect(),
            _ => self.in_use().chain(others).collect::<BTreeSet<_>>().into_iter().collect(),
        };
        let before = lap.partition_point(|&lane| last.is_some_and(|last| lane <= last));
        lap.rotate_left(before);
        lap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_left_from_the_front_the_middle_and_the_end() {
        let mut lanes = Lanes::default();
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| Id::new(n, u64::from(n) + 1));
        [a, b, c, d].into_iter().for_each(|id| lanes.push(7, id));
        lanes.remove(b);
        lanes.remove(d);
        lanes.push(3, c);
        lanes.push(7, b);
        assert_eq!((lanes.lane_of(c), lanes.lane_of(d), lanes.from(4)), (Some(3), None, Some(7)));
        assert_eq!([lanes.pop(7), lanes.pop(7), lanes.pop(7)], [Some(a), Some(b), None]);
        assert_eq!((lanes.pop(3), lanes.in_use().len()), (Some(c), 0));
    }

    #[test]
    fn an_old_id_in_a_used_place_misses() {
        let mut lanes = Lanes::default();
        let (old, new) = (Id::new(0, 1), Id::new(0, 2));
        lanes.push(0, new);
        lanes.remove(old);
        assert_eq!((lanes.lane_of(old), lanes.pop(0)), (None, Some(new)));
    }
}
