//! Whatever is set, reset, cancelled and waited for: timers fire like a sorted list.

mod common;

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::{guarded, virtual_rt};
use turno::time::{Duration, Instant, Sleep, advance, sleep_until};

thread_local! {
    static FIRED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Notes that its timer fired.
struct Note(usize);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        FIRED.with(|fired| fired.borrow_mut().push(self.0));
    }
}

/// The model: deadlines with the order of their making, in a list that is sorted when asked.
#[derive(Default)]
struct Naive {
    now: u64,
    made: u64,
    /// Deadline, order of making, name.
    set: Vec<(u64, u64, usize)>,
}

impl Naive {
    fn set(&mut self, name: usize, deadline: u64) {
        self.cancel(name);
        self.made += 1;
        self.set.push((deadline, self.made, name));
    }

    fn cancel(&mut self, name: usize) {
        self.set.retain(|timer| timer.2 != name);
    }

    fn advance(&mut self, by: u64) -> Vec<usize> {
        self.now = self.now.saturating_add(by);
        self.set.sort();
        let due = self.set.partition_point(|timer| timer.0 <= self.now);
        self.set.drain(..due).map(|timer| timer.2).collect()
    }
}

/// A duration, of any size but mostly short, often near the borders of the wheel's levels.
fn duration(u: &mut Unstructured<'_>) -> Result<u64> {
    let size = u.int_in_range(0..=40)?;
    let near = (1_u64 << size).saturating_add_signed(u.int_in_range(-2..=2)?);
    Ok(if u.ratio(1, 4)? { u.int_in_range(0..=200)? } else { near })
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    FIRED.with(|fired| fired.borrow_mut().clear());
    let rt = virtual_rt();
    let mut naps: Vec<Option<Pin<Box<Sleep>>>> = Vec::new();
    rt.block_on(async {
        let start = Instant::now();
        let mut naive = Naive::default();
        for _ in 0..u.int_in_range(1..=60)? {
            let name = u.int_in_range(0..=12)?;
            if naps.len() <= name {
                naps.resize_with(name + 1, || None);
            }
            match u.int_in_range(0..=9)? {
                0..=5 => {
                    let after = duration(u)?;
                    let deadline = naive.now + after;
                    let instant = start + Duration::from_nanos(deadline);
                    let nap = naps[name].get_or_insert_with(|| Box::pin(sleep_until(instant)));
                    if nap.deadline() != instant {
                        nap.as_mut().reset(instant);
                        naive.cancel(name);
                    }
                    // Polled with the same waker again, a timer keeps its place.
                    let waker = Waker::from(Arc::new(Note(name)));
                    let polled = nap.as_mut().poll(&mut Context::from_waker(&waker));
                    assert_eq!(polled.is_ready(), after == 0);
                    if after > 0 {
                        naive.set(name, deadline);
                    } else {
                        naive.cancel(name);
                    }
                }
                6 => {
                    naps[name] = None;
                    naive.cancel(name);
                }
                _ => {
                    let by = duration(u)?;
                    advance(Duration::from_nanos(by)).await;
                    let due = naive.advance(by);
                    FIRED.with(|fired| assert_eq!(fired.take(), due));
                    assert_eq!(start.elapsed(), Duration::from_nanos(naive.now));
                }
            }
            assert_eq!(rt.metrics().timers, naive.set.len());
        }
        let last = naive.advance(u64::MAX);
        advance(Duration::from_nanos(u64::MAX)).await;
        FIRED.with(|fired| assert_eq!(fired.take(), last));
        Ok(())
    })
}

#[test]
fn timers_fire_like_a_sorted_list() {
    guarded(|| {
        arbtest(follow).size_min(64).size_max(2_000).budget_ms(2_000);
    });
}
