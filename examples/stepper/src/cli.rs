//! The command line.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use lab::Problem;
use lab::experiment::queue::Sweep;
use turno::policy::NAMES;
use turno::trace::{Recording, Text};

use crate::app::{App, KEYS};
use crate::program::{Lab, Program, Tour};
use crate::scene::{self, SHIPPED, Scene};
use crate::session::Session;
use crate::{keys, terminal, view};

// What every program understands. No doc comment: it would become the help.
#[derive(Args)]
#[command(next_help_heading = "Options of every program")]
struct Common {
    /// Who decides at first, as in `priority:aging=10ms`; --list names them all
    #[arg(long, global = true, value_name = "NAME")]
    policy: Option<String>,
    /// Same seed, same run
    #[arg(long, global = true, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keys to press first, as in "space*5 left p=lifo s"
    #[arg(long, global = true, value_name = "KEYS", default_value = "", hide_default_value = true)]
    keys: String,
    /// Print the screen after these keys as plain text, and end
    #[arg(long, global = true)]
    print: bool,
    /// How large the screen is that is printed
    #[arg(long, global = true, value_name = "WxH", default_value = "100x30", value_parser = size)]
    size: (u16, u16),
    /// At the end, write the run: FILE.html, FILE.pftrace, or - for a timeline and a log
    #[arg(long, global = true, value_name = "FILE", value_parser = trace)]
    trace: Option<PathBuf>,
    /// List programs, scenes, policies and keys, and end
    #[arg(long, global = true)]
    list: bool,
}

/// The stepper's program: reads the command line, and does what it says.
pub fn main() -> ExitCode {
    start(command(), program)
}

/// A stepper of one program: its command line has all the options, and no programs to choose from.
///
/// ```no_run
/// use stepper::program::{Begun, Program};
///
/// struct Greeting;
///
/// impl Program for Greeting {
///     fn title(&self) -> String {
///         "greeting".to_string()
///     }
///     fn begin(&self) -> Begun {
///         Begun::new(async { turno::spawn(turno::task::yield_now()).await.unwrap() })
///     }
/// }
///
/// stepper::step(Greeting);
/// ```
pub fn step(program: impl Program + 'static) -> ExitCode {
    let command = Command::new("stepper").about(program.title()).no_binary_name(true);
    start(options(command), move |_, _| Ok(Rc::new(program)))
}

type Chosen = Result<Rc<dyn Program>, Problem>;

fn start(command: Command, choose: impl FnOnce(&ArgMatches, u64) -> Chosen) -> ExitCode {
    let matches = match command.try_get_matches_from(std::env::args().skip(1)) {
        Ok(matches) => matches,
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            help.exit()
        }
        Err(error) => return fail(&Problem::from(error)),
    };
    match run(&matches, choose) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &Problem) -> ExitCode {
    print::eprintln!("stepper: {problem}");
    ExitCode::from(2)
}

fn command() -> Command {
    let tour = Command::new("tour").about("The tour's program: what is run unless told");
    let shipped: Vec<_> = SHIPPED.iter().map(|&(name, _)| name).collect();
    let scene = Command::new("scene")
        .about("A scene: a few tasks, and what each does, in a small text file")
        .after_help(scene::SYNTAX)
        .arg(
            Arg::new("name")
                .value_name("NAME|FILE")
                .default_value(SHIPPED[0].0)
                .help(format!("One of {}, or a file of your own", shipped.join(", "))),
        );
    let lab = Sweep::augment_args(Command::new("lab"))
        .about("Jobs that come to one server: the workload of `cargo lab queue`")
        .mut_arg("load", |arg| arg.value_name("SHARE"))
        .mut_arg("quantum", |arg| arg.value_name("UNITS"))
        .mut_arg("samples", |arg| arg.hide(true))
        .mut_arg("jobs", |arg| arg.help(format!("How many jobs [default: {}]", Lab::JOBS)));
    let command = Command::new("stepper")
        .no_binary_name(true)
        .bin_name("cargo stepper")
        .about(
            "A run in the terminal: one key one switch, back as well, another policy on the fly, \
             and you are the scheduler",
        )
        .subcommands([tour, lab, scene]);
    options(command)
}

fn options(command: Command) -> Command {
    Common::augment_args(command.after_help(format!("Keys:{}", key_list())))
}

fn key_list() -> String {
    KEYS.iter().map(|(key, _, what)| format!("\n  {key:<13} {what}")).collect()
}

fn run(
    matches: &ArgMatches,
    choose: impl FnOnce(&ArgMatches, u64) -> Chosen,
) -> Result<(), Problem> {
    let common = Common::from_arg_matches(matches)?;
    if common.list {
        print::println!("{}", list());
        return Ok(());
    }
    if std::env::var_os("TURNO_TRACE").is_some_and(|value| !value.is_empty()) {
        return Err(Problem::new(
            "TURNO_TRACE would record each run on the way back: unset it, and use --trace",
        ));
    }
    let program = choose(matches, common.seed)?;
    let policy = common.policy.clone().unwrap_or_else(|| program.unless_told());
    let session = Session::new(program, &policy, common.seed);
    let session = session.map_err(|error| Problem::new(format!("--policy: {error}")))?;
    let pressed = keys::parse(&common.keys)?;
    if !common.print && !io::stdout().is_terminal() {
        return Err(Problem::new(
            "standard output is no terminal: run it in one, or say --keys KEYS --print",
        ));
    }
    let mut app = App::new(session);
    for key in pressed {
        if !app.has_quit() {
            app.key(key);
        }
    }
    if common.print {
        let (width, height) = common.size;
        print::print!("{}", view::print(&app, width, height));
    } else if !app.has_quit() {
        terminal::run(&mut app)?;
    }
    match &common.trace {
        Some(path) => write(path, &app.session().run().recorder.recording()),
        None => Ok(()),
    }
}

fn program(matches: &ArgMatches, seed: u64) -> Chosen {
    Ok(match matches.subcommand() {
        Some(("lab", given)) => Rc::new(Lab::new(Sweep::from_arg_matches(given)?.only()?, seed)?),
        Some(("scene", given)) => {
            let name = given.get_one::<String>("name").map_or(SHIPPED[0].0, |name| name);
            Rc::new(Rc::new(Scene::find(name)?))
        }
        _ => Rc::new(Tour),
    })
}

fn list() -> String {
    let mut list =
        "Programs:\n  tour          the tour's program\n  lab           jobs that come to \
                    one server, as in `cargo lab queue`\n\nScenes (cargo stepper scene NAME):"
            .to_string();
    for (name, text) in SHIPPED {
        let about = text.lines().next().unwrap_or_default().trim_start_matches('#').trim();
        list += &format!("\n  {name:<13} {about}");
    }
    list += "\n\nPolicies (--policy NAME, or key p):";
    for policy in NAMES {
        let keys: Vec<_> = policy.parameters.iter().map(|&(key, _)| key).collect();
        let keys = if keys.is_empty() { String::new() } else { format!(" [{}]", keys.join(", ")) };
        list += &format!("\n  {:<13} {}{keys}", policy.name, policy.about);
    }
    format!("{list}\n\nKeys (--keys: {}):{}", keys::SYNTAX, key_list())
}

fn write(path: &Path, recording: &Recording) -> Result<(), Problem> {
    if path == Path::new("-") {
        let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
        let text = Text::new(width, true);
        print::print!("{}\n{}", text.timeline(recording), text.log(recording));
        return Ok(());
    }
    recording.save(path).map_err(|error| Problem::new(format!("--trace: {error}")))?;
    print::eprintln!("written: {}", path.display());
    Ok(())
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let parts = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let sound =
        |&(width, height): &(u16, u16)| (1..=500).contains(&width) && (1..=500).contains(&height);
    parts
        .filter(sound)
        .ok_or_else(|| "columns and rows, from 1 to 500 each, as in 100x30".to_string())
}

fn trace(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let known = path.extension().is_some_and(|is| is == "html" || is == "pftrace");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        _ if text != "-" && !known => {
            Err("a file that ends in .html or .pftrace, or - for the terminal".to_string())
        }
        Some(folder) if !folder.is_dir() => {
            Err(format!("a file in a folder that is there: {} is not", folder.display()))
        }
        _ => Ok(path),
    }
}
