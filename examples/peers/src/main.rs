//! turno beside its peers, in one run: what a switch, a task, a timer, a message costs here and
//! there.
//!
//! ```text
//! cargo peers                  everything
//! cargo peers --only switch    one row
//! cargo peers --help           what each row does and why, and how to read the table
//! ```
//!
//! `work` is what is measured, `peer` the runtimes it is measured on; each work is written once.

// For tokio's `join!` of 100 futures.
#![recursion_limit = "1024"]

use std::process::ExitCode;

mod args;
mod child;
mod peer;
mod pin;
mod report;
mod run;
mod work;

fn main() -> ExitCode {
    let matches = args::command().get_matches();
    match args::dispatch(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}
