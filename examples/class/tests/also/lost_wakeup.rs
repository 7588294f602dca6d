//! Programs of lab 3.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use turno::sync::{Mutex, Notify, mpsc};
use turno::task::yield_now;
use turno::time::{sleep, timeout};

use crate::labs::lost_wakeup::Diary;
use crate::programs;

programs! { lost_wakeup;
    listens_before_it_writes "right",
    listens_and_writes_together "right",
    passes_the_ring_on "right",
    enables_what_it_listens_with "right",
    a_waker_for_each "right",
    a_channel_of_buns "right",
    looks_after_each_line "right",
    listens_too_late "lost-wake-up",
    trusts_after_the_line "lost-wake-up",
    looks_and_yields_before_it_listens "lost-wake-up",
    rings_for_the_next_once "one-ring-for-two",
    rings_only_if_it_was_empty "one-ring-for-two",
    puts_and_does_not_ring "never-rung",
    rings_before_nobody "never-rung",
    trusts_the_ring "woken-for-nothing",
    trusts_a_kept_ring "woken-for-nothing",
    takes_after_any_wake "woken-for-nothing",
    the_newest_first "newest-first",
    a_stack "newest-first",
    writes_afterwards "diary-late",
    writes_when_it_has_the_bun "diary-late",
    writes_always "needless-line",
    writes_nothing "no-diary",
    drops_the_line "no-diary",
    cuts_the_line_short "no-diary",
    listens_once_for_all "polled-after-end",
    polls_what_has_rung "polled-after-end",
    yields_until_there "self-wake-spin",
    writes_until_there "naps",
    sleeps_until_there "naps",
    listens_with_a_timeout "naps",
    sleeps_in_the_thread "blocks-the-thread",
    sleeps_in_the_put "blocks-the-thread",
    real_time_has_passed "real-clock",
    keeps_the_borrow "still-borrowed",
    keeps_the_borrow_in_the_match "still-borrowed",
    borrows_twice "still-borrowed",
    the_same_bun_for_all "wrong-bun",
    always_the_first_bun "wrong-bun",
    polls_by_hand_and_keeps_no_waker "lost-waker",
    wakes_the_last_only "lost-waker",
    rests_after_the_meal "naps",
    expects_a_bun "panicked",
    locks_while_it_waits "panicked",
    waits_by_a_runtime "blocks-on",
}

/// The basket of the starter.
#[derive(Default)]
pub struct Shelf {
    buns: RefCell<VecDeque<u32>>,
    bell: Notify,
}

impl Shelf {
    fn first(&self) -> Option<u32> {
        self.buns.borrow_mut().pop_front()
    }

    fn add(&self, bun: u32) {
        self.buns.borrow_mut().push_back(bun);
    }

    fn put(&self, bun: u32) {
        self.add(bun);
        self.bell.notify_waiters();
    }

    fn put_for_one(&self, bun: u32) {
        self.add(bun);
        self.bell.notify_one();
    }

    /// Right, for those programs whose `put` is wrong.
    async fn take(&self, diary: &Diary) -> u32 {
        loop {
            let rung = self.bell.notified();
            if let Some(bun) = self.first() {
                return bun;
            }
            diary.write("the basket is empty").await;
            rung.await;
        }
    }
}

macro_rules! basket {
    ($name:ident, $put:expr, |$shelf:ident, $diary:ident| $take:block) => {
        mod $name {
            use super::*;
            #[derive(Default)]
            pub struct Basket(Shelf);
            impl Basket {
                pub fn put(&self, bun: u32) {
                    let put: fn(&Shelf, u32) = $put;
                    put(&self.0, bun);
                }

                pub async fn take(&self, $diary: &Diary) -> u32 {
                    let $shelf = &self.0;
                    $take
                }
            }
        }
    };
}

basket!(listens_before_it_writes, Shelf::put, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        let rung = shelf.bell.notified();
        diary.write("empty").await;
        if shelf.buns.borrow().is_empty() {
            rung.await;
        }
    }
});
basket!(listens_and_writes_together, Shelf::put, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        turno::join!(shelf.bell.notified(), diary.write("empty"));
    }
});
basket!(passes_the_ring_on, Shelf::put_for_one, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            if !shelf.buns.borrow().is_empty() {
                shelf.bell.notify_one();
            }
            return bun;
        }
        diary.write("empty").await;
        shelf.bell.notified().await;
    }
});
basket!(enables_what_it_listens_with, Shelf::put_for_one, |shelf, diary| {
    let mut written = false;
    loop {
        let mut rung = pin!(shelf.bell.notified());
        rung.as_mut().enable();
        if let Some(bun) = shelf.first() {
            return bun;
        }
        if !std::mem::replace(&mut written, true) {
            diary.write("empty").await;
            if !shelf.buns.borrow().is_empty() {
                continue;
            }
        }
        rung.await;
    }
});
basket!(looks_after_each_line, Shelf::put, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        diary.write("empty").await;
        if let Some(bun) = shelf.first() {
            return bun;
        }
        shelf.bell.notified().await;
    }
});
basket!(listens_too_late, Shelf::put, |shelf, diary| {
    while shelf.buns.borrow().is_empty() {
        diary.write("empty").await;
        let rung = shelf.bell.notified();
        rung.await;
    }
    shelf.first().unwrap()
});
basket!(trusts_after_the_line, Shelf::put, |shelf, diary| {
    if shelf.buns.borrow().is_empty() {
        diary.write("empty").await;
        shelf.bell.notified().await;
    }
    shelf.first().unwrap()
});
basket!(looks_and_yields_before_it_listens, Shelf::put, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        yield_now().await;
        diary.write("empty").await;
        yield_now().await;
        shelf.bell.notified().await;
    }
});
basket!(rings_for_the_next_once, Shelf::put_for_one, |shelf, diary| {
    while shelf.buns.borrow().is_empty() {
        diary.write("empty").await;
        shelf.bell.notified().await;
    }
    shelf.first().unwrap()
});
basket!(
    rings_only_if_it_was_empty,
    |shelf, bun| {
        shelf.add(bun);
        if shelf.buns.borrow().len() == 1 {
            shelf.bell.notify_one();
        }
    },
    |shelf, diary| {
        loop {
            if let Some(bun) = shelf.first() {
                return bun;
            }
            diary.write("empty").await;
            shelf.bell.notified().await;
        }
    }
);
basket!(puts_and_does_not_ring, Shelf::add, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        diary.write("empty").await;
        if let Some(bun) = shelf.first() {
            return bun;
        }
        shelf.bell.notified().await;
    }
});
basket!(
    rings_before_nobody,
    |shelf, bun| {
        shelf.add(bun);
        if shelf.buns.borrow().is_empty() {
            shelf.bell.notify_waiters();
        }
    },
    |shelf, diary| {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        diary.write("empty").await;
        loop {
            if let Some(bun) = shelf.first() {
                return bun;
            }
            shelf.bell.notified().await;
        }
    }
);
basket!(trusts_the_ring, Shelf::put, |shelf, diary| {
    if let Some(bun) = shelf.first() {
        return bun;
    }
    turno::join!(shelf.bell.notified(), diary.write("empty"));
    shelf.first().unwrap()
});
basket!(trusts_a_kept_ring, Shelf::put_for_one, |shelf, diary| {
    if let Some(bun) = shelf.first() {
        return bun;
    }
    diary.write("empty").await;
    if let Some(bun) = shelf.first() {
        return bun;
    }
    shelf.bell.notified().await;
    shelf.first().expect("it rang")
});
basket!(takes_after_any_wake, Shelf::put, |shelf, diary| {
    if shelf.buns.borrow().is_empty() {
        let rung = shelf.bell.notified();
        diary.write("empty").await;
        if shelf.buns.borrow().is_empty() {
            rung.await;
        }
    }
    shelf.first().unwrap()
});
basket!(
    the_newest_first,
    |shelf, bun| {
        shelf.buns.borrow_mut().push_front(bun);
        shelf.bell.notify_waiters();
    },
    |shelf, diary| { shelf.take(diary).await }
);
basket!(writes_afterwards, Shelf::put, |shelf, diary| {
    loop {
        let rung = shelf.bell.notified();
        if let Some(bun) = shelf.first() {
            return bun;
        }
        rung.await;
        diary.write("it was empty").await;
    }
});
basket!(writes_when_it_has_the_bun, Shelf::put, |shelf, diary| {
    let mut waited = false;
    loop {
        if let Some(bun) = shelf.first() {
            if waited {
                diary.write("it was empty").await;
            }
            return bun;
        }
        waited = true;
        shelf.bell.notified().await;
    }
});
basket!(writes_always, Shelf::put, |shelf, diary| {
    diary.write("let me see").await;
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        shelf.bell.notified().await;
    }
});
basket!(writes_nothing, Shelf::put, |shelf, diary| {
    let _ = diary;
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        shelf.bell.notified().await;
    }
});
basket!(drops_the_line, Shelf::put, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        drop(diary.write("empty"));
        shelf.bell.notified().await;
    }
});
basket!(cuts_the_line_short, Shelf::put, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        let rung = shelf.bell.notified();
        let _ = timeout(Duration::from_micros(100), diary.write("empty")).await;
        rung.await;
    }
});
basket!(listens_once_for_all, Shelf::put, |shelf, diary| {
    let mut rung = pin!(shelf.bell.notified());
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        diary.write("empty").await;
        rung.as_mut().await;
    }
});
basket!(polls_what_has_rung, Shelf::put, |shelf, diary| {
    let mut rung = pin!(shelf.bell.notified());
    if let Some(bun) = shelf.first() {
        return bun;
    }
    diary.write("empty").await;
    loop {
        rung.as_mut().await;
        if let Some(bun) = shelf.first() {
            return bun;
        }
    }
});
basket!(yields_until_there, Shelf::put, |shelf, diary| {
    if let Some(bun) = shelf.first() {
        return bun;
    }
    diary.write("empty").await;
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        yield_now().await;
    }
});
basket!(writes_until_there, Shelf::put, |shelf, diary| {
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        diary.write("still empty").await;
    }
});
basket!(sleeps_until_there, Shelf::put, |shelf, diary| {
    if let Some(bun) = shelf.first() {
        return bun;
    }
    diary.write("empty").await;
    loop {
        if let Some(bun) = shelf.first() {
            return bun;
        }
        sleep(Duration::from_micros(500)).await;
    }
});
basket!(listens_with_a_timeout, Shelf::put, |shelf, diary| {
    if let Some(bun) = shelf.first() {
        return bun;
    }
    diary.write("empty").await;
    loop {
        let _ = timeout(Duration::from_millis(1), shelf.bell.notified()).await;
        if let Some(bun) = shelf.first() {
            return bun;
        }
    }
});
basket!(sleeps_in_the_thread, Shelf::put, |shelf, diary| {
    while shelf.buns.borrow().is_empty() {
        diary.write("empty").await;
        thread::sleep(Duration::from_millis(1));
    }
    shelf.first().unwrap()
});
basket!(
    sleeps_in_the_put,
    |shelf, bun| {
        thread::sleep(Duration::from_millis(2));
        shelf.put(bun);
    },
    |shelf, diary| { shelf.take(diary).await }
);
basket!(real_time_has_passed, Shelf::put, |shelf, diary| {
    let start = Instant::now();
    if shelf.buns.borrow().is_empty() {
        diary.write("empty").await;
        while start.elapsed() < Duration::from_millis(2) {
            sleep(Duration::from_micros(500)).await;
        }
    }
    shelf.take(diary).await
});
basket!(keeps_the_borrow, Shelf::put, |shelf, diary| {
    let mut buns = shelf.buns.borrow_mut();
    loop {
        if let Some(bun) = buns.pop_front() {
            return bun;
        }
        let rung = shelf.bell.notified();
        diary.write("empty").await;
        rung.await;
    }
});
basket!(keeps_the_borrow_in_the_match, Shelf::put, |shelf, diary| {
    loop {
        match shelf.buns.borrow_mut().pop_front() {
            Some(bun) => return bun,
            None => {
                let rung = shelf.bell.notified();
                diary.write("empty").await;
                rung.await;
            }
        }
    }
});
basket!(borrows_twice, Shelf::put, |shelf, diary| {
    let buns = shelf.buns.borrow();
    if !buns.is_empty() {
        return shelf.first().unwrap();
    }
    drop(buns);
    shelf.take(diary).await
});
basket!(the_same_bun_for_all, Shelf::put, |shelf, diary| {
    loop {
        let rung = shelf.bell.notified();
        if let Some(&bun) = shelf.buns.borrow().front() {
            return bun;
        }
        diary.write("empty").await;
        rung.await;
    }
});
basket!(always_the_first_bun, Shelf::put, |shelf, diary| { shelf.take(diary).await.min(1) });
basket!(polls_by_hand_and_keeps_no_waker, Shelf::put, |shelf, diary| {
    if let Some(bun) = shelf.first() {
        return bun;
    }
    diary.write("empty").await;
    poll_fn(|_| shelf.first().map_or(Poll::Pending, Poll::Ready)).await
});
basket!(rests_after_the_meal, Shelf::put, |shelf, diary| {
    let bun = shelf.take(diary).await;
    sleep(Duration::from_micros(250)).await;
    bun
});
basket!(expects_a_bun, Shelf::put, |shelf, diary| {
    let _ = diary;
    shelf.first().expect("there is always one")
});
basket!(waits_by_a_runtime, Shelf::put, |shelf, diary| { turno::block_on(shelf.take(diary)) });

mod a_waker_for_each {
    use super::*;
    #[derive(Default)]
    pub struct Basket {
        buns: RefCell<VecDeque<u32>>,
        wakers: RefCell<Vec<Waker>>,
    }
    impl Basket {
        pub fn put(&self, bun: u32) {
            self.buns.borrow_mut().push_back(bun);
            self.wakers.take().into_iter().for_each(Waker::wake);
        }
        pub async fn take(&self, diary: &Diary) -> u32 {
            if self.buns.borrow().is_empty() {
                diary.write("empty").await;
            }
            poll_fn(|cx| {
                if let Some(bun) = self.buns.borrow_mut().pop_front() {
                    return Poll::Ready(bun);
                }
                self.wakers.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            })
            .await
        }
    }
}

mod wakes_the_last_only {
    use super::*;
    #[derive(Default)]
    pub struct Basket {
        buns: RefCell<VecDeque<u32>>,
        waker: RefCell<Option<Waker>>,
    }
    impl Basket {
        pub fn put(&self, bun: u32) {
            self.buns.borrow_mut().push_back(bun);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
        pub async fn take(&self, diary: &Diary) -> u32 {
            if self.buns.borrow().is_empty() {
                diary.write("empty").await;
            }
            poll_fn(|cx| {
                if let Some(bun) = self.buns.borrow_mut().pop_front() {
                    return Poll::Ready(bun);
                }
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            })
            .await
        }
    }
}

mod a_channel_of_buns {
    use super::*;
    pub struct Basket {
        give: mpsc::Sender<u32>,
        get: Mutex<mpsc::Receiver<u32>>,
    }
    impl Default for Basket {
        fn default() -> Self {
            let (give, get) = mpsc::channel(64);
            Self { give, get: Mutex::new(get) }
        }
    }
    impl Basket {
        pub fn put(&self, bun: u32) {
            self.give.try_send(bun).expect("there is room");
        }
        pub async fn take(&self, diary: &Diary) -> u32 {
            if let Ok(mut get) = self.get.try_lock()
                && let Ok(bun) = get.try_recv()
            {
                return bun;
            }
            diary.write("empty").await;
            self.get.lock().await.recv().await.expect("the baker is there")
        }
    }
}

mod a_stack {
    use super::*;
    #[derive(Default)]
    pub struct Basket {
        buns: RefCell<Vec<u32>>,
        bell: Notify,
    }
    impl Basket {
        pub fn put(&self, bun: u32) {
            self.buns.borrow_mut().push(bun);
            self.bell.notify_waiters();
        }
        pub async fn take(&self, diary: &Diary) -> u32 {
            loop {
                let rung = self.bell.notified();
                if let Some(bun) = self.buns.borrow_mut().pop() {
                    return bun;
                }
                diary.write("empty").await;
                rung.await;
            }
        }
    }
}

mod locks_while_it_waits {
    use super::*;
    #[derive(Default)]
    pub struct Basket {
        buns: Mutex<VecDeque<u32>>,
        bell: Notify,
    }
    impl Basket {
        pub fn put(&self, bun: u32) {
            self.buns.try_lock().unwrap().push_back(bun);
            self.bell.notify_waiters();
        }
        pub async fn take(&self, diary: &Diary) -> u32 {
            let mut buns = self.buns.lock().await;
            loop {
                if let Some(bun) = buns.pop_front() {
                    return bun;
                }
                let rung = self.bell.notified();
                diary.write("empty").await;
                rung.await;
            }
        }
    }
}
