//! Programs on turno can be looked at and stepped through in a debugger: gdb, and lldb where it is there.
//!
//! The scene is examples/debug_me.rs. What the debugger says is compared as a whole; the lines in it
//! are looked up in the sources, by what stands there. What holds for both debuggers is asked of both;
//! without gdb (or lldb) a test is skipped, and says so. With `TURNO_FULL=1` a build with fat link-time optimization is examined too.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What `turno tasks` says while the guest looks around.
const TASKS: &str = r#"now 2ms, after 10 switches, under Fifo; tasks:
     1  block_on  waiting  the end of task 2 at {person.await.expect}
     2  cook      ready    woken by a timer
     3  baker     waiting  a mutex (made at {Mutex::new(0)}) at {stove.lock()).await}, locked by task 2 (at {= stove.lock().await}); a timer due at 10ms at {stove.lock()).await}
     4  waiter    waiting  a timer due at 15ms at {turno::select!}; a timer due at 8ms at {sleep(number * MS)}; a timer due at 9ms at {sleep(number * MS)}
     5  porter    waiting  a timer due at 12ms at {0 => sleep(12 * MS).await}
     6  guests    waiting  a timer due at 11ms at {sleep(number * MS)}; a timer due at 12ms at {sleep(number * MS)}; a timer due at 13ms at {sleep(number * MS)}
*    7  -         running  woken by a timer"#;

const READY: &str = "1 ready, as Fifo has them:
     2  cook  woken by a timer, for 0ns";

/// What `turno bt` says of the tasks that do not run then: every shape of a wait.
const TREES: [&str; 6] = [
    r#"task 1 "block_on", waiting, spawned at {rt.block_on(evening())}
   debug_me::evening  at {person.await.expect}
      turno::task::join::JoinHandle  of task 2"#,
    r#"task 2 "cook", ready, spawned at {hire("cook"}
   debug_me::cook  at {simmer(3).await}
      debug_me::simmer  at {        sleep(MS).await}
         turno::time::sleep::Sleep  its wait is over"#,
    r#"task 3 "baker", waiting, spawned at {hire("baker"}
   debug_me::bake  at {stove.lock()).await}
      turno::time::timeout::Timeout
         [future] turno::sync::mutex::lock::{async block}  at {src/sync/mutex.rs|            locking.await;}
            turno::sync::lock::Locking  a mutex (made at {Mutex::new(0)}), locked by task 2 (at {= stove.lock().await})
         [sleep] turno::time::sleep::Sleep  a timer due at 10ms"#,
    r#"task 4 "waiter", waiting, spawned at {hire("waiter"}
   debug_me::serve  at {turno::select!}
      [0] debug_me::both  at {turno::join!}
         [0] debug_me::table  at {sleep(number * MS)}
            turno::time::sleep::Sleep  a timer due at 8ms
         [1] debug_me::table  at {sleep(number * MS)}
            turno::time::sleep::Sleep  a timer due at 9ms
      [1] turno::time::sleep::Sleep  a timer due at 15ms"#,
    r#"task 5 "porter", waiting, spawned at {hire("porter"}
   debug_me::parcel::{async block}  at {parcel(wrappings - 1).await}
      debug_me::parcel::{async block}  at {parcel(wrappings - 1).await}
         debug_me::parcel::{async block}  at {0 => sleep(12 * MS).await}
            turno::time::sleep::Sleep  a timer due at 12ms"#,
    r#"task 6 "guests", waiting, spawned at {hire("guests"}
   debug_me::party  at {guests.next().await}
      futures_util::stream::stream::next::Next
         futures_util::stream::futures_unordered::FuturesUnordered
            [0] debug_me::table  at {sleep(number * MS)}
               turno::time::sleep::Sleep  a timer due at 11ms
            [1] debug_me::table  at {sleep(number * MS)}
               turno::time::sleep::Sleep  a timer due at 12ms
            [2] debug_me::table  at {sleep(number * MS)}
               turno::time::sleep::Sleep  a timer due at 13ms"#,
];

/// `file:line` of the one line of a source in which a text stands.
fn line_of(text: &str) -> String {
    let (file, text) = text.split_once('|').unwrap_or(("examples/debug_me.rs", text));
    let source = fs::read_to_string(Path::new(ROOT).join(file)).expect("the source is there");
    let mut lines = (1..).zip(source.lines()).filter(|(_, line)| line.contains(text));
    let (number, _) = lines.next().unwrap_or_else(|| panic!("`{text}` is not in {file}"));
    assert!(lines.next().is_none(), "`{text}` is not unique in {file}");
    format!("{file}:{number}")
}

/// An expected text: what stands in braces, but for `{async block}`, is looked up.
fn expected(text: &str) -> String {
    let mut parts = text.split('{');
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (inner, rest) = part.split_once('}').expect("each brace is closed");
        match inner {
            "async block" => out += "{async block}",
            _ => out += &line_of(inner),
        }
        out += rest;
    }
    out
}

fn everything() -> String {
    TREES.map(expected).join("\n")
}

/// A way to build the scene.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Build {
    Dev,
    Release,
    Lto,
}

impl Build {
    fn all() -> Vec<Self> {
        let full = std::env::var_os("TURNO_FULL").is_some();
        let mut builds = vec![Self::Dev, Self::Release];
        builds.extend(full.then_some(Self::Lto));
        builds
    }

    /// The program. It is built apart, so that no other build is waited for or disturbed; of its
    /// dependencies nothing is to be seen, so they cost little.
    fn program(self) -> PathBuf {
        static BUILT: [OnceLock<PathBuf>; 3] = [const { OnceLock::new() }; 3];
        let build = || {
            let target = Path::new(ROOT).join("target/debugger");
            let target = if self == Self::Lto { target.join("lto") } else { target };
            let mut cargo = Command::new(env!("CARGO"));
            cargo.current_dir(ROOT).args(["build", "--quiet", "--example", "debug_me"]);
            cargo.arg("--target-dir").arg(&target).env("CARGO_PROFILE_RELEASE_DEBUG", "2");
            for setting in ["dev.package.'*'.debug=0", "release.package.'*'.debug=0"] {
                cargo.args(["--config", &format!("profile.{setting}")]);
            }
            match self {
                Self::Dev => {}
                Self::Release => {
                    cargo.args([
                        "--release",
                        "--config",
                        "profile.release.package.'*'.opt-level=0",
                    ]);
                }
                Self::Lto => {
                    cargo.arg("--release").env("CARGO_PROFILE_RELEASE_LTO", "fat");
                    cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
                }
            }
            // What the outer cargo has set for its own build is none of this one's business.
            for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR"] {
                cargo.env_remove(flags);
            }
            assert!(cargo.status().expect("cargo starts").success(), "the scene can be built");
            let profile = if self == Self::Dev { "debug" } else { "release" };
            target.join(profile).join("examples/debug_me")
        };
        BUILT[self as usize].get_or_init(build).clone()
    }
}

/// A session with a debugger.
trait Debugger {
    /// What it says to each of some commands, and then what it has to complain of.
    fn say(&self, commands: &[&str]) -> Vec<String>;

    /// The command that loads turno's own by hand.
    fn load(&self) -> String;
}

/// The debuggers that are there.
fn debuggers(build: Build) -> Vec<Box<dyn Debugger>> {
    let gdb = Gdb::on(build).map(|gdb| Box::new(gdb) as Box<dyn Debugger>);
    let lldb = Lldb::on(build).map(|lldb| Box::new(lldb) as Box<dyn Debugger>);
    gdb.into_iter().chain(lldb).collect()
}

/// A session with lldb.
struct Lldb {
    name: &'static str,
    program: PathBuf,
    core: Option<PathBuf>,
}

impl Lldb {
    /// `None` if there is no lldb that can run scripts: some are packaged without what it takes.
    fn on(build: Build) -> Option<Self> {
        static FOUND: OnceLock<Option<&str>> = OnceLock::new();
        let found = *FOUND.get_or_init(|| {
            ["lldb-22", "lldb-19", "lldb"].into_iter().find(|name| {
                let said = Command::new(name).args(["-b", "-o", "script print(6 * 7)"]).output();
                said.is_ok_and(|said| lossy(&said.stdout).lines().any(|line| line == "42"))
            })
        });
        if found.is_none() {
            eprintln!("skipped: there is no lldb that runs scripts");
        }
        found.map(|name| Self { name, program: build.program(), core: None })
    }

    /// Whether it can hide frames.
    fn hides(&self) -> bool {
        let mut lldb = Command::new(self.name);
        lldb.args(["-b", "-x", "-o", "script print(hasattr(lldb.SBFrame, 'IsHidden'))"]);
        let said = lossy(&lldb.output().expect("lldb starts").stdout);
        said.lines().any(|line| line == "True")
    }
}

impl Debugger for Lldb {
    fn load(&self) -> String {
        format!("command script import {ROOT}/src/debugger/turno_lldb.py")
    }

    fn say(&self, commands: &[&str]) -> Vec<String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lldb.{number}"));
        // Where a container forbids it, lldb would not start the program.
        let mut lines = "settings set target.disable-aslr false\n".to_string();
        lines += &format!("{}\n", self.load());
        for command in commands {
            lines += &format!("script print('@' * 3)\n{command}\n");
        }
        fs::write(&script, lines).expect("the commands can be written");
        let mut lldb = Command::new(self.name);
        // Read from a file, as lldb breaks off a list of its own arguments at the first error.
        lldb.args(["-b", "-x", "-o", &format!("command source -e 0 {}", script.display())]);
        lldb.arg(&self.program).args(self.core.iter().flat_map(|core| [Path::new("-c"), core]));
        let output = lldb.current_dir(ROOT).stdin(Stdio::null()).output().expect("lldb starts");
        fs::remove_file(script).expect("it can be removed");
        let (said, errors) = (lossy(&output.stdout), lossy(&output.stderr));
        let own = |part: &str| {
            let lines = part.lines().filter(|line| !line.starts_with("(lldb) "));
            lines.collect::<Vec<_>>().join("\n").trim_end().to_string()
        };
        let mut answers: Vec<String> = said.split("\n@@@\n").skip(1).map(own).collect();
        assert_eq!(answers.len(), commands.len(), "lldb broke off:\n{said}\n{errors}");
        answers.push(errors);
        answers
    }
}

/// A session with gdb.
struct Gdb {
    program: PathBuf,
    core: Option<PathBuf>,
}

impl Gdb {
    /// `None` if there is no gdb, or it may not debug here.
    fn on(build: Build) -> Option<Self> {
        static MAY: OnceLock<bool> = OnceLock::new();
        let may = MAY.get_or_init(|| {
            let mut gdb = Command::new("gdb");
            gdb.args(["-q", "-nx", "-batch", "-ex", "run", "/bin/true"]).stdin(Stdio::null());
            let ran = gdb.output();
            ran.is_ok_and(|output| lossy(&output.stdout).contains("exited normally"))
        });
        if !may {
            eprintln!("skipped: gdb is not there, or may not start a program here");
        }
        may.then(|| Self { program: build.program(), core: None })
    }

    /// As [`say`](Self::say), where everybody waits.
    fn say_there(&self, commands: &[&str]) -> Vec<String> {
        let to_there = ["break debug_me::look_around", "run"];
        self.say(&[&to_there, commands].concat()).split_off(2)
    }
}

impl Debugger for Gdb {
    fn load(&self) -> String {
        format!("source {ROOT}/src/debugger/turno_gdb.py")
    }

    fn say(&self, commands: &[&str]) -> Vec<String> {
        let trust = format!("add-auto-load-safe-path {ROOT}/target");
        let mut gdb = Command::new("gdb");
        gdb.args(["-q", "-nx", "-batch", "-iex", &trust]).env("LC_ALL", "C.UTF-8");
        let settings = ["set pagination off", "set confirm off", "set width 0"];
        for setting in settings {
            gdb.args(["-ex", setting]);
        }
        for command in commands {
            gdb.args(["-ex", "echo \\n@@@\\n", "-ex", command]);
        }
        gdb.arg(&self.program).args(&self.core).stdin(Stdio::null());
        // The program's own output, and what gdb has to complain of, in one stream and in order.
        let output = gdb.current_dir(ROOT).output().expect("gdb starts");
        let (said, errors) = (lossy(&output.stdout), lossy(&output.stderr));
        let mut answers: Vec<String> =
            said.split("@@@\n").skip(1).map(|part| part.trim_end().to_string()).collect();
        assert_eq!(answers.len(), commands.len(), "gdb broke off:\n{said}\n{errors}");
        answers.push(errors);
        answers
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number of the line at which the program stands then: gdb shows that last, lldb with an arrow.
fn line_shown(answer: &str) -> Option<String> {
    let arrow = answer.lines().find_map(|line| line.strip_prefix("-> "));
    let line = arrow.or_else(|| answer.lines().last())?;
    let number = line.split_once('\t')?.0.trim();
    number.parse::<u32>().is_ok().then(|| number.to_string())
}

fn lines_shown(answers: &[String]) -> Vec<String> {
    answers.iter().filter_map(|answer| line_shown(answer)).collect()
}

fn number_of(text: &str) -> String {
    line_of(text).rsplit(':').next().expect("it ends with a number").to_string()
}

#[test]
fn tasks_and_what_they_await_are_told_alike_in_every_build() {
    for build in Build::all() {
        let Some(gdb) = Gdb::on(build) else { return };
        let said = gdb.say_there(&["turno tasks", "turno ready", "turno bt all", "turno bt 4"]);
        assert_eq!(said[0], expected(TASKS), "{build:?}: {}", said[4]);
        assert_eq!(said[1], READY, "{build:?}");
        let running = format!(
            "task 7, running, spawned at {}\n   debug_me::evening::{{async block}}  at {}\n      \
             debug_me::look_around  at {}",
            line_of("task::spawn(async {"),
            line_of("    look_around();"),
            line_of("say(\"all are waiting")
        );
        assert_eq!(said[2], format!("{}\n{running}", everything()), "{build:?}");
        assert_eq!(said[3], expected(TREES[3]), "{build:?}");
    }
}

/// What everybody says of a core file that gdb writes after the command `first`.
fn says_of_a_core_file(name: &str, first: &str) {
    let Some(mut gdb) = Gdb::on(Build::Dev) else { return };
    let core = Path::new(ROOT).join("target/debugger").join(name);
    let save = format!("generate-core-file {}", core.display());
    gdb.say_there(&[first, &save]);
    assert!(core.exists(), "gdb writes a core file");
    gdb.core = Some(core.clone());
    let lldb = Lldb::on(Build::Dev).map(|lldb| Lldb { core: gdb.core.clone(), ..lldb });
    let mut debuggers: Vec<Box<dyn Debugger>> = vec![Box::new(gdb)];
    debuggers.extend(lldb.map(|lldb| Box::new(lldb) as Box<dyn Debugger>));
    for debugger in debuggers {
        let said = debugger.say(&["turno tasks", "turno bt all", "turno next"]);
        assert_eq!(said[0], expected(TASKS));
        assert!(said[1].starts_with(&everything()), "{}", said[1]);
        assert!(said[3].contains("turno: "), "it cannot be stepped, and says so: {}", said[3]);
        assert!(!said[3].contains("Python Exception"), "{}", said[3]);
    }
    fs::remove_file(core).expect("it can be removed");
}

#[test]
fn a_core_file_tells_the_same() {
    says_of_a_core_file("core.debug_me", "echo");
}

/// The kernel leaves out what is as it was in the program's file; so does gdb if it is asked to.
#[test]
fn a_core_file_as_the_kernel_writes_it_tells_the_same() {
    let filter = "open('/proc/%d/coredump_filter' % gdb.selected_inferior().pid, 'w')";
    let none_of_the_file = format!("python print('0x23', file={filter}, flush=True)");
    says_of_a_core_file("core.kernel", &none_of_the_file);
}

#[test]
fn a_breakpoint_stops_at_one_switch_and_shows_its_arguments() {
    for build in Build::all() {
        let Some(gdb) = Gdb::on(build) else { return };
        let said = gdb.say(&[
            "break turno::switch_to if n == 9",
            "run",
            "info args",
            "turno until 12",
            "turno until 4",
        ]);
        assert_eq!(said[0].matches("Breakpoint 1 at").count(), 1, "{build:?}: {}", said[0]);
        assert!(!said[0].contains("locations"), "it is one place: {}", said[0]);
        for arg in ["log = 0x", "n = 9\n", "task = Id(2)\n", "future = ", "spare = 0x"] {
            assert!(said[2].contains(arg), "{build:?}: `{arg}` is not in\n{}", said[2]);
        }
        assert!(said[3].contains("[switch 12: task 2 \"cook\", woken by a timer]"), "{}", said[3]);
        assert!(said[5].contains("switch 4 is past, this is 12"), "{}", said[5]);
    }
}

#[test]
fn next_stays_in_the_task_that_an_await_suspends() {
    let step = ["turno step"; 4];
    let next = ["turno next"; 10];
    let rest = ["for _ in 0..minutes", "        sleep(MS).await"].map(number_of);
    let mut wanted = vec![
        number_of("async fn cook"),
        number_of("= stove.lock().await"),
        number_of("simmer(3).await"),
        number_of("async fn simmer"),
    ];
    wanted.extend([&rest[..], &rest, &rest, &rest[..1]].concat());
    let below = |text: &str, by: u32| {
        let number: u32 = number_of(text).parse().expect("a number");
        (number + by).to_string()
    };
    let (last, end) = (below("        sleep(MS).await", 2), below("        sleep(MS).await", 3));
    wanted.extend([last, end, number_of("simmer(3).await")]);
    for debugger in debuggers(Build::Dev) {
        let said = debugger.say(&[&["turno until 2"][..], &step, &next].concat());
        assert_eq!(lines_shown(&said[1..]), wanted, "{said:#?}");
        let back = "[task 2 \"cook\" was suspended here, and is back]";
        assert_eq!(said.iter().filter(|answer| answer.contains(back)).count(), 4);
        let ends: Vec<bool> = said.iter().map(|answer| answer.contains(back)).collect();
        assert_eq!(ends.iter().position(|&is| is), Some(7), "at the first await: {said:#?}");
    }
}

#[test]
fn next_comes_back_to_its_task_in_optimized_builds_too() {
    let commands = [&["turno until 12", "turno step"][..], &["turno next"; 7]].concat();
    for debugger in debuggers(Build::Release) {
        let said = debugger.say(&commands);
        assert!(said[0].contains("[switch 12: task 2 \"cook\", woken by a timer]"), "{said:#?}");
        let suspended = "[task 2 \"cook\" was suspended, and is back]";
        assert!(said.iter().any(|answer| answer.contains(suspended)), "{said:#?}");
        let ended = "[task 2 \"cook\" has ended]";
        assert!(said.iter().any(|answer| answer.contains(ended)), "{said:#?}");
        let last = lines_shown(&said[..8]);
        assert!(last.contains(&number_of("say(\"the soup is done")), "{last:?}");
    }
}

#[test]
fn step_leads_to_lines_of_ones_own_and_next_out_again_over_what_lies_between() {
    let into = ["turno until 6", "turno step", "turno step", "turno step", "turno step"];
    let at_parcel = format!("tbreak {}", line_of("0 => sleep(12 * MS).await"));
    let out = [&[&at_parcel[..], "run"][..], &["turno next"; 5]].concat();
    let outer = number_of("_ => parcel(wrappings - 1).await");
    let end = (outer.parse::<u32>().expect("a number") + 2).to_string();
    for debugger in debuggers(Build::Dev) {
        let said = debugger.say(&into);
        let wanted = ["async fn party", "(1..=3).map", "guests.next().await", "async fn table"];
        assert_eq!(lines_shown(&said[1..]), wanted.map(number_of), "{said:#?}");
        // Between two of the parcel's wrappings lie a pin and a box.
        let said = debugger.say(&out);
        let wanted = [&end, &outer, &end, &outer, &end].map(String::clone);
        assert_eq!(lines_shown(&said[2..]), wanted, "{said:#?}");
        assert!(
            said[2].contains("[task 5 \"porter\" was suspended here, and is back]"),
            "{said:#?}"
        );
    }
}

#[test]
fn next_stays_with_one_of_two_futures_of_one_function() {
    let at_table = format!("tbreak {}", line_of("    sleep(number * MS).await"));
    // The waiter joins two of them, of which the second is stayed with and the first is back first.
    let to_second = [&at_table, "run", &at_table, "continue"];
    for debugger in debuggers(Build::Dev) {
        let said =
            debugger.say(&[&to_second[..], &["p number", "turno next", "p number"]].concat());
        assert!(said[4].ends_with(" 9"), "{said:#?}");
        let back = "[task 4 \"waiter\" was suspended here, and is back]";
        assert!(said[5].contains(back), "{said:#?}");
        assert_eq!(line_shown(&said[5]), Some(number_of("    number")), "{said:#?}");
        assert!(said[6].ends_with(" 9"), "{said:#?}");
    }
}

#[test]
fn a_breakpoint_of_ones_own_ends_a_move_and_nobody_is_said_to_be_back() {
    let at_door = "b turno::switch_to";
    let here = [&["turno until 2"][..], &["turno step"; 4], &["turno next"; 2]].concat();
    let there = ["turno until 2", "turno step", "turno next", "turno next"];
    // In a build of which it is known whether an await suspends, and in one of which it is not.
    for (build, to_await) in [(Build::Dev, &here[..]), (Build::Release, &there)] {
        for debugger in debuggers(build) {
            let said = debugger.say(&[to_await, &[at_door, "turno next"]].concat());
            let stopped = &said[to_await.len() + 1];
            assert!(stopped.contains("turno::switch_to"), "{build:?}: {said:#?}");
            assert!(!stopped.contains("is back"), "{build:?}: {said:#?}");
        }
    }
}

#[test]
fn step_leads_into_an_await_in_four_steps() {
    for build in Build::all() {
        let Some(gdb) = Gdb::on(build) else { return };
        let until = format!("break {}", line_of("simmer(3).await"));
        let step = ["step"; 4];
        let said = gdb.say(&[&[&until[..], "run"][..], &step].concat());
        let inside =
            said[2..6].iter().any(|answer| answer.contains("debug_me::simmer::{async_fn#0}"));
        assert!(inside, "{build:?}: {said:#?}");
    }
}

#[test]
fn few_frames_stand_between_main_and_a_task_and_bt_shows_none_of_them() {
    let Some(gdb) = Gdb::on(Build::Dev) else { return };
    let said = gdb.say_there(&["bt", "bt -no-filters"]);
    let user = ["debug_me::look_around", "debug_me::evening::{async block}", "debug_me::main"];
    let shown: Vec<&str> = said[0].lines().collect();
    assert_eq!(shown.len(), user.len(), "{}", said[0]);
    for (line, name) in shown.iter().zip(user) {
        assert!(line.contains(name), "{}", said[0]);
    }
    let between: Vec<&str> =
        said[1].lines().skip(2).take_while(|l| !l.contains("::main ")).collect();
    let is_ours = |line: &&&str| {
        let name = line.split(" in ").last().unwrap_or(line);
        name.split_once("  ").map_or(name, |(_, name)| name).starts_with("turno::")
    };
    let ours = between.iter().filter(is_ours).count();
    // `block_on` and the closure that its `catch_unwind` needs, `turn`, `switch_to`, `run`.
    assert_eq!(ours, 5, "{}", said[1]);
    assert!(between.len() - ours <= 6, "those of std's `catch_unwind`: {}", said[1]);
}

#[test]
fn turnos_own_things_are_printed_in_a_line() {
    let Some(gdb) = Gdb::on(Build::Dev) else { return };
    let said = gdb.say(&[
        "turno until 14",
        "print (*(*spare).ptr.pointer).data",
        "print task",
        "turno step",
        "turno step",
        "print (*stove.ptr.pointer).value",
    ]);
    assert!(said[1].ends_with("= waker of task 3"), "{}", said[1]);
    assert!(said[2].ends_with("= Id(3)"), "{}", said[2]);
    let held = expected("= locked by task 3 (at {stove.lock()).await}) = ");
    assert!(said[5].contains(&held), "{}\n{}", said[5], said[6]);
}

#[test]
fn what_is_not_understood_is_said_and_not_guessed() {
    let Some(gdb) = Gdb::on(Build::Dev) else { return };
    let said = gdb.say_there(&[
        "turno bt nobody",
        "turno bt 1 2",
        "python ORDERS.clear()",
        "turno ready",
        "python Loop.policy = lambda loop: loop.core['no such field']",
        "turno tasks",
    ]);
    let errors = &said[6];
    assert!(errors.contains("there is no task nobody"), "{errors}");
    assert!(errors.contains("it is `turno bt [ID | NAME | all]`"), "{errors}");
    assert!(said[3].contains("the order of turno::policy::fifo::Fifo is not known"), "{}", said[3]);
    let odd = "does not understand the layout of `turno::runtime::core::Core`: it expects a field \
               `no such field`";
    assert!(errors.contains(odd), "{errors}");
}

#[test]
fn a_program_that_does_not_run_is_no_riddle() {
    for debugger in debuggers(Build::Dev) {
        let again = debugger.load();
        let said =
            debugger.say(&["turno tasks", &again, "turno bt all", "turno next", "turno step"]);
        assert_eq!(said[5].matches("the program does not run").count(), 4, "{}", said[5]);
    }
}

#[test]
fn help_teaches_and_wrong_words_are_answered_in_one_line() {
    let help = ["help turno", "help turno next", "help turno step"];
    let wrong =
        ["turno next 3", "turno until", "turno until 12", "turno until 2", "turno until 999"];
    for debugger in debuggers(Build::Dev) {
        let said = debugger.say(&[&help[..], &wrong].concat());
        for command in ["until 12", "tasks", "ready", "bt all", "step", "next"] {
            assert!(said[0].contains(&format!("turno {command}")), "{command}: {}", said[0]);
        }
        assert!(said[1].contains("stays in this task"), "{}", said[1]);
        assert!(said[2].contains("your own code"), "{}", said[2]);
        for answer in [
            "turno: too many words: it is `turno next`",
            "turno: which switch? as in `turno until 12`; they are counted from 1",
            "turno: switch 2 is past, this is 12: `kill`, then `turno until 2` runs there anew",
            "turno: the program ended before switch 999",
        ] {
            assert!(said[8].contains(answer), "`{answer}` is not in\n{}", said[8]);
        }
    }
}

#[test]
fn lldb_says_what_gdb_says() {
    for build in [Build::Dev, Build::Release] {
        let Some(lldb) = Lldb::on(build) else { return };
        let to_there = ["breakpoint set -n debug_me::look_around", "run"];
        let ask = ["turno tasks", "turno ready", "turno bt all", "turno until 12"];
        let said = lldb.say(&[&to_there[..], &ask].concat()).split_off(2);
        assert_eq!(said[0], expected(TASKS), "{build:?}: {}", said[4]);
        assert_eq!(said[1], READY, "{build:?}");
        assert!(said[2].starts_with(&everything()), "{build:?}: {}", said[2]);
        let reached = "[switch 12: task 2 \"cook\", woken by a timer]";
        assert!(said[3].contains(reached), "{build:?}: {}", said[3]);
    }
}

#[test]
fn lldb_shows_few_frames_beyond_the_task_where_it_can_hide_them() {
    let Some(lldb) = Lldb::on(Build::Dev) else { return };
    if !lldb.hides() {
        eprintln!("skipped: lldb hides frames from 20 on");
        return;
    }
    let to_there = ["breakpoint set -n debug_me::look_around", "run"];
    let said = lldb.say(&[&to_there[..], &["bt", "bt -u", "finish", "finish"]].concat());
    let frames = |text: &str| text.lines().filter(|line| line.contains("frame #")).count();
    // Two of the task, `run`, `switch_to`, `turn`, and `main`.
    assert_eq!(frames(&said[2]), 6, "{}", said[2]);
    assert!(frames(&said[3]) > 20, "{}", said[3]);
    // It steps out past what is hidden: that must not be what leads back to the loop.
    assert!(said[5].contains("at run.rs:"), "{}", said[5]);
}
