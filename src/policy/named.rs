//! Policies by name, for command lines and prompts: `mlfq:levels=4,boost=50ms` (floor 1).
//!
//! Nothing else depends on it: a program that knows its policy makes it by its type.

use std::fmt;
use std::time::Duration;

use super::Policy;

mod names;

pub use names::NAMES;

/// A policy that [`named`] knows; [`NAMES`] lists them all.
#[derive(Clone, Copy)]
pub struct Named {
    /// What it is called in text.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Its parameters, all of them optional: a name, and what it means in one line.
    pub parameters: &'static [(&'static str, &'static str)],
    make: fn(&Given<'_>) -> Result<Box<dyn Policy>, UnknownPolicy>,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named")
            .field("name", &self.name)
            .field("about", &self.about)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// Makes the policy that `text` names: a name of [`NAMES`], alone or with parameters, as in
/// `priority:aging=10ms` or `mlfq:levels=4,boost=50ms`. A duration is a number and a unit: `ns`,
/// `us`, `ms` or `s`; that of a quantum is above 0.
///
/// # Errors
/// [`UnknownPolicy`]: no such policy, no such parameter, or not a value for it. It says in one line
/// what would be.
///
/// # Examples
/// ```
/// use turno::policy;
///
/// let policy = policy::named("priority:aging=10ms")?;
/// assert_eq!(policy.name(), "Priority");
/// let wrong = policy::named("fifo:aging=10ms").map(drop).unwrap_err();
/// assert_eq!(wrong.to_string(), "fifo has no parameter `aging`: it takes none");
/// # Ok::<(), policy::UnknownPolicy>(())
/// ```
pub fn named(text: &str) -> Result<Box<dyn Policy>, UnknownPolicy> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let Some(policy) = NAMES.iter().find(|policy| policy.name == name) else {
        let all: Vec<_> = NAMES.iter().map(|policy| policy.name).collect();
        return unknown(format!("no policy is called `{name}`: choose from {}", all.join(", ")));
    };
    let mut given = Given { name, values: Vec::new() };
    for part in rest.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let allowed: Vec<_> = policy.parameters.iter().map(|&(key, _)| key).collect();
        if !allowed.contains(&key) {
            let takes = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
            return unknown(format!("{name} has no parameter `{key}`: it takes {takes}"));
        }
        if given.get(key).is_some() {
            return unknown(format!("{name}: `{key}` is given twice"));
        }
        given.values.push((key, value));
    }
    (policy.make)(&given)
}

fn unknown<T>(message: String) -> Result<T, UnknownPolicy> {
    Err(UnknownPolicy(message))
}

/// What was given to [`named`] is no policy. It prints as one line that says what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPolicy(String);

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownPolicy {}

/// The parameters that were given, for a policy of that name.
struct Given<'a> {
    name: &'a str,
    values: Vec<(&'a str, &'a str)>,
}

impl Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|&&(given, _)| given == key).map(|&(_, value)| value)
    }

    /// The policy, with that parameter if it was given.
    fn with<P, T: Value>(
        &self,
        key: &str,
        policy: P,
        with: impl FnOnce(P, T) -> P,
    ) -> Result<P, UnknownPolicy> {
        let Some(text) = self.get(key) else { return Ok(policy) };
        let wrong = || format!("{}: `{key}={text}` is not {}", self.name, T::EXPECTED);
        T::read(text).map(|value| with(policy, value)).ok_or_else(|| UnknownPolicy(wrong()))
    }

    fn sliced<P>(&self, policy: P, with: fn(P, Duration) -> P) -> Result<P, UnknownPolicy> {
        self.with("quantum", policy, |policy, Slice(quantum)| with(policy, quantum))
    }
}

/// What a parameter can be.
pub(crate) trait Value: Sized {
    const EXPECTED: &'static str;

    fn read(text: &str) -> Option<Self>;
}

impl Value for Duration {
    const EXPECTED: &'static str = "a duration: write it as 500us, 10ms or 2s";

    fn read(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let unit = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit).map(Self::from_nanos)
    }
}

/// How long a task runs at a time.
pub(crate) struct Slice(pub(crate) Duration);

impl Value for Slice {
    const EXPECTED: &'static str = "a duration above 0: write it as 500us, 10ms or 2s";

    // Of 0, nothing would ever get done.
    fn read(text: &str) -> Option<Self> {
        Duration::read(text).filter(|quantum| !quantum.is_zero()).map(Self)
    }
}

impl Value for u8 {
    const EXPECTED: &'static str = "a number from 1 to 8";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (1..=8).contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        named(text).map(|policy| policy.name()).unwrap_err().to_string()
    }

    #[test]
    fn every_name_makes_its_policy_with_and_without_each_parameter() {
        for policy in NAMES {
            let made = named(policy.name).unwrap().name().to_lowercase();
            assert_eq!(made, policy.name.replace('-', ""));
            for (key, about) in policy.parameters {
                let value = if about.contains("duration") { "3ms" } else { "3" };
                named(&format!("{}:{key}={value}", policy.name)).unwrap();
                let message = wrong(&format!("{}:{key}=x", policy.name));
                assert!(message.starts_with(&format!("{}: `{key}=x` is not a", policy.name)));
            }
        }
    }

    #[test]
    fn a_parameter_is_handed_on() {
        let quantum = |text| {
            let id = crate::task::id::Id::new(0, 1);
            let task = crate::task::info::TaskInfo::new(id, None, Default::default(), 0);
            named(text).unwrap().quantum(&task)
        };
        assert_eq!(quantum("round-robin"), None);
        assert_eq!(quantum("round-robin:quantum=250us"), Some(250_000));
        assert_eq!(quantum("priority:quantum=2s,aging=0ns"), Some(2_000_000_000));
        assert_eq!(quantum("drr:quantum=1ns"), Some(1));
        assert_eq!(quantum("mlfq:levels=2,quantum=3ms,allotment=2ms"), Some(2_000_000));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_what_is_allowed() {
        let unknown = wrong("fofi");
        assert!(unknown.starts_with("no policy is called `fofi`: choose from fifo, lifo, "));
        assert_eq!(wrong("fifo:x=1"), "fifo has no parameter `x`: it takes none");
        assert_eq!(wrong("priority:x"), "priority has no parameter `x`: it takes aging, quantum");
        for value in ["0", "9", "256", "2.5", "3ms", ""] {
            assert_eq!(
                wrong(&format!("mlfq:levels={value}")),
                format!("mlfq: `levels={value}` is not a number from 1 to 8")
            );
        }
        assert_eq!(wrong("drr:quantum=1s,quantum=1s"), "drr: `quantum` is given twice");
        for value in ["", "1", "ms", "1.5ms", "-1ms", "99999999999999999999s", "0ms", "0ns"] {
            let allowed = "a duration above 0: write it as 500us, 10ms or 2s";
            let is_not = format!("`quantum={value}` is not {allowed}");
            assert_eq!(wrong(&format!("drr:quantum={value}")), format!("drr: {is_not}"));
            let mlfq = wrong(&format!("mlfq:allotment={value}"));
            assert_eq!(mlfq, format!("mlfq: `allotment={value}` is not {allowed}"));
        }
        assert!(named("mlfq:boost=0s").is_ok() && named("priority:aging=0ns").is_ok());
        assert_eq!(
            wrong("priority:aging=1"),
            "priority: `aging=1` is not a duration: write it as 500us, 10ms or 2s"
        );
    }
}
