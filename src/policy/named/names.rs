//! The list of the policies that can be named (floor 1).

use super::super::{Drr, Fifo, Lifo, Policy, Priority, RoundRobin};
use super::{Given, Named, UnknownPolicy};

type Made = Result<Box<dyn Policy>, UnknownPolicy>;
type Parameter = (&'static str, &'static str);

const QUANTUM: Parameter =
    ("quantum", "the duration after which `time::work` yields; unless given, never");

/// All the policies that come with turno, as [`named`](super::named()) knows them.
pub const NAMES: &[Named] = &[
    row("fifo", "first ready, first run", &[], |_| Ok(Fifo::new().into())),
    row("lifo", "last ready, first run", &[], |_| Ok(Lifo::new().into())),
    row("round-robin", "groups take turns, a switch each", &[QUANTUM], |given| {
        Ok(given.sliced(RoundRobin::new(), RoundRobin::with_quantum)?.into())
    }),
    row("priority", "the most urgent first", &[AGING, QUANTUM], |given| {
        let policy = given.with("aging", Priority::strict(), |_, step| Priority::with_aging(step));
        Ok(given.sliced(policy?, Priority::with_quantum)?.into())
    }),
    row("drr", "groups share the run time, a quantum at a time", &[TURN], |given| {
        Ok(given.sliced(Drr::new(), Drr::with_quantum)?.into())
    }),
];

const AGING: Parameter =
    ("aging", "the duration of waiting that is worth one level of priority; unless given, none is");
const TURN: Parameter = ("quantum", "the duration of a group's turn; 1ms unless given");

const fn row(
    name: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    make: fn(&Given<'_>) -> Made,
) -> Named {
    Named { name, about, parameters, make }
}
