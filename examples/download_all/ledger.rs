//! What is counted while the files come in: progress, threads, switches of threads, memory.
//!
//! The numbers are the operating system's own, from Linux's `/proc`; elsewhere they are "n/a". Nothing
//! here starts a thread: the bar is drawn by whoever happens to advance it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use indicatif::{ProgressBar, ProgressStyle};

pub struct Ledger {
    /// On a terminal, unless told otherwise.
    bar: Option<ProgressBar>,
    ended: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    most_threads: AtomicU64,
    /// Of threads that have ended, or will have when the main thread counts itself.
    voluntary: AtomicU64,
    involuntary: AtomicU64,
}

impl Ledger {
    pub fn new(progress: bool, mode: &str, bytes: u64) -> Self {
        let template = "{prefix:>8} {bar:30} {binary_bytes:>11} of {binary_total_bytes}  {msg}";
        let style = ProgressStyle::with_template(template).ok().filter(|_| progress);
        // Without a terminal on stderr it draws nothing.
        let bar = style.map(|style| ProgressBar::new(bytes).with_style(style));
        let bar = bar.map(|bar| bar.with_prefix(mode.to_string())).filter(|bar| !bar.is_hidden());
        Self {
            bar,
            ended: AtomicU64::default(),
            failed: AtomicU64::default(),
            bytes: AtomicU64::default(),
            most_threads: AtomicU64::new(1),
            voluntary: AtomicU64::default(),
            involuntary: AtomicU64::default(),
        }
    }

    /// So many bytes more are on the disk.
    pub fn advance(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(bytes as u64);
        }
    }

    /// A file has ended.
    pub fn ended(&self, ok: bool) {
        let ended = self.ended.fetch_add(1, Relaxed) + 1;
        let failed = self.failed.fetch_add(u64::from(!ok), Relaxed) + u64::from(!ok);
        self.sample_threads();
        if let Some(bar) = &self.bar {
            let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
            bar.set_message(format!("{ended} ended{failed}"));
        }
    }

    /// Takes the bar away.
    pub fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub fn sample_threads(&self) {
        let now = field("/proc/self/status", "Threads:").unwrap_or(0);
        self.most_threads.fetch_max(now, Relaxed);
    }

    pub fn most_threads(&self) -> Option<u64> {
        field("/proc/self/status", "Threads:")?;
        Some(self.most_threads.load(Relaxed))
    }

    /// A thread counts itself before it ends.
    pub fn count_switches_of_this_thread(&self) {
        self.count_switches(Path::new("/proc/thread-self/status"));
    }

    /// Counts the threads that are there, but for the main thread.
    pub fn count_switches_of_other_threads(&self) {
        let main = std::process::id().to_string();
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        for task in tasks.filter(|task| task.file_name() != *main) {
            self.count_switches(&task.path().join("status"));
        }
    }

    /// All so far and the main thread: voluntary (it had to wait), involuntary (it was preempted).
    pub fn thread_switches(&self) -> Option<(u64, u64)> {
        let (voluntary, involuntary) = switches(Path::new("/proc/self/status"))?;
        Some((
            voluntary + self.voluntary.load(Relaxed),
            involuntary + self.involuntary.load(Relaxed),
        ))
    }

    fn count_switches(&self, status: &Path) {
        let (voluntary, involuntary) = switches(status).unwrap_or_default();
        self.voluntary.fetch_add(voluntary, Relaxed);
        self.involuntary.fetch_add(involuntary, Relaxed);
    }
}

/// The most memory this process ever had, in bytes.
pub fn peak_memory() -> Option<u64> {
    field("/proc/self/status", "VmHWM:").map(|kib| kib * 1024)
}

fn switches(status: &Path) -> Option<(u64, u64)> {
    let voluntary = field(status, "voluntary_ctxt_switches:")?;
    Some((voluntary, field(status, "nonvoluntary_ctxt_switches:")?))
}

/// A number in one of Linux's status files.
fn field(file: impl AsRef<Path>, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}
