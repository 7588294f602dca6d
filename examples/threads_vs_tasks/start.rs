//! Starts so many processes, threads or tasks that wait, and measures what that took.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use print::println;

use crate::say;

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

/// How many threads this machine has room for, judging by the first ones, and what limits them. At
/// the very limit a new thread would end the process, or keep others from starting anything: this
/// is nine tenths of it.
fn room(started: usize) -> io::Result<(usize, String)> {
    let limit = |file: &str, what: &str, used: usize| {
        let most: usize = fs::read_to_string(file)?.trim().parse().map_err(io::Error::other)?;
        let text = format!("near the machine's limit of {} {what}", say::grouped(most as u64));
        Ok::<_, io::Error>((most / 10 * 9 * started / used, text))
    };
    let mappings = fs::read_to_string("/proc/self/maps")?.lines().count();
    let mappings = limit("/proc/sys/vm/max_map_count", "memory mappings a process", mappings)?;
    Ok(limit("/proc/sys/kernel/pid_max", "process ids", started)?.min(mappings))
}

fn threads(count: usize) -> io::Result<Measured> {
    static UP: AtomicUsize = AtomicUsize::new(0);
    let wait = || {
        UP.fetch_add(1, SeqCst);
        thread::sleep(Duration::from_secs(3600));
    };
    measure(|| {
        let (mut started, mut most, mut stopped) = (0, count, None);
        while started < most {
            if let Err(error) = thread::Builder::new().spawn(wait) {
                stopped = Some(format!("by the machine: {error}"));
                break;
            }
            started += 1;
            if started == 1_000 {
                let (room, limit) = room(started)?;
                (most, stopped) = (count.min(room), (room < count).then_some(limit));
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
pub fn child(what: &str, count: usize) -> io::Result<()> {
    let measured = match what {
        "processes" => processes(count)?,
        "threads" => threads(count)?,
        "tasks" => tasks(count)?,
        _ => return Err(io::Error::other(format!("what are {what}?"))),
    };
    let Measured { started, stopped, here, kernel, took } = measured;
    let stopped = stopped.unwrap_or_default();
    println!("{started} {here} {kernel} {} {stopped}", took.as_nanos());
    // Threads that sleep for an hour are not waited for.
    std::process::exit(0)
}
