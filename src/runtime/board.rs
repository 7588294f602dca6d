//! The board outside the door: which switch is made now, for those who cannot ask the loop
//! (floor 3).
//!
//! A loop that is stuck in a task answers nobody. So what another thread is told then stands where
//! it can be read at any time: each switch writes three numbers. What is behind them, the task's
//! name and the place where it was spawned, is noted when it is spawned.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::task::id::Id;
use crate::task::info::Nanos;
use crate::time::clock::{Clock, since_epoch};
use crate::wait::Site;

/// What is told of the switch that is made now, or was made last.
pub(crate) struct Board {
    n: AtomicU64,
    /// The serial number of its task; 0 while the loop is not driven.
    serial: AtomicU64,
    /// The index of its task's id. Another thread may find that of a later task here.
    index: AtomicU32,
    /// When the loop last looked at its clock.
    at: AtomicU64,
    /// What is 0 on the loop's clock, since the epoch; `STILL` if that stands still.
    zero: AtomicI64,
    /// Where tasks were spawned, by the indices of their ids: the place in `SITES`, in the upper
    /// half, and in the lower one that of the task's serial number, to know whose it is. Each chunk
    /// is twice as long as the one before, and none ever moves.
    sites: [OnceLock<Box<[AtomicU64]>>; CHUNKS],
    /// The names of those who have one, by the index of their ids. Who has gone is overwritten.
    names: Mutex<Vec<Option<Named>>>,
}

type Named = (Id, Box<str>);

const STILL: i64 = i64::MIN;

/// The first one has 64 places, and all of them as many as there can be tasks.
const CHUNKS: usize = 27;

/// In which chunk the place of an index is, and where there.
fn place_of(index: usize) -> (usize, usize) {
    let at = index + 64;
    let chunk = at.ilog2() - 6;
    (chunk as usize, at - (64 << chunk))
}

/// The places where tasks were spawned, in the whole process.
static SITES: Mutex<Vec<Site>> = Mutex::new(Vec::new());

/// No user code runs under these locks, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(site: Site) -> usize {
    ptr::from_ref(site).addr()
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            n: AtomicU64::new(0),
            serial: AtomicU64::new(0),
            index: AtomicU32::new(0),
            at: AtomicU64::new(0),
            zero: AtomicI64::new(STILL),
            sites: [const { OnceLock::new() }; CHUNKS],
            names: Mutex::default(),
        }
    }

    /// The loop has looked at its clock.
    #[inline]
    pub(super) fn set_time(&self, now: Nanos) {
        self.at.store(now, Ordering::Relaxed);
    }

    /// A switch begins.
    #[inline]
    pub(super) fn begin(&self, n: u64, task: Id) {
        self.index.store(task.index() as u32, Ordering::Relaxed);
        self.serial.store(task.serial(), Ordering::Release);
        // Whoever reads this number sees what was written before.
        self.n.store(n, Ordering::Release);
    }

    /// The task of the present switch, or of the last one of those who drive the loop.
    pub(super) fn task(&self) -> Option<Id> {
        let serial = self.serial.load(Ordering::Acquire);
        (serial != 0).then(|| Id::new(self.index.load(Ordering::Relaxed), serial))
    }

    /// Nobody drives the loop any more, but for the task that drove it from inside.
    pub(super) fn leave(&self, inside: Option<Id>) {
        if let Some(task) = inside {
            self.index.store(task.index() as u32, Ordering::Relaxed);
        }
        self.serial.store(inside.map_or(0, Id::serial), Ordering::Release);
    }

    /// The loop's clock was stopped, or goes on.
    pub(super) fn set_clock(&self, clock: &Clock) {
        self.zero.store(clock.zero().unwrap_or(STILL), Ordering::Release);
    }

    /// The name of a task, also if it has gone and no other one with a name has taken its place.
    pub(super) fn name(&self, task: Id) -> Option<Box<str>> {
        let names = lock(&self.names);
        let (id, name) = names.get(task.index())?.as_ref()?;
        (*id == task).then(|| name.clone())
    }

    /// Notes where a task has just been spawned, as [`Noted::note`] has it.
    #[inline]
    pub(super) fn note_site(&self, task: Id, site: u32) {
        let (chunk, at) = place_of(task.index());
        let places = || (0..64 << chunk).map(|_| AtomicU64::new(0)).collect();
        let noted = u64::from(site) << 32 | u64::from(task.serial() as u32);
        self.sites[chunk].get_or_init(places)[at].store(noted, Ordering::Relaxed);
    }

    fn site(&self, task: Id) -> Option<Site> {
        let (chunk, at) = place_of(task.index());
        let noted = self.sites.get(chunk)?.get()?.get(at)?.load(Ordering::Relaxed);
        if noted as u32 != task.serial() as u32 {
            return None; // Its place is another's by now, or its id was read while it changed.
        }
        lock(&SITES).get((noted >> 32) as usize).copied()
    }

    /// Notes the name of a task that has just been spawned.
    #[cold]
    pub(super) fn note_name(&self, task: Id, name: Box<str>) {
        let mut names = lock(&self.names);
        if names.len() <= task.index() {
            names.resize(task.index() + 1, None);
        }
        names[task.index()] = Some((task, name));
    }

    /// The task of the present switch, and where it was spawned. Its serial number is read in one
    /// piece; if that and the index do not belong together, the number is what counts.
    fn read_task(&self) -> Option<(Id, Option<Site>)> {
        for _ in 0..8 {
            let task = self.task()?;
            if let site @ Some(_) = self.site(task) {
                return Some((task, site));
            }
        }
        Some((Id::unplaced(self.task()?.serial()), None))
    }

    /// Forgets the names of tasks that have gone, beyond this many places.
    #[cold]
    pub(super) fn shrink_names(&self, places: usize) {
        let mut names = lock(&self.names);
        names.truncate(places);
        names.shrink_to_fit();
    }

    /// What is going on, as far as can be told from outside; `None` if nobody drives the loop.
    pub(super) fn read(&self) -> Option<Running> {
        let n = self.n.load(Ordering::Acquire);
        let (task, spawn_site) = self.read_task()?;
        let zero = self.zero.load(Ordering::Acquire);
        let at = zero.saturating_add_unsigned(self.at.load(Ordering::Relaxed));
        let ago = u64::try_from(since_epoch(Instant::now()).saturating_sub(at)).unwrap_or(0);
        Some(Running {
            switch: n,
            task,
            name: self.name(task),
            spawn_site,
            at_least: Duration::ZERO,
            at_most: (zero != STILL).then(|| Duration::from_nanos(ago)),
        })
    }
}

/// Which places a runtime has noted already, and as what, so that a spawn mostly costs one
/// comparison.
pub(crate) struct Noted([Cell<(usize, u32)>; 64]);

impl Noted {
    pub(super) fn new() -> Self {
        Self([const { Cell::new((0, 0)) }; 64])
    }

    /// A task is spawned at `site`. Returns where that is in `SITES`.
    #[inline]
    pub(super) fn note(&self, site: Site) -> u32 {
        let noted = &self.0[(address(site) / align_of::<Location<'_>>()) % 64];
        let (known, at) = noted.get();
        if known == address(site) {
            return at;
        }
        let at = note_site(site);
        noted.set((address(site), at));
        at
    }
}

#[cold]
fn note_site(site: Site) -> u32 {
    let mut sites = lock(&SITES);
    let at = sites.iter().position(|known| ptr::eq(*known, site)).unwrap_or_else(|| {
        sites.push(site);
        sites.len() - 1
    });
    at as u32 // A program has fewer places than that.
}

/// The task that has the thread, as seen from another one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Running {
    /// The number of its switch.
    pub switch: u64,
    /// The task's id.
    pub task: Id,
    /// Its name, if it was given one.
    pub name: Option<Box<str>>,
    /// Where it was spawned.
    pub spawn_site: Option<&'static Location<'static>>,
    /// The switch has taken at least so long: it was watched.
    pub at_least: Duration,
    /// The switch has taken at most so long: the loop has not read its clock since. On a virtual
    /// clock that is not known.
    pub at_most: Option<Duration>,
}

impl fmt::Display for Running {
    /// `task 7 "hash" (spawned at src/main.rs:3:5), in switch 60, which has taken 1s to 3s so far`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(site) = self.spawn_site {
            write!(f, " (spawned at {site})")?;
        }
        write!(f, ", in switch {}, which has taken ", self.switch)?;
        let ms = |time: Duration, more| Duration::from_millis(time.as_millis() as u64 + more);
        match self.at_most {
            Some(most) => write!(f, "{:?} to {:?} so far", ms(self.at_least, 0), ms(most, 1)),
            None => write!(f, "{:?} or more", ms(self.at_least, 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Runtime;

    #[test]
    fn a_task_whose_number_needs_more_than_32_bits_is_itself_and_no_other() {
        const WRAP: u64 = 1 << 32;
        let rt = Runtime::new().unwrap();
        let early = rt.spawn(std::future::pending::<()>());
        rt.shared.link.inbox.skip_serials(WRAP - 1);
        rt.block_on(async {
            let late = crate::spawn(async { crate::task::id() });
            let (root, late_id) = (crate::task::id(), late.id());
            assert_eq!([root, late_id].map(Id::serial), [WRAP, WRAP + 1]);
            assert_eq!(late_id.to_string(), "4294967297");
            assert!(early.id() < root && early.id() != late_id);
            assert!(!crate::task::update(Id::new(late_id.index() as u32, 1), |_| {}));
            let told = rt.shared.link.board.read().unwrap();
            assert_eq!((told.task, told.name.as_deref()), (root, Some("block_on")));
            assert!(told.spawn_site.is_some());
            assert_eq!(late.await.unwrap(), late_id);
        });
    }

    #[test]
    fn halves_of_two_ids_are_no_third_one() {
        let board = Board::new();
        let site = note_site(Location::caller());
        let (old, new) = (Id::new(0, 5), Id::new(1, (1 << 32) + 6));
        board.note_site(old, site);
        board.note_site(new, site);
        board.begin(1, old);
        board.index.store(new.index() as u32, Ordering::Relaxed); // In the middle of a switch.
        let told = board.read().unwrap();
        assert_eq!((told.task, told.task.is_placed(), told.spawn_site), (old, false, None));
        board.begin(2, new);
        let told = board.read().unwrap();
        assert_eq!((told.task, told.task.index(), told.spawn_site.is_some()), (new, 1, true));
    }
}
