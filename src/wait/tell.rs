//! What is told of wait entries: for reports, observers, and the proof of a stall (floor 2).

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::task::Waker;

use super::reason::{Wait, WaitReason};
use super::{Entry, LoopKey, NONE, Place, Waits, with, with_index};
use crate::task::current;
use crate::task::id::Id;

impl Waits {
    /// The entries of a task of the loop `of`, from the newest.
    fn of_task(&self, of: LoopKey, task: Id) -> impl Iterator<Item = &Entry> {
        self.places_of(of, task).map(|(_, entry)| entry)
    }

    /// These, and where they lie.
    fn places_of(&self, of: LoopKey, task: Id) -> impl Iterator<Item = (u32, &Entry)> {
        let get = |index: u32| Some((index, self.entries.get(index as usize)?));
        let newest = self.newest.get(task.index()).copied().and_then(get);
        let all = std::iter::successors(newest, move |(_, entry)| get(entry.older));
        all.filter(move |(_, entry)| entry.whom.of == of && entry.whom.task == Some(task))
    }

    /// What is told of an entry.
    fn wait(&self, entry: &Entry) -> Wait {
        let record = self.records.get(entry.record as usize);
        let of = entry.whom.of;
        let receives = entry.reason == WaitReason::Receive;
        let ends = record.and_then(|record| record.ends.as_deref());
        let end = ends.map(|ends| if receives { &ends.sent } else { &ends.received });
        let holder = record.and_then(|record| record.holder.filter(|_| record.of == of));
        Wait {
            reason: entry.reason,
            site: entry.site,
            since: entry.since,
            made: record.map(|record| record.made),
            holder,
            moved: holder.is_some_and(|holder| self.movers.contains(&(of, holder.task))),
            awaited: entry.is_foreign() || entry.polled == current::last_poll(),
            owned: record.is_some_and(|record| record.owned),
            behind: None,
            last: end.and_then(|end| end.of_loop(of)),
            senders: ends.map(|ends| ends.senders.get()).filter(|_| receives),
        }
    }

    /// The entries at which somebody of the loop `of` waits, with their indices.
    fn open(&self, of: LoopKey) -> impl Iterator<Item = (usize, &Entry)> {
        let used = self.entries.iter().enumerate().filter(|(_, entry)| entry.serial != 0);
        used.filter(move |(_, entry)| !entry.handed && entry.whom.of == of)
    }
}

/// What one entry says.
pub(crate) struct Seen {
    /// Who waits.
    pub(crate) task: Option<Id>,
    /// What stands behind the waker that is kept, if one is.
    pub(crate) waker: Option<*const ()>,
    pub(crate) wait: Wait,
    /// The number of its last poll, if its task polls it itself.
    pub(crate) polled: Option<u64>,
    pub(crate) place: Option<Place>,
}

/// How many entries a [`survey`] has to look through, those of other loops and free ones too.
pub(crate) fn room() -> usize {
    with(|waits| waits.entries.len()).unwrap_or_default()
}

/// What the tasks of the loop `of` wait for, entry by entry.
pub(crate) fn survey(of: LoopKey, mut see: impl FnMut(Seen)) {
    with(|waits| {
        // Who wants to write and is the first in its queue: all in it come after that one.
        let first = |entry: &&Entry| entry.reason == WaitReason::Write && entry.prev == NONE;
        let writers = waits.open(of).map(|(_, entry)| entry).filter(first);
        let writers = writers.filter_map(|entry| Some((entry.record, entry.whom.task?)));
        let writers: HashMap<u32, Id> = writers.collect();
        for (index, entry) in waits.open(of) {
            let mut wait = waits.wait(entry);
            if wait.reason == WaitReason::Read {
                wait.behind = writers.get(&entry.record).copied();
            }
            let serial = NonZeroU64::new(entry.serial);
            let place = serial.map(|serial| Place { serial, index: index as u32 });
            let waker = entry.whom.waker.as_ref().map(Waker::data);
            let polled = (!entry.is_foreign()).then_some(entry.polled);
            see(Seen { task: entry.whom.task, waker, wait, polled, place });
        }
    });
}

/// What a task of the loop `of` waits for, from the newest.
pub(crate) fn waits_of(of: LoopKey, task: Id) -> Vec<Wait> {
    let list = |waits: &Waits| {
        let open = waits.of_task(of, task).filter(|entry| !entry.handed);
        open.map(|entry| waits.wait(entry)).collect()
    };
    with_index(list).unwrap_or_default()
}

/// The newest of these.
pub(crate) fn last_wait_of(of: LoopKey, task: Id) -> Option<Wait> {
    let last = |waits: &Waits| {
        let mut open = waits.of_task(of, task).filter(|entry| !entry.handed);
        let newest = open.next().map(|entry| waits.wait(entry))?;
        let others = || open.map(|entry| waits.wait(entry)).find(|wait| wait.awaited);
        if newest.awaited { Some(newest) } else { others().or(Some(newest)) }
    };
    with_index(last).flatten()
}

/// What futures of a task of the loop `of` were handed, each alone, and have not taken.
pub(crate) fn handed_of(of: LoopKey, task: Id) -> Vec<(Place, Wait)> {
    let list = |waits: &Waits| {
        let handed = waits.places_of(of, task).filter(|(_, entry)| entry.handed && entry.alone);
        let told = handed.filter_map(|(index, entry)| {
            let serial = NonZeroU64::new(entry.serial)?;
            Some((Place { serial, index }, waits.wait(entry)))
        });
        told.collect()
    };
    with_index(list).unwrap_or_default()
}

/// Which tasks of its loop wait for what was handed at `place`; `None` if that was taken.
pub(crate) fn rivals_of(place: Place) -> Option<Vec<Id>> {
    let list = |waits: &mut Waits| {
        let handed = waits.get(place)?;
        let same = |entry: &&Entry| {
            let there = entry.record == handed.record && entry.whom.of == handed.whom.of;
            entry.serial != 0 && !entry.handed && there && entry.record != NONE
        };
        let rivals = waits.entries.iter().filter(same).filter_map(|entry| entry.whom.task);
        Some(rivals.collect())
    };
    with(list).flatten()
}

/// The wakers that are kept in entries of this thread, by what stands behind them, and how many
/// clones.
pub(crate) fn kept() -> HashMap<*const (), usize> {
    let mut kept = HashMap::new();
    with(|waits| {
        let wakers = waits.entries.iter().filter_map(|entry| entry.whom.waker.as_ref());
        wakers.for_each(|waker| *kept.entry(waker.data()).or_default() += 1);
    });
    kept
}

/// How many clones of a task's own waker, known by `data`, are kept in its own entries.
pub(crate) fn kept_of(of: LoopKey, task: Id, data: *const ()) -> usize {
    let count = |waits: &Waits| {
        let own = |entry: &&Entry| entry.whom.waker.as_ref().is_some_and(|w| w.data() == data);
        waits.of_task(of, task).filter(own).count()
    };
    with_index(count).unwrap_or_default()
}
