//! Takes the bun that was put there last.

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
        self.bell.notify_waiters();
    }

    pub async fn take(&self, diary: &Diary) -> u32 {
        let first = || self.buns.borrow_mut().pop_back();
        loop {
            let rung = self.bell.notified(); // It hears all rings from here on.
            if let Some(bun) = first() {
                return bun;
            }
            diary.write("the basket is empty").await;
            rung.await;
        }
    }
}
