//! What is written to a file goes where the name leads: a plain file is whole or stays as it was, a
//! link stays a link, and what is no plain file takes the bytes.

#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use turno::runtime::Builder;
use turno::trace::{Output, Page, Recorder, Recording, write};

mod common;
use common::has;

/// What the child process is to write; unset in the tests themselves.
const CHILD: &str = "TURNO_TEST_CHILD";

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outputs").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn recording() -> Recording {
    let recorder = Recorder::new();
    let rt = Builder::new().start_paused(true).observe(recorder.clone()).build().unwrap();
    rt.block_on(async {});
    recorder.recording()
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Saves a page, a recording in both formats, and bytes, each under the name that is made for it.
fn each(place: impl Fn(&str) -> PathBuf, check: impl Fn(&Path, std::io::Result<()>, &str)) {
    let recording = recording();
    let page = place("page.any");
    check(&page, Page::new().run("", &recording).save(&page), "</html>");
    let html = place("run.html");
    check(&html, recording.save(&html), "</html>");
    let trace = place("run.pftrace");
    check(&trace, recording.save(&trace), "block_on");
    let bytes = place("bytes");
    check(&bytes, write(&bytes, "some bytes"), "some bytes");
}

#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    match write(&path, "new ".repeat(10_000)) {
        Ok(()) => println!("written"),
        Err(error) => println!("refused: {error}"),
    }
}

/// What the child process says that writes to `path`, under a shell that does `first`.
fn by_a_child(first: &str, path: &Path) -> String {
    let mut child = Command::new("sh");
    let script = format!(r#"{first}; exec "$0" --exact child --nocapture"#);
    child.args(["-c", &script]).arg(std::env::current_exe().unwrap()).env(CHILD, path);
    String::from_utf8(child.output().unwrap().stdout).unwrap()
}

#[test]
fn a_plain_file_is_replaced_as_a_whole_and_keeps_its_permissions() {
    let folder = folder("plain");
    let place = |name: &str| {
        let path = folder.join(name);
        fs::write(&path, "old".repeat(1 << 20)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        path
    };
    each(place, |path, saved, end| {
        saved.unwrap();
        let bytes = fs::read(path).unwrap();
        has(String::from_utf8_lossy(&bytes), end);
        assert!(bytes.len() < 1 << 20, "nothing is left of the old one");
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o640);
    });
    assert_eq!(names(&folder), ["bytes", "page.any", "run.html", "run.pftrace"]);
}

#[test]
fn until_it_is_finished_the_old_file_stays() {
    let folder = folder("unfinished");
    let path = folder.join("file");
    fs::write(&path, "old").unwrap();
    let mut output = Output::create(&path).unwrap();
    output.write_all(b"half").unwrap();
    let mut other = Output::create(&path).unwrap();
    other.write_all(b"another").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(&folder).len(), 3, "each is written beside: {:?}", names(&folder));
    drop(output);
    other.finish().unwrap();
    assert_eq!(names(&folder), ["file"]);
    assert_eq!(fs::read(&path).unwrap(), b"another");
}

#[test]
fn what_lies_where_the_parts_are_written_is_left_alone() {
    let folder = folder("part");
    fs::write(folder.join("precious"), "precious").unwrap();
    symlink("precious", folder.join("file.part")).unwrap();
    write(folder.join("file"), "new").unwrap();
    assert_eq!(fs::read(folder.join("precious")).unwrap(), b"precious");
    assert_eq!(names(&folder), ["file", "file.part", "precious"]);
}

#[test]
fn a_long_name_is_a_name_like_any_other() {
    let path = folder("long").join("x".repeat(255));
    write(&path, "new").unwrap();
    assert_eq!(fs::read(path).unwrap(), b"new");
}

#[test]
fn links_are_followed_to_their_end_and_stay() {
    let folder = folder("links");
    fs::create_dir_all(folder.join("far/away")).unwrap();
    symlink("far/away", folder.join("shortcut")).unwrap();
    let place = |name: &str| {
        let target = format!("{name}.target");
        fs::write(folder.join("far").join(&target), "old").unwrap();
        // `..` is that of where the shortcut leads, not of the shortcut.
        symlink(format!("shortcut/../{target}"), folder.join(format!("{name}.link"))).unwrap();
        symlink(folder.join(format!("{name}.link")), folder.join(name)).unwrap();
        folder.join(name)
    };
    each(place, |path, saved, end| {
        saved.unwrap();
        for link in [path.to_path_buf(), PathBuf::from(format!("{}.link", path.display()))] {
            assert!(fs::symlink_metadata(link).unwrap().is_symlink());
        }
        let name = format!("{}.target", path.file_name().unwrap().display());
        let bytes = fs::read(folder.join("far").join(name)).unwrap();
        has(String::from_utf8_lossy(&bytes), end);
    });
    assert_eq!(names(&folder.join("far")).len(), 5, "{:?}", names(&folder.join("far")));
}

#[test]
fn a_dangling_link_gets_its_target() {
    let folder = folder("dangling");
    let place = |name: &str| {
        symlink(format!("{name}.target"), folder.join(format!("{name}.link"))).unwrap();
        symlink(format!("{name}.link"), folder.join(name)).unwrap();
        folder.join(name)
    };
    each(place, |path, saved, end| {
        saved.unwrap();
        assert!(fs::symlink_metadata(path).unwrap().is_symlink());
        let bytes = fs::read(format!("{}.target", path.display())).unwrap();
        has(String::from_utf8_lossy(&bytes), end);
    });
}

#[test]
fn links_that_lead_nowhere_are_an_error() {
    let folder = folder("nowhere");
    let place = |name: &str| {
        symlink("no-such-folder/file", folder.join(name)).unwrap();
        folder.join(name)
    };
    each(place, |_, saved, _| assert_eq!(saved.unwrap_err().kind(), ErrorKind::NotFound));
    symlink("round.html", folder.join("about.html")).unwrap();
    symlink("about.html", folder.join("round.html")).unwrap();
    let error = recording().save(folder.join("round.html")).unwrap_err().to_string();
    has(&error, "round.html: ");
    has(&error, "symbolic links");
}

#[test]
fn a_directory_is_an_error_that_says_so() {
    let folder = folder("directory");
    let place = |name: &str| {
        fs::create_dir(folder.join(format!("{name}.d"))).unwrap();
        symlink(format!("{name}.d"), folder.join(name)).unwrap();
        folder.join(name)
    };
    each(place, |path, saved, _| {
        let error = saved.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
        has(error.to_string(), "directory");
        assert_eq!(write(path.join(""), "").unwrap_err().kind(), ErrorKind::IsADirectory);
    });
    assert!(write(folder.join("file/"), "").is_err(), "a plain file has no such name");
    assert!(write("", "").is_err());
    assert!(names(&folder).iter().all(|name| !name.ends_with(".part")), "{:?}", names(&folder));
}

#[test]
fn a_pipe_takes_the_bytes_and_stays() {
    let folder = folder("pipe");
    let readers = std::cell::RefCell::new(Vec::new());
    let place = |name: &str| {
        let pipe = folder.join(format!("{name}.pipe"));
        fifo(&pipe);
        symlink(&pipe, folder.join(name)).unwrap();
        readers.borrow_mut().push(thread::spawn(move || fs::read(pipe).unwrap()));
        folder.join(name)
    };
    each(place, |path, saved, end| {
        saved.unwrap();
        let reader = readers.borrow_mut().pop().unwrap();
        has(String::from_utf8_lossy(&reader.join().unwrap()), end);
        assert!(fs::metadata(path).unwrap().file_type().is_fifo());
    });
}

#[test]
fn a_socket_takes_the_bytes_and_stays() {
    let path = folder("socket").join("run.html");
    // The name of a socket must be short: it is made from inside.
    let short = std::env::temp_dir().join(format!("turno-{}", std::process::id()));
    let listener = UnixListener::bind(&short).unwrap();
    symlink(&short, &path).unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        text
    });
    let saved = recording().save(&path);
    let is_socket = fs::metadata(&path).unwrap().file_type().is_socket();
    fs::remove_file(short).unwrap();
    saved.unwrap();
    assert!(is_socket);
    has(reader.join().unwrap(), "</html>");
}

#[test]
fn a_device_takes_the_bytes_and_stays_and_its_error_is_told() {
    let folder = folder("device");
    for device in ["/dev/null", "/dev/full"] {
        let place = |name: &str| {
            let path = folder.join(name);
            let _ = fs::remove_file(&path);
            symlink(device, &path).unwrap();
            path
        };
        each(place, |path, saved, _| {
            match device {
                "/dev/null" => saved.unwrap(),
                _ => assert_eq!(saved.unwrap_err().kind(), ErrorKind::StorageFull),
            }
            assert!(fs::symlink_metadata(path).unwrap().is_symlink());
            assert!(fs::metadata(device).unwrap().file_type().is_char_device());
        });
    }
    write("/dev/null", "bytes").unwrap();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn the_standard_output_is_written_to_and_not_replaced() {
    let path = folder("stdout").join("said");
    let exe = std::env::current_exe().unwrap();
    let mut child = Command::new(exe);
    child.args(["--exact", "child", "--nocapture"]).env(CHILD, "/dev/stdout");
    let said = child.output().unwrap().stdout;
    has(String::from_utf8_lossy(&said), "new new new");
    let file = File::options().create(true).append(true).open(&path).unwrap();
    assert!(child.stdout(file).status().unwrap().success());
    let said = fs::read_to_string(&path).unwrap();
    has(&said, "new new new");
    has(&said, "written"); // What is printed afterwards goes to the same file,
    has(&said, "running 1 test"); // as does what was printed before.
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let folder = folder("full");
    let path = folder.join("file");
    fs::write(&path, "old").unwrap();
    has(by_a_child(r#"trap "" XFSZ; ulimit -f 16"#, &path), "refused: ");
    assert_eq!((fs::read(&path).unwrap(), names(&folder)), (b"old".to_vec(), vec!["file".into()]));
}

/// As a user who is not root, since root may write everywhere.
#[test]
fn what_may_not_be_written_is_not_replaced() {
    let folder = std::env::temp_dir().join(format!("turno-outputs-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let (open, shut) = (folder.join("open"), folder.join("shut"));
    for inner in [&open, &shut] {
        fs::create_dir_all(inner).unwrap();
        fs::write(inner.join("file"), "old").unwrap();
    }
    let exe = folder.join("exe");
    fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    let modes = [(&folder, 0o755), (&exe, 0o755), (&open, 0o777), (&shut, 0o555)];
    let files = [(open.join("file"), 0o444), (shut.join("file"), 0o666)];
    for (path, mode) in modes.into_iter().chain(files.iter().map(|(path, mode)| (path, *mode))) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    for path in [open.join("file"), shut.join("file"), shut.join("new")] {
        let mut child = Command::new(&exe);
        child.args(["--exact", "child", "--nocapture"]).env(CHILD, &path).current_dir("/");
        if is_root {
            child.uid(65534).gid(65534);
        }
        let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
        has(said, "refused: Permission denied");
    }
    for inner in [&open, &shut] {
        assert_eq!(fs::read(inner.join("file")).unwrap(), b"old");
        assert_eq!(names(inner), ["file"]);
    }
    fs::set_permissions(&shut, Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
}
