//! Every interleaving of ringers and the loop, over the functions of [`Park`] themselves (floor 2).
//!
//! A thread is a list of steps, each of which touches once what others use, in the order of
//! `Inbox` and of the loop. All that there is is a small value, so that a state that was met before
//! need not be tried again, and all of them are tried.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::*;

/// What a ringer does, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Deed {
    /// Wakes this task.
    Wake(usize),
    /// Knocks, without a letter.
    Knock,
}

/// How the loop is driven.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Drive {
    /// `turn` with no time to sleep.
    Turn,
    /// `block_on`, until something has come.
    Sleep,
}

/// How an embedding host hears that it is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Host {
    /// By its own poll, which is level-triggered.
    Descriptor,
    /// By `on_wake`.
    Call,
}

/// The next step of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Between two deeds or two drives.
    Rest,
    // A ringer's, in `TaskWaker::mail` and `Inbox::send`.
    Fill(usize),
    Push(usize),
    // `Inbox::ring`.
    Ring,
    Write {
        away: bool,
    },
    Count {
        away: bool,
    },
    Call,
    // The loop's: `Inbox::open`, before it asks the reactor and after.
    Open {
        asked: bool,
    },
    Take {
        asked: bool,
    },
    Read {
        asked: bool,
    },
    // `ask_reactor`.
    LieDown,
    LastLook,
    Written {
        sleeps: bool,
        nap: bool,
    },
    Ask {
        written: u64,
        sleeps: bool,
        nap: bool,
    },
    Attend,
    // `Inbox::leave`.
    GoAway,
    Leave,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    desk: u64,
    written: u64,
    heard: u64,
    full: bool,
    readable: bool,
    called: bool,
    locked: bool,
    /// By task: the mark, the letter in the box, the letter that the loop has taken.
    mailed: [bool; 2],
    letters: [bool; 2],
    taken: [bool; 2],
    /// The wake is in, or a letter was found that stands for it, and the task is not ready yet.
    owed: [bool; 2],
    ringers: Vec<(At, &'static [Deed])>,
    host: Host,
    turno: At,
    drive: Drive,
    /// Drives that the host makes without being asked to.
    plan: &'static [Drive],
    /// Since the loop left: how often it was rung for.
    bells: usize,
    /// In this drive: a ringer made a step, or there was something to do when it began.
    busy: bool,
}

impl World {
    fn new(ringers: &[&'static [Deed]], host: Host, plan: &'static [Drive]) -> Self {
        let park = Park::new();
        let ringers = ringers.iter().map(|&deeds| (At::Rest, deeds)).collect();
        let mut world = Self {
            desk: 0,
            written: 0,
            heard: 0,
            full: false,
            readable: false,
            called: false,
            locked: false,
            mailed: [false; 2],
            letters: [false; 2],
            taken: [false; 2],
            owed: [false; 2],
            ringers,
            host,
            turno: At::Rest,
            drive: Drive::Turn,
            plan,
            bells: 0,
            busy: false,
        };
        world.keep(&park);
        world
    }

    fn keep(&mut self, park: &Park) {
        self.desk = park.desk.load(Ordering::SeqCst);
        self.written = park.written.load(Ordering::SeqCst);
        self.heard = park.heard.load(Ordering::SeqCst);
        self.full = park.full.load(Ordering::SeqCst);
    }

    /// Makes a step of the code itself.
    fn park<R>(&mut self, step: impl FnOnce(&Park) -> R) -> R {
        let park = Park {
            desk: AtomicU64::new(self.desk),
            written: AtomicU64::new(self.written),
            heard: AtomicU64::new(self.heard),
            full: AtomicBool::new(self.full),
        };
        let result = step(&park);
        self.keep(&park);
        result
    }

    fn is_wanted(&self) -> bool {
        match self.host {
            Host::Descriptor => self.readable,
            Host::Call => self.called,
        }
    }

    /// Whether the thread can make a step; the last one is the loop.
    fn can_step(&self, thread: usize) -> bool {
        match self.ringers.get(thread) {
            Some((At::Rest, deeds)) => !deeds.is_empty(),
            Some((At::Fill(_), _)) => !self.locked,
            Some(_) => true,
            None => match self.turno {
                At::Rest => self.is_wanted() || !self.plan.is_empty(),
                At::Take { .. } => !self.locked,
                At::Ask { nap, .. } => !nap || self.readable,
                _ => true,
            },
        }
    }

    fn step(&mut self, thread: usize) -> Result<(), &'static str> {
        match self.ringers.get(thread).copied() {
            Some((at, deeds)) => {
                self.busy = true;
                let next = self.step_ringer(at, deeds)?;
                let done = usize::from(next == At::Rest);
                self.ringers[thread] = (next, &deeds[done..]);
            }
            None => self.turno = self.step_loop(self.turno)?,
        }
        let opening = matches!(self.turno, At::Take { .. });
        let known = |task: usize| !self.owed[task] || self.full || opening || self.taken[task];
        if !(known(0) && known(1)) {
            return Err("a wake relies on a letter that the loop cannot know of");
        }
        Ok(())
    }

    fn step_ringer(&mut self, at: At, deeds: &[Deed]) -> Result<At, &'static str> {
        Ok(match at {
            At::Rest => match deeds[0] {
                Deed::Wake(task) if self.mailed[task] => {
                    self.owed[task] = true;
                    At::Rest
                }
                Deed::Wake(task) => At::Fill(task),
                Deed::Knock => {
                    self.park(Park::fill);
                    At::Ring
                }
            },
            At::Fill(task) => {
                self.locked = true;
                self.park(Park::fill);
                At::Push(task)
            }
            At::Push(task) => {
                let marked = std::mem::replace(&mut self.mailed[task], true);
                self.letters[task] |= !marked;
                self.owed[task] = true;
                self.locked = false;
                At::Ring
            }
            _ => return self.step_ring(at),
        })
    }

    fn step_ring(&mut self, at: At) -> Result<At, &'static str> {
        Ok(match at {
            At::Ring => match self.park(Park::ring) {
                None => At::Rest,
                Some(rung) => {
                    self.bells += 1;
                    if self.bells > 1 {
                        return Err("rung twice before the loop was back");
                    }
                    At::Write { away: rung.away }
                }
            },
            At::Write { away } => {
                self.readable = true;
                At::Count { away }
            }
            At::Count { away } => {
                self.park(Park::wrote);
                if away { At::Call } else { At::Rest }
            }
            At::Call => {
                self.called = true;
                At::Rest
            }
            _ => unreachable!("{at:?}"),
        })
    }

    fn step_loop(&mut self, at: At) -> Result<At, &'static str> {
        Ok(match at {
            At::Rest => {
                self.drive = Drive::Turn;
                if !self.is_wanted() {
                    (self.drive, self.plan) = (self.plan[0], &self.plan[1..]);
                }
                self.called = false;
                self.busy = self.full;
                self.come_back();
                At::Open { asked: false }
            }
            At::Open { asked } => match self.park(Park::empty) {
                true => At::Take { asked },
                false => At::Read { asked },
            },
            At::Take { asked } => {
                self.taken = std::mem::take(&mut self.letters);
                At::Read { asked }
            }
            At::Read { asked } => match self.taken.iter().position(|&taken| taken) {
                Some(task) => {
                    self.mailed[task] = false;
                    self.taken[task] = false;
                    self.owed[task] = false;
                    At::Read { asked }
                }
                None if asked => At::GoAway,
                None if self.drive == Drive::Sleep => At::LieDown,
                // No ringer changes this while the loop is at its desk: no step of its own.
                None if self.park(|park| park.is_quiet()) => At::Open { asked: true },
                None => At::Written { sleeps: false, nap: false },
            },
            At::LieDown | At::LastLook | At::Written { .. } | At::Ask { .. } | At::Attend => {
                self.step_ask(at)
            }
            At::GoAway => {
                self.bells = 0;
                self.park(Park::go_away);
                At::Leave
            }
            At::Leave if self.park(|park| park.is_full()) => At::Ring,
            At::Leave => self.left()?,
            _ => match self.step_ring(at)? {
                At::Rest => self.left()?,
                next => next,
            },
        })
    }

    fn step_ask(&mut self, at: At) -> At {
        match at {
            At::LieDown => {
                self.bells = 0;
                self.park(Park::lie_down);
                At::LastLook
            }
            At::LastLook => At::Written { sleeps: true, nap: !self.park(|park| park.is_full()) },
            At::Written { sleeps, nap } => {
                At::Ask { written: self.park(|park| park.written()), sleeps, nap }
            }
            At::Ask { written, sleeps, .. } => {
                let what = match std::mem::take(&mut self.readable) {
                    true => Heard::Bell,
                    false => Heard::Silence,
                };
                self.park(|park| park.hear(written, what));
                if sleeps { At::Attend } else { At::Open { asked: true } }
            }
            At::Attend => {
                self.come_back();
                At::Open { asked: true }
            }
            _ => unreachable!("{at:?}"),
        }
    }

    fn come_back(&mut self) {
        self.park(Park::attend);
        self.bells = 1; // At its desk the loop must not be rung for at all.
    }

    /// A drive is over.
    fn left(&self) -> Result<At, &'static str> {
        if self.is_wanted() && !self.busy {
            return Err("nothing was to do, nothing came, and the host must turn again");
        }
        if !self.busy && self.are_done() && self.desk / BELL != self.heard {
            return Err("all has been heard, and the loop goes on asking");
        }
        Ok(At::Rest)
    }

    fn are_done(&self) -> bool {
        self.ringers.iter().all(|(at, deeds)| *at == At::Rest && deeds.is_empty())
    }

    /// Tries whatever can come next; returns how many states there are.
    fn explore(self) -> usize {
        let mut met = Met::default();
        let mut path = Vec::new();
        if let Err(what) = self.visit(&mut met, &mut path) {
            panic!("{what}, after these steps (thread: from there)\n{path:#?}");
        }
        met.len()
    }

    fn visit(self, met: &mut Met, path: &mut Vec<(usize, At)>) -> Result<(), &'static str> {
        if !met.insert(self.clone()) {
            return Ok(());
        }
        let mut stuck = true;
        for thread in 0..=self.ringers.len() {
            if !self.can_step(thread) {
                continue;
            }
            stuck = false;
            path.push((thread, self.ringers.get(thread).map_or(self.turno, |ringer| ringer.0)));
            let mut next = self.clone();
            next.step(thread)?;
            next.visit(met, path)?;
            path.pop();
        }
        match stuck && !(self.are_done() && !self.full && self.owed == [false; 2]) {
            true => Err("all are at rest, and a letter lies in the box"),
            false => Ok(()),
        }
    }
}

/// The states that were met, by a hash that is quick in a test's build.
type Met = HashSet<World, BuildHasherDefault<Quick>>;

#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

use Deed::{Knock, Wake};
use Drive::{Sleep, Turn};

/// Under either host.
fn explore(ringers: &[&'static [Deed]], plans: &[&'static [Drive]]) {
    for host in [Host::Descriptor, Host::Call] {
        for plan in plans {
            let states = World::new(ringers, host, plan).explore();
            assert!(states > 100, "{states} states: {host:?}, {plan:?}, {ringers:?}");
        }
    }
}

#[test]
fn one_ringer_is_heard_and_lets_the_host_sleep() {
    let plans: [&[Drive]; 4] = [&[], &[Turn, Turn, Turn], &[Turn, Sleep], &[Sleep, Sleep]];
    explore(&[&[Wake(0), Wake(0), Wake(1)]], &plans);
    explore(&[&[Knock, Wake(0)]], &plans);
}

#[test]
fn two_ringers_are_heard_and_let_the_host_sleep() {
    explore(&[&[Wake(0)], &[Wake(1)]], &[&[Turn, Turn, Turn], &[Turn, Sleep], &[Sleep, Turn]]);
    explore(&[&[Wake(0), Wake(0)], &[Wake(1)]], &[&[Turn], &[Sleep]]);
}

#[test]
fn ringers_for_one_task_do_not_wait_for_each_other() {
    explore(&[&[Wake(0)], &[Wake(0), Knock]], &[&[Turn, Turn], &[Sleep]]);
}

#[test]
fn three_ringers_are_heard_and_let_the_host_sleep() {
    explore(&[&[Wake(0)], &[Wake(1)], &[Knock]], &[&[Turn]]);
}
