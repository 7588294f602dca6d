//! turno, as anybody gets it: default features, `Fifo`, real time.

use std::future::Future;
use std::io;
use std::net::TcpListener as StdListener;
use std::time::Duration;

use turno::net::{TcpListener, TcpStream};

use super::{Net, Peer, Timers};

pub struct Turno;

impl Peer for Turno {
    const NAME: &'static str = "turno";
    type Join = turno::task::JoinHandle<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        turno::block_on(root)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join {
        turno::spawn(task)
    }

    fn yield_now() -> impl Future<Output = ()> {
        turno::task::yield_now()
    }
}

impl Timers for Turno {
    fn sleep(time: Duration) -> impl Future + 'static {
        turno::time::sleep(time)
    }
}

impl Net for Turno {
    fn serve(listener: StdListener) -> io::Result<()> {
        turno::block_on(async {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                turno::spawn(echo(stream));
            }
        })
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
