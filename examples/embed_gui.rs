//! turno inside a loop that knows no descriptors: an event queue, as a GUI has.
//!
//! `on_wake` posts an event when the runtime is wanted; the host answers it with a turn. Timers come
//! through `park_timeout`. Expected output:
//!
//! ```text
//! 20 clicks, 20 answers from the pool, 20 from tasks; the label says "done: 20"
//! ```

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use print::println;
use turno::runtime::Builder;
use turno::task::spawn_blocking;
use turno::time::sleep;

enum Event {
    Click(u32),
    /// The runtime wants a turn.
    Turno,
}

const CLICKS: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let (post, queue) = channel();
    let wake = post.clone();
    let rt = Builder::new().on_wake(move || drop(wake.send(Event::Turno))).build()?;
    let label = Rc::new(RefCell::new(String::from("nothing yet")));
    let done = Rc::new(RefCell::new((0, 0)));

    // A user, in a thread of their own.
    std::thread::spawn(move || (0..CLICKS).try_for_each(|n| post.send(Event::Click(n))));

    let mut clicks = 0;
    while done.borrow().1 < CLICKS {
        let event = match rt.park_timeout() {
            Some(patience) => queue.recv_timeout(patience),
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Click(n)) => {
                clicks += 1;
                let (label, done) = (label.clone(), done.clone());
                rt.spawn(async move {
                    let answer = spawn_blocking(move || n * n).await;
                    done.borrow_mut().0 += u32::from(answer.is_ok_and(|answer| answer == n * n));
                    sleep(Duration::from_millis(5)).await;
                    done.borrow_mut().1 += 1;
                    *label.borrow_mut() = format!("done: {}", done.borrow().1);
                });
            }
            Ok(Event::Turno) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("the runtime keeps a sender".into()),
        }
        rt.turn(Some(Duration::ZERO));
    }
    let (pool, tasks) = *done.borrow();
    assert_eq!((clicks, pool, tasks), (CLICKS, CLICKS, CLICKS));
    let label = label.borrow();
    println!(
        "{clicks} clicks, {pool} answers from the pool, {tasks} from tasks; the label says {label:?}"
    );
    Ok(())
}
