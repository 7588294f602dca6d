//! Lab 3 by a semaphore: a permit for each bun, so that rings are counted.

use std::cell::RefCell;
use std::collections::VecDeque;

use turno::sync::Semaphore;

use crate::labs::lost_wakeup::Diary;

pub struct Basket {
    buns: RefCell<VecDeque<u32>>,
    there: Semaphore,
}

impl Default for Basket {
    fn default() -> Self {
        Self { buns: RefCell::default(), there: Semaphore::new(0) }
    }
}

impl Basket {
    pub fn put(&self, bun: u32) {
        self.buns.borrow_mut().push_back(bun);
        self.there.add_permits(1);
    }

    pub async fn take(&self, diary: &Diary) -> u32 {
        if self.there.available_permits() == 0 {
            diary.write("the basket is empty").await;
        }
        self.there.acquire().await.expect("nobody closes it").forget();
        self.buns.borrow_mut().pop_front().expect("there is a bun for each permit")
    }
}
