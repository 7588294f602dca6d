//! What a run's policy decided, in order, and its text form (floor 1).
//!
//! The text is for files and for eyes: a line says which format it is, then comes one line a
//! switch, and what follows a `#` is a remark.

use std::fmt;
use std::str::FromStr;

use crate::task::info::Nanos;

/// The picks that were made in a run, in order, as task serial numbers:
/// [`Recording::schedule`](crate::trace::Recording::schedule) makes one, and
/// [`Replay`](super::Replay) follows it.
///
/// It prints as text and is parsed from it, so it can be kept in a file:
///
/// ```
/// use turno::policy::Schedule;
///
/// let text = "turno schedule 1\n1\n2 quantum 500000 # ran for half a millisecond at most\n1\n";
/// let schedule: Schedule = text.parse()?;
/// assert_eq!(schedule.decisions.len(), 3);
/// assert_eq!(schedule.to_string().parse::<Schedule>()?, schedule);
/// # Ok::<(), turno::policy::ScheduleError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// One a switch.
    pub decisions: Vec<Decision>,
}

/// What a policy decided at one switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The serial number of the task that it picked.
    pub task: u64,
    /// After how much of its [`time::work`](crate::time::work) the task had to give way, if that
    /// came to pass.
    pub quantum: Option<Nanos>,
    /// Until when it let nobody run though somebody was ready; 0 if it did not.
    pub not_before: Nanos,
}

/// The first line: another format has another number.
const HEADER: &str = "turno schedule 1";

impl Schedule {
    /// Picks of these tasks, in order, and nothing else.
    ///
    /// ```
    /// use turno::policy::Schedule;
    ///
    /// assert_eq!(Schedule::of([1, 3, 2]).to_string(), "turno schedule 1\n1\n3\n2\n");
    /// ```
    pub fn of(serials: impl IntoIterator<Item = u64>) -> Self {
        let decide = |task| Decision { task, ..Decision::default() };
        Self { decisions: serials.into_iter().map(decide).collect() }
    }

    /// The first `switches` of it.
    pub fn prefix(&self, switches: usize) -> Self {
        Self { decisions: self.decisions.iter().take(switches).copied().collect() }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.task)?;
        if self.not_before > 0 {
            write!(f, " not-before {}", self.not_before)?;
        }
        self.quantum.map_or(Ok(()), |quantum| write!(f, " quantum {quantum}"))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        self.decisions.iter().try_for_each(|decision| writeln!(f, "{decision}"))
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, without_remark(line)));
        match lines.next() {
            Some((_, HEADER)) => {}
            Some((_, other)) if other.starts_with("turno schedule") => {
                let what = format!("`{other}` is not a format known here, which is `{HEADER}`");
                return Err(ScheduleError { line: 1, what });
            }
            _ => {
                let what = format!("this is no schedule: it would begin with `{HEADER}`");
                return Err(ScheduleError { line: 1, what });
            }
        }
        let lines = lines.filter(|(_, line)| !line.is_empty());
        let decide = |(line, text)| decision(text).map_err(|what| ScheduleError { line, what });
        Ok(Self { decisions: lines.map(decide).collect::<Result<_, _>>()? })
    }
}

fn without_remark(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

fn decision(text: &str) -> Result<Decision, String> {
    let mut words = text.split_whitespace();
    let task = words.next().unwrap_or_default();
    let wrong = || format!("`{task}` is not the serial number of a task, which is 1 or more");
    let task = task.parse().ok().filter(|task| *task > 0).ok_or_else(wrong)?;
    let mut decision = Decision { task, ..Decision::default() };
    while let Some(key) = words.next() {
        let value = words.next().and_then(|nanos| nanos.parse().ok());
        let value = value.ok_or_else(|| format!("`{key}` needs a number of nanoseconds"))?;
        match key {
            "quantum" => decision.quantum = Some(value),
            "not-before" => decision.not_before = value,
            _ => return Err(format!("`{key}` is neither `quantum` nor `not-before`")),
        }
    }
    Ok(decision)
}

/// A text is no [`Schedule`]. It prints as one line that says where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    line: usize,
    what: String,
}

impl ScheduleError {
    /// The line that is wrong, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ScheduleError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut schedule = Schedule::of([1, 2, 4_294_967_295]);
        schedule.decisions[1].quantum = Some(7);
        schedule.decisions[2] =
            Decision { quantum: Some(0), not_before: 9, ..schedule.decisions[2] };
        let text = schedule.to_string();
        assert_eq!(text, "turno schedule 1\n1\n2 quantum 7\n4294967295 not-before 9 quantum 0\n");
        assert_eq!(text.parse(), Ok(schedule.clone()));
        let remarked = text.replace('\n', "  # so it was\n\n");
        assert_eq!(remarked.parse(), Ok(schedule));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, message) in [
            ("", "line 1: this is no schedule: it would begin with `turno schedule 1`"),
            ("1\n2", "line 1: this is no schedule: it would begin with `turno schedule 1`"),
            (
                "turno schedule 2\n",
                "line 1: `turno schedule 2` is not a format known here, which is \
                 `turno schedule 1`",
            ),
            (
                "turno schedule 1\n1\n0\n",
                "line 3: `0` is not the serial number of a task, which is 1 or more",
            ),
            ("turno schedule 1\n1 quantum", "line 2: `quantum` needs a number of nanoseconds"),
            ("turno schedule 1\n1 soon 3", "line 2: `soon` is neither `quantum` nor `not-before`"),
        ] {
            assert_eq!(text.parse::<Schedule>().map_err(|e| e.to_string()), Err(message.into()));
        }
    }
}
