//! `cargo stepper`: a run in the terminal, forward and back, under a policy or under you.

use std::process::ExitCode;

fn main() -> ExitCode {
    stepper::main()
}
