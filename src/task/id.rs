//! Task ids: a slab index that carries a generation, so that a stale id misses (floor 1).

use std::fmt;
use std::num::NonZeroU64;

/// Tells one runtime of the process from another; 0 for none.
pub(crate) type LoopKey = u32;

/// Identifies a task of one runtime.
///
/// An id is an index into the task table and a serial number, counted from 1 in the order of
/// spawning. The index is used again after a task is gone, the serial number is not (until it has
/// gone round after 2^32 spawns), so a stale wake or abort misses rather than hitting a newcomer.
/// It prints as its serial number.
// One number, the serial in its upper half: comparing and copying it is one instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    /// The id at `index` of a table, made by the `serial`-th spawn. Zero is taken for 1.
    ///
    /// Only a runtime makes ids that mean something to it; this is for those who call a
    /// [`Policy`](crate::policy::Policy) without a runtime, in a test of their own.
    #[inline]
    pub fn new(index: u32, serial: u32) -> Self {
        Self::from_bits(u64::from(serial.max(1)) << 32 | u64::from(index))
    }

    /// The number itself, for an atomic cell.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0.get()
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MAX))
    }

    /// The place in the task table: small, dense, and used again when the task is gone.
    #[inline]
    pub fn index(self) -> usize {
        self.0.get() as u32 as usize
    }

    /// The serial number: the first task spawned is 1.
    #[inline]
    pub fn serial(self) -> u32 {
        (self.0.get() >> 32) as u32
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
