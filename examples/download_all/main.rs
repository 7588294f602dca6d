//! The talk's program on real sockets and files: N files over TCP to the disk, four ways.
//!
//! Look at `tasks.rs` beside the slide "¿Por qué async?" (left) and at `select.rs` beside its right
//! column; at `threads.rs` for what both replace; and then at the numbers.
//!
//! ```text
//! cargo run --release --example download_all
//! cargo run --release --example download_all -- --files 1000 --size 10k --delay 200
//! cargo run --release --example download_all -- --help
//! ```
//!
//! It prints something like this (the numbers are a small machine's, and no two runs' are the same):
//!
//! ```text
//! $ download_all --files 200
//! ┌─────────────────────────────────────────────────────────────────────┐
//! │                                async       pool   threads    select │
//! ╞═════════════════════════════════════════════════════════════════════╡
//! │ time                         1.258 s    1.135 s   0.490 s   0.891 s │
//! │ MiB a second                   159.0      176.2     407.9     224.5 │
//! │ peak memory                  3.9 MiB    4.5 MiB   5.3 MiB   3.6 MiB │
//! │ most threads seen                  1          5       173         1 │
//! │ task switches (turno)          2,211    204,392         -         - │
//! │ thread switches: waited            1     46,596       317         0 │
//! │                  preempted        61      6,988       219        89 │
//! │ slow polls (over 1 ms)            11         12         -         - │
//! │   the longest                9.71 ms   22.23 ms         -         - │
//! │ files ok / failed            200 / 0    200 / 0   200 / 0   200 / 0 │
//! └─────────────────────────────────────────────────────────────────────┘
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use clap::ArgMatches;

mod args;
mod ledger;
mod part;
mod report;
mod select;
mod server;
mod tasks;
mod threads;

use ledger::Ledger;
use part::{Job, Outcome, Plan};
use report::{Failure, Report};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let matches = args::command().get_matches();
    let done = match matches.get_one("serve") {
        Some(&address) => {
            let faults = args::faults(&matches);
            let (until_eof, sweep) = (matches.get_flag("until-eof"), matches.get_one("sweep"));
            server::serve(address, faults, until_eof, sweep.cloned()).map_err(Into::into)
        }
        None if matches.get_flag("worker") => work(&matches),
        None => compare(&matches),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
            print::eprintln!("{red}error:{red:#} {error}");
            ExitCode::FAILURE
        }
    }
}

/// One mode, in this process: the downloads on the clock, then the verification, then the report.
fn work(matches: &ArgMatches) -> Result<()> {
    let setup = Setup::new(matches)?;
    let mode = setup.modes.first().copied().ok_or("a worker needs a mode")?;
    let dir = setup.out.clone().ok_or("a worker needs a folder")?;
    let bytes = setup.files.saturating_mul(setup.size);
    let plan = Arc::new(Plan {
        size: setup.size,
        chunk: setup.chunk,
        pool: setup.pool,
        budget: setup.budget,
        silence: setup.silence,
        dir,
        ledger: Ledger::new(setup.progress, mode, bytes),
    });
    let from = setup.addresses.iter().copied().cycle();
    let job = |(index, from)| Job { index, from, plan: plan.clone() };
    let jobs: Vec<_> = (0..setup.files).zip(from).map(job).collect();

    let start = Instant::now();
    let (outcomes, polls) = match mode {
        "async" | "pool" => {
            let (outcomes, polls) = tasks::run(jobs, setup.limit, mode == "pool")?;
            (outcomes, Some(polls))
        }
        "threads" => (threads::download_all(jobs, setup.limit), None),
        _ => (select::download_all(jobs, setup.limit)?, None),
    };
    let mut report = Report {
        mode: mode.to_string(),
        elapsed: start.elapsed(),
        bytes: plan.ledger.bytes(),
        peak_memory: ledger::peak_memory(),
        most_threads: plan.ledger.most_threads(),
        thread_switches: plan.ledger.thread_switches(),
        polls,
        ..Report::default()
    };
    plan.ledger.close();
    for outcome in outcomes.into_iter().map(verified) {
        let error = match &outcome.result {
            Ok(_) => {
                report.ok += 1;
                continue;
            }
            Err(error) => error.to_string(),
        };
        let (file, from) = (outcome.job.index, outcome.job.from.to_string());
        report.failures.push(Failure { file, from, error });
    }
    report.failures.sort_by_key(|failure| failure.file);
    Ok(io::stdout().write_all(report.to_lines().as_bytes())?)
}

/// What is on the disk, read back. A file that is wrong does not keep its name.
fn verified(mut outcome: Outcome) -> Outcome {
    if let Ok(kept) = &outcome.result
        && let Err(error) = part::verify(kept)
    {
        // It fails if the file is gone, which is what is wanted.
        let _ = fs::remove_file(&kept.path);
        outcome.result = Err(error);
    }
    outcome
}

/// All modes one after another, each in a process of its own; then what they have to say.
fn compare(matches: &ArgMatches) -> Result<()> {
    let mut setup = Setup::new(matches)?;
    let out = Out::new(setup.out.as_deref())?;
    let server = match setup.addresses.is_empty() {
        true => Some(server::Server::start(&args::faults_again(matches), out.temporary())?),
        false => None,
    };
    setup.addresses.extend(server.iter().map(|server| server.address));
    setup.announce(&out);

    let mut reports = Vec::new();
    for mode in setup.modes.clone() {
        let dir = out.dir.join(mode);
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let report = run_in_a_process(&setup, mode, &dir)?;
        for Failure { file, from, error } in report.failures.iter().take(SHOWN) {
            print::eprintln!("{mode}: file {file} from {from}: {error}");
        }
        if report.failures.len() > SHOWN {
            let more = report.failures.len() - SHOWN;
            print::eprintln!("{mode}: and {more} more (--json shows them all)");
        }
        if out.is_temporary {
            fs::remove_dir_all(&dir)?;
        }
        reports.push(report);
    }

    let text = match setup.json {
        true => report::json(setup.files, setup.size, setup.chunk, setup.limit, &reports),
        false => report::table(&reports).to_string(),
    };
    drop((server, out)); // If nobody reads it, that is the end of the program.
    print::println!("{text}");
    let failed: usize = reports.iter().map(|report| report.failures.len()).sum();
    let all = setup.files * reports.len() as u64;
    match failed {
        0 => Ok(()),
        _ => Err(format!("{failed} of {} failed", report::files(all)).into()),
    }
}

/// How many failures of a mode are told one by one.
const SHOWN: usize = 10;

/// Starts this program again as the worker of one mode, and reads its report.
fn run_in_a_process(setup: &Setup, mode: &str, dir: &Path) -> Result<Report> {
    let mut command = Command::new(std::env::current_exe()?);
    let numbers = [
        ("--files", setup.files),
        ("--size", setup.size),
        ("--chunk", setup.chunk as u64),
        ("--limit", setup.limit as u64),
        ("--pool-threads", setup.pool as u64),
        ("--budget", setup.budget.into()),
        ("--silence", setup.silence.as_secs()),
    ];
    command.args(["--worker", "--mode", mode, "--out"]).arg(dir).stdin(Stdio::null());
    for (name, number) in numbers {
        command.arg(name).arg(number.to_string());
    }
    for address in &setup.addresses {
        command.arg("--addr").arg(address.to_string());
    }
    if !setup.progress {
        command.arg("--no-progress");
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    let report = Report::from_lines(&String::from_utf8_lossy(&output.stdout));
    if let Some(report) = report.filter(|_| output.status.success()) {
        return Ok(report);
    }
    // Killed: what it could not remove itself goes now, and no file of it counts.
    part::sweep(dir)?;
    let error = format!("its process did not finish: {}", output.status);
    let from = setup.addresses.iter().cycle().map(ToString::to_string);
    let failed = |(file, from)| Failure { file, from, error: error.clone() };
    let failures = (0..setup.files).zip(from).map(failed).collect();
    Ok(Report { mode: mode.to_string(), failures, ..Report::default() })
}

/// The arguments, understood.
struct Setup {
    modes: Vec<&'static str>,
    files: u64,
    size: u64,
    chunk: usize,
    limit: usize,
    /// Set if the limit is ours, and lower than the number of files.
    descriptors: Option<u64>,
    pool: usize,
    budget: u32,
    silence: Duration,
    addresses: Vec<std::net::SocketAddr>,
    out: Option<PathBuf>,
    json: bool,
    progress: bool,
}

impl Setup {
    fn new(matches: &ArgMatches) -> Result<Self> {
        let number = |name| matches.get_one::<u64>(name).copied().ok_or(format!("--{name}?"));
        let named = args::many::<String>(matches, "mode");
        let wanted = |mode: &&str| named.is_empty() || named.iter().any(|name| name == mode);
        let files = number("files")?;
        let told = matches.get_one::<u64>("limit").copied();
        let descriptors = descriptors().filter(|&most| told.is_none() && room(most) < files);
        let limit = told.or(descriptors.map(room)).unwrap_or(files).min(files);
        Ok(Self {
            modes: args::MODES.into_iter().filter(wanted).collect(),
            files,
            size: number("size")?,
            chunk: usize::try_from(number("chunk")?)?,
            limit: usize::try_from(limit)?,
            descriptors,
            pool: usize::try_from(number("pool-threads")?)?,
            budget: u32::try_from(number("budget")?)?,
            silence: Duration::from_secs(number("silence")?),
            addresses: args::many(matches, "addr"),
            out: matches.get_one("out").cloned(),
            json: matches.get_flag("json"),
            progress: !matches.get_flag("no-progress"),
        })
    }

    fn announce(&self, out: &Out) {
        if self.json {
            return;
        }
        let from: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        print::eprintln!(
            "{} of {} from {}, {} at a time, into {}",
            report::files(self.files),
            report::size(self.size),
            from.join(", "),
            report::size(self.chunk as u64),
            out.dir.display()
        );
        if let Some(descriptors) = self.descriptors {
            print::eprintln!(
                "limited to {} downloads at a time: a process may have {descriptors} descriptors \
                 (`ulimit -n`), and each takes two",
                self.limit
            );
        }
    }
}

/// How many downloads that many descriptors are enough for: a socket and a file each, and some spare.
fn room(descriptors: u64) -> u64 {
    (descriptors.saturating_sub(32) / 2).max(1)
}

/// How many descriptors a process may have, where that is known and limited.
fn descriptors() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    None
}

/// The folder for the files; a temporary one goes when this does.
struct Out {
    dir: PathBuf,
    is_temporary: bool,
}

impl Out {
    fn new(told: Option<&Path>) -> Result<Self> {
        let name = format!("download_all-{}", std::process::id());
        let dir = told.map_or_else(|| std::env::temp_dir().join(name), Path::to_path_buf);
        let made = fs::create_dir_all(&dir);
        made.map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        Ok(Self { dir, is_temporary: told.is_none() })
    }

    fn temporary(&self) -> Option<&Path> {
        self.is_temporary.then_some(&self.dir)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            print::eprintln!("{} is left behind: {error}", self.dir.display());
        }
    }
}
