//! What a server process does: the same in virtual time and in a process of its own.

use std::rc::Rc;

use turno::task;

/// What a process stands before: where connections come from, and what it takes to answer one.
pub(super) trait Desk: 'static {
    type Connection: 'static;

    /// Waits until there are connections, and takes at most `most` of them; none: the day is over.
    async fn accept(&self, most: usize) -> Vec<Self::Connection>;

    /// Waits for the request, and answers it. Meanwhile the process does nothing else.
    async fn answer(&self, connection: Self::Connection);

    /// How the tasks are spawned that answer.
    fn task(&self) -> task::Builder {
        task::Builder::new()
    }
}

/// Accepts `most` connections, answers them, and only then comes for more: that many it holds at
/// most.
pub(super) async fn coupled(desk: &impl Desk, most: usize) {
    loop {
        let held = desk.accept(most).await;
        if held.is_empty() {
            return;
        }
        for connection in held {
            desk.answer(connection).await;
        }
    }
}

/// Accepts `most` connections at a time, makes each a task, and comes for more whenever these wait:
/// nothing bounds what it holds.
pub(super) async fn spawning(desk: Rc<impl Desk>, most: usize) {
    loop {
        let accepted = desk.accept(most).await;
        if accepted.is_empty() {
            return;
        }
        for connection in accepted {
            let answer = desk.clone();
            drop(desk.task().spawn(async move { answer.answer(connection).await }));
        }
        task::yield_now().await;
    }
}
