//! The example `download_all`, run as its users run it: what it brings, and how it fails.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

const MODES: [&str; 4] = ["async", "pool", "threads", "select"];

/// `cargo test` builds the examples; `cargo test --test download_all` does not.
fn example() -> PathBuf {
    static BUILD: Once = Once::new();
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps has parents");
    let name = format!("download_all{}", std::env::consts::EXE_SUFFIX);
    let example = profile.join("examples").join(name);
    BUILD.call_once(|| {
        if !example.exists() {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--example", "download_all"]);
            if !cfg!(debug_assertions) {
                cargo.arg("--release");
            }
            assert!(cargo.status().expect("cargo starts").success(), "the example does not build");
        }
    });
    example
}

/// A folder that goes when the test ends, well or badly.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("turno-test-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// The names of the files of a mode, sorted.
    fn names(&self, mode: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(mode)).expect("the mode has a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("an entry can be read").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(args: &[&str], out: Option<&Folder>) -> (Output, String, String) {
    let mut command = Command::new(example());
    command.args(args).stdin(Stdio::null());
    if let Some(out) = out {
        command.arg("--out").arg(&out.0);
    }
    let output = output(&mut command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

/// Whoever hangs is killed: a test fails rather than waits for ever.
fn end(program: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        match program.try_wait().expect("it can be waited for") {
            Some(status) => return status,
            None if start.elapsed() < Duration::from_secs(20) => {}
            None => {
                program.kill().expect("it can be killed");
                panic!("the example hangs");
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn output(command: &mut Command) -> Output {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().expect("the program starts");
    end(&mut program);
    program.wait_with_output().expect("what it said can be read")
}

#[test]
fn every_mode_brings_every_byte() {
    let out = Folder::new("every");
    let args = ["--files", "9", "--size", "100001", "--limit", "4", "--json"];
    let (output, stdout, stderr) = run(&args, Some(&out));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for mode in MODES {
        assert!(stdout.contains(&format!(r#""mode":"{mode}""#)), "{stdout}");
        assert_eq!(out.names(mode).len(), 9, "{mode}");
        for name in out.names("async") {
            let bytes = |mode: &str| fs::read(out.0.join(mode).join(&name)).expect("it is there");
            assert_eq!(bytes(mode).len(), 100_001, "{mode} {name}");
            assert!(bytes(mode) == bytes("async"), "{mode} {name} differs");
        }
    }
    assert_eq!(stdout.matches(r#""files_ok":9,"files_failed":0,"failures":[]"#).count(), 4);
    let first = |file: &str| fs::read(out.0.join("async").join(file)).expect("it is there");
    assert!(first("file-0000.bin") != first("file-0001.bin"), "all files are the same");
}

#[test]
fn what_fails_is_named_and_the_others_finish() {
    let out = Folder::new("faults");
    let faults = ["--cut", "2", "--cut", "6", "--garble", "3", "--stall", "4", "--silence", "1"];
    let args = [&["--files", "8", "--size", "10240"][..], &faults].concat();
    let (output, stdout, stderr) = run(&args, Some(&out));
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for mode in MODES {
        assert_eq!(
            out.names(mode),
            ["file-0000.bin", "file-0001.bin", "file-0005.bin", "file-0007.bin"]
        );
        let line = |file: u64, what: &str| {
            let start = format!("{mode}: file {file} from 127.0.0.1:");
            let found = stderr.lines().any(|line| line.starts_with(&start) && line.contains(what));
            assert!(found, "no line \"{start}... {what}\" in\n{stderr}");
        };
        line(2, "connection cut after 5,120 of 10,240 bytes");
        line(3, "damaged on the way: checksum ");
        line(4, "the server fell silent after 5,120 of 10,240 bytes");
        line(6, "connection cut");
    }
    assert!(stderr.contains("error: 16 of 32 files failed"), "{stderr}");
    assert!(stdout.contains("4 / 4"), "{stdout}");
}

#[test]
fn a_cut_in_the_header_or_after_so_many_bytes() {
    let args = ["--files", "2", "--size", "10k", "--cut", "1", "--cut-after", "0"];
    let (_, _, stderr) = run(&args, None);
    assert_eq!(stderr.matches("connection cut after 0 of 10,240 bytes").count(), 4, "{stderr}");
}

#[test]
fn an_unreachable_server_is_said_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a port is free").to_string();
    let start = Instant::now();
    let (output, _, stderr) = run(&["--files", "3", "--addr", &address], None);
    assert_eq!(output.status.code(), Some(1));
    for mode in MODES {
        let line = format!("{mode}: file 2 from {address}: cannot connect: ");
        assert!(stderr.contains(&line), "{stderr}");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
}

#[test]
fn bad_arguments_are_explained() {
    for (args, what) in [
        (&["--files", "0"][..], "'--files <N>': 0 is not in 1..="),
        (&["--size", "12q"], "not a size: try 1024, 64k, 10M or 1G"),
        (&["--addr", "nowhere"], "HOST:PORT is expected"),
        (&["--mode", "fast"], "possible values: async, pool, threads, select"),
        (&["--cut-after", "1"], "--cut <FILE>"),
        (&["--serve", "--mode", "async"], "cannot be used with"),
    ] {
        let (output, stdout, stderr) = run(args, None);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr.contains(what) && stdout.is_empty(), "{args:?}: {stderr}");
    }
}

#[test]
fn json_is_alone_on_stdout_and_well_formed() {
    let args = ["--files", "3", "--size", "2k", "--cut", "1", "--mode", "select", "--json"];
    let (_, stdout, stderr) = run(&args, None);
    assert!(stdout.starts_with(r#"{"files":3,"size":2048,"chunk":1024,"limit":3,"#), "{stdout}");
    assert!(stdout.trim_end().ends_with("]}]}") && stdout.lines().count() == 1, "{stdout}");
    assert!(stdout.contains(r#""task_switches":null,"slow_polls":null,"#), "{stdout}");
    assert!(stdout.contains(r#""files_ok":2,"files_failed":1,"failures":[{"file":1,"#), "{stdout}");
    assert_eq!(stdout.matches('{').count(), stdout.matches('}').count());
    assert_eq!(stdout.matches('"').count() % 2, 0);
    assert!(!stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'), "colours without a terminal");
}

#[test]
fn another_kind_of_server_is_recognised_and_quoted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address").to_string();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let _ = (&socket).read(&mut [0; 100]);
            let _ = (&socket).write_all(b"220 \"hi\" \\ mail\r\n");
        }
    });
    let args = ["--files", "1", "--mode", "threads", "--json", "--addr", &address];
    let (_, stdout, _) = run(&args, None);
    // Escaped once as bytes of a stranger, once more as JSON.
    let error = r#"it answered \"220 \\\"hi\\\" \\\\ mail\""#;
    assert!(stdout.contains(error), "{error} is not in {stdout}");
}

/// Until every byte is there, a file has another name.
#[test]
fn a_part_is_called_a_part() {
    let out = Folder::new("part");
    let mut command = Command::new(example());
    command.args(["--files", "2", "--size", "10k", "--stall", "1", "--silence", "2", "--out"]);
    command.arg(&out.0).stderr(Stdio::null()).stdout(Stdio::null());
    let mut program = command.args(["--mode", "async"]).spawn().expect("the example starts");
    let start = Instant::now();
    let expected = ["file-0000.bin", "file-0001.bin.part"];
    while !out.0.join("async").exists() || out.names("async") != expected {
        assert!(start.elapsed() < Duration::from_secs(2), "never seen: {expected:?}");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!end(&mut program).success());
    assert_eq!(out.names("async"), ["file-0000.bin"]);
}

/// As when the folder was filled with links to another disk.
#[cfg(unix)]
#[test]
fn a_link_is_followed_and_a_device_stays() {
    use std::os::unix::fs::symlink;

    let out = Folder::new("links");
    for mode in MODES {
        let dir = out.0.join(mode);
        fs::create_dir_all(&dir).expect("a folder can be made");
        symlink("target", dir.join("file-0000.bin")).expect("a link can be made");
        symlink("/dev/null", dir.join("file-0001.bin")).expect("a link can be made");
    }
    let (output, _, stderr) = run(&["--files", "2", "--size", "10000"], Some(&out));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for mode in MODES {
        let dir = out.0.join(mode);
        assert_eq!(out.names(mode), ["file-0000.bin", "file-0001.bin", "target"]);
        for name in ["file-0000.bin", "file-0001.bin"] {
            assert!(fs::symlink_metadata(dir.join(name)).expect("it is there").is_symlink());
        }
        assert_eq!(fs::metadata(dir.join("target")).expect("it is there").len(), 10_000);
    }
}

/// A limit on the size of files stands for a full disk: writing fails in the middle of a file.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let out = Folder::new("full");
    let script = r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(example()).args(["--files", "3", "--size", "64k", "--out"]);
    let output = output(command.arg(&out.0));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for mode in MODES {
        assert!(out.names(mode).is_empty(), "{mode} left {:?}", out.names(mode));
        assert_eq!(stderr.matches(&format!("{mode}: file ")).count(), 3, "{stderr}");
    }
    assert_eq!(stderr.matches(": cannot write: ").count(), 12, "{stderr}");
}

#[cfg(unix)]
#[test]
fn few_descriptors_mean_fewer_downloads_at_a_time() {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 64; exec "$0" "$@""#]).arg(example());
    let args = ["--files", "150", "--size", "2k", "--delay", "5"];
    let output = output(command.args(args));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("limited to 16 downloads at a time"), "{stderr}");
}

/// The server and the temporary folder go even if nobody is left to say so.
#[cfg(unix)]
#[test]
fn nothing_is_left_of_a_program_that_is_killed() {
    use std::io::{BufRead, BufReader};

    let mut command = Command::new(example());
    command.args(["--files", "2", "--size", "1k", "--stall", "1", "--silence", "3"]);
    let mut program = command.stderr(Stdio::piped()).spawn().expect("the example starts");
    let mut line = String::new();
    let stderr = program.stderr.take().expect("it is piped");
    BufReader::new(stderr).read_line(&mut line).expect("it says what it does");
    let word = |after: &str| {
        let rest = line.split(after).nth(1).expect("the line has its usual words");
        rest.split([',', '\n']).next().unwrap_or_default().to_string()
    };
    let (server, folder) = (word(" from "), word(" into "));
    assert!(TcpStream::connect(&server).is_ok() && Path::new(&folder).exists(), "{line}");
    program.kill().and_then(|()| program.wait()).expect("it can be killed");
    let start = Instant::now();
    while TcpStream::connect(&server).is_ok() || Path::new(&folder).exists() {
        assert!(start.elapsed() < Duration::from_secs(5), "{server} or {folder} is still there");
        thread::sleep(Duration::from_millis(20));
    }
}
