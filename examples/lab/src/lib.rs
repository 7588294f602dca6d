//! The lab: experiments in which the scheduler is swapped, beside what theory says.
//!
//! ```text
//! cargo lab --help                                   the experiments, one line each
//! cargo lab queue --policy fifo,round-robin,srpt     one of them
//! cargo lab compare queue --page queue.html          one of them under every policy, as a page
//! ```
//!
//! It simulates nothing beside turno: every job is a spawned task, every arrival a timer, all
//! service `time::work`, and the only queue is the policy's. In virtual time a run takes no longer
//! than the switches it makes. What is about several processes starts them: `cargo lab accept`.
//!
//! It is a library too. [`Lab`] is what the program is made of: a policy of your own goes into all
//! experiments by [`Lab::with_policy`] (see `examples/my_policy.rs`), an experiment of your own is
//! an [`Experiment`].
//!
//! In reading order: [`experiment`] what an experiment is, and those there are; [`world`] how jobs
//! come and are served; [`tally`] what is counted; [`dist`] and [`theory`] what ought to come out;
//! [`report`], [`plot`], [`page`] how it is shown.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod experiment;

pub mod bench;
pub mod policies;
pub mod tally;
pub mod world;

pub mod dist;
pub mod theory;

pub mod page;
pub mod plot;
pub mod report;

mod cli;
mod lab;
mod problem;
mod slopes;
mod trace;

pub use bench::Bench;
pub use experiment::Experiment;
pub use lab::Lab;
pub use problem::Problem;
pub use report::Report;
pub use slopes::Slopes;
pub use trace::Trace;
