//! What a program does that ends.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use super::Rng;

/// When another thread does what it has to.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Spins(u64),
    Yields(u64),
    /// This number of spins after the loop has gone to sleep.
    Parked(u64),
    /// This number of microseconds after that, in a crowd: about when the proof is made.
    Proved(u64),
    Micros(u64),
}

impl When {
    pub fn wait(self, parked: &AtomicBool) {
        match self {
            Self::Spins(n) => (0..n).for_each(|_| std::hint::spin_loop()),
            Self::Yields(n) => (0..n).for_each(|_| thread::yield_now()),
            Self::Proved(n) => {
                Self::Parked(0).wait(parked);
                thread::sleep(Duration::from_micros(n));
            }
            Self::Parked(n) => {
                let end = Instant::now() + Duration::from_millis(3);
                while !parked.load(SeqCst) && Instant::now() < end {
                    thread::yield_now();
                }
                (0..n).for_each(|_| std::hint::spin_loop());
            }
            Self::Micros(n) => thread::sleep(Duration::from_micros(n)),
        }
    }
}

/// Whose pool a job runs in, and whether a set awaits it.
#[derive(Clone, Copy, Debug)]
pub enum Pool {
    Own,
    There,
    Set,
    SetThere,
    /// The own one, and nothing awaits it.
    Unawaited,
}

#[derive(Clone, Copy, Debug)]
pub enum Victim {
    Local,
    Remote,
    Member,
    /// The thread that aborts it has its only handle.
    Given,
}

/// What becomes of the future that comes second.
#[derive(Clone, Copy, Debug)]
pub enum Rest {
    Dropped,
    Awaited,
    Spawned,
    /// It goes through a channel to another task, which polls it at once or, if late, after a wait.
    Sent {
        late: bool,
        lock: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum By {
    Oneshot,
    Mpsc,
    Notify,
    Permits,
    Barrier,
    Cell,
    Watch,
    Broadcast,
    Closed,
}

#[derive(Clone, Copy, Debug)]
pub enum All {
    Macro,
    Futures,
    Unordered,
    Set,
}

/// What certainly ends.
#[derive(Clone, Debug)]
pub enum Plan {
    Yield(u64),
    Sleep(u64),
    /// A channel made by hand; `direct`: the waker is with the thread alone. Another clone may be
    /// dropped by a thread that does not wake.
    Foreign {
        when: When,
        direct: bool,
        dropped: Option<When>,
    },
    /// A thread spawns what ends it through a handle, which is then dropped: no waker is out.
    Called(When, Box<Plan>),
    /// A task of the other runtime, or of this one through its handle.
    Remote {
        there: bool,
        with: bool,
        yields: u64,
        when: When,
    },
    /// A job; its handle is polled, and then kept during the plan.
    Job(Pool, When, Option<Box<Plan>>),
    Abort(Victim, When),
    Locked(usize, Box<Plan>),
    /// A guard that owns its lock goes to another task, and the first one locks again.
    Owned(Box<Plan>),
    /// A task does the plan, and then lets this one go on.
    Passed(By, Box<Plan>),
    Spawned(Box<Plan>),
    /// The handle of a task is one branch of a select, and is awaited later.
    Kept(Box<Plan>, Box<Plan>),
    All(All, Vec<Plan>),
    Any(Rest, Box<Plan>, Box<Plan>),
    Timeout(u64, Box<Plan>),
}

/// Locks are taken in the order of their numbers. The first is a mutex whose guards are owned, the
/// third an rwlock, the fourth a semaphore.
pub const LOCKS: usize = 5;

pub struct Maker {
    rng: Rng,
    /// A few programs have to do with what comes when the loop has long been asleep.
    slow: bool,
    /// There is another runtime to send work to.
    there: bool,
    size: u32,
}

impl Maker {
    fn when(&mut self) -> When {
        let rng = &mut self.rng;
        match rng.below(6) {
            0 if self.slow => return When::Micros(105_000 + rng.below(150_000)),
            1..=2 if self.slow => return When::Proved(99_900 + rng.below(1_000)),
            _ => {}
        }
        match rng.below(8) {
            0 => When::Spins(0),
            1 => When::Spins(rng.below(3000)),
            2 => When::Yields(rng.below(10)),
            3 => When::Micros(rng.below(1500)),
            _ => When::Parked(rng.below(2) * rng.below(3000)),
        }
    }

    fn boxed(&mut self, floor: usize) -> Box<Plan> {
        Box::new(self.plan(floor))
    }

    /// One that takes no lock below `floor`.
    fn plan(&mut self, floor: usize) -> Plan {
        self.size = self.size.saturating_sub(1);
        if self.size == 0 {
            return self.leaf();
        }
        let lock = self.rng.below(LOCKS as u64) as usize;
        match self.rng.below(20) {
            0..=4 if lock > 0 && lock >= floor => Plan::Locked(lock, self.boxed(lock + 1)),
            5 if floor == 0 => Plan::Owned(self.boxed(1)),
            6 => Plan::Called(self.when(), self.boxed(floor)),
            7..=8 => {
                let all = [
                    (By::Oneshot, By::Mpsc, By::Notify),
                    (By::Permits, By::Barrier, By::Cell),
                    (By::Watch, By::Broadcast, By::Closed),
                ];
                let (a, b, c) = self.rng.pick(&all);
                Plan::Passed(self.rng.pick(&[a, b, c]), self.boxed(floor))
            }
            9 => Plan::Spawned(self.boxed(floor)),
            10 => Plan::Kept(self.boxed(floor), self.boxed(floor)),
            11..=14 => {
                let how = self.rng.pick(&[All::Macro, All::Futures, All::Unordered, All::Set]);
                let n = 2 + self.rng.below(3);
                let rivals = lock > 0 && lock >= floor && self.rng.one_in(3);
                let one = |_| match rivals {
                    true => Plan::Locked(lock, self.boxed(lock + 1)),
                    false => self.plan(floor),
                };
                Plan::All(how, (0..n).map(one).collect())
            }
            15..=16 => {
                let rest = match self.rng.below(5) {
                    0 => Rest::Dropped,
                    1 => Rest::Awaited,
                    2 => Rest::Spawned,
                    _ => Rest::Sent { late: self.rng.one_in(4), lock: lock.max(floor).max(1) },
                };
                Plan::Any(rest, self.boxed(floor), self.boxed(floor))
            }
            17 => Plan::Timeout(self.rng.below(1000), self.boxed(floor)),
            18 => Plan::Job(self.pool(), self.when(), Some(self.boxed(floor))),
            _ => self.leaf(),
        }
    }

    fn pool(&mut self) -> Pool {
        use Pool::*;
        let pool = self.rng.pick(&[Own, Set, There, SetThere, Unawaited]);
        match pool {
            _ if self.there => pool,
            There => Own,
            SetThere => Set,
            _ => pool,
        }
    }

    fn leaf(&mut self) -> Plan {
        let when = self.when();
        match self.rng.below(12) {
            0 => Plan::Yield(self.rng.below(5)),
            1 => Plan::Sleep(self.rng.below(1000)),
            2..=4 => {
                let dropped = self.rng.one_in(3).then(|| self.when());
                Plan::Foreign { when, direct: self.rng.one_in(2), dropped }
            }
            5 => Plan::Called(when, Box::new(Plan::Yield(self.rng.below(3)))),
            6 => {
                let (there, with) = (self.there && self.rng.one_in(2), self.rng.one_in(2));
                Plan::Remote { there, with, yields: self.rng.below(3), when }
            }
            7..=8 => Plan::Job(self.pool(), when, None),
            _ => {
                let all = [Victim::Local, Victim::Remote, Victim::Member, Victim::Given];
                Plan::Abort(self.rng.pick(&all), when)
            }
        }
    }
}

/// Whether a future goes to another task that may be polled there without that being seen.
pub fn is_blind(plan: &Plan) -> bool {
    match plan {
        Plan::Any(Rest::Sent { .. }, ..) => true,
        Plan::Called(_, one)
        | Plan::Job(_, _, Some(one))
        | Plan::Locked(_, one)
        | Plan::Owned(one)
        | Plan::Passed(_, one)
        | Plan::Spawned(one)
        | Plan::Timeout(_, one) => is_blind(one),
        Plan::Kept(one, two) | Plan::Any(_, one, two) => is_blind(one) || is_blind(two),
        Plan::All(_, all) => all.iter().any(is_blind),
        _ => false,
    }
}

/// A program that ends.
#[derive(Debug)]
pub struct Program {
    pub seed: u64,
    pub virtual_time: bool,
    pub at_random: bool,
    /// Its threads are lent a handle, instead of each having one for as long as it needs it.
    pub lends: bool,
    pub threads: u64,
    /// How many tasks wait for ever beside.
    pub crowd: usize,
    pub plan: Plan,
    /// What the other runtime does.
    pub there: Option<Plan>,
}

impl Program {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let (virtual_time, at_random) = (rng.one_in(2), rng.one_in(2));
        let (lends, threads, slow) = (rng.one_in(8), 1 + rng.below(3), rng.one_in(24));
        let crowd = if slow { 1_000 } else { 0 };
        let (there, size) = (rng.one_in(2), 2 + rng.below(10) as u32);
        let mut maker = Maker { rng, slow, there, size };
        let plan = maker.plan(0);
        maker.there = false;
        maker.size = 3;
        let there = there.then(|| maker.plan(0));
        Self { seed, virtual_time, at_random, lends, threads, crowd, plan, there }
    }
}
