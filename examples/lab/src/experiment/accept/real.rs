//! Real processes, and the clients that they serve.
//!
//! The clients are tasks of this process, which does nothing else meanwhile; the processes are this
//! program again ([`worker`]). However it ends, it ends with them: they are killed when dropped,
//! and if this process is killed they notice.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use indicatif::ProgressBar;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use turno::net::{TcpStream, UnixStream};
use turno::runtime::Builder;
use turno::task::{JoinSet, Nanos};
use turno::time::{self, Instant};

use super::{Costs, First, Most, Outcome, Setup, worker};
use crate::{Bench, Problem};

/// How many connections wait at most until somebody accepts them.
const BACKLOG: u32 = 1024;

/// How many connections may wait here, and how many descriptors there may be: whether it can be
/// done is told before anything is done.
pub(super) fn check(setup: &Setup, bench: &Bench) -> Result<(), Problem> {
    if !bench.is_program {
        return Err(Problem::new(
            "--clock real: only the program itself can start processes (`cargo lab accept`); a \
             call of `Lab::run` has virtual time",
        ));
    }
    let backlog = backlog();
    if setup.requests > backlog {
        let why = match backlog {
            BACKLOG => String::new(),
            _ => format!(" (net.core.somaxconn; {BACKLOG} were asked for)"),
        };
        return Err(Problem::new(format!(
            "--requests {}: a listening socket keeps at most {backlog} waiting here{why}; choose \
             from 1 to {backlog}, or --clock virtual",
            setup.requests
        )));
    }
    // A connection each; of each process a socket to talk, twice, and perhaps one to listen.
    let need = u64::from(setup.requests + 3 * setup.processes + 64);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < need) {
        limit.current = limit.maximum.map_or(Some(need), |most| Some(most.min(need)));
        // If it fails the next line says so.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    match getrlimit(Resource::Nofile).current {
        Some(current) if current < need => Err(Problem::new(format!(
            "{} processes and {} requests need {need} descriptors, and {current} are allowed here \
             (`ulimit -n`)",
            setup.processes, setup.requests
        ))),
        _ => Ok(()),
    }
}

/// How many connections the kernel lets wait.
fn backlog() -> u32 {
    let told = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    let most = told.ok().and_then(|text| text.trim().parse().ok());
    most.unwrap_or(BACKLOG).min(BACKLOG)
}

pub(super) fn run(
    setup: &Setup,
    bench: &Bench,
    most: Most,
    bar: &ProgressBar,
) -> Result<Outcome, Problem> {
    // One process may have to serve all, and a busy machine takes longer.
    let work = setup.service * (setup.requests + 1);
    let late = setup.late_request.unwrap_or_default() + setup.late_client.unwrap_or_default();
    let limit = work.mul_f64(1.25) + late + Duration::from_secs(20);
    let rt = Builder::new().build()?;
    rt.block_on(async {
        let mut house = House { processes: Vec::new(), answered: Rc::new(Cell::new(0)) };
        let ended = time::timeout(limit, house.open(setup, bench, most, bar)).await;
        let outcome = match ended {
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("after {limit:.0?} it was given up"),
        };
        // A process that is ending closes its connections before it can be said to have ended.
        time::sleep(Duration::from_millis(200)).await;
        Err(Problem::new(format!(
            "accept {most}: {outcome}; {} of {} requests were answered, and {}",
            house.answered.get(),
            setup.requests,
            house.state()
        )))
    })
}

/// All processes, and how many requests they have answered.
struct House {
    processes: Vec<Process>,
    answered: Rc<Cell<u32>>,
}

impl House {
    async fn open(
        &mut self,
        setup: &Setup,
        bench: &Bench,
        most: Most,
        bar: &ProgressBar,
    ) -> io::Result<Outcome> {
        let (address, listeners) = listen(setup)?;
        let mut clients = JoinSet::new();
        let mut client = Client { late: setup.late_request, start: Instant::now() };
        let served = |client: Client, stream: TcpStream| {
            let (answered, bar) = (self.answered.clone(), bar.clone());
            async move {
                let at = client.ask(stream).await?;
                answered.set(answered.get() + 1);
                bar.inc(1);
                io::Result::Ok(at)
            }
        };
        let mut waiting = Vec::new();
        if setup.first == First::Clients {
            for _ in 0..setup.requests {
                waiting.push(client.connect(address).await?);
            }
            client.start = Instant::now();
        }
        if client.late.is_none() {
            for stream in waiting.drain(..) {
                clients.spawn(served(client, stream));
            }
        }
        for n in 0..setup.processes as usize {
            let trace = bench.trace.as_ref().and_then(|trace| trace.take());
            let arguments = worker::arguments(most.0, setup.service, setup.spawn);
            let listener = &listeners[n % listeners.len()];
            self.processes.push(Process::start(listener, &arguments, trace)?);
            // One after the other: it has taken the connections that it can before the next comes.
            if let Some(process) = self.processes.last_mut() {
                process.line().await?;
            }
        }
        if client.late.is_some() || setup.first == First::Processes {
            client.start = Instant::now();
        }
        for stream in waiting {
            clients.spawn(served(client, stream));
        }
        if setup.first == First::Processes {
            for _ in 0..setup.requests {
                // One after the other, so that each request comes right after its connection.
                let stream = client.connect(address).await?;
                clients.spawn(served(client, stream));
            }
        }
        let start = client.start;
        let late = setup.late_client.map(|after| turno::spawn(late(address, start + after)));
        let mut answers = Vec::new();
        while let Some(answer) = clients.join_next().await {
            answers.push(answer??.as_nanos() as Nanos);
        }
        let late = match late {
            Some(late) => Some(late.await??.saturating_sub(setup.service).as_nanos() as Nanos),
            None => None,
        };
        self.close(answers, late).await
    }

    /// Everybody goes home, and says what was counted.
    async fn close(&mut self, answers: Vec<Nanos>, late: Option<Nanos>) -> io::Result<Outcome> {
        let mut told = Vec::new();
        for process in &mut self.processes {
            process.end.shutdown(Shutdown::Write)?;
            told.push(process.line().await?);
        }
        for process in &mut self.processes {
            process.child.wait()?;
        }
        let sum = |key: &str| told.iter().filter_map(|told| told[key].as_u64()).sum::<u64>();
        let kernel = told.iter().all(|told| told["kernel_switches"].is_u64());
        Ok(Outcome {
            answers,
            served: told.iter().map(|told| told["served"].as_u64().unwrap_or(0)).collect(),
            visits: sum("visits"),
            late,
            costs: Some(Costs {
                wake_ups: sum("wake_ups"),
                switches: sum("switches"),
                kernel_switches: kernel.then(|| sum("kernel_switches")),
                cpu: sum("cpu"),
            }),
        })
    }

    /// How many processes are there, and how those ended that are not.
    fn state(&mut self) -> String {
        let mut all = self.processes.iter_mut().enumerate();
        let ended = all.find_map(|(n, process)| Some((n, process.child.try_wait().ok()??)));
        match ended {
            Some((n, status)) => format!("process {} had ended: {status}", n + 1),
            None => format!("all of the {} processes were running", self.processes.len()),
        }
    }
}

/// One listening socket, or one for each process, on the same port.
fn listen(setup: &Setup) -> io::Result<(SocketAddr, Vec<Socket>)> {
    let count = if setup.reuseport { setup.processes } else { 1 };
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut listeners = Vec::new();
    for _ in 0..count {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if setup.reuseport {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG as i32)?;
        address = socket.local_addr()?.as_socket().unwrap_or(address);
        listeners.push(socket);
    }
    Ok((address, listeners))
}

#[derive(Clone, Copy)]
struct Client {
    /// How long after it has connected, and all processes have started, it sends its request.
    late: Option<Duration>,
    /// Since when there is somebody to serve and something to be served.
    start: Instant,
}

impl Client {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        if self.late.is_none() {
            stream.write_all(b"?").await?;
        }
        Ok(stream)
    }

    /// When it had its answer, since the start.
    async fn ask(&self, stream: TcpStream) -> io::Result<Duration> {
        if let Some(late) = self.late {
            time::sleep(late).await;
            stream.write_all(b"?").await?;
        }
        stream.read_exact(&mut [0]).await?;
        Ok(self.start.elapsed())
    }
}

/// A client that connects at `when`: how long until it had its answer.
async fn late(address: SocketAddr, when: Instant) -> io::Result<Duration> {
    time::sleep_until(when).await;
    let client = Client { late: None, start: Instant::now() };
    client.ask(client.connect(address).await?).await
}

/// A server process.
struct Process {
    child: Child,
    /// Our end of its standard output, to wait on and to shut down.
    told: UnixStream,
    end: StdStream,
}

impl Process {
    fn start(listener: &Socket, arguments: &[String], trace: Option<&str>) -> io::Result<Self> {
        let (ours, its) = StdStream::pair()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(arguments)
            .stdin(Stdio::from(worker::as_input(listener)?))
            .stdout(Stdio::from(OwnedFd::from(its)))
            .env_remove("TURNO_TRACE");
        if let Some(trace) = trace {
            command.env("TURNO_TRACE", trace);
        }
        // Before the child, so that nothing can fail once it is there.
        let (told, end) = (UnixStream::from_std(ours.try_clone()?)?, ours);
        Ok(Self { child: command.spawn()?, told, end })
    }

    /// The next line that it says. It says the next one only when it is asked to end.
    async fn line(&mut self) -> io::Result<Value> {
        let (mut line, mut piece) = (Vec::new(), [0; 512]);
        while line.last() != Some(&b'\n') {
            let length = self.told.read(&mut piece).await?;
            if length == 0 {
                let status = self.child.wait()?;
                return Err(io::Error::other(format!("a process ended too early ({status})")));
            }
            line.extend_from_slice(&piece[..length]);
        }
        Ok(serde_json::from_slice(&line)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
