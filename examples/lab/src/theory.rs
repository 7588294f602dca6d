//! What theory says of one server: mean response times by size, under load.
//!
//! Each result is a [`Curve`]: the mean response time of a job by its size. The overall mean is the
//! curve's, weighted with how many jobs of that size there are. λ is the rate of arrivals, S a
//! size, ρ = λ E\[S\] the load; ρ(x) counts only jobs up to x.

mod aging;

pub use aging::head_start;

use crate::dist::Dist;

/// So many sizes stand for all.
const POINTS: usize = 6_000;

/// Jobs that come at random, so many per unit of time, of sizes so distributed.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// How large they are.
    pub dist: Dist,
    /// How many come per unit of time.
    pub rate: f64,
}

/// Mean response times by size.
#[derive(Clone, Debug)]
pub struct Curve(Vec<Point>);

/// The jobs of about one size.
#[derive(Clone, Copy, Debug)]
struct Point {
    size: f64,
    /// How many of all jobs are of this size.
    share: f64,
    time: f64,
}

impl Curve {
    /// The mean response time of all jobs.
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|point| point.share * point.time).sum()
    }

    /// The mean of response time over size.
    pub fn slowdown(&self) -> Vec<(f64, f64)> {
        let step = (self.0.len() / 200).max(1);
        let visible = self.0.iter().filter(|point| point.share > 0.0).step_by(step);
        visible.map(|point| (point.size, point.time / point.size)).collect()
    }
}

impl Stream {
    /// The share of the time in which the server is busy.
    pub fn load(&self) -> f64 {
        self.rate * self.dist.mean()
    }

    /// ρ(x): the load of the jobs up to `x`.
    fn load_to(&self, x: f64) -> f64 {
        self.rate * self.dist.part(1, x)
    }

    /// E\[min(S, x)^k\].
    fn capped(&self, k: i32, x: f64) -> f64 {
        self.dist.part(k, x) + x.powi(k) * (1.0 - self.dist.below(x))
    }

    /// A curve from what `time` is for each size, in growing order; it is told where the size
    /// before ended.
    fn curve(&self, mut time: impl FnMut(f64, f64) -> f64) -> Curve {
        let atoms = self.dist.atoms();
        let mut before = 0.0;
        if !atoms.is_empty() {
            let point = |(size, share)| {
                let time = time(before, size);
                before = size;
                Point { size, share, time }
            };
            return Curve(atoms.into_iter().map(point).collect());
        }
        let (low, high) = self.dist.range();
        let step = (high / low).powf(1.0 / POINTS as f64);
        let mut end = low;
        let point = |_| {
            let (from, to) = (end, end * step);
            end = to;
            let size = (from * to).sqrt();
            let time = time(before, size);
            before = size;
            Point { size, share: self.dist.below(to) - self.dist.below(from), time }
        };
        Curve((0..POINTS).map(point).collect())
    }

    /// The mean work found in the queue, times 1 - ρ: λ E\[S²\] / 2.
    fn residual(&self) -> f64 {
        self.rate * self.dist.square() / 2.0
    }

    /// First in, first out (Pollaczek and Khinchine); and so any order that neither interrupts nor
    /// looks at sizes.
    pub fn fifo(&self) -> Curve {
        let wait = self.residual() / (1.0 - self.load());
        self.curve(|_, size| size + wait)
    }

    /// Processor sharing: what any order that shares in small slices comes near.
    pub fn sharing(&self) -> Curve {
        let load = self.load();
        self.curve(|_, size| size / (1.0 - load))
    }

    /// Shortest job first, not interrupted. Jobs of the same size are served as they come.
    pub fn shortest_job(&self) -> Curve {
        let residual = self.residual();
        self.curve(|before, size| {
            let smaller = self.load_to(if self.dist.atoms().is_empty() { size } else { before });
            size + residual / ((1.0 - smaller) * (1.0 - self.load_to(size)))
        })
    }

    /// Shortest remaining time first, interrupted at once (Schrage and Miller, 1966).
    pub fn shortest_remaining(&self) -> Curve {
        let mut service = 0.0;
        self.curve(|before, size| {
            let atoms = !self.dist.atoms().is_empty();
            let smaller = self.load_to(if atoms { before } else { size });
            // What it takes to be served, once begun: smaller ones that come go first.
            service += (size - before) / (1.0 - self.load_to(if atoms { before } else { size }));
            let residual = self.rate * self.capped(2, size) / 2.0;
            residual / ((1.0 - smaller) * (1.0 - self.load_to(size))) + service
        })
    }

    /// Least attained service first, interrupted at once.
    pub fn least_attained(&self) -> Curve {
        self.curve(|_, size| {
            let load = self.rate * self.capped(1, size);
            let residual = self.rate * self.capped(2, size) / 2.0;
            residual / (1.0 - load).powi(2) + size / (1.0 - load)
        })
    }
}

/// The mean wait of each of some classes, the most urgent first, not interrupted (Cobham, 1954).
pub fn cobham(classes: &[Stream]) -> Vec<f64> {
    let residual: f64 = classes.iter().map(Stream::residual).sum();
    let mut load = 0.0;
    let wait = |class: &Stream| {
        let before = load;
        load += class.load();
        residual / ((1.0 - before) * (1.0 - load))
    };
    classes.iter().map(wait).collect()
}

/// The mean response time of each of some classes, the most urgent first, which interrupts.
pub fn preemptive(classes: &[Stream]) -> Vec<f64> {
    let (mut load, mut residual) = (0.0, 0.0);
    let time = |class: &Stream| {
        let before = load;
        load += class.load();
        residual += class.residual();
        class.dist.mean() / (1.0 - before) + residual / ((1.0 - before) * (1.0 - load))
    };
    classes.iter().map(time).collect()
}

/// The mean wait of each of some classes, the steepest first, where the priority of a job grows
/// with its waiting, at the slope of its class (Kleinrock, 1964).
pub fn accumulating(classes: &[Stream], slopes: &[f64]) -> Vec<f64> {
    let load: f64 = classes.iter().map(Stream::load).sum();
    let all = classes.iter().map(Stream::residual).sum::<f64>() / (1.0 - load);
    let mut waits = vec![0.0; classes.len()];
    for p in (0..classes.len()).rev() {
        let flatter = p + 1..classes.len();
        let less = |i: usize| classes[i].load() * waits[i] * (1.0 - slopes[i] / slopes[p]);
        let more = |i: usize| classes[i].load() * (1.0 - slopes[p] / slopes[i]);
        let over: f64 = all - flatter.map(less).sum::<f64>();
        waits[p] = over / (1.0 - (0..p).map(more).sum::<f64>());
    }
    waits
}

/// Round robin with exponential sizes, a quantum and a cost for each switch, as processor sharing
/// of what that makes of the sizes. `None` if it cannot keep up.
pub fn round_robin_with_cost(rate: f64, quantum: f64, cost: f64) -> Option<f64> {
    let size = 1.0 + cost / (1.0 - (-quantum).exp());
    (rate * size < 1.0).then(|| size / (1.0 - rate * size))
}

/// The mean response time with arrivals that come evenly and exponential sizes of mean 1, first in,
/// first out: response times are exponential there too.
pub fn periodic_mean(rate: f64) -> f64 {
    let mut found_busy = rate;
    for _ in 0..10_000 {
        found_busy = ((found_busy - 1.0) / rate).exp();
    }
    1.0 / (1.0 - found_busy)
}

/// The response time that `share` of the jobs do not exceed, first in, first out, with exponential
/// sizes of mean 1.
pub fn exponential_quantile(rate: f64, share: f64) -> f64 {
    -(1.0 - share).ln() / (1.0 - rate)
}

/// The same with sizes that are all 1 (Erlang; the sum alternates, so it is good to loads of .95).
pub fn fixed_quantile(rate: f64, share: f64) -> f64 {
    let below = |wait: f64| -> f64 {
        let term = |k: i32| {
            let x = rate * (f64::from(k) - wait);
            let log = if k == 0 { 0.0 } else { f64::from(k) * x.abs().max(1e-300).ln() };
            let factorial: f64 = (1..=k).map(|n| f64::from(n).ln()).sum();
            let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
            sign * (log - factorial - x).exp()
        };
        (1.0 - rate) * (0..=wait.floor() as i32).map(term).sum::<f64>()
    };
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if below(middle) < share { low = middle } else { high = middle }
    }
    1.0 + 0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(dist: &str, load: f64) -> Stream {
        let dist: Dist = dist.parse().unwrap();
        Stream { dist, rate: load / dist.mean() }
    }

    /// Worked numbers, each checked by an event simulation that has nothing to do with this.
    #[test]
    fn the_numbers_are_those_of_the_books() {
        let near =
            |is: f64, should: f64| assert!((is / should - 1.0).abs() < 5e-4, "{is} {should}");
        let exp = stream("exp", 0.8);
        near(exp.fifo().mean(), 5.0);
        near(exp.sharing().mean(), 5.0);
        near(exp.shortest_remaining().mean(), 2.3528);
        near(exp.shortest_job().mean(), 2.882);
        near(exp.least_attained().mean(), 5.0);
        let half = stream("exp", 0.5);
        near(half.shortest_remaining().mean(), 1.4254);
        near(half.shortest_job().mean(), 1.7127);
        let fixed = stream("fixed", 0.8);
        near(fixed.fifo().mean(), 3.0);
        near(fixed.shortest_remaining().mean(), 3.0);
        near(fixed.least_attained().mean(), 15.0);
        near(fixed_quantile(0.8, 0.99), 11.36);
        near(fixed_quantile(0.5, 0.99), 4.336);
        near(exponential_quantile(0.8, 0.99), 23.03);
        near(stream("pareto:1.5,1,1000", 0.7).sharing().mean(), 9.684);
        let heavy = stream("pareto:1.1,1,10000", 0.7);
        near(heavy.fifo().mean(), 863.8);
        near(heavy.shortest_remaining().mean(), 11.54);
        near(heavy.least_attained().mean(), 14.41);
    }

    #[test]
    fn classes_are_those_of_the_books_and_conserve_the_work() {
        let classes = [stream("exp", 0.4); 2];
        let cobham = cobham(&classes);
        assert!((cobham[0] - 1.3333).abs() < 1e-3 && (cobham[1] - 6.6667).abs() < 1e-3);
        let even = accumulating(&classes, &[1.0, 1.0]);
        assert!((even[0] - 4.0).abs() < 1e-9 && (even[1] - 4.0).abs() < 1e-9);
        let steep = accumulating(&classes, &[1e9, 1.0]);
        assert!((steep[0] - cobham[0]).abs() < 1e-6 && (steep[1] - cobham[1]).abs() < 1e-6);
        for slopes in [[2.0, 1.0], [5.0, 1.0]] {
            let waits = accumulating(&classes, &slopes);
            assert!((0.4 * (waits[0] + waits[1]) - 0.8 * 0.8 / 0.2).abs() < 1e-9);
        }
        let cost = round_robin_with_cost(0.7, 0.25, 0.05).unwrap();
        assert!((cost / 8.492 - 1.0).abs() < 0.03, "{cost}");
        assert_eq!(round_robin_with_cost(0.7, 0.1, 0.05), None);
    }
}
