//! The outside world: a small file server, in a process of its own, a thread for each connection.
//!
//! ```text
//! client:  GET <index> <size>\n
//! server:  OK <size> <crc32>\n and then the bytes       or       ERR <reason>\n
//! ```
//!
//! The bytes follow from the index alone, so nothing is stored. Its faults are made on purpose.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use print::println;

/// What the server does wrong, file by file, and how slow it is.
#[derive(Clone, Default)]
pub struct Faults {
    /// Cut half-way, or after so many bytes.
    pub cut: HashSet<u64>,
    pub cut_after: Option<u64>,
    /// One byte is changed on the way.
    pub garble: HashSet<u64>,
    /// Half of it, and then silence.
    pub stall: HashSet<u64>,
    /// The pause before each answer.
    pub delay: Duration,
}

/// Serves until the process ends; with `until_eof`, until standard input does. Then the parent is gone,
/// and there is nobody else left to `sweep` its temporary folder away.
pub fn serve(
    address: SocketAddr,
    faults: Faults,
    until_eof: bool,
    sweep: Option<PathBuf>,
) -> io::Result<()> {
    let listener = TcpListener::bind(address).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot serve {address}: {error}"))
    })?;
    println!("serving on {}", listener.local_addr()?);
    if until_eof {
        thread::Builder::new().spawn(move || {
            // However it ends, nobody is there any more.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            // A worker may still be putting files where others are being removed.
            for _ in 0..100 {
                match sweep.as_ref().map(fs::remove_dir_all) {
                    Some(Err(_)) => thread::sleep(Duration::from_millis(10)),
                    _ => break,
                }
            }
            std::process::exit(0);
        })?;
    }
    let faults = Arc::new(faults);
    for connection in listener.incoming() {
        let started = connection.and_then(|socket| {
            let faults = faults.clone();
            // What goes wrong with one client is that client's business.
            let work = move || drop(answer(&socket, &faults));
            thread::Builder::new().stack_size(256 * 1024).spawn(work)
        });
        if started.is_err() {
            thread::sleep(Duration::from_millis(10)); // Out of descriptors or threads: they come back.
        }
    }
    Ok(())
}

fn answer(mut socket: &TcpStream, faults: &Faults) -> io::Result<()> {
    let mut request = String::new();
    BufReader::new(socket.take(100)).read_line(&mut request)?;
    let words: Vec<_> = request.split_whitespace().collect();
    let (index, size) = match words[..] {
        ["GET", index, size] => (index.parse().ok(), size.parse().ok()),
        _ => (None, None),
    };
    let (Some(index), Some(size)) = (index, size) else {
        return writeln!(socket, "ERR the request is not \"GET <index> <size>\"");
    };
    thread::sleep(faults.delay);

    let mut hash = crc32fast::Hasher::new();
    each_block(index, size, |_, block| {
        hash.update(block);
        Ok(())
    })?;
    writeln!(socket, "OK {size} {:08x}", hash.finalize())?;

    let half = size / 2;
    let stop = match (faults.cut.contains(&index), faults.stall.contains(&index)) {
        (true, _) => faults.cut_after.unwrap_or(half).min(size),
        (_, true) => half,
        _ => size,
    };
    let garbled = faults.garble.contains(&index).then_some(half);
    each_block(index, size, |at, block| {
        if let Some(byte) = garbled.and_then(|g| block.get_mut(g.checked_sub(at)? as usize)) {
            *byte ^= 1;
        }
        let room = stop.saturating_sub(at).min(block.len() as u64);
        socket.write_all(&block[..room as usize])
    })?;
    if faults.stall.contains(&index) {
        let _end = socket.read(&mut [0])?; // Until the client has had enough.
    }
    Ok(())
}

/// The contents of a file, block by block with the place of each: SplitMix64 from its index on.
fn each_block(
    index: u64,
    size: u64,
    mut with: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let random = turno::policy::Rng::new(index);
    let (mut at, mut block) = (0, vec![0; 64 * 1024]);
    while at < size {
        for eight in block.chunks_exact_mut(8) {
            eight.copy_from_slice(&random.next().to_le_bytes());
        }
        let length = (size - at).min(block.len() as u64);
        with(at, &mut block[..length as usize])?;
        at += length;
    }
    Ok(())
}

/// A server in a process of its own, which ends when this is dropped, or when we die.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts this program again, with `--serve` and the arguments for its faults.
    pub fn start(faults: &[String], sweep: Option<&Path>) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", "127.0.0.1:0", "--until-eof"]).args(faults);
        if let Some(sweep) = sweep {
            command.arg("--sweep").arg(sweep);
        }
        #[cfg(unix)] // A Ctrl-C is not for it: it has to sweep.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("serving on ").and_then(|a| a.parse().ok());
        let server = |address| Self { process, address };
        address.map(server).ok_or_else(|| io::Error::other("the file server did not start"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails only if the server has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
