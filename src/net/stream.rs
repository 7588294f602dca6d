//! What TCP and Unix streams have in common: reading, writing, halves (floor 4).
//!
//! Both are a [`Source`](super::source::Source) with a `mio` stream in it, so the methods are the
//! same; a macro writes them down once, so that they are inherent and documented on each type.
/// Reading, writing and readiness on `&self`, for a stream with a field `io`.
macro_rules! stream_methods {
    ($stream:ident) => {
        impl $stream {
            /// Reads what there is, at most as much as `buf` has room for. 0 is the end.
            ///
            /// # Errors
            /// Those of the operating system; and when this is polled outside of its runtime.
            ///
            /// # Cancel safety
            /// Dropped before it is done, nothing was read.
            #[track_caller]
            pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                let site = std::panic::Location::caller();
                async move { self.io.read(site, buf).await }
            }

            /// Reads into several buffers in order.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            /// As [`read`](Self::read).
            #[track_caller]
            pub fn read_vectored(
                &self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                let site = std::panic::Location::caller();
                async move { self.io.read_vectored(site, bufs).await }
            }

            /// Reads until `buf` is full.
            ///
            /// # Errors
            /// `UnexpectedEof` if the end comes first; else as [`read`](Self::read).
            ///
            /// # Cancel safety
            /// Not cancel safe: dropped half-way, what was read is lost.
            #[track_caller]
            pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                let site = std::panic::Location::caller();
                async move {
                    let mut filled = 0;
                    while filled < buf.len() {
                        match self.io.read(site, &mut buf[filled..]).await? {
                            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                            n => filled += n,
                        }
                    }
                    Ok(())
                }
            }

            /// Reads to the end, appending to `buf`; returns how much that was.
            ///
            /// # Errors
            /// As [`read`](Self::read); what was read before is in `buf`.
            ///
            /// # Cancel safety
            /// What was read is in `buf`, whenever it is dropped.
            #[track_caller]
            pub fn read_to_end(
                &self,
                buf: &mut Vec<u8>,
            ) -> impl Future<Output = io::Result<usize>> {
                let site = std::panic::Location::caller();
                async move {
                    let start = buf.len();
                    let mut chunk = vec![0; 16 * 1024]; // On the heap: it would swell the future.
                    loop {
                        match self.io.read(site, &mut chunk).await? {
                            0 => return Ok(buf.len() - start),
                            n => buf.extend_from_slice(&chunk[..n]),
                        }
                    }
                }
            }

            /// Writes some of `buf`; returns how much.
            ///
            /// # Errors
            /// Those of the operating system; and when this is polled outside of its runtime.
            ///
            /// # Cancel safety
            /// Dropped before it is done, nothing was written.
            #[track_caller]
            pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                let site = std::panic::Location::caller();
                async move { self.io.write(site, buf).await }
            }

            /// Writes some of several buffers in order.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            /// As [`write`](Self::write).
            #[track_caller]
            pub fn write_vectored(
                &self,
                bufs: &[IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                let site = std::panic::Location::caller();
                async move { self.io.write_vectored(site, bufs).await }
            }

            /// Writes all of `buf`.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            /// Not cancel safe: dropped half-way, some of it was written.
            #[track_caller]
            pub fn write_all(&self, mut buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                let site = std::panic::Location::caller();
                async move {
                    while !buf.is_empty() {
                        match self.io.write(site, buf).await? {
                            0 => return Err(io::ErrorKind::WriteZero.into()),
                            n => buf = &buf[n..],
                        }
                    }
                    Ok(())
                }
            }

            /// Shuts the writing half down: the other side reads to the end.
            ///
            /// # Errors
            /// Those of the operating system.
            pub async fn shutdown(&self) -> io::Result<()> {
                self.shutdown_now()
            }

            /// What the writing traits call closing.
            #[cfg(any(feature = "futures-io", feature = "tokio-io"))]
            fn poll_end(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_now())
            }

            fn shutdown_now(&self) -> io::Result<()> {
                match self.io.get().shutdown(Shutdown::Write) {
                    // The other side was faster: there is nothing left to shut down.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }

            /// Reads what there is, without waiting.
            ///
            /// # Errors
            /// `WouldBlock` when there is nothing as far as is known: await
            /// [`readable`](Self::readable) then.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.try_io(Ready::READ, |mut io| io.read(buf))
            }

            /// Reads into several buffers, without waiting.
            ///
            /// # Errors
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.io.try_io(Ready::READ, |mut io| io.read_vectored(bufs))
            }

            /// Writes what there is room for, without waiting.
            ///
            /// # Errors
            /// `WouldBlock` when there is no room: await [`writable`](Self::writable) then.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.io.try_io(Ready::WRITE, |mut io| io.write(buf))
            }

            /// Writes several buffers, without waiting.
            ///
            /// # Errors
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.io.try_io(Ready::WRITE, |mut io| io.write_vectored(bufs))
            }

            /// Takes the socket out of the runtime. It stays non-blocking.
            ///
            /// # Errors
            /// When it cannot be taken off the reactor.
            pub fn into_std(self) -> io::Result<StdStream> {
                self.io.into_inner().map(StdStream::from)
            }

            /// Splits it into halves that borrow it.
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                (ReadHalf(self), WriteHalf(self))
            }

            /// Splits it into halves that own it together. Dropping the writing half shuts it down.
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                let stream = Arc::new(self);
                (OwnedReadHalf(stream.clone()), OwnedWriteHalf { stream, shut: true })
            }
        }

        $crate::net::stream::halves!($stream);
        $crate::net::traits::stream_traits!($stream);
    };
}

/// The two halves of a stream, borrowed and owned.
macro_rules! halves {
    ($stream:ident) => {
        /// The reading half, borrowed: made by `split`. It derefs to the stream for all that only
        /// looks or reads.
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        /// The writing half, borrowed: made by `split`.
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        /// The reading half, owned: made by `into_split`.
        #[derive(Debug)]
        pub struct OwnedReadHalf(Arc<$stream>);

        /// The writing half, owned: made by `into_split`. Dropping it shuts the stream's writing
        /// down.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: Arc<$stream>,
            /// Whether dropping it shuts the writing down.
            shut: bool,
        }

        /// The halves come from two streams.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the two halves come from two different streams")
            }
        }

        impl std::error::Error for ReuniteError {}

        impl OwnedReadHalf {
            /// Puts the halves of one stream together again.
            ///
            /// # Errors
            /// Gives both back if they come from two streams.
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                other.reunite(self)
            }
        }

        impl OwnedWriteHalf {
            /// Puts the halves of one stream together again.
            ///
            /// # Errors
            /// Gives both back if they come from two streams.
            pub fn reunite(mut self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                if !Arc::ptr_eq(&self.stream, &other.0) {
                    return Err(ReuniteError(other, self));
                }
                self.shut = false;
                drop(self);
                match Arc::try_unwrap(other.0) {
                    Ok(stream) => Ok(stream),
                    Err(_) => unreachable!("a stream has two halves, and both were given back"),
                }
            }

            /// Drops this half without shutting the writing down.
            pub fn forget(mut self) {
                self.shut = false;
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shut {
                    // The other side may be gone already; then there is nothing to tell it.
                    let _ = self.stream.shutdown_now();
                }
            }
        }

        $crate::net::stream::half_derefs! {
            ReadHalf<'_>, $stream, |half| half.0;
            WriteHalf<'_>, $stream, |half| half.0;
            OwnedReadHalf, $stream, |half| &half.0;
            OwnedWriteHalf, $stream, |half| &half.stream;
        }
    };
}

macro_rules! half_derefs {
    ($($half:ty, $stream:ident, |$it:ident| $to:expr;)*) => {$(
        impl AsRef<$stream> for $half {
            fn as_ref(&self) -> &$stream {
                let $it = self;
                $to
            }
        }

        /// What a stream does through a shared reference, a half does too.
        impl std::ops::Deref for $half {
            type Target = $stream;

            fn deref(&self) -> &$stream {
                self.as_ref()
            }
        }
    )*};
}

pub(super) use {half_derefs, halves, stream_methods};
