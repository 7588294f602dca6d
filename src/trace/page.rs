//! A page of recorded runs, for people who have only a browser (floor 5).

mod data;
mod json;

use std::fmt;

use super::recording::Recording;

const HTML: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
/// In the order of reading: words, what is read, what is drawn, what is said, who steers.
const SCRIPTS: [&str; 5] = [
    include_str!("page/words.js"),
    include_str!("page/read.js"),
    include_str!("page/draw.js"),
    include_str!("page/tell.js"),
    include_str!("page/page.js"),
];

/// One self-contained HTML file, to step through one or more recorded runs in a browser.
///
/// It has lanes with every wake as an arrow, the ready queue in the policy's order with the
/// policy's reason, what each task waits for and where, and the source text there. Runs of the same
/// program under several policies stand side by side, and are stepped through by the number of the
/// switch or by the time. It needs nothing else: it asks for no other file and no network, and
/// works from a mail or a memory stick. It speaks the browser's language: English or Spanish.
///
/// What is missing is said on the page: what the recorder had no room for, ready queues that a
/// flight recorder does not keep, and of more than 20,000 switches (or 150,000 records) all but the
/// last.
///
/// ```
/// use turno::policy::{Lifo, Policy};
/// use turno::runtime::Builder;
/// use turno::trace::{Page, Recorder, Recording};
///
/// fn run(policy: impl Policy + 'static) -> std::io::Result<Recording> {
///     let recorder = Recorder::new();
///     let builder = Builder::new().policy(policy).start_paused(true);
///     let rt = builder.observe(recorder.clone()).build()?;
///     rt.block_on(async { turno::spawn(turno::task::yield_now()).await.unwrap() });
///     Ok(recorder.recording())
/// }
///
/// let (fifo, lifo) = (run(turno::policy::Fifo::new())?, run(Lifo::new())?);
/// let page = Page::new().run("fifo", &fifo).run("lifo", &lifo).to_string();
/// assert!(page.starts_with("<!doctype html>"));
/// // std::fs::write("page.html", page)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Cost
/// The page is made by [`to_string`](ToString::to_string): 50 KB, and some 100 bytes a switch.
#[derive(Clone, Debug)]
#[must_use = "it is written by `to_string`"]
pub struct Page<'a> {
    runs: Vec<(String, &'a Recording)>,
    sources: bool,
}

impl<'a> Page<'a> {
    /// A page without any run yet.
    pub fn new() -> Self {
        Self { runs: Vec::new(), sources: true }
    }

    /// Adds a run. `name` tells it from the others: the policy's, for instance.
    pub fn run(mut self, name: impl Into<String>, recording: &'a Recording) -> Self {
        self.runs.push((name.into(), recording));
        self
    }

    /// Whether the text of the source files goes into the page in which tasks are spawned and
    /// wait: yes, unless told otherwise. They are looked for under the current directory and those
    /// above it when the page is made. A file that is not there, or is larger than 256 KB, is left
    /// out, and the page says so.
    pub fn sources(mut self, yes: bool) -> Self {
        self.sources = yes;
        self
    }
}

impl Default for Page<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each marker is looked for in the template alone: the data may contain its like.
        let (head, rest) = HTML.split_once("{css}").unwrap_or((HTML, ""));
        let (body, rest) = rest.split_once("{data}").unwrap_or((rest, ""));
        let (middle, end) = rest.split_once("{js}").unwrap_or((rest, ""));
        f.write_str(head)?;
        lean(CSS, f)?;
        write!(f, "{body}{}{middle}", data::of(&self.runs, self.sources))?;
        SCRIPTS.iter().try_for_each(|script| lean(script, f))?;
        f.write_str(end)
    }
}

/// Writes code without indentation and lines of comment: a sixth of it, in every page.
fn lean(code: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let lines = code.lines().map(str::trim_start);
    let mut lines = lines
        .filter(|line| !line.is_empty() && !line.starts_with("//") && !line.starts_with("/**"));
    lines.try_for_each(|line| writeln!(f, "{line}"))
}
