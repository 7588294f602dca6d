//! `cargo lab`: swap schedulers in experiments, and see what theory says.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::Lab::new().main()
}
