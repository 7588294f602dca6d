//! The command line: one subcommand for each experiment, and what all of them understand.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgMatches, ValueEnum};
use clap::{Args, Command, FromArgMatches};

use crate::bench::{Bench, Time};
use crate::{Experiment, Lab, Problem, Report, page, plot};

/// What every experiment understands.
#[derive(Args)]
#[command(next_help_heading = "Options of every experiment")]
pub(crate) struct Common {
    /// Who decides who is next: names, with a comma between them
    #[arg(long, value_name = "NAME,...")]
    policy: Option<String>,
    /// Same seed, same run, byte for byte; `clock` takes one from the clock and prints it
    #[arg(long, value_name = "N|clock", default_value = "1", value_parser = seed)]
    seed: u64,
    /// Repeats everything with so many seeds, one after the other, for confidence intervals
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// What time is: virtual time takes no time
    #[arg(long, value_enum, value_name = "CLOCK", default_value_t = Time::Virtual)]
    clock: Time,
    /// Print JSON, one object per line and policy, for machines
    #[arg(long)]
    json: bool,
    /// Draw what came out
    #[arg(long, value_name = "FILE.svg", value_parser = svg)]
    plot: Option<PathBuf>,
    /// Write tables and plots as one page that needs no network
    #[arg(long, value_name = "FILE.html", value_parser = html)]
    page: Option<PathBuf>,
}

pub(crate) fn main(lab: &Lab) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let matches = command(lab).get_matches_from(&args);
    match dispatch(lab, &matches, &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("lab: {error}");
            ExitCode::from(2)
        }
    }
}

pub(crate) fn run(lab: &Lab, args: impl Iterator<Item = String>) -> Result<Report, Problem> {
    let matches = command(lab).try_get_matches_from(args)?;
    let (experiment, args) = chosen(lab, &matches)?;
    let common = Common::from_arg_matches(args)?;
    experiment.run(args, &bench(lab, experiment, &common)?)
}

fn command(lab: &Lab) -> Command {
    let subcommands = lab.experiments.iter().map(|experiment| {
        let mut command = Common::augment_args(experiment.command());
        let unless = experiment.policies().join(",");
        if unless.is_empty() {
            command = command.mut_arg("policy", |arg| arg.hide(true));
        } else {
            command = command.mut_arg("policy", |arg| {
                arg.help(format!("Who decides who is next [default: {unless}]"))
            });
        }
        command
    });
    Command::new("lab")
        .no_binary_name(true)
        .bin_name("cargo lab")
        .about("Swap schedulers in experiments, and see what theory says beside what comes out")
        .after_help(lab.policies.help())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(subcommands)
}

fn chosen<'l, 'm>(
    lab: &'l Lab,
    matches: &'m ArgMatches,
) -> Result<(&'l dyn Experiment, &'m ArgMatches), Problem> {
    let Some((name, args)) = matches.subcommand() else {
        return Err(Problem::new("no experiment was named: `cargo lab --help` lists them"));
    };
    let found = lab.experiments.iter().find(|experiment| experiment.command().get_name() == name);
    let experiment = found.ok_or_else(|| Problem::new(format!("no experiment is named {name}")))?;
    Ok((&**experiment, args))
}

fn bench(lab: &Lab, experiment: &dyn Experiment, common: &Common) -> Result<Bench, Problem> {
    let unless = experiment.policies().join(",");
    if unless.is_empty() && common.policy.is_some() {
        return Err(Problem::new("--policy: this experiment has no policy to choose"));
    }
    Ok(Bench {
        policies: lab.policies.parse(common.policy.as_deref().unwrap_or(&unless))?,
        seed: common.seed,
        runs: common.runs,
        clock: common.clock,
        progress: !common.json && std::io::stderr().is_terminal(),
    })
}

fn dispatch(lab: &Lab, matches: &ArgMatches, words: &[String]) -> Result<(), Problem> {
    let (experiment, args) = chosen(lab, matches)?;
    let common = Common::from_arg_matches(args)?;
    let report = experiment.run(args, &bench(lab, experiment, &common)?)?;
    if common.json {
        report.rows.iter().for_each(|row| anstream::println!("{}", row.json()));
    } else {
        anstream::print!("{report}");
    }
    let asked = format!("cargo lab {}", words.join(" "));
    let written = [
        common.plot.as_ref().map(|path| (path, plot::svg(&report.plots, &asked))),
        common.page.as_ref().map(|path| (path, page::html(&report, &asked))),
    ];
    for (path, text) in written.into_iter().flatten() {
        std::fs::write(path, text).map_err(|error| {
            Problem::new(format!("{} cannot be written: {error}", path.display()))
        })?;
        anstream::eprintln!("written: {}", path.display());
    }
    Ok(())
}

fn seed(text: &str) -> Result<u64, String> {
    if text == "clock" {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // Short enough to be typed again.
        return Ok(since.map_or(1, |since| since.as_micros() as u64 % 1_000_000_000));
    }
    text.parse().map_err(|_| "a whole number from 0, or `clock`".to_string())
}

fn svg(text: &str) -> Result<PathBuf, String> {
    file(text, "svg")
}

fn html(text: &str) -> Result<PathBuf, String> {
    file(text, "html")
}

/// A file that can be written, as far as can be told before there is anything to write.
fn file(text: &str, extension: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_none_or(|is| is != extension) {
        return Err(format!("a file whose name ends in .{extension}"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            Err(format!("a file in a folder that is there: {} is not", folder.display()))
        }
        _ if path.is_dir() => Err("a file: this is a folder".to_string()),
        _ => Ok(path),
    }
}

impl ValueEnum for Time {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Virtual, Self::Real]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Virtual => "virtual",
            Self::Real => "real",
        }))
    }
}
