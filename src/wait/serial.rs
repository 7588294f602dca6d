//! Serial numbers of wait entries: no two of the process have the same one (floor 2).

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Threads get the numbers in blocks of this many, so they share nothing in between.
const BLOCK: u64 = 1 << 16;

/// Where the next block begins. The blocks last for 2^48 threads, or 2^64 waits.
static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// The numbers of one thread, in ascending order.
pub(super) struct Serials {
    /// The next one. Where a block begins there is none left.
    next: u64,
}

impl Serials {
    pub(super) const fn new() -> Self {
        Self { next: 0 }
    }

    #[inline(always)]
    pub(super) fn next(&mut self) -> NonZeroU64 {
        if self.next.is_multiple_of(BLOCK) {
            self.begin_block();
        }
        let serial = self.next;
        self.next += 1;
        NonZeroU64::new(serial).unwrap_or(NonZeroU64::MIN)
    }

    /// The number at which a block begins is left out: it says that the one before is used up, and
    /// 0 is none.
    #[cold]
    fn begin_block(&mut self) {
        self.next = BLOCKS.fetch_add(BLOCK, Ordering::Relaxed) + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn no_two_are_the_same_and_those_of_a_thread_ascend() {
        let n = 3 * BLOCK as usize;
        let some = move || {
            let mut serials = Serials::new();
            Vec::from_iter((0..n).map(|_| serials.next().get()))
        };
        let threads: Vec<_> = (0..3).map(|_| thread::spawn(some)).collect();
        let mut all = HashSet::from([0]);
        for serials in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            assert!(serials.is_sorted());
            all.extend(serials);
        }
        assert_eq!(all.len(), 3 * n + 1);
    }
}
