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

/// So many tasks of one name, each of which runs twice.
fn crowd(name: &'static str, size: usize) -> Recording {
    let recorder = Recorder::new();
    let rt = Builder::new().start_paused(true).observe(recorder.clone()).build().unwrap();
    rt.block_on(async {
        let task = |_| task::Builder::new().name(name).spawn(yield_now());
        for task in (0..size).map(task).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    recorder.recording()
}

#[test]
fn tasks_of_one_name_have_a_row_each_with_their_number() {
    let recording = crowd("conn", 30);
    let drawn = Text::new(200, false).timeline(&recording);
    let rows: Vec<_> = drawn.lines().filter(|line| line.contains("conn")).collect();
    assert_eq!(rows.len(), 30, "{drawn}");
    for (row, task) in rows.iter().zip(&recording.tasks[1..]) {
        has(row, &format!(" conn·{} ", task.id));
        assert_eq!(row.matches('█').count(), 2, "{row}");
    }
    has(Text::new(200, false).log(&recording), "  conn·31   spawned by block_on");
    let alone = Text::new(80, false).timeline(&crowd("conn", 1));
    has(alone, "b conn       █");
}

#[test]
fn too_many_tasks_of_one_name_share_a_row_that_says_how_many() {
    assert_eq!(Text::new(300, false).timeline(&crowd("conn", 40)).matches("conn·").count(), 40);
    let drawn = Text::new(300, false).timeline(&crowd("conn", 41));
    has(&drawn, "b conn ×41 ");
    assert_eq!(drawn.matches("conn").count(), 1, "{drawn}");
}

#[test]
fn a_long_name_does_not_hide_the_number() {
    let recording = crowd("a-name-that-is-longer-than-there-is-room-for", 3);
    let drawn = Text::new(80, false).timeline(&recording);
    ["…·2 ", "…·3 ", "…·4 "].iter().for_each(|number| has(&drawn, number));
    has(Text::new(80, false).log(&recording), "…·4 ");
}

/// As the accessibility guidelines of the web define it: from 1 to 21.
fn contrast(color: u8, background: f64) -> f64 {
    let channels = match color {
        16..=231 => [36, 6, 1].map(|step| (color - 16) / step % 6).map(|n| n.min(1) * 55 + n * 40),
        232.. => [8 + (color - 232) * 10; 3],
        _ => panic!("how color {color} looks is up to the terminal"),
    };
    let linear = channels.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    let [dark, light] = if light < background { [light, background] } else { [background, light] };
    (light + 0.05) / (dark + 0.05)
}

#[test]
fn the_colours_can_be_seen_on_white_and_on_black() {
    let drawn = Text::new(80, true).timeline(&crowd("conn", 30));
    let colors: std::collections::BTreeSet<u8> = drawn
        .split("\x1b[")
        .filter_map(|text| text.split_once('m'))
        .filter(|(code, _)| !["0", "1", "2"].contains(code)) // Plain, bold and dim.
        .map(|(code, _)| code.strip_prefix("38;5;").expect(code).parse().unwrap())
        .collect();
    assert_eq!(colors.len(), 7, "one for each lane, then again");
    for color in colors {
        let (white, black) = (contrast(color, 1.0), contrast(color, 0.0));
        assert!(white >= 4.0 && black >= 4.0, "{color}: {white} on white, {black} on black");
    }
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
