//! Addresses, and looking names up (floor 4).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::Location;
use std::vec;

use crate::runtime::context;

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
        Known(std::net::SocketAddr),
        Several(Vec<std::net::SocketAddr>),
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

impl Target for [SocketAddr] {
    fn question(&self) -> Question {
        Question::Several(self.to_vec())
    }
}

/// What is an address already.
macro_rules! addresses {
    ($($address:ty),*) => {$(
        impl Target for $address {
            fn question(&self) -> Question {
                Question::Known((*self).into())
            }
        }
    )*};
}

addresses!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl Target for (&str, u16) {
    fn question(&self) -> Question {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Question::Known((ip, self.1).into()),
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
            Ok(address) => Question::Known(address),
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
) -> io::Result<impl Iterator<Item = SocketAddr> + use<T>> {
    resolve(&host).await
}

pub(super) async fn resolve(target: &(impl Target + ?Sized)) -> io::Result<Addresses> {
    match target.question() {
        Question::Known(address) => Ok(Addresses::One(Some(address))),
        Question::Several(addresses) => Ok(Addresses::Several(addresses.into_iter())),
        Question::Host(host, port) => look_up((host, port)).await,
        Question::Text(text) => look_up(text).await,
    }
}

/// Asks the operating system, in the blocking pool. The job's handle may cross threads, so that the
/// futures of `connect` and the like may, too: libraries that abstract over runtimes demand it.
async fn look_up(name: impl std::net::ToSocketAddrs + Send + 'static) -> io::Result<Addresses> {
    let look = move || name.to_socket_addrs().map(Vec::from_iter);
    let job = context::expect("looking a name up").blocking.spawn(Location::caller(), look);
    Ok(Addresses::Several(job.await??.into_iter()))
}

/// The addresses found.
pub(super) enum Addresses {
    One(Option<SocketAddr>),
    Several(vec::IntoIter<SocketAddr>),
}

impl Iterator for Addresses {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        match self {
            Self::One(address) => address.take(),
            Self::Several(addresses) => addresses.next(),
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
