//! Channels, locks, and the macros that wait for several futures: what each runtime's users use.
//!
//! turno's have tokio's API, so one adapter serves both.

use std::future::{Future, pending, ready};

use futures_lite::future::yield_now;

use super::{Peer, Pool, Smol, Tokio, TokioLocal, Turno};

/// Bounded channels.
pub trait Channels: Peer {
    type Sender: 'static;
    type Receiver: 'static;
    /// With room for one.
    fn channel() -> (Self::Sender, Self::Receiver);
    fn send(sender: &mut Self::Sender, message: u64) -> impl Future<Output = ()>;
    /// `None` if the sender is gone.
    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>>;
}

/// A mutex and a semaphore.
pub trait Locks: Peer {
    type Mutex: 'static;
    type Semaphore: 'static;
    fn mutex() -> Self::Mutex;
    fn lock(mutex: &Self::Mutex) -> impl Future<Output = impl Sized>;
    /// With one permit.
    fn semaphore() -> Self::Semaphore;
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized>;
}

/// A channel that tells everybody everything.
pub trait Broadcasts: Peer {
    type Publisher: 'static;
    type Subscriber: 'static;
    fn broadcast() -> Self::Publisher;
    fn subscribe(publisher: &Self::Publisher) -> Self::Subscriber;
    fn publish(publisher: &Self::Publisher, message: u64);
    /// `None` if the publisher is gone.
    fn next(subscriber: &mut Self::Subscriber) -> impl Future<Output = Option<u64>>;
}

/// Waiting for one of several futures, and for all of them.
pub trait Macros: Peer {
    /// Of 8 futures the last is ready.
    fn select() -> impl Future<Output = u64>;
    /// Waits for 32 futures, each of which yields so many times.
    fn join(yields: usize) -> impl Future<Output = ()>;
}

async fn yields(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

macro_rules! join_100 {
    ($library:ident, $y:expr) => {
        $library::join!(
            $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, //
            $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, //
            $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, //
            $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, //
            $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y, $y
        )
    };
}

macro_rules! select_8 {
    ($library:ident, $pending:expr, $ready:expr) => {
        $library::select! {
            n = $pending => n,
            n = $pending => n,
            n = $pending => n,
            n = $pending => n,
            n = $pending => n,
            n = $pending => n,
            n = $pending => n,
            n = $ready => n,
        }
    };
}

/// For a library with tokio's API.
macro_rules! as_in_tokio {
    ($library:ident: $($peer:ident)*) => {$(
        impl Channels for $peer {
            type Sender = $library::sync::mpsc::Sender<u64>;
            type Receiver = $library::sync::mpsc::Receiver<u64>;

            fn channel() -> (Self::Sender, Self::Receiver) {
                $library::sync::mpsc::channel(1)
            }

            async fn send(sender: &mut Self::Sender, message: u64) {
                sender.send(message).await.expect("the receiver is there");
            }

            fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> {
                receiver.recv()
            }
        }

        impl Locks for $peer {
            type Mutex = $library::sync::Mutex<u64>;
            type Semaphore = $library::sync::Semaphore;

            fn mutex() -> Self::Mutex {
                $library::sync::Mutex::new(0)
            }

            fn lock(mutex: &Self::Mutex) -> impl Future<Output = impl Sized> {
                mutex.lock()
            }

            fn semaphore() -> Self::Semaphore {
                $library::sync::Semaphore::new(1)
            }

            fn acquire(s: &Self::Semaphore) -> impl Future<Output = impl Sized> {
                s.acquire()
            }
        }

        impl Broadcasts for $peer {
            type Publisher = $library::sync::broadcast::Sender<u64>;
            type Subscriber = $library::sync::broadcast::Receiver<u64>;

            fn broadcast() -> Self::Publisher {
                $library::sync::broadcast::channel(16).0
            }

            fn subscribe(publisher: &Self::Publisher) -> Self::Subscriber {
                publisher.subscribe()
            }

            fn publish(publisher: &Self::Publisher, message: u64) {
                publisher.send(message).expect("there are receivers");
            }

            async fn next(subscriber: &mut Self::Subscriber) -> Option<u64> {
                subscriber.recv().await.ok()
            }
        }

        impl Macros for $peer {
            async fn select() -> u64 {
                select_8!($library, pending::<u64>(), ready(8))
            }

            async fn join(times: usize) {
                join_100!($library, yields(times));
            }
        }
    )*};
}

as_in_tokio!(turno: Turno);
as_in_tokio!(tokio: Tokio TokioLocal);

impl Channels for Smol {
    type Sender = async_channel::Sender<u64>;
    type Receiver = async_channel::Receiver<u64>;

    fn channel() -> (Self::Sender, Self::Receiver) {
        async_channel::bounded(1)
    }

    async fn send(sender: &mut Self::Sender, message: u64) {
        sender.send(message).await.expect("the receiver is there");
    }

    async fn recv(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}

impl Locks for Smol {
    type Mutex = async_lock::Mutex<u64>;
    type Semaphore = async_lock::Semaphore;

    fn mutex() -> Self::Mutex {
        async_lock::Mutex::new(0)
    }

    fn lock(mutex: &Self::Mutex) -> impl Future<Output = impl Sized> {
        mutex.lock()
    }

    fn semaphore() -> Self::Semaphore {
        async_lock::Semaphore::new(1)
    }

    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized> {
        semaphore.acquire()
    }
}

impl Broadcasts for Smol {
    /// Without a receiver the channel is closed; an inactive one keeps it open and reads nothing.
    type Publisher = (async_broadcast::Sender<u64>, async_broadcast::InactiveReceiver<u64>);
    type Subscriber = async_broadcast::Receiver<u64>;

    fn broadcast() -> Self::Publisher {
        let (publisher, subscriber) = async_broadcast::broadcast(16);
        (publisher, subscriber.deactivate())
    }

    fn subscribe(publisher: &Self::Publisher) -> Self::Subscriber {
        publisher.0.new_receiver()
    }

    fn publish(publisher: &Self::Publisher, message: u64) {
        publisher.0.try_broadcast(message).expect("there are receivers, and there is room");
    }

    async fn next(subscriber: &mut Self::Subscriber) -> Option<u64> {
        subscriber.recv().await.ok()
    }
}

/// `LocalPool`'s channel has room for one more than it is told.
impl Channels for Pool {
    type Sender = futures::channel::mpsc::Sender<u64>;
    type Receiver = futures::channel::mpsc::Receiver<u64>;

    fn channel() -> (Self::Sender, Self::Receiver) {
        futures::channel::mpsc::channel(0)
    }

    async fn send(sender: &mut Self::Sender, message: u64) {
        let sent = futures::SinkExt::send(sender, message).await;
        sent.expect("the receiver is there");
    }

    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> {
        futures::StreamExt::next(receiver)
    }
}

/// The macros of `futures` serve those that have none of their own.
macro_rules! as_in_futures {
    ($($peer:ident)*) => {$(
        impl Macros for $peer {
            async fn select() -> u64 {
                use futures::future::{pending, ready};
                select_8!(futures, pending::<u64>(), ready(8))
            }

            async fn join(times: usize) {
                join_100!(futures, yields(times));
            }
        }
    )*};
}

as_in_futures!(Smol Pool);
