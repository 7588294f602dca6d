//! The command line: which lab, which of its programs, and what to do with it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use turno::trace::Page;

use crate::lab::{Exam, Lab, Program, SOLUTION, STARTER};
use crate::labs;
use crate::language::{Bilingual, Language, bilingual};
use crate::sheet::Sheet;
use crate::show::{Show, styled};

/// What the program itself says.
pub(crate) const WORDS: Bilingual = bilingual!("words");

/// In real time. A check takes well under a second, so a program that takes so long never comes
/// back from a poll.
const LONG: Duration = Duration::from_secs(10);

/// The program.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let language = language(&args);
    let words = Sheet::read(WORDS.text(language));
    let matches = match command(&words).try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(help) if !help.use_stderr() => help.exit(),
        Err(error) => return refuse(&words, &problem(&words, &error)),
    };
    match run(language, &words, &matches) {
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

fn run(language: Language, words: &Sheet, matches: &ArgMatches) -> Result<ExitCode, String> {
    let one = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    if let Some(name) = one("lang")
        && Language::named(name).is_none()
    {
        return Err(words.say("error-language", &[("given", name.into())]));
    }
    let show = Show::new(language);
    let labs = labs::all();
    let Some(given) = one("lab") else {
        let others = ["check", "log", "solution"].into_iter().find(|name| matches.get_flag(name));
        let others = others.or(["answer", "page", "try"].into_iter().find(|n| one(n).is_some()));
        if let Some(option) = others {
            return Err(words.say("error-which-lab", &[("arg", format!("--{option}"))]));
        }
        show.overview(&labs, stands);
        return Ok(ExitCode::SUCCESS);
    };
    let lab = labs.iter().find(|lab| lab.number.to_string() == given || lab.folder == given);
    let lab = lab.ok_or_else(|| words.say("error-lab", &[("given", given.into())]))?;
    let program = program(words, lab, one("try"), matches.get_flag("solution"))?;
    let page = one("page").map(|file| html(words, file)).transpose()?;
    let exam = examine(words, lab, program);
    if let Some(path) = &page {
        let run = Page::new().run(program.file, &exam.run.recording).to_string();
        turno::trace::write(path, run).map_err(|error| {
            let facts = [("file", path.display().to_string()), ("why", error.to_string())];
            words.say("error-not-written", &facts)
        })?;
    }
    let right = if matches.get_flag("check") {
        show.check(lab, program, &exam)
    } else if let Some(texts) = matches.get_many::<String>("answer") {
        let text: Vec<&str> = texts.map(String::as_str).collect();
        show.answer(lab, &exam, &text.join(" "))
    } else {
        show.run(lab, program, &exam, matches.get_flag("log"));
        true
    };
    if let Some(path) = page {
        anstream::println!("\n{}", words.say("written", &[("file", path.display().to_string())]));
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn program<'l>(
    words: &Sheet,
    lab: &'l Lab,
    wrong: Option<&str>,
    solution: bool,
) -> Result<&'l Program, String> {
    let name = if solution { SOLUTION } else { wrong.unwrap_or(STARTER) };
    lab.program(name).ok_or_else(|| {
        let names = lab.programs.iter().map(|program| program.name).collect::<Vec<_>>();
        words.say("error-try", &[("given", name.into()), ("names", names.join(", "))])
    })
}

/// What is found in a lab's starter. On a thread of its own: one that never comes back is left
/// behind, and the next has its turn.
fn stands(lab: &Lab) -> Option<&'static str> {
    let number = lab.number;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let lab = labs::all().into_iter().find(|lab| lab.number == number);
        let exam = lab.map(|lab| lab.programs[0].examine());
        tell.send(exam.and_then(|exam| exam.finding().map(|finding| finding.name)))
    });
    told.recv_timeout(LONG).unwrap_or(Some("endless-poll"))
}

/// Runs the checks, and says so if they never come back.
fn examine(words: &Sheet, lab: &Lab, program: &Program) -> Exam {
    let (done, wait) = mpsc::channel::<()>();
    let facts = [("file", show_file(program)), ("seconds", LONG.as_secs().to_string())];
    let text = words.say("endless-poll", &facts);
    let name = words.section("name").to_string();
    let lab = lab.number;
    std::thread::spawn(move || {
        while wait.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            if is_debugged() {
                continue; // It stands still because somebody looks at it.
            }
            anstream::eprintln!("{name} {lab}: {}", styled(&text));
            std::process::exit(1);
        }
    });
    let exam = program.examine();
    drop(done);
    exam
}

/// Whether a debugger holds this process. Only Linux tells.
fn is_debugged() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}

/// Where a program is, from the root of the workspace.
pub(crate) fn show_file(program: &Program) -> String {
    format!("examples/class/{}", program.file)
}

fn html(words: &Sheet, file: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(file);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let fits = path.extension().is_some_and(|is| is == "html")
        && folder.is_none_or(|folder| folder.is_dir())
        && !path.is_dir();
    if fits { Ok(path) } else { Err(words.say("error-page", &[("given", file.into())])) }
}
