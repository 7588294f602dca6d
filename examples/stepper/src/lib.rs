//! turno in the terminal: one key one switch, back as well, and you are the scheduler.
//!
//! ```text
//! cargo stepper                                  the tour
//! cargo stepper scene inversion --policy fifo    a scene: a small text file
//! cargo stepper lab --load 0.9 --policy srpt     jobs that come to one server
//! ```
//!
//! A run is a program, a seed and a list of decisions: from which switch on which policy decides,
//! and whom you picked yourself. Going back is running it again up to one switch less.
//!
//! A program of your own is stepped through by [`step`]: see `examples/my_program.rs`.
//!
//! In reading order: [`program`] and [`scene`] what is run; [`hand`] the policy that does what it
//! is told; [`run`] and [`session`] forward and back; [`sight`] what there is to see; [`score`] how
//! well it was decided; [`app`] and [`keys`] what each key does; [`view`] how it is drawn.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod program;
pub mod scene;

pub mod hand;
pub mod run;
pub mod session;

pub mod score;

pub mod app;
pub mod keys;
pub mod view;

mod cli;
mod terminal;

pub use cli::{main, step};

pub mod sight;

// The tour as it is, so that what is changed there is changed here: its `main` is not wanted.
#[path = "../../tour/main.rs"]
#[allow(dead_code, missing_docs, reason = "it is a program of its own")]
mod tour;
