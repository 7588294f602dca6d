//! A message to another thread and one back that wakes a task: the price of leaving the thread.
//!
//! Most of it is the kernel's, which wakes a sleeping thread twice. The channels are the same for
//! all: std's there, an unbounded one of `futures` back. The floor is two threads with std's both
//! ways.

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use futures::StreamExt;
use futures::channel::mpsc::unbounded;

use super::{Scale, cpu_time, each, timed};
use crate::peer::Peer;

fn count(scale: Scale) -> usize {
    scale.of(5_000)
}

/// Another thread, which answers until nobody asks any more.
fn answering(questions: Receiver<u64>, answer: impl Fn(u64) + Send + 'static) {
    thread::spawn(move || questions.iter().for_each(answer));
}

pub fn round_trip<P: Peer>(scale: Scale) -> f64 {
    let count = count(scale);
    let (ask, questions) = channel();
    let (answer, mut answers) = unbounded();
    answering(questions, move |n| drop(answer.unbounded_send(n)));
    P::block_on(async {
        let task = P::spawn(async move {
            for n in 0..count as u64 {
                ask.send(n).expect("the thread listens");
                assert_eq!(answers.next().await, Some(n));
            }
        });
        timed(count, task).await
    })
}

pub fn floor(scale: Scale) -> f64 {
    let count = count(scale);
    let (ask, questions) = channel();
    let (answer, answers) = channel();
    answering(questions, move |n| answer.send(n).unwrap_or_default());
    let start = cpu_time();
    for n in 0..count as u64 {
        ask.send(n).expect("the thread listens");
        assert_eq!(answers.recv(), Ok(n));
    }
    each(start, count)
}
