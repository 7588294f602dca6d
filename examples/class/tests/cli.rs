//! The program, as a student meets it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs `class` with these words in an environment that has these variables.
fn class_in(environment: &[(&str, &str)], words: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_class"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "TURNO_TRACE", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    let output = command.envs(environment.iter().copied()).args(words.split_whitespace()).output();
    let Output { status, stdout, stderr } = output.expect("it can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    Said { code: status.code().expect("it ends"), out: text(stdout), err: text(stderr) }
}

fn class(words: &str) -> Said {
    class_in(&[], words)
}

#[test]
fn alone_it_lists_the_six_labs_and_where_the_student_stands() {
    let said = class("");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for (n, stands) in [(1, "never-polled"), (2, "lost-waker"), (6, "starved")] {
        let line = said.out.lines().find(|line| line.trim().starts_with(&format!("{n}. ")));
        assert!(line.is_some_and(|line| line.ends_with(stands)), "{n}: {}", said.out);
    }
    assert!(said.out.contains("cargo class 1 runs"), "{}", said.out);
}

#[test]
fn a_lab_shows_the_timeline_what_turno_says_the_name_and_the_question() {
    let said = class("3");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let expected = [
        "3. A lost wake-up",
        "what happened: examples/class/labs/3_lost_wakeup/starter.rs",
        "  a eater     █··█\n  b baker     ░██\n",
        "a notification (made at examples/class/labs/3_lost_wakeup/starter.rs:",
        "\nlost-wake-up\n",
        "the question, about the run above",
        "cargo class 3 --answer TEXT",
    ];
    let mut rest = said.out.as_str();
    for part in expected {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("{part}\nin\n{rest}"));
        rest = after;
    }
    assert!(!said.out.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn it_speaks_spanish_if_told_so_or_if_the_environment_does() {
    let told = class("3 --lang es").out;
    assert!(told.contains("3. Un aviso perdido") && told.contains("¿Qué estaba esperando"));
    assert_eq!(class_in(&[("LANG", "es_AR.UTF-8")], "3").out, told);
    assert_eq!(class_in(&[("LC_ALL", "es_ES"), ("LANG", "en_GB")], "3").out, told);
    let english = class("3").out;
    assert_eq!(class_in(&[("LANG", "es_AR.UTF-8")], "3 --lang en").out, english);
    assert_eq!(told.lines().next().map(|line| line.starts_with("3.")), Some(true));
    let help = class_in(&[("LANG", "es")], "--help").out;
    for english in ["Usage", "Options", "Print", "default", "possible"] {
        assert!(!help.contains(english), "{english} in {help}");
    }
    assert!(help.contains("Opciones") && class("-h").out.contains("Options"));
}

#[test]
fn a_check_says_how_each_scenario_went_and_fails_unless_all_is_right() {
    let right = class("4 --check --solution");
    assert_eq!(right.code, 0);
    assert_eq!(right.out.matches(" right\n").count(), 6, "{}", right.out);
    let wrong = class("4 --check --try deaf-to-the-end");
    assert_eq!(wrong.code, 1);
    let lines: Vec<_> = wrong.out.lines().collect();
    assert!(lines[1].contains("falls-silent") && lines[1].ends_with("right"), "{}", wrong.out);
    assert!(lines[2].contains("hangs-up") && lines[2].ends_with("deaf-to-the-end"));
}

#[test]
fn an_answer_is_right_or_wrong_or_none_and_the_right_one_is_never_shown() {
    let right = class("6 --solution --answer it was 10");
    assert_eq!(right.code, 0, "{}", right.out);
    let wrong = class("6 --solution --answer 12");
    assert_eq!(wrong.code, 1);
    assert!(wrong.out.starts_with("No, ") && !wrong.out.contains("10"), "{}", wrong.out);
    let none = class("6 --solution --answer lots");
    assert_eq!(none.code, 1);
    assert!(none.out.starts_with("That is no answer") && !none.out.contains("10"), "{}", none.out);
    let early = class("4 --answer 1 1");
    assert!(early.code == 1 && early.out.contains("self-wake-spin"), "{}", early.out);
    assert!(class("6 --solution --lang es --answer 10").out.starts_with("Sí, "));
}

#[test]
fn a_run_is_written_as_a_page() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab-3.html");
    #[cfg(unix)]
    {
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink("lab-3-target.html", &path).expect("a link can be made");
    }
    let said = class(&format!("3 --page {}", path.display()));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let page = std::fs::read_to_string(&path).expect("it was written");
    assert!(page.starts_with("<!doctype html>") && page.contains("eater"));
    assert_eq!(std::fs::symlink_metadata(&path).expect("it is there").is_symlink(), cfg!(unix));
    assert!(said.out.trim_end().ends_with("step with the arrow keys."), "{}", said.out);
}

#[test]
fn what_cannot_be_had_is_said_in_one_line_with_what_can() {
    let cases = [
        ("7", "there is no lab 7: there are 1, 2, 3, 4, 5 and 6"),
        ("--check", "--check wants a lab before it"),
        ("--answer x", "--answer wants a lab before it"),
        ("1 --try nonsense", "--try: nonsense is not one of starter, one-after-another"),
        ("1 --lang fr", "--lang: fr is not one of en, es"),
        ("1 --nonsense", "--nonsense means nothing here"),
        ("1 --check --answer x", "do not go together"),
        ("1 --log --log", "--log was given twice"),
        ("1 --try", "--try wants something after it"),
        ("1 --page run.txt", "--page: run.txt must end in .html"),
        ("1 --page nowhere/run.html", "lie in a folder that is there"),
        ("1 2", "2 means nothing here"),
    ];
    for (words, line) in cases {
        let said = class(words);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{words}");
        assert!(
            said.err.starts_with("class: ") && said.err.contains(line),
            "{words}: {}",
            said.err
        );
        assert_eq!(said.err.lines().count(), 1, "{words}: {}", said.err);
        let spanish = class_in(&[("LANG", "es")], words).err;
        assert_eq!(spanish.lines().count(), 1, "{words}: {spanish}");
        assert_ne!(spanish, said.err, "{words}");
    }
}

/// A copy of `class`, and a package with lab programs that only say what is found in them.
fn elsewhere(programs: [&str; 6]) -> Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere");
    fs::create_dir_all(folder.join("target/debug")).expect("a folder can be made");
    let mut manifest = "[workspace]\n[package]\nname = \"class\"\nedition = \"2024\"\n".to_string();
    manifest += "[lib]\npath = \"lib.rs\"\n";
    fs::write(folder.join("lib.rs"), "").expect("it is written");
    for (n, program) in (1..).zip(programs) {
        manifest += &format!("[[example]]\nname = \"lab-{n}\"\npath = \"{n}.rs\"\n");
        let program = format!("fn main() {{\n    {program}\n}}\n");
        fs::write(folder.join(format!("{n}.rs")), program).expect("it is written");
    }
    fs::write(folder.join("Cargo.toml"), manifest).expect("it is written");
    let copy = folder.join("target/debug/class");
    fs::copy(env!("CARGO_BIN_EXE_class"), &copy).expect("it is copied");
    let mut command = Command::new(copy);
    command.env("CARGO_MANIFEST_DIR", folder).env_remove("LANG").env_remove("LC_ALL");
    command
}

#[test]
fn a_lab_that_does_not_compile_or_crashes_stops_no_other() {
    let (right, broken) = ("println!();", "let bun: u32 = \"bun\";");
    let programs = [right, "println!(\"naps\");", broken, right, "std::process::abort();", right];
    let said = elsewhere(programs).output().expect("it can be run");
    let out = String::from_utf8(said.stdout).expect("it is text");
    assert!(said.status.success(), "{out}");
    let found = ["right", "naps", "does-not-compile", "right", "crashed", "right"];
    for (n, found) in (1..).zip(found) {
        let line = out.lines().find(|line| line.trim().starts_with(&format!("{n}. ")));
        assert!(line.is_some_and(|line| line.ends_with(&format!("  {found}"))), "{n}: {out}");
    }
    let expected =
        ["\ndoes-not-compile\n", "starter.rs does not compile", "mismatched types", "3.rs:2"];
    for words in expected {
        assert!(out.contains(words), "{words} in {out}");
    }
    let alone = elsewhere(programs).arg("3").output().expect("it can be run");
    let out = String::from_utf8(alone.stdout).expect("it is text");
    assert_eq!(alone.status.code(), Some(1), "{out}");
    assert!(out.starts_with("does-not-compile\n") && out.contains("mismatched types"), "{out}");
    let crashed = elsewhere(programs).arg("5").output().expect("it can be run");
    let err = String::from_utf8(crashed.stderr).expect("it is text");
    assert!(err.contains("crashed: the program ended in the middle"), "{err}");
}

#[test]
fn who_reads_only_the_first_line_gets_it_and_no_panic() {
    for words in ["--help", "3 --solution --log", "3 --log", "4 --check --solution"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_class"));
        let command = command.args(words.split_whitespace());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("it can be run");
        let mut first = String::new();
        let mut out = BufReader::with_capacity(1, child.stdout.take().expect("it is piped"));
        out.read_line(&mut first).expect("it is text");
        drop(out);
        let mut err = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut err).expect("it is text");
        assert!(child.wait().expect("it ends").code().is_some());
        assert!(!first.is_empty() && err.is_empty(), "{words}: {err}");
    }
}
