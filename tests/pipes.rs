//! An example whose reader has gone ends without a word; one that cannot print says so and fails.

#![cfg(unix)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// All examples, as `cargo` finds them.
fn examples() -> Vec<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is = |path: &PathBuf| {
        path.extension().is_some_and(|is| is == "rs") || path.join("main.rs").exists()
    };
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_string();
    let mut names: Vec<_> = paths.filter(is).map(name).collect();
    names.sort();
    assert!(names.len() > 20, "{names:?}");
    names
}

/// `cargo test` builds the examples; `cargo test --test pipes` does not.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(name);
    if !program.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--example", name]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "{name} does not build");
    }
    program
}

fn run(name: &str, stdout: impl Into<Stdio>) -> (Output, String) {
    let mut program = Command::new(program(name));
    if name == "download_all" {
        program.args(["--files", "2", "--size", "1k", "--mode", "async"]);
    }
    let output = program.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[test]
fn an_example_without_a_reader_ends_quietly() {
    for name in examples() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (output, said) = run(&name, writer);
        assert!(output.status.success(), "{name}: {}: {said}", output.status);
        assert!(!said.contains("rint"), "{name}: {said}");
    }
}

#[test]
fn an_example_that_cannot_print_says_why_and_fails() {
    for name in examples() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (output, said) = run(&name, full);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("cannot print: No space left"), "{name}: {said}");
    }
}

/// The applications too, which the others do not run.
#[test]
fn whatever_prints_prints_by_the_examples_own_macros() {
    fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|is| is == "rs") {
                into.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files = Vec::new();
    for name in fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()) {
        // The class has its own way; what tests print is captured.
        match name.file_name().unwrap().to_str().unwrap() {
            "class" | "print" => {}
            _ if name.join("Cargo.toml").exists() => sources(&name.join("src"), &mut files),
            _ if name.is_dir() => sources(&name, &mut files),
            _ => files.push(name),
        }
    }
    assert!(files.len() > 50, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for word in code.flat_map(|line| line.split([' ', '(', ',', ')', '{', '}'])) {
            let Some(start) = word.rfind("print!").or(word.rfind("println!")) else { continue };
            let before = word[..start].trim_end_matches('e');
            let named = |path: &str| text.contains(&format!("use print::{path}"));
            let own = before == "print::" || named("print") || named("{print");
            assert!(own && !before.contains("anstream"), "{}: {word}", file.display());
        }
    }
}
