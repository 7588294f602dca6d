//! What a mode has to say at the end: as lines from one process to another, as a table for people,
//! as JSON for machines.

use std::fmt::Write;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

/// The loop's own count; only turno has one.
#[derive(Clone, Copy, Default)]
pub struct Polls {
    pub switches: u64,
    pub slow: u64,
    pub longest: Duration,
}

/// What one mode did.
#[derive(Default)]
pub struct Report {
    pub mode: String,
    pub elapsed: Duration,
    pub bytes: u64,
    pub peak_memory: Option<u64>,
    pub most_threads: Option<u64>,
    pub thread_switches: Option<(u64, u64)>,
    pub polls: Option<Polls>,
    pub ok: u64,
    pub failures: Vec<Failure>,
}

pub struct Failure {
    pub file: u64,
    pub from: String,
    pub error: String,
}

impl Report {
    /// MiB a second.
    fn rate(&self) -> f64 {
        self.bytes as f64 / MIB / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// One fact a line: `word value...`. [`Report::from_lines`] reads it.
    pub fn to_lines(&self) -> String {
        let mut text = format!(
            "mode {}\nelapsed {}\nbytes {}\nok {}\n",
            self.mode,
            self.elapsed.as_nanos(),
            self.bytes,
            self.ok
        );
        let mut fact = |word: &str, values: &[u64]| {
            let values: Vec<_> = values.iter().map(u64::to_string).collect();
            text.push_str(&format!("{word} {}\n", values.join(" ")));
        };
        self.peak_memory.iter().for_each(|&peak| fact("memory", &[peak]));
        self.most_threads.iter().for_each(|&most| fact("threads", &[most]));
        self.thread_switches.iter().for_each(|&(v, i)| fact("kernel", &[v, i]));
        if let Some(Polls { switches, slow, longest }) = &self.polls {
            fact("polls", &[*switches, *slow, longest.as_nanos() as u64]);
        }
        for Failure { file, from, error } in &self.failures {
            let _ = writeln!(text, "failed {file} {from} {}", error.replace('\n', " "));
        }
        text.push_str("end\n");
        text
    }

    /// `None` if the lines are not whole: the process that wrote them did not come to its end.
    pub fn from_lines(text: &str) -> Option<Self> {
        let mut report = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut numbers = rest.split(' ').map_while(|word| word.parse::<u64>().ok());
            let mut next = || numbers.next();
            match word {
                "mode" => report.mode = rest.to_string(),
                "elapsed" => report.elapsed = Duration::from_nanos(next()?),
                "bytes" => report.bytes = next()?,
                "ok" => report.ok = next()?,
                "memory" => report.peak_memory = next(),
                "threads" => report.most_threads = next(),
                "kernel" => report.thread_switches = Some((next()?, next()?)),
                "polls" => {
                    let (switches, slow) = (next()?, next()?);
                    let longest = Duration::from_nanos(next()?);
                    report.polls = Some(Polls { switches, slow, longest });
                }
                "failed" => {
                    let mut words = rest.splitn(3, ' ');
                    let file = words.next()?.parse().ok()?;
                    let (from, error) = (words.next()?.to_string(), words.next()?.to_string());
                    report.failures.push(Failure { file, from, error });
                }
                "end" => return Some(report),
                _ => {}
            }
        }
        None
    }

    fn json(&self) -> String {
        let failures: Vec<_> = self
            .failures
            .iter()
            .map(|Failure { file, from, error }| {
                format!(r#"{{"file":{file},"from":{},"error":{}}}"#, quoted(from), quoted(error))
            })
            .collect();
        let kernel = self.thread_switches.map(|(voluntary, involuntary)| {
            format!(r#"{{"voluntary":{voluntary},"involuntary":{involuntary}}}"#)
        });
        format!(
            concat!(
                r#"{{"mode":{},"seconds":{:.6},"bytes":{},"mib_per_second":{:.1},"#,
                r#""peak_memory_bytes":{},"most_threads":{},"thread_switches":{},"#,
                r#""task_switches":{},"slow_polls":{},"longest_poll_seconds":{},"#,
                r#""files_ok":{},"files_failed":{},"failures":[{}]}}"#
            ),
            quoted(&self.mode),
            self.elapsed.as_secs_f64(),
            self.bytes,
            self.rate(),
            or(self.peak_memory, "null"),
            or(self.most_threads, "null"),
            or(kernel, "null"),
            or(self.polls.map(|polls| polls.switches), "null"),
            or(self.polls.map(|polls| polls.slow), "null"),
            or(self.polls.map(|polls| format!("{:.6}", polls.longest.as_secs_f64())), "null"),
            self.ok,
            self.failures.len(),
            failures.join(",")
        )
    }
}

pub fn json(files: u64, size: u64, chunk: usize, limit: usize, reports: &[Report]) -> String {
    let modes: Vec<_> = reports.iter().map(Report::json).collect();
    format!(
        r#"{{"files":{files},"size":{size},"chunk":{chunk},"limit":{limit},"modes":[{}]}}"#,
        modes.join(",")
    )
}

/// The modes side by side.
pub fn table(reports: &[Report]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let head = reports.iter().map(|report| report.mode.clone());
    table.set_header(std::iter::once(String::new()).chain(head));
    type Show = fn(&Report) -> String;
    let rows: [(&str, Show); 10] = [
        ("time", |r| format!("{:.3} s", r.elapsed.as_secs_f64())),
        ("MiB a second", |r| format!("{:.1}", r.rate())),
        ("peak memory", |r| or(r.peak_memory.map(|n| format!("{:.1} MiB", n as f64 / MIB)), NA)),
        ("most threads seen", |r| or(r.most_threads.map(count), NA)),
        ("task switches (turno)", |r| or(r.polls.map(|p| count(p.switches)), "-")),
        ("thread switches: waited", |r| {
            or(r.thread_switches.map(|(voluntary, _)| count(voluntary)), NA)
        }),
        ("                 preempted", |r| or(r.thread_switches.map(|(_, i)| count(i)), NA)),
        ("slow polls (over 1 ms)", |r| or(r.polls.map(|p| count(p.slow)), "-")),
        ("  the longest", |r| {
            or(r.polls.map(|p| format!("{:.2} ms", p.longest.as_secs_f64() * 1e3)), "-")
        }),
        ("files ok / failed", |r| format!("{} / {}", count(r.ok), count(r.failures.len() as u64))),
    ];
    for (name, show) in rows {
        table.add_row(std::iter::once(name.to_string()).chain(reports.iter().map(show)));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

const MIB: f64 = 1024.0 * 1024.0;
const NA: &str = "n/a";

fn or(value: Option<impl ToString>, without: &str) -> String {
    value.map_or_else(|| without.to_string(), |value| value.to_string())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => drop(write!(quoted, "\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// `1 file`, `1,024 files`.
pub fn files(n: u64) -> String {
    format!("{} file{}", count(n), if n == 1 { "" } else { "s" })
}

/// `1,024`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 MiB` where it comes out even, else bytes.
pub fn size(bytes: u64) -> String {
    match bytes {
        b if b > 0 && b.is_multiple_of(1 << 30) => format!("{} GiB", b >> 30),
        b if b > 0 && b.is_multiple_of(1 << 20) => format!("{} MiB", b >> 20),
        b if b > 0 && b.is_multiple_of(1 << 10) => format!("{} KiB", b >> 10),
        b => format!("{} bytes", count(b)),
    }
}
