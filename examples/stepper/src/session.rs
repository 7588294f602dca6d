//! Forward and back in a run: back is the same run again, up to one switch less.

use std::io;
use std::rc::Rc;

use lab::Problem;
use turno::task::Id;

use crate::program::Program;
use crate::run::{Decisions, Run};

/// So many switches are made at most when nobody says where to stop: a program may have no end.
pub const MOST: u64 = 100_000;

/// A run that can be stepped through in both directions, and decided anew at any switch.
pub struct Session {
    program: Rc<dyn Program>,
    seed: u64,
    decisions: Decisions,
    run: Run,
}

impl Session {
    /// The program before its first switch, under that policy.
    ///
    /// # Errors
    /// When the operating system has no descriptors left, or no policy is named so.
    pub fn new(program: Rc<dyn Program>, policy: &str, seed: u64) -> Result<Self, Problem> {
        Self::decided(program, Decisions::new(policy), seed)
    }

    /// The program before its first switch, with all that was decided of it.
    ///
    /// # Errors
    /// When the operating system has no descriptors left, or no policy is named so.
    pub fn decided(
        program: Rc<dyn Program>,
        decisions: Decisions,
        seed: u64,
    ) -> Result<Self, Problem> {
        decisions.policies(u64::MAX).try_for_each(|(_, policy)| known(&*program, policy))?;
        let run = Run::begin(&program, seed, &decisions)?;
        Ok(Self { program, seed, decisions, run })
    }

    /// The program.
    pub fn program(&self) -> &Rc<dyn Program> {
        &self.program
    }

    /// The seed of everything random in it.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What was decided, for later switches too.
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// The run where it is now.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// After how many switches it is.
    pub fn at(&self) -> u64 {
        self.run.at()
    }

    /// One switch, as was decided or as the policy decides.
    pub fn forward(&mut self) -> bool {
        self.run.forward(&self.decisions)
    }

    /// To that switch, or to the end if that comes before.
    ///
    /// # Errors
    /// When the operating system has no descriptors left.
    pub fn go_to(&mut self, n: u64) -> io::Result<()> {
        if n < self.at() {
            self.again()?;
        }
        while self.at() < n && self.forward() {}
        Ok(())
    }

    /// To the end, if it comes within [`MOST`] switches.
    pub fn finish(&mut self) {
        let most = self.at() + MOST;
        while self.at() < most && self.forward() {}
    }

    /// Makes a switch to a task of your choice.
    pub fn pick(&mut self, id: Id) -> bool {
        self.decisions.decide_pick(self.at(), id.serial());
        self.forward()
    }

    /// Makes a switch of the policy's choice, whatever you picked here before.
    pub fn let_the_policy(&mut self) -> bool {
        self.decisions.decide_not_to_pick(self.at());
        self.forward()
    }

    /// From here on that policy decides.
    ///
    /// # Errors
    /// In one line, when no policy is named so, or the operating system has no descriptors left.
    pub fn change_policy(&mut self, policy: &str) -> Result<(), Problem> {
        known(&*self.program, policy)?;
        let at = self.at();
        self.decisions.decide_policy(at, policy);
        // The same way as if it had been decided before: one way is enough.
        self.again()?;
        Ok(self.go_to(at)?)
    }

    /// The same program from its beginning.
    fn again(&mut self) -> io::Result<()> {
        self.run = Run::begin(&self.program, self.seed, &self.decisions)?;
        Ok(())
    }
}

fn known(program: &dyn Program, policy: &str) -> Result<(), Problem> {
    program.policy(policy).map(drop).map_err(|error| Problem::new(error.to_string()))
}
