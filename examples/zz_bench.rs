use std::time::Instant;
use turno::{
    runtime::{Builder, Runtime},
    task::yield_now,
    time::*,
};
fn med(mut f: impl FnMut() -> f64) -> f64 {
    let mut v: Vec<f64> = (0..7).map(|_| f()).collect();
    v.sort_by(|a, b| a.total_cmp(b));
    v[3]
}
fn main() {
    println!(
        "switch {:.1} ns",
        med(|| {
            let rt = Runtime::new().unwrap();
            rt.block_on(async {
                let mut hs = vec![];
                let t = Instant::now();
                for _ in 0..1000 {
                    hs.push(turno::spawn(async {
                        for _ in 0..2000 {
                            yield_now().await
                        }
                    }));
                }
                for h in hs {
                    h.await.unwrap();
                }
                t.elapsed().as_nanos() as f64 / 2e6
            })
        })
    );
    println!(
        "spawn+join seq {:.1} ns",
        med(|| {
            let rt = Runtime::new().unwrap();
            rt.block_on(async {
                let t = Instant::now();
                for i in 0..200000u64 {
                    turno::spawn(async move { i }).await.unwrap();
                }
                t.elapsed().as_nanos() as f64 / 2e5
            })
        })
    );
    println!(
        "spawn+join live {:.1} ns",
        med(|| {
            let rt = Runtime::new().unwrap();
            rt.block_on(async {
                let t = Instant::now();
                let hs: Vec<_> = (0..300000u64).map(|i| turno::spawn(async move { i })).collect();
                for h in hs {
                    h.await.unwrap();
                }
                t.elapsed().as_nanos() as f64 / 3e5
            })
        })
    );
    println!(
        "timeout set+cancel {:.1} ns",
        med(|| {
            let rt = Runtime::new().unwrap();
            rt.block_on(async {
                let t = Instant::now();
                for _ in 0..200000u64 {
                    timeout(Duration::from_secs(10), yield_now()).await.unwrap();
                }
                t.elapsed().as_nanos() as f64 / 2e5
            })
        })
    );
    println!(
        "virtual sleepers {:.1} ns",
        med(|| {
            let rt = Builder::new().start_paused(true).build().unwrap();
            rt.block_on(async {
                let t = Instant::now();
                let hs: Vec<_> = (0..300000u64)
                    .map(|i| {
                        turno::spawn(async move {
                            sleep(Duration::from_nanos((i * 7919) % 1000003 * 1000)).await;
                            i
                        })
                    })
                    .collect();
                for h in hs {
                    h.await.unwrap();
                }
                t.elapsed().as_nanos() as f64 / 3e5
            })
        })
    );
}
