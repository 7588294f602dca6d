//! The command line, and the help that teaches.

use std::io;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::work::{self, Scale, Work};
use crate::{report, run};

const ABOUT: &str = "turno beside its peers, measured in one run";

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("peers").about(ABOUT).args([
        Arg::new("only")
            .long("only")
            .value_name("WORK,...")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .help("Only these works, or those whose names start like that"),
        Arg::new("rounds")
            .long("rounds")
            .value_name("N")
            .value_parser(value_parser!(u64).range(1..=1_000))
            .help("How often each runtime has its turn; the median counts [default: 5, quick: 3]"),
        flag("quick", "A tenth of the work: that it runs, in less than a minute, not how fast"),
        flag("json", "Print JSON, an object a line, instead of the table"),
        flag("list", "List the works, and measure nothing"),
    ])
}

pub fn dispatch(matches: &ArgMatches) -> io::Result<()> {
    let works = chosen(matches)?;
    if matches.get_flag("list") {
        works.iter().for_each(|work| anstream::println!("{:<12} {}", work.name, work.about));
        return Ok(());
    }
    let scale = Scale { quick: matches.get_flag("quick") };
    let rounds = matches.get_one::<u64>("rounds").copied();
    let rounds = rounds.unwrap_or(if scale.quick { 3 } else { 5 });
    let rows = run::all(&works, rounds as usize, scale)?;
    if matches.get_flag("json") {
        report::json(&rows)
    } else {
        report::table(&rows)
    }
    Ok(())
}

/// The works that were asked for.
fn chosen(matches: &ArgMatches) -> io::Result<Vec<Work>> {
    let mut works = work::all();
    let Some(only) = matches.get_many::<String>("only") else { return Ok(works) };
    let only: Vec<_> = only.map(String::as_str).collect();
    if let Some(word) = only.iter().find(|only| !works.iter().any(|w| w.name.starts_with(**only))) {
        return Err(io::Error::other(format!("no work is called `{word}`: see `--list`")));
    }
    works.retain(|work| only.iter().any(|only| work.name.starts_with(only)));
    Ok(works)
}
