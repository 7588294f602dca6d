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
//! programs that are `wrong/` each in a way that has a name, what is said of each in two languages,
//! and the `check.rs`. Its solution lies apart, in `solutions/`. A check runs a program in virtual
//! time, in several scenarios, some of them drawn from fixed seeds, and judges it by what it does:
//! by what was seen and by the trace, never by its text. What a question asks is read from the
//! recording of the run that was shown.
//!
//! With its `main.rs` a starter is a program of its own, which `cargo class` builds and runs: one
//! that does not compile stops no other lab.
//!
//! In reading order: [`lab`] what a lab is; [`stage`] how a program is run; [`labs`] the six;
//! [`question`] what is asked, and what counts as an answer; [`sheet`] and [`language`] the texts.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

// This file lies above `labs`, so that the compiler names a student's file by its plain path.
#[path = "src/lab.rs"]
pub mod lab;
#[path = "labs/labs.rs"]
pub mod labs;
#[path = "src/question.rs"]
pub mod question;
#[path = "src/stage.rs"]
pub mod stage;

#[path = "src/language.rs"]
pub mod language;
#[path = "src/sheet.rs"]
pub mod sheet;

#[path = "src/build.rs"]
mod build;
#[path = "src/cli.rs"]
mod cli;
#[path = "src/show.rs"]
mod show;
#[path = "solutions/solutions.rs"]
mod solutions;

pub use cli::{main, student};
