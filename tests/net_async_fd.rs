//! Readiness of descriptors that are no sockets of ours: pipes, named pipes, eventfds.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::pipe::{PipeFlags, pipe_with};
use turno::net::{AsyncFd, Interest};
use turno::runtime::Runtime;
use turno::time::timeout;

use common::{guarded, panic_of};

fn run(test: impl AsyncFnOnce() -> io::Result<()>) {
    guarded(|| Runtime::new().unwrap().block_on(test()).unwrap());
}

fn pipe() -> (File, File) {
    let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).unwrap();
    (read.into(), write.into())
}

/// Reads with a guard, as one does: wait, try, say if it was not so. Returns how often it was not.
async fn read(fd: &AsyncFd<File>, buf: &mut [u8]) -> io::Result<(usize, u32)> {
    let mut in_vain = 0;
    loop {
        let mut guard = fd.readable().await?;
        match guard.try_io(|fd| fd.get_ref().read(buf)) {
            Ok(read) => return Ok((read?, in_vain)),
            Err(_) => in_vain += 1,
        }
        assert!(in_vain < 100, "it spins");
    }
}

#[test]
fn a_pipe_is_read_when_it_has_something() {
    run(async || {
        let (reader, writer) = pipe();
        let reader = AsyncFd::with_interest(reader, Interest::READABLE)?;
        let task = turno::spawn(async move {
            let mut buf = [0; 8];
            let (n, in_vain) = read(&reader, &mut buf).await?;
            let end = read(&reader, &mut [0]).await?.0;
            io::Result::Ok((buf[..n].to_vec(), in_vain, end))
        });
        turno::task::yield_now().await; // It waits.
        (&writer).write_all(b"turno")?;
        drop(writer);
        assert_eq!(task.await.unwrap()?, (b"turno".to_vec(), 0, 0));
        Ok(())
    });
}

#[test]
fn a_full_pipe_is_waited_for() {
    run(async || {
        let (reader, writer) = pipe();
        let writer = AsyncFd::with_interest(writer, Interest::WRITABLE)?;
        let mut written = 0;
        while let Ok(n) = writer.try_io(Interest::WRITABLE, |mut fd| fd.write(&[7; 4096])) {
            written += n;
        }
        let mut guard = Box::pin(writer.writable());
        assert!(futures_lite::future::poll_once(&mut guard).await.is_none());
        let mut buf = vec![0; written];
        (&reader).read_exact(&mut buf)?;
        guard.await?.retain_ready();
        assert_eq!(writer.async_io(Interest::WRITABLE, |mut fd| fd.write(b"x")).await?, 1);
        Ok(())
    });
}

#[test]
fn an_eventfd_tells_another_thread_is_done() {
    run(async || {
        let fd: OwnedFd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let mut event = AsyncFd::new(File::from(fd))?;
        let other = event.get_mut().try_clone()?;
        let thread = std::thread::spawn(move || (&other).write_all(&1_u64.to_ne_bytes()));
        let mut count = [0; 8];
        // Ready to be written, too; `op` decides when that is not enough.
        let both = Interest::READABLE.add(Interest::WRITABLE);
        assert_eq!(event.async_io(both, |mut fd| fd.read(&mut count)).await?, 8);
        assert_eq!(u64::from_ne_bytes(count), 1);
        thread.join().unwrap()?;
        Ok(())
    });
}

#[test]
fn a_named_pipe_that_gets_a_new_writer_does_not_spin() {
    run(async || {
        let path = std::env::temp_dir().join(format!("turno-fifo-{}", std::process::id()));
        assert!(Command::new("mkfifo").arg(&path).status()?.success());
        let nonblocking = 0o4000;
        let reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&path)?;
        let reader = AsyncFd::with_interest(reader, Interest::READABLE)?;
        let open = || OpenOptions::new().write(true).open(&path);
        let mut buf = [0; 8];
        drop(open()?);
        while !reader.ready(Interest::READABLE).await?.is_read_closed() {
            turno::task::yield_now().await; // Until the loop has looked.
        }
        assert_eq!(read(&reader, &mut buf).await?.0, 0);
        let mut writer = open()?;
        std::fs::remove_file(&path)?;
        // It was closed, and is not any more: the read says so, and is believed.
        let waits = timeout(Duration::from_millis(20), read(&reader, &mut buf)).await;
        assert!(waits.is_err(), "{waits:?}");
        writer.write_all(b"x")?;
        assert_eq!(read(&reader, &mut buf).await?.0, 1);
        Ok(())
    });
}

#[test]
fn what_cannot_be_polled_is_an_error_and_leaves_nothing() {
    guarded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let file = File::open("/proc/self/exe").unwrap();
            assert_eq!(AsyncFd::new(file).unwrap_err().kind(), ErrorKind::PermissionDenied);
        });
        assert_eq!(rt.metrics().sources, 0);
    });
}

#[test]
fn taken_out_it_is_what_it_was() {
    run(async || {
        let (reader, writer) = pipe();
        let reader = AsyncFd::with_interest(reader, Interest::READABLE)?;
        (&writer).write_all(b"x")?;
        let again = AsyncFd::with_interest(reader.into_inner()?, Interest::READABLE)?;
        assert_eq!(read(&again, &mut [0; 8]).await?.0, 1);
        Ok(())
    });
}

#[test]
fn outside_of_a_runtime_it_says_so() {
    let text = panic_of(|| AsyncFd::new(pipe().0));
    common::has(text, "outside of a turno runtime");
}
