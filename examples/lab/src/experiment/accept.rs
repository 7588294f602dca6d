//! The talk's real case: many processes, one listening socket, and a blocking call in each request.
//! How many connections may a process accept before it has served those it holds?

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use turno::task::Nanos;

use super::Experiment;
use super::queue::whole;
use crate::bench::Time;
use crate::{Bench, Problem, Report};

mod process;
#[cfg_attr(not(unix), path = "accept/elsewhere.rs")]
mod real;
mod show;
mod simulated;
#[cfg(unix)]
pub(crate) mod worker;

pub(super) struct Accept;

#[derive(Args, Clone)]
struct Setup {
    /// How many processes serve
    #[arg(long, value_name = "N", default_value_t = 80,
          value_parser = whole::<u32>(1, 1000))]
    processes: u32,
    /// How many clients connect, each with one request
    #[arg(long, value_name = "N", default_value_t = 500,
          value_parser = whole::<u32>(1, 100_000))]
    requests: u32,
    /// For how long a request blocks its process: `100ms`, `0.1s`, or a number of milliseconds
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = span,
          allow_hyphen_values = true)]
    service: Duration,
    /// How many connections a process accepts before it serves them
    #[arg(long, value_name = "N|all,...", value_delimiter = ',', default_value = "1,4,16,128,all")]
    accept: Vec<Most>,
    /// Gives each process a listening socket of its own on the same port (`SO_REUSEPORT`): whose a
    /// connection is, is a matter of a hash
    #[arg(long)]
    reuseport: bool,
    /// Makes each connection a task and goes on accepting while these wait, N at a time: nothing
    /// bounds what a process holds
    #[arg(long)]
    spawn: bool,
    /// Sends each request only so long after its connection was made and the processes have started
    /// [50ms if no time is given]
    #[arg(long, value_name = "TIME", value_parser = span, num_args = 0..=1,
          default_missing_value = "50ms")]
    late_request: Option<Duration>,
    /// Adds a client that connects so long after the others: how long does it wait?
    /// [50ms if no time is given]
    #[arg(long, value_name = "TIME", value_parser = span, num_args = 0..=1,
          default_missing_value = "50ms")]
    late_client: Option<Duration>,
    /// Who comes first: `clients`, and then the processes are started one after the other, or
    /// `processes`. Real clock only
    #[arg(long, value_enum, value_name = "WHO", default_value = "clients")]
    first: First,
}

/// How many connections a process accepts at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Most(usize);

impl FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "all" => Ok(Self(usize::MAX)),
            Ok(most @ 1..) => Ok(Self(most)),
            _ => Err("a number from 1, or `all`".to_string()),
        }
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == usize::MAX { f.write_str("all") } else { self.0.fmt(f) }
    }
}

/// Who is there first.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum First {
    Clients,
    Processes,
}

/// A time with its unit; a number alone is one of milliseconds.
fn span(text: &str) -> Result<Duration, String> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("", 1e-3)];
    let number = units.into_iter().find_map(|(unit, seconds)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * seconds).filter(|seconds| (0.0..=3600.0).contains(seconds))
    });
    let wrong = "a time from 0 to 3600s, like 100ms, 0.1s or 100 (milliseconds)";
    number.map(Duration::from_secs_f64).ok_or_else(|| wrong.to_string())
}

/// What came of one run.
struct Outcome {
    /// When each request was answered, since there were both clients and a process.
    answers: Vec<Nanos>,
    /// How many requests each process served, by the order of their start.
    served: Vec<u64>,
    /// How often a process came to look at the listening socket.
    visits: u64,
    /// How long the late client waited, beyond what it takes to be served.
    late: Option<Nanos>,
    /// Of real processes.
    costs: Option<Costs>,
}

/// What real processes cost, all together.
struct Costs {
    /// How often a socket woke a task.
    wake_ups: u64,
    switches: u64,
    /// How often the kernel switched from one of them to another.
    kernel_switches: Option<u64>,
    /// What they computed.
    cpu: Nanos,
}

impl Setup {
    /// How long it takes until all are served, if every process holds `most` at a time and the
    /// requests are shared out as evenly as that allows. `None` where it is a matter of a hash.
    fn makespan(&self, most: Most) -> Option<Duration> {
        if self.reuseport {
            return None;
        }
        let late = self.late_request.unwrap_or_default();
        if self.spawn && !late.is_zero() {
            // The first one has accepted all before the first request comes.
            return Some(late + self.service * self.requests);
        }
        let most = u32::try_from(most.0).unwrap_or(u32::MAX).min(self.requests);
        let (rounds, left) =
            (self.requests / (self.processes * most), self.requests % (self.processes * most));
        Some(late + self.service * (rounds * most + left.min(most)))
    }
}

impl Experiment for Accept {
    fn command(&self) -> Command {
        let about = "Processes that share a listening socket: how many connections may one hold?";
        Setup::augment_args(Command::new("accept").about(about).long_about(format!(
            "{about}\n\nThe talk's real case: 80 processes, 500 requests at once, and 100 ms each, \
             in which a process can do nothing else. What a process has accepted no other can \
             serve, however idle it is. So with one at a time all is done in 0.7 s; if one process \
             accepts all there are, in 50 s.\n\nThe processes are real ones, with a runtime and a \
             reactor each; --clock virtual has tasks in their place and takes no time. --trace \
             records the first of them. One line of the default takes the 50 s: leave `all` out of \
             --accept, or choose a shorter --service: the long lines shrink with it. At 10 ms \
             starting 80 processes takes longer than serving, so K = 1 and 4 come out uneven.\n\nTry:\n  cargo lab accept --accept 1,4,16 \
             --first processes\n  cargo lab accept --service 10ms --reuseport --late-client\n  \
             cargo lab accept --accept 1 --service 10ms --spawn\n  cargo lab accept --accept 1 \
             --service 10ms --spawn --late-request"
        )))
    }

    fn policies(&self) -> &'static [&'static str] {
        &[]
    }

    fn clock(&self) -> Time {
        Time::Real
    }

    fn run(&self, args: &ArgMatches, bench: &Bench) -> Result<Report, Problem> {
        let setup = Setup::from_arg_matches(args)?;
        if bench.clock == Time::Real {
            real::check(&setup, bench)?;
        } else if setup.first == First::Processes {
            return Err(Problem::new(
                "--first processes: on the virtual clock processes take no time to start, so only \
                 `clients` is allowed, or --clock real",
            ));
        }
        let mut runs = Vec::new();
        for &most in &setup.accept {
            let total = u64::from(setup.requests) * u64::from(bench.runs);
            let bar = bench.bar(&format!("accept {most}"), total);
            let outcomes: Result<Vec<_>, _> = bench
                .seeds()
                .map(|seed| match bench.clock {
                    Time::Real => real::run(&setup, bench, most, &bar),
                    Time::Virtual => simulated::run(&setup, bench, most, seed),
                })
                .collect();
            bar.finish_and_clear();
            runs.push((most, outcomes?));
        }
        Ok(show::report(&setup, bench, &runs))
    }
}
