//! Playing a scene: each of its tasks is a turno task, each step what it says.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use turno::sync::{Mutex, OwnedMutexGuard, mpsc};
use turno::task::{self, Id, JoinHandle, yield_now};
use turno::time::{Instant, sleep, work};

use super::{Part, Scene, Step};

/// One play of a scene: at which line each task is.
#[derive(Clone, Debug, Default)]
pub struct Played(Rc<RefCell<HashMap<Id, usize>>>);

impl Played {
    /// The line that the task is at, from 1.
    pub fn line(&self, task: Id) -> Option<usize> {
        self.0.borrow().get(&task).copied()
    }

    /// The running task is at that line.
    fn is_at(&self, line: usize) {
        self.0.borrow_mut().insert(task::id(), line);
    }
}

/// A task, and the line that it stands in.
type Started = (usize, JoinHandle<()>);

type Channel = (mpsc::Sender<()>, RefCell<Option<mpsc::Receiver<()>>>);

/// What the tasks share.
struct World {
    parts: Vec<Rc<Part>>,
    start: Instant,
    played: Played,
    mutexes: HashMap<String, Arc<Mutex<()>>>,
    channels: HashMap<String, Channel>,
    /// The handles of those whom another task joins, by name, and of the others.
    joined: RefCell<HashMap<String, Vec<Started>>>,
    others: RefCell<VecDeque<Started>>,
}

/// Plays the scene: ends when all its tasks have ended.
pub(crate) async fn play(scene: Rc<Scene>, played: Played) {
    let world = Rc::new(World::new(&scene, played));
    for part in scene.tasks.iter().filter(|part| !part.is_spawned) {
        world.start(part);
    }
    while let Some((line, task)) = world.next_left() {
        world.played.is_at(line);
        // A task of a scene has no way to panic; if it was aborted, it has ended too.
        drop(task.await);
    }
}

impl World {
    #[allow(clippy::arc_with_non_send_sync, reason = "an owned guard of turno's wants an `Arc`")]
    fn new(scene: &Scene, played: Played) -> Self {
        let mut mutexes: HashMap<String, Arc<Mutex<()>>> = HashMap::new();
        for (name, inherits) in &scene.mutexes {
            let new = if *inherits { Mutex::with_priority_inheritance(()) } else { Mutex::new(()) };
            mutexes.insert(name.clone(), Arc::new(new));
        }
        let mut channels: HashMap<String, Channel> = HashMap::new();
        for (name, room) in &scene.channels {
            channels.insert(name.clone(), channel(*room));
        }
        for (_, step) in scene.tasks.iter().flat_map(|part| &part.steps) {
            match step {
                Step::Lock(name) if !mutexes.contains_key(name) => {
                    mutexes.insert(name.clone(), Arc::default());
                }
                Step::Send(name) | Step::Receive(name) if !channels.contains_key(name) => {
                    channels.insert(name.clone(), channel(1));
                }
                _ => {}
            }
        }
        Self {
            parts: scene.tasks.clone(),
            start: Instant::now(),
            played,
            mutexes,
            channels,
            joined: RefCell::default(),
            others: RefCell::default(),
        }
    }

    fn start(self: &Rc<Self>, part: &Rc<Part>) {
        let mut builder = task::Builder::new().name(&part.name[..]).group(part.group);
        if let Some(priority) = part.priority {
            builder = builder.priority(priority);
        }
        if let Some(weight) = part.weight {
            builder = builder.weight(weight);
        }
        if let Some(size) = part.size {
            builder = builder.expected_size(Duration::from_nanos(size));
        }
        if let Some(at) = part.deadline {
            builder = builder.deadline(self.start + Duration::from_nanos(at));
        }
        let handle = builder.spawn(Box::pin(perform(part.clone(), self.clone())));
        let started = (part.line, handle);
        if part.is_joined {
            self.joined.borrow_mut().entry(part.name.clone()).or_default().push(started);
        } else {
            self.others.borrow_mut().push_back(started);
        }
    }

    /// Whom the scene itself has to wait for: at last also those whom nobody came to join.
    fn next_left(&self) -> Option<Started> {
        let other = self.others.borrow_mut().pop_front();
        other.or_else(|| {
            let mut joined = self.joined.borrow_mut();
            // By name: what a map's own order is must not show.
            let name = joined.iter().filter(|(_, left)| !left.is_empty()).map(|(name, _)| name);
            let name = name.min().cloned()?;
            joined.get_mut(&name)?.pop()
        })
    }
}

fn channel(room: usize) -> Channel {
    let (sender, receiver) = mpsc::channel(room);
    (sender, RefCell::new(Some(receiver)))
}

async fn perform(part: Rc<Part>, world: Rc<World>) {
    let mut held: HashMap<&str, OwnedMutexGuard<()>> = HashMap::new();
    for (line, step) in &part.steps {
        world.played.is_at(*line);
        match step {
            Step::Work(nanos) => work(Duration::from_nanos(*nanos)).await,
            Step::Sleep(nanos) => sleep(Duration::from_nanos(*nanos)).await,
            Step::Yield => yield_now().await,
            Step::Lock(name) => {
                let guard = world.mutexes[name].clone().lock_owned().await;
                held.insert(name, guard);
            }
            Step::Unlock(name) => drop(held.remove(&name[..])),
            Step::Send(name) => {
                // It fails only when the receiver is gone, and the world keeps that.
                let _ = world.channels[name].0.send(()).await;
            }
            Step::Receive(name) => receive(&world.channels[name]).await,
            Step::Spawn(name) => {
                if let Some(part) = world.parts.iter().find(|part| part.name == *name) {
                    world.start(part);
                }
            }
            Step::Join(name) => {
                let handle = world.joined.borrow_mut().get_mut(name).and_then(Vec::pop);
                if let Some((_, handle)) = handle {
                    drop(handle.await);
                }
            }
        }
    }
}

async fn receive((_, receiver): &Channel) {
    let taken = receiver.borrow_mut().take();
    if let Some(mut taken) = taken {
        taken.recv().await;
        receiver.replace(Some(taken));
    }
}
