//! Waiting for several futures in one task: `select!`, `join!`, `try_join!`, and `pin!` (floor 4).
//!
//! All of them are declarative macros, and what they expand to is safe code. How they are made:
//!
//! - A macro cannot count, so it is handed a list of numbered names, and each step of a recursion
//!   gives the first of them to the next branch: `(0 _0) (1 _1) ...`. In the end each branch has
//!   a number, and a name for its future and for its variant of the enum that says which branch it
//!   was. The first number left over is how many there are.
//! - A future is pinned where it lies by `std::pin::pin!`, which needs no unsafe code as the tuple
//!   of all futures would. They are pinned last to first, so that they are dropped first to last.
//! - The poll is a loop over a `match` with one arm for each number, so any of them can be first.
//! - Whether an output fits a pattern is asked before a handler may bind it. That is what a guard
//!   is for: `pattern if { fits = true; false }` binds nothing for good, whatever the pattern.

/// Waits until the first of several futures is done, and runs its handler; the other futures are
/// dropped.
///
/// ```text
/// select! {
///     biased;                                          // If they are to be polled in order.
///     pattern = future => handler,
///     pattern = future, if guard => handler,           // Up to 64 branches.
///     else => handler,                                 // When none of the branches is left.
/// }
/// ```
///
/// In this order:
/// 1. Each guard is evaluated. Where it is false the branch is off.
/// 2. Each future's expression is evaluated, also where its branch is off, and made a future by
///    `IntoFuture`.
/// 3. The futures are polled, beginning with a random one (drawn from the runtime's seed: the same
///    seed gives the same run), or with the first if `biased;` is said. Where an output does not
///    fit its pattern the branch is off from then on, and the others go on.
/// 4. When an output fits, all futures are dropped, first to last, and then the handler runs. It
///    may use what the futures have borrowed, and `?`, `return`, `break`, `continue` and `.await`.
/// 5. When all branches are off the handler after `else` runs.
///
/// # Cancel safety
/// The futures that come second are dropped half-way: use those whose docs say that nothing is lost
/// then. To go on with one later, make it outside of the loop and select on `&mut` of it.
///
/// # Panics
/// When all branches are off and there is no `else`.
///
/// # Cost
/// No allocation; 8 bytes for each future beside what it needs itself.
///
/// ```
/// use turno::time::{Duration, sleep};
///
/// # turno::block_on(async {
/// # turno::time::pause();
/// let mut ticks = 0;
/// let end = sleep(Duration::from_millis(5));
/// turno::pin!(end);
/// loop {
///     turno::select! {
///         () = &mut end => break,
///         () = sleep(Duration::from_millis(1)), if ticks < 3 => ticks += 1,
///     }
/// }
/// assert_eq!(ticks, 3);
/// # });
/// ```
///
/// Two futures cannot both borrow mutably; two handlers can:
///
/// ```compile_fail,E0499
/// # async fn add(n: &mut u32) { *n += 1 }
/// # turno::block_on(async {
/// let mut n = 0;
/// turno::select! {
///     () = add(&mut n) => {}
///     () = add(&mut n) => {}
/// }
/// # });
/// ```
///
/// It awaits, so it has its place in async code only:
///
/// ```compile_fail,E0728
/// fn first() -> u32 {
///     turno::select! { n = async { 1 } => n }
/// }
/// ```
#[macro_export]
macro_rules! select {
    () => {
        ::core::compile_error!("`select!` needs at least one branch")
    };
    ($(biased;)? else => $else:expr $(,)?) => {
        $else
    };
    (biased; $($branches:tt)+) => {
        $crate::__select! { @biased $($branches)+ }
    };
    ($($branches:tt)+) => {
        $crate::__select! { @random $($branches)+ }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@$order:ident $($branches:tt)+) => {
        $crate::__select! { $order [] {} (
            (0 _0) (1 _1) (2 _2) (3 _3) (4 _4) (5 _5) (6 _6) (7 _7) (8 _8) (9 _9) (10 _10) (11 _11)
            (12 _12) (13 _13) (14 _14) (15 _15) (16 _16) (17 _17) (18 _18) (19 _19) (20 _20)
            (21 _21) (22 _22) (23 _23) (24 _24) (25 _25) (26 _26) (27 _27) (28 _28) (29 _29)
            (30 _30) (31 _31) (32 _32) (33 _33) (34 _34) (35 _35) (36 _36) (37 _37) (38 _38)
            (39 _39) (40 _40) (41 _41) (42 _42) (43 _43) (44 _44) (45 _45) (46 _46) (47 _47)
            (48 _48) (49 _49) (50 _50) (51 _51) (52 _52) (53 _53) (54 _54) (55 _55) (56 _56)
            (57 _57) (58 _58) (59 _59) (60 _60) (61 _61) (62 _62) (63 _63) (64 _64)
        ) $($branches)+ }
    };

    // All branches have their names: what to do when none is left.
    ($order:ident $rev:tt $done:tt (($count:tt $end:ident) $($more:tt)*)) => {
        $crate::__select! { =$order $count $rev $done
            ::core::panic!("all branches of `select!` are off, and it has no `else`") }
    };
    ($order:ident $rev:tt $done:tt (($count:tt $end:ident) $($more:tt)*)
        else => $else:expr $(,)?) => {
        $crate::__select! { =$order $count $rev $done $else }
    };
    ($order:ident $rev:tt $done:tt (($count:tt $end:ident)) $($rest:tt)+) => {
        ::core::compile_error!("`select!` takes at most 64 branches")
    };

    // One branch gets the next name: with a block and a comma, with a block, with an expression,
    // with an expression at the end.
    ($order:ident [$($rev:tt)*] { $($done:tt)* } (($n:tt $id:ident) $next:tt $($more:tt)*)
        $p:pat = $f:expr $(, if $c:expr)? => $h:block, $($rest:tt)*) => {
        $crate::__select! { $order [$id $($rev)*] { $($done)*
            ($n $id ($p) ($f) (true $(&& $c)?) ($h))
        } ($next $($more)*) $($rest)* }
    };
    ($order:ident [$($rev:tt)*] { $($done:tt)* } (($n:tt $id:ident) $next:tt $($more:tt)*)
        $p:pat = $f:expr $(, if $c:expr)? => $h:block $($rest:tt)*) => {
        $crate::__select! { $order [$id $($rev)*] { $($done)*
            ($n $id ($p) ($f) (true $(&& $c)?) ($h))
        } ($next $($more)*) $($rest)* }
    };
    ($order:ident [$($rev:tt)*] { $($done:tt)* } (($n:tt $id:ident) $next:tt $($more:tt)*)
        $p:pat = $f:expr $(, if $c:expr)? => $h:expr, $($rest:tt)*) => {
        $crate::__select! { $order [$id $($rev)*] { $($done)*
            ($n $id ($p) ($f) (true $(&& $c)?) ($h))
        } ($next $($more)*) $($rest)* }
    };
    ($order:ident [$($rev:tt)*] { $($done:tt)* } (($n:tt $id:ident) $next:tt $($more:tt)*)
        $p:pat = $f:expr $(, if $c:expr)? => $h:expr) => {
        $crate::__select! { $order [$id $($rev)*] { $($done)*
            ($n $id ($p) ($f) (true $(&& $c)?) ($h))
        } ($next $($more)*) }
    };

    (=$order:ident $count:tt [$($rev:ident)+]
        { $(($n:tt $id:ident ($p:pat) ($f:expr) ($c:expr) ($h:expr)))+ } $else:expr) => {{
        #[allow(non_camel_case_types)]
        enum __TurnoSelected<$($id),+> {
            $($id($id),)+
            __Off,
        }
        let mut on = 0_u64;
        $(
            if $c {
                on |= 1 << $n;
            }
        )+
        #[allow(unused_mut)]
        let mut selected = {
            $(let $id = $f;)+
            $(let mut $rev = ::core::pin::pin!(::core::future::IntoFuture::into_future($rev));)+
            ::core::future::poll_fn(move |cx| {
                if $crate::__private::gives_way(cx) {
                    return ::core::task::Poll::Pending;
                }
                let group = $crate::__private::Group::here();
                let first = $crate::__private::$order($count);
                let mut waits = false;
                for turn in 0..$count {
                    match $crate::__private::wrap(first + turn, $count) {
                        $($n if on & (1 << $n) != 0 => {
                            let poll = ::core::future::Future::poll($id.as_mut(), cx);
                            #[allow(unused_mut)] // A pattern with `ref mut` wants it.
                            let ::core::task::Poll::Ready(mut output) = poll else {
                                waits = true;
                                continue;
                            };
                            on &= !(1 << $n);
                            let mut fits = false;
                            match output {
                                #[allow(unused)]
                                $p if {
                                    fits = true;
                                    false
                                } => {}
                                output if fits => {
                                    group.overtake();
                                    return ::core::task::Poll::Ready(__TurnoSelected::$id(output));
                                }
                                _ => {}
                            }
                        })+
                        _ => {}
                    }
                }
                if waits {
                    ::core::task::Poll::Pending
                } else {
                    ::core::task::Poll::Ready(__TurnoSelected::__Off)
                }
            })
            .await
        };
        match selected {
            $(__TurnoSelected::$id($p) => $h,)+
            __TurnoSelected::__Off => $else,
            #[allow(unreachable_patterns)]
            _ => ::core::unreachable!("an output fits its pattern no more"),
        }
    }};
}

/// Waits for all of several futures, in this task and side by side, and gives their outputs as a
/// tuple.
///
/// Each time the task runs, each future that is not done is polled once. Who is first goes round,
/// so that one that spends the task's budget does not keep the others from theirs; with
/// `join!(biased; ...)` it is always the first. Up to 128 futures, or what becomes one by
/// `IntoFuture`; they may borrow from around.
///
/// They share the task: the policy sees one. For a place in the ready queue of their own, spawn
/// them.
///
/// # Cancel safety
/// As that of the futures: outputs that are there already are dropped with it.
///
/// # Cost
/// No allocation; 8 bytes for each future beside what it needs itself.
///
/// ```
/// # turno::block_on(async {
/// let text = String::from("turno");
/// let (length, first) = turno::join!(async { text.len() }, async { text.chars().next() });
/// assert_eq!((length, first), (5, Some('t')));
/// # });
/// ```
#[macro_export]
macro_rules! join {
    ($(biased;)?) => {
        async {}.await
    };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__join! { @(all 0) $($future,)+ }
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__join! { @(all 1) $($future,)+ }
    };
}

/// Waits for all of several futures, as [`join!`](crate::join!), and gives the values of all as
/// `Ok` of a tuple; or the first error, as soon as it is there. The other futures are dropped then.
///
/// # Cancel safety
/// As that of the futures: values that are there already are dropped with it, and with an error.
///
/// # Cost
/// As [`join!`](crate::join!).
///
/// ```
/// # turno::block_on(async {
/// let good = async { Ok::<_, String>(1) };
/// let bad = async { Err::<u32, _>("no".to_string()) };
/// let never = std::future::pending::<Result<(), String>>();
/// assert_eq!(turno::try_join!(good, bad, never), Err("no".to_string()));
/// # });
/// ```
#[macro_export]
macro_rules! try_join {
    ($(biased;)?) => {
        async { ::core::result::Result::Ok(()) }.await
    };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__join! { @(ok 0) $($future,)+ }
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__join! { @(ok 1) $($future,)+ }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    (@$how:tt $($futures:tt)+) => {
        $crate::__join! { $how [] {} (
            (0 _0) (1 _1) (2 _2) (3 _3) (4 _4) (5 _5) (6 _6) (7 _7) (8 _8) (9 _9) (10 _10) (11 _11)
            (12 _12) (13 _13) (14 _14) (15 _15) (16 _16) (17 _17) (18 _18) (19 _19) (20 _20)
            (21 _21) (22 _22) (23 _23) (24 _24) (25 _25) (26 _26) (27 _27) (28 _28) (29 _29)
            (30 _30) (31 _31) (32 _32) (33 _33) (34 _34) (35 _35) (36 _36) (37 _37) (38 _38)
            (39 _39) (40 _40) (41 _41) (42 _42) (43 _43) (44 _44) (45 _45) (46 _46) (47 _47)
            (48 _48) (49 _49) (50 _50) (51 _51) (52 _52) (53 _53) (54 _54) (55 _55) (56 _56)
            (57 _57) (58 _58) (59 _59) (60 _60) (61 _61) (62 _62) (63 _63) (64 _64) (65 _65)
            (66 _66) (67 _67) (68 _68) (69 _69) (70 _70) (71 _71) (72 _72) (73 _73) (74 _74)
            (75 _75) (76 _76) (77 _77) (78 _78) (79 _79) (80 _80) (81 _81) (82 _82) (83 _83)
            (84 _84) (85 _85) (86 _86) (87 _87) (88 _88) (89 _89) (90 _90) (91 _91) (92 _92)
            (93 _93) (94 _94) (95 _95) (96 _96) (97 _97) (98 _98) (99 _99) (100 _100) (101 _101)
            (102 _102) (103 _103) (104 _104) (105 _105) (106 _106) (107 _107) (108 _108) (109 _109)
            (110 _110) (111 _111) (112 _112) (113 _113) (114 _114) (115 _115) (116 _116) (117 _117)
            (118 _118) (119 _119) (120 _120) (121 _121) (122 _122) (123 _123) (124 _124) (125 _125)
            (126 _126) (127 _127) (128 _128)
        ) $($futures)+ }
    };

    // The next futures get their names: ten at a time, so that a hundred are not a hundred steps.
    ($how:tt [$($rev:tt)*] { $($done:tt)* } (
            $a0:tt $a1:tt $a2:tt $a3:tt $a4:tt $a5:tt $a6:tt $a7:tt $a8:tt $a9:tt $($more:tt)+
        )
        $f0:expr, $f1:expr, $f2:expr, $f3:expr, $f4:expr,
        $f5:expr, $f6:expr, $f7:expr, $f8:expr, $f9:expr, $($rest:tt)*) => {
        $crate::__join! { $how [$a9 $a8 $a7 $a6 $a5 $a4 $a3 $a2 $a1 $a0 $($rev)*] { $($done)*
            ($a0 $f0) ($a1 $f1) ($a2 $f2) ($a3 $f3) ($a4 $f4)
            ($a5 $f5) ($a6 $f6) ($a7 $f7) ($a8 $f8) ($a9 $f9)
        } ($($more)+) $($rest)* }
    };
    ($how:tt [$($rev:tt)*] { $($done:tt)* } ($a:tt $($more:tt)+) $f:expr, $($rest:tt)*) => {
        $crate::__join! { $how [$a $($rev)*] { $($done)* ($a $f) } ($($more)+) $($rest)* }
    };

    // All have their names.
    ((all $step:tt) [$(($m:tt $rev:ident))+] { $((($n:tt $id:ident) $f:expr))+ }
        (($count:tt $end:ident) $($more:tt)*)) => {{
        $(let $id = $f;)+
        $(let mut $rev = ::core::pin::pin!($crate::__private::child($rev));)+
        let mut first = 0_u32;
        ::core::future::poll_fn(move |cx| {
            let _group = $crate::__private::Group::here();
            let mut waits = false;
            for turn in 0..$count {
                match $crate::__private::wrap(first + turn, $count) {
                    $($n => waits |= $id.as_mut().poll(cx).is_pending(),)+
                    _ => {}
                }
            }
            first = $crate::__private::wrap(first + $step, $count);
            if waits {
                return ::core::task::Poll::Pending;
            }
            #[allow(unreachable_code)] // If an output can't be there.
            ::core::task::Poll::Ready(($($id.as_mut().take(),)+))
        })
        .await
    }};
    ((ok $step:tt) [$(($m:tt $rev:ident))+] { $((($n:tt $id:ident) $f:expr))+ }
        (($count:tt $end:ident) $($more:tt)*)) => {{
        $(let $id = $f;)+
        $(let mut $rev = ::core::pin::pin!($crate::__private::child($rev));)+
        let mut first = 0_u32;
        ::core::future::poll_fn(move |cx| {
            let group = $crate::__private::Group::here();
            let mut waits = false;
            for turn in 0..$count {
                match $crate::__private::wrap(first + turn, $count) {
                    $($n => match $id.as_mut().poll_ok(cx) {
                        ::core::task::Poll::Pending => waits = true,
                        ::core::task::Poll::Ready(::core::option::Option::None) => {}
                        ::core::task::Poll::Ready(::core::option::Option::Some(error)) => {
                            group.overtake();
                            return ::core::task::Poll::Ready(::core::result::Result::Err(error));
                        }
                    },)+
                    _ => {}
                }
            }
            first = $crate::__private::wrap(first + $step, $count);
            if waits {
                return ::core::task::Poll::Pending;
            }
            #[allow(unreachable_code)]
            ::core::task::Poll::Ready(::core::result::Result::Ok(($($id.as_mut().take_ok(),)+)))
        })
        .await
    }};
    ($how:tt $rev:tt $done:tt (($count:tt $end:ident)) $($rest:tt)+) => {
        ::core::compile_error!("`join!` and `try_join!` take at most 128 futures")
    };
}

/// Pins values where they lie, under the names they have.
///
/// ```
/// # turno::block_on(async {
/// let future = async { 1 };
/// turno::pin!(future);
/// assert_eq!(future.as_mut().await, 1);
///
/// turno::pin! {
///     let a = async { 2 };
///     let b = async { 3 };
/// }
/// assert_eq!(a.await + b.await, 5);
/// # });
/// ```
///
/// What is pinned does not leave its place:
///
/// ```compile_fail,E0515
/// fn leave() -> std::pin::Pin<&'static mut impl Future<Output = u32>> {
///     let future = async { 1 };
///     turno::pin!(future);
///     future
/// }
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => {
        $(
            #[allow(unused_mut)]
            let mut $name = ::core::pin::pin!($name);
        )*
    };
    ($(let $name:ident = $value:expr;)*) => {
        $(
            #[allow(unused_mut)]
            let mut $name = ::core::pin::pin!($value);
        )*
    };
}

/// What the macros expand to calls.
#[doc(hidden)]
pub mod support {
    use std::cell::Cell;
    use std::future::{Future, IntoFuture};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use pin_project_lite::pin_project;

    use crate::runtime::context;
    use crate::task::current;
    pub use crate::task::current::Group;
    pub use crate::task::inherit::{Carried, Carry, carry};

    /// Whether the task's budget is spent, so that its next poll has to wait for its next switch:
    /// a future that knows of no budget must not go before those that do.
    #[inline]
    pub fn gives_way(cx: &Context<'_>) -> bool {
        let waits = current::poll_spend(cx).is_pending();
        if !waits {
            current::unspend();
        }
        waits
    }

    /// After the last of `count` comes the first.
    #[inline]
    pub fn wrap(n: u32, count: u32) -> u32 {
        if n < count { n } else { n - count }
    }

    /// Where `select!` begins if it is to be fair: at a random one of `count` branches.
    #[inline]
    pub fn random(count: u32) -> u32 {
        thread_local! {
            static TURNS: Cell<u32> = const { Cell::new(0) };
        }
        if count == 1 {
            return 0;
        }
        let drawn = context::with(|shared| Some(shared.core.try_borrow().ok()?.coins.next()));
        match drawn.flatten() {
            // The upper half of the number, scaled to the range.
            Some(random) => (((random >> 32) * u64::from(count)) >> 32) as u32,
            // Outside of a runtime they take turns.
            None => TURNS.with(|turns| turns.replace(turns.get().wrapping_add(1))) % count,
        }
    }

    /// Where it begins if it is `biased;`.
    #[inline]
    pub fn biased(_: u32) -> u32 {
        0
    }

    pin_project! {
        /// A future, then its output, until that is taken.
        #[project = Proj]
        #[project_replace = Own]
        pub enum Child<F: Future> {
            Runs { #[pin] future: F },
            Done { output: F::Output },
            Taken,
        }
    }

    #[inline]
    pub fn child<F: IntoFuture>(future: F) -> Child<F::IntoFuture> {
        Child::Runs { future: future.into_future() }
    }

    impl<F: Future> Child<F> {
        /// Polls it unless it is done.
        #[inline]
        #[track_caller]
        pub fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if let Proj::Runs { future } = self.as_mut().project() {
                let Poll::Ready(output) = future.poll(cx) else { return Poll::Pending };
                self.set(Self::Done { output });
            }
            Poll::Ready(())
        }

        #[inline]
        pub fn take(self: Pin<&mut Self>) -> F::Output {
            match self.project_replace(Self::Taken) {
                Own::Done { output } => output,
                _ => unreachable!("`join!` is polled again after its outputs were taken"),
            }
        }
    }

    impl<T, E, F: Future<Output = Result<T, E>>> Child<F> {
        /// Polls it unless it is done; gives its error, if it ends with one.
        #[inline]
        #[track_caller]
        pub fn poll_ok(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
            if let Proj::Runs { future } = self.as_mut().project() {
                match future.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(error)),
                    Poll::Ready(output) => self.set(Self::Done { output }),
                }
            }
            Poll::Ready(None)
        }

        #[inline]
        pub fn take_ok(self: Pin<&mut Self>) -> T {
            match self.take() {
                Ok(value) => value,
                Err(_) => unreachable!("an error ends `try_join!` at once"),
            }
        }
    }
}
