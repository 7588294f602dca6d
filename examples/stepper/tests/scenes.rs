//! Scenes do what they say, and what is no scene is told in one line.

mod common;

use common::{parsed, pressed, session};
use stepper::run::End;
use stepper::scene::{SHIPPED, Scene};
use turno::trace::Recording;

/// A line for each switch: when, who, and how long.
fn told(recording: &Recording) -> Vec<String> {
    let line = |switch: turno::trace::Switch<'_>| {
        format!("{} {} {}", switch.at / 1_000, recording.label(switch.task), switch.ran / 1_000)
    };
    recording.switches().map(line).collect()
}

#[test]
fn each_step_does_what_it_says() {
    let program = parsed(
        "channel c 1\n\
         task a priority 7 # a remark\n\
         repeat 2\n work 1ms\n send c\n end\n spawn child\n join child\n\
         task b\n recv c\n sleep 5ms\n recv c\n lock m\n yield\n unlock m\n\
         task child\n lock m\n work 200us\n unlock m\n",
    );
    let mut session = session(&program, "fifo");
    session.finish();
    assert_eq!(session.run().end(), Some(End::Done));
    let recording = session.run().recorder.recording();
    let expected = [
        "0 main 0",
        "0 a 2000", // Its second message has no room but for b, who takes none yet:
        "2000 b 0", // it has waited for none, and takes the first at once.
        "2000 a 0",
        "2000 child 200",
        "2200 a 0",
        "2200 main 0",
        "7000 b 0", // The second message, the lock, and gives way.
        "7000 b 0",
        "7000 main 0",
    ];
    assert_eq!(told(&recording), expected);
    let a = recording.tasks.iter().find(|task| task.label() == "a").unwrap();
    assert_eq!((a.priority, recording.tasks.len()), (7, 4));
}

#[test]
fn a_task_that_is_spawned_begins_only_then_and_each_time() {
    let program = parsed("task a\nspawn b\nsleep 1ms\nspawn b\ntask b\nwork 1us\n");
    let mut session = session(&program, "fifo");
    session.finish();
    let ran = told(&session.run().recorder.recording());
    let of_b: Vec<_> = ran.iter().filter(|line| line.contains(" b ")).collect();
    assert_eq!(of_b, ["0 b 1", "1000 b 1"]);
}

#[test]
fn a_waiting_task_is_shown_with_its_line_and_who_holds_what_it_wants() {
    let app = pressed(&common::scene("inversion"), "priority", "space*6");
    let sight = app.sight();
    let urgent = sight.waiting.iter().find(|task| task.label == "urgent").unwrap();
    assert_eq!(urgent.what, "lock log, by low");
    let place = urgent.place.as_ref().unwrap();
    assert_eq!(place.line_text().map(str::trim), Some("lock log"));
    assert_eq!(urgent.since, Some(2_000_000));
}

#[test]
fn the_lock_that_hands_priority_on_ends_the_inversion() {
    let (_, text) = SHIPPED[0];
    let ended = |text: &str| {
        let mut session = session(&parsed(text), "priority");
        session.finish();
        let recording = session.run().recorder.recording();
        let last = recording.switches().filter(|s| recording.label(s.task) == "urgent").last();
        last.map(|switch| (switch.at + switch.ran) / 1_000_000)
    };
    let helped = text.replace("# mutex log inherits", "mutex log inherits");
    assert_ne!(helped, text, "the scene says which line helps");
    assert!(ended(text) > Some(25) && ended(&helped) < Some(15), "{:?}", ended(&helped));
}

#[test]
fn some_schedules_end_in_a_deadlock_and_others_do_not() {
    let end = |policy: &str| {
        let mut session = session(&common::scene("deadlock"), policy);
        session.finish();
        session.run().end()
    };
    assert_eq!(end("fifo"), Some(End::Stalled));
    // Back to where both were ready, and the one who began goes on before the other begins.
    let by_hand =
        pressed(&common::scene("deadlock"), "fifo", "end home space*2 s down*2 space a*99");
    assert_eq!(by_hand.sight().end, Some(End::Done));
    let other = pressed(&common::scene("deadlock"), "fifo", "end");
    assert!(stepper::view::print(&other, 100, 30).contains("nothing can ever wake"));
}

#[test]
fn all_shipped_scenes_end_under_their_own_policy_but_the_deadlock() {
    for (name, text) in SHIPPED {
        let scene = Scene::parse(name, text).unwrap();
        assert!(scene.to_string().len() > 20, "{name} says what it is");
        let program = common::scene(name);
        let mut session = session(&program, &program.unless_told());
        session.finish();
        let end = if name == "deadlock" { End::Stalled } else { End::Done };
        assert_eq!(session.run().end(), Some(end), "{name}");
    }
}

#[test]
fn what_is_no_scene_is_told_in_one_line() {
    let steps = "there are work D, sleep D, yield, lock M, unlock M, send C, recv C, spawn NAME, \
                 join NAME, repeat N, end; D is 5ms, 200us or 1s";
    let lines = "is written so: policy NAME, mutex M inherits, channel C N, task NAME";
    let attributes =
        "there are priority N (0 to 255), group N, weight N (from 1), size D, deadline D";
    for (text, expected) in [
        ("", "line 1: there is no task in it: `task NAME`, and its steps below".to_string()),
        ("task a\nwrok 5ms", format!("line 2: `wrok 5ms` is no step: {steps}")),
        ("task a\nwork 5", format!("line 2: `work 5` is no step: {steps}")),
        ("task a\nwork 99999999999s", format!("line 2: `work 99999999999s` is no step: {steps}")),
        (
            "work 5ms",
            "line 1: `work` is a step: first comes the task that does it, `task NAME`".into(),
        ),
        ("task", format!("line 1: `task` {lines}")),
        ("mutex m", format!("line 1: `mutex` {lines}")),
        ("task a\n\ntask a", "line 3: there is a task `a` already: each has its own name".into()),
        ("task a prio 3", format!("line 1: `prio 3` is not for a task: {attributes}")),
        ("task a priority 256", format!("line 1: `priority 256` is not for a task: {attributes}")),
        ("task a weight", format!("line 1: `weight` is not for a task: {attributes}")),
        ("channel c 0", "line 1: a channel has room for 1 or more".into()),
        ("task a\nunlock m", "line 2: `a` does not hold `m` here: lock it before".into()),
        ("task a\nspawn b", "line 2: no task is called `b`: there are a".into()),
        ("task a\njoin b", "line 2: no task is called `b`: there are a".into()),
        ("task a\nspawn a", "line 1: every task is spawned by another one: nobody begins".into()),
        (
            "task a\nspawn b\ntask b\nspawn c\ntask c\nspawn b",
            "line 6: `b` would spawn itself again and again".into(),
        ),
        ("task a\nrepeat 2\nyield", "line 2: this `repeat` has no `end`".into()),
        ("task a\nrepeat 2\ntask b", "line 3: this `repeat` has no `end` (from line 2)".into()),
        ("task a\nend", "line 2: there is no `repeat` to end".into()),
        ("task a\nrepeat 0\nend", "line 2: repeat N: from 1 to 10000".into()),
        (
            "task a\nrepeat 200\nrepeat 200\nyield\nend\nend",
            "line 6: that makes more than 10000 steps of one task".into(),
        ),
        (
            "task a\nrepeat 200\nspawn b\nend\ntask b\nrepeat 200\nyield\nend",
            "line 1: that makes more than 10000 steps in all".into(),
        ),
        (
            "task a\nrecv c\ntask b\nrecv c",
            "line 4: `a` receives from `c`: one task can, no more".into(),
        ),
        (
            "task a\nspawn b\nspawn b\ntask b\nrecv c",
            "line 5: `b` is spawned more than once: only one task can receive from a channel"
                .into(),
        ),
        (
            "task a\njoin c\ntask b\njoin c\ntask c",
            "line 4: `a` joins `c` already: one task can, no more".into(),
        ),
        ("policy fast", "line 1: no policy is called `fast`: choose from".into()),
    ] {
        let error = Scene::parse("x.txt", text).map(drop).unwrap_err().to_string();
        assert!(error.starts_with(&format!("x.txt, {expected}")), "{error}\n{expected}");
        assert_eq!(error.lines().count(), 1);
    }
}
