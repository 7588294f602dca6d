//! turno inside a game: 60 frames a second, and the tasks have what is left of each.
//!
//! Each frame the game computes and draws for 6 ms; `run_until` gives the rest to the tasks, switch by
//! switch. Four of them compute in pieces of 1 ms, one ticks every 50 ms. Expected output, roughly:
//!
//! ```text
//! 60 frames in 1.000 s, 0 late by more than 2 ms; tasks: 400 of 400 pieces, 15 ticks
//! ```

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use print::println;
use turno::runtime::Runtime;
use turno::task::yield_now;
use turno::time::{interval, work};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);
const GAME: Duration = Duration::from_millis(6);

fn main() -> std::io::Result<()> {
    let rt = Runtime::new()?;
    let (pieces, ticks) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let pieces = pieces.clone();
            rt.spawn(async move {
                for _ in 0..100 {
                    work(Duration::from_millis(1)).await;
                    pieces.set(pieces.get() + 1);
                    yield_now().await;
                }
            })
        })
        .collect();
    let count = ticks.clone();
    let ticker = rt.spawn(async move {
        let mut clock = interval(Duration::from_millis(50));
        for _ in 0..15 {
            clock.tick().await;
            count.set(count.get() + 1);
        }
    });

    let start = Instant::now();
    let (mut frames, mut late) = (0, 0);
    while tasks.iter().any(|task| !task.is_finished()) || !ticker.is_finished() || frames < 60 {
        frames += 1;
        let end = start + FRAME * frames;
        let drawn = Instant::now() + GAME;
        while Instant::now() < drawn {
            std::hint::spin_loop(); // The game.
        }
        // A piece may take 1 ms: stop that much before the end of the frame.
        rt.run_until((end - Duration::from_millis(1)).into());
        late += u32::from(Instant::now() > end + Duration::from_millis(2));
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
    }
    let (took, pieces, ticks) = (start.elapsed().as_secs_f64(), pieces.get(), ticks.get());
    println!(
        "{frames} frames in {took:.3} s, {late} late by more than 2 ms; tasks: {pieces} of 400 pieces, \
         {ticks} ticks"
    );
    assert_eq!((pieces, ticks), (400, 15));
    Ok(())
}
