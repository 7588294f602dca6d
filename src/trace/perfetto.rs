//! A recording as a Perfetto trace, with scheduling lanes (floor 5).
//!
//! <https://ui.perfetto.dev> draws what an operating system's threads do: who has the processor, and
//! for each thread whether it is Running, Runnable or Sleeping, who woke it, and what it waits for.
//! Tasks are shown there as such threads of a process, by writing what Linux' scheduler would have
//! written: `sched_switch`, `sched_waking` and `sched_blocked_reason`. Beside these stand, as track
//! events: a slice for each switch with places and reasons, a lane of the reactor with its timers,
//! sources and pauses, and the length of the ready queue.
//!
//! A thread's number is the task's id. Times are the recorded ones: a switch in which a virtual
//! clock did not move has no width.

use std::collections::HashMap;
use std::panic::Location;

use super::protobuf::Message;
use super::recording::{Recording, Switch, TaskRecord, What};
use crate::task::{Cause, Id, Left, Nanos, Wait};

mod schema;
mod words;

use schema::*;
use words::{queue, short, what};

/// Texts that are written once and then meant by their number.
struct Texts {
    field: u32,
    known: HashMap<String, u64>,
    /// Numbers and texts that were not written yet.
    fresh: Vec<(u64, String)>,
}

impl Texts {
    fn new(field: u32) -> Self {
        Self { field, known: HashMap::new(), fresh: Vec::new() }
    }

    fn iid(&mut self, text: &str) -> u64 {
        if let Some(&iid) = self.known.get(text) {
            return iid;
        }
        let iid = self.known.len() as u64 + 1;
        self.known.insert(text.to_string(), iid);
        self.fresh.push((iid, text.to_string()));
        iid
    }

    fn write(&mut self, data: &mut Message) {
        for (iid, text) in self.fresh.drain(..) {
            data.message(self.field, |entry| {
                entry.number(1, iid).text(2, &text);
            });
        }
    }
}

/// The texts of track events.
struct Names {
    events: Texts,
    annotations: Texts,
    strings: Texts,
}

impl Names {
    fn is_fresh(&self) -> bool {
        [&self.events, &self.annotations, &self.strings].iter().any(|t| !t.fresh.is_empty())
    }
}

/// A track event being written.
struct Event<'a> {
    message: &'a mut Message,
    names: &'a mut Names,
}

impl Event<'_> {
    fn name(&mut self, name: &str) {
        self.message.number(field::NAME_IID, self.names.events.iid(name));
    }

    fn number(&mut self, name: &str, value: u64) {
        let name = self.names.annotations.iid(name);
        self.message.message(field::ANNOTATION, |note| {
            note.number(1, name).number(3, value);
        });
    }

    fn text(&mut self, name: &str, value: &str) {
        let (name, value) = (self.names.annotations.iid(name), self.names.strings.iid(value));
        self.message.message(field::ANNOTATION, |note| {
            note.number(1, name).number(17, value);
        });
    }

    fn place(&mut self, name: &str, place: &Location<'_>) {
        self.text(name, &place.to_string());
    }
}

/// How a task stands, as far as the trace has told it.
#[derive(Clone, Copy, PartialEq)]
enum Stand {
    Running,
    Runnable,
    Sleeping,
    Dead,
}

/// A task that has left the thread, which is told with who comes next.
struct Leaving {
    task: Id,
    at: Nanos,
    state: u64,
    /// What it waits for.
    reason: Option<u64>,
}

struct Writer<'a> {
    recording: &'a Recording,
    out: Message,
    names: Names,
    /// Scheduling events of the packet to come, and what their tasks wait for.
    sched: Message,
    reasons: Texts,
    /// The number of the process: greater than those of all tasks, so that none is taken for its
    /// main thread.
    pid: u64,
    /// Threads are counted, and do not have the serial numbers of their tasks: these are too large.
    counted: bool,
    stands: HashMap<Id, (Stand, Nanos)>,
    leaving: Option<Leaving>,
    /// The reactor's slice is open.
    parked: bool,
    /// How many are ready, since when, and whether that is yet to be told.
    queue: (u64, Nanos, bool),
    flows: u64,
    /// The arrow that leads to a task that is ready.
    arrows: HashMap<Id, u64>,
}

/// The recording as a file.
pub(super) fn trace(recording: &Recording) -> Vec<u8> {
    let most = recording.tasks.iter().map(|task| task.id.serial()).max().unwrap_or(0);
    let counted = most >= TIDS;
    let most = if counted { recording.tasks.len() as u64 + 1 } else { most };
    let mut pid = 1_000;
    while pid <= most {
        pid *= 10;
    }
    let mut writer = Writer {
        recording,
        out: Message::default(),
        names: Names {
            events: Texts::new(field::EVENT_NAMES),
            annotations: Texts::new(field::ANNOTATION_NAMES),
            strings: Texts::new(field::STRINGS),
        },
        sched: Message::default(),
        reasons: Texts::new(field::KERNEL_SYMBOLS),
        pid,
        counted,
        stands: HashMap::new(),
        leaving: None,
        parked: false,
        queue: (0, 0, false),
        flows: 0,
        arrows: HashMap::new(),
    };
    writer.head();
    writer.body();
    writer.out.into_bytes()
}

fn track(task: Id) -> u64 {
    TASKS.wrapping_add(task.serial())
}

impl Writer<'_> {
    /// The number of a task's thread.
    fn tid(&self, task: Id) -> u64 {
        if !self.counted {
            return task.serial();
        }
        // After all others, if nothing is known of it.
        let place = self.recording.tasks.binary_search_by_key(&task, |task| task.id);
        place.unwrap_or(self.recording.tasks.len()) as u64 + 1
    }

    /// The process, a thread for each task and for the reactor, and the counter.
    fn head(&mut self) {
        let (pid, recording) = (self.pid, self.recording);
        let tids: Vec<u64> = recording.tasks.iter().map(|task| self.tid(task.id)).collect();
        self.track(PROCESS, true, |track| {
            track.text(2, "turno").message(3, |process| {
                process.number(1, pid).text(6, "turno");
            });
        });
        self.track(QUEUE, false, |track| {
            track.text(2, "ready queue").number(5, PROCESS).message(8, |_| {});
        });
        let mut thread = |uuid, tid, name: &str| {
            self.track(uuid, false, |track| {
                track.message(4, |thread| {
                    thread.number(1, pid).number(2, tid).text(5, name);
                });
            });
        };
        thread(REACTOR, pid + 1, "reactor");
        for (task, tid) in recording.tasks.iter().zip(tids) {
            thread(track(task.id), tid, &task.label());
        }
        let notes = recording.notes();
        let start = recording.records.first().map_or(0, |record| record.at);
        for note in notes {
            self.event(start, PROCESS, INSTANT, |event| event.name(&note));
        }
    }

    fn track(&mut self, uuid: u64, is_first: bool, fill: impl FnOnce(&mut Message)) {
        self.out.message(field::PACKET, |packet| {
            packet.number(field::SEQUENCE, 1);
            if is_first {
                packet.number(field::SEQUENCE_FLAGS, 1); // What is interned begins here.
            }
            packet.message(field::TRACK_DESCRIPTOR, |track| {
                track.number(1, uuid);
                fill(track);
            });
        });
    }

    fn event(&mut self, at: Nanos, track: u64, kind: u64, fill: impl FnOnce(&mut Event<'_>)) {
        let names = &mut self.names;
        self.out.message(field::PACKET, |packet| {
            packet.number(field::TIMESTAMP, at).number(field::SEQUENCE, 1);
            packet.message(field::TRACK_EVENT, |message| {
                message.number(field::TYPE, kind).number(field::TRACK, track);
                fill(&mut Event { message, names });
            });
            if names.is_fresh() {
                packet.message(field::INTERNED_DATA, |data| {
                    for texts in [&mut names.events, &mut names.annotations, &mut names.strings] {
                        texts.write(data);
                    }
                });
            }
        });
    }

    fn body(&mut self) {
        let recording = self.recording;
        let mut switches = recording.switches();
        for record in &recording.records {
            let at = record.at;
            if self.parked {
                self.parked = false;
                self.event(at, REACTOR, END, |_| {});
            }
            match &record.what {
                What::Policy { name } => {
                    let name = format!("policy: {name}");
                    self.event(at, PROCESS, INSTANT, |event| event.name(&name));
                }
                What::Spawned { task } => self.spawned(at, *task),
                What::Woken { task, cause, since } => self.woken(at, *task, *cause, *since),
                What::Switched { .. } => {
                    if let Some(switch) = switches.next() {
                        self.switched(&switch);
                    }
                }
                What::Quantum { .. } => {} // The yield that follows says the same.
                What::Ended { n, task, left, .. } => {
                    self.ended(at, *task, *left, recording.waits_since(*n));
                }
                What::Aborted { task } => {
                    if self.stand(*task) == Some(Stand::Runnable) {
                        self.count(at, self.queue.0.saturating_sub(1));
                    }
                    self.stands.insert(*task, (Stand::Dead, at));
                    self.event(at, track(*task), INSTANT, |event| event.name("aborted"));
                }
                What::Parked { until } => {
                    self.leave();
                    self.parked = true;
                    self.event(at, REACTOR, BEGIN, |event| {
                        event.name("parked");
                        if let Some(until) = until {
                            event.number("until", *until);
                        }
                    });
                }
            }
        }
        self.leave();
        self.count(self.queue.1 + 1, self.queue.0);
        self.bundle();
    }

    fn stand(&self, task: Id) -> Option<Stand> {
        self.stands.get(&task).map(|(stand, _)| *stand)
    }

    fn spawned(&mut self, at: Nanos, task: Id) {
        let Some(TaskRecord { site, by, .. }) = self.recording.task(task) else { return };
        let by = by.map(|by| self.recording.label(by));
        self.event(at, track(task), INSTANT, |event| {
            event.name("spawned");
            event.place("spawned at", site);
            if let Some(by) = by {
                event.text("by", &by);
            }
        });
    }

    fn woken(&mut self, at: Nanos, task: Id, cause: Cause, since: Nanos) {
        self.count(at, self.queue.0 + 1);
        let (stand, left_at) = self.stands.get(&task).copied().unwrap_or((Stand::Sleeping, 0));
        if stand != Stand::Sleeping {
            return; // It gave way, and was Runnable all the time.
        }
        // A timer may have been due while its task still ran.
        let since = since.max(left_at);
        self.stands.insert(task, (Stand::Runnable, since));
        let tid = self.tid(task);
        let waker = match cause {
            Cause::Task(by) | Cause::Spawn { by: Some(by) } => self.tid(by),
            _ => {
                self.reactor(at, task, cause);
                self.pid + 1
            }
        };
        self.sched(since, waker, |event| {
            event.message(field::WAKING, |waking| {
                waking.number(2, tid).number(4, 1);
            });
        });
    }

    /// What came from outside, in the reactor's lane, with an arrow to whom it wakes.
    fn reactor(&mut self, at: Nanos, task: Id, cause: Cause) {
        self.flows += 1;
        let flow = self.flows;
        self.arrows.insert(task, flow);
        let label = self.recording.label(task);
        self.event(at, REACTOR, INSTANT, |event| {
            event.name(&short(cause));
            event.text("wakes", &label);
            event.message.fixed(field::FLOW, flow);
        });
    }

    fn switched(&mut self, switch: &Switch<'_>) {
        let (task, at) = (switch.task, switch.at);
        let tid = self.tid(task);
        match self.leaving.take_if(|leaving| leaving.at == at) {
            Some(leaving) => self.hand_over(&leaving, tid),
            None => {
                self.leave();
                self.switch(at, IDLE, RUNNABLE, tid);
            }
        }
        self.stands.insert(task, (Stand::Running, at));
        self.count(at, switch.ready as u64);
        let arrow = self.arrows.remove(&task);
        let recording = self.recording;
        self.event(at, track(task), BEGIN, |event| {
            event.name(switch.cause.map_or("woken".into(), short).as_str());
            event.number("n", switch.n);
            if let Some(Cause::Task(by) | Cause::Spawn { by: Some(by) }) = switch.cause {
                event.text("by", &recording.label(by));
            }
            if let Some(task) = recording.task(task) {
                event.place("spawned at", task.site);
            }
            if !switch.reason.is_empty() {
                event.text("picked for", switch.reason);
            }
            if !switch.queue.is_empty() {
                event.text("before", &queue(recording, switch));
            }
            for wait in switch.waits {
                event.text("then waits for", &what(recording, wait));
                event.place("at", wait.site);
            }
            match switch.left {
                Some(Left::Waiting) if !switch.waits.is_empty() => {}
                Some(left) => event.text("then", &left.to_string()),
                None => event.text("then", "the recording ends"),
            }
            if let Some(arrow) = arrow {
                event.message.fixed(field::FLOW_END, arrow);
            }
        });
    }

    fn ended(&mut self, at: Nanos, task: Id, left: Left, waits: &[Wait]) {
        self.event(at, track(task), END, |_| {});
        let (stand, state) = match left {
            Left::Yielded => (Stand::Runnable, RUNNABLE),
            Left::Waiting => (Stand::Sleeping, SLEEPING),
            Left::Done | Left::Panicked => (Stand::Dead, DEAD),
        };
        self.stands.insert(task, (stand, at));
        let reason = waits.first().map(|wait| {
            self.reasons.iid(&format!("{} at {}", what(self.recording, wait), wait.site))
        });
        self.leaving = Some(Leaving { task, at, state, reason });
    }

    /// Whoever has left the thread left it to nobody.
    fn leave(&mut self) {
        if let Some(leaving) = self.leaving.take() {
            self.hand_over(&leaving, IDLE);
        }
    }

    fn hand_over(&mut self, leaving: &Leaving, next: u64) {
        let tid = self.tid(leaving.task);
        self.switch(leaving.at, tid, leaving.state, next);
        let Some(reason) = leaving.reason else { return };
        self.sched(leaving.at, IDLE, |event| {
            event.message(field::BLOCKED_REASON, |blocked| {
                blocked.number(1, tid).number(2, reason);
            });
        });
    }

    fn switch(&mut self, at: Nanos, prev: u64, state: u64, next: u64) {
        self.sched(at, prev, |event| {
            event.message(field::SWITCH, |switch| {
                switch.number(2, prev).number(4, state).number(6, next);
            });
        });
    }

    /// An event of the scheduler, in the context of thread `by`.
    fn sched(&mut self, at: Nanos, by: u64, fill: impl FnOnce(&mut Message)) {
        self.sched.message(2, |event| {
            event.number(1, at).number(2, by);
            fill(event);
        });
        if self.sched.len() >= BUNDLE {
            self.bundle();
        }
    }

    /// Writes the scheduler's events so far.
    fn bundle(&mut self) {
        let sched = std::mem::take(&mut self.sched).into_bytes();
        let reasons = &mut self.reasons;
        self.out.message(field::PACKET, |packet| {
            packet.number(field::SEQUENCE, 1);
            packet.message(field::INTERNED_DATA, |data| reasons.write(data));
            let mut bundle = Message::default();
            bundle.number(1, 0); // The processor.
            let bundle = [bundle.into_bytes(), sched].concat();
            packet.sized(field::FTRACE_EVENTS, &bundle);
        });
    }

    /// So many are ready from `at` on. Only the last of one instant is told.
    fn count(&mut self, at: Nanos, len: u64) {
        let (last, since, is_fresh) = self.queue;
        if is_fresh && at != since {
            self.event(since, QUEUE, COUNTER, |event| {
                event.message.number(field::COUNTER_VALUE, last);
            });
        }
        self.queue = (len, at, len != last || (is_fresh && at == since));
    }
}
