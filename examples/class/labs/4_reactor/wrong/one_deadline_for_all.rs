//! Sets one timer for the whole talk, and not a new one for each silence.

use std::time::Duration;

use turno::net::UnixStream;
use turno::time::timeout;

pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    let all = async {
        while let Ok(n @ 1..) = socket.read(&mut buf).await {
            heard.extend_from_slice(&buf[..n]);
        }
    };
    let _ = timeout(patience, all).await;
    heard
}
