//! A program of your own in the stepper: two cooks, one stove, and a bell.
//!
//! ```text
//! cargo run --package stepper --example my_program
//! ```

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use stepper::program::{Begun, Program};
use turno::sync::Mutex;
use turno::task;
use turno::time::{sleep, work};

const MINUTE: Duration = Duration::from_secs(60);

struct Kitchen;

impl Program for Kitchen {
    fn title(&self) -> String {
        "the kitchen".to_string()
    }

    fn begin(&self) -> Begun {
        Begun::new(async {
            let stove = Rc::new(Mutex::new("cold"));
            let mut tasks = Vec::new();
            for (cook, dish) in [("ann", 3), ("ben", 5)] {
                let stove = stove.clone();
                tasks.push(task::Builder::new().name(cook).spawn(async move {
                    work(MINUTE).await; // Cutting onions.
                    let mut heat = stove.lock().await;
                    *heat = "hot";
                    sleep(dish * MINUTE).await; // The stove works, the cook does not.
                }));
            }
            tasks.push(task::Builder::new().name("bell").priority(200).spawn(async {
                for _ in 0..3 {
                    sleep(2 * MINUTE).await;
                }
            }));
            for task in tasks {
                task.await.expect("nobody in the kitchen panics");
            }
        })
    }
}

fn main() -> ExitCode {
    stepper::step(Kitchen)
}
