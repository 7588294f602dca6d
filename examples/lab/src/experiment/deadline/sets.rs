//! Sets of periodic tasks, and what can be said of them beforehand.

use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use turno::task::Nanos;

use super::super::queue::rng;
use crate::world::{MOST, UNIT, nanos, units};

/// Tasks as work and period, the shortest period first.
#[derive(Clone, Debug, PartialEq)]
pub struct Set(Vec<(Nanos, Nanos)>);

impl Set {
    /// A set of tasks, each with its work and its period.
    pub fn new(mut tasks: Vec<(Nanos, Nanos)>) -> Self {
        tasks.sort_by_key(|&(_, period)| period);
        Self(tasks)
    }

    /// Work and period of each task, the shortest period first.
    pub fn tasks(&self) -> &[(Nanos, Nanos)] {
        &self.0
    }

    /// Which share of the time they need.
    pub fn utilisation(&self) -> f64 {
        self.0.iter().map(|&(work, period)| work as f64 / period as f64).sum()
    }

    /// Whether no task can miss a deadline under earliest deadline first, if a task gives way after
    /// each `poll`, or only when it is done: the test of Jeffay, Stanat and Martel (1991), with the
    /// longest poll in the place of all the work where that can be interrupted.
    pub fn is_safe(&self, poll: Option<Nanos>) -> bool {
        let full: f64 = self.utilisation();
        full <= 1.0 + 1e-9 && (0..self.0.len()).all(|i| self.is_safe_from(i, poll))
    }

    /// Whether a poll of task `i` that has just begun cannot make those of shorter periods late.
    fn is_safe_from(&self, i: usize, poll: Option<Nanos>) -> bool {
        let (work, period) = self.0[i];
        let longest = poll.map_or(work, |poll| poll.min(work));
        let before = &self.0[..i];
        // What they ask for grows only at whole periods, so only the times just after matter.
        let steps = before.iter().flat_map(|&(_, step)| {
            (1..).map(move |n| n * step + 1).take_while(move |&time| time < period)
        });
        let mut times = steps.filter(|&time| time > self.0[0].1);
        times.all(|time| {
            let asked = before.iter().map(|&(work, step)| (time - 1) / step * work);
            longest + asked.sum::<Nanos>() <= time
        })
    }
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let task = |task: &str| {
            let (work, period) = task.split_once('/')?;
            let (work, period): (f64, f64) = (work.parse().ok()?, period.parse().ok()?);
            let sound = work >= 1e-6 && work <= period && period <= MOST;
            sound.then(|| (nanos(work), nanos(period)))
        };
        let tasks: Option<Vec<_>> = text.split(',').map(task).collect();
        let tasks = tasks.filter(|tasks| tasks.len() <= 100);
        tasks.map(Self::new).ok_or_else(|| {
            "tasks as work/period with commas between, 2/5,4/7, work above 0 and at most the period, \
             both from 0.000001 to 1000000000"
                .to_string()
        })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks =
            self.0.iter().map(|&(work, period)| format!("{}/{}", units(work), units(period)));
        f.write_str(&tasks.collect::<Vec<_>>().join(", "))
    }
}

/// A random set of that utilisation: any way to share it out is as likely as any other (UUniFast,
/// Bini and Buttazzo, 2005); periods are whole, from 10 to 100 units, evenly by their logarithm.
pub fn random_set(seed: u64, n: u32, tasks: u32, utilisation: f64) -> Set {
    let mut rng = rng(seed.wrapping_add(u64::from(n) << 32), 3);
    let mut left = utilisation;
    let mut task = |n: u32| {
        let rest = if n + 1 == tasks {
            0.0
        } else {
            left * rng.random::<f64>().powf(1.0 / f64::from(tasks - n - 1))
        };
        let share = left - rest;
        left = rest;
        let period = (10.0 * 10_f64.powf(rng.random::<f64>())).round();
        (((share * period * UNIT as f64).floor() as Nanos).max(1), nanos(period))
    };
    Set::new((0..tasks).map(&mut task).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_safe_as_long_as_its_polls_are_short() {
        let set: Set = "4/7,2/5".parse().unwrap();
        assert_eq!(set.to_string(), "2/5, 4/7");
        assert!(set.is_safe(Some(UNIT)) && set.is_safe(Some(3 * UNIT)) && !set.is_safe(None));
        assert!(!"3/5,4/7".parse::<Set>().unwrap().is_safe(Some(1)));
        assert!("4/3".parse::<Set>().is_err() && "0/3".parse::<Set>().is_err());
    }

    #[test]
    fn a_random_set_has_the_utilisation_that_was_asked_for() {
        for n in 0..20 {
            let set = random_set(1, n, 5, 0.7);
            assert!((set.utilisation() - 0.7).abs() < 1e-5 && set.tasks().len() == 5);
        }
    }
}
