//! Looks again and again, so that no ring is needed.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::labs::lost_wakeup::Diary;
use turno::sync::Notify;
use turno::task::yield_now;

#[derive(Default)]
pub struct Basket {
    buns: RefCell<VecDeque<u32>>,
    bell: Notify,
}

impl Basket {
    pub fn put(&self, bun: u32) {
        self.buns.borrow_mut().push_back(bun);
        self.bell.notify_waiters();
    }

    pub async fn take(&self, diary: &Diary) -> u32 {
        let first = || self.buns.borrow_mut().pop_front();
        while self.buns.borrow().is_empty() {
            diary.write("the basket is empty").await;
            while self.buns.borrow().is_empty() {
                yield_now().await;
            }
        }
        first().expect("nobody ran in between")
    }
}
