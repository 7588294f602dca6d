//! A registered socket, and the one try-or-wait loop (floor 4).
//!
//! A source owns its `mio` socket and an `Arc` to its runtime's link; the loop keeps only the
//! readiness and the wakers, under an index. So a socket is `Send` and `Sync`: its options, its
//! address and its drop work on any thread. Waiting works on the runtime's own, inside its context,
//! and is an error elsewhere.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, ready};

use mio::{Interest, Token};

use crate::reactor::{Known, Ready, Sources};
use crate::runtime::context;
use crate::runtime::core::Shared;
use crate::runtime::gone;
use crate::runtime::link::{self, Link};
use crate::task::current::{self, LoopKey};
use crate::task::info::Nanos;
use crate::wait::reason::WaitReason;
use crate::wait::{self, Place, Site, Whom};

pub(crate) struct Source<S: mio::event::Source> {
    /// `None` only while it is being taken apart.
    io: Option<S>,
    index: usize,
    link: Arc<Link>,
}

/// What is done with a new source before its first event. It counts as not ready until then.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fresh {
    /// Reads and writes are tried at once: a fresh connection often has data.
    Try,
    /// They wait for the first event: a connection on its way.
    Wait,
}

/// What sockets are registered for. Urgent data is heard of only where `mio` tells of it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ALL: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const ALL: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl<S: mio::event::Source> Source<S> {
    /// Registers a socket with the runtime that the thread is in.
    ///
    /// # Panics
    /// Outside of a runtime; `what` names the caller.
    #[track_caller]
    pub(crate) fn new(io: S, fresh: Fresh, what: &str) -> io::Result<Self> {
        Self::with_interest(io, fresh, ALL, what)
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
            shared.sources.borrow_mut().remove(index);
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

    /// Its descriptor must stay the one that was registered.
    #[cfg(unix)]
    pub(crate) fn get_mut(&mut self) -> &mut S {
        match &mut self.io {
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

    /// Tries `op` if the source is ready for some of `want`, and waits for the next event when it
    /// is not or `op` would block: as a future with an entry of its own, or by hand.
    pub(super) fn attempt<R>(
        &self,
        cx: &mut Context<'_>,
        want: Ready,
        mut wait: Option<&mut Waiter<'_>>,
        mut op: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(current::poll_spend(cx));
        loop {
            let known = self.known()?;
            if known.ready.meets(want) {
                match op(self.get()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        // A call for one of several things is not in vain: it waits for an event.
                        if want.is_one() {
                            self.clear(known, want);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    result => return Poll::Ready(result),
                }
            }
            if self.wait(cx, known, want, wait.as_deref_mut())? {
                current::unspend();
                return Poll::Pending;
            }
        }
    }

    /// One operation, by hand.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        want: Ready,
        op: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.attempt(cx, want, None, op)
    }

    /// One operation, awaited.
    pub(crate) async fn io<R>(
        &self,
        site: Site,
        want: Ready,
        mut op: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut wait = self.waiter(site);
        poll_fn(|cx| self.attempt(cx, want, Some(&mut wait), &mut op)).await
    }

    /// Tries `op` once, if the source is ready as far as is known.
    pub(crate) fn try_io<R>(
        &self,
        want: Ready,
        op: impl FnOnce(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        let known = self.known()?;
        if !known.ready.meets(want) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = op(self.get());
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.clear(known, want);
        }
        result
    }

    /// Waits until the source is ready for `want`, which is one thing, by hand.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        want: Interest,
    ) -> Poll<io::Result<Ready>> {
        self.attempt_ready(cx, Ready::for_interest(want)?, None)
    }

    /// Waits until the source is ready for some of `want`.
    pub(crate) async fn ready(&self, site: Site, want: Interest) -> io::Result<Ready> {
        let want = Ready::for_interest(want)?;
        let mut wait = self.waiter(site);
        poll_fn(|cx| self.attempt_ready(cx, want, Some(&mut wait))).await
    }

    fn attempt_ready(
        &self,
        cx: &mut Context<'_>,
        want: Ready,
        mut wait: Option<&mut Waiter<'_>>,
    ) -> Poll<io::Result<Ready>> {
        let ready = loop {
            let known = self.known()?;
            let ready = known.news(want);
            if !ready.is_empty() {
                break ready;
            }
            if self.wait(cx, known, want, wait.as_deref_mut())? {
                return Poll::Pending;
            }
        };
        ready!(current::poll_spend(cx));
        Poll::Ready(Ok(ready))
    }

    pub(crate) fn known(&self) -> io::Result<Known> {
        self.on_the_loop(|shared| shared.sources.borrow().known(self.index))
    }

    /// The system call would block. If the source was taken for closed, it is not.
    pub(crate) fn clear(&self, known: Known, want: Ready) {
        // Elsewhere than on the loop there is nothing to clear, and the next call says so.
        let _ =
            self.on_the_loop(|shared| shared.sources.borrow_mut().clear(self.index, known, want));
    }

    /// Puts it off until the loop has looked outside: for those who have had their share of this
    /// turn.
    #[track_caller]
    pub(crate) fn defer(&self, cx: &Context<'_>) -> io::Result<()> {
        let site = Location::caller();
        let deferred =
            |shared: &Shared| shared.deferred.borrow().iter().any(|&place| wait::waits(place, cx));
        if self.on_the_loop(deferred)? {
            return Ok(());
        }
        let place = wait::enter(cx, WaitReason::Readable(self.index as u32), site);
        self.on_the_loop(|shared| shared.deferred.borrow_mut().push(place))
    }

    /// The number of the runtime's present turn.
    pub(crate) fn turn(&self) -> io::Result<u64> {
        self.on_the_loop(|shared| shared.core.borrow().turns)
    }

    /// Takes it for not ready for so long, whatever events say, and then for readable.
    pub(super) fn rest(&self, nanos: Nanos) {
        self.again_after(nanos, Ready::READABLE, |sources| sources.rest(self.index));
    }

    /// Takes it for writable after so long: no event will tell of it.
    #[cfg(unix)]
    pub(super) fn writable_after(&self, nanos: Nanos) {
        self.again_after(nanos, Ready::WRITABLE, |sources| sources.try_again(self.index));
    }

    fn again_after(
        &self,
        nanos: Nanos,
        ready: Ready,
        timer: impl FnOnce(&mut Sources) -> Option<u64>,
    ) {
        let (key, index) = (self.link.inbox.key(), self.index);
        // Elsewhere than on the loop nothing is tried, so nothing needs to be tried again.
        let _ = self.on_the_loop(|shared| {
            let Some(timer) = timer(&mut shared.sources.borrow_mut()) else { return };
            let end = shared.now.get().saturating_add(nanos);
            let again = Whom::stranger(Arc::new(Again { key, index, timer, ready }).into());
            shared.timers.borrow_mut().insert(end, again, Location::caller());
        });
    }

    /// The entry of a future that may have to wait, at `site`.
    pub(super) fn waiter(&self, site: Site) -> Waiter<'_> {
        Waiter { index: self.index, link: &self.link, place: None, site }
    }

    /// Waits for the next event in `want`, unless it does so already. False if there was one after
    /// `known`: the clone of a foreign waker may have let the loop look.
    #[track_caller]
    fn wait(
        &self,
        cx: &Context<'_>,
        known: Known,
        want: Ready,
        wait: Option<&mut Waiter<'_>>,
    ) -> io::Result<bool> {
        let (index, source) = (self.index, self.index as u32);
        let site = wait.as_ref().map_or(Location::caller(), |wait| wait.site);
        let reason = match want.meets(Ready::WRITABLE) && !want.meets(Ready::READABLE) {
            false => WaitReason::Readable(source),
            true => WaitReason::Writable(source),
        };
        let whom = Whom::polls(cx); // A clone may be user code, so nothing is borrowed; as a drop.
        let (waits, _dropped) = self.on_the_loop(|shared| {
            let mut sources = shared.sources.borrow_mut();
            if sources.known(index).is_news_to(known) {
                return (false, Some(whom));
            }
            let old = wait.as_ref().map_or_else(|| sources.by_hand(index, want), |wait| wait.place);
            if old.is_some_and(|old| wait::waits(old, cx)) {
                return (true, Some(whom));
            }
            let dropped = old.and_then(|old| sources.forget(index, old));
            let place = wait::enter_as(whom, reason, site);
            match wait {
                Some(wait) => {
                    wait.place = Some(place);
                    sources.wait(index, want, place);
                }
                None => sources.wait_by_hand(index, want, place),
            }
            (true, dropped)
        })?;
        Ok(waits)
    }

    /// The loop's memory for what is read in passing, which is to be put back.
    #[cfg(feature = "tokio-io")]
    pub(super) fn swap_scratch(&self, scratch: Vec<u8>) -> io::Result<Vec<u8>> {
        self.on_the_loop(|shared| shared.scratch.replace(scratch))
    }

    /// Lends the runtime to `f`, which runs no user code.
    fn on_the_loop<R>(&self, f: impl FnOnce(&Shared) -> R) -> io::Result<R> {
        let found = context::with(|shared| {
            let own = shared.key() == self.link.inbox.key();
            // Tasks that end with their runtime may still say goodbye.
            let open = !shared.closing.get() || !self.link.inbox.is_closed();
            (own && open).then(|| f(shared))
        });
        found.flatten().ok_or_else(|| gone::explain(&self.link))
    }
}

/// A future's entry among those who wait for a source. Dropping it takes it out.
pub(super) struct Waiter<'a> {
    index: usize,
    link: &'a Link,
    /// Once it had to wait.
    place: Option<Place>,
    site: Site,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let (index, Some(place)) = (self.index, self.place.take()) else { return };
        // Woken, as is nearly always so, it is out already.
        if wait::is_waiting(place) || current::key() != self.link.inbox.key() {
            link::change(self.link.inbox.key(), move |shared| {
                shared.sources.borrow_mut().forget(index, place)
            });
        }
    }
}

/// What a timer wakes when the source at `index` is to be tried again: all that wait for it go on.
/// If the source is gone, nothing happens.
struct Again {
    key: LoopKey,
    index: usize,
    timer: u64,
    ready: Ready,
}

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        let woken = context::with(|shared| {
            let mut woken = Vec::new();
            if shared.key() == self.key {
                let mut sources = shared.sources.borrow_mut();
                sources.again(self.index, self.timer, self.ready, |whom| woken.push(whom));
            }
            woken
        });
        for whom in woken.into_iter().flatten() {
            whom.wake();
        }
    }
}

/// Byte streams: each operation as a future or by hand, and awaited.
impl<S: mio::event::Source> Source<S>
where
    for<'a> &'a S: Read,
{
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        wait: Option<&mut Waiter<'_>>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, Ready::READ, wait, |mut io| io.read(buf))
    }

    pub(crate) async fn read(&self, site: Site, buf: &mut [u8]) -> io::Result<usize> {
        let mut wait = self.waiter(site);
        poll_fn(|cx| self.poll_read(cx, Some(&mut wait), buf)).await
    }

    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        wait: Option<&mut Waiter<'_>>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, Ready::READ, wait, |mut io| io.read_vectored(bufs))
    }

    pub(crate) async fn read_vectored(
        &self,
        site: Site,
        bufs: &mut [IoSliceMut<'_>],
    ) -> io::Result<usize> {
        let mut wait = self.waiter(site);
        poll_fn(|cx| self.poll_read_vectored(cx, Some(&mut wait), bufs)).await
    }
}

impl<S: mio::event::Source> Source<S>
where
    for<'a> &'a S: Write,
{
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        wait: Option<&mut Waiter<'_>>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, Ready::WRITE, wait, |mut io| io.write(buf))
    }

    pub(crate) async fn write(&self, site: Site, buf: &[u8]) -> io::Result<usize> {
        let mut wait = self.waiter(site);
        poll_fn(|cx| self.poll_write(cx, Some(&mut wait), buf)).await
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        wait: Option<&mut Waiter<'_>>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, Ready::WRITE, wait, |mut io| io.write_vectored(bufs))
    }

    pub(crate) async fn write_vectored(
        &self,
        site: Site,
        bufs: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let mut wait = self.waiter(site);
        poll_fn(|cx| self.poll_write_vectored(cx, Some(&mut wait), bufs)).await
    }

    /// Tried whether it is ready or not: mostly there is nothing to do.
    #[cfg(any(feature = "futures-io", feature = "tokio-io"))]
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get().flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
        self.attempt(cx, Ready::WRITE, None, |mut io| io.flush())
    }
}

impl<S: mio::event::Source> Drop for Source<S> {
    fn drop(&mut self) {
        if let Some(mut io) = self.io.take() {
            // It fails only if the descriptor is not registered, which is what is wanted.
            let _ = self.link.registry.deregister(&mut io);
        }
        let index = self.index;
        link::change(self.link.inbox.key(), move |shared| {
            shared.sources.borrow_mut().remove(index)
        });
    }
}

impl<S: mio::event::Source + fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
