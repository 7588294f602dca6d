//! Out of descriptors, a listener says so without spinning, and accepts again within 100 ms of one
//! becoming free.

#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::{Duration, Instant};

use turno::net::TcpListener;
use turno::runtime::Runtime;
use turno::time::timeout;

/// Run in a child process, since the limit is the whole process's.
#[test]
fn accepting_goes_on_within_100_ms() {
    if std::env::var_os("TURNO_TEST_CHILD").is_none() {
        let test = std::env::current_exe().unwrap();
        let child = Command::new(test)
            .args(["--exact", "accepting_goes_on_within_100_ms", "--nocapture"])
            .env("TURNO_TEST_CHILD", "1")
            .status();
        assert!(child.unwrap().success());
        return;
    }
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
            if hoard.len() == 64 {
                let here = rustix::process::Rlimit { current: Some(80), maximum: Some(80) };
                rustix::process::setrlimit(rustix::process::Resource::Nofile, here).unwrap();
            }
        }
        // A naive loop, for a fifth of a second: a few errors, no connection, no spinning.
        let mut errors = 0;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            match timeout(Duration::from_millis(300), listener.accept()).await {
                Ok(Err(error)) if error.raw_os_error() == Some(24) => errors += 1,
                other => panic!("there is no descriptor for {other:?}"),
            }
        }
        assert!((2..=6).contains(&errors), "{errors} errors in 200 ms");
        drop(hoard.pop());
        let freed = Instant::now();
        let accepted = listener.accept().await;
        assert!(accepted.is_ok(), "{accepted:?}");
        assert!(freed.elapsed() < Duration::from_millis(100), "after {:?}", freed.elapsed());
        drop(client);
    });
}
