//! One run of a program, switch by switch, under what was decided.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use turno::policy::Policy;
use turno::runtime::{Builder, Runtime};
use turno::task::{self, Id, JoinHandle, Nanos};
use turno::time::{Clock, Instant};
use turno::trace::Recorder;

use crate::hand::{Hand, Wish};
use crate::program::{Program, Responses, Script};

/// What was decided, and after how many switches: with the program and the seed it is the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decisions {
    /// Who decides from there on. There is always one from the beginning.
    policies: BTreeMap<u64, String>,
    /// Whom you picked there, by serial number.
    picks: BTreeMap<u64, u64>,
}

impl Decisions {
    /// This policy decides all.
    pub fn new(policy: &str) -> Self {
        let policies = BTreeMap::from([(0, policy.to_string())]);
        Self { policies, picks: BTreeMap::new() }
    }

    /// Who decides after so many switches.
    pub fn policy(&self, after: u64) -> &str {
        self.policies.range(..=after).next_back().map_or("fifo", |(_, policy)| policy)
    }

    /// Whom you picked after so many switches.
    pub fn pick(&self, after: u64) -> Option<u64> {
        self.picks.get(&after).copied()
    }

    /// How many of the first `switches` you picked.
    pub fn picked(&self, switches: u64) -> usize {
        self.picks.range(..switches).count()
    }

    /// The policies that decide the first `switches`, and from which one on.
    pub fn policies(&self, switches: u64) -> impl Iterator<Item = (u64, &str)> {
        // What was decided at the end decides nothing.
        let until = switches.max(1);
        self.policies.range(..until).map(|(&after, policy)| (after, &policy[..]))
    }

    /// You pick that task; what was decided for later is void.
    pub fn decide_pick(&mut self, after: u64, serial: u64) {
        if self.pick(after) != Some(serial) {
            self.forget_from(after + 1);
            self.picks.insert(after, serial);
        }
    }

    /// The policy shall decide, not you.
    pub fn decide_not_to_pick(&mut self, after: u64) {
        if self.picks.remove(&after).is_some() {
            self.forget_from(after + 1);
        }
    }

    /// That policy decides from here on; what was decided for later is void.
    pub fn decide_policy(&mut self, after: u64, policy: &str) {
        self.forget_from(after);
        self.policies.insert(after, policy.to_string());
    }

    fn forget_from(&mut self, after: u64) {
        drop(self.picks.split_off(&after));
        drop(self.policies.split_off(&after.max(1)));
    }
}

/// Why a run goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The program has ended.
    Done,
    /// Nothing is ready, and nothing can ever wake the tasks that are left.
    Stalled,
}

/// A run, between two switches: whoever can be picked next is ready.
pub struct Run {
    /// The runtime that it runs on.
    pub rt: Runtime,
    /// What has happened so far.
    pub recorder: Recorder,
    /// Where its tasks are in a text of the program's own.
    pub script: Option<Script>,
    /// How long its answers took, if it tells.
    pub responses: Option<Responses>,
    program: Rc<dyn Program>,
    main: JoinHandle<()>,
    start: Instant,
    wish: Wish,
    at: u64,
    end: Option<End>,
}

impl Run {
    /// The program before its first switch.
    ///
    /// # Errors
    /// When the operating system has no descriptors left.
    pub fn begin(program: &Rc<dyn Program>, seed: u64, decisions: &Decisions) -> io::Result<Self> {
        let (wish, recorder) = (Wish::default(), Recorder::new());
        let rt = Builder::new()
            .policy(hand(program, decisions.policy(0), &wish))
            .seed(seed)
            .clock(Clock::virtual_time())
            .switch_cost(program.switch_cost())
            .observe(recorder.clone())
            .build()?;
        let begun = program.begin();
        let context = rt.enter();
        let start = Instant::now();
        let main = task::Builder::new().name("main").spawn(begun.future);
        drop(context);
        let (program, script, responses) = (program.clone(), begun.script, begun.responses);
        let (at, end) = (0, None);
        let mut run = Self { rt, recorder, script, responses, program, main, start, wish, at, end };
        run.await_somebody();
        Ok(run)
    }

    /// Makes the next switch, as was decided; false if the run has ended.
    pub fn forward(&mut self, decisions: &Decisions) -> bool {
        if self.end.is_some() {
            return false;
        }
        let ready =
            |serial| self.rt.tasks().iter().map(|t| t.id()).find(|id| id.serial() == serial);
        self.wish.set(decisions.pick(self.at).and_then(ready));
        self.rt.step();
        self.at += 1;
        self.await_somebody();
        if let (None, Some(policy)) = (self.end, decisions.policies.get(&self.at)) {
            self.rt.set_policy(hand(&self.program, policy, &self.wish));
        }
        true
    }

    /// Time goes on until somebody is ready, or all is over.
    fn await_somebody(&mut self) {
        if self.main.is_finished() {
            self.end = Some(End::Done);
        } else if !self.rt.wait_ready() {
            self.end = Some(End::Stalled);
        }
    }

    /// How many switches were made.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Why it goes no further, if it does not.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// The program's root.
    pub fn root(&self) -> Id {
        self.main.id()
    }

    /// The time on its clock.
    pub fn now(&self) -> Nanos {
        let _context = self.rt.enter();
        self.start.elapsed().as_nanos() as Nanos
    }

    /// Who can be picked, in the policy's order; `false` if the policy tells no order, or not all
    /// of it: then the others come last, in the order in which they became ready.
    pub fn ready(&self) -> (Vec<Id>, bool) {
        let metrics = self.rt.metrics();
        let mut ready = self.rt.ready_queue(metrics.ready);
        let told = ready.len();
        if told < metrics.ready {
            let mut others = self.rt.tasks();
            others.retain(|task| task.state() == task::State::Ready && !ready.contains(&task.id()));
            others.sort_by_key(|task| (task.woken_at(), task.id()));
            ready.extend(others.iter().map(|task| task.id()));
        }
        let is_told = told == ready.len();
        (ready, is_told)
    }
}

fn hand(program: &Rc<dyn Program>, policy: &str, wish: &Wish) -> Hand {
    let (program, spec) = (program.clone(), policy.to_string());
    let make = move || -> Box<dyn Policy> {
        match program.policy(&spec) {
            Ok(policy) => policy,
            Err(error) => unreachable!("{spec} was known before: {error}"),
        }
    };
    Hand::new(make, wish.clone())
}
