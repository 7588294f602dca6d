//! What timelines promise: the text shows the run, the Perfetto file is small, the hook writes whole
//! files, also out of a panic, and says at once what it cannot do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use turno::runtime::{Builder, Runtime};
use turno::sync::mpsc;
use turno::task::{self, yield_now};
use turno::trace::{Recorder, Recording, Text};

mod common;
use common::{guarded, has};

/// What the child process is to do; unset in the tests themselves.
const CHILD: &str = "TURNO_TEST_CHILD";

fn recorded(recorder: Recorder, count: u64) -> Recording {
    let rt = Builder::new().start_paused(true).observe(recorder.clone()).build().unwrap();
    rt.block_on(async move {
        let (there, mut request) = mpsc::channel(1);
        let (answer, mut back) = mpsc::channel(1);
        let ponger = task::Builder::new().name("ponger").spawn(async move {
            while let Some(n) = request.recv().await {
                turno::time::work(Duration::from_nanos(300)).await;
                answer.send(n).await.unwrap();
            }
        });
        for n in 0..count {
            there.send(n).await.unwrap();
            back.recv().await.unwrap();
        }
        drop(there);
        ponger.await.unwrap();
    });
    recorder.recording()
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs `child` below in a process of its own, with `TURNO_TRACE`.
fn run(what: &str, trace: impl AsRef<std::ffi::OsStr>) -> (Output, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child", "--nocapture"]).env(CHILD, what).env("TURNO_TRACE", trace);
    let output = child.output().unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    (output, said)
}

#[test]
fn child() {
    match std::env::var(CHILD).as_deref() {
        Ok("work") => turno::block_on(yield_now()),
        Ok("panic") => turno::block_on(async { panic!("on purpose") }),
        Ok("nothing") => drop(Runtime::new().unwrap()),
        Ok("three") => (0..3).for_each(|_| turno::block_on(yield_now())),
        _ => {}
    }
}

#[test]
fn a_ring_becomes_at_most_150_bytes_a_switch_with_file_and_line() {
    guarded(|| {
        let recording = recorded(Recorder::ring(1 << 20), 5_000);
        let path = folder("size").join("run.pftrace");
        recording.save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let each = bytes.len() / recording.switches().count();
        assert!(each <= 150, "{each} bytes a switch");
        has(String::from_utf8_lossy(&bytes), "timelines.rs:");
    });
}

#[test]
fn the_same_run_is_the_same_file() {
    guarded(|| {
        let folder = folder("same");
        let save = |name: &str| {
            let path = folder.join(name);
            recorded(Recorder::new(), 50).save(&path).unwrap();
            fs::read(path).unwrap()
        };
        assert!(save("a.pftrace") == save("b.pftrace"));
    });
}

#[test]
fn the_text_is_as_wide_as_it_may_be_and_has_colour_only_if_told() {
    guarded(|| {
        let recording = recorded(Recorder::new(), 30);
        for width in [40, 80, 120] {
            let drawn = Text::new(width, false).timeline(&recording);
            assert!(drawn.lines().all(|line| line.chars().count() <= width), "{width}:\n{drawn}");
            assert!(!drawn.contains('\x1b'));
            let ran = drawn.matches('█').count();
            assert_eq!(ran, recording.switches().count());
        }
        has(Text::new(80, true).timeline(&recording), "\x1b[");
    });
}

#[test]
fn what_is_missing_is_said() {
    guarded(|| {
        let text = Text::new(80, false);
        let recording = recorded(Recorder::ring(10), 30);
        has(text.timeline(&recording), "earlier records are missing: the ring was full");
        has(text.timeline(&Recorder::new().recording()), "no switch was recorded");
        let short = recorded(Recorder::new(), 30);
        let left_out = short.switches().count() - 7;
        has(text.most(7).log(&short), &format!("{left_out} earlier switches are not shown"));
    });
}

#[test]
fn the_hook_writes_one_whole_file_a_runtime() {
    let folder = folder("hook");
    let (output, said) = run("three", folder.join("run.pftrace"));
    assert!(output.status.success(), "{said}");
    assert_eq!(files(&folder), ["run-2.pftrace", "run-3.pftrace", "run.pftrace"]);
    has(said, "turno: recorded in ");
}

#[test]
fn the_hook_writes_when_a_panic_ends_the_program() {
    let folder = folder("panic");
    let (output, _) = run("panic", folder.join("run.pftrace"));
    assert!(!output.status.success());
    assert_eq!(files(&folder), ["run.pftrace"]);
}

#[test]
fn the_hook_says_that_nothing_was_recorded() {
    let (_, said) = run("nothing", folder("nothing").join("run.pftrace"));
    has(said, "no switch was recorded");
}

#[test]
fn the_hook_says_at_once_and_once_what_it_cannot_write() {
    let folder = folder("bad");
    let nowhere = folder.join("no-such-folder/run.pftrace");
    for bad in [folder.join("run.txt"), nowhere] {
        let (output, said) = run("three", &bad);
        assert!(output.status.success(), "the program itself goes on: {said}");
        assert_eq!(said.matches("TURNO_TRACE").count(), 1, "{said}");
        has(&said, ".pftrace");
        has(&said, "Nothing is recorded");
    }
    assert!(files(&folder).is_empty());
}

#[cfg(unix)]
#[test]
fn the_hook_follows_links_and_writes_into_pipes() {
    use std::os::unix::fs::{FileTypeExt, symlink};

    let folder = folder("links");
    symlink("target", folder.join("run.html")).unwrap();
    run("work", folder.join("run.html"));
    assert!(fs::symlink_metadata(folder.join("run.html")).unwrap().is_symlink());
    has(fs::read_to_string(folder.join("target")).unwrap(), "</html>");

    let pipe = folder.join("pipe.html");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let theirs = pipe.clone();
    let reader = std::thread::spawn(move || fs::read_to_string(theirs).unwrap());
    run("work", &pipe);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    has(reader.join().unwrap(), "</html>");

    symlink("/dev/full", folder.join("full.html")).unwrap();
    let (output, said) = run("work", folder.join("full.html"));
    assert!(output.status.success(), "the program itself has ended well: {said}");
    has(said, "the recording is lost: ");
    assert_eq!(files(&folder), ["full.html", "pipe.html", "run.html", "target"]);
}

#[test]
fn the_hook_draws_to_standard_error() {
    let (_, said) = run("work", "-");
    has(&said, "a block_on");
    has(&said, "why");
}
