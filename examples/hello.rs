//! The smallest program: two tasks, awaited. It prints `hello, turno` after a tenth of a second.

use std::time::Duration;

use print::println;
use turno::time::sleep;

fn main() -> Result<(), turno::task::JoinError> {
    turno::block_on(async {
        let hello = turno::spawn(async {
            sleep(Duration::from_millis(100)).await;
            "hello"
        });
        let name = turno::spawn(async { "turno" });
        println!("{}, {}", hello.await?, name.await?);
        Ok(())
    })
}
