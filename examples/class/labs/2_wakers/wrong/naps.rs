//! Sleeps a little and then looks, so that no waker is needed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use turno::time::sleep;

#[derive(Default)]
pub struct Bell {
    rung: Cell<bool>,
}

impl Bell {
    pub fn ring(&self) {
        self.rung.set(true);
    }
}

pub async fn rung(bell: Rc<Bell>) {
    while !bell.rung.get() {
        sleep(Duration::from_millis(1)).await;
    }
}
