//! The command line.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Async,
    Pool,
    Threads,
    Select,
}

impl Mode {
    pub const ALL: [Self; 4] = [Self::Async, Self::Pool, Self::Threads, Self::Select];

    pub fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Pool => "pool",
            Self::Threads => "threads",
            Self::Select => "select",
        }
    }
}

pub struct Options {
    pub modes: Vec<Mode>,
    pub files: u64,
    pub size: u64,
    pub chunk: usize,
    pub limit: u64,
    pub addresses: Vec<SocketAddr>,
    pub out: Option<PathBuf>,
    pub cut: Option<u64>,
    pub json: bool,
    pub progress: bool,
    pub serve: Option<SocketAddr>,
    pub child: bool,
}

fn command() -> Command {
    let flag = |name, help| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue);
    let value = |name, what, help| Arg::new(name).long(name).value_name(what).help(help);
    Command::new("download_all")
        .about("The talk's program: download many files at once, four ways, side by side")
        .after_help(
            "Modes:\n  async    tasks on turno; each writes to its file as the slide does, blocking the loop\n  \
             pool     the same, but the writes are done in the blocking pool\n  \
             threads  a thread per socket\n  select   a loop over a readiness call, written by hand on mio\n\n\
             A slow poll is a switch that kept the thread for 1 ms or more. Nothing is left under a\n\
             file's name unless all of it has come and its checksum is right.\n\n\
             Try:  --cut 3         the server cuts the connection of file 3 half-way\n      \
             --addr 127.0.0.1:1   nobody is there\n      --out /dev/full/x    nowhere to write",
        )
        .args([
            value("mode", "MODE", "Which way; may be repeated [default: all four]")
                .value_parser(Mode::ALL.map(Mode::name))
                .action(ArgAction::Append),
            value("files", "N", "How many files")
                .default_value("200")
                .value_parser(value_parser!(u64).range(1..=1_000_000)),
            value("size", "BYTES", "How big each is; 64k, 1M and 2G are understood")
                .default_value("1M")
                .value_parser(bytes),
            value("chunk", "BYTES", "How much is read at once: the slide says 1024")
                .default_value("1024")
                .value_parser(bytes),
            value("limit", "N", "At most so many at once [default: all, or what descriptors allow]")
                .value_parser(value_parser!(u64).range(1..)),
            value("addr", "HOST:PORT", "A server started with --serve elsewhere; may be repeated")
                .value_parser(address)
                .action(ArgAction::Append),
            value("out", "DIR", "Where to [default: a temporary folder, removed at the end]")
                .value_parser(value_parser!(PathBuf)),
            value("cut", "K", "The server cuts the connection of file K half-way")
                .value_parser(value_parser!(u64)),
            value("serve", "HOST:PORT", "Only serve, until the input ends")
                .value_parser(address)
                .num_args(0..=1)
                .default_missing_value("127.0.0.1:0"),
            flag("json", "Print JSON, for machines"),
            flag("no-progress", "Show no progress"),
            flag("child", "Run one mode and report to the parent").hide(true),
        ])
}

fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G']) {
        Some(digits) => (digits, text[digits.len()..].to_lowercase()),
        None => (text, String::new()),
    };
    let factor = match unit.as_str() {
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => 1,
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no number of bytes"))?;
    match number.checked_mul(factor) {
        Some(bytes @ 1..) => Ok(bytes),
        _ => Err(format!("`{text}` is no size for a file")),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|e| format!("`{text}`: {e}"))?;
    found.next().ok_or_else(|| format!("`{text}` has no address"))
}

pub fn parse() -> Options {
    let found = command().get_matches();
    let number = |name: &str| found.get_one::<u64>(name).copied();
    let files = number("files").unwrap_or(1);
    Options {
        modes: modes(&found),
        files,
        size: number("size").unwrap_or(1),
        chunk: number("chunk").unwrap_or(1024) as usize,
        limit: number("limit").unwrap_or_else(|| allowed().min(files)),
        addresses: found.get_many("addr").into_iter().flatten().copied().collect(),
        out: found.get_one::<PathBuf>("out").cloned(),
        cut: number("cut"),
        json: found.get_flag("json"),
        progress: !found.get_flag("no-progress") && !found.get_flag("json"),
        serve: found.get_one("serve").copied(),
        child: found.get_flag("child"),
    }
}

fn modes(found: &ArgMatches) -> Vec<Mode> {
    let named: Vec<&String> = found.get_many("mode").into_iter().flatten().collect();
    let asked = |mode: &Mode| named.is_empty() || named.iter().any(|name| **name == mode.name());
    Mode::ALL.into_iter().filter(asked).collect()
}

/// How many downloads the descriptors allow at once: a socket and a file each, and some to spare.
fn allowed() -> u64 {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current.map_or(u64::MAX, |most| (most.saturating_sub(32) / 2).max(1))
    }
    #[cfg(not(unix))]
    256
}

impl Options {
    /// The command line of the process that runs one mode.
    pub fn for_child(&self, mode: Mode, addresses: &[SocketAddr], out: &Path) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["--child".into()];
        let mut add = |name: &str, value: String| args.push(format!("--{name}={value}").into());
        add("mode", mode.name().into());
        add("files", self.files.to_string());
        add("size", self.size.to_string());
        add("chunk", self.chunk.to_string());
        add("limit", self.limit.to_string());
        for address in addresses {
            add("addr", address.to_string());
        }
        let mut folder = OsString::from("--out=");
        folder.push(out.join(mode.name()));
        args.push(folder);
        if !self.progress {
            args.push("--no-progress".into());
        }
        args
    }

    /// The command line of the server's process.
    pub fn for_server(&self) -> Vec<OsString> {
        let cut = self.cut.map(|file| format!("--cut={file}").into());
        std::iter::once("--serve=127.0.0.1:0".into()).chain(cut).collect()
    }
}
