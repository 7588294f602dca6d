//! Lab 4: the reactor and timers. Edit this file, then `cargo class 4`.

use std::io::ErrorKind::WouldBlock;
use std::time::Duration;

use turno::net::UnixStream;
use turno::task::yield_now;

/// Listens until the other side hangs up, or has been silent for `patience`. Returns all that came.
pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    let _ = patience; // Nobody looks at the clock yet.
    loop {
        match socket.try_read(&mut buf) {
            Ok(0) => return heard, // The other side hung up.
            Ok(n) => heard.extend_from_slice(&buf[..n]),
            // Nothing there yet: who calls us when there is?
            Err(error) if error.kind() == WouldBlock => yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}
