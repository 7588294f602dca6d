//! Many who wait for one thing, polled by hand or as tasks, held against a model of it.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use arbtest::arbitrary::{Result, Unstructured};
use turno::policy::{Pick, Policy, Tasks};
use turno::runtime::{Builder, Runtime};
use turno::task::{Id, JoinHandle, Nanos, TaskInfo};

use super::Tasklet;

/// What a model of one primitive must say of those who wait for it, known by their numbers.
pub trait Model {
    /// Who was woken and has not been polled since, in any order.
    fn woken(&self) -> Vec<usize>;

    /// This one is polled: what it ends with, if it does.
    fn poll(&mut self, k: usize) -> Option<String>;
}

/// Any of the ready ones.
#[derive(Default)]
pub struct AnyOf(Vec<Id>);

impl Policy for AnyOf {
    fn ready(&mut self, task: &TaskInfo, _: Nanos) {
        self.0.push(task.id());
    }

    fn pick(&mut self, tasks: &Tasks<'_>, _: Nanos) -> Pick {
        if self.0.is_empty() {
            return Pick::Nobody;
        }
        let at = (tasks.random() % self.0.len() as u64) as usize;
        Pick::Task(self.0.swap_remove(at))
    }
}

enum Member<T> {
    ByHand { tasklet: Tasklet<Boxed<T>>, seen: usize },
    Task(JoinHandle<()>),
    Gone,
}

type Boxed<T> = std::pin::Pin<Box<dyn Future<Output = T>>>;

/// What the members ended with.
type Ended<T> = Rc<RefCell<Vec<(usize, T)>>>;

pub struct Crowd<T: 'static> {
    /// `None` if it is polled by hand.
    rt: Option<Runtime>,
    members: Vec<Member<T>>,
    ended: Ended<T>,
    /// What the model says that they ended with.
    predicted: Vec<(usize, String)>,
    line: fn(&T) -> String,
}

impl<T: 'static> Crowd<T> {
    /// Nobody yet. `line` says what a member has ended with, for comparison with the model.
    pub fn new(u: &mut Unstructured<'_>, line: fn(&T) -> String) -> Result<Self> {
        let rt = if u.arbitrary()? {
            let rt = Builder::new().start_paused(true).seed(u.arbitrary()?);
            Some(rt.policy(AnyOf::default()).build().unwrap())
        } else {
            None
        };
        let (members, ended, predicted) = (Vec::new(), Ended::default(), Vec::new());
        Ok(Self { rt, members, ended, predicted, line })
    }

    /// How many have come.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Somebody comes, and is polled. Its number is the next.
    pub fn join(&mut self, model: &mut impl Model, future: impl Future<Output = T> + 'static) {
        let k = self.members.len();
        let ended = self.ended.clone();
        match &self.rt {
            None => {
                let tasklet = Tasklet::new(Box::pin(future) as Boxed<T>);
                self.members.push(Member::ByHand { tasklet, seen: 0 });
                self.poll(model, k);
            }
            Some(rt) => {
                let all = async move {
                    let with = future.await;
                    ended.borrow_mut().push((k, with));
                };
                self.members.push(Member::Task(rt.spawn(all)));
                self.predicted.extend(model.poll(k).map(|line| (k, line)));
                self.run(model);
            }
        }
    }

    /// Whether it waits, as far as the crowd knows.
    pub fn waits(&self, k: usize) -> bool {
        !matches!(self.members[k], Member::Gone) && !self.predicted.iter().any(|p| p.0 == k)
    }

    /// This one is dropped; the model was told.
    pub fn drop(&mut self, model: &mut impl Model, k: usize) {
        match std::mem::replace(&mut self.members[k], Member::Gone) {
            Member::Task(handle) => {
                handle.abort();
                self.run(model);
            }
            by_hand => drop(by_hand),
        }
    }

    /// Something has happened: those whom it woke are the ones that the model says. Some of them
    /// are polled, or all. Returns with what those ended who have.
    pub fn check(
        &mut self,
        model: &mut impl Model,
        u: &mut Unstructured<'_>,
    ) -> Result<Vec<(usize, T)>> {
        if self.rt.is_some() {
            self.run(model);
            return Ok(self.compare());
        }
        self.check_woken(model);
        match u.int_in_range(0..=3)? {
            0 => {}
            1 if !self.members.is_empty() => {
                let k = u.choose_index(self.members.len())?;
                if self.waits(k) {
                    self.poll(model, k);
                }
            }
            _ => {
                while let woken @ [_, ..] = &*self.woken() {
                    let k = *u.choose(woken)?;
                    self.poll(model, k);
                    self.check_woken(model);
                }
            }
        }
        Ok(self.compare())
    }

    fn check_woken(&self, model: &impl Model) {
        let mut woken = model.woken();
        woken.sort_unstable();
        assert_eq!(self.woken(), woken, "who was woken");
    }

    fn woken(&self) -> Vec<usize> {
        let woken = |k: &usize| match &self.members[*k] {
            Member::ByHand { tasklet, seen } => tasklet.wakes() > *seen,
            _ => false,
        };
        (0..self.members.len()).filter(woken).collect()
    }

    fn poll(&mut self, model: &mut impl Model, k: usize) {
        let Member::ByHand { tasklet, seen } = &mut self.members[k] else { return };
        *seen = tasklet.wakes();
        if let Poll::Ready(with) = tasklet.poll() {
            self.members[k] = Member::Gone;
            self.ended.borrow_mut().push((k, with));
        }
        self.predicted.extend(model.poll(k).map(|line| (k, line)));
    }

    /// Runs the tasks until nothing more happens, and the model with them.
    fn run(&mut self, model: &mut impl Model) {
        let Some(rt) = &self.rt else { return };
        while rt.turn(Some(Duration::ZERO)).switches > 0 {}
        while let [first, ..] = *model.woken() {
            self.predicted.extend(model.poll(first).map(|line| (first, line)));
        }
    }

    /// All who have ended did so with what the model says.
    fn compare(&mut self) -> Vec<(usize, T)> {
        let mut ended = self.ended.take();
        ended.sort_by_key(|end| end.0);
        self.predicted.sort();
        let found: Vec<_> = ended.iter().map(|(k, with)| (*k, (self.line)(with))).collect();
        assert_eq!(found, std::mem::take(&mut self.predicted));
        for (k, _) in &ended {
            self.members[*k] = Member::Gone;
        }
        ended
    }
}
