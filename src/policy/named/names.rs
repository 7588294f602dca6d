//! The list of the policies that can be named (floor 1).

use super::super::{
    Drr, Edf, Fair, Fifo, Las, Lifo, Lottery, Mlfq, Policy, Priority, Random, RoundRobin, Sjf,
    Srpt, Stride,
};
use super::{Given, Named, Slice, UnknownPolicy};

type Made = Result<Box<dyn Policy>, UnknownPolicy>;
type Parameter = (&'static str, &'static str);

/// All the policies that come with turno, as [`named`](super::named()) knows them.
pub const NAMES: &[Named] = &[
    row("fifo", "first ready, first run", &[], |_| Ok(Fifo::new().into())),
    row("lifo", "as soon as possible: last ready, first run", &[], |_| Ok(Lifo::new().into())),
    row("round-robin", "groups take turns, a switch each", &[QUANTUM], |given| {
        Ok(given.sliced(RoundRobin::new(), RoundRobin::with_quantum)?.into())
    }),
    row("drr", "groups share the run time, a quantum at a time", &[TURN], |given| {
        Ok(given.sliced(Drr::new(), Drr::with_quantum)?.into())
    }),
    row("fair", "run time in proportion to weight", &[CREDIT, QUANTUM], |given| {
        let policy = given.with("credit", Fair::new(), Fair::with_credit)?;
        Ok(given.sliced(policy, Fair::with_quantum)?.into())
    }),
    row("stride", "switches in proportion to weight, in a fixed order", &[QUANTUM], |given| {
        Ok(given.sliced(Stride::new(), Stride::with_quantum)?.into())
    }),
    row("lottery", "switches in proportion to weight, by drawing tickets", &[QUANTUM], |given| {
        Ok(given.sliced(Lottery::new(), Lottery::with_quantum)?.into())
    }),
    row("random", "any, each as likely as the others", &[QUANTUM], |given| {
        Ok(given.sliced(Random::new(), Random::with_quantum)?.into())
    }),
    row("priority", "most urgent first", &[AGING, QUANTUM], |given| {
        let policy = given.with("aging", Priority::strict(), |_, step| Priority::with_aging(step));
        Ok(given.sliced(policy?, Priority::with_quantum)?.into())
    }),
    row("edf", "earliest deadline first", &[QUANTUM], |given| {
        Ok(given.sliced(Edf::new(), Edf::with_quantum)?.into())
    }),
    row("sjf", "shortest job first, by its declared size", &[], |_| Ok(Sjf::new().into())),
    row("srpt", "least left to do first: size less what has run", &[QUANTUM], |given| {
        Ok(given.sliced(Srpt::new(), Srpt::with_quantum)?.into())
    }),
    row("las", "what has run least first", &[QUANTUM], |given| {
        Ok(given.sliced(Las::new(), Las::with_quantum)?.into())
    }),
    row("mlfq", "what answers quickly first; what computes sinks", MLFQ, |given| {
        let policy = given.with("levels", Mlfq::new(), Mlfq::with_levels)?;
        let policy =
            given.with("allotment", policy, |policy, Slice(run)| policy.with_allotment(run))?;
        let policy = given.with("boost", policy, Mlfq::with_boost)?;
        Ok(given.sliced(policy, Mlfq::with_quantum)?.into())
    }),
];

const QUANTUM: Parameter =
    ("quantum", "the duration after which `time::work` yields; unless given, at its end");
const TURN: Parameter = ("quantum", "the duration of a group's turn; 1ms unless given");
const CREDIT: Parameter = ("credit", "the duration that a sleeper saves at most; 0s unless given");
const AGING: Parameter =
    ("aging", "the duration of waiting that is worth a level of priority; unless given, none is");
const MLFQ: &[Parameter] = &[
    ("levels", "how many levels, from 1 to 8; 3 unless given"),
    ("quantum", "the duration after which work yields, twice it a level down; 1ms unless given"),
    ("allotment", "the duration after which a task sinks; the quantum unless given"),
    ("boost", "the duration after which all are on top again, 0s for never; 100ms unless given"),
];

const fn row(
    name: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    make: fn(&Given<'_>) -> Made,
) -> Named {
    Named { name, about, parameters, make }
}
