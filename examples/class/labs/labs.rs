//! The six labs: their scenarios, what is found in a program, what is asked.

use crate::lab::Lab;

#[path = "3_lost_wakeup/check.rs"]
pub mod lost_wakeup;
#[path = "5_policy/check.rs"]
pub mod policy;
#[path = "4_reactor/check.rs"]
pub mod reactor;
#[path = "6_starvation/check.rs"]
pub mod starvation;
#[path = "2_wakers/check.rs"]
pub mod wakers;
#[path = "1_who_polls/check.rs"]
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
