//! Policies by name: turno's own, and those that a user of the lab adds.

use std::rc::Rc;

use turno::policy::Policy;

use crate::Problem;

type Make = Rc<dyn Fn() -> Box<dyn Policy>>;

/// A policy that was chosen by name: makes a new one for each run.
#[derive(Clone)]
pub struct Choice {
    spec: String,
    make: Make,
}

impl Choice {
    /// What was written, with its parameters: `priority:aging=10ms`.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Its name alone.
    pub fn name(&self) -> &str {
        self.spec.split(':').next().unwrap_or(&self.spec)
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

    /// Policies by name, with commas between them.
    pub(crate) fn parse(&self, list: &str) -> Result<Vec<Choice>, Problem> {
        split(list).into_iter().map(|spec| self.find(spec.trim())).collect()
    }

    fn find(&self, spec: &str) -> Result<Choice, Problem> {
        let own = self.own.iter().find(|(name, ..)| name == spec);
        let make = match own {
            Some((_, _, make)) => make.clone(),
            None => {
                shim::named(spec).map_err(|error| {
                    Problem::new(format!("--policy: {error}"))
                })?;
                let spec = spec.to_string();
                Rc::new(move || match shim::named(&spec) {
                    Ok(policy) => policy,
                    Err(_) => unreachable!("it was made once already"),
                })
            }
        };
        Ok(Choice { spec: spec.to_string(), make })
    }

    pub(crate) fn help(&self) -> String {
        let mut help = format!("Policies: {}", shim::NAMES.join(" "));
        for (name, about, _) in &self.own {
            help += &format!("\n  {name}: {about}");
        }
        help
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

mod shim {
    use turno::policy::{Fifo, Lifo, Policy, Priority, RoundRobin};
    pub(super) const NAMES: [&str; 4] = ["fifo", "lifo", "round-robin", "priority"];
    pub(super) fn named(spec: &str) -> Result<Box<dyn Policy>, String> {
        Ok(match spec {
            "fifo" => Fifo::new().into(),
            "lifo" => Lifo::new().into(),
            "round-robin" => RoundRobin::new().into(),
            "priority" => Priority::strict().into(),
            _ => return Err(format!("{spec} is no policy; there are {}", NAMES.join(" "))),
        })
    }
}
