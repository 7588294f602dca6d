//! The six labs: their scenarios, what is found in a program, what is asked.

use crate::lab::Lab;

pub mod lost_wakeup;
pub mod policy;
pub mod reactor;
pub mod starvation;
pub mod wakers;
pub mod who_polls;

/// All six, in order.
pub fn all() -> Vec<Lab> {
    vec![
        who_polls::lab(),
        wakers::lab(),
        lost_wakeup::lab(),
        reactor::lab(),
        policy::lab(),
        starvation::lab(),
    ]
}
