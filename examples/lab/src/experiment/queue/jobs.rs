//! Where the jobs of one server come from: drawn with a seed, or read from a file.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_pcg::Pcg64Mcg;

use super::Setup;
use crate::Problem;
use crate::world::{Job, MOST, nanos};

/// How jobs come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// One by one, at random.
    Poisson,
    /// One by one, evenly.
    Periodic,
    /// So many at once, at random.
    Batch(u32),
}

impl Arrivals {
    /// How many come at the same time.
    pub(super) fn at_once(self) -> u64 {
        if let Self::Batch(jobs) = self { jobs.into() } else { 1 }
    }
}

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("batch:").map(str::parse)) {
            ("poisson", _) => Ok(Self::Poisson),
            ("periodic", _) => Ok(Self::Periodic),
            ("batch", _) => Ok(Self::Batch(10)),
            (_, Some(Ok(jobs @ 1..))) => Ok(Self::Batch(jobs)),
            _ => Err("there are poisson, periodic and batch:N (N at once, from 1)".to_string()),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisson => f.write_str("poisson"),
            Self::Periodic => f.write_str("periodic"),
            Self::Batch(jobs) => write!(f, "batch:{jobs}"),
        }
    }
}

/// A generator for one purpose: what is drawn for another does not move it, so that two policies,
/// or two services, see the same arrivals.
pub fn rng(seed: u64, purpose: u64) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(seed.wrapping_mul(8).wrapping_add(purpose))
}

impl Setup {
    /// The jobs, in the order of their arrival.
    pub fn draw(&self, seed: u64) -> impl Iterator<Item = Job> + use<> {
        let [mut gaps, mut sizes, mut kinds, mut errors] =
            [0, 1, 2, 6].map(|purpose| rng(seed, purpose));
        let sigma = self.size_error;
        let (arrivals, dist, classes) = (self.arrivals, self.service, self.classes);
        let (rate, mut at) = (self.rate(), 0.0);
        (0..self.jobs()).map(move |n| {
            let mut gap = || -> f64 { Exp1.sample(&mut gaps) };
            at += match arrivals {
                Arrivals::Poisson => gap() / rate,
                Arrivals::Periodic => 1.0 / rate,
                Arrivals::Batch(jobs) if n % u64::from(jobs) == 0 => gap() * f64::from(jobs) / rate,
                Arrivals::Batch(_) => 0.0,
            };
            let class = if classes > 1 { kinds.random_range(0..classes) } else { 0 };
            let job = job(n, at, dist.draw(&mut sizes), class, classes);
            if sigma == 0.0 {
                return job;
            }
            let error: f64 = StandardNormal.sample(&mut errors);
            Job { told: Some((job.size as f64 * (sigma * error).exp()) as u64), ..job }
        })
    }
}

fn job(n: u64, at: f64, size: f64, class: u32, classes: u32) -> Job {
    Job {
        n,
        at: nanos(at),
        size: nanos(size),
        class,
        group: class,
        // The last class has what a task has that was told nothing.
        priority: (128 + classes - 1 - class) as u8,
        ..Job::default()
    }
}

/// Jobs from a file: a line each with arrival, size and, if there is one, class.
///
/// # Errors
/// Names the first line that is none.
pub fn from_file(path: &Path) -> Result<Vec<Job>, Problem> {
    let wrong = |what: String| Problem::new(format!("--jobs-from {}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut jobs = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            jobs.push(one_line(line).ok_or_else(|| {
                wrong(format!(
                    "line {} is not an arrival and a size, both from 0 and at most {MOST}, and \
                     perhaps a class from 0 to 99",
                    n + 1
                ))
            })?);
        }
    }
    if jobs.is_empty() {
        return Err(wrong("there is no job in it: a line each, arrival and size".to_string()));
    }
    let (total, most) = (jobs.iter().map(|job| job.1).sum::<f64>(), 1e3 * MOST);
    if total > most {
        return Err(wrong(format!(
            "together they take {total:.1e} units, at most {most:e} may be"
        )));
    }
    jobs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let classes = jobs.iter().map(|job| job.2).max().unwrap_or(0) + 1;
    let numbered = (0..).zip(jobs);
    Ok(numbered.map(|(n, (at, size, class))| job(n, at, size, class, classes)).collect())
}

fn one_line(line: &str) -> Option<(f64, f64, u32)> {
    let words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let numbers: Vec<f64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let (&[at, size], class) = numbers.split_first_chunk()?;
    let class = match class {
        [] => 0.0,
        &[class] => class,
        _ => return None,
    };
    let sound = [at, size].iter().all(|n| (0.0..=MOST).contains(n));
    let known = class.fract() == 0.0 && (0.0..100.0).contains(&class);
    (sound && known).then_some((at, size, class as u32))
}
