//! What an experiment is, and those there are.

use clap::{ArgMatches, Command};

use crate::bench::Time;
use crate::{Bench, Problem, Report};

pub(crate) mod accept;
mod budget;
mod deadline;
mod fairness;
mod mixed;
mod ostep;
mod overload;
pub mod queue;

/// A question that is put to schedulers: one subcommand of the lab.
pub trait Experiment {
    /// The subcommand: its name, its question in the help, and its own arguments. What all
    /// experiments understand is added by the lab.
    fn command(&self) -> Command;

    /// The policies that are compared unless others are named; none if there is nothing to choose.
    fn policies(&self) -> &'static [&'static str];

    /// The clock that it goes by unless told otherwise.
    fn clock(&self) -> Time {
        Time::Virtual
    }

    /// Runs it. What is wrong with the arguments is told before any work is done.
    ///
    /// # Errors
    /// When the arguments ask for what cannot be had.
    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem>;
}

/// All of them, in the order of the help.
pub fn all() -> Vec<Box<dyn Experiment>> {
    vec![
        Box::new(queue::Queue),
        Box::new(deadline::Deadline),
        Box::new(fairness::Fairness),
        Box::new(mixed::Mixed),
        Box::new(accept::Accept),
        Box::new(budget::Budget),
        Box::new(overload::Overload),
        Box::new(ostep::Ostep),
    ]
}
