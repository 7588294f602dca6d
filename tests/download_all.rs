//! The talk's program: all bytes arrive in every mode, and what fails fails alone, clearly, and leaves
//! nothing behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the example, which `cargo test` has built unless it was told to build this file alone.
fn download_all(args: &[&str]) -> (bool, String, String) {
    let mut folder: PathBuf = std::env::current_exe().unwrap();
    folder.pop();
    folder.pop();
    let program = folder.join("examples").join("download_all");
    if !program.exists() {
        let cargo =
            Command::new(env!("CARGO")).args(["build", "--example", "download_all"]).status();
        assert!(cargo.unwrap().success() && program.exists(), "{}", program.display());
    }
    let Output { status, stdout, stderr } = Command::new(program).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_mode_fetches_every_byte() {
    let (ok, json, errors) = download_all(&["--files=9", "--size=70000", "--limit=4", "--json"]);
    assert!(ok, "{errors}");
    assert_eq!(json.matches("\"failed\":0").count(), 4, "{json}");
    assert_eq!(json.matches("\"verified\":9").count(), 4, "{json}");
}

#[test]
fn a_cut_connection_fails_its_own_file_and_leaves_nothing_under_its_name() {
    let out = folder("cut");
    let path = out.to_str().unwrap();
    let (ok, _, errors) = download_all(&["--files=3", "--size=5000", "--cut=1", "--out", path]);
    assert!(!ok);
    assert_eq!(errors.matches("file 1 from").count(), 4, "{errors}");
    assert_eq!(errors.matches("connection cut after 2500 of 5000 bytes").count(), 4, "{errors}");
    for mode in ["async", "pool", "threads", "select"] {
        assert_eq!(names(&out.join(mode)), ["file-000000", "file-000002"], "{mode}");
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_of_each_file() {
    // A port that was free a moment ago, and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (ok, _, errors) = download_all(&["--files=2", "--size=1k", "--addr", &free.to_string()]);
    assert!(!ok);
    assert_eq!(errors.matches("cannot connect: Connection refused").count(), 8, "{errors}");
}

#[test]
fn nowhere_to_write_and_bad_arguments_are_said_at_once() {
    let (ok, _, errors) = download_all(&["--out", "/dev/null/x"]);
    assert!(!ok && errors.contains("cannot make /dev/null/x"), "{errors}");
    let (ok, _, errors) = download_all(&["--size", "many"]);
    assert!(!ok && errors.contains("`many` is no number of bytes"), "{errors}");
    let (ok, _, errors) = download_all(&["--mode", "magic"]);
    assert!(!ok && errors.contains("possible values: async, pool, threads, select"), "{errors}");
}
