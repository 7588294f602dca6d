//! What each way reports, and how that looks side by side.

use std::error::Error;
use std::fs;
use std::path::Path;

use anstream::println;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::download;
use crate::options::{Mode, Options};
use crate::server;

#[derive(Default)]
pub struct Report {
    pub mode: &'static str,
    pub failed: u64,
    pub seconds: f64,
    pub peak_kib: Option<u64>,
    pub threads: Option<u64>,
    pub switches: Option<u64>,
    pub slow_polls: Option<u64>,
    pub kernel_switches: Option<u64>,
    /// Files on disk with the right checksum, and leftovers of others.
    pub verified: u64,
    pub leftovers: u64,
}

/// A number in `/proc/WHO/status`, where there is one.
fn status(who: &str, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{who}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How often the kernel switched a thread out.
pub fn kernel_switches(who: &str) -> Option<u64> {
    let voluntary = status(who, "voluntary_ctxt_switches")?;
    Some(voluntary + status(who, "nonvoluntary_ctxt_switches")?)
}

impl Report {
    pub fn new(failed: u64) -> Self {
        Self { failed, ..Self::default() }
    }

    /// Reads what the kernel knows of this process, unless it is known already.
    pub fn measure(&mut self) {
        self.peak_kib = status("self", "VmHWM").or(self.peak_kib);
        self.threads = self.threads.or_else(|| status("self", "Threads"));
        self.kernel_switches = self.kernel_switches.or_else(|| kernel_switches("self"));
    }

    /// Reads every file back from the disk.
    pub fn check_the_disk(&mut self, options: &Options) {
        let folder = options.out.clone().unwrap_or_default();
        let right = |file: &u64| is_right(&folder, *file, options.size);
        self.verified = (0..options.files).filter(right).count() as u64;
        let entries = fs::read_dir(&folder).into_iter().flatten().count() as u64;
        self.leftovers = entries - self.verified;
    }

    /// A line for the parent.
    pub fn line(&self) -> String {
        let some = |number: Option<u64>| number.map_or("-".to_string(), |n| n.to_string());
        [
            self.failed.to_string(),
            self.seconds.to_string(),
            some(self.peak_kib),
            some(self.threads),
            some(self.switches),
            some(self.slow_polls),
            some(self.kernel_switches),
            self.verified.to_string(),
            self.leftovers.to_string(),
        ]
        .join(" ")
    }

    pub fn parse(mode: Mode, line: &str) -> Result<Self, Box<dyn Error>> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [failed, seconds, peak, threads, switches, slow, kernel, verified, leftovers] =
            fields[..]
        else {
            return Err(format!("the process for {} reported nothing", mode.name()).into());
        };
        Ok(Self {
            mode: mode.name(),
            failed: failed.parse()?,
            seconds: seconds.parse()?,
            peak_kib: peak.parse().ok(),
            threads: threads.parse().ok(),
            switches: switches.parse().ok(),
            slow_polls: slow.parse().ok(),
            kernel_switches: kernel.parse().ok(),
            verified: verified.parse()?,
            leftovers: leftovers.parse()?,
        })
    }
}

/// Whether a file on disk is what the server has.
fn is_right(folder: &Path, file: u64, size: u64) -> bool {
    let Ok(bytes) = fs::read(download::path(folder, file)) else { return false };
    let mut rest = bytes.as_slice();
    let same = server::content(file, size).all(|block| match rest.strip_prefix(block.as_slice()) {
        Some(after) => {
            rest = after;
            true
        }
        None => false,
    });
    same && rest.is_empty()
}

pub fn table(reports: &[Report], options: &Options) {
    let megabytes = (options.files * options.size) as f64 / f64::from(1 << 20);
    println!(
        "{} files of {} bytes ({megabytes:.1} MiB), {} at once, {} bytes a read\n",
        options.files, options.size, options.limit, options.chunk
    );
    let some = |number: Option<u64>| number.map_or("n/a".to_string(), |n| n.to_string());
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(std::iter::once("").chain(reports.iter().map(|report| report.mode)));
    let mut row = |label: &str, value: &dyn Fn(&Report) -> String| {
        table.add_row(std::iter::once(label.to_string()).chain(reports.iter().map(value)));
    };
    row("time", &|r| format!("{:.3} s", r.seconds));
    row("MiB a second", &|r| {
        format!("{:.0}", megabytes * r.verified as f64 / options.files as f64 / r.seconds)
    });
    row("peak memory", &|r| {
        r.peak_kib.map_or("n/a".into(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0))
    });
    row("threads", &|r| some(r.threads));
    row("switches between tasks", &|r| some(r.switches));
    row("slow polls (1 ms or more)", &|r| some(r.slow_polls));
    row("switches by the kernel", &|r| some(r.kernel_switches));
    row("files right on disk", &|r| r.verified.to_string());
    row("files failed", &|r| r.failed.to_string());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    for report in reports.iter().filter(|report| report.failed > 0) {
        println!("\n{}: {} of {} files failed", report.mode, report.failed, options.files);
    }
    for report in reports.iter().filter(|report| report.leftovers > 0) {
        println!("\n{}: {} files are left that should not be there", report.mode, report.leftovers);
    }
}

pub fn json(reports: &[Report], options: &Options) -> String {
    let some = |number: Option<u64>| number.map_or("null".to_string(), |n| n.to_string());
    let one = |r: &Report| {
        format!(
            "{{\"mode\":\"{}\",\"files\":{},\"size\":{},\"limit\":{},\"failed\":{},\"seconds\":{},\
             \"peak_kib\":{},\"threads\":{},\"switches\":{},\"slow_polls\":{},\
             \"kernel_switches\":{},\"verified\":{}}}",
            r.mode,
            options.files,
            options.size,
            options.limit,
            r.failed,
            r.seconds,
            some(r.peak_kib),
            some(r.threads),
            some(r.switches),
            some(r.slow_polls),
            some(r.kernel_switches),
            r.verified
        )
    };
    format!("[{}]", reports.iter().map(one).collect::<Vec<_>>().join(",\n "))
}
