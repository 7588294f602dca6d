//! A scene: a few tasks and what each does, line by line, in a small text file.
//!
//! `parse` reads one, `play` plays it.

use std::fmt;
use std::path::Path;
use std::rc::Rc;

use lab::Problem;
use turno::task::Nanos;

mod parse;
mod play;

pub use play::Played;
pub(crate) use play::play;

/// What a scene file may say, for the help and the error messages.
pub const SYNTAX: &str = "\
A scene is a text file; what follows a # is a remark. It has one line for each task, and below it
its steps, in order:

    policy priority               who decides at first; fifo unless told
    mutex m inherits              a mutex that hands priority on; others need no line
    channel c 3                   a channel with room for 3 messages; others have room for 1
    task NAME [priority N] [group N] [weight N] [size D] [deadline D]
        work D                    computes for so long, and keeps the thread: 5ms, 200us, 1s
        sleep D                   waits for a timer
        yield                     gives way
        lock M, unlock M          takes a mutex, gives it back
        send C, recv C            a message into a channel, and out of it; one task receives
        spawn NAME                starts a task: who is named so does not start at the beginning
        join NAME                 waits for the end of the task started last of that name
        repeat N ... end          the steps between, N times";

/// The scenes that come with the stepper: a name, and the text.
pub const SHIPPED: [(&str, &str); 4] = [
    ("inversion", include_str!("../scenes/inversion.txt")),
    ("deadlock", include_str!("../scenes/deadlock.txt")),
    ("pipeline", include_str!("../scenes/pipeline.txt")),
    ("counter", include_str!("../scenes/counter.txt")),
];

/// A scene that was read.
#[derive(Debug)]
pub struct Scene {
    /// What it is called: the name of its file, or of a scene that comes with the stepper.
    pub name: String,
    /// All of it, as written.
    pub text: Rc<str>,
    /// Who decides at first.
    pub policy: String,
    mutexes: Vec<(String, bool)>,
    channels: Vec<(String, usize)>,
    tasks: Vec<Rc<Part>>,
}

/// What one task has to do.
#[derive(Debug, Default)]
struct Part {
    name: String,
    /// Where it stands.
    line: usize,
    group: u32,
    priority: Option<u8>,
    weight: Option<u32>,
    size: Option<Nanos>,
    deadline: Option<Nanos>,
    /// Each with its line, from 1. What is repeated is written out.
    steps: Vec<(usize, Step)>,
    /// It does not start before somebody spawns it.
    is_spawned: bool,
    /// Somebody joins it.
    is_joined: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Work(Nanos),
    Sleep(Nanos),
    Yield,
    Lock(String),
    Unlock(String),
    Send(String),
    Receive(String),
    Spawn(String),
    Join(String),
}

impl Scene {
    /// The scene that comes with the stepper under that name, or else the one in that file.
    ///
    /// # Errors
    /// When there is neither, and when what is there is no scene: one line says which line is
    /// wrong, and what may stand there.
    pub fn find(name: &str) -> Result<Self, Problem> {
        if let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(name, text);
        }
        let text = std::fs::read_to_string(name).map_err(|error| {
            let shipped: Vec<_> = SHIPPED.iter().map(|&(name, _)| name).collect();
            Problem::new(format!(
                "scene {name}: {error}; name a file, or one of {}",
                shipped.join(", ")
            ))
        })?;
        let short = Path::new(name).file_name().map_or(name.into(), |name| name.to_string_lossy());
        Self::parse(&short, &text)
    }
}

impl fmt::Display for Scene {
    /// What its first remark says of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.text.lines().next().and_then(|line| line.strip_prefix('#'));
        f.write_str(first.unwrap_or_default().trim())
    }
}
