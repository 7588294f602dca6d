//! Programs of lab 1.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use turno::task::yield_now;
use turno::time::{sleep, timeout};

use crate::programs;

type Dish = Pin<Box<dyn Future<Output = ()>>>;

programs! { who_polls;
    awaits_the_handles "right",
    a_set_of_tasks "right",
    the_right_one_first "right",
    a_list_that_shrinks "right",
    yields_once "right",
    ready_at_once "done-too-early",
    awaits_the_left_one_only "done-too-early",
    the_first_of_two "done-too-early",
    counts_its_polls "done-too-early",
    takes_a_second_poll_for_the_end "done-too-early",
    sleeps_instead_of_the_dishes "done-too-early",
    spawns_both "not-awaited",
    spawns_and_awaits_one "not-awaited",
    drops_the_right_one "dropped",
    gives_up_after_a_while "dropped",
    takes_out_and_forgets "dropped",
    awaits_one_by_one "one-after-another",
    spawns_one_when_the_other_is_done "one-after-another",
    sleeps_at_the_end "done-too-late",
    sleeps_in_the_thread "blocks-the-thread",
    sleeps_in_the_thread_while_it_waits "blocks-the-thread",
    computes_while_it_waits "blocks-the-thread",
    a_runtime_of_its_own "blocks-on",
    polls_in_a_loop "never-gives-way",
    yields_until_done "self-wake-spin",
    wakes_itself "self-wake-spin",
    looks_each_millisecond "naps",
    looks_each_millisecond_and_hears_nothing "naps",
    real_time_has_passed "real-clock",
    polls_once "polled-once",
    polls_twice "not-polled-again",
    only_the_right_one "never-polled",
    never_says_so "never-ready",
    polls_both_to_the_end "polled-after-end",
    hands_on_no_waker "deaf-waker",
    waits_for_the_end_of_time "never-polled",
    is_not_written_yet "panicked",
    expects_both_at_once "panicked",
}

/// A poll by hand: two dishes, `None` when done.
async fn by_hand(
    left: Dish,
    right: Dish,
    mut poll: impl FnMut(&mut [Option<Dish>; 2], &mut Context<'_>) -> Poll<()>,
) {
    let mut dishes = [Some(left), Some(right)];
    poll_fn(|cx| poll(&mut dishes, cx)).await;
}

/// Polls what is not done yet; whether all is.
fn poll_all(dishes: &mut [Option<Dish>; 2], cx: &mut Context<'_>) -> bool {
    for dish in dishes.iter_mut() {
        if dish.as_mut().is_some_and(|dish| dish.as_mut().poll(cx).is_ready()) {
            *dish = None;
        }
    }
    dishes.iter().all(Option::is_none)
}

mod awaits_the_handles {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let left = turno::spawn(left);
        right.await;
        left.await.unwrap();
    }
}

mod a_set_of_tasks {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut set = turno::task::JoinSet::new();
        set.spawn(left);
        set.spawn(right);
        while set.join_next().await.is_some() {}
    }
}

mod the_right_one_first {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(right, left, |dishes, cx| match poll_all(dishes, cx) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

mod a_list_that_shrinks {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut dishes = vec![left, right];
        poll_fn(|cx| {
            dishes.retain_mut(|dish| dish.as_mut().poll(cx).is_pending());
            if dishes.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

mod yields_once {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        yield_now().await;
        turno::join!(left, right);
    }
}

mod ready_at_once {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |_, _| Poll::Ready(())).await;
    }
}

mod awaits_the_left_one_only {
    use super::*;
    pub async fn both(left: Dish, _right: Dish) {
        left.await;
    }
}

mod the_first_of_two {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        turno::select! {
            () = left => {}
            () = right => {}
        }
    }
}

mod counts_its_polls {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut polls = 0;
        by_hand(left, right, |dishes, cx| {
            polls += 1;
            if poll_all(dishes, cx) || polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

mod takes_a_second_poll_for_the_end {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut begun = false;
        by_hand(left, right, |dishes, cx| {
            if begun || poll_all(dishes, cx) {
                return Poll::Ready(());
            }
            begun = true;
            Poll::Pending
        })
        .await;
    }
}

mod sleeps_instead_of_the_dishes {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let _dishes = (left, right);
        sleep(Duration::from_millis(5)).await;
    }
}

mod spawns_both {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        turno::spawn(left);
        turno::spawn(right);
        yield_now().await;
    }
}

mod spawns_and_awaits_one {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        turno::spawn(right);
        left.await;
    }
}

mod drops_the_right_one {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        drop(right);
        left.await;
    }
}

mod gives_up_after_a_while {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let _ = timeout(Duration::from_millis(4), right).await;
        left.await;
        sleep(Duration::from_millis(1)).await;
    }
}

mod takes_out_and_forgets {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, cx| {
            for dish in dishes.iter_mut() {
                if let Some(mut dish) = dish.take()
                    && dish.as_mut().poll(cx).is_pending()
                {
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

mod awaits_one_by_one {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        left.await;
        right.await;
    }
}

mod spawns_one_when_the_other_is_done {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        turno::spawn(left).await.unwrap();
        turno::spawn(right).await.unwrap();
    }
}

mod sleeps_at_the_end {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        turno::join!(left, right);
        sleep(Duration::from_millis(1)).await;
    }
}

mod sleeps_in_the_thread {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let _dishes = (left, right);
        thread::sleep(Duration::from_millis(5));
    }
}

mod sleeps_in_the_thread_while_it_waits {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, cx| {
            if poll_all(dishes, cx) {
                return Poll::Ready(());
            }
            thread::sleep(Duration::from_millis(1));
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

mod computes_while_it_waits {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let start = Instant::now();
        by_hand(left, right, |dishes, cx| {
            while start.elapsed() < Duration::from_millis(5) {}
            if poll_all(dishes, cx) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

mod a_runtime_of_its_own {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        turno::block_on(async { turno::join!(left, right) });
    }
}

mod polls_in_a_loop {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, cx| {
            while !poll_all(dishes, cx) {}
            Poll::Ready(())
        })
        .await;
    }
}

mod yields_until_done {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut dishes = [Some(left), Some(right)];
        while !poll_fn(|cx| Poll::Ready(poll_all(&mut dishes, cx))).await {
            yield_now().await;
        }
    }
}

mod wakes_itself {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, cx| {
            cx.waker().wake_by_ref();
            if poll_all(dishes, cx) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

mod looks_each_millisecond {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut dishes = [Some(left), Some(right)];
        while !poll_fn(|cx| Poll::Ready(poll_all(&mut dishes, cx))).await {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

mod looks_each_millisecond_and_hears_nothing {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut dishes = [Some(left), Some(right)];
        while !poll_all(&mut dishes, &mut Context::from_waker(Waker::noop())) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

mod real_time_has_passed {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let start = Instant::now();
        turno::join!(left, right);
        while start.elapsed() < Duration::from_millis(5) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

mod polls_once {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut begun = false;
        by_hand(left, right, |dishes, cx| {
            if !begun && poll_all(dishes, cx) {
                return Poll::Ready(());
            }
            begun = true;
            Poll::Pending
        })
        .await;
    }
}

mod polls_twice {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let mut polls = 0;
        by_hand(left, right, |dishes, cx| {
            polls += 1;
            if polls <= 2 && poll_all(dishes, cx) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

mod only_the_right_one {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, cx| {
            if let Some(dish) = &mut dishes[1]
                && dish.as_mut().poll(cx).is_ready()
            {
                dishes[1] = None;
            }
            if dishes.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

mod never_says_so {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, cx| {
            poll_all(dishes, cx);
            Poll::Pending
        })
        .await;
    }
}

mod polls_both_to_the_end {
    use super::*;
    pub async fn both(mut left: Dish, mut right: Dish) {
        poll_fn(|cx| {
            let done = [left.as_mut().poll(cx), right.as_mut().poll(cx)];
            if done.iter().all(Poll::is_ready) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

mod hands_on_no_waker {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, _| {
            match poll_all(dishes, &mut Context::from_waker(Waker::noop())) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

mod waits_for_the_end_of_time {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        let _dishes = (left, right);
        std::future::pending::<()>().await;
    }
}

mod is_not_written_yet {
    use super::*;
    pub async fn both(_left: Dish, _right: Dish) {
        todo!()
    }
}

mod expects_both_at_once {
    use super::*;
    pub async fn both(left: Dish, right: Dish) {
        by_hand(left, right, |dishes, cx| {
            for dish in dishes.iter_mut() {
                dish.take().unwrap().as_mut().poll(cx).is_ready().then_some(()).unwrap();
            }
            Poll::Ready(())
        })
        .await;
    }
}
