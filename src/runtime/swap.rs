//! Swapping the policy while tasks are in its hands (floor 3).

use std::collections::HashSet;

use super::core::Core;
use crate::policy::{Fifo, Pick, Policy, Tasks};
use crate::task::info::{Nanos, State};

impl Core {
    /// Swaps the policy: the old one is drained by `pick`, and the new one hears of the queued
    /// tasks in that order. Whom the old one has lost comes last, by the time of waking.
    pub(crate) fn swap_policy(&mut self, policy: Box<dyn Policy>, now: Nanos) -> Box<dyn Policy> {
        let mut order = Vec::with_capacity(self.queued);
        let view = Tasks::new(&self.tasks, &self.rng);
        while order.len() < self.queued + self.forgotten {
            match self.policy.pick(&view, now) {
                Pick::Task(id) => order.push(id),
                Pick::Nobody | Pick::Until(_) => break,
            }
        }
        let mut lost: Vec<_> = self.tasks.iter().filter(|s| s.info.state == State::Ready).collect();
        lost.sort_by_key(|slot| (slot.info.woken_at, slot.info.id));
        order.extend(lost.iter().map(|slot| slot.info.id));
        for slot in self.tasks.iter() {
            slot.info.tag.set(0);
        }
        self.policy_name = policy.name();
        let old = std::mem::replace(&mut self.policy, policy);
        (self.queued, self.forgotten, self.held_until) = (0, 0, None);
        let mut seen = HashSet::new();
        for id in order {
            let Some(slot) = self.tasks.get(id) else { continue };
            if slot.info.state == State::Ready && seen.insert(id) {
                self.queued += 1;
                self.policy.ready(&slot.info, now);
            }
        }
        old
    }

    /// Takes the policy away, and puts one in its place that has nothing to decide.
    pub(crate) fn retire_policy(&mut self) -> Box<dyn Policy> {
        std::mem::replace(&mut self.policy, Box::new(Fifo::new()))
    }
}
