//! Keeps the ring for one who comes later: but one ring is kept, however many buns there are.

use std::cell::RefCell;
use std::collections::VecDeque;

use turno::sync::Notify;

use crate::labs::lost_wakeup::Diary;

#[derive(Default)]
pub struct Basket {
    buns: RefCell<VecDeque<u32>>,
    bell: Notify,
}

impl Basket {
    pub fn put(&self, bun: u32) {
        self.buns.borrow_mut().push_back(bun);
        self.bell.notify_one();
    }

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
