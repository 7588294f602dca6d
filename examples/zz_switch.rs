use turno::{runtime::Runtime, task::yield_now};
fn main() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let t = std::time::Instant::now();
        let mut hs = vec![];
        for _ in 0..1000 {
            hs.push(turno::spawn(async {
                for _ in 0..std::env::args().nth(1).map_or(20000, |s| s.parse().unwrap()) {
                    yield_now().await
                }
            }));
        }
        for h in hs {
            h.await.unwrap();
        }
        println!("{:.1}", t.elapsed().as_nanos() as f64 / 2e7);
    });
}
