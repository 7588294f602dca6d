//! Lab 3: a lost wake-up. Edit this file, then `cargo class 3`.

use std::cell::RefCell;
use std::collections::VecDeque;

use turno::sync::Notify;

use crate::labs::lost_wakeup::Diary;

/// Buns for whoever comes, in the order in which they were put there.
#[derive(Default)]
pub struct Basket {
    buns: RefCell<VecDeque<u32>>,
    bell: Notify,
}

impl Basket {
    /// A baker puts a bun into the basket, and rings.
    pub fn put(&self, bun: u32) {
        self.buns.borrow_mut().push_back(bun);
        self.bell.notify_waiters();
    }

    /// An eater takes the first bun, or waits for one. Who has to wait writes so in the diary
    /// before: that takes a millisecond, and it is an await.
    pub async fn take(&self, diary: &Diary) -> u32 {
        let first = || self.buns.borrow_mut().pop_front();
        loop {
            if let Some(bun) = first() {
                return bun;
            }
            diary.write("the basket is empty").await;
            self.bell.notified().await;
        }
    }
}
