//! What is wrong with what was asked for, in one line that says what is allowed.

use std::fmt;

use clap::error::ErrorKind;

/// Why an experiment was not run.
#[derive(Debug)]
pub struct Problem(String);

impl Problem {
    /// One line: what is wrong, and what is allowed.
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl From<clap::Error> for Problem {
    fn from(error: clap::Error) -> Self {
        // The first paragraph says it all; what follows is where to find help.
        let text = error.to_string();
        let first = text.split("\n\n").next().unwrap_or(&text);
        let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.strip_prefix("error: ").unwrap_or(&line);
        let unknown =
            matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand);
        let usage = text.split_once("Usage: ").filter(|_| unknown);
        let lists = usage.map(|(_, usage)| {
            let command = usage.split_whitespace();
            let command = command.take_while(|word| !word.starts_with(['[', '<', '-']));
            format!("; `{} --help` lists them", command.collect::<Vec<_>>().join(" "))
        });
        Self(format!("{line}{}", lists.unwrap_or_default()))
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
