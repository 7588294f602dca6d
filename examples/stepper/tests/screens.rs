//! What is on the screen, to the letter; and what is said to who has none.

mod common;

use std::process::{Command, Output};

fn stepper(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepper"));
    command.args(args).env_remove("TURNO_TRACE");
    command.output().expect("it can be started")
}

fn stdout(args: &[&str]) -> String {
    let output = stepper(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

/// Compares, and shows the whole screen if it is another.
fn shows(args: &[&str], expected: &str) {
    let shown = stdout(args);
    assert!(shown == expected, "stepper {args:?} shows now:\n{shown}");
}

#[test]
fn the_tour_by_hand() {
    let args = ["--keys", "space*16 s down", "--print", "--size", "100x30"];
    shows(&args, include_str!("screens/tour.txt"));
}

#[test]
fn a_scene_on_a_small_screen() {
    let args = ["scene", "inversion", "--keys", "space*9 tab down", "--print", "--size", "80x24"];
    shows(&args, include_str!("screens/inversion.txt"));
}

#[test]
fn the_score_of_a_run_by_hand() {
    let keys = "s space*2 down space*2 down*2 enter end S";
    let args = ["scene", "counter", "--keys", keys, "--print", "--size", "90x22"];
    shows(&args, include_str!("screens/score.txt"));
}

#[test]
fn one_column_where_two_have_no_room() {
    let shown = stdout(&["--keys", "space*9", "--print", "--size", "50x20"]);
    for wanted in ["switch 9", "ready 5, as fifo has them", "waiting 1", " log "] {
        assert!(shown.contains(wanted), "no {wanted:?} in\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 50), "{shown}");
    let tiny = stdout(&["--print", "--size", "20x3"]);
    assert_eq!(tiny, "40 x 10 at least,\nplease\n\n");
}

#[test]
fn the_source_text_is_that_of_the_tour() {
    let shown = stdout(&["--keys", "space*12", "--print", "--size", "120x40"]);
    let source = include_str!("../../tour/main.rs");
    let line = 1 + source.lines().position(|line| line.contains("sleep(10 * MS)")).expect("it is");
    assert!(shown.contains(&format!("web at examples/tour/main.rs:{line}")), "{shown}");
    assert!(shown.contains(&format!("▶{line:>4}         sleep(10 * MS).await;")), "{shown}");
}

#[test]
fn who_has_no_terminal_is_told_the_way_out() {
    let output = stepper(&["--keys", "space"]);
    assert_eq!(output.status.code(), Some(2));
    let said =
        "stepper: standard output is no terminal: run it in one, or say --keys KEYS --print\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), said);
    assert!(output.stdout.is_empty());
}

#[test]
fn what_cannot_be_had_is_told_in_one_line() {
    for (args, wanted) in [
        (&["--print", "--keys", "jump"][..], "--keys: `jump` is no key: keys with spaces between"),
        (
            &["--print", "--policy", "quick"],
            "--policy: no policy is called `quick`: choose from fifo",
        ),
        (&["--print", "--size", "80"], "columns and rows, from 1 to 500 each, as in 100x30"),
        (&["--print", "--trace", "run.json"], "a file that ends in .html or .pftrace, or -"),
        (&["--print", "--trace", "nowhere/run.html"], "a file in a folder that is there"),
        (&["scene", "nowhere.txt", "--print"], "name a file, or one of inversion, deadlock"),
        (&["lab", "--load", "0", "--print"], "a number above 0"),
        (&["lab", "--load", "0.5,0.8", "--print"], "one of each is allowed"),
        (&["dance"], "unrecognized subcommand 'dance'"),
    ] {
        let output = stepper(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{args:?}: {said}");
        assert!(said.starts_with("stepper: ") && said.contains(wanted), "{args:?}: {said}");
    }
}

#[test]
fn the_list_and_the_help_name_all_there_is() {
    let list = stdout(&["--list"]);
    for policy in turno::policy::NAMES {
        assert!(list.contains(&format!("\n  {:<13} {}", policy.name, policy.about)), "{list}");
    }
    for (name, _) in stepper::scene::SHIPPED {
        assert!(list.contains(&format!("\n  {name:<13} ")), "{list}");
    }
    for (key, _, what) in stepper::app::KEYS {
        assert!(list.contains(&format!("\n  {key:<13} {what}")), "{list}");
    }
    assert!(stdout(&["scene", "--help"]).contains("repeat N ... end"));
}

#[test]
fn a_run_is_written_at_the_end() {
    let folder = std::env::temp_dir().join(format!("stepper-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("it can be made");
    for name in ["run.html", "run.pftrace"] {
        let path = folder.join(name);
        let path = path.to_str().expect("it is text");
        stdout(&["--keys", "space*5", "--print", "--trace", path]);
        assert!(std::fs::metadata(path).expect("it is there").len() > 200);
    }
    #[cfg(unix)]
    {
        let link = folder.join("link.html");
        std::os::unix::fs::symlink("run.html", &link).expect("a link can be made");
        stdout(&["--keys", "space*9", "--print", "--trace", link.to_str().expect("it is text")]);
        assert!(std::fs::symlink_metadata(link).expect("it is there").is_symlink());
    }
    std::fs::remove_dir_all(folder).expect("it can be removed");
    let shown = stdout(&["--keys", "space*5", "--print", "--trace", "-"]);
    assert!(
        shown.contains("b crunch-a   █░░░\n") && shown.contains("waits for a timer"),
        "{shown}"
    );
}

#[test]
fn a_program_of_ones_own_is_stepped_through_and_its_sockets_are_shown() {
    use std::rc::Rc;

    use stepper::program::{Begun, Program};
    use turno::time::{Duration, sleep};

    struct Server;

    impl Program for Server {
        fn title(&self) -> String {
            "server".to_string()
        }
        fn begin(&self) -> Begun {
            Begun::new(async {
                let listener = turno::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.expect("there is a port left");
                let server = turno::task::Builder::new().name("server").spawn(async move {
                    drop(listener.accept().await);
                });
                for _ in 0..3 {
                    sleep(Duration::from_millis(1)).await;
                }
                server.abort();
            })
        }
    }

    let program: Rc<dyn Program> = Rc::new(Server);
    let screen = |keys| stepper::view::print(&common::pressed(&program, "fifo", keys), 100, 30);
    let shown = screen("space*3 tab");
    assert!(shown.contains("timers 0, sources 1 ─"), "{shown}");
    assert!(shown.contains("server source 0 to become readable"), "{shown}");
    assert!(
        shown.lines().any(|line| line.contains("server at examples/stepper/tests/screens.rs:"))
    );
    assert_eq!(screen("space*4 left tab"), shown);
}

#[test]
fn a_score_that_has_no_room_is_scrolled_and_cut_between_columns() {
    let shown = stdout(&["--keys", "end S down*12 up", "--print", "--size", "50x14"]);
    let rows: Vec<&str> = shown.lines().skip(2).take(6).map(str::trim_end).collect();
    assert_eq!(rows[0], "              switches  longest wait  mean wait");
    assert!(rows[1].starts_with("▶ this: fifo ") && rows[2].starts_with("  srpt "), "{shown}");
    assert!(rows[4].starts_with("  mlfq ") && rows[5].is_empty(), "{shown}");
}
