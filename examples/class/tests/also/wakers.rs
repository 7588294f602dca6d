//! Programs of lab 2.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use turno::sync::{Notify, Semaphore, oneshot, watch};
use turno::task::yield_now;
use turno::time::sleep;

use crate::programs;

programs! { wakers;
    by_a_channel "right",
    by_a_watch "right",
    by_a_semaphore "right",
    by_notify_waiters "right",
    wakes_by_reference "right",
    clones_into "right",
    wakes_before_it_sets "right",
    looks_twice_first "right",
    keeps_no_waker "lost-waker",
    drops_the_waker "lost-waker",
    hands_on_a_waker_of_no_use "lost-waker",
    keeps_it_and_calls_nobody "never-woken",
    wakes_only_if_rung_before "never-woken",
    wakes_the_first "stale-waker",
    keeps_the_first_of_a_future "stale-waker",
    wakes_the_first_of_a_list "stale-waker",
    wakes_and_sets_nothing "woken-in-vain",
    sets_it_back "woken-in-vain",
    sets_only_if_somebody_waits "forgets-the-ring",
    tells_those_who_wait_now "forgets-the-ring",
    a_second_poll_is_the_ring "ready-too-early",
    a_waker_there_is_the_ring "ready-too-early",
    ready_at_once "ready-too-early",
    rings_by_itself "ready-too-early",
    sleeps_three_milliseconds "naps",
    looks_each_millisecond "naps",
    gives_up_and_looks "naps",
    yields_until_rung "self-wake-spin",
    wakes_itself "self-wake-spin",
    sleeps_in_the_thread "blocks-the-thread",
    sleeps_in_the_ring "blocks-the-thread",
    computes_for_a_while "blocks-the-thread",
    real_time_has_passed "real-clock",
    expects_a_waker "rings-for-nobody",
    expects_a_listener "rings-for-nobody",
    expects_to_be_the_first "panicked",
    borrows_twice "still-borrowed",
    borrows_while_it_waits "still-borrowed",
    sleeps_after_the_ring "ready-too-late",
    is_not_written_yet "panicked",
    waits_by_a_runtime "blocks-on",
}

/// A flag and a waker, as the starter has them.
#[derive(Default)]
pub struct Parts {
    rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Parts {
    fn keep(&self, cx: &Context<'_>) -> Poll<()> {
        if self.rung.get() {
            return Poll::Ready(());
        }
        *self.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A bell of parts: how it is rung, and how it is polled.
macro_rules! bell {
    ($name:ident, $ring:expr, $poll:expr) => {
        mod $name {
            use super::*;
            #[derive(Default)]
            pub struct Bell(Parts);
            impl Bell {
                pub fn ring(&self) {
                    let ring: fn(&Parts) = $ring;
                    ring(&self.0);
                }
            }
            pub async fn rung(bell: Rc<Bell>) {
                let poll: fn(&Parts, &Context<'_>) -> Poll<()> = $poll;
                poll_fn(|cx| poll(&bell.0, cx)).await;
            }
        }
    };
}

fn rings(bell: &Parts) {
    bell.rung.set(true);
    bell.wake();
}

fn looks(bell: &Parts) -> Poll<()> {
    if bell.rung.get() { Poll::Ready(()) } else { Poll::Pending }
}

bell!(
    wakes_before_it_sets,
    |bell| {
        bell.wake();
        bell.rung.set(true)
    },
    Parts::keep
);
bell!(looks_twice_first, rings, |bell, cx| {
    if looks(bell).is_ready() { Poll::Ready(()) } else { bell.keep(cx) }
});
bell!(
    wakes_by_reference,
    |bell| {
        bell.rung.set(true);
        bell.waker.borrow().iter().for_each(Waker::wake_by_ref);
    },
    Parts::keep
);
bell!(clones_into, rings, |bell, cx| {
    let mut waker = bell.waker.borrow_mut();
    match &mut *waker {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
    looks(bell)
});
bell!(keeps_no_waker, rings, |bell, _| looks(bell));
bell!(drops_the_waker, rings, |bell, cx| {
    drop(cx.waker().clone());
    looks(bell)
});
bell!(hands_on_a_waker_of_no_use, rings, |bell, _| {
    bell.keep(&Context::from_waker(Waker::noop()))
});
bell!(keeps_it_and_calls_nobody, |bell| bell.rung.set(true), Parts::keep);
bell!(
    wakes_only_if_rung_before,
    |bell| {
        if bell.rung.replace(true) {
            bell.wake();
        }
    },
    Parts::keep
);
bell!(wakes_the_first, rings, |bell, cx| {
    let mut waker = bell.waker.borrow_mut();
    if waker.is_none() {
        *waker = Some(cx.waker().clone());
    }
    looks(bell)
});
bell!(wakes_and_sets_nothing, Parts::wake, Parts::keep);
bell!(
    sets_it_back,
    |bell| {
        rings(bell);
        bell.rung.set(false);
    },
    Parts::keep
);
bell!(
    sets_only_if_somebody_waits,
    |bell| {
        bell.rung.set(bell.waker.borrow().is_some());
        bell.wake();
    },
    Parts::keep
);
bell!(a_second_poll_is_the_ring, rings, |bell, cx| {
    if bell.waker.borrow().is_some() { Poll::Ready(()) } else { bell.keep(cx) }
});
bell!(a_waker_there_is_the_ring, |_| {}, |bell, cx| {
    match bell.waker.replace(Some(cx.waker().clone())) {
        Some(_) => Poll::Ready(()),
        None => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
});
bell!(ready_at_once, rings, |_, _| Poll::Ready(()));
bell!(rings_by_itself, rings, |bell, cx| {
    rings(bell);
    bell.keep(cx)
});
bell!(wakes_itself, rings, |bell, cx| {
    cx.waker().wake_by_ref();
    bell.keep(cx)
});
bell!(sleeps_in_the_thread, rings, |bell, cx| {
    thread::sleep(Duration::from_millis(3));
    bell.keep(cx)
});
bell!(
    sleeps_in_the_ring,
    |bell| {
        thread::sleep(Duration::from_millis(1));
        rings(bell);
    },
    Parts::keep
);
bell!(computes_for_a_while, rings, |bell, cx| {
    let start = Instant::now();
    while !bell.rung.get() && start.elapsed() < Duration::from_millis(3) {}
    bell.keep(cx)
});
bell!(
    expects_a_waker,
    |bell| {
        bell.rung.set(true);
        bell.waker.take().unwrap().wake();
    },
    Parts::keep
);
bell!(expects_to_be_the_first, rings, |bell, cx| {
    assert!(bell.waker.borrow().is_none(), "nobody else waits");
    bell.keep(cx)
});
bell!(borrows_twice, rings, |bell, cx| {
    let waker = bell.waker.borrow();
    if waker.is_none() {
        *bell.waker.borrow_mut() = Some(cx.waker().clone());
    }
    looks(bell)
});
bell!(is_not_written_yet, |_| todo!(), |_, _| todo!());

mod by_a_channel {
    use super::*;
    #[derive(Default)]
    pub struct Bell {
        rung: Cell<bool>,
        tell: RefCell<Option<oneshot::Sender<()>>>,
    }
    impl Bell {
        pub fn ring(&self) {
            self.rung.set(true);
            if let Some(tell) = self.tell.take() {
                let _ = tell.send(());
            }
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        if !bell.rung.get() {
            let (tell, told) = oneshot::channel();
            *bell.tell.borrow_mut() = Some(tell);
            let _ = told.await;
        }
    }
}

mod by_a_watch {
    use super::*;
    pub struct Bell(watch::Sender<bool>);
    impl Default for Bell {
        fn default() -> Self {
            Self(watch::channel(false).0)
        }
    }
    impl Bell {
        pub fn ring(&self) {
            self.0.send_replace(true);
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        let mut hears = bell.0.subscribe();
        let _ = hears.wait_for(|rung| *rung).await;
    }
}

mod by_a_semaphore {
    use super::*;
    pub struct Bell(Semaphore);
    impl Default for Bell {
        fn default() -> Self {
            Self(Semaphore::new(0))
        }
    }
    impl Bell {
        pub fn ring(&self) {
            self.0.close();
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        let _ = bell.0.acquire().await;
    }
}

mod by_notify_waiters {
    use super::*;
    #[derive(Default)]
    pub struct Bell {
        rung: Cell<bool>,
        notify: Notify,
    }
    impl Bell {
        pub fn ring(&self) {
            self.rung.set(true);
            self.notify.notify_waiters();
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        while !bell.rung.get() {
            bell.notify.notified().await;
        }
    }
}

mod tells_those_who_wait_now {
    use super::*;
    #[derive(Default)]
    pub struct Bell(Notify);
    impl Bell {
        pub fn ring(&self) {
            self.0.notify_waiters();
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        bell.0.notified().await;
    }
}

mod keeps_the_first_of_a_future {
    use super::*;
    #[derive(Default)]
    pub struct Bell(Parts);
    impl Bell {
        pub fn ring(&self) {
            rings(&self.0);
        }
    }
    pub struct Rung(Rc<Bell>, bool);
    pub fn rung(bell: Rc<Bell>) -> Rung {
        Rung(bell, false)
    }
    impl Future for Rung {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if !std::mem::replace(&mut self.1, true) {
                return self.0.0.keep(cx);
            }
            looks(&self.0.0)
        }
    }
}

mod wakes_the_first_of_a_list {
    use super::*;
    #[derive(Default)]
    pub struct Bell {
        rung: Cell<bool>,
        wakers: RefCell<Vec<Waker>>,
    }
    impl Bell {
        pub fn ring(&self) {
            self.rung.set(true);
            if let Some(waker) = self.wakers.borrow().first() {
                waker.wake_by_ref();
            }
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        poll_fn(|cx| {
            bell.wakers.borrow_mut().push(cx.waker().clone());
            if bell.rung.get() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A bell whose wait is an async function of its parts.
macro_rules! waits {
    ($name:ident, |$bell:ident| $wait:block) => {
        mod $name {
            use super::*;
            #[derive(Default)]
            pub struct Bell(Parts);
            impl Bell {
                pub fn ring(&self) {
                    rings(&self.0);
                }
            }
            pub async fn rung(bell: Rc<Bell>) {
                let $bell = &bell.0;
                $wait
            }
        }
    };
}

waits!(sleeps_three_milliseconds, |_bell| { sleep(Duration::from_millis(3)).await });
waits!(looks_each_millisecond, |bell| {
    while !bell.rung.get() {
        sleep(Duration::from_millis(1)).await;
    }
});
waits!(gives_up_and_looks, |bell| {
    let ring = poll_fn(|cx| bell.keep(cx));
    let _ = turno::time::timeout(Duration::from_millis(2), ring).await;
    while !bell.rung.get() {
        sleep(Duration::from_micros(500)).await;
    }
});
waits!(yields_until_rung, |bell| {
    while !bell.rung.get() {
        yield_now().await;
    }
});
waits!(real_time_has_passed, |bell| {
    let start = Instant::now();
    poll_fn(|cx| bell.keep(cx)).await;
    while start.elapsed() < Duration::from_millis(20) {
        sleep(Duration::from_millis(1)).await;
    }
});
waits!(sleeps_after_the_ring, |bell| {
    poll_fn(|cx| bell.keep(cx)).await;
    sleep(Duration::from_millis(1)).await;
});
waits!(waits_by_a_runtime, |bell| { turno::block_on(poll_fn(|cx| bell.keep(cx))) });

mod expects_a_listener {
    use super::*;
    #[derive(Default)]
    pub struct Bell(RefCell<Option<oneshot::Sender<()>>>);
    impl Bell {
        pub fn ring(&self) {
            self.0.take().expect("somebody listens").send(()).unwrap();
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        let (tell, told) = oneshot::channel();
        *bell.0.borrow_mut() = Some(tell);
        told.await.unwrap();
    }
}

mod borrows_while_it_waits {
    use super::*;
    #[derive(Default)]
    pub struct Bell {
        rung: RefCell<bool>,
        notify: Notify,
    }
    impl Bell {
        pub fn ring(&self) {
            *self.rung.borrow_mut() = true;
            self.notify.notify_one();
        }
    }
    pub async fn rung(bell: Rc<Bell>) {
        let rung = bell.rung.borrow();
        if !*rung {
            bell.notify.notified().await;
        }
    }
}
