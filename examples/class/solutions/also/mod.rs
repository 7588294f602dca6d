//! Right programs of other kinds, which the checks must accept.

#[path = "6_aging.rs"]
pub mod aging;
#[path = "2_careful.rs"]
pub mod careful;
#[path = "1_join.rs"]
pub mod join;
#[path = "6_levels.rs"]
pub mod levels;
#[path = "3_looks_again.rs"]
pub mod looks_again;
#[path = "2_notify.rs"]
pub mod notify;
#[path = "3_permits.rs"]
pub mod permits;
#[path = "4_select.rs"]
pub mod select;
#[path = "5_sjf.rs"]
pub mod sjf;
#[path = "1_tasks.rs"]
pub mod tasks;
#[path = "5_tree.rs"]
pub mod tree;
