//! What an experiment is run on: the policies to compare, the clock, the seeds; and how far it is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use turno::policy::Policy;
use turno::runtime::{Builder, Runtime};
use turno::time::Clock;

use crate::Problem;
use crate::policies::Choice;
use crate::trace::Trace;

/// Which clock a run goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Takes no time, and is the same in every run.
    Virtual,
    /// The machine's.
    Real,
}

/// What every experiment is handed: what the options say that all of them understand.
pub struct Bench {
    /// The policies to compare, in the order in which they were named.
    pub policies: Vec<Choice>,
    /// The first seed.
    pub seed: u64,
    /// So many seeds, one after the other.
    pub runs: u32,
    /// The clock to go by.
    pub clock: Time,
    /// Somebody watches, and wants to see how far it is.
    pub progress: bool,
    /// Where one run is recorded, if that was asked for.
    pub trace: Option<Trace>,
    /// This is the lab's own program, which can start processes that are this program again.
    pub is_program: bool,
}

impl Bench {
    /// The seeds of all runs.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let first = self.seed;
        (0..u64::from(self.runs)).map(move |run| first.wrapping_add(run))
    }

    /// What a runtime of the experiment is built of: this policy, this seed, the clock that was
    /// asked for.
    pub fn builder(&self, policy: Box<dyn Policy>, seed: u64, switch_cost: Duration) -> Builder {
        let clock = match self.clock {
            Time::Virtual => Clock::virtual_time(),
            Time::Real => Clock::real(),
        };
        let builder = Builder::new().policy(policy).seed(seed).clock(clock);
        let builder = builder.switch_cost(switch_cost);
        match &self.trace {
            Some(trace) => trace.watch(builder),
            None => builder,
        }
    }

    /// A runtime of the experiment.
    ///
    /// # Errors
    /// When the operating system has no descriptors left.
    pub fn runtime(
        &self,
        policy: Box<dyn Policy>,
        seed: u64,
        switch_cost: Duration,
    ) -> Result<Runtime, Problem> {
        Ok(self.builder(policy, seed, switch_cost).build()?)
    }

    /// A bar that shows how much of `total` is done, if somebody watches.
    pub fn bar(&self, what: &str, total: u64) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total).with_message(what.to_string());
        let style = ProgressStyle::with_template("{msg:<24} {wide_bar} {percent:>3} % {eta:>4}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }
}
