//! Sleeps for a while and looks, so that no ring is needed.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::labs::lost_wakeup::Diary;
use turno::sync::Notify;
use turno::time::sleep;

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
        loop {
            if let Some(bun) = first() {
                return bun;
            }
            diary.write("the basket is empty").await;
            sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}
