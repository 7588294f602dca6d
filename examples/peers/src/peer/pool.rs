//! `LocalPool` of the crate `futures`: tasks and channels, no timers and no sockets.

use std::cell::RefCell;
use std::future::Future;

use futures::executor::{LocalPool, LocalSpawner};
use futures::future::RemoteHandle;
use futures::task::LocalSpawnExt;

use super::Peer;

pub struct Pool;

thread_local! {
    static SPAWNER: RefCell<Option<LocalSpawner>> = RefCell::default();
}

impl Peer for Pool {
    const NAME: &'static str = "LocalPool";
    type Join = RemoteHandle<()>;

    fn block_on<T>(root: impl Future<Output = T>) -> T {
        let mut pool = LocalPool::new();
        SPAWNER.set(Some(pool.spawner()));
        pool.run_until(root)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Join {
        SPAWNER.with_borrow(|spawner| {
            let spawner = spawner.as_ref().expect("`spawn` is called in `block_on`");
            spawner.spawn_local_with_handle(task).expect("the pool is there")
        })
    }

    fn detach(join: Self::Join) {
        join.forget();
    }

    fn yield_now() -> impl Future<Output = ()> {
        futures_lite::future::yield_now()
    }
}
