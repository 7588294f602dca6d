//! What all sockets have in common: readiness, their descriptor, the forms of an operation
//! (floor 4).
//!
//! Each has a field `io`, a [`Source`](super::source::Source), so the methods are the same; macros
//! write them down once, so that they are inherent and documented on each type.

/// Readiness, for a socket with a field `io`.
macro_rules! readiness_methods {
    ($socket:ident) => {
        impl $socket {
            /// Waits until it can be read from, as far as events tell: a socket that is new waits
            /// for its first one.
            ///
            /// # Errors
            /// When this is polled outside of its runtime.
            ///
            /// # Cancel safety
            /// Nothing is lost if it is dropped.
            #[track_caller]
            pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
                let site = std::panic::Location::caller();
                async move { self.io.ready(site, Interest::READABLE).await.map(drop) }
            }

            /// Waits until it can be written to. As [`readable`](Self::readable) in all else.
            ///
            /// # Errors
            /// As [`readable`](Self::readable).
            #[track_caller]
            pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
                let site = std::panic::Location::caller();
                async move { self.io.ready(site, Interest::WRITABLE).await.map(drop) }
            }

            /// Waits until one of the things asked for can be done, and says which. It may say so
            /// too early: a `try_` method then says `WouldBlock`.
            ///
            /// # Errors
            /// When `interest` is in neither reading, writing nor urgent data; else as
            /// [`readable`](Self::readable).
            ///
            /// # Cancel safety
            /// Nothing is lost if it is dropped.
            #[track_caller]
            pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
                let site = std::panic::Location::caller();
                async move { self.io.ready(site, interest).await }
            }

            /// Calls `op` if the socket is ready as far as events tell; its `WouldBlock` is
            /// believed. If `interest` is in several things it does not say which of them is not
            /// ready, so all stay as they are; when that happens twice, [`ready`](Self::ready) for
            /// several waits for the next event.
            ///
            /// # Errors
            /// `WouldBlock` when it is not ready; as [`ready`](Self::ready); else what `op` says.
            pub fn try_io<R>(
                &self,
                interest: Interest,
                op: impl FnOnce() -> io::Result<R>,
            ) -> io::Result<R> {
                self.io.try_io(Ready::for_interest(interest)?, |_| op())
            }

            /// Calls `op` whenever the socket is ready, until it says something else than
            /// `WouldBlock`.
            ///
            /// # Errors
            /// Those of `op`; and as [`ready`](Self::ready).
            ///
            /// # Cancel safety
            /// Dropped before it is done, `op` has not succeeded.
            #[track_caller]
            pub fn async_io<R>(
                &self,
                interest: Interest,
                mut op: impl FnMut() -> io::Result<R>,
            ) -> impl Future<Output = io::Result<R>> {
                let site = std::panic::Location::caller();
                async move {
                    let want = Ready::for_interest(interest)?;
                    self.io.io(site, want, |_| op()).await
                }
            }

            /// The error that waits to be fetched, if there is one.
            ///
            /// # Errors
            /// Those of the operating system.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.io.get().take_error()
            }
        }

        impl fmt::Debug for $socket {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.io.fmt(f)
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                std::os::fd::AsFd::as_fd(self.io.get())
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(self.io.get())
            }
        }
    };
}

/// Waiting for readiness by hand, for a socket with a field `io`.
macro_rules! poll_ready_methods {
    ($socket:ident, $poll_read_ready:ident, $poll_write_ready:ident) => {
        impl $socket {
            /// Waits, by hand, until it can be read from. Of the tasks that
            /// [poll by hand](crate::net#polling-by-hand) to read, the last is woken.
            ///
            /// # Errors
            /// As [`readable`](Self::readable).
            pub fn $poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(cx, Interest::READABLE).map_ok(drop)
            }

            /// Waits, by hand, until it can be written to. Of the tasks that
            /// [poll by hand](crate::net#polling-by-hand) to write, the last is woken.
            ///
            /// # Errors
            /// As [`readable`](Self::readable).
            pub fn $poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(cx, Interest::WRITABLE).map_ok(drop)
            }
        }
    };
}

/// The three forms of an operation on a datagram socket with a field `io`: awaited, by hand, and
/// without waiting.
macro_rules! datagram_operation {
    ($what:literal, $want:ident,
     fn $name:ident, $poll:ident, $try:ident($($arg:ident: $type:ty),*) -> $ret:ty) => {
        #[doc = $what]
        ///
        /// # Errors
        /// Those of the operating system; and when this is polled outside of its runtime.
        ///
        /// # Cancel safety
        /// Dropped before it is done, nothing has happened.
        #[track_caller]
        pub fn $name(&self, $($arg: $type),*) -> impl Future<Output = io::Result<$ret>> {
            let site = std::panic::Location::caller();
            async move {
            self.io.io(site, Ready::$want, |socket| socket.$name($($arg),*)).await
            }
        }

        #[doc = concat!("As [`", stringify!($name), "`](Self::", stringify!($name), "),")]
        /// [by hand](crate::net#polling-by-hand).
        ///
        /// # Errors
        /// The same.
        pub fn $poll(&self, cx: &mut Context<'_>, $($arg: $type),*) -> Poll<io::Result<$ret>> {
            self.io.poll_io(cx, Ready::$want, |socket| socket.$name($($arg),*))
        }

        #[doc = concat!("As [`", stringify!($name), "`](Self::", stringify!($name), ")")]
        /// without waiting.
        ///
        /// # Errors
        /// `WouldBlock` when it is not ready as far as is known.
        pub fn $try(&self, $($arg: $type),*) -> io::Result<$ret> {
            self.io.try_io(Ready::$want, |socket| socket.$name($($arg),*))
        }
    };
}

pub(super) use {datagram_operation, poll_ready_methods, readiness_methods};
