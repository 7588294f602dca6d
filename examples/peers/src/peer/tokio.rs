//! tokio on one thread, both ways: `spawn` on the current-thread runtime, and `spawn_local` on a
//! `LocalSet`. I/O and time are enabled, as in a program.

use std::future::Future;
use std::io;
use std::net::TcpListener as StdListener;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, LocalSet};

use super::{Net, Peer, Timers};

pub struct Tokio;

pub struct TokioLocal;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("tokio starts")
}

impl Peer for Tokio {
    const NAME: &'static str = "tokio";
    type Join = JoinHandle<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        runtime().block_on(root)
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        tokio::spawn(task)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}

impl Peer for TokioLocal {
    const NAME: &'static str = "tokio local";
    type Join = JoinHandle<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        LocalSet::new().block_on(&runtime(), root)
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        tokio::task::spawn_local(task)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}

impl Timers for Tokio {
    fn sleep(time: Duration) -> impl Future {
        tokio::time::sleep(time)
    }

    fn spawn_sleep(time: Duration) -> Self::Join {
        tokio::spawn(tokio::time::sleep(time))
    }
}

impl Timers for TokioLocal {
    fn sleep(time: Duration) -> impl Future {
        tokio::time::sleep(time)
    }

    fn spawn_sleep(time: Duration) -> Self::Join {
        tokio::task::spawn_local(tokio::time::sleep(time))
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
