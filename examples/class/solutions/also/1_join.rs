//! Lab 1 by `join!`, which is the same written by a macro.

use std::future::Future;
use std::pin::Pin;

pub async fn both(
    left: Pin<Box<dyn Future<Output = ()>>>,
    right: Pin<Box<dyn Future<Output = ()>>>,
) {
    turno::join!(left, right);
}
