//! The command line: one subcommand for each experiment, and what all of them understand.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::error::ErrorKind;
use clap::{ArgMatches, ValueEnum};
use clap::{Args, Command, FromArgMatches};

use crate::bench::{Bench, Time};
#[cfg(unix)]
use crate::experiment::accept::worker;
use crate::experiment::queue::whole;
use crate::{Experiment, Lab, Problem, Report, Trace, page, plot};

// What every experiment understands. No doc comment: it would become the help of each.
#[derive(Args)]
#[command(next_help_heading = "Options of every experiment")]
pub(crate) struct Common {
    // Its help, and that of the clock, are written where the experiment is known.
    #[arg(long, value_name = "NAME,...")]
    policy: Option<String>,
    /// Same seed, same run, byte for byte; `clock` takes one from the clock and prints it
    #[arg(long, value_name = "N|clock", default_value = "1", value_parser = seed)]
    seed: u64,
    /// Repeats everything with so many seeds, one after the other, for confidence intervals
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = whole::<u32>(1, 1_000_000_000))]
    runs: u32,
    #[arg(long, value_enum, value_name = "CLOCK")]
    clock: Option<Time>,
    /// Print JSON, one object per line and policy, for machines
    #[arg(long)]
    json: bool,
    /// Draw what came out
    #[arg(long, value_name = "FILE.svg", value_parser = svg)]
    plot: Option<PathBuf>,
    /// Write tables and plots as one page that needs no network
    #[arg(long, value_name = "FILE.html", value_parser = html)]
    page: Option<PathBuf>,
    /// Record the first run, which is under the first policy named: every switch, as a page to step
    /// through or for <https://ui.perfetto.dev>, or with `-` in the terminal. A recording keeps the
    /// last quarter million switches; a short run is best
    #[arg(long, value_name = "FILE.html|FILE.pftrace|-", allow_hyphen_values = true,
          value_parser = recording)]
    trace: Option<String>,
}

pub(crate) fn main(lab: &Lab) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(unix)]
    if let Some((worker::NAME, args)) = args.split_first().map(|(name, args)| (&**name, args)) {
        return ended(worker::main(args));
    }
    let matches = match command(lab).try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(help) if !help.use_stderr() => help.exit(),
        Err(help) if help.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            help.exit()
        }
        Err(error) => {
            print::eprintln!("lab: {}", Problem::from(error));
            return ExitCode::from(2);
        }
    };
    ended(dispatch(lab, &matches, &args))
}

fn ended(result: Result<(), Problem>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::eprintln!("lab: {error}");
            ExitCode::from(2)
        }
    }
}

pub(crate) fn run(lab: &Lab, args: impl Iterator<Item = String>) -> Result<Report, Problem> {
    let matches = command(lab).try_get_matches_from(args)?;
    let chosen = chosen(lab, &matches)?;
    let common = Common::from_arg_matches(chosen.args)?;
    let bench = chosen.bench(lab, &common, false)?;
    chosen.run(&bench)
}

fn command(lab: &Lab) -> Command {
    let all = || lab.experiments.iter();
    let compare = Command::new("compare")
        .about("Any of the experiments under every policy: one table, one plot")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(
            all().filter(|e| !e.policies().is_empty()).map(|e| subcommand(&**e, "every policy")),
        );
    Command::new("lab")
        .no_binary_name(true)
        .bin_name("cargo lab")
        .about("Swap schedulers in experiments, and see what theory says beside what comes out")
        .after_help(lab.policies.help())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(all().map(|e| subcommand(&**e, &e.policies().join(","))))
        .subcommand(compare)
}

fn subcommand(experiment: &dyn Experiment, unless: &str) -> Command {
    // So that it is the value's own parser that says what is allowed.
    let command = Common::augment_args(experiment.command()).allow_negative_numbers(true);
    let clock = match experiment.clock() {
        Time::Virtual => "virtual",
        Time::Real => "real",
    };
    command
        .mut_arg("policy", |arg| {
            let help = format!("Who decides who is next, with commas between [default: {unless}]");
            arg.hide(unless.is_empty()).help(help)
        })
        .mut_arg("clock", |arg| {
            arg.help(format!("What time is: virtual time takes no time [default: {clock}]"))
        })
}

/// What the command line names.
struct Chosen<'l, 'm> {
    experiment: &'l dyn Experiment,
    args: &'m ArgMatches,
    /// It is to be run under every policy.
    compare: bool,
}

fn chosen<'l, 'm>(lab: &'l Lab, matches: &'m ArgMatches) -> Result<Chosen<'l, 'm>, Problem> {
    let (first, compare) = match matches.subcommand() {
        Some(("compare", inner)) => (inner.subcommand(), true),
        named => (named, false),
    };
    let Some((name, args)) = first else {
        return Err(Problem::new("no experiment was named: `cargo lab --help` lists them"));
    };
    let found = lab.experiments.iter().find(|experiment| experiment.command().get_name() == name);
    let experiment = found.ok_or_else(|| Problem::new(format!("no experiment is named {name}")))?;
    Ok(Chosen { experiment: &**experiment, args, compare })
}

impl Chosen<'_, '_> {
    fn run(&self, bench: &Bench) -> Result<Report, Problem> {
        let report = self.experiment.run(self.args, bench)?;
        if let Some(trace) = &bench.trace {
            trace.write()?;
        }
        Ok(if self.compare { report.compared() } else { report })
    }

    fn bench(&self, lab: &Lab, common: &Common, is_program: bool) -> Result<Bench, Problem> {
        let unless = self.experiment.policies().join(",");
        if unless.is_empty() && common.policy.is_some() {
            return Err(Problem::new("--policy: this experiment has no policy to choose"));
        }
        let unless = if self.compare { lab.policies.all().join(",") } else { unless };
        let policies = match common.policy.as_deref() {
            None if unless.is_empty() => Vec::new(),
            list => lab.policies.parse(list.unwrap_or(&unless))?,
        };
        Ok(Bench {
            policies,
            seed: common.seed,
            runs: common.runs,
            clock: common.clock.unwrap_or(self.experiment.clock()),
            progress: !common.json && std::io::stderr().is_terminal(),
            trace: common.trace.as_deref().map(Trace::to),
            is_program,
        })
    }
}

fn dispatch(lab: &Lab, matches: &ArgMatches, words: &[String]) -> Result<(), Problem> {
    let chosen = chosen(lab, matches)?;
    let common = Common::from_arg_matches(chosen.args)?;
    let bench = chosen.bench(lab, &common, true)?;
    let report = chosen.run(&bench)?;
    if common.json {
        report.rows.iter().for_each(|row| print::println!("{}", row.json()));
    } else {
        print::print!("{report}");
    }
    let asked = format!("cargo lab {}", words.join(" "));
    let written = [
        common.plot.as_ref().map(|path| (path, plot::svg(&report.plots, &asked))),
        common.page.as_ref().map(|path| (path, page::html(&report, &asked))),
    ];
    for (path, text) in written.into_iter().flatten() {
        turno::trace::write(path, text).map_err(|error| {
            Problem::new(format!("{} cannot be written: {error}", path.display()))
        })?;
        print::eprintln!("written: {}", path.display());
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

fn recording(text: &str) -> Result<String, String> {
    let wrong = |error| format!("a file ending in .html or .pftrace, or `-`: {error}");
    match text.rsplit_once('.') {
        _ if text == "-" => {}
        Some((_, extension @ ("html" | "pftrace"))) => {
            file(text, extension).map_err(wrong)?;
        }
        _ => return Err("a file ending in .html or .pftrace, or `-`".to_string()),
    }
    Ok(text.to_string())
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
