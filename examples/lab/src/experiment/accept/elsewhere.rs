//! Where processes cannot share a listening socket by their standard input: in the place of `real`.

use indicatif::ProgressBar;

use super::{Most, Outcome, Setup};
use crate::{Bench, Problem};

pub(super) fn check(_: &Setup, _: &Bench) -> Result<(), Problem> {
    Err(Problem::new(
        "--clock real: only Unix lets processes share a listening socket so; `--clock virtual` \
         tells what they would do",
    ))
}

pub(super) fn run(
    setup: &Setup,
    bench: &Bench,
    _: Most,
    _: &ProgressBar,
) -> Result<Outcome, Problem> {
    check(setup, bench).map(|()| unreachable!("it is always an error"))
}
