//! The reading and writing traits of futures-io and tokio, on streams and their halves.

mod common;

use std::io::Result;

use turno::net::{TcpListener, TcpStream};
use turno::runtime::Runtime;

use common::guarded;

fn run(test: impl AsyncFnOnce() -> Result<()>) {
    guarded(|| Runtime::new().unwrap().block_on(test()).unwrap());
}

async fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    Ok((client, listener.accept().await?.0))
}

#[cfg(feature = "futures-io")]
mod futures_io {
    use std::io::{IoSlice, IoSliceMut};

    use futures_lite::io::{
        AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, copy,
    };
    use futures_lite::{AsyncRead, AsyncWrite, StreamExt};

    use super::*;

    #[test]
    fn lines_are_read_through_a_buffer() {
        run(async || {
            let (a, b) = pair().await?;
            let writer = turno::spawn(async move {
                let mut a = BufWriter::new(a);
                a.write_all(b"your\nturn\n").await?;
                a.close().await // Flushes, and ends the writing.
            });
            let lines = BufReader::new(b).lines().try_collect::<_, _, Vec<_>>().await?;
            assert_eq!(lines, ["your", "turn"]);
            writer.await.unwrap()
        });
    }

    #[test]
    fn a_copy_between_halves_is_an_echo() {
        run(async || {
            let (mut client, mut server) = pair().await?;
            let echo = turno::spawn(async move {
                let (reader, mut writer) = server.split();
                copy(reader, &mut writer).await?;
                writer.close().await
            });
            let sent = vec![3; 400_000];
            let (mut reader, mut writer) = client.split();
            let (mut got, all) = (Vec::new(), sent.clone());
            let send = async {
                AsyncWriteExt::write_all(&mut writer, &all).await?;
                AsyncWriteExt::close(&mut writer).await
            };
            let receive = AsyncReadExt::read_to_end(&mut reader, &mut got);
            let (sending, receiving) = futures_lite::future::zip(send, receive).await;
            sending?;
            assert_eq!(receiving?, sent.len());
            assert!(got == sent, "the bytes differ");
            echo.await.unwrap()
        });
    }

    #[test]
    fn a_reference_reads_and_writes_as_with_std() {
        run(async || {
            let (a, b) = pair().await?;
            let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
            assert_eq!(AsyncWriteExt::write_vectored(&mut &a, &bufs).await?, 3);
            let (mut x, mut y) = ([0; 1], [0; 8]);
            let bufs = &mut [IoSliceMut::new(&mut x), IoSliceMut::new(&mut y)];
            assert_eq!(AsyncReadExt::read_vectored(&mut &b, bufs).await?, 3);
            assert_eq!((x[0], &y[..2]), (b'a', &b"bc"[..]));
            Ok(())
        });
    }

    #[cfg(unix)]
    #[test]
    fn descriptors_are_read_and_written() {
        use std::os::unix::net::UnixStream;
        use turno::net::AsyncFd;

        fn both<T: AsyncRead + AsyncWrite + Unpin>() {}
        both::<AsyncFd<UnixStream>>();
        both::<&AsyncFd<std::fs::File>>();
        run(async || {
            let (a, b) = UnixStream::pair()?;
            a.set_nonblocking(true)?;
            b.set_nonblocking(true)?;
            let (mut a, mut b) = (AsyncFd::new(a)?, AsyncFd::new(b)?);
            let reader = turno::spawn(async move {
                let mut all = vec![0; 300_000]; // More than there is room for.
                b.read_exact(&mut all).await?;
                AsyncWriteExt::write_vectored(&mut &b, &[IoSlice::new(b"a"), IoSlice::new(b"b")])
                    .await?;
                let bytes = b.bytes().try_collect::<_, _, Vec<_>>().await?;
                Result::Ok((all, bytes))
            });
            a.write_all(&[7; 300_000]).await?;
            a.flush().await?;
            let (mut x, mut y) = ([0; 1], [0; 8]);
            let bufs = &mut [IoSliceMut::new(&mut x), IoSliceMut::new(&mut y)];
            assert_eq!(AsyncReadExt::read_vectored(&mut &a, bufs).await?, 2);
            assert_eq!((x[0], y[0]), (b'a', b'b'));
            a.close().await?; // It stays open until it is dropped.
            a.write_all(b"end").await?;
            drop(a);
            let (all, bytes) = reader.await.unwrap()?;
            assert!(all == vec![7; 300_000] && bytes == b"end");
            Ok(())
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_flush_that_would_block_waits() {
        use std::cell::Cell;
        use std::os::fd::{AsFd, BorrowedFd};
        use std::os::unix::net::UnixStream;

        /// Its first flush would block.
        struct Slow(UnixStream, Cell<u32>);
        impl AsFd for Slow {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }
        impl std::io::Write for &Slow {
            fn write(&mut self, buf: &[u8]) -> Result<usize> {
                std::io::Write::write(&mut &self.0, buf)
            }
            fn flush(&mut self) -> Result<()> {
                self.1.set(self.1.get() + 1);
                match self.1.get() {
                    1 => Err(std::io::ErrorKind::WouldBlock.into()),
                    _ => Ok(()),
                }
            }
        }
        run(async || {
            let (a, _b) = UnixStream::pair()?;
            a.set_nonblocking(true)?;
            let mut slow = turno::net::AsyncFd::new(Slow(a, Cell::new(0)))?;
            slow.flush().await?;
            slow.close().await?;
            assert_eq!(slow.get_ref().1.get(), 3);
            Ok(())
        });
    }

    #[test]
    fn inherent_methods_and_the_traits_live_side_by_side() {
        run(async || {
            let (mut a, mut b) = pair().await?;
            let (a, b) = (&mut a, &mut b); // As helpers take them.
            a.write_all(b"turno").await?;
            a.flush().await?;
            let mut buf = [0; 5];
            b.read_exact(&mut buf).await?;
            assert_eq!(&buf, b"turno");
            Ok(())
        });
    }

    #[test]
    fn all_that_can_implement_them() {
        fn reads<T: AsyncRead + Unpin + Send>() {}
        fn writes<T: AsyncWrite + Unpin + Send>() {}
        reads::<TcpStream>();
        writes::<TcpStream>();
        reads::<&TcpStream>();
        writes::<&TcpStream>();
        reads::<turno::net::tcp::ReadHalf<'_>>();
        writes::<turno::net::tcp::WriteHalf<'_>>();
        reads::<turno::net::tcp::OwnedReadHalf>();
        writes::<turno::net::tcp::OwnedWriteHalf>();
        #[cfg(unix)]
        {
            use turno::net::{UnixStream, unix};
            reads::<UnixStream>();
            writes::<UnixStream>();
            reads::<&UnixStream>();
            writes::<&UnixStream>();
            reads::<unix::ReadHalf<'_>>();
            writes::<unix::WriteHalf<'_>>();
            reads::<unix::OwnedReadHalf>();
            writes::<unix::OwnedWriteHalf>();
        }
    }
}

#[cfg(feature = "tokio-io")]
mod tokio_io {
    use std::future::poll_fn;
    use std::io::IoSlice;
    use std::pin::{Pin, pin};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    async fn read(mut from: Pin<&mut impl AsyncRead>, buf: &mut ReadBuf<'_>) -> Result<()> {
        poll_fn(|cx| from.as_mut().poll_read(cx, buf)).await
    }

    #[test]
    fn reading_fills_what_is_left_of_the_buffer() {
        run(async || {
            let (a, b) = pair().await?;
            a.write_all(b"turno").await?;
            let mut room = [std::mem::MaybeUninit::uninit(); 7];
            let mut buf = ReadBuf::uninit(&mut room);
            buf.put_slice(b"my ");
            let mut b = pin!(b);
            read(b.as_mut(), &mut buf).await?;
            assert_eq!(buf.filled(), b"my turn");
            buf.clear();
            read(b.as_mut(), &mut buf).await?;
            assert_eq!(buf.filled(), b"o");
            Ok(())
        });
    }

    #[test]
    fn memory_that_is_not_initialized_is_not_zeroed_first() {
        run(async || {
            let (a, b) = pair().await?;
            let mut b = pin!(b);
            for room in [1, 4096, 64 * 1024] {
                a.write_all(b"turno").await?;
                let mut room = vec![std::mem::MaybeUninit::uninit(); room];
                let mut buf = ReadBuf::uninit(&mut room);
                while buf.filled().len() < 5.min(buf.capacity()) {
                    read(b.as_mut(), &mut buf).await?;
                    assert_eq!(buf.initialized(), buf.filled(), "more is written than was read");
                }
                assert!(b"turno".starts_with(buf.filled()));
                b.as_ref().get_ref().read_exact(&mut [0; 4][..5 - buf.filled().len()]).await?;
            }
            Ok(())
        });
    }

    #[test]
    fn a_buffer_of_any_size_and_state_is_filled() {
        run(async || {
            let (a, b) = pair().await?;
            let sent: Vec<u8> = (0..1_000_000).map(|i| (i % 251) as u8).collect();
            let all = sent.clone();
            let writer = turno::spawn(async move { a.write_all(&all).await });
            let (mut b, mut got) = (pin!(b), Vec::new());
            for n in 0.. {
                let size = [1, 100, 64 * 1024, 64 * 1024 + 1, 200_000][n % 5];
                let mut room = vec![std::mem::MaybeUninit::uninit(); size];
                let mut buf = ReadBuf::uninit(&mut room);
                match n % 3 {
                    0 => drop(buf.initialize_unfilled()),
                    1 => drop(buf.initialize_unfilled_to(size / 2)),
                    _ => {}
                }
                read(b.as_mut(), &mut buf).await?;
                got.extend_from_slice(buf.filled());
                if got.len() == sent.len() {
                    break;
                }
            }
            assert!(got == sent, "the bytes differ");
            writer.await.unwrap()
        });
    }

    #[cfg(unix)]
    #[test]
    fn descriptors_are_read_and_written() {
        use std::os::unix::net::UnixStream;
        use tokio::io::AsyncWrite;
        use turno::net::AsyncFd;

        fn both<T: AsyncRead + AsyncWrite + Unpin>() {}
        both::<AsyncFd<UnixStream>>();
        both::<&AsyncFd<std::fs::File>>();
        run(async || {
            let (a, b) = UnixStream::pair()?;
            a.set_nonblocking(true)?;
            b.set_nonblocking(true)?;
            let (a, b) = (AsyncFd::new(a)?, AsyncFd::new(b)?);
            let (mut a, mut b) = (pin!(a), pin!(&b));
            assert_eq!(poll_fn(|cx| a.as_mut().poll_write(cx, b"turno")).await?, 5);
            poll_fn(|cx| a.as_mut().poll_flush(cx)).await?;
            let mut room = [std::mem::MaybeUninit::uninit(); 8];
            let mut buf = ReadBuf::uninit(&mut room);
            read(b.as_mut(), &mut buf).await?;
            assert_eq!(buf.filled(), b"turno");
            Ok(())
        });
    }

    /// A descriptor whose `read` is user code, which reads in its turn.
    #[cfg(unix)]
    #[test]
    fn a_read_inside_of_a_read_is_no_harm() {
        use std::os::fd::{AsFd, BorrowedFd};
        use std::os::unix::net::UnixStream;
        use turno::net::AsyncFd;

        struct Nested(UnixStream, turno::net::UnixStream);
        impl AsFd for Nested {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }
        impl std::io::Read for &Nested {
            fn read(&mut self, out: &mut [u8]) -> Result<usize> {
                let mut room = [std::mem::MaybeUninit::uninit(); 8];
                let mut buf = ReadBuf::uninit(&mut room);
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                let inner = Pin::new(&mut &self.1).poll_read(&mut cx, &mut buf);
                assert!(inner.is_ready());
                let n = std::io::Read::read(&mut &self.0, out)?;
                out[n..n + 1].copy_from_slice(buf.filled());
                Ok(n + 1)
            }
        }
        run(async || {
            let ((a, b), (c, d)) = (UnixStream::pair()?, turno::net::UnixStream::pair()?);
            std::io::Write::write_all(&mut &a, b"outer")?;
            c.write_all(b"i").await?;
            let mut room = [std::mem::MaybeUninit::uninit(); 8];
            let mut buf = ReadBuf::uninit(&mut room);
            let nested = AsyncFd::new(Nested(b, d))?;
            read(pin!(&nested), &mut buf).await?;
            assert_eq!(buf.filled(), b"outeri");
            Ok(())
        });
    }

    #[test]
    fn writing_is_vectored_and_shutting_down_is_an_end() {
        run(async || {
            let (mut a, b) = pair().await?;
            let (_reader, writer) = a.split();
            let mut writer = pin!(writer);
            assert!(writer.is_write_vectored());
            let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
            let n = poll_fn(|cx| writer.as_mut().poll_write_vectored(cx, &bufs)).await?;
            assert_eq!(n, 3);
            assert_eq!(poll_fn(|cx| writer.as_mut().poll_write(cx, b"d")).await?, 1);
            poll_fn(|cx| writer.as_mut().poll_flush(cx)).await?;
            poll_fn(|cx| writer.as_mut().poll_shutdown(cx)).await?;
            let mut got = Vec::new();
            b.read_to_end(&mut got).await?;
            assert_eq!(got, b"abcd");
            Ok(())
        });
    }

    #[test]
    fn all_that_can_implement_them() {
        fn reads<T: AsyncRead + Unpin + Send>() {}
        fn writes<T: AsyncWrite + Unpin + Send>() {}
        reads::<TcpStream>();
        writes::<&TcpStream>();
        reads::<turno::net::tcp::OwnedReadHalf>();
        writes::<turno::net::tcp::OwnedWriteHalf>();
        #[cfg(unix)]
        {
            reads::<turno::net::UnixStream>();
            writes::<turno::net::unix::OwnedWriteHalf>();
        }
    }
}
