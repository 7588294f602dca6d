//! The talk's program: download many files at once, four ways, on real sockets and real files.
//!
//! Read `on_turno.rs` beside the slide "async", and `select.rs` beside the slide "sync". Each way runs
//! in a process of its own, against a server in yet another one, and every byte is checked.
//!
//! ```text
//! cargo run --release --example download_all
//! cargo run --release --example download_all -- --files 1000 --size 64k --mode async --mode select
//! ```

mod download;
mod on_turno;
mod options;
mod report;
mod select;
mod server;
mod threads;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};

use anstream::eprintln;
use options::{Mode, Options};
use report::Report;

fn main() -> ExitCode {
    let options = options::parse();
    let done = match (options.serve, options.child) {
        (Some(address), _) => server::serve(address, options.cut).map(|()| true),
        (None, true) => download_here(&options).map(|()| true),
        (None, false) => compare(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("download_all: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs each mode in a process of its own, and prints what they report side by side.
fn compare(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut server = None;
    let addresses = if options.addresses.is_empty() {
        let (process, address) = start_server(options)?;
        server = Some(process);
        vec![address]
    } else {
        options.addresses.clone()
    };
    let kept = options.out.clone();
    let out = kept.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("turno-download-{}", std::process::id()))
    });
    std::fs::create_dir_all(&out).map_err(|e| format!("cannot make {}: {e}", out.display()))?;
    let mut reports = Vec::new();
    for &mode in &options.modes {
        let child = Command::new(std::env::current_exe()?)
            .args(options.for_child(mode, &addresses, &out))
            .stderr(Stdio::inherit())
            .output()?;
        if !child.status.success() {
            return Err(format!("the process for {} failed: {}", mode.name(), child.status).into());
        }
        reports.push(Report::parse(mode, &String::from_utf8_lossy(&child.stdout))?);
        if kept.is_none() {
            std::fs::remove_dir_all(out.join(mode.name()))?;
        }
    }
    if kept.is_none() {
        std::fs::remove_dir_all(&out)?;
    }
    if let Some(mut server) = server {
        server.kill()?;
        server.wait()?;
    }
    if options.json {
        anstream::println!("{}", report::json(&reports, options));
    } else {
        report::table(&reports, options);
    }
    Ok(reports.iter().all(|report| report.failed == 0))
}

/// Starts the file server as a separate process, and asks it where it listens.
fn start_server(options: &Options) -> Result<(Child, SocketAddr), Box<dyn Error>> {
    let mut server = Command::new(std::env::current_exe()?)
        .args(options.for_server())
        .stdin(Stdio::piped()) // It ends when this process does, since its input ends then.
        .stdout(Stdio::piped())
        .spawn()?;
    let output = server.stdout.take().ok_or("the server has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().parse().map_err(|_| "the server did not say where it listens")?;
    Ok((server, address))
}

/// In the process of one mode: downloads, checks what lies on disk, and reports to the parent.
fn download_here(options: &Options) -> Result<(), Box<dyn Error>> {
    let mode = *options.modes.first().ok_or("a child has one mode")?;
    let jobs = download::Jobs::new(options);
    let started = std::time::Instant::now();
    let mut report = match mode {
        Mode::Async => on_turno::run(jobs, on_turno::Writes::OnTheLoop)?,
        Mode::Pool => on_turno::run(jobs, on_turno::Writes::InThePool)?,
        Mode::Threads => threads::run(jobs),
        Mode::Select => select::run(jobs)?,
    };
    report.seconds = started.elapsed().as_secs_f64();
    report.measure();
    report.check_the_disk(options);
    anstream::println!("{}", report.line());
    Ok(())
}
