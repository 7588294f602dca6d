//! A registered socket, and the one try-or-wait loop (floor 4).
//!
//! A source owns its `mio` socket and an `Arc` to its runtime's link; the loop keeps only the
//! readiness and the wakers, under an index. So a socket is `Send` and `Sync`: its options, its
//! address and its drop work on any thread. Waiting works on the runtime's own, inside its context,
//! and is an error elsewhere.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use mio::{Interest, Token};

use crate::reactor::{Direction, Ready};
use crate::runtime::context;
use crate::runtime::core::{Link, Shared};
use crate::runtime::gone;
use crate::task::current;
use crate::task::inbox::Letter;

pub(crate) struct Source<S: mio::event::Source> {
    /// `None` only while it is being taken apart.
    io: Option<S>,
    index: usize,
    link: Arc<Link>,
}

/// What is believed of a new source before its first event.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fresh {
    /// Try at once: a fresh connection often has data, and the first system call finds out.
    Try,
    /// Wait for the first event: a connection on its way.
    Wait,
}

impl<S: mio::event::Source> Source<S> {
    /// Registers a socket with the runtime that the thread is in.
    ///
    /// # Panics
    /// Outside of a runtime; `what` names the caller.
    #[track_caller]
    pub(crate) fn new(io: S, fresh: Fresh, what: &str) -> io::Result<Self> {
        Self::with_interest(io, fresh, Interest::READABLE | Interest::WRITABLE, what)
    }

    #[track_caller]
    pub(crate) fn with_interest(
        mut io: S,
        fresh: Fresh,
        interest: Interest,
        what: &str,
    ) -> io::Result<Self> {
        let shared = context::expect(what);
        if shared.closing.get() {
            return Err(gone::error());
        }
        let index = shared.sources.borrow_mut().insert(fresh == Fresh::Try);
        if let Err(error) = shared.link.registry.register(&mut io, Token(index), interest) {
            shared.sources.borrow_mut().remove(index, &mut Vec::new());
            return Err(error);
        }
        Ok(Self { io: Some(io), index, link: shared.link.clone() })
    }

    pub(crate) fn get(&self) -> &S {
        match &self.io {
            Some(io) => io,
            None => unreachable!("a source is used up only by value"),
        }
    }

    /// Takes the socket out of its runtime.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        let Some(mut io) = self.io.take() else {
            unreachable!("a source is used up only by value")
        };
        self.link.registry.deregister(&mut io)?;
        Ok(io)
    }

    /// Tries `op` as long as the source is ready in `direction`, and waits when it is not.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut op: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if !current::spend() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.ready_now()?.meets(Ready::of(direction)) {
            match op(self.get()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.clear(direction);
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
        current::unspend();
        self.wait(cx.waker(), direction)?;
        Poll::Pending
    }

    /// [`poll_io`](Self::poll_io) as a future.
    pub(crate) async fn io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| self.poll_io(cx, direction, &mut op)).await
    }

    /// Tries `op` once, if the source is ready as far as is known.
    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnOnce(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        if !self.ready_now()?.meets(Ready::for_interest(interest)) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = op(self.get());
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            if interest.is_readable() {
                self.clear(Direction::Read);
            }
            if interest.is_writable() {
                self.clear(Direction::Write);
            }
        }
        result
    }

    /// Waits until the source is ready in `direction`.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Ready>> {
        if !current::spend() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let ready = self.ready_now()?.intersection(Ready::of(direction));
        if !ready.is_empty() {
            return Poll::Ready(Ok(ready));
        }
        current::unspend();
        self.wait(cx.waker(), direction)?;
        Poll::Pending
    }

    /// Waits until the source is ready in one of the directions.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| {
            let wanted = [
                (interest.is_readable(), Direction::Read),
                (interest.is_writable(), Direction::Write),
            ];
            let mut found = Ready::EMPTY;
            for (_, direction) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
                if let Poll::Ready(ready) = self.poll_ready(cx, direction)? {
                    found = found.union(ready);
                }
            }
            if found.is_empty() { Poll::Pending } else { Poll::Ready(Ok(found)) }
        })
        .await
    }

    pub(crate) fn ready_now(&self) -> io::Result<Ready> {
        self.on_the_loop(|shared| shared.sources.borrow().ready(self.index))
    }

    /// The system call said no, or gave less than it was asked for: it would say no now.
    pub(crate) fn clear(&self, direction: Direction) {
        // Elsewhere than on the loop there is nothing to clear, and the next call says so.
        let _ = self.on_the_loop(|shared| shared.sources.borrow_mut().clear(self.index, direction));
    }

    /// Puts it off until the loop has looked outside: for those who have had their share of this
    /// turn.
    pub(crate) fn defer(&self, waker: &Waker) -> io::Result<()> {
        let waker = waker.clone(); // User code, so nothing is borrowed.
        self.on_the_loop(|shared| shared.deferred.borrow_mut().push(waker))
    }

    /// The number of the runtime's present turn.
    pub(crate) fn turn(&self) -> io::Result<u64> {
        self.on_the_loop(|shared| shared.core.borrow().turns)
    }

    fn wait(&self, waker: &Waker, direction: Direction) -> io::Result<()> {
        let index = self.index;
        let waits = |shared: &Shared| shared.sources.borrow_mut().waits(index, direction, waker);
        if self.on_the_loop(waits)? {
            return Ok(());
        }
        let waker = waker.clone(); // User code, so nothing is borrowed.
        self.on_the_loop(|shared| shared.sources.borrow_mut().wait(index, direction, waker))
    }

    /// Lends the runtime to `f`, which runs no user code.
    fn on_the_loop<R>(&self, f: impl FnOnce(&Shared) -> R) -> io::Result<R> {
        let found = context::with(|shared| {
            let own = shared.key() == self.link.inbox.key() && !shared.closing.get();
            own.then(|| f(shared))
        });
        found.flatten().ok_or_else(|| gone::explain(&self.link))
    }
}

/// Byte streams.
impl<S: mio::event::Source> Source<S>
where
    for<'a> &'a S: Read + Write,
{
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(self.poll_io(cx, Direction::Read, |mut io| io.read(buf)))?;
        self.note_short(Direction::Read, n, buf.len());
        Poll::Ready(Ok(n))
    }

    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let room = bufs.iter().map(|buf| buf.len()).sum();
        let n = ready!(self.poll_io(cx, Direction::Read, |mut io| io.read_vectored(bufs)))?;
        self.note_short(Direction::Read, n, room);
        Poll::Ready(Ok(n))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(self.poll_io(cx, Direction::Write, |mut io| io.write(buf)))?;
        self.note_short(Direction::Write, n, buf.len());
        Poll::Ready(Ok(n))
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let room = bufs.iter().map(|buf| buf.len()).sum();
        let n = ready!(self.poll_io(cx, Direction::Write, |mut io| io.write_vectored(bufs)))?;
        self.note_short(Direction::Write, n, room);
        Poll::Ready(Ok(n))
    }

    /// A stream that gave or took less than it could have is at its end for now: what comes next
    /// brings an event, and a system call is saved. An end of the stream is no such case: it stays.
    fn note_short(&self, direction: Direction, n: usize, room: usize) {
        if 0 < n && n < room {
            self.clear(direction);
        }
    }
}

impl<S: mio::event::Source> Drop for Source<S> {
    fn drop(&mut self) {
        if let Some(mut io) = self.io.take() {
            // It fails only if the descriptor is not registered, which is what is wanted.
            let _ = self.link.registry.deregister(&mut io);
        }
        let mut dropped = Vec::new();
        let own = context::with(|shared| {
            let own = shared.key() == self.link.inbox.key();
            if own {
                shared.sources.borrow_mut().remove(self.index, &mut dropped);
            }
            own
        });
        if own != Some(true) {
            self.link.inbox.send(Letter::RemoveSource(self.index));
        }
        drop(mem::take(&mut dropped)); // Wakers: user code, so nothing is borrowed.
    }
}

impl<S: mio::event::Source + fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
