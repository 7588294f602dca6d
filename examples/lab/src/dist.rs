//! How large jobs are: distributions of service times.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1};

use crate::world::MOST;

/// A distribution of service times, in units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dist {
    /// Exponential, of mean 1: no memory.
    Exp,
    /// All are 1.
    Fixed,
    /// From 0 to 2, all alike.
    Uniform,
    /// Of two exponentials with balanced means; mean 1 and this squared coefficient of variation.
    Hyper {
        /// The squared coefficient of variation, above 1.
        cv2: f64,
    },
    /// Bounded Pareto: few large ones have most of the work.
    Pareto {
        /// The smaller, the heavier the tail.
        alpha: f64,
        /// The least size.
        low: f64,
        /// The largest size.
        high: f64,
    },
    /// One of two sizes.
    Bimodal {
        /// The share of the small ones.
        p: f64,
        /// The one size.
        small: f64,
        /// The other.
        large: f64,
    },
}

impl Dist {
    /// The share of the jobs that are not larger than `x`.
    pub fn below(&self, x: f64) -> f64 {
        self.part(0, x)
    }

    /// The mean of size to the power of `k` (0, 1 or 2), where jobs above `x` count as 0.
    pub fn part(&self, k: i32, x: f64) -> f64 {
        match *self {
            _ if x <= 0.0 => 0.0,
            Self::Exp => exp_part(k, 1.0, x),
            Self::Uniform => x.min(2.0).powi(k + 1) / (2.0 * f64::from(k + 1)),
            Self::Hyper { cv2 } => {
                let p = balanced(cv2);
                let half = |p: f64| p * exp_part(k, 2.0 * p, x);
                half(p) + half(1.0 - p)
            }
            Self::Pareto { alpha, low, high } => {
                let x = x.clamp(low, high);
                let density = alpha * low.powf(alpha) / (1.0 - (low / high).powf(alpha));
                let power = f64::from(k) - alpha;
                match power.abs() < 1e-12 {
                    true => density * (x / low).ln(),
                    false => density * (x.powf(power) - low.powf(power)) / power,
                }
            }
            _ => {
                let atoms = self.atoms().into_iter().filter(|&(size, _)| size <= x);
                atoms.map(|(size, share)| share * size.powi(k)).sum()
            }
        }
    }

    /// The sizes there are with their shares, from the smallest, if they are few.
    pub fn atoms(&self) -> Vec<(f64, f64)> {
        match *self {
            Self::Fixed => vec![(1.0, 1.0)],
            Self::Bimodal { p, small, large } => vec![(small, p), (large, 1.0 - p)],
            _ => Vec::new(),
        }
    }

    /// Between these sizes lies all that matters.
    pub fn range(&self) -> (f64, f64) {
        match *self {
            Self::Exp => (1e-7, 50.0),
            Self::Uniform => (1e-7, 2.0),
            Self::Hyper { cv2 } => (1e-7, 25.0 / (1.0 - balanced(cv2))),
            Self::Pareto { low, high, .. } => (low, high),
            Self::Fixed | Self::Bimodal { .. } => (0.0, f64::INFINITY),
        }
    }

    /// The mean size.
    pub fn mean(&self) -> f64 {
        self.part(1, f64::INFINITY)
    }

    /// The mean of the squared size.
    pub fn square(&self) -> f64 {
        self.part(2, f64::INFINITY)
    }

    /// Draws a size.
    pub fn draw(&self, rng: &mut impl Rng) -> f64 {
        let mut exp = || -> f64 { Exp1.sample(rng) };
        match *self {
            Self::Exp => exp(),
            Self::Fixed => 1.0,
            Self::Uniform => 2.0 * rng.random::<f64>(),
            Self::Hyper { cv2 } => {
                let (p, size) = (balanced(cv2), exp());
                let p = if rng.random::<f64>() < p { p } else { 1.0 - p };
                size / (2.0 * p)
            }
            Self::Pareto { alpha, low, high } => {
                let share = 1.0 - (low / high).powf(alpha);
                low / (1.0 - rng.random::<f64>() * share).powf(1.0 / alpha)
            }
            Self::Bimodal { p, small, large } => {
                if rng.random::<f64>() < p {
                    small
                } else {
                    large
                }
            }
        }
    }
}

/// The share of the shorter of two exponentials with balanced means.
fn balanced(cv2: f64) -> f64 {
    0.5 * (1.0 + ((cv2 - 1.0) / (cv2 + 1.0)).sqrt())
}

/// What [`Dist::part`] is for an exponential of that rate.
fn exp_part(k: i32, rate: f64, x: f64) -> f64 {
    let y = rate * x;
    let tail = if y > 700.0 { 0.0 } else { (-y).exp() };
    let y = y.min(700.0);
    match k {
        0 => -(-y).exp_m1(),
        1 => (-(-y).exp_m1() - y * tail) / rate,
        _ => (2.0 * -(-y).exp_m1() - (2.0 * y + y * y) * tail) / (rate * rate),
    }
}

const KNOWN: &str = "exp, fixed, uniform, hyperexp:CV2 (above 1), pareto:ALPHA,LOW,HIGH \
                     (0 < LOW < HIGH) and bimodal:P,SMALL,LARGE (0 < P < 1, 0 < SMALL < LARGE), \
                     all numbers at most 1000000000";

impl FromStr for Dist {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let numbers: Result<Vec<f64>, _> =
            rest.split(',').filter(|part| !part.is_empty()).map(str::parse).collect();
        let numbers = numbers.ok().filter(|numbers| numbers.iter().all(|&n| n <= MOST));
        let dist = match (name, numbers.as_deref()) {
            ("exp", Some([])) => Some(Self::Exp),
            ("fixed", Some([])) => Some(Self::Fixed),
            ("uniform", Some([])) => Some(Self::Uniform),
            ("hyperexp", Some(&[cv2])) if cv2 > 1.0 => Some(Self::Hyper { cv2 }),
            ("pareto", Some(&[alpha, low, high])) if alpha > 0.0 && 0.0 < low && low < high => {
                Some(Self::Pareto { alpha, low, high })
            }
            ("bimodal", Some(&[p, small, large]))
                if 0.0 < p && p < 1.0 && 0.0 < small && small < large =>
            {
                Some(Self::Bimodal { p, small, large })
            }
            _ => None,
        };
        dist.ok_or_else(|| format!("there are {KNOWN}"))
    }
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exp => f.write_str("exp"),
            Self::Fixed => f.write_str("fixed"),
            Self::Uniform => f.write_str("uniform"),
            Self::Hyper { cv2 } => write!(f, "hyperexp:{cv2}"),
            Self::Pareto { alpha, low, high } => write!(f, "pareto:{alpha},{low},{high}"),
            Self::Bimodal { p, small, large } => write!(f, "bimodal:{p},{small},{large}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    const ALL: [&str; 6] =
        ["exp", "fixed", "uniform", "hyperexp:4", "pareto:1.5,1,1000", "bimodal:0.995,0.5,500"];

    #[test]
    fn means_and_squares_are_those_of_the_books() {
        let moments = |text: &str| {
            let dist: Dist = text.parse().unwrap();
            (dist.mean(), dist.square() / dist.mean().powi(2) - 1.0)
        };
        let near = |(mean, cv2): (f64, f64), (m, c): (f64, f64)| {
            assert!(
                (mean / m - 1.0).abs() < 1e-4 && (cv2 - c).abs() < 2e-3 * (1.0 + c),
                "{mean} {cv2}"
            );
        };
        near(moments("exp"), (1.0, 1.0));
        near(moments("fixed"), (1.0, 0.0));
        near(moments("uniform"), (1.0, 1.0 / 3.0));
        near(moments("hyperexp:4"), (1.0, 4.0));
        near(moments("pareto:1.5,1,1000"), (2.9052, 9.88));
        near(moments("pareto:1.1,1,10000"), (6.6211, 110.0));
        near(moments("bimodal:0.995,0.5,500"), (2.9975, 138.1));
    }

    #[test]
    fn what_is_drawn_is_distributed_as_is_said() {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        for text in ALL {
            let dist: Dist = text.parse().unwrap();
            assert_eq!(dist.to_string(), text);
            let drawn: Vec<f64> = (0..100_000).map(|_| dist.draw(&mut rng)).collect();
            for x in [0.3, 0.7, 1.0, 1.5, 4.0, 30.0] {
                let below = drawn.iter().filter(|&&size| size <= x).count() as f64 / 1e5;
                let sd = (dist.below(x) * (1.0 - dist.below(x)) / 1e5).sqrt();
                assert!((below - dist.below(x)).abs() <= 4.0 * sd + 1e-12, "{text} at {x}");
            }
        }
    }
}
