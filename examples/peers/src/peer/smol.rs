//! smol's parts: async-executor's `LocalExecutor`, driven by futures-lite's `block_on`; by
//! async-io's where timers or sockets are needed.
//!
//! The executor lies in a thread-local, so that `spawn` is a function here as it is elsewhere.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_executor::{LocalExecutor, Task};
use async_io::{Async, Timer};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use super::{Net, Peer, Timers};

pub struct Smol;

thread_local! {
    static EXECUTOR: RefCell<Rc<LocalExecutor<'static>>> = RefCell::default();
}

/// A new executor, which `spawn` finds.
fn executor() -> Rc<LocalExecutor<'static>> {
    let executor = Rc::new(LocalExecutor::new());
    EXECUTOR.set(executor.clone());
    executor
}

impl Peer for Smol {
    const NAME: &'static str = "async-executor";
    type Join = Task<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        future::block_on(executor().run(root))
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join {
        EXECUTOR.with_borrow(|executor| executor.spawn(task))
    }

    fn detach(join: Self::Join) {
        join.detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}

impl Timers for Smol {
    fn block_on_timers<T>(root: impl Future<Output = T>) -> T {
        async_io::block_on(executor().run(root))
    }

    fn sleep(time: Duration) -> impl Future + 'static {
        Timer::after(time)
    }
}

impl Net for Smol {
    fn serve(listener: TcpListener) -> io::Result<()> {
        Self::block_on_timers(async {
            let listener = Async::new(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.get_ref().set_nodelay(true)?;
                Self::detach(Self::spawn(async { drop(echo(stream).await) }));
            }
        })
    }
}

async fn echo(mut stream: Async<TcpStream>) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
