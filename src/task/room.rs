//! When the memory that a burst needed is given back (floor 1).
//!
//! A table or list that has grown is asked when the loop has nothing to do, and shrinks if less
//! than a quarter of it is in use, to twice of what is: so it is not done again before that has
//! halved, and growing back takes as many insertions. What is small is kept.

use std::collections::VecDeque;

const KEPT: usize = 4096;

/// Whether so much capacity is more than is kept in any case.
#[inline]
pub(crate) fn is_large(capacity: usize) -> bool {
    capacity > KEPT
}

/// Whether so much capacity is too much.
#[inline]
pub(crate) fn is_ample(len: usize, capacity: usize) -> bool {
    is_large(capacity) && len < capacity / 4
}

/// Gives back what a list does not need.
#[inline]
pub(crate) fn shrink<T>(list: &mut VecDeque<T>) {
    if is_ample(list.len(), list.capacity()) {
        shrink_now(list);
    }
}

/// A function of its own, so that asking costs two comparisons.
#[cold]
#[inline(never)]
fn shrink_now<T>(list: &mut VecDeque<T>) {
    list.shrink_to((2 * list.len()).max(KEPT / 4));
}
