//! The command line, and the help that teaches.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::work::{self, Scale, Work, echo, memory};
use crate::{report, run};

const ABOUT: &str = "turno beside its peers, measured in one run";

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("peers").about(ABOUT).subcommand(children()).args([
        Arg::new("only")
            .long("only")
            .value_name("WORK,...")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .help("Only these works: `echo-64`, or `echo` for all that begin like that"),
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

/// What this program is when it calls itself.
fn children() -> Command {
    let word = |name: &'static str| Arg::new(name).required(true);
    let number = |name: &'static str| word(name).value_parser(value_parser!(usize));
    Command::new("child").hide(true).subcommand_required(true).subcommands([
        Command::new("memory").arg(word("column")),
        Command::new("serve").arg(word("column")),
        Command::new("client").args([
            word("address").value_parser(value_parser!(SocketAddr)),
            number("connections"),
            number("milliseconds"),
        ]),
    ])
}

fn child(matches: &ArgMatches) -> io::Result<()> {
    let word = |of: &ArgMatches| of.get_one::<String>("column").cloned().unwrap_or_default();
    let number = |of: &ArgMatches, name| of.get_one::<usize>(name).copied().unwrap_or_default();
    match matches.subcommand() {
        Some(("memory", of)) => memory::child(&word(of)),
        Some(("serve", of)) => echo::serve(&word(of)),
        Some(("client", of)) => {
            let address = of.get_one::<SocketAddr>("address").copied();
            let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
            let time = Duration::from_millis(number(of, "milliseconds") as u64);
            echo::client(address, number(of, "connections"), time)
        }
        _ => Err(io::Error::other("no such child")),
    }
}

pub fn dispatch(matches: &ArgMatches) -> io::Result<()> {
    if let Some(("child", matches)) = matches.subcommand() {
        return child(matches);
    }
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
        report::tables(&rows)
    }
    Ok(())
}

/// The works that were asked for.
fn chosen(matches: &ArgMatches) -> io::Result<Vec<Work>> {
    let mut works = work::all();
    let Some(only) = matches.get_many::<String>("only") else { return Ok(works) };
    let only: Vec<_> = only.map(String::as_str).collect();
    if let Some(word) = only.iter().find(|word| !works.iter().any(|work| is_meant(work, word))) {
        return Err(io::Error::other(format!("no work is called `{word}`: see `--list`")));
    }
    works.retain(|work| only.iter().any(|word| is_meant(work, word)));
    Ok(works)
}

/// `echo` means `echo-1`, `echo-64` and so on, but `echo-1` not `echo-1000`.
fn is_meant(work: &Work, word: &str) -> bool {
    work.name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
