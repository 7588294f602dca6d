//! Programs of lab 4.

use std::io::ErrorKind::WouldBlock;
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use turno::net::UnixStream;
use turno::task::yield_now;
use turno::time::{self, sleep, sleep_until, timeout};

use crate::programs;

programs! { reactor;
    a_deadline_that_is_moved "right",
    looks_at_the_deadline_when_it_is_due "right",
    reads_byte_by_byte "right",
    waits_until_readable "right",
    a_task_that_reads "right",
    gives_up_at_once "impatient",
    half_of_the_patience "impatient",
    nine_milliseconds "impatient",
    ten_milliseconds "too-patient",
    twice_the_patience "too-patient",
    sleeps_after_the_silence "too-patient",
    one_timer_for_all "one-deadline-for-all",
    sleeps_and_reads_once "one-deadline-for-all",
    reads_once "first-words-only",
    patience_with_a_single_read "first-words-only",
    no_timer_at_all "waits-for-ever",
    the_timer_only_at_first "waits-for-ever",
    a_timer_never_polled "waits-for-ever",
    waits_a_patience_after_the_end "deaf-to-the-end",
    reads_the_end_again_and_again "deaf-to-the-end",
    takes_the_end_for_silence "deaf-to-the-end",
    keeps_the_last_word "last-words-only",
    a_buffer_of_its_own "whole-buffer",
    answers_by_heart "wrong-words",
    hears_nothing "wrong-words",
    half_of_each_word "wrong-words",
    sleeps_and_looks "naps",
    sleeps_half_a_patience_and_looks "naps",
    a_timeout_of_a_millisecond "naps",
    yields_and_looks "self-wake-spin",
    looks_at_both_and_yields "self-wake-spin",
    sleeps_in_the_thread "blocks-the-thread",
    sleeps_in_the_thread_between_looks "blocks-the-thread",
    real_time_has_passed "real-clock",
    real_time_and_a_nap "real-clock",
    takes_would_block_for_an_error "panicked",
    expects_words "panicked",
    waits_by_a_runtime "blocks-on",
}

async fn all(socket: &UnixStream, patience: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buf = [0; 64];
    while let Ok(Ok(n @ 1..)) = timeout(patience, socket.read(&mut buf)).await {
        heard.extend_from_slice(&buf[..n]);
    }
    heard
}

macro_rules! listen {
    ($name:ident, |$socket:ident, $patience:ident, $heard:ident, $buf:ident| $listen:block) => {
        mod $name {
            use super::*;
            #[allow(unused_mut, unused_assignments)] // Not each needs all of it.
            pub async fn listen(socket: UnixStream, $patience: Duration) -> Vec<u8> {
                let $socket = &socket;
                let (mut $heard, mut $buf) = (Vec::<u8>::new(), [0; 64]);
                $listen
                $heard
            }
        }
    };
}

listen!(a_deadline_that_is_moved, |socket, patience, heard, buf| {
    let mut silence = pin!(sleep(patience));
    loop {
        turno::select! {
            biased;
            read = socket.read(&mut buf) => match read.unwrap() {
                0 => break,
                n => {
                    heard.extend_from_slice(&buf[..n]);
                    silence.as_mut().reset(time::Instant::now() + patience);
                }
            },
            () = silence.as_mut() => break,
        }
    }
});
listen!(looks_at_the_deadline_when_it_is_due, |socket, patience, heard, buf| {
    let mut last = time::Instant::now();
    let mut due = pin!(sleep_until(last + patience));
    loop {
        turno::select! {
            read = socket.read(&mut buf) => match read.unwrap() {
                0 => break,
                n => {
                    heard.extend_from_slice(&buf[..n]);
                    last = time::Instant::now();
                }
            },
            () = due.as_mut() => {
                if last.elapsed() >= patience {
                    break;
                }
                due.as_mut().reset(last + patience);
            }
        }
    }
});
listen!(reads_byte_by_byte, |socket, patience, heard, buf| {
    while let Ok(Ok(1)) = timeout(patience, socket.read(&mut buf[..1])).await {
        heard.push(buf[0]);
    }
});
listen!(waits_until_readable, |socket, patience, heard, buf| {
    while timeout(patience, socket.readable()).await.is_ok() {
        match socket.try_read(&mut buf) {
            Ok(0) => break,
            Ok(n) => heard.extend_from_slice(&buf[..n]),
            Err(error) if error.kind() == WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
});
mod a_task_that_reads {
    use super::*;
    pub async fn listen(socket: UnixStream, patience: Duration) -> Vec<u8> {
        turno::spawn(async move { all(&socket, patience).await }).await.unwrap()
    }
}
listen!(gives_up_at_once, |socket, patience, heard, buf| {
    let _ = patience;
    while let Ok(n @ 1..) = socket.try_read(&mut buf) {
        heard.extend_from_slice(&buf[..n]);
    }
});
listen!(half_of_the_patience, |socket, patience, heard, _buf| {
    heard = all(socket, patience / 2).await;
});
listen!(nine_milliseconds, |socket, patience, heard, _buf| {
    let _ = patience;
    heard = all(socket, Duration::from_millis(9)).await;
});
listen!(ten_milliseconds, |socket, patience, heard, _buf| {
    let _ = patience;
    heard = all(socket, Duration::from_millis(10)).await;
});
listen!(twice_the_patience, |socket, patience, heard, _buf| {
    heard = all(socket, 2 * patience).await;
});
listen!(sleeps_after_the_silence, |socket, patience, heard, _buf| {
    heard = all(socket, patience).await;
    sleep(Duration::from_millis(1)).await;
});
listen!(one_timer_for_all, |socket, patience, heard, buf| {
    let mut silence = pin!(sleep(patience));
    loop {
        turno::select! {
            read = socket.read(&mut buf) => match read.unwrap() {
                0 => break,
                n => heard.extend_from_slice(&buf[..n]),
            },
            () = silence.as_mut() => break,
        }
    }
});
listen!(sleeps_and_reads_once, |socket, patience, heard, buf| {
    sleep(patience).await;
    while let Ok(n @ 1..) = socket.try_read(&mut buf) {
        heard.extend_from_slice(&buf[..n]);
    }
});
listen!(patience_with_a_single_read, |socket, patience, heard, buf| {
    if let Ok(Ok(n)) = timeout(patience, socket.read(&mut buf)).await {
        heard.extend_from_slice(&buf[..n]);
    }
});
listen!(reads_once, |socket, patience, heard, buf| {
    let _ = patience;
    let n = socket.read(&mut buf).await.unwrap();
    heard.extend_from_slice(&buf[..n]);
});
listen!(no_timer_at_all, |socket, patience, heard, buf| {
    let _ = patience;
    while let Ok(n @ 1..) = socket.read(&mut buf).await {
        heard.extend_from_slice(&buf[..n]);
    }
});
listen!(the_timer_only_at_first, |socket, patience, heard, buf| {
    if timeout(patience, socket.readable()).await.is_ok() {
        while let Ok(n @ 1..) = socket.read(&mut buf).await {
            heard.extend_from_slice(&buf[..n]);
        }
    }
});
listen!(a_timer_never_polled, |socket, patience, heard, buf| {
    let silence = sleep(patience);
    while let Ok(n @ 1..) = socket.read(&mut buf).await {
        heard.extend_from_slice(&buf[..n]);
        if silence.is_elapsed() {
            break;
        }
    }
});
listen!(waits_a_patience_after_the_end, |socket, patience, heard, buf| {
    loop {
        match timeout(patience, socket.read(&mut buf)).await {
            Err(_) => break,
            Ok(Ok(0)) => sleep(Duration::from_millis(1)).await,
            Ok(Ok(n)) => {
                heard.extend_from_slice(&buf[..n]);
                continue;
            }
            Ok(Err(error)) => panic!("{error}"),
        }
        break;
    }
});
listen!(reads_the_end_again_and_again, |socket, patience, heard, buf| {
    while let Ok(Ok(n)) = timeout(patience, socket.read(&mut buf)).await {
        heard.extend_from_slice(&buf[..n]);
    }
});
listen!(takes_the_end_for_silence, |socket, patience, heard, _buf| {
    let start = time::Instant::now();
    heard = all(socket, patience).await;
    sleep((start + Duration::from_millis(19)).saturating_duration_since(time::Instant::now()))
        .await;
});
listen!(keeps_the_last_word, |socket, patience, heard, buf| {
    while let Ok(Ok(n @ 1..)) = timeout(patience, socket.read(&mut buf)).await {
        heard.clear();
        heard.extend_from_slice(&buf[..n]);
    }
});
listen!(a_buffer_of_its_own, |socket, patience, heard, buf| {
    while let Ok(Ok(1..)) = timeout(patience, socket.read(&mut buf)).await {
        heard.extend(buf);
    }
});
listen!(answers_by_heart, |socket, patience, heard, _buf| {
    all(socket, patience).await;
    heard.extend_from_slice(b"hello");
});
listen!(hears_nothing, |socket, patience, heard, _buf| {
    all(socket, patience).await;
});
listen!(half_of_each_word, |socket, patience, heard, buf| {
    while let Ok(Ok(n @ 1..)) = timeout(patience, socket.read(&mut buf)).await {
        heard.extend_from_slice(&buf[..n.div_ceil(2)]);
    }
});
listen!(sleeps_and_looks, |socket, patience, heard, buf| {
    let mut last = time::Instant::now();
    while last.elapsed() < patience {
        match socket.try_read(&mut buf) {
            Ok(0) => break,
            Ok(n) => {
                heard.extend_from_slice(&buf[..n]);
                last = time::Instant::now();
            }
            Err(_) => sleep(Duration::from_millis(2)).await,
        }
    }
});
listen!(sleeps_half_a_patience_and_looks, |socket, patience, heard, buf| {
    let mut silent = 0;
    while silent < 2 {
        sleep(patience / 2).await;
        silent += 1;
        while let Ok(n @ 1..) = socket.try_read(&mut buf) {
            heard.extend_from_slice(&buf[..n]);
            silent = 0;
        }
    }
});
listen!(a_timeout_of_a_millisecond, |socket, patience, heard, buf| {
    let mut last = time::Instant::now();
    while last.elapsed() < patience {
        match timeout(Duration::from_millis(1), socket.read(&mut buf)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(n)) => {
                heard.extend_from_slice(&buf[..n]);
                last = time::Instant::now();
            }
            _ => {}
        }
    }
});
listen!(yields_and_looks, |socket, patience, heard, buf| {
    let start = time::Instant::now();
    while start.elapsed() < patience {
        match socket.try_read(&mut buf) {
            Ok(0) => break,
            Ok(n) => heard.extend_from_slice(&buf[..n]),
            Err(_) => yield_now().await,
        }
    }
});
listen!(looks_at_both_and_yields, |socket, patience, heard, buf| {
    let silence = sleep(patience);
    while !silence.is_elapsed() {
        if let Ok(n @ 1..) = socket.try_read(&mut buf) {
            heard.extend_from_slice(&buf[..n]);
        }
        yield_now().await;
    }
});
listen!(sleeps_in_the_thread, |socket, patience, heard, buf| {
    thread::sleep(patience);
    while let Ok(n @ 1..) = socket.try_read(&mut buf) {
        heard.extend_from_slice(&buf[..n]);
    }
});
listen!(sleeps_in_the_thread_between_looks, |socket, patience, heard, buf| {
    for _ in 0..patience.as_millis() {
        if let Ok(n @ 1..) = socket.try_read(&mut buf) {
            heard.extend_from_slice(&buf[..n]);
        }
        thread::sleep(Duration::from_millis(1));
        yield_now().await;
    }
});
listen!(real_time_has_passed, |socket, patience, heard, buf| {
    let mut last = Instant::now();
    loop {
        match timeout(patience, socket.read(&mut buf)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(n)) => {
                heard.extend_from_slice(&buf[..n]);
                last = Instant::now();
            }
            _ if last.elapsed() >= patience => break,
            _ => {}
        }
    }
});
listen!(real_time_and_a_nap, |socket, patience, heard, buf| {
    let mut last = Instant::now();
    while last.elapsed() < patience {
        match socket.try_read(&mut buf) {
            Ok(0) => break,
            Ok(n) => {
                heard.extend_from_slice(&buf[..n]);
                last = Instant::now();
            }
            Err(_) => sleep(Duration::from_millis(1)).await,
        }
    }
});
listen!(takes_would_block_for_an_error, |socket, patience, heard, buf| {
    let _ = patience;
    loop {
        match socket.try_read(&mut buf).unwrap() {
            0 => break,
            n => heard.extend_from_slice(&buf[..n]),
        }
    }
});
listen!(expects_words, |socket, patience, heard, buf| {
    let n = timeout(patience, socket.read(&mut buf)).await.expect("it speaks").unwrap();
    heard.extend_from_slice(&buf[..n]);
    heard.extend(all(socket, patience).await);
});
listen!(waits_by_a_runtime, |socket, patience, heard, _buf| {
    heard = turno::block_on(all(socket, patience));
});
