//! The command line, and the help that teaches.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::work::{self, Work, echo, memory};
use crate::{pin, report, run};

const ABOUT: &str = "turno beside its peers, measured in one run

Each work below is written once and runs on every runtime that can do it, one after the other, round
after round; the median counts. So the ratios mean something even where the figures do not: a busy
machine slows all of them. Compare only figures of one run.

  turno           default features, first in first out, real time
  floor           what is left without a runtime: futures polled in a loop, or a loop over mio
  tokio           its current-thread scheduler, as a LocalRuntime
  tokio local     its LocalSet on that scheduler
  async-executor  LocalExecutor, with async-io, async-lock and async-channel
  monoio          with its epoll driver; it has no locks and no channels
  LocalPool       of the crate `futures`; it has no timers and no sockets
  clockworker     on tokio, with a queue each for foreground and background; only in `mixed`";

const READING: &str = "How to read it:
  `26.0 1.00x` are 26 ns an operation, and the ratio to the row's first column: above 1 it costs
  more than there, below 1 less, also where the figure is a throughput. `-` cannot do it.
  A nanosecond is one of computing, in all threads of the process and in the kernel, so it does not
  grow while another program has the processor. Messages a second (/s) count waiting too: on a busy
  machine look at the row `cpu` below them. So do the milliseconds (ms) of `mixed`, and its
  background: they need a machine with nothing else to do.
  A runtime that is twice as cheap at a switch makes no program twice as fast: a message over TCP
  costs hundreds of switches, nearly all of it the kernel's.

Try:
  --only switch,spawn          two or three rows
  --only echo --rounds 9       one subject, with more care
  --only switch --on turno     under a profiler
  --json                       for a plot
  --strace                     how to count the system calls of a message";

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let after_help = format!("Works:\n{}\n\n{READING}", list(&work::all()));
    Command::new("peers").about(ABOUT).after_help(after_help).subcommand(children()).args([
        Arg::new("only")
            .long("only")
            .value_name("WORK,...")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .help("Only these works: `echo-64`, or `echo` for all that begin like that"),
        Arg::new("on")
            .long("on")
            .value_name("COLUMN,...")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .help("Only in these columns: the runtimes above, turno's policies, its observers"),
        Arg::new("rounds")
            .long("rounds")
            .value_name("N")
            .value_parser(value_parser!(u64).range(1..=1_000))
            .help("How often each runtime has its turn [default: 5; with --quick 3]"),
        flag("quick", "Less work, in about a minute: to see that it runs, not how fast"),
        flag("json", "Print JSON, an object a line, instead of the tables"),
        flag("list", "List the works, and measure nothing"),
        flag("strace", "Say how to count the system calls of an echo server, and measure nothing"),
    ])
}

fn list(works: &[Work]) -> String {
    let line = |work: &Work| format!("  {:<15} {}", work.name, work.about);
    works.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What this program is when it calls itself.
fn children() -> Command {
    let word = |name: &'static str| Arg::new(name).required(true);
    let number = |name: &'static str| word(name).value_parser(value_parser!(usize));
    let processor = || number("processor").required(false);
    Command::new("child").hide(true).subcommand_required(true).subcommands([
        Command::new("memory").arg(word("column")),
        Command::new("serve").args([word("column"), processor()]),
        Command::new("client").args([
            word("address").value_parser(value_parser!(SocketAddr)),
            number("connections"),
            number("milliseconds"),
            processor(),
        ]),
    ])
}

fn child(matches: &ArgMatches) -> io::Result<()> {
    let word = |of: &ArgMatches| of.get_one::<String>("column").cloned().unwrap_or_default();
    let number = |of: &ArgMatches, name| of.get_one::<usize>(name).copied().unwrap_or_default();
    if let Some(("serve" | "client", of)) = matches.subcommand()
        && let Some(processor) = of.get_one("processor")
    {
        pin::stay_on(*processor)?;
    }
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
    if matches.get_flag("strace") {
        return strace();
    }
    let works = chosen(matches)?;
    if matches.get_flag("list") {
        print::println!("{}", list(&works));
        return Ok(());
    }
    let quick = matches.get_flag("quick");
    let rounds = matches.get_one::<u64>("rounds").copied();
    let rounds = rounds.unwrap_or(if quick { 3 } else { 5 });
    let rows = run::all(&possible(works, quick), rounds as usize, quick)?;
    if matches.get_flag("json") {
        report::json(&rows)
    } else {
        report::tables(&rows)
    }
    Ok(())
}

/// The works that were asked for, and the columns.
fn chosen(matches: &ArgMatches) -> io::Result<Vec<Work>> {
    let words = |option| -> Vec<&String> {
        matches.get_many(option).map(Iterator::collect).unwrap_or_default()
    };
    let (only, on) = (words("only"), words("on"));
    let mut works = work::all();
    if let Some(word) = only.iter().find(|word| !works.iter().any(|work| is_meant(work, word))) {
        return Err(io::Error::other(format!("no work is called `{word}`: see `--list`")));
    }
    if let Some(word) = on.iter().find(|word| !works.iter().any(|work| has(work, word))) {
        return Err(io::Error::other(format!("no column is called `{word}`: see `--help`")));
    }
    works.retain(|work| only.is_empty() || only.iter().any(|word| is_meant(work, word)));
    for work in &mut works {
        work.samples.retain(|sample| on.is_empty() || on.iter().any(|on| *on == sample.column));
    }
    works.retain(|work| !work.samples.is_empty());
    Ok(works)
}

fn has(work: &Work, column: &str) -> bool {
    work.samples.iter().any(|sample| sample.column == column)
}

/// `echo` means `echo-1`, `echo-64` and so on, but `echo-1` not `echo-1000`.
fn is_meant(work: &Work, word: &str) -> bool {
    work.name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Those of the works that can be done here. Says which cannot.
fn possible(mut works: Vec<Work>, quick: bool) -> Vec<Work> {
    let limit = echo::possible();
    works.retain(|Work { name, connections, .. }| {
        let reason = if *connections > limit {
            format!("{connections} connections, and the limit on descriptors allows {limit}")
        } else if quick && *connections > 1_000 {
            "more time than `--quick` has".to_string()
        } else {
            return true;
        };
        print::eprintln!("{name} is left out: it needs {reason}");
        false
    });
    works
}

fn strace() -> io::Result<()> {
    let program = env::current_exe()?;
    let program = program.display();
    print::println!(
        "In one terminal; it says where it listens:\n\n  \
         strace -f -c {program} child serve turno\n\n\
         In another, 64 connections for a second; it says how many messages in how many seconds,\n\
         and before them there was a quarter of a second more:\n\n  \
         {program} child client ADDRESS 64 1000\n\n\
         Then Ctrl-D in the first: one recvfrom and one sendto a message, one epoll_wait a batch.\n\
         Put `floor`, or another runtime, in the place of `turno`."
    );
    Ok(())
}
