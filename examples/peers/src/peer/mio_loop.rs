//! The floor of an echo server: a loop over `mio`, written by hand. What a message costs beyond
//! this is the runtime's.
//!
//! It makes the system calls that turno makes: one `recv` and one `send` a message, one
//! `epoll_wait` a batch. A read that gives less than was asked for has emptied the socket, so
//! nobody has to hear "would block" from it.

use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::{Floor, Net};

const LISTENER: Token = Token(usize::MAX);

impl Net for Floor {
    fn serve(listener: StdListener) -> io::Result<()> {
        let mut listener = TcpListener::from_std(listener);
        let mut poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut events = Events::with_capacity(1024);
        let mut streams: Vec<Option<TcpStream>> = Vec::new();
        loop {
            poll.poll(&mut events, None)?;
            for event in &events {
                if event.token() == LISTENER {
                    accept(&listener, &poll, &mut streams)?;
                } else if let Some(slot) = streams.get_mut(event.token().0)
                    && slot.as_mut().is_some_and(|stream| echo(stream).is_err())
                {
                    *slot = None;
                }
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    streams: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nodelay(true)?;
                poll.registry().register(&mut stream, Token(streams.len()), Interest::READABLE)?;
                streams.push(Some(stream));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// An error when the connection is over.
fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                // A message is far smaller than the socket's buffer: it goes out at once.
                stream.write_all(&buffer[..n])?;
                if n < buffer.len() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
