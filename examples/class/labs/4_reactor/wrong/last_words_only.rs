//! Forgets what it has heard when it hears more.

use std::time::Duration;

use turno::net::UnixStream;
use turno::time::timeout;

pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    while let Ok(read) = timeout(patience, socket.read(&mut buf)).await {
        match read {
            Ok(0) => break, // The other side hung up.
            Ok(n) => heard = buf[..n].to_vec(),
            Err(error) => panic!("{error}"),
        }
    }
    heard
}
