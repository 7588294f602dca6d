//! Takes the whole buffer, and not only what was read into it.

use std::time::Duration;

use turno::net::UnixStream;
use turno::time::timeout;

pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 8];
    while let Ok(read) = timeout(patience, socket.read(&mut buf)).await {
        match read {
            Ok(0) => break, // The other side hung up.
            Ok(_) => heard.extend_from_slice(&buf),
            Err(error) => panic!("{error}"),
        }
    }
    heard
}
