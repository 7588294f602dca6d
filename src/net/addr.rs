//! Addresses, and looking names up (floor 4).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::task::spawn_blocking;

/// What an address can be given as: an address, an IP with a port, or a name with a port, as
/// `"localhost:80"` or `("localhost", 80)`. A name is looked up by the operating system, in the
/// blocking pool; what is an IP already is not looked up.
///
/// It cannot be implemented outside of this crate.
pub trait ToSocketAddrs: sealed::Target {}

mod sealed {
    /// What is to be found out.
    #[derive(Debug)]
    pub enum Question {
        Known(Vec<std::net::SocketAddr>),
        Host(String, u16),
        /// With its port, as `localhost:80`.
        Text(String),
    }

    pub trait Target {
        fn question(&self) -> Question;
    }
}

use sealed::{Question, Target};

impl<T: Target + ?Sized> ToSocketAddrs for T {}

impl<T: Target + ?Sized> Target for &T {
    fn question(&self) -> Question {
        (**self).question()
    }
}

impl Target for SocketAddr {
    fn question(&self) -> Question {
        Question::Known(vec![*self])
    }
}

impl Target for SocketAddrV4 {
    fn question(&self) -> Question {
        Question::Known(vec![(*self).into()])
    }
}

impl Target for SocketAddrV6 {
    fn question(&self) -> Question {
        Question::Known(vec![(*self).into()])
    }
}

impl Target for [SocketAddr] {
    fn question(&self) -> Question {
        Question::Known(self.to_vec())
    }
}

impl Target for (IpAddr, u16) {
    fn question(&self) -> Question {
        Question::Known(vec![(*self).into()])
    }
}

impl Target for (Ipv4Addr, u16) {
    fn question(&self) -> Question {
        Question::Known(vec![(*self).into()])
    }
}

impl Target for (Ipv6Addr, u16) {
    fn question(&self) -> Question {
        Question::Known(vec![(*self).into()])
    }
}

impl Target for (&str, u16) {
    fn question(&self) -> Question {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Question::Known(vec![(ip, self.1).into()]),
            Err(_) => Question::Host(self.0.to_string(), self.1),
        }
    }
}

impl Target for (String, u16) {
    fn question(&self) -> Question {
        (self.0.as_str(), self.1).question()
    }
}

impl Target for str {
    fn question(&self) -> Question {
        match self.parse::<SocketAddr>() {
            Ok(address) => Question::Known(vec![address]),
            Err(_) => Question::Text(self.to_string()),
        }
    }
}

impl Target for String {
    fn question(&self) -> Question {
        self.as_str().question()
    }
}

/// Looks a name up. The order of the addresses is the operating system's.
///
/// # Errors
/// When there is no such name, or the text is no address with a port.
///
/// # Cancel safety
/// Dropped half-way, the lookup goes on in its thread, and its result is lost.
pub async fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(&host).await.map(Vec::into_iter)
}

pub(super) async fn resolve(target: &(impl Target + ?Sized)) -> io::Result<Vec<SocketAddr>> {
    use std::net::ToSocketAddrs as _;

    match target.question() {
        Question::Known(addresses) => Ok(addresses),
        Question::Host(host, port) => {
            let look = move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            spawn_blocking(look).await?
        }
        Question::Text(text) => {
            let look = move || text.to_socket_addrs().map(Iterator::collect);
            spawn_blocking(look).await?
        }
    }
}

/// Tries the addresses in order until one works; the last error if none does.
pub(super) async fn first_that_works<T, F: Future<Output = io::Result<T>>>(
    target: &(impl Target + ?Sized),
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut last = None;
    for address in resolve(target).await? {
        match attempt(address).await {
            Ok(made) => return Ok(made),
            Err(error) => last = Some(error),
        }
    }
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "there is no address to try");
    Err(last.unwrap_or_else(none))
}
