//! Spawns both dishes and does not wait for them.

use std::future::Future;
use std::pin::Pin;

pub async fn both(
    left: Pin<Box<dyn Future<Output = ()>>>,
    right: Pin<Box<dyn Future<Output = ()>>>,
) {
    drop(turno::spawn(left));
    drop(turno::spawn(right));
}
