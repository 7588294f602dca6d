//! Task ids: a slab index that carries a generation, so that a stale id misses (floor 1).

use std::fmt;
use std::num::NonZeroU32;

/// Identifies a task of one runtime.
///
/// An id is an index into the task table and a serial number, counted from 1 in the order of
/// spawning. The index is used again after a task is gone, the serial number is not (until it has
/// gone round after 2^32 spawns), so a stale wake or abort misses rather than hitting a newcomer.
/// It prints as its serial number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    serial: NonZeroU32,
    index: u32,
}

impl Id {
    /// The id at `index` of a table, made by the `serial`-th spawn. Zero is taken for 1.
    ///
    /// Only a runtime makes ids that mean something to it; this is for those who call a
    /// [`Policy`](crate::policy::Policy) without a runtime, in a test of their own.
    pub fn new(index: u32, serial: u32) -> Self {
        Self { serial: NonZeroU32::new(serial).unwrap_or(NonZeroU32::MIN), index }
    }

    /// Both in one number, for an atomic cell.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.serial.get()) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self::new(bits as u32, (bits >> 32) as u32)
    }

    /// The place in the task table: small, dense, and used again when the task is gone.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// The serial number: the first task spawned is 1.
    pub fn serial(self) -> u32 {
        self.serial.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serial.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.serial)
    }
}
