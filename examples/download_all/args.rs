//! The command line, and the help that teaches.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::server::Faults;

/// Each reads, writes and waits in a way of its own.
pub const MODES: [&str; 4] = ["async", "pool", "threads", "select"];

const ABOUT: &str = "Downloads files over TCP as the slides of \"Todo lo que no querés saber de async\" do, four ways

  async    a task for each file, on turno. Writing to the disk blocks, as in the slide
  pool     the same, but the writing is done by a pool of threads
  threads  a thread for each file
  select   one thread and a readiness loop written by hand, on mio

Each mode runs in a process of its own, so that its memory and its switches are its own. Every byte
is checked against the server's checksum, on the way and again from the disk.";

const EXAMPLES: &str = "Try:
  --files 200 --size 1M              the table, with all four
  --mode async --chunk 64k           fewer and bigger reads and writes: count the slow polls
  --mode async --budget 1            give way after every read: short polls, many switches
  --files 1000 --size 10k --delay 200
                                     a slow network: who waits, and what does waiting cost?
  --limit 10                         limit the concurrency: less memory, fewer threads
  --files 20 --cut 7 --garble 8 --stall 9 --silence 2
                                     a cut, a damaged and a silent connection: the others finish
  --serve 0.0.0.0:4711               here; and there:  --addr HOST:4711

Exit status: 0 all files are there, 1 some failed, 2 bad arguments.";

pub fn command() -> Command {
    let number = || value_parser!(u64).range(1..);
    let small = |most| value_parser!(u64).range(1..=most);
    let size = || ValueParser::from(parse_size);
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let fault = |name: &'static str, help: &'static str| {
        option(name, "FILE", help)
            .action(ArgAction::Append)
            .value_parser(value_parser!(u64))
            .help_heading("Faults of the server, on purpose")
    };
    Command::new("download_all").about(ABOUT).after_help(EXAMPLES).args([
        option("mode", "MODE", "Only this one; may be repeated [default: all four]")
            .action(ArgAction::Append)
            .value_parser(MODES),
        option("files", "N", "How many files").value_parser(small(1_000_000)).default_value("100"),
        option("size", "BYTES", "How long each is; k, M and G are understood")
            .value_parser(size())
            .default_value("1M"),
        option("chunk", "BYTES", "How much is asked for at a time: the slide's 1024")
            .value_parser(ValueParser::from(parse_chunk))
            .default_value("1024"),
        option("limit", "N", "The most downloads at a time [default: all that descriptors allow]")
            .value_parser(number()),
        option("pool-threads", "N", "The most threads of the mode `pool`")
            .value_parser(small(512))
            .default_value("4"),
        option("budget", "N", "How many reads a task may do before it gives way")
            .value_parser(small(1_000_000))
            .default_value("128"),
        option("silence", "SECONDS", "How long a server may say nothing")
            .value_parser(small(86_400))
            .default_value("10"),
        option("addr", "HOST:PORT", "Ask this server instead of starting one; may be repeated")
            .action(ArgAction::Append)
            .value_parser(ValueParser::from(parse_address)),
        option(
            "out",
            "DIR",
            "Where to put them, in a folder for each mode [default: a temporary one]",
        )
        .value_parser(value_parser!(PathBuf)),
        flag("json", "Print JSON instead of the table"),
        flag("no-progress", "Draw no progress bar (without a terminal there is none)"),
        option("serve", "ADDR", "Be the server only, until killed")
            .num_args(0..=1)
            .default_missing_value("127.0.0.1:4711")
            .value_parser(ValueParser::from(parse_bind))
            .conflicts_with_all(["mode", "addr", "out", "json"]),
        option("delay", "MS", "Pause before each answer, as a distant server has")
            .value_parser(small(60_000))
            .help_heading("Faults of the server, on purpose"),
        fault("cut", "Cut the connection of this file half-way; may be repeated"),
        option("cut-after", "BYTES", "Cut it after so many bytes instead")
            .value_parser(size())
            .requires("cut")
            .help_heading("Faults of the server, on purpose"),
        fault("garble", "Change one byte of this file; may be repeated"),
        fault("stall", "Send half of this file, then nothing; may be repeated"),
        flag("until-eof", "").hide(true),
        option("sweep", "DIR", "").value_parser(value_parser!(PathBuf)).hide(true),
        flag("worker", "").hide(true),
    ])
}

/// The faults, as the server understands them.
pub fn faults(matches: &ArgMatches) -> Faults {
    let set = |name| -> HashSet<u64> { many(matches, name).into_iter().collect() };
    Faults {
        cut: set("cut"),
        cut_after: matches.get_one("cut-after").copied(),
        garble: set("garble"),
        stall: set("stall"),
        delay: Duration::from_millis(matches.get_one("delay").copied().unwrap_or(0)),
    }
}

/// The same as arguments, for the process that is to be the server.
pub fn faults_again(matches: &ArgMatches) -> Vec<String> {
    let names = ["cut", "cut-after", "garble", "stall", "delay"];
    let again = |name: &'static str| {
        let values = many::<u64>(matches, name).into_iter();
        values.flat_map(move |value| [format!("--{name}"), value.to_string()])
    };
    names.into_iter().flat_map(again).collect()
}

pub fn many<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Vec<T> {
    matches.get_many(name).into_iter().flatten().cloned().collect()
}

fn parse_size(text: &str) -> Result<u64, String> {
    let unit = text.trim_end_matches(['i', 'B', 'b']);
    let (digits, shift) = match unit.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&unit[..at], 10),
        Some((at, 'm' | 'M')) => (&unit[..at], 20),
        Some((at, 'g' | 'G')) => (&unit[..at], 30),
        _ => (unit, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "not a size: try 1024, 64k, 10M or 1G")?;
    number.checked_mul(1 << shift).ok_or_else(|| "too much".to_string())
}

fn parse_chunk(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0 => Err("at least 1 byte at a time".to_string()),
        chunk if chunk > 64 << 20 => Err("at most 64M at a time".to_string()),
        chunk => Ok(chunk),
    }
}

fn parse_bind(text: &str) -> Result<SocketAddr, String> {
    resolve(text)?.first().copied().ok_or_else(|| "no such host".to_string())
}

/// Of several addresses of a name (`localhost` has two), the first that answers.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let found = resolve(text)?;
    let answers =
        |address: &SocketAddr| TcpStream::connect_timeout(address, Duration::from_secs(1)).is_ok();
    let best = match found[..] {
        [_, _, ..] => found.iter().copied().find(answers),
        _ => None,
    };
    best.or(found.first().copied()).ok_or_else(|| "no such host".to_string())
}

fn resolve(text: &str) -> Result<Vec<SocketAddr>, String> {
    let found = text.to_socket_addrs();
    found.map(Iterator::collect).map_err(|error| format!("{error}; HOST:PORT is expected"))
}
