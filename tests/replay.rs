//! A schedule that was recorded is followed: the same run comes of it, to the byte, and a part of
//! it leads to the same switch; where the runs part, it is said.

mod common;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::at_random::AtRandom;
use common::guarded;
use turno::policy::{self, Fifo, Lifo, NAMES, Pick, Policy, Replay, Schedule, Tasks, named};
use turno::runtime::{Builder, Runtime};
use turno::sync::{Mutex, Notify};
use turno::task::{self, AbortHandle, Id, Nanos, TaskInfo, yield_now};
use turno::time::{sleep, timeout, work};
use turno::trace::{Recorder, Recording, What};

/// A thing that a task of a random program does.
#[derive(Clone, Copy, Debug)]
enum Op {
    Yield,
    Sleep(u8),
    Work(u16),
    /// Works for so long while it holds the lock.
    Lock(u8),
    Notify,
    WaitForNotice(u8),
    /// Whichever of two sleeps ends first, or by chance.
    Select(u8),
    /// Two pieces of work at once.
    Join(u16),
    Spawn(u8),
    AbortLast,
    ChangePriority(u8),
}

impl Op {
    fn any(u: &mut Unstructured<'_>) -> Result<Self> {
        let n = u.arbitrary()?;
        Ok(match u.int_in_range(0..=10)? {
            0 => Self::Yield,
            1 => Self::Sleep(n),
            2 => Self::Work(u.arbitrary()?),
            3 => Self::Lock(n),
            4 => Self::Notify,
            5 => Self::WaitForNotice(n),
            6 => Self::Select(n),
            7 => Self::Join(u.arbitrary()?),
            8 => Self::Spawn(n),
            9 => Self::AbortLast,
            _ => Self::ChangePriority(n),
        })
    }
}

#[derive(Clone, Default)]
struct World {
    lock: Rc<Mutex<()>>,
    notice: Rc<Notify>,
    spawned: Rc<RefCell<Vec<AbortHandle>>>,
}

const fn nanos(n: u64) -> Duration {
    Duration::from_nanos(n)
}

async fn perform(ops: Vec<Op>, world: World) {
    for op in ops {
        match op {
            Op::Yield => yield_now().await,
            Op::Sleep(n) => sleep(nanos(n.into())).await,
            Op::Work(n) => work(nanos(n.into())).await,
            Op::Lock(n) => {
                let held = world.lock.lock().await;
                work(nanos(n.into())).await;
                sleep(nanos(1)).await;
                drop(held);
            }
            Op::Notify => world.notice.notify_one(),
            Op::WaitForNotice(n) => drop(timeout(nanos(n.into()), world.notice.notified()).await),
            Op::Select(n) => turno::select! {
                () = sleep(nanos(n.into())) => {}
                () = sleep(nanos(u64::from(n / 2))) => work(nanos(3)).await,
                () = yield_now() => {}
            },
            Op::Join(n) => {
                turno::join!(work(nanos(n.into())), work(nanos(u64::from(n / 3))));
            }
            Op::Spawn(n) => {
                let ops = vec![Op::Work(n.into()), Op::Lock(n), Op::Yield];
                drop(
                    task::Builder::new()
                        .group(n.into())
                        .spawn(Box::pin(perform(ops, world.clone()))),
                );
            }
            Op::AbortLast => drop(world.spawned.borrow_mut().pop().map(|task| task.abort())),
            Op::ChangePriority(n) => {
                task::update(task::id(), |attributes| attributes.priority = n);
            }
        }
    }
}

async fn program(tasks: Vec<(u8, Vec<Op>)>) {
    let world = World::default();
    let mut handles = Vec::new();
    for (n, ops) in tasks {
        let builder = task::Builder::new().group(u32::from(n % 3)).priority(n).weight(n.into());
        let handle = builder.spawn(perform(ops, world.clone()));
        world.spawned.borrow_mut().push(handle.abort_handle());
        handles.push(handle);
    }
    for handle in handles {
        drop(handle.await);
    }
}

/// Lets everybody wait for a while before each third pick, though they are ready.
struct Throttle(Fifo, u32, Nanos);

impl Policy for Throttle {
    fn ready(&mut self, task: &TaskInfo, now: Nanos) {
        self.0.ready(task, now);
    }
    fn pick(&mut self, tasks: &Tasks<'_>, now: Nanos) -> Pick {
        if self.1 % 3 == 2 && self.2 == 0 {
            self.2 = now + 5;
        }
        if self.2 > now {
            return Pick::Until(self.2);
        }
        (self.1, self.2) = (self.1 + 1, 0);
        self.0.pick(tasks, now)
    }
    fn forget(&mut self, id: Id) {
        self.0.forget(id);
    }
}

/// Any policy.
fn some_policy(u: &mut Unstructured<'_>) -> Result<Box<dyn Policy>> {
    let any = u.choose_index(NAMES.len() + 2)?;
    let Some(known) = NAMES.get(any) else {
        let random: Box<dyn Policy> = Box::new(AtRandom::default());
        return Ok(if any == NAMES.len() { random } else { Throttle(Fifo::new(), 0, 0).into() });
    };
    let sliced = known.parameters.iter().any(|(name, _)| *name == "quantum") && u.arbitrary()?;
    let quantum =
        if sliced { format!(":quantum={}ns", u.int_in_range(1..=200)?) } else { String::new() };
    Ok(named(&format!("{}{quantum}", known.name)).unwrap())
}

fn recorded(seed: u64, policy: impl Into<Box<dyn Policy>>) -> (Runtime, Recorder) {
    let recorder = Recorder::new();
    let builder = Builder::new().start_paused(true).seed(seed).observe(recorder.clone());
    (builder.policy(policy).build().unwrap(), recorder)
}

/// All that happened, but for the name and the reasons of the policy.
fn facts(recording: &Recording) -> String {
    assert_eq!(recording.lost, 0);
    let fact = |record: &turno::trace::Record| match &record.what {
        What::Policy { .. } => None,
        What::Switched { n, task, waited, ready, .. } => {
            Some(format!("{} switch {n}: {task:?} waited {waited}, {ready} ready", record.at))
        }
        what => Some(format!("{} {what:?}", record.at)),
    };
    recording.records.iter().filter_map(fact).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_replayed_run_is_the_recorded_one_to_the_byte() {
    guarded(|| {
        arbtest(|u| {
            let (seed, policy) = (u.arbitrary()?, some_policy(u)?);
            let mut tasks = Vec::new();
            for _ in 0..u.int_in_range(1..=8)? {
                let ops = (0..u.int_in_range(0..=12)?).map(|_| Op::any(u));
                let ops = ops.collect::<Result<Vec<_>>>()?;
                tasks.push((u.arbitrary()?, ops));
            }
            let (rt, recorder) = recorded(seed, policy);
            rt.block_on(program(tasks.clone()));
            let first = recorder.recording();
            if first.lost > 0 {
                return Ok(()); // Tiny quanta can make a run that no recorder holds.
            }
            let schedule: Schedule = first.schedule().unwrap().to_string().parse().unwrap();
            // `Lifo`, to be seen if it is asked.
            let (rt, recorder) = recorded(seed, Replay::new(schedule, Lifo::new()));
            rt.block_on(program(tasks));
            assert_eq!(facts(&recorder.recording()), facts(&first));
            Ok(())
        })
        .size_min(512)
        .size_max(4_096)
        .budget_ms(3_000);
    });
}

/// The places of the awaits are told apart by their lines.
async fn plot() {
    let lock = Rc::new(Mutex::new(()));
    for n in 0..4_u64 {
        let lock = lock.clone();
        turno::spawn(async move {
            for round in 0..4 {
                let held = lock.lock().await;
                sleep(nanos(n + 1)).await;
                drop(held);
                work(nanos(5 * round + n)).await;
                yield_now().await;
            }
        });
    }
    sleep(Duration::from_micros(10)).await;
}

/// Who, why, and where it went on to wait.
fn landing(step: &turno::runtime::Step) -> String {
    let place = step.waits.first().map(|wait| (wait.site.line(), wait.site.column()));
    format!("{step} at {place:?}, {} ns", step.at)
}

#[test]
fn a_prefix_leads_to_the_same_switch() {
    guarded(|| {
        let policy = || named("mlfq:quantum=3ns").unwrap();
        let (rt, recorder) = recorded(1, policy());
        rt.spawn(plot());
        let steps: Vec<_> = std::iter::from_fn(|| rt.step()).map(|step| landing(&step)).collect();
        let schedule = recorder.recording().schedule().unwrap();
        assert!(steps.len() > 60, "{} switches", steps.len());
        let mut landed = 0;
        for n in (0..20).map(|k| k * (steps.len() - 1) / 19) {
            // One more than the prefix: the switch itself is recorded too.
            let (rt, _) = recorded(1, Replay::new(schedule.prefix(n + 1), Lifo::new()));
            rt.spawn(plot());
            (0..n).for_each(|_| drop(rt.step()));
            assert_eq!(landing(&rt.step().unwrap()), steps[n], "switch {}", n + 1);
            landed += 1;
        }
        assert_eq!(landed, 20);
    });
}

async fn three() {
    let tasks = [1, 2, 3].map(|_| turno::spawn(yield_now()));
    for task in tasks {
        task.await.unwrap();
    }
}

fn order(policy: impl Into<Box<dyn Policy>>) -> Vec<u64> {
    let (rt, recorder) = recorded(0, policy);
    rt.block_on(three());
    recorder.recording().switches().map(|switch| switch.task.serial()).collect()
}

#[test]
fn after_its_end_the_other_policy_decides() {
    assert_eq!(order(Fifo::new()), [1, 2, 3, 4, 2, 3, 4, 1]);
    let replay = Replay::new(Schedule::of([1, 3, 2]), Lifo::new());
    assert_eq!(order(replay), [1, 3, 2, 4, 3, 2, 1, 4, 1]);
}

#[test]
fn a_divergence_is_named_with_its_switch() {
    let schedule = || Schedule::of([1, 3, 1, 2]);
    let message = "the run parts from the recorded one at switch 3: there task 1 was picked, but \
                   it is not ready now (ready: 2, 4, 3). Is it the same program, with the same \
                   seed and input?";
    let panic = catch_unwind(AssertUnwindSafe(|| order(Replay::new(schedule(), Fifo::new()))));
    let panic = panic.unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(message));

    let mut replay = Replay::new(schedule(), Fifo::new());
    let noted = replay.note_divergence();
    assert_eq!(order(replay)[..5], [1, 3, 2, 4, 3]);
    let divergence = noted.get().unwrap();
    assert_eq!((divergence.step, divergence.to_string()), (3, message.to_string()));
}

#[test]
fn its_queue_may_be_taken_over_in_the_middle() {
    let rt = Rc::new(recorded(0, Replay::new(Schedule::of([1, 3, 1, 3, 4]), Lifo::new())).0);
    let (inside, recorder) = (rt.clone(), Recorder::new());
    rt.observe(recorder.clone());
    rt.block_on(async {
        let tasks = [1, 2, 3].map(|_| turno::spawn(async {}));
        yield_now().await;
        // Task 3 is recorded next, and has ended: but this is no pick to run.
        inside.set_policy(Fifo::new());
        for task in tasks {
            task.await.unwrap();
        }
    });
    let recording = recorder.recording();
    let order: Vec<_> = recording.switches().map(|switch| switch.task.serial()).collect();
    assert_eq!(order, [1, 3, 1, 2, 4, 1]);
}

#[test]
fn a_replay_keeps_the_contract_of_policies() {
    policy::check(|| Box::new(Replay::new(Schedule::default(), Lifo::new()))).unwrap();
    policy::check(|| {
        let mut replay = Replay::new(Schedule::of([1, 3, 2, 5, 4]), named("random").unwrap());
        replay.note_divergence();
        replay.into()
    })
    .unwrap();
}

#[test]
fn a_recording_without_its_beginning_has_no_schedule() {
    let recorder = Recorder::ring(10);
    let rt = Builder::new().start_paused(true).observe(recorder.clone()).build().unwrap();
    rt.block_on(three());
    let error = recorder.recording().schedule().unwrap_err().to_string();
    assert!(error.contains("no room for") && error.contains("larger ring"), "{error}");
    let late = Recorder::new();
    rt.observe(late.clone());
    rt.block_on(three());
    let error = late.recording().schedule().unwrap_err().to_string();
    assert!(error.ends_with("record from the beginning"), "{error}");
}

#[test]
fn the_programs_chances_are_the_same_under_any_policy() {
    let chosen = |policy: Box<dyn Policy>| {
        let (rt, _) = recorded(7, policy);
        rt.block_on(async {
            let mut chosen = Vec::new();
            for _ in 0..20 {
                yield_now().await;
                turno::select! {
                    () = async {} => chosen.push(1),
                    () = async {} => chosen.push(2),
                }
            }
            chosen
        })
    };
    assert_eq!(chosen(Box::new(Fifo::new())), chosen(named("random").unwrap()));
}
