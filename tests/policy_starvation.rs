//! A policy that says it starves no task lets none wait for longer than it says, whatever comes,
//! works a little and is gone beside it. In virtual time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use turno::observe::Event;
use turno::policy::named;
use turno::runtime::{Builder, Runtime};
use turno::sync::Notify;
use turno::task::{self, Id, yield_now};
use turno::time::{Clock, Instant, sleep, work};

const MS: Duration = Duration::from_millis(1);
/// How long each case runs.
const ROUNDS: u32 = 600;

/// What a newcomer does when it has worked for a millisecond and spawned the next one.
#[derive(Clone, Copy, Debug)]
enum End {
    Done,
    Sleeps,
    Yields,
}

/// The `n`-th newcomer of a chain.
fn link(builder: fn(u32) -> task::Builder, end: End, n: u32) {
    builder(n).spawn(async move {
        work(MS).await;
        link(builder, end, n + 1);
        match end {
            End::Done => {}
            End::Sleeps => sleep(1_000_000 * MS).await,
            End::Yields => {
                yield_now().await;
                work(MS).await;
            }
        }
    });
}

struct Newcomer {
    kind: &'static str,
    builder: fn(u32) -> task::Builder,
    /// The least and the most that one weighs.
    weights: (u32, u32),
    /// In how many groups they are, and whether they are in that of the old ones.
    groups: u32,
    with_the_old: bool,
}

const PLAIN: Newcomer = Newcomer {
    kind: "plain",
    builder: |_| task::Builder::new(),
    weights: (100, 100),
    groups: 1,
    with_the_old: true,
};
const NEWCOMERS: [Newcomer; 7] = [
    PLAIN,
    Newcomer {
        kind: "light",
        builder: |_| task::Builder::new().weight(1),
        weights: (1, 1),
        ..PLAIN
    },
    Newcomer {
        kind: "heavy",
        builder: |_| task::Builder::new().weight(1_000),
        weights: (1_000, 1_000),
        ..PLAIN
    },
    Newcomer { kind: "urgent", builder: |_| task::Builder::new().priority(255), ..PLAIN },
    Newcomer {
        kind: "of another group",
        builder: |_| task::Builder::new().group(7),
        with_the_old: false,
        ..PLAIN
    },
    Newcomer {
        kind: "of a group each",
        builder: |n| task::Builder::new().group(n + 1),
        groups: u32::MAX,
        with_the_old: false,
        ..PLAIN
    },
    Newcomer {
        kind: "of mixed kinds",
        builder: |n| {
            let weights = [1, 100, 400];
            let builder = task::Builder::new().weight(weights[n as usize % 3]);
            builder.priority(n as u8).group(n % 5)
        },
        weights: (1, 400),
        groups: 5,
        with_the_old: true,
    },
];

/// What is beside the old ones.
struct Crowd {
    what: String,
    /// How many of it are ready at most, what they weigh in all, and the lightest; in how many
    /// groups they are, and how many of them in that of the old ones.
    ready: u32,
    weight: u32,
    lightest: u32,
    groups: u32,
    with_the_old: u32,
    begin: Box<dyn Fn()>,
}

fn crowds() -> Vec<Crowd> {
    let mut crowds = Vec::new();
    for Newcomer { kind, builder, weights, groups, with_the_old } in NEWCOMERS {
        for (chains, end) in [(1, End::Done), (1, End::Sleeps), (3, End::Done), (10, End::Yields)] {
            let ready = if matches!(end, End::Yields) { 2 * chains } else { chains };
            crowds.push(Crowd {
                what: format!("{chains} chains, {kind}, {end:?}"),
                ready,
                weight: ready * weights.1,
                lightest: weights.0,
                groups: groups.min(ready),
                with_the_old: if with_the_old { ready } else { 0 },
                begin: Box::new(move || (0..chains).for_each(|_| link(builder, end, 0))),
            });
        }
    }
    let others: [(&str, u32, fn()); 2] = [("an acceptor", 2, acceptor), ("a ring", 5, ring)];
    crowds.extend(others.map(|(what, ready, begin)| Crowd {
        what: what.to_owned(),
        ready,
        weight: ready * 100,
        lightest: 100,
        groups: 1,
        with_the_old: ready,
        begin: Box::new(begin),
    }));
    crowds
}

/// It spawns and does nothing else, and is woken by each that it has spawned.
fn acceptor() {
    task::Builder::new().spawn(async {
        loop {
            let done = Rc::new(Notify::new());
            let theirs = done.clone();
            task::Builder::new().spawn(async move {
                work(MS).await;
                theirs.notify_one();
            });
            done.notified().await;
        }
    });
}

/// Each of five works and wakes the next.
fn ring() {
    let ring: Vec<_> = (0..5).map(|_| Rc::new(Notify::new())).collect();
    ring[0].notify_one();
    for n in 0..5 {
        let (mine, next) = (ring[n].clone(), ring[(n + 1) % 5].clone());
        task::Builder::new().priority(200).spawn(async move {
            loop {
                mine.notified().await;
                work(MS).await;
                next.notify_one();
            }
        });
    }
}

fn rt(policy: &str) -> Runtime {
    let builder = Builder::new().policy(named(policy).unwrap());
    builder.clock(Clock::virtual_time()).build().unwrap()
}

/// The longest that three old ones have waited to be picked: two are always ready, one of them at
/// weight 10, and one sleeps and works a little.
fn longest_waits(policy: &str, crowd: &dyn Fn()) -> [Duration; 3] {
    let rt = rt(policy);
    let since: Rc<RefCell<BTreeMap<Id, (Duration, Duration)>>> = Rc::default();
    let _context = rt.enter();
    let hog = || async {
        loop {
            work(MS).await;
            yield_now().await;
        }
    };
    let old = [
        task::Builder::new().spawn(hog()).id(),
        task::Builder::new().weight(10).spawn(hog()).id(),
        task::Builder::new()
            .spawn(async {
                loop {
                    sleep(7 * MS).await;
                    work(MS / 10).await;
                }
            })
            .id(),
    ];
    // When it last became ready, and the longest wait so far; who still waits at the end counts.
    let (seen, clock) = (since.clone(), Rc::new(Cell::new(Duration::ZERO)));
    let now = clock.clone();
    rt.observe(move |at, event: &Event<'_>| {
        now.set(Duration::from_nanos(at));
        if let Event::Switched { task, waited, .. } = event
            && old.contains(&task.id())
        {
            let mut seen = seen.borrow_mut();
            let (last, longest) = seen.entry(task.id()).or_default();
            (*last, *longest) = (now.get(), (*longest).max(Duration::from_nanos(*waited)));
        }
    });
    crowd();
    rt.run_until(Instant::now() + ROUNDS * MS);
    let since = since.borrow();
    old.map(|id| {
        let (last, longest) = since.get(&id).copied().unwrap_or_default();
        // A sleeper was not ready all the time since.
        longest.max((clock.get() - last).saturating_sub(9 * MS))
    })
}

/// How long the hog, the light hog and the sleeper wait at most, in milliseconds, by what the
/// policy says.
fn said(policy: &str, crowd: &Crowd) -> [u32; 3] {
    const WEIGHTS: [u32; 3] = [100, 10, 100];
    let lightest = crowd.lightest.min(10);
    let ready = crowd.ready + 3;
    let weight = crowd.weight + WEIGHTS.iter().sum::<u32>();
    // Drawn by lot: twelve times the mean is one in e^12.
    match policy {
        // A switch of each that was ready before.
        "fifo" => [ready; 3],
        // The rest of this lap, one for each that is before it, and its own; a switch of each.
        "round-robin" => [(crowd.with_the_old + 4) * (crowd.groups + 1); 3],
        // The same, a quantum and a switch of each.
        "drr" => [(crowd.with_the_old + 4) * (crowd.groups + 1) * 2; 3],
        "random" => [12 * ready; 3],
        "lottery" => WEIGHTS.map(|own| 12 * weight / own),
        // A lead of 127 levels, and a switch of each.
        "priority:aging=1ms" => [127 + ready; 3],
        // The period, and a switch of each.
        "mlfq:boost=50ms" => [50 + ready; 3],
        // Twice what it owes, which is a millisecond over its weight, times all weights, and a
        // switch of each. Who comes back is queued no later than one of the others.
        _ => [100, 10, lightest].map(|owing| 2 * weight / owing + ready),
    }
}

#[test]
fn no_task_waits_for_longer_than_its_policy_says_beside_chains_of_newcomers() {
    let mut complaints = Vec::new();
    for crowd in crowds() {
        for policy in [
            "fifo",
            "round-robin",
            "drr",
            "random",
            "lottery",
            "priority:aging=1ms",
            "mlfq:boost=50ms",
            "fair",
            "fair:quantum=100us",
            "stride",
        ] {
            let waits = longest_waits(policy, &*crowd.begin);
            let said = said(policy, &crowd).map(|ms| ms * MS);
            if (0..3).any(|old| waits[old] > said[old]) {
                let what = &crowd.what;
                complaints.push(format!("{policy} beside {what}: {waits:?}, and says {said:?}"));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// How often each of three has run: the old one, one of a chain, and a sleeper.
fn rounds(policy: &str) -> [u64; 3] {
    fn next(rounds: Rc<Cell<u64>>) {
        task::Builder::new().spawn(async move {
            work(MS).await;
            rounds.set(rounds.get() + 1);
            next(rounds);
        });
    }
    let rt = rt(policy);
    let _context = rt.enter();
    let [old, chain, sleeper] = [(); 3].map(|()| Rc::new(Cell::new(0)));
    let mine = old.clone();
    task::Builder::new().spawn(async move {
        loop {
            work(MS).await;
            mine.set(mine.get() + 1);
            yield_now().await;
        }
    });
    next(chain.clone());
    let mine = sleeper.clone();
    task::Builder::new().spawn(async move {
        loop {
            sleep(10 * MS).await;
            mine.set(mine.get() + 1);
        }
    });
    rt.run_until(Instant::now() + 4_000 * MS);
    [old, chain, sleeper].map(|rounds| rounds.get())
}

#[test]
fn a_chain_of_newcomers_has_about_the_share_of_one_task() {
    for policy in ["fifo", "round-robin", "drr", "fair", "stride", "priority:aging=10ms"] {
        let [old, chain, sleeper] = rounds(policy);
        assert_eq!(old + chain, 4_000, "{policy}");
        assert!(old >= 1_800, "{policy}: {old} rounds of the old one, {chain} of the chain");
        assert!(sleeper >= 300, "{policy}: {sleeper} of the sleeper");
    }
}

/// What newcomers leave unpaid when they are gone does not make later ones wait for it.
#[test]
fn a_newcomer_waits_for_a_switch_of_each_however_many_were_there_before() {
    for policy in ["fair", "stride"] {
        let rt = rt(policy);
        let _context = rt.enter();
        for _ in 0..10 {
            task::Builder::new().weight(1_000).spawn(async {
                loop {
                    work(MS / 2).await;
                    yield_now().await;
                }
            });
        }
        let longest = Rc::new(Cell::new(0));
        let seen = longest.clone();
        rt.observe(move |_, event: &Event<'_>| {
            if let Event::Switched { task, waited, .. } = event
                && task.group() == 1
            {
                seen.set(seen.get().max(*waited));
            }
        });
        // It comes at the same place as those that it spawns, and they at once after it.
        task::Builder::new().group(1).weight(1_000).spawn(async {
            loop {
                sleep(6 * MS).await;
                task::Builder::new().weight(1).spawn(work(MS / 10));
            }
        });
        rt.run_until(Instant::now() + 10_000 * MS);
        let longest = Duration::from_nanos(longest.get());
        assert!(longest > Duration::ZERO && longest <= 11 * MS / 2, "{policy}: {longest:?}");
    }
}
