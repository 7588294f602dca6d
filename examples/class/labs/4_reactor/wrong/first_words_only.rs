//! Waits for the first words only, and takes them for all there is.

use std::time::Duration;

use turno::net::UnixStream;
use turno::time::timeout;

pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    if let Ok(Ok(n)) = timeout(patience, socket.read(&mut buf)).await {
        heard.extend_from_slice(&buf[..n]);
    }
    heard
}
