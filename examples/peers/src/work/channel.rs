//! A message there and one back between two tasks, over two channels with room for one: two sends,
//! two receives, two wakes and two switches.
//!
//! A trap: with more room, or more than one message on the way, tasks would seldom wait and the
//! switches would not be measured.

use super::{Scale, timed};
use crate::peer::Channels;

pub fn round_trip<P: Channels>(scale: Scale) -> f64 {
    let count = scale.of(100_000);
    P::block_on(async {
        let (mut there, mut request) = P::channel();
        let (mut answer, mut back) = P::channel();
        let ponger = P::spawn(async move {
            while let Some(message) = P::recv(&mut request).await {
                P::send(&mut answer, message + 1).await;
            }
        });
        let pinger = P::spawn(async move {
            for n in 0..count as u64 {
                P::send(&mut there, n).await;
                assert_eq!(P::recv(&mut back).await, Some(n + 1));
            }
        });
        timed(count, async {
            pinger.await;
            ponger.await;
        })
        .await
    })
}
