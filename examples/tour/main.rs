//! The tour: one small program under three policies, and what each makes of it.
//!
//! Look at the three timelines: the same tasks, the same work, one column per switch. Only the
//! policy differs, and with it who waits.
//!
//! ```text
//! cargo run --release --example tour
//! cargo run --release --example tour -- --policy lifo --policy aging
//! ```
//!
//! It runs in virtual time, so it takes no time and prints the same every time.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use turno::policy::{Drr, Fifo, Lifo, Policy, Priority, RoundRobin};
use turno::runtime::Builder;
use turno::task::{self, yield_now};
use turno::time::{Clock, sleep, work};
use turno::trace::{Page, Recorder, Recording};

mod draw;
pub mod numbers;

const MS: Duration = Duration::from_millis(1);

/// The program. Three groups share one thread:
/// - `batch` computes. It is the talk's antipattern, but it gives way between the pieces;
/// - `web` waits for a timer, answers, and has a child write the log;
/// - `pulse` has next to nothing to do, but wants to do it on time.
pub async fn program() {
    let mut tasks = Vec::new();
    for name in ["crunch-a", "crunch-b", "crunch-c"] {
        tasks.push(task::Builder::new().name(name).group(1).priority(50).spawn(async {
            for _ in 0..6 {
                work(4 * MS).await;
                yield_now().await;
            }
        }));
    }
    tasks.push(task::Builder::new().name("web").group(2).priority(100).spawn(async {
        for _ in 0..4 {
            sleep(10 * MS).await;
            work(MS).await;
            let log = task::Builder::new().name("web-log").spawn(work(MS));
            log.await.expect("the log does not panic");
        }
    }));
    tasks.push(task::Builder::new().name("pulse").group(3).priority(200).spawn(async {
        for _ in 0..5 {
            sleep(8 * MS).await;
            work(MS / 10).await;
        }
    }));
    for task in tasks {
        task.await.expect("no task of the tour panics");
    }
}

/// Runs the program under a policy, and records every switch.
fn run(policy: Box<dyn Policy>) -> std::io::Result<Recording> {
    let recorder = Recorder::new();
    let rt = Builder::new()
        .policy(policy)
        .clock(Clock::virtual_time())
        .observe(recorder.clone())
        .build()?;
    rt.block_on(program());
    Ok(recorder.recording())
}

/// In the tables the root has the name that it has in the program.
fn call_the_root_main(recording: &mut Recording) {
    for task in &mut recording.tasks {
        if task.name.as_deref() == Some("block_on") {
            task.name = Some("main".to_string());
        }
    }
}

/// The policies of the tour: a name, what it does in a line, and how to make it.
type Choice = (&'static str, &'static str, fn() -> Box<dyn Policy>);

const POLICIES: [Choice; 6] = [
    ("fifo", "first ready, first run", || Box::new(Fifo::new())),
    ("round-robin", "groups take turns, one switch each", || Box::new(RoundRobin::new())),
    ("priority", "the most urgent first, always", || Box::new(Priority::strict())),
    ("lifo", "as soon as possible: last ready, first run", || Box::new(Lifo::new())),
    ("quantum", "groups take turns of 2 ms of run time", || {
        Box::new(Drr::new().with_quantum(2 * MS))
    }),
    ("aging", "priority, but a level is worth 0.1 ms of waiting", || {
        Box::new(Priority::with_aging(MS / 10))
    }),
];

fn command() -> Command {
    let names = POLICIES.map(|(name, ..)| name);
    let list: String =
        POLICIES.iter().map(|(name, what, _)| format!("\n  {name:<12} {what}")).collect();
    Command::new("tour")
        .about(
            "One small program under several scheduling policies: see who runs, why, and who waits",
        )
        .after_help(format!(
            "Policies:{list}\n\nThe program is the function `program` in examples/tour/main.rs: \
             change it, and see what becomes of the timelines."
        ))
        .arg(
            Arg::new("policy")
                .long("policy")
                .help("A policy to run the program under; may be repeated")
                .value_name("NAME")
                .value_parser(names)
                .default_values(["fifo", "round-robin", "priority"])
                .hide_possible_values(true)
                .action(ArgAction::Append),
        )
        .arg(
            Arg::new("trace")
                .long("trace")
                .help(
                    "Write the runs, side by side, as a page for any browser; or one of them as a \
                     trace for Perfetto, or as a log (-)",
                )
                .value_name("FILE.html|FILE.pftrace|-")
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .help("Print the switches and the numbers as JSON, for machines")
                .action(ArgAction::SetTrue),
        )
}

/// What a file has to be called that is to hold so many runs.
fn check(path: &Path, runs: usize) -> Result<(), String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        _ if path == Path::new("-") => Ok(()),
        Some("html") => Ok(()),
        Some("pftrace") if runs == 1 => Ok(()),
        Some("pftrace") => Err(format!(
            "--trace {}: it holds one run; name one --policy, or a page, FILE.html",
            path.display()
        )),
        _ => Err(format!(
            "--trace {}: it may be FILE.html, a page for any browser; FILE.pftrace, for \
             https://ui.perfetto.dev; or -",
            path.display()
        )),
    }
}

fn save(runs: &[(&str, &str, Recording)], path: &Path) -> std::io::Result<()> {
    match runs {
        [(.., run)] => run.save(path)?,
        _ => {
            runs.iter().fold(Page::new(), |page, (name, _, run)| page.run(*name, run)).save(path)?
        }
    }
    print::eprintln!("recorded in {}", path.display());
    Ok(())
}

fn tour(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let names: Vec<&String> = matches.get_many("policy").into_iter().flatten().collect();
    let trace = matches.get_one::<PathBuf>("trace").map(PathBuf::as_path);
    if let Some(path) = trace {
        check(path, names.len())?;
    }
    let mut runs = Vec::new();
    for name in names {
        let chosen = POLICIES.iter().find(|(known, ..)| known == name);
        let (name, what, make) = chosen.ok_or("clap lets only known policies through")?;
        runs.push((*name, *what, run(make())?));
    }
    let log = trace == Some(Path::new("-"));
    if let Some(path) = trace.filter(|_| !log) {
        save(&runs, path).map_err(|error| format!("nothing is written: {error}"))?;
    }
    runs.iter_mut().for_each(|(.., recording)| call_the_root_main(recording));
    if matches.get_flag("json") {
        print::println!("{}", numbers::json(&runs));
        return Ok(());
    }
    draw::intro();
    for (name, what, recording) in &runs {
        draw::timeline(name, what, recording, log);
    }
    numbers::table(&runs);
    Ok(())
}

fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    match tour(&command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}
