//! The labs with their starters, which are programs of their own elsewhere.

use class::lab::Lab;

#[path = "../../labs/3_lost_wakeup/starter.rs"]
mod lost_wakeup;
#[path = "../../labs/5_policy/starter.rs"]
mod policy;
#[path = "../../labs/4_reactor/starter.rs"]
mod reactor;
#[path = "../../labs/6_starvation/starter.rs"]
mod starvation;
#[path = "../../labs/2_wakers/starter.rs"]
mod wakers;
#[path = "../../labs/1_who_polls/starter.rs"]
mod who_polls;

/// All six, in order.
pub fn labs() -> Vec<Lab> {
    let starters = |lab: Lab| match lab.number {
        1 => lab.with(class::who_polls!(who_polls)),
        2 => lab.with(class::wakers!(wakers)),
        3 => lab.with(class::lost_wakeup!(lost_wakeup)),
        4 => lab.with(class::reactor!(reactor)),
        5 => lab.with(class::policy!(policy)),
        6 => lab.with(class::starvation!(starvation)),
        n => panic!("there is no lab {n}"),
    };
    class::labs::all().into_iter().map(starters).collect()
}
