//! futures-io's and tokio's traits for reading and writing (floor 4).

#[cfg(feature = "tokio-io")]
use std::{
    io::{self, Read},
    task::{Context, Poll, ready},
};

#[cfg(feature = "tokio-io")]
use super::source::Source;
#[cfg(feature = "tokio-io")]
use crate::reactor::Ready;

/// Up to here it is cheaper to read elsewhere and copy than to have zeroes written first.
#[cfg(feature = "tokio-io")]
const SCRATCH: usize = 64 * 1024;

#[cfg(feature = "tokio-io")]
impl<S: mio::event::Source> Source<S>
where
    for<'a> &'a S: Read,
{
    /// Reads into memory that may not be initialized yet. Safe code can only hand out what is, so
    /// the system call fills memory of the loop, and what it read is copied. A larger buffer is
    /// zeroed.
    pub(super) fn poll_read_buf(
        &self,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        if room > SCRATCH || buf.initialized().len() == buf.capacity() {
            let n = ready!(self.poll_read(cx, None, buf.initialize_unfilled()))?;
            buf.advance(n);
            return Poll::Ready(Ok(()));
        }
        self.attempt(cx, Ready::READ, None, |mut from| {
            // Taken out, since a descriptor's `read` is user code.
            let mut scratch = self.swap_scratch(Vec::new())?;
            scratch.resize(SCRATCH, 0);
            let read = from.read(&mut scratch[..room]).map(|n| buf.put_slice(&scratch[..n]));
            let _ = self.swap_scratch(scratch);
            read
        })
    }
}

/// futures-io's and tokio's traits, for a stream and its halves.
macro_rules! stream_traits {
    ($stream:ident) => {
        $crate::net::traits::read_traits!($stream, &$stream, ReadHalf<'_>, OwnedReadHalf);
        $crate::net::traits::write_traits!($stream, &$stream, WriteHalf<'_>, OwnedWriteHalf);
    };
}

macro_rules! read_traits {
    ([$($param:tt)*] $reader:ty; $($bounds:tt)*) => {
        #[cfg(feature = "futures-io")]
        impl<$($param)*> futures_io::AsyncRead for $reader $($bounds)* {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_read(cx, None, buf)
            }

            fn poll_read_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_read_vectored(cx, None, bufs)
            }
        }

        #[cfg(feature = "tokio-io")]
        impl<$($param)*> tokio::io::AsyncRead for $reader $($bounds)* {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.io.poll_read_buf(cx, buf)
            }
        }
    };
    ($($reader:ty),*) => {$(
        $crate::net::traits::read_traits!([] $reader;);
    )*};
}

macro_rules! write_traits {
    ([$($param:tt)*] $writer:ty; $($bounds:tt)*) => {
        #[cfg(feature = "futures-io")]
        impl<$($param)*> futures_io::AsyncWrite for $writer $($bounds)* {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write(cx, None, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write_vectored(cx, None, bufs)
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.io.poll_flush(cx)
            }

            fn poll_close(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.poll_end(cx)
            }
        }

        #[cfg(feature = "tokio-io")]
        impl<$($param)*> tokio::io::AsyncWrite for $writer $($bounds)* {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write(cx, None, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write_vectored(cx, None, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.io.poll_flush(cx)
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.poll_end(cx)
            }
        }
    };
    ($($writer:ty),*) => {$(
        $crate::net::traits::write_traits!([] $writer;);
    )*};
}

pub(super) use {read_traits, stream_traits, write_traits};
