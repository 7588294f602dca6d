//! The lab itself: the experiments and policies it knows, and its program.

use std::process::ExitCode;

use turno::policy::Policy;

use crate::Slopes;
use crate::cli;
use crate::experiment::{self, Experiment};
use crate::policies::Policies;

/// The experiments and the policies of a lab.
///
/// ```no_run
/// use turno::policy::Lifo;
///
/// lab::Lab::new()
///     .with_policy("mine", "last in, first out, under another name", || Lifo::new().into())
///     .main();
/// ```
pub struct Lab {
    pub(crate) experiments: Vec<Box<dyn Experiment>>,
    pub(crate) policies: Policies,
}

impl Lab {
    /// All the experiments there are, and turno's own policies.
    pub fn new() -> Self {
        let lab = Self { experiments: experiment::all(), policies: Policies::new() };
        let about = "who has waited longest, where a level counts the wait once more";
        lab.with_policy("slopes", about, || Slopes::default().into())
    }

    /// Adds a policy of one's own, under a name for `--policy`.
    pub fn with_policy(
        mut self,
        name: &str,
        about: &str,
        make: impl Fn() -> Box<dyn Policy> + 'static,
    ) -> Self {
        self.policies.add(name, about, make);
        self
    }

    /// Adds an experiment of one's own: a subcommand.
    pub fn with_experiment(mut self, experiment: impl Experiment + 'static) -> Self {
        self.experiments.push(Box::new(experiment));
        self
    }

    /// The program: reads the command line, runs what it names, prints what came out.
    pub fn main(self) -> ExitCode {
        cli::main(&self)
    }

    /// Runs what a command line asks for, the program's name not counted.
    ///
    /// ```
    /// let args = ["queue", "--jobs", "1000", "--policy", "fifo"];
    /// let report = lab::Lab::new().run(args)?;
    /// assert_eq!(report.rows[0]["policy"], "fifo");
    /// # Ok::<(), lab::Problem>(())
    /// ```
    ///
    /// # Errors
    /// When the command line asks for what cannot be had.
    pub fn run<A: Into<String>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<crate::Report, crate::Problem> {
        cli::run(self, args.into_iter().map(Into::into))
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}
