//! How the table of waits gives back the memory of a burst (floor 2).

use std::mem;

use super::{NONE, Waits, with};
use crate::task::room;

/// Whether the table has grown so much that its memory may be worth giving back.
#[inline]
pub(crate) fn is_large() -> bool {
    with(|waits| room::is_large(waits.entries.capacity())).unwrap_or(false)
}

/// Gives back the memory of a burst.
pub(crate) fn shrink() {
    with(|waits| {
        if room::is_ample(waits.used, waits.entries.capacity()) {
            waits.shrink();
        }
        if room::is_ample(waits.records.len(), waits.records.capacity()) {
            waits.records.shrink_to_fit();
        }
    });
}

impl Waits {
    /// Gives back the free entries at the end, if that is half of all. If one that is used lies
    /// behind them, those that are freed from now on are used again from the beginning: an idle
    /// loop, which always waits for something, would else wait at the end.
    #[cold]
    fn shrink(&mut self) {
        let free = self.entries.iter().rev().take_while(|entry| entry.serial == 0).count();
        if free >= self.entries.len() / 2 {
            self.entries.truncate(self.entries.len() - free);
            self.entries.shrink_to(2 * self.entries.len());
            self.limit_to(NONE);
        } else if self.limit == NONE {
            self.limit_to(2 * self.used.max(512) as u32);
        }
    }

    /// Links the free entries before `limit` in their order, and no others from now on.
    #[cold]
    pub(super) fn limit_to(&mut self, limit: u32) {
        (self.limit, self.free) = (limit, NONE);
        for (index, entry) in self.entries.iter_mut().enumerate().take(limit as usize).rev() {
            if entry.serial == 0 {
                entry.next = mem::replace(&mut self.free, index as u32);
            }
        }
    }
}
