//! Reading a scene.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use lab::Problem;
use turno::policy;
use turno::task::Nanos;

use super::{Part, Scene, Step};

/// A scene is looked at switch by switch: more than this is a slip of the pen.
const MOST: usize = 10_000;

const STEPS: &str = "work D, sleep D, yield, lock M, unlock M, send C, recv C, spawn NAME, \
                     join NAME, repeat N, end";
const LINES: &str = "policy NAME, mutex M inherits, channel C N, task NAME";
const ATTRIBUTES: &str = "priority N (0 to 255), group N, weight N (from 1), size D, deadline D";

type Wrong = (usize, String);

impl Scene {
    /// Reads a scene.
    ///
    /// # Errors
    /// In one line: which line is wrong, and what may stand there.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problem> {
        let wrong = |(line, what)| Problem::new(format!("{name}, line {line}: {what}"));
        let mut reader = Reader::default();
        for (at, line) in text.lines().enumerate() {
            let words: Vec<&str> =
                line.split('#').next().unwrap_or_default().split_whitespace().collect();
            if let [first, rest @ ..] = &words[..] {
                reader.line(at + 1, first, rest).map_err(|what| wrong((at + 1, what)))?;
            }
        }
        reader.finish_task().map_err(wrong)?;
        reader.check().map_err(wrong)?;
        Ok(Self {
            name: name.to_string(),
            text: text.into(),
            policy: reader.policy.unwrap_or_else(|| "fifo".to_string()),
            mutexes: reader.mutexes,
            channels: reader.channels,
            tasks: reader.tasks.into_iter().map(Rc::new).collect(),
        })
    }
}

#[derive(Default)]
struct Reader {
    policy: Option<String>,
    mutexes: Vec<(String, bool)>,
    channels: Vec<(String, usize)>,
    tasks: Vec<Part>,
    /// The repetitions that are open: their line, how often, and where their steps begin.
    open: Vec<(usize, usize, usize)>,
}

impl Reader {
    fn line(&mut self, at: usize, first: &str, rest: &[&str]) -> Result<(), String> {
        match (first, rest) {
            ("policy", &[name]) => {
                policy::named(name).map_err(|error| error.to_string())?;
                self.policy = Some(name.to_string());
            }
            ("mutex", &[name, "inherits"]) => self.mutexes.push((name.to_string(), true)),
            ("channel", &[name, room]) => {
                let room =
                    number(room, 1, MOST as u64).ok_or("a channel has room for 1 or more")?;
                self.channels.push((name.to_string(), room as usize));
            }
            ("task", &[name, ref attributes @ ..]) => {
                self.finish_task().map_err(|(line, what)| format!("{what} (from line {line})"))?;
                if self.tasks.iter().any(|part| part.name == name) {
                    return Err(format!("there is a task `{name}` already: each has its own name"));
                }
                self.tasks.push(part(at, name, attributes)?);
            }
            ("repeat", &[times]) => {
                let times = number(times, 1, MOST as u64);
                let times = times.ok_or_else(|| format!("repeat N: from 1 to {MOST}"))?;
                let begin = self.task("repeat")?.steps.len();
                self.open.push((at, times as usize, begin));
            }
            ("end", &[]) => {
                let (_, times, begin) = self.open.pop().ok_or("there is no `repeat` to end")?;
                let part = self.task("end")?;
                let steps = part.steps[begin..].to_vec();
                if begin + steps.len() * times > MOST {
                    return Err(format!("that makes more than {MOST} steps of one task"));
                }
                part.steps.extend(std::iter::repeat_n(steps, times - 1).flatten());
            }
            ("policy" | "mutex" | "channel" | "task", _) => {
                return Err(format!("`{first}` is written so: {LINES}"));
            }
            _ => {
                let step = step(first, rest)?;
                self.task(first)?.steps.push((at, step));
            }
        }
        Ok(())
    }

    fn task(&mut self, what: &str) -> Result<&mut Part, String> {
        let none = || format!("`{what}` is a step: first comes the task that does it, `task NAME`");
        self.tasks.last_mut().ok_or_else(none)
    }

    fn finish_task(&mut self) -> Result<(), Wrong> {
        match self.open.pop() {
            Some((line, ..)) => Err((line, "this `repeat` has no `end`".to_string())),
            None => Ok(()),
        }
    }

    /// What can only be seen of the whole.
    fn check(&mut self) -> Result<(), Wrong> {
        if self.tasks.is_empty() {
            return Err((
                1,
                "there is no task in it: `task NAME`, and its steps below".to_string(),
            ));
        }
        self.check_locks()?;
        self.check_names()?;
        self.check_receivers()?;
        self.count()
    }

    fn check_locks(&self) -> Result<(), Wrong> {
        for part in &self.tasks {
            let mut held = HashSet::new();
            for (line, step) in &part.steps {
                match step {
                    Step::Lock(name) => drop(held.insert(name)),
                    Step::Unlock(name) if !held.remove(name) => {
                        let who = &part.name;
                        let what = format!("`{who}` does not hold `{name}` here: lock it before");
                        return Err((*line, what));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Who is spawned and joined is there, and joined by one.
    fn check_names(&mut self) -> Result<(), Wrong> {
        let mut joined: HashMap<String, String> = HashMap::new();
        let steps = self.tasks.iter().flat_map(|part| {
            part.steps.iter().map(|(line, step)| (part.name.clone(), *line, step.clone()))
        });
        for (by, line, step) in steps.collect::<Vec<_>>() {
            let (Step::Spawn(name) | Step::Join(name)) = &step else { continue };
            let all: Vec<String> = self.tasks.iter().map(|part| part.name.clone()).collect();
            let found = self.tasks.iter_mut().find(|part| part.name == *name);
            let Some(part) = found else {
                let what = format!("no task is called `{name}`: there are {}", all.join(", "));
                return Err((line, what));
            };
            if matches!(step, Step::Spawn(_)) {
                part.is_spawned = true;
                continue;
            }
            part.is_joined = true;
            let first = joined.entry(name.clone()).or_insert_with(|| by.clone());
            if *first != by {
                let what = format!("`{first}` joins `{name}` already: one task can, no more");
                return Err((line, what));
            }
        }
        Ok(())
    }

    fn check_receivers(&self) -> Result<(), Wrong> {
        let mut receiver: HashMap<&str, &str> = HashMap::new();
        for part in &self.tasks {
            for (line, step) in &part.steps {
                let Step::Receive(name) = step else { continue };
                let first = receiver.entry(name).or_insert(&part.name);
                if *first != part.name {
                    let what = format!("`{first}` receives from `{name}`: one task can, no more");
                    return Err((*line, what));
                }
                if self.spawns_of(&part.name) > 1 {
                    let what = format!(
                        "`{}` is spawned more than once: only one task can receive \
                                        from a channel",
                        part.name
                    );
                    return Err((*line, what));
                }
            }
        }
        Ok(())
    }

    fn spawns_of(&self, name: &str) -> usize {
        let steps = self.tasks.iter().flat_map(|part| &part.steps);
        steps.filter(|(_, step)| *step == Step::Spawn(name.to_string())).count()
    }

    /// Nobody spawns itself, by however many others, and there are not too many in all.
    fn count(&self) -> Result<(), Wrong> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut total = 0_usize;
        for part in self.tasks.iter().filter(|part| !part.is_spawned) {
            let steps = self.steps_of(part, &mut counts, &mut Vec::new())?;
            total = total.saturating_add(steps);
            if total > MOST {
                return Err((part.line, format!("that makes more than {MOST} steps in all")));
            }
        }
        let started = self.tasks.iter().any(|part| !part.is_spawned);
        let nobody = || {
            (self.tasks[0].line, "every task is spawned by another one: nobody begins".to_string())
        };
        started.then_some(()).ok_or_else(nobody)
    }

    /// How many steps the task makes, with those whom it spawns.
    fn steps_of<'a>(
        &'a self,
        part: &'a Part,
        known: &mut HashMap<&'a str, usize>,
        by: &mut Vec<&'a str>,
    ) -> Result<usize, Wrong> {
        if let Some(&steps) = known.get(&part.name[..]) {
            return Ok(steps);
        }
        by.push(&part.name);
        let mut total = part.steps.len() + 1;
        for (line, step) in &part.steps {
            let Step::Spawn(name) = step else { continue };
            if by.contains(&&name[..]) {
                return Err((*line, format!("`{name}` would spawn itself again and again")));
            }
            let child = self.tasks.iter().find(|part| part.name == *name);
            let Some(child) = child else { continue };
            total = total.saturating_add(self.steps_of(child, known, by)?);
        }
        by.pop();
        known.insert(&part.name, total);
        Ok(total)
    }
}

fn part(line: usize, name: &str, attributes: &[&str]) -> Result<Part, String> {
    let mut part = Part { name: name.to_string(), line, ..Part::default() };
    for pair in attributes.chunks(2) {
        let wrong = || format!("`{}` is not for a task: there are {ATTRIBUTES}", pair.join(" "));
        let &[key, value] = pair else { return Err(wrong()) };
        let known = match key {
            "priority" => number(value, 0, 255).map(|n| part.priority = Some(n as u8)),
            "group" => number(value, 0, u32::MAX.into()).map(|n| part.group = n as u32),
            "weight" => number(value, 1, u32::MAX.into()).map(|n| part.weight = Some(n as u32)),
            "size" => duration(value).map(|size| part.size = Some(size)),
            "deadline" => duration(value).map(|at| part.deadline = Some(at)),
            _ => None,
        };
        known.ok_or_else(wrong)?;
    }
    Ok(part)
}

fn step(first: &str, rest: &[&str]) -> Result<Step, String> {
    let wrong = || {
        let all = [&[first], rest].concat().join(" ");
        format!("`{all}` is no step: there are {STEPS}; D is 5ms, 200us or 1s")
    };
    Ok(match (first, rest) {
        ("yield", &[]) => Step::Yield,
        ("work", &[time]) => Step::Work(duration(time).ok_or_else(wrong)?),
        ("sleep", &[time]) => Step::Sleep(duration(time).ok_or_else(wrong)?),
        ("lock", &[name]) => Step::Lock(name.to_string()),
        ("unlock", &[name]) => Step::Unlock(name.to_string()),
        ("send", &[name]) => Step::Send(name.to_string()),
        ("recv", &[name]) => Step::Receive(name.to_string()),
        ("spawn", &[name]) => Step::Spawn(name.to_string()),
        ("join", &[name]) => Step::Join(name.to_string()),
        _ => return Err(wrong()),
    })
}

fn number(text: &str, least: u64, most: u64) -> Option<u64> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

/// A number and a unit. Longer than a day nobody waits for, even in virtual time.
fn duration(text: &str) -> Option<Nanos> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let scale = match &text[unit..] {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    let nanos = text[..unit].parse::<Nanos>().ok()?.checked_mul(scale)?;
    (nanos <= 24 * 3600 * 1_000_000_000).then_some(nanos)
}
