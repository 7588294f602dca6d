//! How the examples print: a program whose reader has gone, as in `... | head -1`, ends, and one
//! that cannot print says why and fails. The standard library's macros would panic; those of
//! `anstream`, which these stand on for colours, would print on into the void, or panic too.

#![forbid(unsafe_code)]

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::process::exit;

/// As the standard library's.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::to_stdout(::std::format_args!($($text)*)) };
}

/// As the standard library's.
#[macro_export]
macro_rules! println {
    () => { $crate::to_stdout(::std::format_args!("\n")) };
    ($($text:tt)*) => {
        $crate::to_stdout(::std::format_args!("{}\n", ::std::format_args!($($text)*)))
    };
}

/// As the standard library's. If even that cannot be said the program goes on.
#[macro_export]
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::to_stderr(::std::format_args!($($text)*)) };
}

/// What [`print!`] calls.
#[doc(hidden)]
pub fn to_stdout(text: Arguments<'_>) {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            to_stderr(format_args!("cannot print: {error}"));
            exit(1)
        }
    }
}

/// What [`eprintln!`] calls.
#[doc(hidden)]
pub fn to_stderr(text: Arguments<'_>) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
