//! Promises of `select!`, `join!`, `try_join!` and `pin!`.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use common::{Gate, Trace, has, panic_of, virtual_rt};
use turno::runtime::Builder;
use turno::time::{Instant, sleep};
use turno::{join, pin, select, task, try_join};

const MS: Duration = Duration::from_millis(1);

/// Says each poll, and is done at the `n`th.
fn polls<T: Clone>(trace: &Trace, name: &str, n: u32, output: T) -> impl Future<Output = T> {
    let (trace, name) = (trace.clone(), name.to_string());
    let mut left = n;
    poll_fn(move |cx| {
        trace.say(&name);
        left -= 1;
        if left == 0 {
            return Poll::Ready(output.clone());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

// ---- select! ----

#[test]
fn the_first_that_is_done_wins_and_the_others_are_dropped_before_its_handler() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let waits = |name: &str| {
            let guard = trace.on_drop(name);
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        };
        let said = select! {
            () = waits("a dropped") => "a",
            () = async { sleep(MS).await } => {
                trace.say("handler");
                "b"
            }
            () = waits("c dropped") => "c",
        };
        trace.say(said);
    });
    trace.check(&["a dropped", "c dropped", "handler", "b"]);
}

#[test]
fn biased_polls_in_order_at_every_wake() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        select! {
            biased;
            () = polls(&trace, "a", 9, ()) => {}
            () = polls(&trace, "b", 3, ()) => {}
            () = polls(&trace, "c", 9, ()) => {}
        }
    });
    trace.check(&["a", "b", "c", "a", "b", "c", "a", "b"]);
}

#[test]
fn it_begins_anywhere_and_anywhere_again_with_the_same_seed() {
    let winners = |seed: u64| {
        let rt = Builder::new().start_paused(true).seed(seed).build().unwrap();
        rt.block_on(async {
            let mut winners = Vec::new();
            for _ in 0..300 {
                winners.push(select! {
                    n = ready(0) => n,
                    n = ready(1) => n,
                    n = ready(2) => n,
                });
            }
            winners
        })
    };
    let one = winners(1);
    assert_eq!(one, winners(1));
    assert_ne!(one, winners(2));
    for branch in 0..3 {
        let count = one.iter().filter(|winner| **winner == branch).count();
        assert!((70..130).contains(&count), "branch {branch} won {count} of 300");
    }
}

#[test]
fn outside_of_a_runtime_the_branches_take_turns() {
    let mut winners = [0; 3];
    for _ in 0..9 {
        let winner = futures_lite::future::block_on(async {
            select! { n = ready(0) => n, n = ready(1) => n, n = ready(2) => n }
        });
        winners[winner] += 1;
    }
    assert_eq!(winners, [3, 3, 3]);
}

#[test]
fn guards_come_first_then_all_expressions_once_then_polls() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let says = |line: &str| trace.say(line);
        let n = select! {
            biased;
            n = { says("a made"); polls(&trace, "a", 2, 1) }, if { says("a?"); true } => n,
            n = { says("b made"); polls(&trace, "b", 1, 2) }, if { says("b?"); false } => n,
            n = { says("c made"); polls(&trace, "c", 3, 3) } => n,
        };
        assert_eq!(n, 1);
    });
    trace.check(&["a?", "b?", "a made", "b made", "c made", "a", "c", "a"]);
}

#[test]
fn an_output_that_does_not_fit_turns_its_branch_off() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let n = select! {
            biased;
            Some(n) = polls(&trace, "a", 1, None) => n,
            n = polls(&trace, "b", 3, 7) => n,
        };
        assert_eq!(n, 7);
    });
    trace.check(&["a", "b", "b", "b"]);
}

#[test]
fn else_is_for_when_all_are_off() {
    virtual_rt().block_on(async {
        for on in [false, true] {
            let said = select! {
                Some(()) = ready(None::<()>) => "some",
                () = sleep(MS), if on => "slept",
                else => "else",
            };
            assert_eq!(said, if on { "slept" } else { "else" });
        }
        assert_eq!(select! { else => 5 }, 5);
        assert_eq!(select! { biased; else => { 6 } }, 6);
    });
}

#[test]
fn without_else_all_off_panics() {
    let selects = || {
        futures_lite::future::block_on(async {
            select! { Some(()) = ready(None) => {} }
        })
    };
    let text = panic_of(selects);
    has(text, "all branches of `select!` are off, and it has no `else`");
}

#[test]
fn any_pattern_will_do() {
    struct Pair {
        left: String,
        right: Option<String>,
    }
    const THREE: u32 = 3;
    let pair = || Pair { left: "l".to_string(), right: Some("r".to_string()) };
    virtual_rt().block_on(async {
        // What is bound is moved, changed, or only looked at.
        let text = select! { mut text = ready("a".to_string()) => { text.push('b'); text } };
        assert_eq!(text, "ab");
        let text = select! {
            Pair { mut left, right: Some(right) } = async { pair() } => { left += &right; left }
        };
        assert_eq!(text, "lr");
        let n = select! { Pair { ref left, .. } = async { pair() } => left.len() };
        assert_eq!(n, 1);
        let n = select! { Some(ref mut n) = ready(Some(1)) => { *n += 1; *n } };
        assert_eq!(n, 2);
        let n = select! { whole @ (1..=3 | 7) = ready(THREE) => whole, else => 0 };
        assert_eq!(n, 3);
        assert!(!select! { THREE = ready(4) => true, else => false });
        assert!(select! { THREE | 4 = ready(4) => true, else => false });
        assert_eq!(select! { [first, .., last] = ready([1, 2, 3]) => first + last, }, 4);
        let mut five = 5;
        assert_eq!(select! { &mut ref n = ready(&mut five) => *n }, 5);
        assert_eq!(select! { _ = ready(5) => 6 }, 6);
        // The value that did not fit is dropped at once, the one that does goes to its handler.
        let shared = Rc::new(());
        let fits = shared.clone();
        select! {
            biased;
            Err(()) = ready(Ok::<_, ()>(shared.clone())) => {}
            held = ready(fits) => assert_eq!(Rc::strong_count(&held), 2),
        }
    });
}

#[test]
fn handlers_return_break_continue_await_and_use_the_question_mark() {
    async fn run(trace: &Trace) -> Result<u32, String> {
        let mut n = 0;
        loop {
            n += 1;
            select! {
                biased;
                () = ready(()), if n == 1 => continue,
                () = ready(()), if n == 2 => sleep(MS).await,
                found = ready("7".parse::<u32>()), if n == 3 => trace.say(found.unwrap()),
                found = ready(Err::<u32, _>("no".to_string())), if n == 5 => {
                    found?;
                }
                () = ready(()), if n == 6 => return Ok(n),
                else => {
                    trace.say("else");
                    n += 1;
                    if n > 5 { break }
                }
            }
        }
        let nth: u32 = select! { n = ready("x".parse::<u32>()) => n.map_err(|e| e.to_string())? };
        Ok(nth)
    }
    let trace = Trace::new();
    let end = virtual_rt().block_on(run(&trace));
    trace.check(&["7", "else"]);
    // n was 4 at `else`, became 5, and the loop went on to 6.
    assert_eq!(end, Ok(6));
    virtual_rt().block_on(async {
        let early = async {
            let n: u32 = select! { n = ready(Err::<u32, _>("early")) => n? };
            Ok::<u32, &str>(n)
        };
        assert_eq!(early.await, Err("early"));
    });
}

#[test]
fn handlers_may_use_what_the_futures_have_borrowed() {
    virtual_rt().block_on(async {
        let mut bytes = vec![1];
        let mut other = vec![2];
        async fn push(into: &mut Vec<u32>, n: u32) -> usize {
            sleep(MS).await;
            into.push(n);
            into.len()
        }
        select! {
            biased;
            len = push(&mut bytes, 3) => {
                bytes.push(len as u32);
                other.push(9);
            }
            _ = push(&mut other, 4) => bytes.clear(),
        }
        assert_eq!((bytes, other), (vec![1, 3, 2], vec![2, 9]));
    });
}

#[test]
fn a_future_by_reference_goes_on_in_the_next_round() {
    virtual_rt().block_on(async {
        let begun = Instant::now();
        let end = sleep(5 * MS);
        pin!(end);
        let mut ticks = 0;
        loop {
            select! {
                () = &mut end => break,
                () = sleep(2 * MS) => ticks += 1,
            }
        }
        assert_eq!((ticks, begun.elapsed()), (2, 5 * MS));
    });
}

struct Later(u32);

impl IntoFuture for Later {
    type Output = u32;
    type IntoFuture = Ready<u32>;

    fn into_future(self) -> Ready<u32> {
        ready(self.0)
    }
}

#[test]
fn what_becomes_a_future_is_one() {
    virtual_rt().block_on(async {
        assert_eq!(select! { n = Later(3) => n }, 3);
        assert_eq!(join!(Later(1), ready(2)), (1, 2));
    });
}

#[test]
fn a_spent_budget_gives_way_though_the_futures_know_of_none() {
    let trace = Trace::new();
    let rt = Builder::new().start_paused(true).budget(10).build().unwrap();
    rt.block_on(async {
        let other = task::spawn({
            let trace = trace.clone();
            async move { trace.say("the other") }
        });
        for _ in 0..10 {
            let notes = task::spawn(async {});
            drop(notes);
            turno::task::consume_budget().await;
        }
        select! { () = ready(()) => trace.say("selected") }
        other.await.unwrap();
    });
    trace.check(&["the other", "selected"]);
}

/// Expands to a select! of 64 branches, the `n`th of which is done.
macro_rules! of_64 {
    ($done:expr; $($n:literal)+) => {
        select! { $(n = poll_fn(|_| if $n == $done { Poll::Ready($n) } else { Poll::Pending }) => n,)+ }
    };
}

#[test]
fn sixty_four_branches_each_can_win() {
    for done in [0_u32, 1, 31, 32, 62, 63] {
        let winner = futures_lite::future::block_on(async {
            of_64!(done; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27
                28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55
                56 57 58 59 60 61 62 63)
        });
        assert_eq!(winner, done);
    }
}

#[test]
fn a_select_in_a_handler_and_in_a_future_is_its_own() {
    virtual_rt().block_on(async {
        let n = select! {
            a = async { select! { n = ready(1) => n + 1, n = ready(1) => n + 1 } } => {
                let b = select! { b = ready(a * 10) => b };
                a + b
            }
        };
        assert_eq!(n, 22);
    });
}

#[test]
fn what_waits_is_as_sendable_as_its_futures() {
    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }
    let selected = sendable(async {
        select! { n = ready(1) => n, n = ready(2) => n }
    });
    let joined = sendable(async { join!(ready(1), ready("b")) });
    let tried = sendable(async { try_join!(ready(Ok::<_, ()>(1)), ready(Ok("b"))) });
    futures_lite::future::block_on(async {
        assert!(selected.await < 3);
        assert_eq!(joined.await, (1, "b"));
        assert_eq!(tried.await, Ok((1, "b")));
    });
}

#[test]
fn eight_bytes_a_future_and_not_a_copy_more() {
    async fn big() -> u8 {
        let room = [1_u8; 1000];
        task::yield_now().await;
        room[999]
    }
    let one = size_of_val(&big());
    let selected = size_of_val(&async {
        select! { n = big() => n, n = big() => n }
    });
    let joined = size_of_val(&async { join!(big(), big()) });
    assert!(selected < 2 * one + 100, "{selected} for two of {one}");
    assert!(joined < 2 * one + 100, "{joined} for two of {one}");
}

// ---- join!, try_join! ----

#[test]
fn join_polls_each_once_a_wake_and_who_is_first_goes_round() {
    let trace = Trace::new();
    let outputs = virtual_rt().block_on(async {
        join!(polls(&trace, "a", 4, 1), polls(&trace, "b", 2, 'x'), polls(&trace, "c", 3, "y"))
    });
    assert_eq!(outputs, (1, 'x', "y"));
    trace.check(&["a", "b", "c", "b", "c", "a", "c", "a", "a"]);
}

#[test]
fn a_biased_join_polls_in_order() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        join!(biased; polls(&trace, "a", 3, ()), polls(&trace, "b", 3, ()));
        let both = try_join!(
            biased;
            polls(&trace, "c", 2, Ok::<_, ()>(1)),
            polls(&trace, "d", 2, Ok::<_, ()>(2)),
        );
        assert_eq!(both, Ok((1, 2)));
    });
    trace.check(&["a", "b", "a", "b", "a", "b", "c", "d", "c", "d"]);
}

#[test]
fn one_that_spends_the_budget_does_not_keep_the_others_from_theirs() {
    let counts: [Cell<u32>; 2] = Default::default();
    let rt = Builder::new().start_paused(true).budget(4).build().unwrap();
    rt.block_on(async {
        let spends = |n: usize| {
            let counts = &counts;
            async move {
                while counts[0].get() + counts[1].get() < 40 {
                    task::consume_budget().await;
                    counts[n].set(counts[n].get() + 1);
                }
            }
        };
        join!(spends(0), spends(1));
    });
    let [a, b] = counts.map(Cell::into_inner);
    assert!(a.abs_diff(b) <= 4, "{a} and {b}");
}

#[test]
fn joined_futures_may_borrow() {
    virtual_rt().block_on(async {
        let said = RefCell::new(Vec::new());
        let mut n = 1;
        let ((), text) = join!(
            async {
                sleep(MS).await;
                n += 1;
                said.borrow_mut().push("a");
            },
            async {
                said.borrow_mut().push("b");
                "text".to_string()
            },
        );
        assert_eq!((n, text.as_str(), said.into_inner()), (2, "text", vec!["b", "a"]));
    });
}

#[test]
fn nothing_is_joined_to_nothing() {
    futures_lite::future::block_on(async {
        let () = join!();
        let () = join!(biased;);
        assert_eq!(try_join!() as Result<(), ()>, Ok(()));
        assert_eq!(join!(ready(1)), (1,));
        assert_eq!(try_join!(ready(Ok::<_, ()>(1))), Ok((1,)));
    });
}

#[test]
fn an_error_ends_try_join_at_once_and_drops_the_others_in_order() {
    let trace = Trace::new();
    virtual_rt().block_on(async {
        let waits = |name: &str| {
            let guard = trace.on_drop(name);
            async move {
                let _guard = guard;
                pending::<Result<u32, &str>>().await
            }
        };
        let done = trace.on_drop("value dropped");
        let end = try_join!(
            waits("a dropped"),
            async { Ok(done) },
            async {
                sleep(MS).await;
                Err::<(), _>("no")
            },
            waits("d dropped"),
        );
        trace.say(end.err().unwrap());
    });
    trace.check(&["a dropped", "value dropped", "d dropped", "no"]);
}

#[test]
fn a_hundred_can_be_joined() {
    macro_rules! sum {
        ($($n:tt)+) => {{
            let gate = Gate::new();
            let wait = |n: u32| { let gate = gate.clone(); async move { gate.await; n } };
            let opens = async { gate.open(); 0 };
            let all = join!(opens, $(async { task::yield_now().await; $n },)+ wait(99));
            [all.0 == 0, all.99 == 99, $(all.$n == $n),+].iter().all(|same| *same)
        }};
    }
    let same = virtual_rt().block_on(async {
        sum!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
            33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61
            62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90
            91 92 93 94 95 96 97 98)
    });
    assert!(same);
}

// ---- pin! ----

#[test]
fn pin_pins_several_and_declares_some() {
    futures_lite::future::block_on(async {
        let (a, b) = (async { 1 }, async { 2 });
        pin!(a, b);
        let mut a: Pin<&mut dyn Future<Output = i32>> = a;
        assert_eq!(a.as_mut().await + b.await, 3);
        pin! {
            let c = async { 3 };
        }
        assert_eq!(c.await, 3);
    });
}
