//! The command line: which lab, which of its programs, and what to do with it.

use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use turno::trace::Page;

use crate::build::{self, Starter};
use crate::lab::{self, Exam, Lab, Program, SOLUTION, STARTER};
use crate::labs;
use crate::language::{Bilingual, Language, bilingual};
use crate::sheet::Sheet;
use crate::show::{Show, println, styled};

/// What the program itself says.
pub(crate) const WORDS: Bilingual = bilingual!("words");

/// In real time. A check takes well under a second, so a program that takes so long never comes
/// back from a poll.
const LONG: Duration = Duration::from_secs(10);

/// The program.
pub fn main() -> ExitCode {
    start(labs::all())
}

/// The same with the starter of that lab, which is a program of its own: see [`build`].
pub fn student(number: u8, examine: impl Fn() -> Exam + 'static) -> ExitCode {
    let mut labs = labs::all();
    let at = labs.iter().position(|lab| lab.number == number).expect("there is such a lab");
    let lab = labs.remove(at);
    labs.insert(at, lab.with(examine));
    start(labs)
}

fn start(labs: Vec<Lab>) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let language = language(&args);
    let words = Sheet::read(WORDS.text(language));
    let matches = match command(&words).try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(help) if !help.use_stderr() => help.exit(),
        Err(error) => return refuse(&words, &problem(&words, &error)),
    };
    match run(language, &words, &matches, &labs) {
        Ok(code) => code,
        Err(problem) => refuse(&words, &problem),
    }
}

fn refuse(words: &Sheet, problem: &str) -> ExitCode {
    anstream::eprintln!("{}: {}", words.section("name"), styled(problem));
    ExitCode::from(2)
}

/// Before anything can be said, it must be known in which language.
fn language(args: &[String]) -> Language {
    let told = args.iter().enumerate().find_map(|(at, arg)| match arg.split_once('=') {
        Some(("--lang", name)) => Some(name),
        _ if arg == "--lang" => args.get(at + 1).map(String::as_str),
        _ => None,
    });
    let environment = || Language::of(|name| std::env::var(name).ok());
    told.and_then(Language::named).unwrap_or_else(environment)
}

fn command(words: &Sheet) -> Command {
    let help = |name: &str| words.section(&format!("help-{name}"));
    let option = |name: &'static str| {
        Arg::new(name).long(name).help(help(name)).help_heading(words.section("help-options"))
    };
    let flag = |name| option(name).action(ArgAction::SetTrue);
    let value = |name, value| option(name).value_name(words.section(value));
    let text = value("answer", "help-value-text").num_args(1..);
    Command::new("class")
        .no_binary_name(true)
        .bin_name("cargo class")
        .about(words.section("help-about"))
        .help_template("{about}\n\n{usage}\n\n{all-args}{after-help}")
        .override_usage(words.section("help-usage"))
        .after_help(words.section("help-after"))
        .disable_help_flag(true)
        .arg(
            Arg::new("lab")
                .value_name(words.section("help-value-lab"))
                .help(help("lab"))
                .help_heading(words.section("help-arguments")),
        )
        .arg(text)
        .arg(flag("check").conflicts_with("answer"))
        .arg(flag("log").conflicts_with("check"))
        .arg(value("page", "help-value-file").conflicts_with("check"))
        .arg(flag("solution"))
        .arg(Arg::new(STANDS).long(STANDS).hide(true).action(ArgAction::SetTrue))
        .arg(value("try", "help-value-name").conflicts_with("solution"))
        .arg(value("lang", "help-value-language"))
        .arg(option("help").short('h').action(ArgAction::Help))
}

/// What is wrong with the command line, in one line.
fn problem(words: &Sheet, error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    // `--answer <TEXT>...`
    let arg = context(ContextKind::InvalidArg);
    let arg = arg.split(' ').next().unwrap_or_default().to_string();
    let other = context(ContextKind::PriorArg);
    let other = other.split(' ').next().unwrap_or_default().to_string();
    let heading = match error.kind() {
        ErrorKind::UnknownArgument => "error-unknown",
        ErrorKind::ArgumentConflict if arg == other => "error-twice",
        ErrorKind::ArgumentConflict => "error-conflict",
        ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues => "error-no-value",
        _ => "error-other",
    };
    words.say(heading, &[("arg", arg), ("other", other)])
}

/// What the overview asks of a lab's program: only the name of what is found.
const STANDS: &str = "stands";

fn run(
    language: Language,
    words: &Sheet,
    matches: &ArgMatches,
    labs: &[Lab],
) -> Result<ExitCode, String> {
    let one = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    if let Some(name) = one("lang")
        && Language::named(name).is_none()
    {
        return Err(words.say("error-language", &[("given", name.into())]));
    }
    let show = Show::new(language);
    let Some(given) = one("lab") else {
        let others = ["check", "log", "solution"].into_iter().find(|name| matches.get_flag(name));
        let others = others.or(["answer", "page", "try"].into_iter().find(|n| one(n).is_some()));
        if let Some(option) = others {
            return Err(words.say("error-which-lab", &[("arg", format!("--{option}"))]));
        }
        build::starters();
        show.overview(labs, stands);
        return Ok(ExitCode::SUCCESS);
    };
    let lab = labs.iter().find(|lab| lab.number.to_string() == given || lab.folder == given);
    let lab = lab.ok_or_else(|| words.say("error-lab", &[("given", given.into())]))?;
    let program = program(words, lab, one("try"), matches.get_flag("solution"))?;
    let page = one("page").map(|file| html(words, file)).transpose()?;
    let Some(program) = program else { return Ok(starter(words, &show, lab)) };
    let exam = examine(words, lab, program, matches.get_flag(STANDS));
    if let Some(path) = &page {
        let run = Page::new().run(&program.file, &exam.run.recording).to_string();
        turno::trace::write(path, run).map_err(|error| {
            let facts = [("file", path.display().to_string()), ("why", error.to_string())];
            words.say("error-not-written", &facts)
        })?;
    }
    let right = if matches.get_flag(STANDS) {
        println!("{}", exam.finding().map_or("", |finding| finding.name));
        true
    } else if matches.get_flag("check") {
        show.check(lab, program, &exam)
    } else if let Some(texts) = matches.get_many::<String>("answer") {
        let text: Vec<&str> = texts.map(String::as_str).collect();
        show.answer(lab, &exam, &text.join(" "))
    } else {
        show.run(lab, program, &exam, matches.get_flag("log"));
        true
    };
    if let Some(path) = page {
        println!("\n{}", words.say("written", &[("file", path.display().to_string())]));
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program that is meant; `None` if it is the starter, which is not in here.
fn program<'l>(
    words: &Sheet,
    lab: &'l Lab,
    wrong: Option<&str>,
    solution: bool,
) -> Result<Option<&'l Program>, String> {
    let name = if solution { SOLUTION } else { wrong.unwrap_or(STARTER) };
    let program = lab.program(name);
    if program.is_none() && name != STARTER {
        let names = std::iter::once(STARTER).chain(lab.programs.iter().map(|p| p.name));
        let names = names.collect::<Vec<_>>().join(", ");
        return Err(words.say("error-try", &[("given", name.into()), ("names", names)]));
    }
    Ok(program)
}

/// Builds the program that the student edits, and lets it do what is asked.
fn starter(words: &Sheet, show: &Show, lab: &Lab) -> ExitCode {
    match build::starter(lab) {
        Starter::Built(mut command) => {
            let status = command.args(std::env::args().skip(1)).status();
            if let Ok(status) = &status
                && let Some(code) = status.code()
            {
                return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
            }
            let why = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            refuse(words, &words.say("crashed", &[("why", why), ("file", shown(&lab.starter()))]));
        }
        Starter::Broken(compiler) => show.broken(lab, &compiler),
    }
    ExitCode::FAILURE
}

/// What is found in a lab's starter, and what the compiler says if it does not compile.
fn stands(lab: &Lab) -> (String, Option<String>) {
    match build::starter(lab) {
        Starter::Built(mut command) => {
            let args = [lab.number.to_string(), format!("--{STANDS}")];
            let output = command.args(args).stderr(Stdio::null()).output();
            let found = output.ok().filter(|output| output.status.success());
            let found = found.and_then(|output| String::from_utf8(output.stdout).ok());
            (found.map_or("crashed".into(), |name| name.trim().to_string()), None)
        }
        Starter::Broken(compiler) => ("does-not-compile".into(), Some(compiler)),
    }
}

/// Runs the checks, and says so if they never come back.
fn examine(words: &Sheet, lab: &Lab, program: &Program, briefly: bool) -> Exam {
    let (done, wait) = mpsc::channel::<()>();
    let (sheet, file, lab) = (words.clone(), shown(&program.file), lab.number);
    std::thread::spawn(move || {
        while wait.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            if is_debugged() {
                continue; // It stands still because somebody looks at it.
            }
            if briefly {
                println!("endless-poll");
                std::process::exit(0);
            }
            let facts = [
                ("file", file.clone()),
                ("seconds", LONG.as_secs().to_string()),
                ("scenario", lab::plays().to_string()),
            ];
            let text = sheet.say("endless-poll", &facts);
            anstream::eprintln!("{} {lab}: {}", sheet.section("name"), styled(&text));
            std::process::exit(1);
        }
    });
    let exam = program.examine();
    drop(done);
    exam
}

/// Whether a debugger holds this process. Only Linux tells.
pub(crate) fn is_debugged() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}

/// Where a file of the class is, from the root of the workspace.
pub(crate) fn shown(file: &str) -> String {
    format!("examples/class/{file}")
}

fn html(words: &Sheet, file: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(file);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let fits = path.extension().is_some_and(|is| is == "html")
        && folder.is_none_or(|folder| folder.is_dir())
        && !path.is_dir();
    if fits { Ok(path) } else { Err(words.say("error-page", &[("given", file.into())])) }
}
