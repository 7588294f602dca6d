//! A task's life under Fifo follows a simple model: nobody is lost, nobody runs twice for one wake, and
//! the order of all that happens is that of a queue.

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::{guarded, virtual_rt};
use turno::task::JoinHandle;

/// What a task does in one poll, before it returns.
#[derive(Clone, Debug)]
enum Act {
    /// Spawns a task, which follows the next script.
    Spawn,
    Wake(usize),
    Abort(usize),
    DropHandle(usize),
    /// Polls a handle, and keeps whether it is done.
    Join(usize),
}

/// One poll.
#[derive(Clone, Debug)]
struct Poll1 {
    acts: Vec<Act>,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Wait,
    Done,
    Panic,
}

/// What each poll of each task does; the n-th task spawned follows the n-th script.
type Scripts = Vec<Vec<Poll1>>;

const TASKS: usize = 8;

fn scripts(u: &mut Unstructured<'_>) -> Result<Scripts> {
    let act = |u: &mut Unstructured<'_>| {
        let whom = u.int_in_range(0..=TASKS - 1)?;
        Ok(match u.int_in_range(0..=9)? {
            0..=2 => Act::Spawn,
            3..=5 => Act::Wake(whom),
            6 => Act::Abort(whom),
            7 => Act::DropHandle(whom),
            _ => Act::Join(whom),
        })
    };
    let poll = |u: &mut Unstructured<'_>| {
        let acts = (0..u.int_in_range(0..=4)?).map(|_| act(u)).collect::<Result<_>>()?;
        let end = *u.choose(&[End::Wait, End::Wait, End::Wait, End::Done, End::Panic])?;
        Ok(Poll1 { acts, end })
    };
    let script = |u: &mut Unstructured<'_>| {
        (0..u.int_in_range(1..=4)?).map(|_| poll(u)).collect::<Result<Vec<_>>>()
    };
    (0..TASKS).map(|_| script(u)).collect()
}

/// The real thing.
#[derive(Default)]
struct World {
    lines: Vec<String>,
    wakers: Vec<Option<Waker>>,
    handles: Vec<Option<JoinHandle<()>>>,
}

type Shared = Rc<RefCell<World>>;

struct Dropped(Shared, usize);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.borrow_mut().lines.push(format!("{} dropped", self.1));
    }
}

fn spawn(world: &Shared, scripts: &Rc<Scripts>) {
    let name = world.borrow().handles.len();
    if name == TASKS {
        return;
    }
    world.borrow_mut().wakers.push(None);
    world.borrow_mut().handles.push(None);
    let (shared, all) = (world.clone(), scripts.clone());
    let guard = Dropped(world.clone(), name);
    let mut polls = 0;
    let handle = turno::spawn(poll_fn(move |cx| {
        let _guard = &guard;
        poll(&shared, &all, name, &mut polls, cx)
    }));
    world.borrow_mut().handles[name] = Some(handle);
}

fn poll(
    world: &Shared,
    all: &Rc<Scripts>,
    name: usize,
    polls: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<()> {
    world.borrow_mut().lines.push(format!("{name} poll {polls}"));
    world.borrow_mut().wakers[name] = Some(cx.waker().clone());
    let Some(step) = all[name].get(*polls) else { return Poll::Pending };
    *polls += 1;
    for act in &step.acts {
        match *act {
            Act::Spawn => spawn(world, all),
            Act::Wake(whom) => {
                let waker = world.borrow().wakers.get(whom).cloned().flatten();
                waker.into_iter().for_each(Waker::wake);
            }
            Act::Abort(whom) => {
                world.borrow().handles.get(whom).into_iter().flatten().for_each(JoinHandle::abort);
            }
            Act::DropHandle(whom) => {
                let handle = world.borrow_mut().handles.get_mut(whom).and_then(Option::take);
                drop(handle);
            }
            Act::Join(whom) => {
                let handle = world.borrow_mut().handles.get_mut(whom).and_then(Option::take);
                let Some(mut handle) = handle else { continue };
                let polled = std::pin::pin!(&mut handle).poll(cx);
                let line = match &polled {
                    Poll::Pending => "waits",
                    Poll::Ready(Ok(())) => "done",
                    Poll::Ready(Err(error)) if error.is_panic() => "panicked",
                    Poll::Ready(Err(_)) => "cancelled",
                };
                world.borrow_mut().lines.push(format!("{name} joins {whom}: {line}"));
                if polled.is_pending() {
                    world.borrow_mut().handles[whom] = Some(handle);
                }
            }
        }
    }
    match step.end {
        End::Wait => Poll::Pending,
        End::Done => Poll::Ready(()),
        End::Panic => std::panic::resume_unwind(Box::new("on purpose")),
    }
}

/// The model: a queue, a flag for each task, and its joiner.
#[derive(Default)]
struct Model {
    lines: Vec<String>,
    tasks: Vec<ModelTask>,
    queue: VecDeque<usize>,
    /// Asked for in the switch that runs.
    aborts: Vec<usize>,
    woken: Vec<usize>,
}

#[derive(Clone, Default)]
struct ModelTask {
    polls: usize,
    polled: bool,
    ready: bool,
    /// How it ended.
    ended: Option<&'static str>,
    joiner: Option<usize>,
    /// Nobody has its handle any more, or its result was taken.
    no_handle: bool,
}

impl Model {
    fn wake(&mut self, whom: usize) {
        if self.tasks[whom].ended.is_none() && !self.tasks[whom].ready {
            self.tasks[whom].ready = true;
            self.woken.push(whom);
        }
    }

    fn spawn(&mut self) {
        if self.tasks.len() < TASKS {
            self.tasks.push(ModelTask { ready: true, ..ModelTask::default() });
            self.woken.push(self.tasks.len() - 1);
        }
    }

    fn end(&mut self, name: usize, how: &'static str) {
        self.tasks[name].ended = Some(how);
        self.lines.push(format!("{name} dropped"));
        if let Some(joiner) = self.tasks[name].joiner.take() {
            self.wake(joiner);
        }
    }

    fn switch(&mut self, name: usize, all: &Scripts) {
        self.tasks[name].ready = false;
        self.tasks[name].polled = true;
        let polls = self.tasks[name].polls;
        self.lines.push(format!("{name} poll {polls}"));
        let Some(step) = all[name].get(polls) else { return };
        self.tasks[name].polls += 1;
        for act in &step.acts {
            match *act {
                Act::Spawn => self.spawn(),
                Act::Wake(whom) if self.tasks.get(whom).is_some_and(|task| task.polled) => {
                    self.wake(whom);
                }
                Act::Wake(_) => {}
                Act::Abort(whom) if self.tasks.get(whom).is_some_and(|task| !task.no_handle) => {
                    self.aborts.push(whom);
                }
                Act::Abort(_) => {}
                Act::DropHandle(whom) => {
                    if let Some(task) = self.tasks.get_mut(whom) {
                        (task.no_handle, task.joiner) = (true, None);
                    }
                }
                Act::Join(whom) => {
                    let task = self.tasks.get_mut(whom).filter(|task| !task.no_handle);
                    let Some(task) = task else { continue };
                    match task.ended {
                        None => task.joiner = Some(name),
                        Some(_) => task.no_handle = true,
                    }
                    let line = task.ended.unwrap_or("waits");
                    self.lines.push(format!("{name} joins {whom}: {line}"));
                }
            }
        }
        // Who woke itself comes after those it woke.
        let again = self.woken.iter().position(|&woken| woken == name);
        let again = again.map(|at| self.woken.remove(at)).is_some();
        match step.end {
            End::Wait => {}
            End::Done => self.end(name, "done"),
            End::Panic => self.end(name, "panicked"),
        }
        self.queue.extend(self.woken.drain(..));
        if again && self.tasks[name].ended.is_none() {
            self.queue.push_back(name);
        }
        for aborted in std::mem::take(&mut self.aborts) {
            if self.tasks[aborted].ended.is_none() {
                self.end(aborted, "cancelled");
                self.queue.retain(|&queued| queued != aborted);
                self.queue.extend(self.woken.drain(..));
            }
        }
    }
}

fn follow(u: &mut Unstructured<'_>) -> Result<()> {
    let all = Rc::new(scripts(u)?);
    let mut model = Model::default();
    model.spawn();
    model.spawn();
    model.queue.extend(model.woken.drain(..));
    while let Some(next) = model.queue.pop_front() {
        model.switch(next, &all);
    }

    let world = Shared::default();
    let rt = virtual_rt();
    let guard = rt.enter();
    spawn(&world, &all);
    spawn(&world, &all);
    drop(guard);
    while rt.turn(Some(std::time::Duration::ZERO)).switches > 0 {}
    assert_eq!(world.borrow().lines, model.lines, "{all:#?}");

    let alive = model.tasks.iter().filter(|task| task.ended.is_none()).count();
    let kept = model.tasks.iter().filter(|task| task.ended.is_some() && !task.no_handle).count();
    assert_eq!(rt.metrics().tasks, alive + kept);
    let handles = std::mem::take(&mut world.borrow_mut().handles);
    drop(handles);
    assert_eq!(rt.metrics().tasks, alive);
    drop(rt);
    let dropped = world.borrow().lines.iter().filter(|line| line.ends_with("dropped")).count();
    assert_eq!(dropped, model.tasks.len(), "each future is dropped once");
    world.borrow_mut().wakers.clear();
    Ok(())
}

#[test]
fn whatever_tasks_do_to_each_other_the_order_is_that_of_a_queue() {
    guarded(|| {
        arbtest(follow).size_min(128).size_max(2_000).budget_ms(3_000);
    });
}
