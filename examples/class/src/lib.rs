//! A class kit: six short labs on async, from who calls poll to starvation.
//!
//! ```text
//! cargo class                      the six labs, and where you stand
//! cargo class 3                    your program of lab 3: what happened, what it is, the question
//! cargo class 3 --answer TEXT      whether that is what the trace says
//! cargo class 3 --check            how each scenario went, in a line each
//! cargo class 3 --lang es          in Spanish, which is also what `LANG=es_AR.UTF-8` gives
//! ```
//!
//! A lab is a folder of `labs/`: a README in two languages, the `starter.rs` that a student edits,
//! programs that are `wrong/` each in a way that has a name, and what is said of each in two
//! languages. Its solution lies apart, in `solutions/`. The check of a lab is in `src/labs/`: it
//! runs a program in virtual time, in several scenarios, and judges it by what it does: by the
//! trace, never by its text. What a question asks is read from the recording of the run that was
//! shown.
//!
//! In reading order: [`lab`] what a lab is; [`stage`] how a program is run; [`labs`] the six;
//! [`question`] what is asked, and what counts as an answer; [`sheet`] and [`language`] the texts.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod lab;
pub mod labs;
pub mod question;
pub mod stage;

pub mod language;
pub mod sheet;

mod cli;
mod show;

pub use cli::main;
