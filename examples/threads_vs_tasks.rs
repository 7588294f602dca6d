//! What it takes to have many things wait at once: processes, threads, tasks; up to a million.
//!
//! Look at the memory and the start-up of each one. Every row is measured in a process of its own
//! (Linux: what /proc says), and "in the kernel" is what the machine's kernel stacks and page tables
//! grew by meanwhile. Where the machine stops a row, that is said. Expected output, roughly:
//!
//! ```text
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

#[path = "slides/say.rs"]
mod say;

/// What was started, the bytes that it takes here and in the kernel, and the time that it took.
struct Measured {
    started: usize,
    stopped: Option<String>,
    here: u64,
    kernel: u64,
    took: Duration,
}

/// Bytes of a process's own that are in memory.
fn resident(pid: &str) -> io::Result<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let mut fields = statm.split(' ').skip(1).flat_map(str::parse::<u64>);
    let (Some(all), Some(shared)) = (fields.next(), fields.next()) else {
        return Err(io::Error::other("/proc/self/statm is not as expected"));
    };
    Ok((all - shared) * rustix::param::page_size() as u64)
}

/// Bytes of the machine's kernel stacks and page tables.
fn kernel() -> io::Result<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo")?;
    let lines =
        meminfo.lines().filter(|l| l.starts_with("KernelStack") || l.starts_with("PageTables"));
    Ok(lines.flat_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>()
        * 1024)
}

fn measure(
    start: impl FnOnce() -> io::Result<(usize, Option<String>, u64)>,
) -> io::Result<Measured> {
    let (here, kernel_before, begin) = (resident("self")?, kernel()?, Instant::now());
    let (started, stopped, elsewhere) = start()?;
    let took = begin.elapsed();
    let here = (resident("self")? + elsewhere).saturating_sub(here);
    let kernel = kernel()?.saturating_sub(kernel_before);
    Ok(Measured { started, stopped, here, kernel, took })
}

fn tasks(count: usize) -> io::Result<Measured> {
    let rt = turno::runtime::Runtime::new()?;
    measure(|| {
        rt.block_on(async {
            for _ in 0..count {
                drop(turno::spawn(turno::time::sleep(Duration::from_secs(3600))));
            }
            turno::task::yield_now().await; // Each has had its turn, and waits.
        });
        Ok((rt.metrics().timers, None, 0))
    })
}

fn threads(count: usize) -> io::Result<Measured> {
    static UP: AtomicUsize = AtomicUsize::new(0);
    // Others on this machine may want to start something, too.
    let ids = fs::read_to_string("/proc/sys/kernel/pid_max")?.trim().parse().unwrap_or(usize::MAX);
    measure(|| {
        let (mut started, mut stopped) = (0, None);
        while started < count && stopped.is_none() {
            let wait = || {
                UP.fetch_add(1, SeqCst);
                thread::sleep(Duration::from_secs(3600));
            };
            match thread::Builder::new().spawn(wait) {
                _ if started >= ids / 10 * 8 => {
                    stopped = Some(format!("at 8 of 10 of the machine's {ids} process ids"));
                }
                Ok(_) => started += 1,
                Err(error) => stopped = Some(format!("by the machine: {error}")),
            }
        }
        while UP.load(SeqCst) < started {
            thread::yield_now();
        }
        Ok((started, stopped, 0))
    })
}

fn processes(count: usize) -> io::Result<Measured> {
    let mut children = Vec::new();
    let measured = measure(|| {
        let program = std::env::current_exe()?;
        for _ in 0..count {
            let mut child = Command::new(&program);
            child.arg("wait").stdin(Stdio::piped()).stdout(Stdio::piped());
            children.push(child.spawn()?);
        }
        let mut elsewhere = 0;
        for child in &mut children {
            let out = child.stdout.as_mut().ok_or_else(|| io::Error::other("it has a pipe"))?;
            BufReader::new(out).read_line(&mut String::new())?; // It is up.
            elsewhere += resident(&child.id().to_string())?;
        }
        Ok((count, None, elsewhere))
    });
    for child in &mut children {
        drop(child.stdin.take()); // That is what it waits for.
        child.wait()?;
    }
    measured
}

/// The process that measures one row, and says it in a line.
fn child(what: &str, count: usize) -> io::Result<()> {
    let measured = match what {
        "processes" => processes(count)?,
        "threads" => threads(count)?,
        _ => tasks(count)?,
    };
    let Measured { started, stopped, here, kernel, took } = measured;
    let stopped = stopped.unwrap_or_default();
    println!("{started} {here} {kernel} {} {stopped}", took.as_nanos());
    // Threads that sleep for an hour are not waited for.
    std::process::exit(0)
}

const ROWS: [(&str, usize); 7] = [
    ("processes", 100),
    ("threads", 1_000),
    ("threads", 10_000),
    ("threads", 100_000),
    ("tasks", 1_000),
    ("tasks", 100_000),
    ("tasks", 1_000_000),
];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["wait"] => {
            println!("up");
            return Ok(drop(io::stdin().lines().next()));
        }
        [what, count] => return Ok(child(what, count.parse()?)?),
        _ => {}
    }
    say::slide("Manejar millones de requests a la vez", "Millions at once?");
    say::what("So many wait at once, for an hour:");
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for (what, count) in ROWS {
        let run =
            Command::new(std::env::current_exe()?).args([what, &count.to_string()]).output()?;
        let text = String::from_utf8(run.stdout)?;
        let fields: Vec<&str> = text.trim_end().splitn(5, ' ').collect();
        let [started, here, kernel, nanos, ..] = fields[..] else {
            let error = String::from_utf8_lossy(&run.stderr);
            notes.push(format!("{count} {what}: no numbers, {}: {}", run.status, error.trim()));
            continue;
        };
        if let Some(stopped) = fields.get(4) {
            notes.push(format!(
                "{} {what} asked for: stopped {stopped}",
                say::grouped(count as u64)
            ));
        }
        let started: u64 = started.parse()?;
        let (here, kernel): (u64, u64) = (here.parse()?, kernel.parse()?);
        let nanos: u64 = nanos.parse()?;
        let each = |whole: u64| whole as f64 / started.max(1) as f64;
        rows.push([
            format!("{} {what}", say::grouped(started)),
            format!("{:.0} MB", (here + kernel) as f64 / 1e6),
            format!("{:.1} kB", each(here) / 1e3),
            format!("{:.1} kB", each(kernel) / 1e3),
            say::ms(Duration::from_nanos(nanos)),
            format!("{:.2} µs", each(nanos) / 1e3),
        ]);
    }
    say::table(["", "memory", "each, here", "in the kernel", "start-up", "each"], rows);
    notes.iter().for_each(|note| println!("  {note}"));
    Ok(())
}
