//! Policies by name: turno's own, and those that a user of the lab adds.

use std::rc::Rc;

use turno::policy::{self, Policy, UnknownPolicy};
use turno::task::Nanos;

use crate::Problem;
use crate::world::{MOST, nanos};

type Make = Rc<dyn Fn() -> Box<dyn Policy>>;

/// A policy that was chosen by name: makes a new one for each run.
#[derive(Clone)]
pub struct Choice {
    spec: String,
    make: Make,
    slice: Option<Nanos>,
}

impl Choice {
    /// One of turno's own.
    ///
    /// # Errors
    /// When it has none of that name.
    pub fn of(spec: &str) -> Result<Self, UnknownPolicy> {
        policy::named(spec)?;
        Ok(Self::known(spec))
    }

    pub(crate) fn known(spec: &str) -> Self {
        Self { spec: spec.to_string(), make: by_name(spec), slice: written(spec, "quantum") }
    }

    /// What was written, with its parameters: `priority:aging=10ms`.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Its name alone.
    pub fn name(&self) -> &str {
        self.spec.split(':').next().unwrap_or(&self.spec)
    }

    /// The same, but `time::work` yields after each `quantum` (0: never), if the policy can do that
    /// and was not told otherwise by name.
    pub fn sliced(&self, quantum: Nanos) -> Self {
        let known = policy::NAMES.iter().find(|policy| policy.name == self.name());
        let can = known.is_some_and(|policy| policy.parameters.iter().any(|p| p.0 == "quantum"));
        // These have a quantum of their own unless told.
        let slices_anyhow = ["drr", "mlfq"].contains(&self.name());
        if !can || (quantum == 0 && !slices_anyhow) || self.spec.contains("quantum=") {
            return self.clone();
        }
        let slice = Some(quantum).filter(|&quantum| quantum > 0);
        let quantum = slice.unwrap_or(nanos(MOST));
        let joint = if self.spec.contains(':') { ',' } else { ':' };
        let spec = format!("{}{joint}quantum={quantum}ns", self.spec);
        Self { spec: self.spec.clone(), make: by_name(&spec), slice }
    }

    /// After how long `time::work` yields; `None`: never.
    pub fn quantum(&self) -> Option<Nanos> {
        self.slice
    }

    /// How much waiting a level of priority is worth, if that was written.
    pub fn aging(&self) -> Option<Nanos> {
        written(&self.spec, "aging")
    }

    /// A new one.
    pub fn make(&self) -> Box<dyn Policy> {
        (self.make)()
    }
}

/// The policies that a lab knows by name.
pub(crate) struct Policies {
    own: Vec<(String, String, Make)>,
}

impl Policies {
    pub(crate) fn new() -> Self {
        Self { own: Vec::new() }
    }

    pub(crate) fn add(
        &mut self,
        name: &str,
        about: &str,
        make: impl Fn() -> Box<dyn Policy> + 'static,
    ) {
        self.own.push((name.to_string(), about.to_string(), Rc::new(make)));
    }

    /// The names of all.
    pub(crate) fn all(&self) -> Vec<&str> {
        let own = self.own.iter().map(|(name, ..)| name.as_str());
        policy::NAMES.iter().map(|policy| policy.name).chain(own).collect()
    }

    /// Policies by name, with commas between them.
    pub(crate) fn parse(&self, list: &str) -> Result<Vec<Choice>, Problem> {
        split(list).into_iter().map(|spec| self.find(spec.trim())).collect()
    }

    fn find(&self, spec: &str) -> Result<Choice, Problem> {
        let own = self.own.iter().find(|(name, ..)| name == spec);
        let make = match own {
            Some((_, _, make)) => make.clone(),
            None => {
                let name = spec.split(':').next().unwrap_or(spec);
                let known = policy::NAMES.iter().any(|policy| policy.name == name);
                let hint = if known { String::new() } else { self.hint() };
                let wrong = |error| Problem::new(format!("--policy: {error}{hint}"));
                policy::named(spec).map_err(wrong)?;
                by_name(spec)
            }
        };
        let slice = written(spec, "quantum");
        Ok(Choice { spec: spec.to_string(), make, slice })
    }

    fn hint(&self) -> String {
        let own: Vec<_> = self.own.iter().map(|(name, ..)| name.as_str()).collect();
        if own.is_empty() { String::new() } else { format!("; or from {}", own.join(", ")) }
    }

    pub(crate) fn help(&self) -> String {
        let mut help =
            "Policies, with their parameters (`--policy mlfq:levels=4,fifo`):".to_string();
        for policy in policy::NAMES {
            let keys: Vec<_> = policy.parameters.iter().map(|&(key, _)| key).collect();
            let keys =
                if keys.is_empty() { String::new() } else { format!(" [{}]", keys.join(", ")) };
            help += &format!("\n  {:<12} {}{keys}", policy.name, policy.about);
        }
        for (name, about, _) in &self.own {
            help += &format!("\n  {name:<12} {about}");
        }
        help + "\n\nTimes are in units, of which one is a millisecond of the runtime's clock."
    }
}

/// Splits at commas, but for those between the parameters of one policy: what has a `=` and no
/// name before it goes on with what stands before it.
fn split(list: &str) -> Vec<String> {
    let mut specs: Vec<String> = Vec::new();
    for part in list.split(',') {
        let goes_on = part.contains('=') && !part.contains(':');
        match specs.last_mut() {
            Some(last) if goes_on && last.contains(':') => *last = format!("{last},{part}"),
            _ => specs.push(part.to_string()),
        }
    }
    specs
}

/// Makes a policy of turno's that was made once already.
fn by_name(spec: &str) -> Make {
    let spec = spec.to_string();
    Rc::new(move || match policy::named(&spec) {
        Ok(policy) => policy,
        Err(error) => unreachable!("{spec} was known before: {error}"),
    })
}

/// The time of that name that is written in a specification.
fn written(spec: &str, name: &str) -> Option<Nanos> {
    let (_, value) = spec.split_once(&format!("{name}="))?;
    let value = value.split(',').next()?;
    let unit = value.find(|c: char| !c.is_ascii_digit())?;
    let scale = match &value[unit..] {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        _ => 1_000_000_000,
    };
    value[..unit].parse::<Nanos>().ok().map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_policies_and_their_parameters() {
        let list = "priority:aging=10ms,quantum=1ms,fifo,mlfq:levels=3,lifo";
        assert_eq!(
            split(list),
            ["priority:aging=10ms,quantum=1ms", "fifo", "mlfq:levels=3", "lifo"]
        );
        assert_eq!(written("priority:aging=10us,quantum=1ms", "quantum"), Some(1_000_000));
        assert_eq!(written("priority:aging=10us,quantum=1ms", "aging"), Some(10_000));
        assert_eq!(written("fifo", "quantum"), None);
    }
}
