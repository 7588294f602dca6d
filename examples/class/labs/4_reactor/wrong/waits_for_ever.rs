//! Has the socket, and no timer.

use std::time::Duration;

use turno::net::UnixStream;

pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    let _ = patience;
    while let Ok(n @ 1..) = socket.read(&mut buf).await {
        heard.extend_from_slice(&buf[..n]);
    }
    heard
}
