//! What is counted of the jobs of a run. It takes the same room however many there are: sums are
//! exact, percentiles are right to a thousandth.

use hdrhistogram::Histogram;
use turno::task::Nanos;

use crate::world::{Served, units};

/// What was counted of some jobs.
pub struct Tally {
    /// So many were done.
    pub done: u64,
    /// So many were sent away.
    pub refused: u64,
    /// So many were done by their deadline.
    pub in_time: u64,
    /// The sum of all response times.
    pub response: u128,
    /// The sum of what they computed.
    pub size: u128,
    /// The sum of the times until they first ran.
    pub first: u128,
    /// The sum of response time over size.
    slowdown: f64,
    /// The sum of the squares of the response times, in units.
    square: f64,
    /// The longest response time.
    longest: Nanos,
    /// The end of the last of them.
    pub end: Nanos,
    times: Histogram<u64>,
    /// By the logarithm of their size, two to the octave.
    sizes: Vec<Bin>,
    /// The mean response times of the runs that are over.
    means: Vec<f64>,
    /// How many were done when the last of them was over, and the sum of their response times.
    before: (u64, u128),
}

/// The jobs of about one size.
#[derive(Clone, Copy, Default)]
struct Bin {
    jobs: u64,
    size: u128,
    slowdown: f64,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            done: 0,
            refused: 0,
            in_time: 0,
            response: 0,
            size: 0,
            first: 0,
            slowdown: 0.0,
            square: 0.0,
            longest: 0,
            end: 0,
            // It fails only for more than five digits.
            times: Histogram::new(3).expect("three digits are allowed"),
            sizes: vec![Bin::default(); 128],
            means: Vec::new(),
            before: (0, 0),
        }
    }

    /// Counts a job.
    pub fn count(&mut self, served: &Served) {
        self.end = self.end.max(served.ended);
        if !served.done {
            self.refused += 1;
            return;
        }
        let (time, size) = (served.response(), served.job.size);
        self.done += 1;
        self.in_time += u64::from(served.job.deadline.is_none_or(|at| served.ended <= at));
        self.longest = self.longest.max(time);
        self.response += u128::from(time);
        self.size += u128::from(size);
        self.first += u128::from(served.began - served.job.at);
        self.square += units(time) * units(time);
        let slowdown = time as f64 / size.max(1) as f64;
        self.slowdown += slowdown;
        self.times += time;
        let bin = &mut self.sizes[octave(size)];
        bin.jobs += 1;
        bin.size += u128::from(size);
        bin.slowdown += slowdown;
    }

    fn per_job(&self, sum: f64) -> f64 {
        sum / self.done as f64
    }

    /// The mean response time, in units.
    pub fn mean(&self) -> f64 {
        self.per_job(self.response as f64 / crate::world::UNIT as f64)
    }

    /// A run is over: what is counted from now on belongs to the next.
    pub fn run_over(&mut self) {
        let (done, response) = (self.done - self.before.0, self.response - self.before.1);
        if done > 0 {
            self.means.push(response as f64 / crate::world::UNIT as f64 / done as f64);
        }
        self.before = (self.done, self.response);
    }

    /// By how much the mean may be off, as the runs that are over differ: see [`spread`].
    pub fn mean_ci(&self) -> Option<f64> {
        spread(&self.means).1
    }

    /// The mean size, in units.
    pub fn mean_size(&self) -> f64 {
        self.per_job(self.size as f64 / crate::world::UNIT as f64)
    }

    /// The mean of the squared response times.
    pub fn mean_square(&self) -> f64 {
        self.per_job(self.square)
    }

    /// The mean of response time over size.
    pub fn mean_slowdown(&self) -> f64 {
        self.per_job(self.slowdown)
    }

    /// The response time that this share of the jobs does not exceed, in units.
    pub fn quantile(&self, share: f64) -> f64 {
        units(self.times.value_at_quantile(share).min(self.longest))
    }

    /// The longest response time, in units.
    pub fn max(&self) -> f64 {
        units(self.longest)
    }

    /// For some times, in units, the share of the jobs that took longer.
    pub fn tail(&self) -> Vec<(f64, f64)> {
        // So many steps to a factor of ten of the share.
        let steps = 24;
        let least = 1.0 / self.done.max(1) as f64;
        let last = (-least.log10() * f64::from(steps)) as i32;
        let shares = (0..=last).map(|n| 10_f64.powf(-f64::from(n) / f64::from(steps)));
        let mut tail: Vec<_> = shares.map(|share| (self.quantile(1.0 - share), share)).collect();
        tail.dedup_by_key(|point| point.0);
        tail
    }

    /// The mean slowdown by size, in units, with how many there were of it.
    pub fn by_size(&self) -> Vec<(f64, f64, u64)> {
        let used = self.sizes.iter().filter(|bin| bin.jobs > 0);
        used.map(|bin| {
            let jobs = bin.jobs as f64;
            (bin.size as f64 / jobs / crate::world::UNIT as f64, bin.slowdown / jobs, bin.jobs)
        })
        .collect()
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

/// Twice the logarithm of the size, rounded down.
fn octave(size: Nanos) -> usize {
    let size = size.max(1);
    let whole = size.ilog2();
    // The square root of two, as a fraction that is near enough to cut an octave in two.
    let upper = u128::from(size) * 12 >= (17_u128 << whole);
    2 * whole as usize + usize::from(upper)
}

/// The mean of what some runs came to, and by how much it may be off: half the width of a 95 %
/// confidence interval, after Student. `None` for one run, of which nothing can be said.
pub fn spread(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, None);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, Some(student(values.len() - 1) * (variance / n).sqrt()))
}

/// What 97.5 % of Student's distribution lies below, by degrees of freedom.
fn student(freedom: usize) -> f64 {
    const FEW: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    let n = freedom as f64;
    // Beyond the table: the first terms of the expansion about the normal distribution.
    let far = 1.95996 + 2.3722 / n + 2.8225 / (n * n) + 2.5558 / (n * n * n);
    FEW.get(freedom - 1).copied().unwrap_or(far)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_apart_by_half_octaves() {
        assert_eq!([1, 2, 3, 4, 5, 6, 8].map(octave), [0, 2, 3, 4, 4, 5, 6]);
    }

    #[test]
    fn a_confidence_interval_is_that_of_student() {
        let (mean, off) = spread(&[1.0, 2.0, 3.0]);
        assert!((mean - 2.0).abs() < 1e-12 && (off.unwrap() - 4.303 / 3_f64.sqrt()).abs() < 1e-9);
        assert!((student(30) - 2.042).abs() < 1e-3 && spread(&[5.0]) == (5.0, None));
    }
}
