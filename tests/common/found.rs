//! What lints find.

use std::sync::{Arc, Mutex};

use turno::lints::{Finding, Lint, Lints};
use turno::runtime::{Builder, Runtime};

/// What was found, in order.
#[derive(Clone, Default)]
pub struct Found(Arc<Mutex<Vec<Finding>>>);

impl Found {
    /// A runtime that is linted, and what is found.
    pub fn by(lints: Lints, builder: Builder) -> (Runtime, Self) {
        let found = Self::default();
        let keeps = found.clone();
        let lints = lints.to(move |finding| keeps.0.lock().unwrap().push(finding));
        (builder.observe(lints).build().unwrap(), found)
    }

    pub fn all(&self) -> Vec<Finding> {
        self.0.lock().unwrap().clone()
    }

    /// The only one.
    #[track_caller]
    pub fn only(&self, lint: Lint) -> Finding {
        let all = self.all();
        assert!(all.len() == 1 && all[0].lint() == lint, "{lint} alone was to fire: {all:#?}");
        all[0].clone()
    }
}
