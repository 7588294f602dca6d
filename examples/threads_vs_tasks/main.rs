//! What it takes to have many things wait at once: processes, threads, tasks; up to a million.
//!
//! Look at the memory and the start-up of each one. Every row is measured in a process of its own
//! (Linux: what /proc says); "in the kernel" is what the machine's kernel stacks and page tables
//! grew by meanwhile. Where the machine stops a row, that is said. Expected output, roughly:
//!
//! ```text
//!                    memory  each, here  in the kernel  start-up       each
//! 100 processes     20.7 MB    140.4 kB        66.5 kB   63.8 ms  637.54 µs
//! 10,000 threads   298.3 MB      9.8 kB        20.1 kB  256.4 ms   25.64 µs
//! 14,522 threads   398.1 MB      9.8 kB        17.7 kB  421.0 ms   28.99 µs
//! 1,000,000 tasks  304.1 MB      0.3 kB         0.0 kB  225.0 ms    0.23 µs
//! 100,000 threads asked for, stopped near the machine's limit of 65,530 memory mappings a process
//! ```

use std::error::Error;
use std::io;
use std::process::Command;
use std::time::Duration;

use print::println;

#[path = "../slides/say.rs"]
mod say;
mod start;

const ROWS: [(&str, usize); 7] = [
    ("processes", 100),
    ("threads", 1_000),
    ("threads", 10_000),
    ("threads", 100_000),
    ("tasks", 1_000),
    ("tasks", 100_000),
    ("tasks", 1_000_000),
];

fn row(what: &str, numbers: &[u64]) -> [String; 6] {
    let &[started, here, kernel, nanos] = numbers else { return Default::default() };
    let each = |whole: u64| whole as f64 / started.max(1) as f64;
    [
        format!("{} {what}", say::grouped(started)),
        format!("{:.1} MB", (here + kernel) as f64 / 1e6),
        format!("{:.1} kB", each(here) / 1e3),
        format!("{:.1} kB", each(kernel) / 1e3),
        say::ms(Duration::from_nanos(nanos)),
        format!("{:.2} µs", each(nanos) / 1e3),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["wait"] => {
            println!("up");
            io::stdin().lines().next().transpose()?; // Until who started it lets go.
            return Ok(());
        }
        [what, count] => return Ok(start::child(what, count.parse()?)?),
        [] => {}
        _ => return Err("it takes no arguments: arguments are for the processes it starts".into()),
    }
    say::slide("Manejar millones de requests a la vez", "Millions at once?");
    say::what("So many wait at once, for an hour:");
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for (what, count) in ROWS {
        let child =
            Command::new(std::env::current_exe()?).args([what, &count.to_string()]).output()?;
        let text = String::from_utf8(child.stdout)?;
        let fields: Vec<&str> = text.trim_end().splitn(5, ' ').collect();
        if fields.len() < 4 {
            let error = String::from_utf8_lossy(&child.stderr);
            notes.push(format!("{count} {what}: no numbers, {}: {}", child.status, error.trim()));
            continue;
        }
        let numbers: Vec<u64> = fields[..4].iter().flat_map(|field| field.parse()).collect();
        rows.push(row(what, &numbers));
        if let Some(stopped) = fields.get(4) {
            notes.push(format!(
                "{} {what} asked for, stopped {stopped}",
                say::grouped(count as u64)
            ));
        }
    }
    say::table(["", "memory", "each, here", "in the kernel", "start-up", "each"], rows);
    notes.iter().for_each(|note| println!("  {note}"));
    say::why(
        "A process has an address space, a thread a stack here and one in the kernel, and the \
         kernel has to be asked for each. A task is a future in a box: as large as what it has to \
         remember, and started by a function call. But all tasks share one thread: a million may \
         wait at once, and one at a time gets something done.",
    );
    say::instead(
        "Tasks for what has little state and mostly waits. A few threads for what computes or \
         blocks (cpu_bound, blocking). Processes for isolation, and a thread is enough to wait for \
         one. And limit how many work at once, however many may wait (concurrency_limit).",
    );
    Ok(())
}
