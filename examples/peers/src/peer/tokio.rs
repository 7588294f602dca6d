//! tokio on one thread, both ways: the current-thread scheduler itself, and a `LocalSet` on it. I/O
//! and time are enabled, as in a program.
//!
//! The first is a `LocalRuntime`, whose `spawn_local` puts a task where `tokio::spawn` would put it
//! on a current-thread runtime, but does not demand that it be `Send`.

use std::future::Future;
use std::io;
use std::net::TcpListener as StdListener;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::{Net, Peer, Timers};

pub struct Tokio;

pub struct TokioLocal;

impl Peer for Tokio {
    const NAME: &'static str = "tokio";
    type Join = JoinHandle<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().build_local(LocalOptions::default());
        runtime.expect("tokio starts").block_on(root)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join {
        spawn_local(task)
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}

impl Peer for TokioLocal {
    const NAME: &'static str = "tokio local";
    type Join = JoinHandle<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        let runtime = Builder::new_current_thread().enable_all().build();
        LocalSet::new().block_on(&runtime.expect("tokio starts"), root)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join {
        spawn_local(task)
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}

impl Timers for Tokio {
    fn sleep(time: Duration) -> impl Future + 'static {
        tokio::time::sleep(time)
    }
}

impl Timers for TokioLocal {
    fn sleep(time: Duration) -> impl Future + 'static {
        tokio::time::sleep(time)
    }
}

impl Net for Tokio {
    fn serve(listener: StdListener) -> io::Result<()> {
        Self::block_on(accept::<Self>(listener))
    }
}

impl Net for TokioLocal {
    fn serve(listener: StdListener) -> io::Result<()> {
        Self::block_on(accept::<Self>(listener))
    }
}

async fn accept<P: Peer>(listener: StdListener) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        P::detach(P::spawn(async { drop(echo(stream).await) }));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
