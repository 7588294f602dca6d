//! Programs of lab 5.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::thread;
use std::time::Duration;

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

use crate::programs;

programs! { policy;
    sorted_when_it_comes "right",
    a_queue_for_each_size "right",
    a_heap_with_a_counter "right",
    a_stable_sort "right",
    two_queues "right",
    sorts_by_size_and_id "ties-by-id",
    a_set_of_pairs "ties-by-id",
    the_least_pair "ties-by-id",
    a_heap_of_pairs "ties-by-id",
    the_greatest_id_of_equals "ties-by-id",
    an_array_swapped "order-disturbed",
    a_heap_by_size_only "order-disturbed",
    an_unstable_insertion "last-among-equals",
    takes_the_last_of_equals "last-among-equals",
    a_queue "first-come",
    sorts_and_takes_as_it_came "first-come",
    by_id "first-come",
    a_stack "last-come",
    a_heap_turned_round "longest-first",
    sorts_and_pops "longest-first",
    no_size_is_none "no-size-first",
    no_size_is_zero "no-size-first",
    no_size_is_ten_milliseconds "no-size-first",
    no_size_is_left_out "idle",
    nobody_ever "idle",
    one_at_a_time "lost",
    looks_and_leaves "not-ready",
    copies_the_queue "not-ready",
    picks_twice "not-ready",
    a_map_by_size "lost",
    keeps_the_smallest_only "lost",
    sizes_are_asked_once "asked-once",
    an_unordered_map "never-the-same",
    expects_a_size "panicked",
    expects_somebody "panicked",
    is_not_written_yet "panicked",
    sleeps_in_the_pick "blocks-the-thread",
    sleeps_in_ready "blocks-the-thread",
    the_name_decides "first-come",
}

fn size(task: &TaskInfo) -> Nanos {
    task.size().unwrap_or(Nanos::MAX)
}

/// A policy: what it keeps, what it does with a task that is ready, and how it picks.
macro_rules! policy {
    ($name:ident, $keeps:ty, |$queue:ident, $task:ident| $ready:expr, |$from:ident| $pick:expr) => {
        mod $name {
            use super::*;
            #[derive(Default)]
            pub struct Shortest($keeps);
            impl Policy for Shortest {
                fn ready(&mut self, $task: &TaskInfo, _now: Nanos) {
                    let $queue = &mut self.0;
                    $ready;
                }
                fn pick(&mut self, _tasks: &Tasks<'_>, _now: Nanos) -> Pick {
                    let $from = &mut self.0;
                    let id: Option<Id> = $pick;
                    id.into()
                }
            }
            pub fn policy() -> Shortest {
                Shortest::default()
            }
        }
    };
}

type Pairs = Vec<(Nanos, Id)>;

/// The place of the first that is smallest by that key.
fn first<K: Ord>(queue: &Pairs, key: impl Fn(&(Nanos, Id)) -> K) -> Option<usize> {
    (0..queue.len()).min_by_key(|&at| key(&queue[at]))
}

policy!(
    sorted_when_it_comes,
    Pairs,
    |queue, task| {
        let at = queue.partition_point(|&(other, _)| other <= size(task));
        queue.insert(at, (size(task), task.id()))
    },
    |queue| (!queue.is_empty()).then(|| queue.remove(0).1)
);
policy!(
    a_queue_for_each_size,
    BTreeMap<Nanos, VecDeque<Id>>,
    |queues, task| queues.entry(size(task)).or_default().push_back(task.id()),
    |queues| {
        let mut first = queues.first_entry();
        let id = first.as_mut().and_then(|queue| queue.get_mut().pop_front());
        if let Some(queue) = first.filter(|queue| queue.get().is_empty()) {
            queue.remove();
        }
        id
    }
);
policy!(
    a_heap_with_a_counter,
    (BinaryHeap<Reverse<(Nanos, u64, Id)>>, u64),
    |queue, task| {
        queue.1 += 1;
        queue.0.push(Reverse((size(task), queue.1, task.id())))
    },
    |queue| queue.0.pop().map(|Reverse((.., id))| id)
);
policy!(
    a_stable_sort,
    Pairs,
    |queue, task| {
        queue.push((size(task), task.id()));
        queue.sort_by_key(|&(size, _)| size)
    },
    |queue| (!queue.is_empty()).then(|| queue.remove(0).1)
);
policy!(
    two_queues,
    (Pairs, VecDeque<Id>),
    |queues, task| match task.size() {
        Some(size) => queues.0.push((size, task.id())),
        None => queues.1.push_back(task.id()),
    },
    |queues| match first(&queues.0, |&(size, _)| size) {
        Some(at) => Some(queues.0.remove(at).1),
        None => queues.1.pop_front(),
    }
);
policy!(
    sorts_by_size_and_id,
    Pairs,
    |queue, task| {
        queue.push((size(task), task.id()));
        queue.sort()
    },
    |queue| (!queue.is_empty()).then(|| queue.remove(0).1)
);
policy!(
    a_set_of_pairs,
    BTreeSet<(Nanos, Id)>,
    |queue, task| queue.insert((size(task), task.id())),
    |queue| queue.pop_first().map(|(_, id)| id)
);
policy!(the_least_pair, Pairs, |queue, task| queue.push((size(task), task.id())), |queue| first(
    queue,
    |&pair| pair
)
.map(|at| queue.swap_remove(at).1));
policy!(
    a_heap_of_pairs,
    BinaryHeap<Reverse<(Nanos, Id)>>,
    |queue, task| queue.push(Reverse((size(task), task.id()))),
    |queue| queue.pop().map(|Reverse((_, id))| id)
);
policy!(
    the_greatest_id_of_equals,
    BinaryHeap<(Reverse<Nanos>, Id)>,
    |queue, task| queue.push((Reverse(size(task)), task.id())),
    |queue| queue.pop().map(|(_, id)| id)
);
policy!(an_array_swapped, Pairs, |queue, task| queue.push((size(task), task.id())), |queue| first(
    queue,
    |&(size, _)| size
)
.map(|at| queue.swap_remove(at).1));

struct BySize(Nanos, Id);

impl Ord for BySize {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for BySize {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for BySize {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for BySize {}

policy!(
    a_heap_by_size_only,
    BinaryHeap<BySize>,
    |queue, task| queue.push(BySize(size(task), task.id())),
    |queue| queue.pop().map(|BySize(_, id)| id)
);
policy!(
    an_unstable_insertion,
    Pairs,
    |queue, task| {
        let at = queue.partition_point(|&(other, _)| other < size(task));
        queue.insert(at, (size(task), task.id()))
    },
    |queue| (!queue.is_empty()).then(|| queue.remove(0).1)
);
policy!(
    takes_the_last_of_equals,
    Pairs,
    |queue, task| queue.insert(0, (size(task), task.id())),
    |queue| first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
);
policy!(a_queue, VecDeque<Id>, |queue, task| queue.push_back(task.id()), |queue| queue.pop_front());
policy!(
    sorts_and_takes_as_it_came,
    Pairs,
    |queue, task| queue.push((size(task), task.id())),
    |queue| {
        let mut sorted = queue.clone();
        sorted.sort_by_key(|&(size, _)| size);
        (!queue.is_empty()).then(|| queue.remove(0).1)
    }
);
policy!(by_id, BTreeSet<Id>, |queue, task| queue.insert(task.id()), |queue| queue.pop_first());
policy!(a_stack, Vec<Id>, |queue, task| queue.push(task.id()), |queue| queue.pop());
policy!(
    a_heap_turned_round,
    BinaryHeap<(Nanos, Id)>,
    |queue, task| queue.push((size(task), task.id())),
    |queue| queue.pop().map(|(_, id)| id)
);
policy!(
    sorts_and_pops,
    Pairs,
    |queue, task| {
        queue.push((size(task), task.id()));
        queue.sort_by_key(|&(size, _)| size)
    },
    |queue| queue.pop().map(|(_, id)| id)
);
policy!(
    no_size_is_none,
    Vec<(Option<Nanos>, Id)>,
    |queue, task| {
        queue.push((task.size(), task.id()));
        queue.sort_by_key(|&(size, _)| size)
    },
    |queue| (!queue.is_empty()).then(|| queue.remove(0).1)
);
policy!(
    no_size_is_zero,
    Pairs,
    |queue, task| queue.push((task.size().unwrap_or(0), task.id())),
    |queue| first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
);
policy!(
    no_size_is_ten_milliseconds,
    Pairs,
    |queue, task| queue.push((task.size().unwrap_or(10_000_000), task.id())),
    |queue| first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
);
policy!(
    no_size_is_left_out,
    Pairs,
    |queue, task| queue.extend(task.size().map(|size| (size, task.id()))),
    |queue| first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
);
policy!(nobody_ever, Vec<Id>, |queue, task| queue.push(task.id()), |queue| {
    queue.clear();
    None
});
policy!(one_at_a_time, Pairs, |queue, task| queue.push((size(task), task.id())), |queue| if queue
    .len()
    == 1
{
    None
} else {
    queue.pop().map(|(_, id)| id)
});
policy!(looks_and_leaves, Pairs, |queue, task| queue.push((size(task), task.id())), |queue| first(
    queue,
    |&(size, _)| size
)
.map(|at| queue[at].1));
policy!(
    copies_the_queue,
    BinaryHeap<Reverse<(Nanos, Id)>>,
    |queue, task| queue.push(Reverse((size(task), task.id()))),
    |queue| queue.clone().pop().map(|Reverse((_, id))| id)
);
policy!(picks_twice, Pairs, |queue, task| queue.extend([(size(task), task.id()); 2]), |queue| {
    first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
});
policy!(
    a_map_by_size,
    HashMap<Nanos, Id>,
    |queue, task| queue.insert(size(task), task.id()),
    |queue| queue.keys().min().copied().and_then(|size| queue.remove(&size))
);
policy!(
    keeps_the_smallest_only,
    Option<(Nanos, Id)>,
    |queue, task| if queue.is_none_or(|(other, _)| size(task) < other) {
        *queue = Some((size(task), task.id()));
    },
    |queue| queue.take().map(|(_, id)| id)
);
policy!(
    sizes_are_asked_once,
    (Pairs, HashMap<Id, Nanos>),
    |queue, task| {
        let size = *queue.1.entry(task.id()).or_insert(size(task));
        queue.0.push((size, task.id()))
    },
    |queue| first(&queue.0, |&(size, _)| size).map(|at| queue.0.remove(at).1)
);
policy!(
    an_unordered_map,
    HashMap<Id, Nanos>,
    |queue, task| queue.insert(task.id(), size(task)),
    |queue| {
        let id = queue.iter().min_by_key(|(_, size)| **size).map(|(id, _)| *id);
        id.inspect(|id| _ = queue.remove(id))
    }
);
policy!(
    expects_a_size,
    Pairs,
    |queue, task| queue.push((task.size().unwrap(), task.id())),
    |queue| first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
);
policy!(expects_somebody, Pairs, |queue, task| queue.push((size(task), task.id())), |queue| Some(
    first(queue, |&(size, _)| size).map(|at| queue.remove(at).1).unwrap()
));
policy!(is_not_written_yet, Pairs, |_queue, _task| todo!(), |_queue| Option::unwrap(None));
policy!(sleeps_in_the_pick, Pairs, |queue, task| queue.push((size(task), task.id())), |queue| {
    thread::sleep(Duration::from_millis(1));
    first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
});
policy!(
    sleeps_in_ready,
    Pairs,
    |queue, task| {
        thread::sleep(Duration::from_millis(1));
        queue.push((size(task), task.id()))
    },
    |queue| first(queue, |&(size, _)| size).map(|at| queue.remove(at).1)
);
policy!(
    the_name_decides,
    Vec<(String, Id)>,
    |queue, task| {
        queue.push((task.name().unwrap_or_default().to_string(), task.id()));
        queue.sort()
    },
    |queue| (!queue.is_empty()).then(|| queue.remove(0).1)
);
