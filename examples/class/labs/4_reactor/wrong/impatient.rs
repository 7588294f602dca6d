//! Gives up after half of the silence.

use std::time::Duration;

use turno::net::UnixStream;
use turno::time::timeout;

pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    while let Ok(read) = timeout(patience / 2, socket.read(&mut buf)).await {
        match read {
            Ok(0) => break, // The other side hung up.
            Ok(n) => heard.extend_from_slice(&buf[..n]),
            Err(error) => panic!("{error}"),
        }
    }
    heard
}
