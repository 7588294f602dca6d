//! Takes the end of the stream for a silence.

use std::time::Duration;

use turno::net::UnixStream;
use turno::time::timeout;

pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    while let Ok(Ok(n)) = timeout(patience, socket.read(&mut buf)).await {
        heard.extend_from_slice(&buf[..n]);
        if n == 0 {
            turno::time::sleep(patience).await;
            break;
        }
    }
    heard
}
