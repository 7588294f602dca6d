//! One switch at a time: what ran, why, what came of it, whom it woke, and why the policy picked it.
//!
//! Set a breakpoint on `turno::switch_to` and you stop at each of these lines. Expected output:
//!
//! ```text
//!    0 ms  switch 1: task 1 "main", spawned: waiting; woke task 2, 3
//!           [priority 128, waited 0ns] also ready: none
//!    0 ms  switch 2: task 3 "bell", spawned by task 1: waiting
//!           [priority 200, waited 0ns] also ready: 2
//! ```
//!
//! and so on, the same in every run: time is virtual.

use std::time::Duration;

use print::println;
use turno::policy::Priority;
use turno::runtime::Builder;
use turno::task;
use turno::time::{Clock, sleep, work};

async fn program() {
    let cook = task::Builder::new().name("cook").priority(10).spawn(async {
        for _ in 0..2 {
            work(Duration::from_millis(3)).await;
            task::yield_now().await;
        }
        "soup"
    });
    let bell = task::Builder::new().name("bell").priority(200).spawn(async {
        sleep(Duration::from_millis(4)).await;
    });
    bell.await.expect("the bell does not panic");
    println!("          the {} is served", cook.await.expect("the cook does not panic"));
}

fn main() -> std::io::Result<()> {
    let clock = Clock::virtual_time();
    let rt = Builder::new().policy(Priority::strict()).clock(clock).build()?;
    let _context = rt.enter();
    let main = task::Builder::new().name("main").spawn(program());
    while let Some(step) = rt.step() {
        let waiting: Vec<String> = step.queue.iter().map(ToString::to_string).collect();
        let ready = if waiting.is_empty() { "none".into() } else { waiting.join(" ") };
        println!("{:4} ms  {step}", step.at / 1_000_000);
        println!("          [{}] also ready: {ready}", step.reason);
    }
    assert!(main.is_finished());
    Ok(())
}
