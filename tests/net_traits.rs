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
