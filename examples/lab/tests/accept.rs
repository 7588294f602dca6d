//! The talk's case: exact in virtual time, and with real processes as near as a machine allows.

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab::{Lab, Report};
use serde_json::Value;
use turno::policy::Rng;

fn run(line: &str) -> Report {
    Lab::new().run(line.split(' ')).unwrap()
}

fn list(values: impl Iterator<Item = u64>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join(",")
}

#[test]
fn with_so_many_at_a_time_it_takes_exactly_as_long_as_reckoned() {
    for flag in ["", " --spawn"] {
        let report = run(&format!("accept --clock virtual --accept {}{flag}", list(1..=520)));
        for (k, row) in (1_u64..).zip(&report.rows) {
            let rounds = if k <= 500 { k * 500_u64.div_ceil(80 * k) } else { 500 };
            assert_eq!(row.number("makespan"), Some(100.0 * rounds as f64), "{k} at a time{flag}");
        }
        let known = [(1, 700.0), (2, 800.0), (4, 800.0), (7, 700.0), (8, 800.0), (16, 1600.0)];
        for (k, known) in known.into_iter().chain([(128, 12_800.0), (500, 50_000.0)]) {
            assert_eq!(report.rows[k - 1].number("makespan"), Some(known));
        }
        let one = &report.rows[0];
        assert_eq!((one.number("most"), one.number("least")), (Some(7.0), Some(6.0)));
        assert!(one.number("jain").unwrap() > 0.99);
        if flag.is_empty() {
            // Once for each request, and once in vain for each process.
            assert_eq!(one.number("visits"), Some(580.0));
        }
    }
    let all = &run("accept --clock virtual --accept all").rows[0];
    let of_all = [all.number("makespan"), all.number("most"), all.number("at_work")];
    assert_eq!(of_all, [Some(50_000.0), Some(500.0), Some(1.0)]);
    assert_eq!(all.number("visits"), Some(81.0));
}

#[test]
fn theory_holds_for_other_numbers_too() {
    let rng = Rng::new(5);
    for _ in 0..200 {
        let [processes, requests] = [30, 200].map(|most| 1 + rng.next() % most);
        let line = format!(
            "accept --clock virtual --processes {processes} --requests {requests} --service 3 \
             --late-request 7 --accept {}",
            list([1, 2, 3, 1 + rng.next() % 60, 1000].into_iter())
        );
        for row in run(&line).rows {
            let accept = row.text("accept").to_string();
            assert_eq!(row["makespan"], row["theory_makespan"], "{line}: {accept}");
            let served: u64 = row["served"].as_array().unwrap().iter().map(number).sum();
            assert_eq!(served, requests, "{line}: {accept}");
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn one_at_a_time_bounds_nothing_if_requests_come_late_and_connections_are_tasks() {
    for (flags, known) in [("", 750.0), (" --spawn", 50_050.0)] {
        let line = format!("accept --clock virtual --accept 1 --late-request 50ms{flags}");
        assert_eq!(run(&line).rows[0].number("makespan"), Some(known), "{line}");
    }
}

#[test]
fn who_comes_late_waits_for_those_before_him_only_where_nobody_is_idle() {
    let wait = |flags: &str| {
        let line = format!("accept --clock virtual --late-client 50ms {flags}");
        let report = run(&line);
        report.rows.iter().map(|row| row.number("late_wait").unwrap()).collect::<Vec<_>>()
    };
    // The last of seven rounds has room for 80, and 20 are before him.
    assert_eq!(wait("--accept 1,128,all"), [550.0, 0.0, 0.0]);
    // The hash does not ask who is idle: with two processes and one request he meets a busy one in
    // half of the runs, and waits for the other half of the request's time.
    let line = "--accept all --reuseport --processes 2 --requests 1 --runs 400";
    let mean = wait(line)[0];
    assert!((mean - 25.0).abs() < 4.0 * 1.25, "{mean}");
}

#[test]
fn a_hash_fills_the_fullest_of_80_bins_with_13_of_500() {
    let report = run("accept --clock virtual --accept 1 --reuseport --runs 400 --seed 3");
    let mean = report.rows[0].number("makespan").unwrap() / 100.0;
    assert!((mean - 13.07).abs() < 4.0 * 1.6 / 20.0, "{mean}");
}

fn lab(line: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(line.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("TURNO_TRACE").spawn().unwrap()
}

fn rows(line: &str) -> Vec<Value> {
    let Output { status, stdout, stderr } = lab(line).wait_with_output().unwrap();
    assert!(status.success(), "{line}: {}", String::from_utf8_lossy(&stderr));
    let text = String::from_utf8(stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn help_says_what_is_so_of_short_requests_and_of_times_that_are_not_given() {
    let Output { stdout, .. } = lab("accept --help").wait_with_output().unwrap();
    let help = String::from_utf8(stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("the long lines shrink with it") && !help.contains("all times shrink"));
    assert_eq!(help.matches("[50ms if no time is given]").count(), 2);
}

#[test]
fn real_processes_share_the_work_if_each_takes_one_at_a_time() {
    for first in ["clients", "processes"] {
        let line = format!(
            "accept --json --processes 8 --requests 52 --service 50ms --accept 1 --first {first}"
        );
        let row = &rows(&line)[0];
        let served: Vec<u64> = row["served"].as_array().unwrap().iter().map(number).collect();
        assert_eq!((served.len(), served.iter().sum::<u64>()), (8, 52), "{line}");
        // Seven rounds; where a machine is busy, some of them are served elsewhere.
        assert!(served.iter().all(|served| (2..=13).contains(served)), "{line}: {served:?}");
        assert!(row["makespan"].as_f64().unwrap() >= 350.0, "{line}");
        assert!(row["visits"].as_f64().unwrap() >= 52.0, "{line}");
        assert!(row["cpu"].as_f64().unwrap() > 0.0, "{line}");
    }
}

#[test]
fn the_first_process_takes_all_there_are_if_it_may() {
    for line in [
        "accept --json --processes 8 --requests 52 --service 5ms --accept all",
        "accept --json --processes 8 --requests 52 --service 5ms --accept 1 --spawn --late-request \
         500ms",
    ] {
        let row = &rows(line)[0];
        let served: Vec<u64> = row["served"].as_array().unwrap().iter().map(number).collect();
        assert_eq!(served, [52, 0, 0, 0, 0, 0, 0, 0], "{line}");
        assert!(row["makespan"].as_f64().unwrap() >= 260.0, "{line}");
    }
}

#[test]
fn with_sockets_of_their_own_processes_serve_what_the_hash_gives_them() {
    let line = "accept --json --processes 4 --requests 40 --service 5ms --reuseport --late-client \
                --accept 1";
    let row = &rows(line)[0];
    let served: u64 = row["served"].as_array().unwrap().iter().map(number).sum();
    assert_eq!(served, 41, "the late one too");
    assert!(row["late_wait"].is_f64() && row["theory_makespan"].is_null());
}

/// The processes that a lab has started, when there are `count`.
fn children(lab: &Child, count: usize) -> Vec<String> {
    let path = format!("/proc/{0}/task/{0}/children", lab.id());
    loop {
        let text = std::fs::read_to_string(&path).unwrap();
        let children: Vec<_> = text.split_whitespace().map(String::from).collect();
        if children.len() == count {
            return children;
        }
        std::thread::yield_now();
    }
}

fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
}

#[test]
#[cfg(target_os = "linux")]
fn nobody_is_left_behind_when_the_lab_is_killed() {
    // They would be at work for 25 s.
    let mut lab = lab("accept --json --processes 3 --requests 50 --service 500ms --accept all");
    children(&lab, 3);
    let (start, mut errors) = (Instant::now(), lab.stderr.take().unwrap());
    kill(&lab.id().to_string());
    lab.wait().unwrap();
    // They have inherited it: it ends when the last of them does.
    errors.read_to_end(&mut Vec::new()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_ends_too_early_is_told_in_one_line() {
    let lab = lab("accept --json --processes 2 --requests 20 --service 500ms --accept all");
    kill(&children(&lab, 2)[0]);
    let Output { status, stdout, stderr } = lab.wait_with_output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.len(), told.lines().count()), (Some(2), 0, 1), "{told}");
    assert!(told.contains("accept all: ") && told.contains("of 20 requests were answered"));
    assert!(told.contains("signal: 9"), "{told}");
}

#[test]
fn a_run_is_recorded_in_virtual_time_and_in_a_process() {
    let dir = std::env::temp_dir().join(format!("lab-accept-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for (line, file) in [
        ("accept --clock virtual --accept 4,1 --requests 9 --processes 3 --json", "virtual.html"),
        ("accept --accept 4,1 --requests 9 --processes 3 --service 1ms --json", "real.pftrace"),
    ] {
        let path = dir.join(file);
        rows(&format!("{line} --trace {}", path.display()));
        assert!(std::fs::metadata(&path).unwrap().len() > 500, "{file}");
    }
    let files = std::fs::read_dir(&dir).unwrap().count();
    assert_eq!(files, 2, "one run is recorded, and no more");
    std::fs::remove_dir_all(&dir).unwrap();
}
