//! Task ids: a number that no other task of the runtime has, and where to look for it (floor 1).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;

/// Tells one runtime of the process from another; 0 for none. No other runtime ever has it.
pub(crate) type LoopKey = u64;

/// Identifies a task, or a blocking job, of one runtime.
///
/// An id is a serial number, counted from 1 in the order of spawning, and an index into the task
/// table. The index is used again after a task is gone, the serial number never is, so a stale wake
/// or abort misses rather than hitting a newcomer. Ids compare, and print, as their serial numbers:
/// the index only says where to look.
// An `Option` of one is no larger. Packed to 12 bytes it would be copied in pieces that are read in
// other pieces right after, for which the processor waits: a fifth of a spawn.
#[derive(Clone, Copy)]
pub struct Id {
    number: u64,
    /// The index and one more, so that 0 stands for no id.
    place: NonZeroU32,
}

const _: () = assert!(size_of::<Id>() == 16 && size_of::<Option<Id>>() == 16);

impl Id {
    /// The id at `index` of a table, made by the `serial`-th spawn.
    ///
    /// Only a runtime makes ids that mean something to it; this is for those who call a
    /// [`Policy`](crate::policy::Policy) without a runtime, in a test of their own.
    #[inline]
    pub const fn new(index: u32, serial: u64) -> Self {
        // A table has no place for the last index.
        let place = match NonZeroU32::new(index.saturating_add(1)) {
            Some(place) => place,
            None => NonZeroU32::MAX,
        };
        Self { number: serial, place }
    }

    /// The id of what has no place in a table: of a blocking job, and of a task that is to be.
    #[inline]
    pub(crate) const fn unplaced(serial: u64) -> Self {
        Self { number: serial, place: NonZeroU32::MAX }
    }

    /// Whether it says where to look.
    #[inline]
    pub(crate) fn is_placed(self) -> bool {
        self.place != NonZeroU32::MAX
    }

    /// The place in the task table: small, dense, and used again when the task is gone.
    ///
    /// A [blocking job](super::spawn_blocking) has no place, and the id that a
    /// [`RemoteJoinHandle`](super::RemoteJoinHandle) tells does not know it: there it is a number
    /// that is larger than any table.
    #[inline]
    pub fn index(self) -> usize {
        self.place.get() as usize - 1
    }

    /// The serial number: the first task spawned is 1.
    #[inline]
    pub fn serial(self) -> u64 {
        self.number
    }
}

impl PartialEq for Id {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.serial() == other.serial()
    }
}

impl Eq for Id {}

impl Ord for Id {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.serial().cmp(&other.serial())
    }
}

impl PartialOrd for Id {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.serial().hash(state);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serial().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.serial())
    }
}
