//! The file server: the world outside, in a process of its own.
//!
//! It gets 16 bytes (the number of a file and its size), sends that many bytes and their checksum,
//! and closes the connection. The bytes of a file follow from its number.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use socket2::{Domain, Socket, Type};

/// Serves until the standard input ends. A file whose number is `cut` is cut off half-way.
pub fn serve(address: SocketAddr, cut: Option<u64>) -> Result<(), Box<dyn Error>> {
    // A thousand connections may come at once: the standard library's queue would overflow, and
    // the kernel would let the clients wait for a second.
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into()).map_err(|e| format!("cannot listen on {address}: {e}"))?;
    socket.listen(4096)?;
    let listener = TcpListener::from(socket);
    println!("{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || send(stream, cut));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn send(mut stream: TcpStream, cut: Option<u64>) -> io::Result<()> {
    let mut request = [0; 16];
    stream.read_exact(&mut request)?;
    let (file, size) = (number(&request[..8]), number(&request[8..]));
    let end = if cut == Some(file) { size / 2 } else { size };
    let mut checksum = crc32fast::Hasher::new();
    let mut sent = 0;
    for mut block in content(file, size) {
        block.truncate((end - sent) as usize);
        checksum.update(&block);
        stream.write_all(&block)?;
        sent += block.len() as u64;
        if sent == end {
            break;
        }
    }
    if end == size {
        stream.write_all(&checksum.finalize().to_le_bytes())?;
    }
    Ok(())
}

pub fn request(file: u64, size: u64) -> [u8; 16] {
    let mut request = [0; 16];
    request[..8].copy_from_slice(&file.to_le_bytes());
    request[8..].copy_from_slice(&size.to_le_bytes());
    request
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What is in a file, in blocks of 64 KiB.
pub fn content(file: u64, size: u64) -> impl Iterator<Item = Vec<u8>> {
    const BLOCK: u64 = 64 * 1024;
    let mut state = file ^ 0x7475_726e_6f00_0000;
    (0..size.div_ceil(BLOCK)).map(move |block| {
        let length = BLOCK.min(size - block * BLOCK) as usize;
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&(state ^ state >> 33).to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    })
}
