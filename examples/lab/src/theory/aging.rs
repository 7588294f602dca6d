//! Priority with a head start: a level is worth so much waiting, for everybody alike.
//!
//! The order is that of arrival plus level times step, which two who wait never change. There is no
//! formula; but with sizes that have no memory it can be reckoned as exactly as one likes. Whom a
//! job finds before it in the queue is a matter of how many had come when. So the time before and
//! after its arrival falls into stages, in each of which jobs of some classes come before it and
//! those of others do not, and through each goes a Markov chain.

/// Mean waits of equally frequent classes, the most urgent first, with exponential sizes of mean 1
/// at that load: not interrupted, and a class comes before the next as if it had come `step` sooner.
///
/// `None` if that would take too long to reckon.
pub fn head_start(load: f64, classes: usize, step: f64) -> Option<Vec<f64>> {
    // So many are in the system only once in a billion times.
    let most = (1e-9_f64.ln() / load.ln()).ceil() as usize + 1;
    let steps = (1.0 + load) * step * classes as f64;
    let chains = (most * most) as f64 * steps * classes as f64;
    (chains < 3e9)
        .then(|| (0..classes).map(|class| wait(load, classes, class, step, most)).collect())
}

fn wait(load: f64, classes: usize, class: usize, step: f64, most: usize) -> f64 {
    let share = |classes_before: usize| load * classes_before as f64 / classes as f64;
    let mut before = Before::stationary(load, most);
    // Less urgent ones come before it only if they came so much sooner.
    for cut in (class + 1..classes).rev() {
        before = before.pass(step, share(cut), load - share(cut));
    }
    // More urgent ones come before it even if they come so much later, while it waits.
    let mut ahead = before.ahead();
    let mut waited = 0.0;
    for more_urgent in (1..=class).rev() {
        waited += pass(&mut ahead, step, share(more_urgent));
    }
    waited + mean(&ahead)
}

fn mean(shares: &[f64]) -> f64 {
    (0..).zip(shares).map(|(n, share)| f64::from(n) * share).sum()
}

/// What is in the system before the job comes: how likely it is to be `first` that come before it,
/// and so many that do not, one of which may be in service.
struct Before {
    most: usize,
    /// By first and others; nobody, or one of the first, is in service.
    open: Vec<f64>,
    /// The same, with one of the others in service.
    blocked: Vec<f64>,
}

impl Before {
    fn empty(most: usize) -> Self {
        let none = vec![0.0; most * most];
        Self { most, open: none.clone(), blocked: none }
    }

    /// All that are there come before it.
    fn stationary(load: f64, most: usize) -> Self {
        let mut shares = Self::empty(most);
        (0..most).for_each(|n| shares.open[n * most] = (1.0 - load) * load.powi(n as i32));
        shares
    }

    /// How many are served before it.
    fn ahead(&self) -> Vec<f64> {
        let mut ahead = vec![0.0; self.most + 1];
        for first in 0..self.most {
            let line = first * self.most..(first + 1) * self.most;
            ahead[first] += self.open[line.clone()].iter().sum::<f64>();
            ahead[first + 1] += self.blocked[line].iter().sum::<f64>();
        }
        ahead
    }

    /// After `time`, in which those come at these rates.
    fn pass(self, time: f64, first: f64, others: f64) -> Self {
        let rate = 1.0 + first + others;
        let mut sum = Self::empty(self.most);
        let mut shares = self;
        for weight in poisson(rate * time) {
            for (sum, share) in [(&mut sum.open, &shares.open), (&mut sum.blocked, &shares.blocked)]
            {
                sum.iter_mut().zip(share).for_each(|(sum, share)| *sum += weight * share);
            }
            shares = shares.event(first / rate, others / rate);
        }
        sum
    }

    /// One event: an arrival of either kind, or else the end of a service, if there is one.
    fn event(&self, first: f64, others: f64) -> Self {
        let (most, end) = (self.most, 1.0 - first - others);
        let mut next = Self::empty(most);
        let at = |a: usize, b: usize| a.min(most - 1) * most + b.min(most - 1);
        for a in 0..most {
            for b in 0..most {
                let (open, blocked) = (self.open[at(a, b)], self.blocked[at(a, b)]);
                next.open[at(a + 1, b)] += first * open;
                next.blocked[at(a + 1, b)] += first * blocked;
                next.blocked[at(a, b + 1)] += others * blocked;
                // Whoever finds nobody is served at once.
                let served = if a == 0 { &mut next.blocked } else { &mut next.open };
                served[at(a, b + 1)] += others * open;
                // One of the first is done, or nobody was there; one of the others is done.
                for (share, a, b) in
                    [(open, a.saturating_sub(1), b), (blocked, a, b.saturating_sub(1))]
                {
                    let served = if a == 0 && b > 0 { &mut next.blocked } else { &mut next.open };
                    served[at(a, b)] += end * share;
                }
            }
        }
        next
    }
}

/// While the job waits for those ahead, of whom more come at this rate: how long it still waits of
/// `time`, on average.
fn pass(ahead: &mut Vec<f64>, time: f64, more: f64) -> f64 {
    let rate = 1.0 + more;
    let most = ahead.len() - 1;
    let mut sum = vec![0.0; most + 1];
    let (mut waited, mut later) = (0.0, 1.0);
    for weight in poisson(rate * time) {
        later -= weight;
        waited += later.max(0.0) / rate * ahead[1..].iter().sum::<f64>();
        sum.iter_mut().zip(&*ahead).for_each(|(sum, share)| *sum += weight * share);
        let mut next = vec![0.0; most + 1];
        next[0] = ahead[0];
        for n in 1..=most {
            next[(n + 1).min(most)] += more / rate * ahead[n];
            next[n - 1] += ahead[n] / rate;
        }
        *ahead = next;
    }
    *ahead = sum;
    waited
}

/// How likely so many events are, from none on, where `mean` are expected.
fn poisson(mean: f64) -> impl Iterator<Item = f64> {
    let most = (mean + 10.0 * mean.sqrt() + 20.0) as u32;
    let mut log = -mean;
    (0..=most).map(move |n| {
        if n > 0 {
            log += (mean / f64::from(n)).max(1e-300).ln();
        }
        log.exp()
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Stream, cobham};
    use super::*;
    use crate::dist::Dist;

    fn near(is: f64, should: f64, off: f64) {
        assert!((is - should).abs() < off, "{is}, not {should}");
    }

    #[test]
    fn without_a_head_start_it_is_first_in_first_out_and_with_a_long_one_strict() {
        for classes in [1, 2, 3] {
            let waits = head_start(0.8, classes, 0.0).unwrap();
            waits.iter().for_each(|&wait| near(wait, 4.0, 1e-5));
            let stream = Stream { dist: Dist::Exp, rate: 0.7 / classes as f64 };
            let strict = cobham(&vec![stream; classes]);
            let waits = head_start(0.7, classes, 300.0).unwrap();
            waits.iter().zip(strict).for_each(|(&wait, strict)| near(wait, strict, 1e-3));
        }
    }

    #[test]
    fn what_is_gained_is_paid_for_by_others_and_two_classes_come_out_as_simulated() {
        for (classes, step) in [(2, 5.0), (3, 2.0), (5, 0.5)] {
            let waits = head_start(0.8, classes, step).unwrap();
            near(waits.iter().sum::<f64>() / classes as f64, 4.0, 1e-5);
            assert!(waits.is_sorted());
        }
        // A simulation that has nothing to do with this one, of a million and a half jobs.
        let waits = head_start(0.8, 2, 5.0).unwrap();
        near(waits[0], 2.857, 0.06);
        near(waits[1], 5.113, 0.09);
    }
}
