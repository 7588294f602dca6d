//! One right program for each lab; others are in `also`, for the tests.

#[path = "3.rs"]
pub mod lost_wakeup;
#[path = "5.rs"]
pub mod policy;
#[path = "4.rs"]
pub mod reactor;
#[path = "6.rs"]
pub mod starvation;
#[path = "2.rs"]
pub mod wakers;
#[path = "1.rs"]
pub mod who_polls;
