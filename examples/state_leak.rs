//! What one task leaves in a library, another finds: state leaks across an await.
//!
//! Look at the pairs of who acted and whom the library's log blames. The library keeps the current
//! user in a thread-local variable, as many made for threads do: here all tasks share the one
//! thread. Then it keeps it in a task-local one. Time is virtual; expected output, in part:
//!
//! ```text
//! The user in thread_local!: 2 of 3 wrong
//! acted  in the log
//! ben          cleo  wrong
//! cleo         cleo
//! ann          cleo  wrong
//!
//! The user in task_local!: 0 of 3 wrong
//! ```

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use print::println;
use turno::runtime::Builder;
use turno::task::JoinSet;
use turno::time::sleep;

#[path = "slides/say.rs"]
mod say;

/// A library that was written for threads.
mod for_threads {
    use std::cell::Cell;

    thread_local! { static USER: Cell<&'static str> = const { Cell::new("nobody") }; }

    pub fn log_in(user: &'static str) {
        USER.set(user);
    }

    pub fn user() -> &'static str {
        USER.get()
    }
}

/// The same library, for tasks.
mod for_tasks {
    turno::task_local! {
        /// Who acts. A task spawned on the user's behalf has it, too.
        #[inherit]
        pub static USER: &'static str;
    }
}

/// Who acted, and whom the library took for it.
pub type Entry = (&'static str, &'static str);

/// The three requests, with the time that each one's database takes.
const REQUESTS: [(&str, u64); 3] = [("ann", 30), ("ben", 10), ("cleo", 20)];

async fn ask_the_database(ms: u64) {
    sleep(Duration::from_millis(ms)).await; // Others run, and log in.
}

/// With a thread-local variable.
pub fn leaking() -> io::Result<Vec<Entry>> {
    serve(|user, ms, log| async move {
        for_threads::log_in(user);
        ask_the_database(ms).await;
        log.borrow_mut().push((user, for_threads::user()));
    })
}

/// With a task-local one.
pub fn scoped() -> io::Result<Vec<Entry>> {
    serve(|user, ms, log| {
        for_tasks::USER.scope(user, async move {
            ask_the_database(ms).await;
            let audit = turno::spawn(async move {
                log.borrow_mut().push((user, for_tasks::USER.get()));
            });
            audit.await.expect("the audit does not panic");
        })
    })
}

fn serve<F: Future<Output = ()> + 'static>(
    request: impl Fn(&'static str, u64, Rc<RefCell<Vec<Entry>>>) -> F,
) -> io::Result<Vec<Entry>> {
    let log = Rc::<RefCell<Vec<Entry>>>::default();
    let rt = Builder::new().start_paused(true).build()?;
    rt.block_on(async {
        let requests = REQUESTS.map(|(user, ms)| request(user, ms, log.clone()));
        requests.into_iter().collect::<JoinSet<_>>().join_all().await;
    });
    Ok(log.take())
}

fn main() -> io::Result<()> {
    say::slide(
        "Leak de estado desde una tarea a otra = caos",
        "A stateful library inside of tasks: state leaks, chaos follows",
    );
    say::what("Three requests at once; the library's log says who did it:");
    for (name, log) in [("thread_local!", leaking()?), ("task_local!", scoped()?)] {
        let wrong = log.iter().filter(|(acted, blamed)| acted != blamed).count();
        let rows = log.iter().map(|(acted, blamed)| {
            let mark = if acted == blamed { "" } else { "wrong" };
            [*acted, *blamed, mark].map(String::from)
        });
        println!("\n  The user in {name}: {wrong} of {} wrong", log.len());
        say::table(["acted", "in the log", ""], rows);
    }
    say::why(
        "The library asks its thread who the user is, and all tasks are on that thread: the last \
         one to log in is everybody. A scope of a task-local value is put in place for each poll \
         of its task, and taken away after it.",
    );
    say::instead(
        "Hand the context on as an argument. Where that cannot be, task_local! with `scope`; with \
         #[inherit] what a task spawns has it, too. A library that cannot do either belongs into \
         task::spawn_blocking, where a request has a thread to itself.",
    );
    Ok(())
}
