//! The house stays in order: floors, headers and sizes are checked here, so that DESIGN.md stays true.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const LINE: usize = 100;
const FUNCTION: usize = 60;
const FILE: usize = 400;
const POLICY_FILE: usize = 120;

/// Files whose modules are lists of others, with re-exports: their floor is that of who uses them.
const FACADES: [&str; 5] = ["lib", "time", "net", "task", "sync"];

/// The one place that calls upwards: so that `TURNO_TRACE` and `TURNO_LINTS` work for any program,
/// without a word of it in the program.
const HOOK: (&str, &str) = ("runtime::builder", "hook::from_environment");

struct Source {
    /// `runtime::turn` for src/runtime/turn.rs.
    module: String,
    text: String,
}

impl Source {
    /// The lines of code, with their numbers: no comments, no unit tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\n").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(n, line)| (n + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn floor(&self) -> Option<u32> {
        let header: String = self.text.lines().take_while(|line| line.starts_with("//!")).collect();
        let (_, after) = header.split_once("(floor ")?;
        after.chars().next()?.to_digit(10)
    }
}

fn rust_files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let source = |path: &PathBuf| {
        let module = path.strip_prefix(&root).expect("it lies in src").with_extension("");
        let parts: Vec<_> = module.iter().map(|part| part.to_string_lossy()).collect();
        Source { module: parts.join("::"), text: fs::read_to_string(path).expect("it can be read") }
    };
    files.iter().map(source).collect()
}

/// Fails with all complaints at once.
fn demand(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The paths into the crate that a line names, as `a::b::C`.
fn paths(module: &str, line: &str) -> Vec<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut found = Vec::new();
    for (marker, base) in [("crate::", ""), ("super::", parent), ("self::", module)] {
        for (at, _) in line.match_indices(marker) {
            let rest: String = line[at + marker.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':')
                .collect();
            found.push(format!("{base}::{rest}").trim_matches(':').to_string());
        }
    }
    found
}

#[test]
fn a_file_uses_only_its_own_floor_and_lower_ones() {
    let sources = sources();
    let floors: BTreeMap<&str, u32> =
        sources.iter().filter_map(|s| Some((s.module.as_str(), s.floor()?))).collect();
    let mut complaints = Vec::new();
    for source in &sources {
        let Some(&floor) = floors.get(source.module.as_str()) else { continue };
        for (n, line) in source.code() {
            for path in paths(&source.module, line) {
                let mut module = path.as_str();
                let used = loop {
                    if let Some(used) = floors.get(module) {
                        break Some(used);
                    }
                    match module.rsplit_once("::") {
                        Some((parent, _)) => module = parent,
                        None => break None,
                    }
                };
                let hook = (source.module.as_str(), path.as_str()) == HOOK;
                if !hook && used.is_some_and(|&used| used > floor) {
                    complaints.push(format!("{}:{n}: floor {floor} uses {path}", source.module));
                }
            }
        }
    }
    demand(complaints);
}

#[test]
fn every_file_says_what_it_is_and_on_which_floor() {
    let complains = |source: &Source| {
        let facade = FACADES.contains(&source.module.as_str()) || source.module == "runtime";
        !source.text.starts_with("//! ") || (source.floor().is_none() && !facade)
    };
    let complaints = sources().into_iter().filter(complains);
    demand(complaints.map(|s| format!("{}: no header with its floor", s.module)).collect());
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut complaints = Vec::new();
    for source in sources() {
        let module = &source.module;
        let lines = source.code().filter(|(_, line)| !line.trim().is_empty()).count();
        let policy = module.starts_with("policy::") && !module.contains("check");
        let most = if policy { POLICY_FILE } else { FILE };
        if lines > most {
            complaints.push(format!("{module}: {lines} lines of code, at most {most}"));
        }
        let mut function: Option<(usize, usize, usize)> = None;
        for (n, line) in source.text.lines().enumerate() {
            let table = line.trim_start().starts_with("//! |");
            if line.chars().count() > LINE && !line.contains("://") && !table {
                complaints.push(format!("{module}:{}: longer than {LINE}", n + 1));
            }
            let indent = line.len() - line.trim_start().len();
            let is_fn = line.trim_start().split("fn ").next().is_some_and(|before| {
                line.contains("fn ") && before.split(' ').all(|w| !w.starts_with("//"))
            });
            if is_fn && line.trim_end().ends_with('{') && function.is_none() {
                function = Some((n, indent, 0));
            }
            if let Some((start, depth, _)) = function
                && indent == depth
                && line.trim() == "}"
            {
                if n - start > FUNCTION {
                    complaints.push(format!("{module}:{}: {} lines", start + 1, n - start));
                }
                function = None;
            }
        }
    }
    demand(complaints);
}

#[test]
fn nothing_is_left_undone_and_nothing_unwraps() {
    let mut complaints = Vec::new();
    // What is left undone is spelt in halves, so that this list is not taken for such a thing.
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let stubs = [concat!("to", "do!"), concat!("unimple", "mented!")];
    let banned = [&stubs[..], &[".unwrap()", "dbg!(", "unsafe {"]].concat();
    for source in sources() {
        // In comments too: that is where they are left.
        for (n, line) in source.text.lines().enumerate() {
            for word in notes.iter().filter(|word| line.contains(**word)) {
                complaints.push(format!("{}:{}: {word}", source.module, n + 1));
            }
        }
        for (n, line) in source.code() {
            for word in banned.iter().filter(|word| line.contains(**word)) {
                complaints.push(format!("{}:{n}: {word}", source.module));
            }
        }
    }
    demand(complaints);
}
