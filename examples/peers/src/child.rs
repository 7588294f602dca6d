//! Processes of their own: this program again, with a hidden subcommand. They talk in lines over
//! their standard input and output.

use std::env;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};

/// It ends when this is dropped.
pub struct Child {
    process: process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .arg("child")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(io::Error::other("a child has no pipes"));
        };
        Ok(Self { process, input, output: BufReader::new(output) })
    }

    /// The next line that it says.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(io::Error::other("a child ended before it had an answer"));
        }
        Ok(line.trim_end().to_string())
    }

    /// The next line, a number.
    pub fn number(&mut self) -> io::Result<f64> {
        let line = self.line()?;
        line.parse().map_err(|_| io::Error::other(format!("a child said {line:?}, not a number")))
    }

    /// Asks it for its next line.
    pub fn ask(&mut self) -> io::Result<f64> {
        self.input.write_all(b"\n")?;
        self.number()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In a child: a line for its parent.
pub fn say(what: impl Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{what}")?;
    output.flush()
}
