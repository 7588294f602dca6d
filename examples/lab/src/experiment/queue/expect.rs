//! Which theory speaks of which policy on one server, and what it says.

use super::{Arrivals, Setup};
use crate::dist::Dist;
use crate::policies::Choice;
use crate::theory::{self, Curve, Stream};
use crate::world::units;

/// What theory says.
#[derive(Default)]
pub(super) struct Expected {
    /// The mean response time.
    pub(super) mean: Option<f64>,
    /// By size.
    pub(super) curve: Option<Curve>,
    pub(super) p99: Option<f64>,
    /// Where response times are exponential: their rate.
    pub(super) exponential: Option<f64>,
    /// The mean response time of each class, from the first as far as it is known.
    pub(super) classes: Vec<f64>,
    /// What kind of a statement it is.
    pub(super) is: Option<&'static str>,
}

/// How a policy treats jobs, as far as theory cares.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// One after the other, whatever their sizes.
    Blind,
    /// In small slices.
    Sharing,
    ShortestJob,
    ShortestRemaining,
    LeastAttained,
}

fn kind(setup: &Setup, policy: &Choice) -> Option<Kind> {
    let sliced = policy.quantum().is_some();
    let told_wrong = setup.size_error > 0.0;
    Some(match policy.name() {
        // These share by group, which is the class: a job's share depends on who else is in it.
        "round-robin" | "drr" if sliced && setup.classes > 1 => return None,
        // Its own parameter interrupts.
        "mlfq" if policy.spec().contains("allotment=") => return None,
        "fifo" | "lifo" | "slopes" => Kind::Blind,
        "sjf" | "srpt" if told_wrong => return None,
        "sjf" => Kind::ShortestJob,
        "srpt" if sliced => Kind::ShortestRemaining,
        "srpt" => Kind::ShortestJob,
        "las" if sliced => Kind::LeastAttained,
        "round-robin" | "fair" | "drr" | "stride" | "lottery" | "random" if sliced => Kind::Sharing,
        "las" | "round-robin" | "drr" | "fair" | "stride" | "lottery" | "random" | "priority"
        | "edf" | "mlfq"
            if !sliced =>
        {
            Kind::Blind
        }
        _ => return None,
    })
}

pub(super) fn expected(setup: &Setup, policy: &Choice) -> Expected {
    if setup.load >= 1.0 {
        return Expected::default();
    }
    let stream = Stream { dist: setup.service, rate: setup.rate() };
    let kind = kind(setup, policy);
    let said = match (setup.arrivals, setup.switch_cost > 0.0) {
        (Arrivals::Poisson, false) => poisson(setup, policy, stream, kind),
        (Arrivals::Poisson, true) => with_cost(setup, policy, stream, kind),
        (arrivals, false) => other_arrivals(arrivals, stream, kind, policy),
        _ => Expected::default(),
    };
    Expected { classes: classes(setup, policy), ..said }
}

fn poisson(setup: &Setup, policy: &Choice, stream: Stream, kind: Option<Kind>) -> Expected {
    let exp = setup.service == Dist::Exp;
    let curve = match kind {
        Some(Kind::Blind) => stream.fifo(),
        Some(Kind::Sharing) => stream.sharing(),
        Some(Kind::ShortestJob) => stream.shortest_job(),
        Some(Kind::ShortestRemaining) => stream.shortest_remaining(),
        Some(Kind::LeastAttained) => stream.least_attained(),
        // With no memory, whoever is interrupted is as good as new: any order is as good, if it
        // does not look at sizes.
        None if exp
            && ["mlfq", "priority", "edf", "round-robin", "drr"].contains(&policy.name()) =>
        {
            let mean = Some(stream.fifo().mean());
            return Expected { mean, is: Some("exact"), ..Expected::default() };
        }
        None => return Expected::default(),
    };
    let exact = match kind {
        Some(Kind::Blind | Kind::ShortestJob) => true,
        Some(Kind::Sharing | Kind::LeastAttained) => exp,
        _ => false,
    };
    let first_in = policy.name() == "fifo";
    Expected {
        mean: Some(curve.mean()),
        curve: Some(curve),
        p99: match setup.service {
            Dist::Exp if first_in => Some(theory::exponential_quantile(stream.rate, 0.99)),
            Dist::Fixed if first_in => Some(theory::fixed_quantile(stream.rate, 0.99)),
            _ => None,
        },
        exponential: (first_in && exp).then_some(1.0 - stream.rate),
        is: Some(if exact { "exact" } else { "for quantum to 0" }),
        ..Expected::default()
    }
}

/// A switch costs: as if each job were larger by that, or, in slices, by as much for each.
fn with_cost(setup: &Setup, policy: &Choice, stream: Stream, kind: Option<Kind>) -> Expected {
    let cost = setup.switch_cost;
    let (mean, is) = match (kind, policy.quantum()) {
        (Some(Kind::Blind), _) => {
            let size = stream.dist.mean() + cost;
            let square = stream.dist.square() + 2.0 * cost * stream.dist.mean() + cost * cost;
            let load = stream.rate * size;
            let wait = stream.rate * square / 2.0 / (1.0 - load);
            ((load < 1.0).then_some(size + wait), "exact")
        }
        (Some(Kind::Sharing), Some(quantum)) if setup.service == Dist::Exp => {
            let mean = theory::round_robin_with_cost(stream.rate, units(quantum), cost);
            (mean, "approximate")
        }
        _ => (None, ""),
    };
    Expected { mean, is: mean.map(|_| is), ..Expected::default() }
}

/// Arrivals that are not one by one at random: there is less to say.
fn other_arrivals(
    arrivals: Arrivals,
    stream: Stream,
    kind: Option<Kind>,
    policy: &Choice,
) -> Expected {
    let exp = stream.dist == Dist::Exp;
    let blind = kind == Some(Kind::Blind) || (exp && kind == Some(Kind::Sharing));
    let mean = match arrivals {
        _ if !blind => None,
        Arrivals::Batch(jobs) => {
            let ahead = f64::from(jobs - 1) / 2.0 * stream.dist.mean() / (1.0 - stream.load());
            Some(stream.fifo().mean() + ahead)
        }
        Arrivals::Periodic if exp => Some(theory::periodic_mean(stream.rate)),
        _ => None,
    };
    let p99 = match arrivals {
        Arrivals::Periodic if policy.name() == "fifo" => mean.map(|mean| mean * 100_f64.ln()),
        _ => None,
    };
    Expected { mean, p99, is: mean.map(|_| "exact"), ..Expected::default() }
}

/// The mean response time of each class, from the first as far as it is known.
fn classes(setup: &Setup, policy: &Choice) -> Vec<f64> {
    let one_by_one = setup.arrivals == Arrivals::Poisson && setup.switch_cost == 0.0;
    if setup.classes == 1 || !one_by_one {
        return Vec::new();
    }
    let rate = setup.rate() / f64::from(setup.classes);
    let classes = vec![Stream { dist: setup.service, rate }; setup.classes as usize];
    let strict = policy.name() == "priority" && policy.aging().is_none();
    let served = |waits: Vec<f64>| waits.iter().map(|wait| wait + setup.service.mean()).collect();
    match policy.name() {
        _ if strict && policy.quantum().is_some() => match setup.service {
            Dist::Exp => theory::preemptive(&classes),
            // In slices a class shares; only the first one is never interrupted by another.
            _ => vec![setup.service.mean() / (1.0 - classes[0].load())],
        },
        _ if strict => served(theory::cobham(&classes)),
        "priority" if policy.quantum().is_none() && setup.service == Dist::Exp => {
            let step = policy.aging().map_or(0.0, units);
            theory::head_start(setup.load, classes.len(), step).map(served).unwrap_or_default()
        }
        "slopes" => {
            let slopes: Vec<f64> = (1..=setup.classes).rev().map(f64::from).collect();
            served(theory::accumulating(&classes, &slopes))
        }
        "fifo" | "lifo" | "random" if policy.quantum().is_none() => {
            let all = Stream { dist: setup.service, rate: setup.rate() };
            vec![all.fifo().mean(); classes.len()]
        }
        _ => Vec::new(),
    }
}
