//! TCP echo: 64 bytes there and back, one message on its way on each connection.
//!
//! The server and its client are processes of their own. The client is the same for all, a loop
//! over `mio` by hand. The floor is such a loop as a server, with the same system calls.
//!
//! Traps. The client costs about as much as the server, so with one processor to share the messages
//! a second say less than they seem to: the server's CPU time for each message is measured too.
//! With one connection nobody ever has two things to do: it is the kernel's latency that is
//! measured, on one processor (see `pin`). Connecting takes its time and is not counted.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::{Scale, cpu_time};
use crate::child::{self, Child};
use crate::peer::{Floor, Monoio, Net, Peer, Smol, Tokio, TokioLocal, Turno};

const MESSAGE: usize = 64;

type Serve = fn(TcpListener) -> io::Result<()>;

const ALL: [(&str, Serve); 6] = [
    (Turno::NAME, Turno::serve),
    (Floor::NAME, Floor::serve),
    (Tokio::NAME, Tokio::serve),
    (TokioLocal::NAME, TokioLocal::serve),
    (Smol::NAME, Smol::serve),
    (Monoio::NAME, Monoio::serve),
];

/// Who can be measured.
pub fn columns() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(column, _)| *column)
}

/// Messages a second, and the server's CPU time for each of them.
pub fn measure(column: &str, connections: usize, scale: Scale) -> io::Result<Vec<f64>> {
    // Long enough for some messages on each connection.
    let time = scale.of(400 + connections / 10);
    let client_at = if connections == 1 { scale.here } else { scale.there };
    let [connections, time, here, client_at] =
        [connections, time, scale.here, client_at].map(|n| n.to_string());
    let mut server = Child::start(&["serve", column, &here])?;
    let address = server.line()?;
    let mut client = Child::start(&["client", &address, &connections, &time, &client_at])?;
    client.line()?;
    let before = server.ask()?;
    let (messages, seconds) = (client.number()?, client.number()?);
    let after = server.ask()?;
    Ok(vec![messages / seconds, (after - before) * 1e9 / messages])
}

/// The server: says where it listens, then, whenever it is asked, for how many seconds it has
/// computed. Ends when its input does.
pub fn serve(column: &str) -> io::Result<()> {
    let known = ALL.iter().find(|(known, _)| *known == column);
    let (_, serve) = known.ok_or_else(|| io::Error::other(format!("who is {column}?")))?;
    raise_limit();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    child::say(listener.local_addr()?)?;
    thread::spawn(|| {
        for _ in io::stdin().lines() {
            drop(child::say(cpu_time().as_secs_f64()));
        }
        process::exit(0);
    });
    serve(listener)
}

/// The client: connects, says so when all are warm, and then how many messages went there and back
/// in how many seconds.
pub fn client(address: SocketAddr, connections: usize, time: Duration) -> io::Result<()> {
    raise_limit();
    let mut client = Client::connect(address, connections)?;
    client.run(time / 4)?;
    child::say("warm")?;
    let start = Instant::now();
    child::say(client.run(time)?)?;
    child::say(start.elapsed().as_secs_f64())
}

struct Client {
    poll: Poll,
    /// With how much of the current message has come back.
    streams: Vec<(TcpStream, usize)>,
}

impl Client {
    /// Connects, and sends the first message on each. A queue of connections that nobody accepts
    /// yet is short, and who does not fit into it tries again a second later: so they come by
    /// hundreds, each after all before have been answered.
    fn connect(address: SocketAddr, connections: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut streams = Vec::new();
        while streams.len() < connections {
            let hundred = (connections - streams.len()).min(100);
            let connect = |_| std::net::TcpStream::connect(address);
            let mut new = (0..hundred).map(connect).collect::<io::Result<Vec<_>>>()?;
            new.iter_mut().try_for_each(|stream| stream.write_all(&[7; MESSAGE]))?;
            new.iter_mut().try_for_each(|stream| stream.read_exact(&mut [0; MESSAGE]))?;
            for stream in new {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let mut stream = TcpStream::from_std(stream);
                let token = Token(streams.len());
                poll.registry().register(&mut stream, token, Interest::READABLE)?;
                streams.push((stream, 0));
            }
        }
        let mut client = Self { poll, streams };
        client.streams.iter_mut().try_for_each(|(stream, _)| stream.write_all(&[7; MESSAGE]))?;
        Ok(client)
    }

    /// Answers answers, until the time is over. How many there were.
    fn run(&mut self, time: Duration) -> io::Result<usize> {
        let start = Instant::now();
        let mut events = Events::with_capacity(1024);
        let mut messages = 0;
        while start.elapsed() < time {
            self.poll.poll(&mut events, Some(time))?;
            for event in &events {
                messages += usize::from(self.pong(event.token().0)?);
            }
        }
        Ok(messages)
    }

    /// Reads what is there; when the message is whole, sends the next one.
    fn pong(&mut self, index: usize) -> io::Result<bool> {
        let (stream, got) = &mut self.streams[index];
        match stream.read(&mut [0; 1024]) {
            Ok(0) => Err(io::Error::other("the server has hung up")),
            Ok(n) => {
                *got += n;
                let whole = *got == MESSAGE;
                if whole {
                    *got = 0;
                    stream.write_all(&[7; MESSAGE])?;
                }
                Ok(whole)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// How many connections the limit on descriptors allows.
pub fn possible() -> usize {
    // Besides them, a process has some descriptors for itself.
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX).saturating_sub(64);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// As many descriptors as are allowed. If it fails, connecting will say so.
fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
