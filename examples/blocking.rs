//! One blocking call stops everyone: a task that ticks shows how late it gets.
//!
//! Look at the strip: one character is one tick, due every 10 ms; the taller, the later. The same
//! query blocks the thread, or waits on the blocking pool, or awaits. Expected output, roughly:
//!
//! ```text
//!                                   how late each tick was  the latest  longest switch
//! the query blocks          ▁▁▁▁█▇▇▆▅▄▄▃▂▂▁▁▁▁▁▇▇▆▅▄▄▃▂▂▁▁    104.8 ms        100.2 ms
//! ... on the blocking pool  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁      2.0 ms          0.1 ms
//! ```

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use turno::observe::Event;
use turno::runtime::Builder;
use turno::task::{self, Nanos, spawn_blocking};
use turno::time::{interval, sleep};

#[path = "slides/say.rs"]
mod say;

const TICK: Duration = Duration::from_millis(10);
const QUERY: Duration = Duration::from_millis(100);

#[derive(Clone, Copy)]
pub enum Query {
    /// Such a driver as has no async interface.
    Blocks,
    OnThePool,
    /// A driver that waits by awaiting.
    Awaits,
}

async fn query(how: Query) {
    match how {
        Query::Blocks => thread::sleep(QUERY),
        Query::OnThePool => {
            let job = spawn_blocking(|| thread::sleep(QUERY));
            job.await.expect("the query does not panic");
        }
        Query::Awaits => sleep(QUERY).await,
    }
}

pub struct Run {
    /// How late each tick came.
    pub late: Vec<Duration>,
    /// The switch that kept the thread longest, and whose it was.
    pub longest: (Nanos, String),
}

/// Thirty ticks, and two queries meanwhile.
pub fn run(how: Query) -> io::Result<Run> {
    let longest = Rc::new(RefCell::new((0, String::new())));
    let seen = longest.clone();
    let watch = move |_: Nanos, event: &Event<'_>| {
        if let Event::Ended { task, ran, .. } = event
            && *ran > seen.borrow().0
        {
            seen.replace((*ran, task.to_string()));
        }
    };
    let rt = Builder::new().observe(watch).build()?;
    let late = rt.block_on(async {
        let queries = task::Builder::new().name("queries").spawn(async move {
            for _ in 0..2 {
                sleep(4 * TICK).await;
                query(how).await;
            }
        });
        let ticker = task::Builder::new().name("ticker").spawn(async {
            let mut clock = interval(TICK);
            let mut late = Vec::new();
            for _ in 0..30 {
                late.push(clock.tick().await.elapsed());
            }
            late
        });
        queries.await.expect("the queries do not panic");
        ticker.await.expect("the ticker does not panic")
    });
    Ok(Run { late, longest: longest.take() })
}

/// One character a tick: the taller, the later.
fn strip(late: &[Duration]) -> String {
    let level = |late: &Duration| (late.as_millis() / (QUERY.as_millis() / 7)).min(7) as usize;
    late.iter().map(|late| ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][level(late)]).collect()
}

fn main() -> io::Result<()> {
    say::slide(
        "Usar un I/O loop para hacer operaciones bloqueantes",
        "Blocking calls on the loop: the worst of both worlds",
    );
    say::what("A task ticks every 10 ms; another makes two queries of 100 ms:");
    let mut rows = Vec::new();
    let mut culprit = String::new();
    for (name, how) in [
        ("the query blocks", Query::Blocks),
        ("... on the blocking pool", Query::OnThePool),
        ("... awaits", Query::Awaits),
    ] {
        let Run { late, longest: (ran, task) } = run(how)?;
        let ran = Duration::from_nanos(ran);
        if culprit.is_empty() {
            culprit = format!("{task} kept the thread for {}.", say::ms(ran));
        }
        let worst = late.iter().max().copied().unwrap_or_default();
        rows.push([name.into(), strip(&late), say::ms(worst), say::ms(ran)]);
    }
    say::table(["", "how late each tick was", "the latest", "longest switch"], rows);
    say::why(&format!(
        "Tasks share one thread. While a call blocks it, no timer fires and no socket is read, and \
         nobody's code is to blame but the caller's. An observer names it: {culprit}"
    ));
    say::instead(
        "Await what can be awaited; give what only blocks (an ORM, files, DNS) to \
         task::spawn_blocking, whose pool is bounded: Builder::max_blocking_threads.",
    );
    Ok(())
}
