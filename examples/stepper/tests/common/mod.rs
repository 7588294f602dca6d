//! What the tests share: programs, and a stepper with keys pressed.

#![allow(dead_code, reason = "each test uses some of it")]

use std::rc::Rc;

use clap::{Command, FromArgMatches};
use lab::experiment::queue::Sweep;
use stepper::app::App;
use stepper::keys;
use stepper::program::{Lab, Program, Tour};
use stepper::scene::{SHIPPED, Scene};
use stepper::session::Session;

pub fn scene(name: &str) -> Rc<dyn Program> {
    Rc::new(Rc::new(Scene::find(name).unwrap()))
}

pub fn parsed(text: &str) -> Rc<dyn Program> {
    Rc::new(Rc::new(Scene::parse("scene", text).unwrap()))
}

/// The lab's workload with these arguments.
pub fn lab(args: &str) -> Rc<dyn Program> {
    use clap::Args;
    let command = Sweep::augment_args(Command::new("lab").no_binary_name(true));
    let given = command.try_get_matches_from(args.split_whitespace()).unwrap();
    Rc::new(Lab::new(Sweep::from_arg_matches(&given).unwrap().only().unwrap(), 1).unwrap())
}

/// All that come with the stepper.
pub fn programs() -> Vec<Rc<dyn Program>> {
    let scenes = SHIPPED.map(|(name, _)| scene(name));
    let lab = lab("--jobs 12 --classes 3 --load 0.9");
    [Rc::new(Tour) as Rc<dyn Program>, lab].into_iter().chain(scenes).collect()
}

pub fn session(program: &Rc<dyn Program>, policy: &str) -> Session {
    Session::new(program.clone(), policy, 1).unwrap()
}

/// The stepper after these keys.
pub fn pressed(program: &Rc<dyn Program>, policy: &str, text: &str) -> App {
    let mut app = App::new(session(program, policy));
    keys::parse(text).unwrap().into_iter().for_each(|key| app.key(key));
    app
}
