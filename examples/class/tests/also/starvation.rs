//! Programs of lab 6.

use std::collections::{HashMap, VecDeque};
use std::thread;
use std::time::{Duration, Instant};

use turno::policy::{Pick, Policy, Tasks};
use turno::task::{Id, Nanos, TaskInfo};

use crate::programs;

programs! { starvation;
    a_point_for_each_millisecond "right",
    two_queues "right",
    the_latest_of_the_old "right",
    twelve_milliseconds "right",
    strict "starved",
    patience_in_other_units "starved",
    old_only_after_the_day "starved",
    the_least_urgent_grow_old "starved",
    first_come "no-priority",
    everybody_is_old_at_once "no-priority",
    every_second_turn_to_the_oldest "no-priority",
    priority_is_not_used "no-priority",
    at_random "no-priority",
    the_least_urgent_first "upside-down",
    compares_the_wrong_way "upside-down",
    twenty_milliseconds "ages-too-slowly",
    a_point_for_each_five_milliseconds "ages-too-slowly",
    age_since_birth "aged-for-good",
    age_is_never_reset "aged-for-good",
    the_latest_of_the_urgent "last-among-equals",
    a_stack "last-among-equals",
    swaps "order-disturbed",
    every_fifth_turn_to_the_oldest "order-disturbed",
    an_unordered_map "never-the-same",
    real_age "real-clock",
    sleeps_in_the_pick "blocks-the-thread",
    computes_in_the_pick "blocks-the-thread",
    looks_and_leaves "not-ready",
    forgets_who_is_old "lost",
    nobody_ever "idle",
    nobody_but_the_urgent "lost",
    is_not_written_yet "panicked",
    expects_somebody "panicked",
    subtracts_too_much "upside-down",
}

const MS: Nanos = 1_000_000;

/// Who is ready: of which priority, since when, and whether it is old, once more.
type Queue = Vec<(u8, Nanos, Id)>;

macro_rules! policy {
    ($name:ident, |$queue:ident, $now:ident| $pick:expr) => {
        policy!(
            $name,
            Queue,
            |queue, task, now| queue.push((task.priority(), now, task.id())),
            |$queue, $now| $pick
        );
    };
    (
        $name:ident, $keeps:ty,
        |$into:ident, $task:ident, $since:ident| $ready:expr, |$queue:ident, $now:ident| $pick:expr
    ) => {
        mod $name {
            use super::*;
            #[derive(Default)]
            pub struct Patient($keeps);
            impl Policy for Patient {
                fn ready(&mut self, $task: &TaskInfo, $since: Nanos) {
                    let $into = &mut self.0;
                    $ready;
                }
                fn pick(&mut self, _tasks: &Tasks<'_>, $now: Nanos) -> Pick {
                    let $queue = &mut self.0;
                    let id: Option<Id> = $pick;
                    id.into()
                }
            }
            pub fn policy() -> Patient {
                Patient::default()
            }
        }
    };
}

/// The first with the smallest key leaves the queue.
fn least<K: Ord>(queue: &mut Queue, key: impl Fn(&(u8, Nanos, Id)) -> K) -> Option<Id> {
    let at = (0..queue.len()).min_by_key(|&at| key(&queue[at]))?;
    Some(queue.remove(at).2)
}

/// Who has waited for `patience` first, by age; then the most urgent.
fn patient(queue: &mut Queue, now: Nanos, patience: Nanos) -> Option<Id> {
    least(queue, |&(priority, since, _)| match now.saturating_sub(since) >= patience {
        true => (0, since),
        false => (1, u64::from(u8::MAX - priority)),
    })
}

policy!(twelve_milliseconds, |queue, now| patient(queue, now, 12 * MS));
policy!(a_point_for_each_millisecond, |queue, now| least(queue, |&(priority, since, _)| {
    std::cmp::Reverse(u64::from(priority) + 20 * ((now - since) / MS))
}));
policy!(
    two_queues,
    (VecDeque<(Nanos, Id)>, Queue),
    |queues, task, now| if task.priority() < 100 {
        queues.0.push_back((now, task.id()));
    } else {
        queues.1.push((task.priority(), now, task.id()));
    },
    |queues, now| {
        let old = queues.0.front().is_some_and(|&(since, _)| now - since >= 10 * MS);
        let urgent = if old { None } else { patient(&mut queues.1, now, 10 * MS) };
        urgent.or_else(|| queues.0.pop_front().map(|(_, id)| id))
    }
);
policy!(
    every_fifth_turn_to_the_oldest,
    (Queue, u32),
    |queue, task, now| queue.0.push((task.priority(), now, task.id())),
    |queue, now| {
        queue.1 += 1;
        let patience = if queue.1.is_multiple_of(5) { 0 } else { 10 * MS };
        patient(&mut queue.0, now, patience)
    }
);
policy!(strict, |queue, now| patient(queue, now, Nanos::MAX));
policy!(patience_in_other_units, |queue, now| patient(queue, now, 10_000 * MS));
policy!(old_only_after_the_day, |queue, now| patient(queue, now, 60 * MS));
policy!(the_least_urgent_grow_old, |queue, now| least(queue, |&(priority, since, _)| {
    let age = if priority < 5 { (now - since) / MS } else { 0 };
    std::cmp::Reverse(u64::from(priority) + 100 * age)
}));
policy!(first_come, |queue, _now| (!queue.is_empty()).then(|| queue.remove(0).2));
policy!(everybody_is_old_at_once, |queue, now| patient(queue, now, 10_000));
policy!(
    every_second_turn_to_the_oldest,
    (Queue, bool),
    |queue, task, now| queue.0.push((task.priority(), now, task.id())),
    |queue, now| {
        queue.1 = !queue.1;
        patient(&mut queue.0, now, if queue.1 { 0 } else { 10 * MS })
    }
);
policy!(priority_is_not_used, |queue, _now| least(queue, |&(_, since, _)| since));
mod at_random {
    use super::*;
    #[derive(Default)]
    pub struct Patient(Vec<Id>);
    impl Policy for Patient {
        fn ready(&mut self, task: &TaskInfo, _now: Nanos) {
            self.0.push(task.id());
        }
        fn pick(&mut self, tasks: &Tasks<'_>, _now: Nanos) -> Pick {
            let len = self.0.len() as u64;
            (len > 0).then(|| self.0.remove((tasks.random() % len) as usize)).into()
        }
    }
    pub fn policy() -> Patient {
        Patient::default()
    }
}
policy!(the_least_urgent_first, |queue, _now| least(queue, |&(priority, ..)| priority));
policy!(compares_the_wrong_way, |queue, now| least(queue, |&(priority, since, _)| {
    match now - since >= 30 * MS {
        true => (0, since),
        false => (1, u64::from(priority)),
    }
}));
policy!(twenty_milliseconds, |queue, now| patient(queue, now, 20 * MS));
policy!(a_point_for_each_five_milliseconds, |queue, now| least(queue, |&(priority, since, _)| {
    std::cmp::Reverse(u64::from(priority) + 50 * ((now - since) / (5 * MS)))
}));
policy!(
    age_since_birth,
    Queue,
    |queue, task, _now| queue.push((task.priority(), task.spawned_at(), task.id())),
    |queue, now| patient(queue, now, 10 * MS)
);
policy!(
    age_is_never_reset,
    (Queue, HashMap<Id, Nanos>),
    |queue, task, now| {
        let since = *queue.1.entry(task.id()).or_insert(now);
        queue.0.push((task.priority(), since, task.id()))
    },
    |queue, now| patient(&mut queue.0, now, 10 * MS)
);
policy!(the_latest_of_the_old, |queue, now| {
    queue.reverse();
    let id = least(queue, |&(priority, since, _)| match now - since >= 10 * MS {
        true => 0,
        false => u64::from(u8::MAX - priority),
    });
    queue.reverse();
    id
});
policy!(the_latest_of_the_urgent, |queue, _now| {
    queue.reverse();
    let id = least(queue, |&(priority, ..)| u8::MAX - priority);
    queue.reverse();
    id
});
policy!(a_stack, |queue, _now| queue.pop().map(|(.., id)| id));
policy!(swaps, |queue, now| {
    let key = |&(priority, since, _): &(u8, Nanos, Id)| match now - since >= 10 * MS {
        true => 0,
        false => u64::from(u8::MAX - priority),
    };
    let at = (0..queue.len()).min_by_key(|&at| key(&queue[at]));
    at.map(|at| queue.swap_remove(at).2)
});
policy!(
    an_unordered_map,
    HashMap<Id, (u8, Nanos)>,
    |queue, task, now| queue.insert(task.id(), (task.priority(), now)),
    |queue, now| {
        let old = |since: Nanos| now.saturating_sub(since) >= 10 * MS;
        let key = |&(priority, since): &(u8, Nanos)| if old(since) { 255 } else { priority };
        let id = queue.iter().max_by_key(|(_, task)| key(task)).map(|(id, _)| *id);
        id.inspect(|id| _ = queue.remove(id))
    }
);
policy!(
    real_age,
    Vec<(u8, Option<Instant>, Id)>,
    |queue, task, _now| queue.push((task.priority(), Some(Instant::now()), task.id())),
    |queue, _now| {
        let old = |since: Option<Instant>| {
            since.is_some_and(|since| since.elapsed() >= Duration::from_millis(10))
        };
        let key = |&(priority, since, _): &(u8, Option<Instant>, Id)| match old(since) {
            true => 0,
            false => u8::MAX - priority,
        };
        let at = (0..queue.len()).min_by_key(|&at| key(&queue[at]));
        at.map(|at| queue.remove(at).2)
    }
);
policy!(sleeps_in_the_pick, |queue, now| {
    thread::sleep(Duration::from_millis(1));
    patient(queue, now, 10 * MS)
});
policy!(computes_in_the_pick, |queue, now| {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1) {}
    patient(queue, now, 10 * MS)
});
policy!(looks_and_leaves, |queue, _now| {
    queue.iter().max_by_key(|(priority, ..)| *priority).map(|&(.., id)| id)
});
policy!(forgets_who_is_old, |queue, now| {
    queue.retain(|&(_, since, _)| now - since < 10 * MS);
    patient(queue, now, Nanos::MAX)
});
policy!(nobody_ever, |queue, _now| {
    queue.clear();
    None
});
policy!(nobody_but_the_urgent, |queue, now| {
    match queue.iter().any(|&(priority, ..)| priority >= 100) {
        true => patient(queue, now, Nanos::MAX),
        false => None,
    }
});
policy!(is_not_written_yet, Queue, |_queue, _task, _now| todo!(), |_queue, _now| Option::unwrap(
    None
));
policy!(expects_somebody, |queue, now| Some(patient(queue, now, 10 * MS).unwrap()));
policy!(subtracts_too_much, |queue, now| least(queue, |&(priority, since, _)| {
    u64::from(priority) - (now - since) / MS
}));
