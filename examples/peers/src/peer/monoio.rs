//! monoio with its epoll driver, so that all use the same interface of the kernel. It has no locks,
//! no channels and no `yield_now` of its own (futures-lite's stands in for it).

use std::future::Future;
use std::io;
use std::net::TcpListener as StdListener;
use std::time::Duration;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{LegacyDriver, RuntimeBuilder};

use super::{Net, Peer, Timers};

pub struct Monoio;

impl Peer for Monoio {
    const NAME: &'static str = "monoio";
    type Join = monoio::task::JoinHandle<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        builder.build().expect("monoio starts").block_on(root)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join {
        monoio::spawn(task)
    }

    fn yield_now() -> impl Future<Output = ()> {
        futures_lite::future::yield_now()
    }
}

impl Timers for Monoio {
    fn sleep(time: Duration) -> impl Future + 'static {
        monoio::time::sleep(time)
    }
}

impl Net for Monoio {
    fn serve(listener: StdListener) -> io::Result<()> {
        Self::block_on(async {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                monoio::spawn(echo(stream));
            }
        })
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let (read, filled) = stream.read(buffer).await;
        if read? == 0 {
            return Ok(());
        }
        let (written, sent) = stream.write_all(filled).await;
        written?;
        buffer = sent;
    }
}
