//! Back is the same run again: however one came to a switch, it looks the same there.

mod common;

use std::rc::Rc;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use common::{parsed, pressed, programs, session};
use ratatui::crossterm::event::KeyCode;
use stepper::app::App;
use stepper::program::Program;
use stepper::session::Session;
use stepper::view::print;
use turno::policy::NAMES;

const KEYS: [KeyCode; 16] = [
    KeyCode::Char(' '),
    KeyCode::Right,
    KeyCode::Left,
    KeyCode::Left,
    KeyCode::Home,
    KeyCode::End,
    KeyCode::PageUp,
    KeyCode::PageDown,
    KeyCode::Enter,
    KeyCode::Char('a'),
    KeyCode::Char('s'),
    KeyCode::Up,
    KeyCode::Down,
    KeyCode::Down,
    KeyCode::Tab,
    KeyCode::Char('g'),
];

/// A policy, or going to a switch, or one of the keys.
fn any_keys(u: &mut Unstructured<'_>) -> Result<Vec<KeyCode>> {
    let typed = |text: &str| text.chars().map(KeyCode::Char).chain([KeyCode::Enter]).collect();
    Ok(match u.int_in_range(0..=11)? {
        0 => typed(&format!("p{}", u.choose(NAMES)?.name)),
        1 => typed(&format!("g{}", u.int_in_range(0..=40)?)),
        _ => vec![*u.choose(&KEYS[..15])?],
    })
}

/// The same decisions, straight to the same switch.
fn straight(program: &Rc<dyn Program>, app: &App) -> App {
    let decisions = app.session().decisions().clone();
    let mut session = Session::decided(program.clone(), decisions, 1).unwrap();
    session.go_to(app.session().at()).unwrap();
    App::new(session)
}

#[test]
fn however_one_came_to_a_switch_it_looks_the_same() {
    let programs = programs();
    arbtest(|u| {
        let program = u.choose(&programs)?;
        let mut app = App::new(session(program, u.choose(NAMES)?.name));
        for _ in 0..u.int_in_range(1..=25)? {
            any_keys(u)?.into_iter().for_each(|key| app.key(key));
        }
        // Who schedules, where the cursor is and what lies above are the screen's, not the run's.
        app.key(KeyCode::Esc);
        if app.is_by_hand() {
            app.key(KeyCode::Char('s'));
        }
        let n = app.session().at();
        for key in [KeyCode::Home, KeyCode::Char('g')] {
            app.key(key);
        }
        n.to_string().chars().for_each(|digit| app.key(KeyCode::Char(digit)));
        app.key(KeyCode::Enter);
        let mut again = straight(program, &app);
        for app in [&mut app, &mut again] {
            app.key(KeyCode::Tab);
            app.key(KeyCode::BackTab);
        }
        assert_eq!(print(&app, 120, 40), print(&again, 120, 40));
        Ok(())
    })
    .budget_ms(3_000);
}

#[test]
fn each_switch_back_shows_what_was_shown_before_it() {
    for program in programs() {
        let policy = program.unless_told();
        let mut app = App::new(session(&program, &policy));
        let mut screens = Vec::new();
        while app.sight().end.is_none() {
            screens.push(print(&app, 100, 30));
            app.key(KeyCode::Char(' '));
        }
        for (n, screen) in screens.iter().enumerate().rev() {
            app.key(KeyCode::Left);
            assert_eq!(print(&app, 100, 30), *screen, "{} at {n}", program.title());
        }
    }
}

#[test]
fn back_over_a_change_of_policy_and_on_again() {
    let program = parsed(
        "task a\nwork 1ms\nyield\nwork 1ms\ntask b\nwork 1ms\nyield\nwork 1ms\n\
         task c priority 200\nwork 1ms\nyield\nwork 1ms\n",
    );
    let ran = |app: &App| -> Vec<String> {
        let recording = &app.sight().recording;
        recording.switches().map(|switch| recording.label(switch.task)).collect()
    };
    let mut app = pressed(&program, "fifo", "space*2 p=priority space*3");
    let decided = ["main", "a", "c", "c", "b"];
    assert_eq!(
        (ran(&app), &app.sight().policy[..]),
        (decided.map(String::from).into(), "priority")
    );
    // Before the change the old policy decides, after it the new one, however one comes there.
    for (keys, n, policy) in [
        ("left*4", 1, "fifo"),
        ("space", 2, "priority"),
        ("home", 0, "fifo"),
        ("g=5", 5, "priority"),
    ] {
        stepper::keys::parse(keys).unwrap().into_iter().for_each(|key| app.key(key));
        assert_eq!((app.sight().n, &app.sight().policy[..]), (n, policy), "{keys}");
    }
    assert_eq!(ran(&app), decided);
    // What is decided anew makes what was decided for later void.
    stepper::keys::parse("g=1 p=lifo space*4").unwrap().into_iter().for_each(|key| app.key(key));
    assert_eq!(ran(&app)[..2], ["main", "c"]);
    assert_eq!(app.sight().policy, "lifo");
}

#[test]
fn what_you_picked_is_picked_again_until_you_pick_otherwise() {
    let program = parsed("task a\nwork 1ms\ntask b\nwork 1ms\ntask c\nwork 1ms\n");
    let ran = |keys: &str| -> Vec<String> {
        let app = pressed(&program, "fifo", keys);
        let recording = &app.sight().recording;
        recording.switches().map(|switch| recording.label(switch.task)).collect()
    };
    assert_eq!(ran("space s down*2 space space"), ["main", "c", "a"]);
    assert_eq!(ran("space s down*2 space space left*2 s space*2"), ["main", "c", "a"]);
    assert_eq!(ran("space s down*2 space space left*2 a a a"), ["main", "a", "b", "c"]);
    assert_eq!(ran("space down enter space*2"), ["main", "b", "a", "c"]);
    // Another pick makes those void that were made after it.
    let first = "space s down space down space";
    assert_eq!(ran(first), ["main", "b", "c"]);
    assert_eq!(ran(&format!("{first} left*2 s space*2")), ["main", "b", "c"]);
    assert_eq!(ran(&format!("{first} left*2 up space s space")), ["main", "a", "b"]);
}

#[test]
fn no_keys_make_it_panic_whatever_the_size() {
    let programs = programs();
    let codes: Vec<KeyCode> = (' '..='~')
        .map(KeyCode::Char)
        .filter(|&key| key != KeyCode::Char('q'))
        .chain(KEYS)
        .chain([KeyCode::Esc, KeyCode::Backspace, KeyCode::F(1), KeyCode::Delete])
        .collect();
    arbtest(|u| {
        let mut app = App::new(session(u.choose(&programs)?, u.choose(NAMES)?.name));
        for _ in 0..u.int_in_range(1..=30)? {
            app.key(*u.choose(&codes)?);
            print(&app, u.int_in_range(1..=140)?, u.int_in_range(1..=50)?);
        }
        Ok(())
    })
    .budget_ms(3_000);
}
