//! What a work may ask of a runtime, and the runtimes that answer.
//!
//! A work is written once, against these traits; a runtime is a small adapter. Calls are static, so
//! that nothing stands between a work and the runtime's own functions. What a runtime does not have
//! it does not implement, and its cell stays empty.
//!
//! Nothing has to be `Send`: all of these run on one thread, and most say so in their types.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

mod classes;
mod floor;
mod mio_loop;
mod monoio;
mod pool;
mod smol;
mod sync;
mod tokio;
mod turno;

pub use classes::{Classes, Clockworker, TokioMixed, TurnoUnder};
pub use floor::Floor;
pub use monoio::Monoio;
pub use pool::Pool;
pub use smol::Smol;
pub use sync::{Broadcasts, Channels, Locks, Macros};
pub use tokio::{Tokio, TokioLocal};
pub use turno::Turno;

/// Spawns tasks, and switches between them.
pub trait Peer: 'static {
    /// The column in the table.
    const NAME: &'static str;
    /// Awaits the end of a task.
    type Join: Future + 'static;

    /// Runs `root` on a new runtime.
    fn block_on<T>(root: impl Future<Output = T>) -> T;
    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join;
    /// Lets a task run on without its handle.
    fn detach(join: Self::Join) {
        drop(join);
    }
    /// The runtime's own way to yield, if it has one.
    fn yield_now() -> impl Future<Output = ()>;
}

/// Sleeps.
pub trait Timers: Peer {
    /// As `block_on`, with timers.
    fn block_on_timers<T>(root: impl Future<Output = T>) -> T {
        Self::block_on(root)
    }
    fn sleep(time: Duration) -> impl Future + 'static;
}

/// Serves TCP.
pub trait Net: Peer {
    /// Sends back what comes on each connection, for ever. The listener does not block.
    fn serve(listener: TcpListener) -> io::Result<()>;
}
